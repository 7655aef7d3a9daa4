"""Sign-on with a pretended provider: what a stranger can bring it to, signing out, what the operator is told."""

import base64
import json
import re
import time
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from parapet_mlflow.login.limits import OF_SIGN_INS
from tests.delivery.pretended import ISSUER, URL, Server, bearer, kept, token

HERE = {"sec_fetch_site": "same-origin"}
END = f"{ISSUER}/logout"


def unfinished(server: Server) -> int:
    """A sign-in that a stranger begins and ends with a code that he made up; its status."""
    _, headers, _ = server.ask("/sign-in")
    asked = parse_qs(urlsplit(dict(headers)["location"]).query)
    return server.ask(f"/sign-in/done?code=made-up&state={asked['state'][0]}", cookie=kept(headers))[0]


def test_a_stranger_has_the_provider_asked_a_limited_number_of_times() -> None:
    server = Server()
    server.pretended.rejects = "invalid_grant"
    assert [unfinished(server) for _ in range(84)] == [403] * OF_SIGN_INS.free + [429] * (84 - OF_SIGN_INS.free)
    assert len(server.pretended.forms) == OF_SIGN_INS.free
    server.pretended.rejects = ""
    status, told, _ = server.sign_in()
    assert (status, told["retry-after"]) == (429, "1")
    server.counts.now += 1
    assert server.sign_in()[0] == 302


def test_whoever_signs_in_uses_up_nothing() -> None:
    server = Server()
    assert {server.sign_in()[0] for _ in range(OF_SIGN_INS.free + 10)} == {302}


def test_to_begin_a_sign_in_or_to_end_none_asks_the_provider_and_counts_nothing() -> None:
    server = Server()
    for _ in range(100):
        assert server.ask("/sign-in")[0] == 302
        assert server.ask("/sign-in/done?code=x&state=y")[0] == 403
    assert len(server.pretended.asked) == 2  # its metadata and its keys, once
    assert not server.counts.tries


