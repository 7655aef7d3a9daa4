"""Who calls is known by a token or by the mesh's word, and by nothing that could be either."""

import asyncio
import json
import ssl
import threading
import time
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwk, jws, jwt

from parapet_serving.callers import keys, mesh
from parapet_serving.callers.callers import Callers
from parapet_serving.callers.keys import Keys
from parapet_serving.callers.rate import Rate
from parapet_serving.callers.tokens import ASKING, LEEWAY, TAKEN_FOR, Bearers
from parapet_serving.refusal import Wrong
from parapet_serving.settings import Tokens, read
from tests import authority
from tests.examples import examples

pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # of the key that is too short

ID, OTHER = "spiffe://cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/a/sa/other"
ISSUER, AUDIENCE = "https://sign-on.hospital.example", "serving"


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        (f"URI={ID}", ID),
        (f'By={OTHER};Hash=0f;Subject="";URI={ID}', ID),
        (f'Hash=0f;Subject="CN=a,OU=b;c\\"d";URI={ID};DNS=x', ID),
        (f"URI={OTHER},By=x;URI={ID}", ID),
        (f'URI="{ID}"', ID),
        (f'Hash=0f;Subject=";URI={OTHER},"', None),
        (f'Subject=";URI={OTHER};";URI={ID}', ID),
        (f"URI={ID};URI={OTHER}", None),
        (f"URI={ID},", None),
        (f"By={ID};Hash=0f", None),
        (f'Subject="unclosed;URI={ID}', None),
        (f"URI={ID};nonsense", None),
        (f"URI={ID}" + "x" * 20_000, None),
        ("", None),
    ],
)
def test_the_last_element_says_who_the_proxy_spoke_to(header: str, caller: str | None) -> None:
    assert mesh.caller(header) == caller


@settings(max_examples=examples(200), deadline=None)
@given(before=st.text(alphabet=st.sampled_from('ab=;,"\\ '), max_size=30))
def test_what_others_wrote_before_it_changes_nothing(before: str) -> None:
    """What comes before an element of the proxy's own either leaves it as it is, or spoils the whole header."""
    assert mesh.caller(f"{before},By=x;URI={ID}") in (ID, None)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


EC = jwk.ECKey.generate_key("P-256", parameters={"kid": "one"})
NEXT = jwk.ECKey.generate_key("P-256", parameters={"kid": "two"})
RSA = jwk.RSAKey.generate_key(2048, parameters={"kid": "rsa"})
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library warns of it, rightly
    SHORT = jwk.RSAKey.generate_key(1024, parameters={"kid": "short"})
SECRET = jwk.OctKey.import_key(json.dumps(EC.as_dict(private=False)), parameters={"kid": "one"})
"""What a public key's own text makes, where it is taken for a shared secret."""


def published(file: Path, *published_keys: Any) -> None:
    file.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in published_keys]}))


@pytest.fixture
def bearers(tmp_path: Path, clock: Clock) -> Callable[..., Bearers]:
    def make(**more: Any) -> Bearers:
        file = tmp_path / "jwks.json"
        published(file, EC, RSA, SHORT)
        told = Tokens(ISSUER, [AUDIENCE], str(file), **more)
        return Bearers(told, Keys(told, clock), clock)

    return make


class AnyHeader(jws.JWSRegistry):
    """Of a provider that says in it what it likes."""

    max_header_length = 16_384

    def check_header(self, header: Any) -> None:
        pass


def token(
    clock: Clock, key: Any = EC, algorithm: str = "ES256", header: dict[str, Any] | None = None, **claims: Any
) -> str:
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(clock.now) + 3600, **claims}
    told = {name: value for name, value in told.items() if value is not None}
    headers = {"alg": algorithm, "kid": key.kid, **(header or {})}
    return jwt.encode(headers, told, key, registry=AnyHeader(algorithms=[algorithm]))


def with_header(clock: Clock, header: Any) -> str:
    """A token whose header says something else than it was signed with."""
    raw = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{raw}.{token(clock).split('.', 1)[1]}"


def asked(bearers: Bearers, token: str, kind: str = "Bearer") -> str:
    return asyncio.run(bearers.caller(f"{kind} {token}"))


def test_a_token_of_the_provider_is_taken(bearers: Callable[..., Bearers], clock: Clock) -> None:
    assert asked(bearers(), token(clock)) == "alice"
    assert asked(bearers(), token(clock, RSA, "RS256"), "bearer") == "alice"
    assert asked(bearers(), token(clock, aud=["other", AUDIENCE])) == "alice"
    assert asked(bearers(), token(clock, exp=int(clock.now) - LEEWAY + 1)) == "alice"


