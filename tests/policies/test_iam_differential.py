"""Our reading of policy documents beside others', over documents and requests that nobody wrote.

What is asked of strangers is held to another's evaluator twice: a request that is found must pass there, and where none
is found none that it lets through may be among those that a stranger can make. By hand, with many more examples and a
second evaluator that knows services and unsigned callers as well (see `simulate/package.json`):

    npm install --ignore-scripts --prefix FOLDER ./tests/policies/simulate
    PARAPET_IAM_SIMULATE=FOLDER PARAPET_TEST_EXAMPLES=100 python -m pytest -n 0 tests/policies/test_iam_differential.py
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hipaa.iam import Caller, Request, public, verdict
from hipaa.iam.document import Document, parse
from hipaa.iam.strangers import Asker, outsiders, services, unsigned
from tests.examples import examples
from tests.local.aws.iam.conftest import Judge, judge

__all__ = ["judge"]

pytestmark = pytest.mark.process

OWN, OTHER = "111122223333", "444455556666"
ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
RESOURCES = ["arn:aws:s3:::data/key", "arn:aws:s3:::data/team/key", "arn:aws:s3:::data"]
ROLES = [f"arn:aws:iam::{OWN}:role/reader", f"arn:aws:iam::{OTHER}:role/analyst", f"arn:aws:iam::{OTHER}:user/eve"]
# Each key with operators and values that can meet; what is wanted and what a request has are of the same few.
TESTS: dict[str, tuple[list[str], list[str]]] = {
    "aws:PrincipalArn": (
        ["ArnEquals", "ArnLike", "ArnNotLike", "StringLike", "StringNotLike", "StringEquals"],
        [ROLES[0], f"arn:aws:iam::{OWN}:role/*", "arn:aws:iam::*:role/analyst", "*", f"arn:aws:iam::{OTHER}:*"],
    ),
    "aws:PrincipalAccount": (["StringEquals", "StringNotEquals", "StringLike"], [OWN, OTHER, "4*", "1111*"]),
    "aws:PrincipalOrgID": (["StringEquals", "StringNotEquals", "StringLike"], ["o-own", "o-*", "*"]),
    "aws:SourceVpce": (["StringEquals", "StringNotEquals", "StringLike"], ["vpce-own", "vpce-*"]),
    "aws:SourceIp": (["IpAddress", "NotIpAddress"], ["203.0.113.0/24", "0.0.0.0/1", "128.0.0.0/1", "::/0"]),
    "aws:VpcSourceIp": (["IpAddress", "NotIpAddress"], ["10.0.0.0/8", "192.168.0.0/16"]),
    "aws:SourceArn": (
        ["ArnLike", "ArnNotEquals", "ArnEquals"],
        [f"arn:aws:sns:us-east-1:{OWN}:t", "arn:aws:sns:*:*:t"],
    ),
    "aws:SourceAccount": (["StringEquals", "StringNotEquals"], [OWN, "*"]),
    "aws:SecureTransport": (["Bool"], ["true", "false"]),
    "aws:PrincipalIsAWSService": (["Bool"], ["true", "false"]),
    "aws:PrincipalTag/team": (
        ["StringEquals", "StringNotEquals", "StringLike"],
        ["a", "a*", "${aws:ResourceTag/team}"],
    ),
    "aws:ResourceTag/team": (["StringEquals", "StringLike"], ["a", "b*"]),
    "aws:UserAgent": (["StringLike", "StringNotEquals", "StringEqualsIgnoreCase"], ["curl", "CURL", "c*", "?url"]),
    "s3:prefix": (["StringEquals", "StringLike", "StringNotLike"], ["team", "team/*", "${aws:username}"]),
    "s3:max-keys": (["NumericLessThan", "NumericGreaterThanEquals", "NumericNotEquals"], ["10", "11"]),
    "aws:CurrentTime": (["DateLessThan", "DateGreaterThan"], ["2026-06-01T00:00:00Z", "2026-01-01T00:00:00Z"]),
}
SETS = {"aws:PrincipalOrgPaths": ["o-own/r-1/*", "o-own/*", "*"], "aws:TagKeys": ["a", "b", "a*"]}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["none", "plain", "plain", "plain", "null", "set"]))
    if kind == "none":
        return {}
    if kind == "null":
        return {"Null": {draw(st.sampled_from(sorted(TESTS))): draw(st.sampled_from(["true", "false"]))}}
    if kind == "set":
        key = draw(st.sampled_from(sorted(SETS)))
        over = draw(st.sampled_from(["ForAllValues:", "ForAnyValue:"]))
        operator = draw(st.sampled_from(["StringEquals", "StringLike", "StringNotLike"]))
        return {over + operator: {key: draw(st.lists(st.sampled_from(SETS[key]), min_size=1, max_size=2, unique=True))}}
    key = draw(st.sampled_from(sorted(TESTS)))
    operators, wanted = TESTS[key]
    operator = draw(st.sampled_from(operators)) + draw(st.sampled_from(["", "", "", "IfExists"]))
    # Whether a bare `*` is like any ARN the two others disagree on; ours says that it is, which makes more public.
    wanted = [text for text in wanted if text != "*" or not operator.startswith("Arn")]
    values = draw(st.lists(st.sampled_from(wanted), min_size=1, max_size=2, unique=True))
    return {operator: {draw(st.sampled_from([key, key.lower()])): values if len(values) > 1 else values[0]}}


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    actions = ["*", "s3:*", "S3:getobject", "s3:Get*", "s3:?utObject", *ACTIONS]
    resources = [
        "*",
        "arn:aws:s3:::data*",
        "arn:aws:s3:::data/*",
        "arn:aws:s3:::data/team/*",
        "arn:aws:s3:::d?ta",
        *RESOURCES,
    ]
    who: list[Any] = ["*", "*", "*", {"AWS": "*"}, {"AWS": ROLES[0]}, {"AWS": OWN}, {"Service": "sns.amazonaws.com"}]
    statement: dict[str, Any] = {
        "Effect": effect,
        draw(st.sampled_from(["Action"] * 4 + ["NotAction"])): draw(st.sampled_from(actions)),
        draw(st.sampled_from(["Resource"] * 4 + ["NotResource"])): draw(st.sampled_from(resources)),
    }
    if effect == "Deny" and draw(st.integers(0, 5)) == 0:
        statement["NotPrincipal"] = {"AWS": [ROLES[0], f"arn:aws:iam::{OWN}:root"]}
    else:
        statement["Principal"] = draw(st.sampled_from(who))
    condition: dict[str, Any] = {}
    for more in (draw(conditions()), draw(conditions())):
        condition = {**condition, **more}
    return statement | ({"Condition": condition} if condition else {})


@st.composite
def documents(draw: st.DrawFn) -> str:
    found = draw(st.lists(statements(), min_size=1, max_size=4))
    return json.dumps({"Version": "2012-10-17", "Statement": found})


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any, with keys of any value, whether anybody could make it or not."""
    caller = draw(
        st.sampled_from(
            [*(Caller(arn, arn) for arn in ROLES), Caller("sns", service="sns.amazonaws.com"), Caller("nobody")]
        )
    )
    context: dict[str, tuple[str, ...]] = {}
    for key, (_, wanted) in TESTS.items():
        if draw(st.booleans()):
            value = (
                draw(st.sampled_from(wanted)).replace("/8", "").replace("/16", "").replace("/24", "").replace("/1", "")
            )
            context[key.lower()] = (value.replace("::/0", "2001::1").replace("$", ""),)
    for key in SETS:
        if draw(st.booleans()):
            context[key.lower()] = tuple(
                draw(st.lists(st.sampled_from(["a", "o-own/r-1/", "o-other/r/"]), min_size=1, max_size=2))
            )
    if caller.arn:
        context |= {"aws:principalarn": (caller.arn,), "aws:principalaccount": (caller.account,)}
        context["aws:principalisawsservice"] = ("false",)
    return Request(caller, draw(st.sampled_from(ACTIONS)), draw(st.sampled_from(RESOURCES)), context)


