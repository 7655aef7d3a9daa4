"""Sign-on with a pretended provider: which tokens are taken, how a browser signs in, what another site can do."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from parapet_mlflow.login.oidc import browser, provider
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted, Person
from parapet_mlflow.refusal import Refused
from tests.delivery.pretended import DECLARED, EC, ISSUER, RSA, SMALL, STRANGERS, URL, Server, bearer, kept, token


@pytest.mark.parametrize(
    "good",
    [
        lambda: token(),
        lambda: token(EC, "ES256"),
        lambda: token(aud=["api://mlflow", "mlflow"]),
        lambda: token(aud=["api://mlflow", "another"], azp="mlflow"),
        lambda: token(aud=["api://mlflow", "another"], client_id="api://mlflow"),
        lambda: token(aud="mlflow", azp="a program"),
        lambda: token(preferred_username="JDoe"),
        lambda: token(groups=["ward-7", "choir", 5]),
        lambda: token(header={"alg": "RS256", "kid": RSA.kid, "pi.atm": "zcz2", "x5c": ["MII" + "B" * 3000]}),
    ],
    ids=[
        "by an RSA key",
        "by an elliptic curve",
        "for two audiences of ours",
        "for several, got by us",
        "for several, got by a client of ours",
        "for us alone, got by another",
        "of a name with capitals",
        "with groups",
        "with more in its header",
    ],
)
def test_a_token_of_the_provider_is_taken(good: Callable[[], str]) -> None:
    server = Server()
    assert server.ask(**bearer(good()))[0] == 200
    (passed,) = server.passed
    assert (passed["caller"], passed["parapet.user"], passed["headers"]) == ("jdoe", "jdoe", [])
    (seen,) = server.accounts.seen
    assert seen == Person(ISSUER, "4711", "jdoe", seen.groups, seen.at)
    assert seen.groups <= {"ward-7"}


def shared_secret(public: bytes) -> str:
    """Signed with what everybody knows, as if it were a secret of two."""
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=").decode()
    signed = f"{head}.{token().split('.')[1]}"
    mac = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def bad() -> dict[str, str]:
    """Made when it is asked for: a token that has also expired would be refused for that."""
    now = int(time.time())
    return {
        "another's signature": token(STRANGERS),
        "another issuer": token(iss="https://id.example.com"),
        "another audience": token(aud="another"),
        "several audiences, got by nobody knows whom": token(aud=["mlflow", "another"]),
        "several audiences, got by another": token(aud=["mlflow", "another"], azp="another"),
        "several audiences, got by two": token(aud=["mlflow", "another"], azp="mlflow", client_id="another"),
        "several audiences, got by a list": token(aud=["mlflow", "another"], azp=["mlflow"]),
        "an audience that is no text": token(aud=["mlflow", {}]),
        "no audience": token(aud=None),
        "expired": token(exp=now - 60),
        "never ends": token(exp=None),
        "ends at no number": token(exp="never"),
        "of the future": token(iat=now + 3600),
        "not yet": token(nbf=now + 3600),
        "no subject": token(sub=None),
        "empty subject": token(sub=""),
        "no name": token(preferred_username=None),
        "a name with a colon": token(preferred_username="a:b:c"),
        "a name of other letters": token(preferred_username="jdoé"),
        "unknown key": token(header={"alg": "RS256", "kid": "unknown"}),
        "which of two keys": token(header={"alg": "RS256"}),
        "the other key": token(header={"alg": "RS256", "kid": "ec"}),
        "another algorithm": token(alg="RS512"),
        "PSS": token(alg="PS256"),
        "a shared secret": shared_secret(RSA.as_pem(private=False)),
        "no signature": "eyJhbGciOiJub25lIn0." + token().split(".")[1] + ".",
        "cut": token()[:-4],
        "no token": "x",
        "empty": "",
        "another's body": ".".join([token().split(".")[0], token(sub="1").split(".")[1], token().split(".")[2]]),
        "too long": "a" * 20_000,
        "no ascii": "\u00e9.\u00e9.\u00e9",
        "a small key": token(SMALL),
        "a word that must be understood": token(header={"alg": "RS256", "kid": RSA.kid, "crit": ["ver"], "ver": "1"}),
        "a list for a header": "WyJhbGciXQ.e30.AA",
        "more groups than it can hold": token(_claim_names={"groups": "src1"}),
        "too many groups": token(hasgroups=True),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", bad())
def test_another_token_is_not(name: str) -> None:
    server = Server()
    server.pretended.keys.append(SMALL)
    status, headers, body = server.ask(**bearer(bad()[name]))
    assert (status, dict(headers)["www-authenticate"]) == (401, 'Bearer realm="mlflow", error="invalid_token"'), body
    assert not server.passed
    assert not [word for word in ("4711", "jdo") if word in body]


def test_a_job_has_its_password_still_and_no_browser_is_asked_for_one() -> None:
    server = Server()
    assert server.ask(authorization="Basic am9iOnJpZ2h0")[0] == 200
    assert (server.passed[0]["caller"], server.passed[0]["headers"]) == ("job", [])
    status, headers, _ = server.ask(authorization="Basic am9iOndyb25n")
    assert (status, dict(headers)["www-authenticate"]) == (401, 'Bearer realm="mlflow"')


def test_one_key_needs_no_id() -> None:
    server = Server()
    server.pretended.keys = [EC]
    assert server.ask(**bearer(token(EC, "ES256", {"alg": "ES256"})))[0] == 200


def test_a_new_key_is_learned_and_invented_ones_make_no_questions() -> None:
    server = Server()
    server.pretended.keys = [EC]
    assert server.ask(**bearer(token()))[0] == 401
    server.pretended.keys.append(RSA)
    for number in range(20):
        server.ask(**bearer(token(header={"alg": "RS256", "kid": f"invented-{number}"})))
    assert server.pretended.asked.count(f"{ISSUER}/keys") == 1
    server.pretended.now += provider.PAUSE
    assert server.ask(**bearer(token()))[0] == 200
    server.pretended.keys = [EC]
    server.pretended.now += provider.KEPT  # the provider withdrew it
    assert server.ask(**bearer(token()))[0] == 401


def test_a_group_that_is_alone_may_be_a_text() -> None:
    server = Server()
    assert server.ask(**bearer(token(groups="ward-7")))[0] == 200
    assert server.accounts.seen[0].groups == {"ward-7"}


def test_a_provider_that_falls_silent_is_not_asked_all_the_time_once_its_keys_are_old() -> None:
    server = Server()
    assert server.ask(**bearer(token()))[0] == 200
    server.pretended.silent = True
    server.pretended.now += provider.KEPT
    before = len(server.pretended.asked)
    assert [server.ask(**bearer(token()))[0] for _ in range(20)] == [503] * 20
    assert len(server.pretended.asked) == before + 1


def test_a_provider_that_is_silent_lets_nobody_in_and_is_not_asked_all_the_time() -> None:
    server = Server()
    server.pretended.silent = True
    assert [server.ask(**bearer(token()))[0] for _ in range(20)] == [503] * 20
    assert len(server.pretended.asked) == 1
    server.pretended.silent = False
    server.pretended.now += provider.PAUSE
    assert server.ask(**bearer(token()))[0] == 200


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://id.example.com"}, {"jwks_uri": "http://id.example.org/keys"}, {"token_endpoint": None}],
)
def test_a_provider_that_says_something_else_is_not_believed(metadata: dict[str, Any]) -> None:
    server = Server()
    server.pretended.metadata = metadata
    assert server.ask(**bearer(token()))[0] == 503


def test_a_browser_signs_in_and_comes_back_to_what_it_wanted() -> None:
    server = Server()
    status, headers, _ = server.ask("/index?a=b", accept="text/html")
    assert (status, dict(headers)["location"]) == (302, "/sign-in?next=%2Findex%3Fa%3Db")
    status, told, cookie = server.sign_in("%2Findex%3Fa%3Db", groups=["admins"])
    assert (status, told["location"]) == (302, "/index?a=b")
    ((form,),) = [tuple(server.pretended.forms)]
    assert form["auth"] == ("mlflow", "the%20client%27s%20secret")
    assert form["data"].keys() == {"grant_type", "code", "code_verifier", "redirect_uri"}
    assert form["data"]["redirect_uri"] == f"{URL}/sign-in/done"
    assert server.ask(cookie=f"a=b; {cookie}")[0] == 200
    assert server.passed[0]["caller"] == "jdoe"
    assert server.passed[0]["headers"] == [(b"cookie", b"a=b")]
    assert server.accounts.seen[-1].groups == {"admins"}


def test_the_cookies_are_for_this_host_and_its_pages_alone() -> None:
    server = Server()
    _, headers, _ = server.ask("/sign-in")
    (cookie,) = [value for name, value in headers if name == "set-cookie"]
    assert cookie.startswith("__Host-")
    assert cookie.partition("; ")[2] == "Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax"
    asked = parse_qs(urlsplit(dict(headers)["location"]).query)
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert not [value for value in asked["state"] + asked["nonce"] if value in cookie]


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "another"},
        {"nonce": "another"},
        {"aud": "api://mlflow"},
        {"aud": ["mlflow", "another"]},
        {"azp": "another"},
        {"exp": 1},
    ],
)
def test_a_sign_in_that_is_not_this_browsers_or_servers_is_none(changed: dict[str, Any]) -> None:
    server = Server()
    status, _, cookie = server.sign_in(**changed)
    assert (status, cookie) == (403, "")


@pytest.mark.parametrize("back", ["", "?state=x&code=y", "?error=access_denied&state=x"])
def test_an_answer_that_nobody_waits_for_is_none(back: str) -> None:
    status, headers, body = Server().ask(f"/sign-in/done{back}")
    assert (status, kept(headers)) == (403, "")
    assert "begun by this browser" in body


def test_the_audit_trail_is_told_why_a_sign_in_is_refused_and_who_signs_out() -> None:
    server = Server()
    server.ask(**bearer(token(exp=1)))
    assert server.scope["parapet.reason"] == "the token is not taken: it has expired"
    assert server.sign_in(aud="another")[0] == 403
    assert server.scope["parapet.reason"] == "not signed in: its claim aud is not as it must be"
    status, _, cookie = server.sign_in()
    assert (status, server.scope["parapet.user"]) == (302, "jdoe")
    server.ask("/sign-out", "POST", cookie=cookie, sec_fetch_site="same-origin")
    assert server.scope["parapet.user"] == "jdoe"
    server.ask("/sign-out", "POST", cookie=cookie, sec_fetch_site="same-origin")
    assert "parapet.user" not in server.scope


def test_a_provider_that_says_who_it_is_must_say_so() -> None:
    server = Server()
    server.pretended.metadata = {"authorization_response_iss_parameter_supported": True}
    assert server.sign_in()[0] == 403


def test_a_cookie_of_one_kind_is_none_of_another_and_none_is_made_elsewhere() -> None:
    server = Server()
    _, headers, _ = server.ask("/sign-in")
    value = kept(headers).partition("=")[2]
    assert server.ask(cookie=f"__Host-parapet-session={value}")[0] == 401
    _, _, cookie = server.sign_in()
    assert server.ask(cookie=cookie)[0] == 200
    for wrong in (cookie[:-3], f"{cookie}; {cookie}", cookie.replace("session", "signing-in")):
        assert server.ask(cookie=wrong)[0] == 401


def test_a_session_of_an_account_that_was_deleted_is_over_and_makes_no_new_one() -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    server.accounts.known.clear()
    assert server.ask(cookie=cookie)[0] == 401
    assert not server.accounts.known


def test_a_session_ends_within_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    later = time.time() + browser.HOUR
    monkeypatch.setattr(time, "time", lambda: later)
    assert server.ask(cookie=cookie)[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"origin": URL}, 200),
        ({}, 403),
        ({"sec_fetch_site": "cross-site", "origin": URL}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "none"}, 403),
        ({"origin": "https://models.example.org"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_another_sites_page_changes_nothing_with_a_persons_session(headers: dict[str, str], status: int) -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    for method in ("POST", "PUT", "PATCH", "DELETE", "ODD"):
        assert server.ask("/api", method, cookie=cookie, **headers)[0] == status, method
    # What brings its own credentials needs no page.
    assert server.ask("/api", "POST", **bearer(token()))[0] == 200


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/a%0d%0ab", "evil", "", "/%C3%A9", "/\t/evil"],
)
def test_nobody_is_sent_elsewhere(wanted: str) -> None:
    _, told, _ = Server().sign_in(wanted)
    assert told["location"] == "/"


def test_a_program_without_a_session_is_sent_nowhere() -> None:
    for headers in ({}, {"accept": "application/json"}, {"accept": "text/html", "sec_fetch_mode": "cors"}):
        status, told, _ = Server().ask(**headers)
        assert (status, dict(told)["www-authenticate"]) == (401, 'Bearer realm="mlflow"')


def test_an_email_is_a_name_only_where_it_was_verified() -> None:
    settings = SignOn.parse(json.dumps(DECLARED | {"nameClaim": "email"}))
    from parapet_mlflow.login.oidc import tokens

    told = {"sub": "1", "email": "jdoe@example.org", "iat": 1}
    with pytest.raises(NotTrusted, match="not verified"):
        tokens.person(told, settings)
    assert tokens.person(told | {"email_verified": True}, settings).name == "jdoe@example.org"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"issuer": "http://id.example.org"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"url": "mlflow.example.org"}, "url"),
        ({"clientId": None}, "clientId"),
        ({"roles": {"ward-7": "__user_1__"}}, "ward-7"),
        ({"roles": {"ward-7": 5}}, "ward-7"),
        ({"roles": []}, "roles"),
        ({"audiences": "x"}, "audiences"),
        ({"secret": "x"}, "secret"),
        ({"scopes": ["a b"]}, "scopes"),
        ({"scopes": ["openid"]}, "scopes"),
        ({"authorities": "no certificate"}, "authorities"),
        ({"authorities": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "authorities"),
        ({"subjectClaim": "preferred_username"}, "subjectClaim"),
        ({"subjectClaim": "email"}, "subjectClaim"),
    ],
)
def test_a_provider_that_is_declared_wrongly_is_told(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=told):
        SignOn.parse(json.dumps(DECLARED | changed))


def test_a_group_that_is_declared_twice_is_told() -> None:
    text = json.dumps(DECLARED).replace('"lab"', '"ward-7"')
    with pytest.raises(Refused, match="ward-7 twice"):
        SignOn.parse(text)


@pytest.mark.parametrize("text", ["", "x", "[]", "null"])
def test_what_is_no_declaration_is_told(text: str) -> None:
    with pytest.raises(Refused, match="no JSON object"):
        SignOn.parse(text)


def test_nobody_administers_by_default() -> None:
    needed = {name: DECLARED[name] for name in ("issuer", "clientId", "url")}
    settings = SignOn.parse(json.dumps(needed))
    assert (settings.administrators, settings.groups) == ("", frozenset())
    assert SignOn.parse(json.dumps(needed | {"issuer": "http://127.0.0.1:5000"})).issuer