@pytest.mark.parametrize(
    "header",
    [
        {"ver": "1.0", "pi.atm": "zcz2"},
        {"x5t": "abc", "typ": "at+jwt"},
        {"x5c": ["MII" + "B" * 3000, "MII" + "B" * 3000]},
    ],
    ids=["names of the provider's own", "registered ones", "the chain of its key"],
)
def test_whatever_else_its_header_says(bearers: Callable[..., Bearers], clock: Clock, header: dict[str, Any]) -> None:
    assert asked(bearers(), token(clock, header=header)) == "alice"


NOT_TAKEN: dict[str, Callable[[Clock], str]] = {
    "expired": lambda clock: token(clock, exp=int(clock.now) - LEEWAY - 1),
    "not yet": lambda clock: token(clock, nbf=int(clock.now) + LEEWAY + 10),
    "without an end": lambda clock: token(clock, exp=None),
    "an end that is no number": lambda clock: token(clock, exp="never"),
    "another issuer": lambda clock: token(clock, iss="https://other.example"),
    "no issuer": lambda clock: token(clock, iss=None),
    "another audience": lambda clock: token(clock, aud="other"),
    "no audience": lambda clock: token(clock, aud=None),
    "nobody": lambda clock: token(clock, sub=None),
    "somebody who is no text": lambda clock: token(clock, sub=["alice"]),
    "another key": lambda clock: token(clock, NEXT, header={"kid": "one"}),
    "a key that nobody knows": lambda clock: token(clock, NEXT),
    "a key id that is no text": lambda clock: with_header(clock, {"alg": "ES256", "kid": 7}),
    "a key that is too short": lambda clock: token(clock, SHORT, "RS256"),
    "the public key as a secret": lambda clock: token(clock, SECRET, "HS256"),
    "an algorithm that is not on the list": lambda clock: token(clock, RSA, "RS512"),
    "no algorithm": lambda clock: "eyJhbGciOiJub25lIn0." + token(clock).split(".")[1] + ".",
    "claims that were changed": lambda clock: ".".join(
        [token(clock).split(".")[0], token(clock, sub="eve").split(".")[1], token(clock).split(".")[2]]
    ),
    "half of one": lambda clock: token(clock)[:40],
    "nothing": lambda clock: "",
    "too long": lambda clock: token(clock, more="x" * 20_000),
    "other letters": lambda clock: "\u00e9.\u00e9.\u00e9",
    "a header that is a list": lambda clock: with_header(clock, []),
    "a word that must be understood": lambda clock: token(clock, header={"crit": ["ver"], "ver": "1.0"}),
}


NO_TIMES: dict[str, str] = {
    "far beyond every clock": "1" + "0" * 400,
    "beyond it": "253402300800",
    "infinite": "Infinity",
    "no number": "NaN",
    "before all times": "-1" + "0" * 400,
    "true": "true",
    "a text": '"9999999999"',
    "a list": "[9999999999]",
    "nothing": "null",
}


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("what", NO_TIMES)
def test_what_is_no_time_is_refused_and_fails_nothing(
    bearers: Callable[..., Bearers], clock: Clock, what: str, claim: str
) -> None:
    """Though the provider signed it."""
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(clock.now) + 3600, claim: "TIME"}
    claims = json.dumps(told).replace('"TIME"', NO_TIMES[what]).encode()
    signed = jws.serialize_compact({"alg": "ES256", "kid": EC.kid}, claims, EC, algorithms=["ES256"])
    with pytest.raises(Wrong) as refused:
        asked(bearers(), signed)
    assert (refused.value.status, refused.value.kind) == (401, "token")


@pytest.mark.parametrize("what", NOT_TAKEN)
def test_another_token_is_not_taken(bearers: Callable[..., Bearers], clock: Clock, what: str) -> None:
    with pytest.raises(Wrong) as refused:
        asked(bearers(), NOT_TAKEN[what](clock))
    assert (refused.value.status, refused.value.kind) == (401, "token")
    assert "eve" not in refused.value.text


HEADERS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["ES256", "HS256", "one"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64"]), inner),
    max_leaves=6,
)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=HEADERS, text=st.text(max_size=40))
def test_whatever_comes_as_a_token_is_refused_as_one(
    bearers: Callable[..., Bearers], clock: Clock, header: Any, text: str
) -> None:
    known = bearers()
    for sent in (with_header(clock, header), text, f"{text}.{text}.{text}"):
        with pytest.raises(Wrong) as refused:
            asked(known, sent)
        assert refused.value.status == 401


def test_a_password_is_no_token(bearers: Callable[..., Bearers], clock: Clock) -> None:
    with pytest.raises(Wrong, match="Authorization: Bearer"):
        asked(bearers(), token(clock), "Basic")