@pytest.fixture(scope="module")
def simulate() -> Iterator[Judge | None]:
    """The second evaluator, where it is asked for."""
    folder = os.environ.get("PARAPET_IAM_SIMULATE")
    if not folder:
        yield None
        return
    script = Path(__file__).parent / "simulate" / "judge.mjs"
    process = subprocess.Popen(["node", script], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sent, told = process.stdin, process.stdout
    assert sent is not None
    assert told is not None

    def ask(case: dict[str, Any]) -> bool | None:
        sent.write(json.dumps(case) + "\n")
        sent.flush()
        found: bool = json.loads(told.readline())
        return found

    yield ask
    sent.close()
    process.wait(timeout=10)


Told = Callable[[str, Request], list[bool]]


@pytest.fixture(scope="module")
def others(judge: Judge, simulate: Judge | None) -> Told:
    """What the others say: whether a policy allows a request to which the caller's own policies have no objection."""

    def told(text: str, request: Request) -> list[bool]:
        policy, caller = json.loads(text), request.caller
        lists = {"aws:tagkeys", "aws:principalorgpaths"}
        keys = {name: list(values) if name in lists else values[0] for name, values in request.context.items()}
        asked = {"action": request.action, "resource": request.resource, "account": OWN, "keys": keys}
        found: list[bool | None] = []
        if caller.arn and caller.account != OWN:  # one's own need no word of the resource's policy
            everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
            identity = {"Version": "2012-10-17", "Statement": everything}
            policies = {"identity": [identity], "boundary": None, "session": None, "resource": policy}
            found.append(judge(asked | {"principal": caller.arn, "resourceDecides": False, "policies": policies}))
        if simulate is not None and caller.account != OWN:
            found.append(simulate(asked | {"principal": caller.arn or caller.service or None, "policy": policy}))
        return [each for each in found if each is not None]

    return told


def is_disputed(text: str, request: Request) -> bool:
    """A comparison with a variable that has no value: the others differ on it, and ours decides for neither."""
    named = {"${aws:username}": "aws:username", "${aws:ResourceTag/team}": "aws:resourcetag/team"}
    return any(variable in text and key not in request.context for variable, key in named.items())


def allows(document: Document, request: Request) -> bool:
    denied, allowed = verdict(document, request)
    return denied is None and allowed is not None


ALWAYS_THERE = {"aws:currenttime", "aws:securetransport"}
ALL = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


@settings(max_examples=examples(100), **ALL)
@given(text=documents(), request=requests())
def test_a_request_passes_here_where_it_passes_there(others: Told, text: str, request: Request) -> None:
    if is_disputed(text, request):
        return
    ours = allows(parse(text), request)
    for theirs in others(text, request):
        assert ours is theirs, f"{request}\n{text}"


def strangers(document: Document) -> list[Asker]:
    return [*outsiders(document), unsigned(document), *services(document, ["stranger.amazonaws.com"])]


@settings(max_examples=examples(100), **ALL)
@given(text=documents(), data=st.data())
def test_a_stranger_passes_where_one_is_found_and_nowhere_else(others: Told, text: str, data: st.DataObject) -> None:
    document = parse(text)
    if found := public(document, "s3"):
        assert is_disputed(text, found.request) or all(others(text, found.request)), f"{found.request}\n{text}"
        return
    for _ in range(4):  # anything that a stranger can ask
        asker = data.draw(st.sampled_from(strangers(document)))
        context = {}
        for key, values in made_up().items():
            choices = asker.choices(key)
            absent = [] if key in ALWAYS_THERE else [None]
            drawn = data.draw(st.sampled_from([*values, *absent] if choices is None else list(choices)))
            if drawn is not None:
                context[key] = drawn
        about = [RESOURCES[2]] if (action := data.draw(st.sampled_from(ACTIONS))) == "s3:ListBucket" else RESOURCES[:2]
        request = Request(asker.caller, action, data.draw(st.sampled_from(about)), context)
        if {"*", *RESOURCES} & spoken_of(document) and not is_disputed(text, request):
            assert not any(others(text, request)), f"{request}\n{text}"
        assert not allows(document, request), f"{request}\n{text}"


def spoken_of(document: Document) -> set[str]:
    return {text for each in document.statements for text in each.resources or ()}


def made_up() -> dict[str, list[tuple[str, ...]]]:
    values: dict[str, list[tuple[str, ...]]] = {
        key.lower(): [(text,) for text in wanted] for key, (_, wanted) in TESTS.items()
    }
    values["aws:username"] = [("eve",)]
    values["aws:vpcsourceip"] = [("10.1.2.3",), ("172.16.0.1",)]
    values["aws:currenttime"] = [("2026-03-01T00:00:00Z",), ("2027-01-01T00:00:00Z",)]
    return values | {key.lower(): [("a",), ("o-own/r-1/",), ("a", "b")] for key in SETS}