def test_a_code_that_was_used_is_the_persons_to_mend_and_a_wrong_secret_the_operators(
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = Server()
    server.pretended.rejects = "invalid_grant"
    status, _, cookie = server.sign_in()
    assert (status, cookie, capsys.readouterr().out) == (403, "", "")
    server.pretended.rejects = "invalid_client"
    assert server.sign_in()[0] == 503
    (line,) = capsys.readouterr().out.splitlines()
    assert "invalid_client. See clientId and the secret that clientSecretArn names" in line


def test_a_silent_provider_is_told_once_and_a_person_sees_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server()
    server.pretended.silent = True
    told = [server.ask("/sign-in", accept="text/html") for _ in range(20)]
    assert {(status, dict(headers)["content-type"]) for status, headers, _ in told} == {
        (503, "text/html; charset=utf-8")
    }
    assert "The server&#x27;s log says why" in told[0][2]
    assert capsys.readouterr().out.splitlines() == ["log-in: the identity provider cannot be asked: it is silent"]


def test_a_session_and_a_token_that_wait_for_the_provider_hold_up_nobody_who_is_signed_in() -> None:
    from parapet_mlflow.login.oidc.caller import SignedOn

    signed_on = Server().login._signed_on
    assert isinstance(signed_on, SignedOn)
    assert len({id(each) for each in (signed_on._sessions, signed_on._tokens, signed_on._sign_ins)}) == 3


@pytest.mark.parametrize("wanted", ["/#/experiments/5?a=b", "/%23/models", "/index.html?a=b#c"])
def test_the_place_behind_the_hash_is_kept_through_a_sign_in(wanted: str) -> None:
    status, told, _ = Server().sign_in(wanted.replace("#", "%23").replace("&", "%26"))
    assert (status, told["location"]) == (302, wanted.replace("%23", "#"))


def test_the_page_has_the_browser_say_what_is_behind_the_hash_and_runs_no_other_script() -> None:
    status, headers, body = Server().ask("/", accept="text/html")
    (script,) = re.findall("<script>(.*)</script>", body)
    assert (status, "location.hash" in script) == (200, True)
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    assert dict(headers)["content-security-policy"] == (
        f"default-src 'none'; script-src 'sha256-{digest}'; frame-ancestors 'none'"
    )


def test_signing_out_ends_the_session_wherever_its_cookie_is() -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    status, headers, _ = server.ask("/sign-out", "POST", cookie=cookie, **HERE)
    assert (status, "__Host-parapet-session=; Max-Age=0" in dict(headers)["set-cookie"]) == (200, True)
    assert server.ask(cookie=cookie)[0] == 401
    _, _, cookie = server.sign_in()
    assert server.ask(cookie=cookie)[0] == 200


def test_signing_out_ends_the_session_at_a_provider_that_offers_it() -> None:
    server = Server()
    server.pretended.metadata = {"end_session_endpoint": END}
    _, _, cookie = server.sign_in()
    status, headers, _ = server.ask("/sign-out", "POST", cookie=cookie, **HERE)
    assert (status, dict(headers)["location"]) == (303, f"{END}?client_id=mlflow")
    # One that cannot be asked keeps nobody signed in here.
    _, _, cookie = server.sign_in()
    server.pretended.silent, server.pretended.now = True, server.pretended.now + 3600
    assert server.ask("/sign-out", "POST", cookie=cookie, **HERE)[0] == 200
    assert server.ask(cookie=cookie)[0] == 401


def test_where_a_provider_ends_sessions_is_trusted_as_its_other_places_are() -> None:
    server = Server()
    server.pretended.metadata = {"end_session_endpoint": "http://id.example.org/logout"}
    assert server.ask(**bearer(token()))[0] == 503


@pytest.mark.parametrize(
    "headers", [{}, {"sec_fetch_site": "cross-site", "origin": URL}, {"origin": "https://evil.example"}]
)
def test_another_sites_page_signs_nobody_out(headers: dict[str, str]) -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    status, told, _ = server.ask("/sign-out", "POST", cookie=cookie, **headers)
    assert (status, "set-cookie" in dict(told)) == (403, False)
    status, told, body = server.ask("/sign-out", cookie=cookie, accept="text/html")
    assert (status, "set-cookie" in dict(told), '<form method="post">' in body) == (200, False, True)
    assert server.ask(cookie=cookie)[0] == 200


def test_what_the_provider_said_and_when_goes_with_the_session() -> None:
    server = Server()
    said = int(time.time()) - 20
    _, _, cookie = server.sign_in(iat=said)
    assert server.ask(cookie=cookie)[0] == 200
    assert {person.at for person in server.accounts.seen} == {said}
    assert server.accounts.seen[-1].since >= said + 20


@pytest.mark.parametrize(
    ("scopes", "asked"), [(["profile", "email"], "openid profile email"), (["groups"], "openid groups")]
)
def test_the_scopes_are_the_settings(scopes: list[str], asked: str) -> None:
    _, headers, _ = Server(scopes=scopes).ask("/sign-in")
    assert parse_qs(urlsplit(dict(headers)["location"]).query)["scope"] == [asked]


def test_an_account_is_bound_to_the_claim_that_is_the_same_in_all_tokens() -> None:
    server = Server(subjectClaim="uid")
    assert server.ask(**bearer(token(sub="of an access token", uid="00u1")))[0] == 200
    assert server.sign_in(sub="of an ID token", uid="00u1")[0] == 302
    assert {person.subject for person in server.accounts.seen} == {"00u1"}
    for wrong in ({}, {"uid": 5}, {"uid": ""}, {"uid": "x" * 256}):
        status, _, body = server.ask(**bearer(token(**wrong)))
        assert (status, "its claim uid is no text" in body) == (401, True)
    status, _, _ = server.ask(**bearer(token(sub=None, uid="00u1")))
    assert status == 401


def test_an_outage_of_the_database_is_told_as_one() -> None:
    from parapet_mlflow.login.outage import Outage

    server = Server()
    _, _, cookie = server.sign_in()

    def down(*_: Any, **__: Any) -> Any:
        raise Outage("OperationalError")

    server.accounts.user = server.counts.begin = down  # type: ignore[method-assign]
    for headers in (bearer(token()), {"cookie": cookie}, {"authorization": "Basic am9iOnJpZ2h0"}):
        status, told, body = server.ask(**headers)
        assert (status, json.loads(body)["error_code"], dict(told)["retry-after"]) == (
            503,
            "TEMPORARILY_UNAVAILABLE",
            "5",
        )
    assert server.sign_in()[0] == 503


def test_a_new_session_key_signs_nobody_out_whichever_server_has_it_already() -> None:
    """Two servers, of which one has the new key first; then both; and so on through two rotations."""
    keys = ["first"]
    _, _, cookie = Server(keys).sign_in()
    for new in ("second", "third"):
        before, after = Server(keys), Server([new, *keys])
        for server in (before, after):
            server.accounts.known.add("4711")
            assert server.ask(cookie=cookie)[0] == 200
        _, _, cookie = after.sign_in()
        assert before.ask(cookie=cookie)[0] == 200
        _, _, cookie = before.sign_in()
        assert after.ask(cookie=cookie)[0] == 200
        keys = [new, *keys]


def test_a_session_key_that_is_three_rotations_behind_is_none() -> None:
    _, _, cookie = Server(["first"]).sign_in()
    server = Server(["fourth", "third", "second", "first"])
    server.accounts.known.add("4711")
    assert server.ask(cookie=cookie)[0] == 401


def test_who_is_asked_for_an_account_is_told_by_which_request() -> None:
    server = Server()
    server.ask(**bearer(token()))
    _, _, cookie = server.sign_in()
    server.ask(cookie=cookie)
    assert [each["from"] for each in server.accounts.asked_by] == ["unknown"] * 3