@pytest.mark.parametrize(
    ("settings_", "claims", "taken"),
    [
        ({"scopes": ["predict"]}, {"scope": "read predict"}, True),
        ({"scopes": ["predict"]}, {"scp": ["predict"]}, True),
        ({"scopes": ["predict"]}, {"scope": "predicted"}, False),
        ({"scopes": ["predict", "read"]}, {"scope": "predict"}, False),
        ({"scopes": ["predict"]}, {"scope": 7}, False),
        ({"scopes": ["predict"]}, {}, False),
        ({"roles": ["nurse", "doctor"]}, {"roles": ["doctor"]}, True),
        ({"roles": ["nurse"], "roles_claim": "groups"}, {"groups": "nurse"}, True),
        ({"roles": ["nurse"]}, {"roles": ["nurses"]}, False),
        ({"roles": ["nurse"]}, {"roles": None}, False),
    ],
)
def test_rights(
    bearers: Callable[..., Bearers], clock: Clock, settings_: dict[str, Any], claims: dict[str, Any], taken: bool
) -> None:
    if taken:
        assert asked(bearers(**settings_), token(clock, **claims)) == "alice"
        return
    with pytest.raises(Wrong) as refused:
        asked(bearers(**settings_), token(clock, **claims))
    assert refused.value.status == 403


@pytest.mark.parametrize(("seconds", "taken"), [(3600, True), (3600 + 30, True), (3600 + 31, False), (10**9, False)])
def test_a_token_that_holds_for_very_long_is_not_taken(
    bearers: Callable[..., Bearers], clock: Clock, seconds: int, taken: bool
) -> None:
    known, sent = bearers(longest_seconds=3600), token(clock, exp=int(clock.now) + seconds)
    if taken:
        assert asked(known, sent) == "alice"
        return
    with pytest.raises(Wrong, match="it holds for longer than 3600 seconds"):
        asked(known, sent)


def test_a_token_is_remembered_a_minute_and_not_beyond_its_end(bearers: Callable[..., Bearers], clock: Clock) -> None:
    known = bearers()
    long, short = token(clock), token(clock, exp=int(clock.now) - 10, sub="bob")
    asked(known, long), asked(known, short)
    assert known.remembered(f"Bearer {long}") == "alice"
    assert known.remembered(f"Bearer {short}") == "bob"
    assert known.remembered(f"Bearer {token(clock, sub='eve')}") is None
    clock.now += 21
    assert known.remembered(f"Bearer {short}") is None
    assert known.remembered(f"Bearer {long}") == "alice"
    clock.now += TAKEN_FOR
    assert known.remembered(f"Bearer {long}") is None


def test_new_keys_are_asked_for_and_not_too_often(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "jwks.json"
    published(file, EC)
    told = Tokens(ISSUER, [AUDIENCE], str(file))
    known = Keys(told, clock)
    assert known.key("one") is not None
    published(file, NEXT)
    assert known.key("two") is None, "it asked a moment ago"
    clock.now += keys.PAUSE
    assert known.key("two") is not None
    assert known.key("one") is None, "it was withdrawn"


def test_keys_that_cannot_be_had_are_kept_for_an_hour(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "jwks.json"
    published(file, EC)
    known = Keys(Tokens(ISSUER, [AUDIENCE], str(file)), clock)
    known.key("one")
    file.write_text("{")
    clock.now += keys.KEPT - 1
    assert known.key("one") is not None
    clock.now += 2
    with pytest.raises(keys.Unreachable):
        known.key("one")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address with keys at `/keys`, another that leads there, and who signs its certificate."""
    certificate, key = authority.made("localhost")
    pem = tmp_path / "house.pem"
    pem.write_text(certificate + key)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/keys" else 302)
            self.send_header("Location", "/keys")
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [EC.as_dict(private=False)]}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}", pem
    server.shutdown()
    server.server_close()


@pytest.mark.process
@pytest.mark.parametrize(
    ("path", "trusted", "found"), [("/keys", True, True), ("/keys", False, False), ("/elsewhere", True, False)]
)
def test_keys_of_an_address_are_taken_from_itself_alone(
    house: tuple[str, Path], path: str, trusted: bool, found: bool
) -> None:
    known = Keys(Tokens(ISSUER, [AUDIENCE], house[0] + path, authorities=house[1] if trusted else None))
    if found:
        assert known.key("one") is not None
        return
    with pytest.raises(keys.Unreachable):
        known.key("one")


def test_without_any_key_a_caller_is_told_that_it_is_not_his_fault(tmp_path: Path, clock: Clock) -> None:
    told = Tokens(ISSUER, [AUDIENCE], str(tmp_path / "missing"))
    with pytest.raises(Wrong) as refused:
        asked(Bearers(told, Keys(told, clock), clock), token(clock))
    assert refused.value.status == 503


def test_a_caller_has_a_bucket_of_his_own() -> None:
    clock = Clock()
    rate = Rate(2.0, 3.0, clock)
    for _ in range(3):
        rate.take("a")
    with pytest.raises(Wrong) as refused:
        rate.take("a")
    assert (refused.value.status, dict(refused.value.headers)) == (429, {"retry-after": "1"})
    rate.take("b")
    clock.now += 0.5
    rate.take("a")
    with pytest.raises(Wrong):
        rate.take("a")
    clock.now += 60
    for _ in range(3):
        rate.take("a")


def test_work_is_taken_when_it_is_known_and_makes_a_caller_wait() -> None:
    """No request is too big for a bucket; who asked for much comes again later."""
    clock = Clock()
    rate = Rate(1.0, 2.0, clock)
    rate.take("a")
    rate.work("a", 9.0)
    with pytest.raises(Wrong) as refused:
        rate.take("a")
    assert dict(refused.value.headers) == {"retry-after": "9"}
    with pytest.raises(Wrong):
        rate.work("a", 1.0)  # of another request of his, that was let in before
    rate.work("a", 0.5, begun=True)
    rate.work("b", 9.0)
    clock.now += 8.6
    rate.work("a", 0.0)
    with pytest.raises(Wrong):
        rate.take("a")
    clock.now += 1.0
    rate.take("a")


def test_what_was_taken_is_given_back_and_no_more_than_a_bucket_holds() -> None:
    clock = Clock()
    rate = Rate(1.0, 2.0, clock)
    for _ in range(9):
        rate.take("a")
        rate.give("a")
    rate.give("a")
    for _ in range(2):
        rate.take("a")
    with pytest.raises(Wrong):
        rate.take("a")
    rate.give("a")
    rate.take("a")


def test_who_names_keys_that_nobody_knows_waits_among_few(bearers: Callable[..., Bearers], clock: Clock) -> None:
    """While the provider is asked, which may take seconds: a token of a known key does not wait for it."""
    known, released = bearers(), threading.Event()
    assert asked(known, token(clock)) == "alice"
    known._keys.key = lambda kid: released.wait(10) and None  # type: ignore[method-assign]
    stranger = token(clock, NEXT)

    async def work() -> None:
        waiting = [asyncio.create_task(known.caller(f"Bearer {stranger}")) for _ in range(ASKING)]
        await asyncio.sleep(0.01)
        with pytest.raises(Wrong) as refused:
            await known.caller(f"Bearer {stranger}")
        assert refused.value.status == 429
        assert await known.caller(f"Bearer {token(clock, sub='bob')}") == "bob"
        released.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [each.status for each in told if isinstance(each, Wrong)] == [401] * ASKING

    asyncio.run(work())


def test_a_stranger_is_counted_before_his_token_is_looked_at(tmp_path: Path) -> None:
    """Else as many as come in that time are looked at, all at once."""
    file, secret = tmp_path / "jwks.json", tmp_path / "key"
    published(file, EC)
    secret.write_text("x" * 40)
    told = {
        "model": {"folder": "/m", "name": "m", "version": "1", "digest": "sha256:" + "0" * 64, "keys": ["/k"]},
        "hashKeyFile": str(secret),
        "tokens": {"issuer": ISSUER, "audiences": [AUDIENCE], "keys": str(file)},
        "limits": {"unknownPerSecond": 2},
    }
    configuration = tmp_path / "configuration.json"
    configuration.write_text(json.dumps(told))
    callers = Callers(read(configuration))
    good = f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'one'}, _now(), EC)}"
    for _ in range(2):
        assert callers.at_once([good], [], "10.0.0.9") is None
    with pytest.raises(Wrong) as refused:
        callers.at_once([good + "x"], [], "10.0.0.9")
    assert refused.value.status == 429
    assert asyncio.run(callers.verified(good, "10.0.0.9")) == "token:alice"
    assert callers.at_once(["Bearer other"], [], "10.0.0.9") is None, "who was right is no stranger"


def _now() -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 600}


def test_a_bucket_does_not_drain_by_asking_in_vain() -> None:
    clock = Clock()
    rate = Rate(1.0, 1.0, clock)
    rate.take("a")
    for _ in range(9):
        clock.now += 0.1
        with pytest.raises(Wrong):
            rate.take("a")
    clock.now += 0.11
    rate.take("a")
