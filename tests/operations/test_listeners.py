"""Whether somebody would be told of an alert, by the subscriptions of a local AWS API."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mlops.monitoring import routes
from mlops.monitoring.owners import FOLDER, owners
from mlops.monitoring.words import LABELS
from operations.account.preflight import State, listeners
from tests.operations.conftest import ACCOUNT
from tests.operations.test_preflight import Write, account
from tests.platform.project import PROJECT

PAGES = {"severity": ["page"]}
TICKETS = {"severity": ["ticket"]}
OR_NONE = {"severity": ["page", {"exists": False}]}
BOUNDARIES = ("data", "model", "platform", "security", "clinical")
NO_PAGE, NO_TICKET = ([f"a {severity} of {each}" for each in BOUNDARIES] for severity in ("page", "ticket"))


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("sns", region_name="us-east-1")


def test_before_there_is_a_topic_nobody_can_listen(sns: Any, write: Write) -> None:
    of = account(write)
    sns.create_topic(Name="parapet-another-alerts-0a1b2c3")
    sns.create_topic(Name=f"{of.settings.name}-heartbeat-0a1b2c3")
    (found,) = listeners.check(of)
    assert (found.state, "the first up makes the topic" in found.text) == (State.OK, True)


@pytest.mark.parametrize(
    ("policies", "lacks"),
    [
        ((), [*NO_PAGE, *NO_TICKET]),
        ((None,), []),
        ((PAGES,), NO_TICKET),
        ((OR_NONE,), NO_TICKET),
        ((OR_NONE, TICKETS), []),
        ((OR_NONE, {**TICKETS, "boundary": ["data", "model"]}), NO_TICKET[2:]),
        (
            ({**OR_NONE, "boundary": ["data", "model", {"exists": False}]}, TICKETS),
            NO_PAGE[2:],
        ),
        ((PAGES, TICKETS, {"boundary": [{"exists": False}]}), []),
        ((TICKETS,), NO_PAGE),
        ((None, TICKETS), []),
        (({"severity": [{"anything-but": ["ticket", "note"]}, {"exists": False}]},), NO_TICKET),
        (
            ({"team": [{"prefix": "M"}, {"exists": False}]},),
            [f"a {x} of {each}" for x in ("page", "ticket") for each in ("data", "security", "clinical")],
        ),
        (({"severity": [{"numeric": [">", 1]}]},), [*NO_PAGE, *NO_TICKET]),
    ],
)
def test_who_is_told_by_nobody_is_said(
    sns: Any, write: Write, policies: Sequence[dict[str, Any] | None], lacks: list[str]
) -> None:
    """What nobody confirmed tells nobody."""
    of = account(write)
    topic = sns.create_topic(Name=f"{of.settings.name}-alerts-0a1b2c3")["TopicArn"]
    for number, policy in enumerate(policies):
        to = f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager-{number}"
        attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=to, Attributes=attributes)
    found, *_ = listeners.check(of)
    assert found.state is (State.TO_DO if lacks else State.OK), found.text
    assert not lacks or f"takes {', '.join(lacks)}: nobody is told" in found.text


@pytest.mark.parametrize("file", ["docs/alerts.md", "docs/first-account.md"])
def test_who_subscribes_as_a_document_says_is_told_of_everything(sns: Any, write: Write, file: str) -> None:
    """SNS gives nobody what no filter takes, and counts no failure: of what is missing here nobody would ever hear."""
    of = account(write)
    topics = made(sns, of.settings.name)
    commands = re.findall(r"aws sns subscribe (?:.*\\\n)*.*", (PROJECT / file).read_text())
    for number, command in enumerate(commands):
        said = shlex.split(command.replace("\\\n", ""))
        attributes = json.loads(said[said.index("--attributes") + 1]) if "--attributes" in said else {}
        for topic in (name for name in topics if f"{name}TopicArn" in command):
            to = f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager-{number}"
            sns.subscribe(TopicArn=topics[topic], Protocol="sqs", Endpoint=to, Attributes=attributes)
    assert [each.state for each in listeners.check(of)] == [State.OK], list(listeners.check(of))


def made(sns: Any, stack: str) -> dict[str, str]:
    """The topics that people listen to, with their ARNs."""
    return {
        each: sns.create_topic(Name=f"{stack}-{each}-0a1b2c3")["TopicArn"] for each in ("alerts", "account", "deadman")
    }


def test_the_monthly_trial_comes_as_a_page_of_each_boundary_does(sns: Any) -> None:
    """By the topic, with what subscriptions choose by, in Alertmanager's words: that a pager takes these, and whom it
    calls, is seen before the first incident."""
    text = (PROJECT / "docs" / "first-account.md").read_text()
    (command,) = re.findall(r"aws sns publish (?:.*\\\n)*.*", text)
    said = shlex.split(command.replace("\\\n", ""))
    given = {name: said[said.index(name) + 1] for name in ("--subject", "--message", "--message-attributes")}
    message = (PROJECT / "docs" / "trial-page.txt").read_text()
    assert given["--message"] == "file://docs/trial-page.txt"
    told = routes.text("", "").partition("{{ if or")[0]
    assert [re.findall("^ +([a-z]+): ", each, re.MULTILINE) for each in (message, told)] == [
        [*LABELS[:-1], "runbook", "fingerprint"]
    ] * 2
    places = iter(("firing", "trial", "trial", "page"))
    assert re.sub(r"{{ .*? }}", lambda _: next(places), routes.SUBJECT) == given["--subject"]
    sqs = boto3.client("sqs", region_name="us-east-1")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    heard = {}
    for owner in owners(FOLDER).owners:
        queue = heard[owner] = sqs.create_queue(QueueName=f"pager-{owner.boundary}")["QueueUrl"]
        to = f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager-{owner.boundary}"
        chosen = {"severity": ["page"], "boundary": [owner.boundary], "team": [owner.team]}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=to, Attributes={"FilterPolicy": json.dumps(chosen)})
    for owner, queue in heard.items():
        attributes = given["--message-attributes"].replace("BOUNDARY", owner.boundary).replace("TEAM", owner.team)
        sns.publish(
            TopicArn=topic, Subject=given["--subject"], Message=message, MessageAttributes=json.loads(attributes)
        )
        (told,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        assert json.loads(told["Body"])["Message"] == message


@pytest.mark.parametrize(
    ("policies", "heard"),
    [
        ((), False),
        (({},), True),
        ((PAGES,), False),
        # It takes what has attributes, and not this one; of AWS's own none has any.
        ((OR_NONE,), False),
        (({"severity": [{"anything-but": ["ticket"]}]},), False),
        ((PAGES, {}), True),
    ],
)
@pytest.mark.parametrize("lacks", ["account", "deadman"])
def test_what_aws_tells_itself_needs_a_listener_that_chooses_nothing(
    sns: Any, write: Write, policies: Sequence[dict[str, Any]], heard: bool, lacks: str
) -> None:
    of = account(write)
    for topic, arn in made(sns, of.settings.name).items():
        for number, policy in enumerate(policies if topic == lacks else ({},)):
            to = f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager-{number}"
            attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
            sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=to, Attributes=attributes)
    found, *more = listeners.check(of)
    assert found.state is State.OK
    assert [each.state for each in more] == ([] if heard else [State.TO_DO])
    assert all(
        f"no confirmed subscription without a filter of {made(sns, of.settings.name)[lacks]}" in x.text for x in more
    )


def test_a_stack_of_before_is_told_to_make_the_topic_of_what_aws_tells_itself(sns: Any, write: Write) -> None:
    of = account(write)
    for topic in ("alerts", "deadman"):
        arn = sns.create_topic(Name=f"{of.settings.name}-{topic}-0a1b2c3")["TopicArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager")
    assert [(each.state, "the next up makes it" in each.text) for each in listeners.check(of)] == [
        (State.OK, False),
        (State.TO_DO, True),
    ]


@pytest.mark.parametrize("in_sandbox", [True, False])
@pytest.mark.parametrize("topic", ["alerts", "account", "deadman"])
def test_a_telephone_that_would_not_ring_is_told(
    sns: Any, write: Write, topic: str, in_sandbox: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SMS is confirmed by itself, and a new account delivers it to nobody (Amazon SNS Developer Guide, "SMS
    sandbox")."""
    of = account(write)
    arns = made(sns, of.settings.name)
    for arn in arns.values():
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager")
    assert [each.state for each in listeners.check(of)] == [State.OK], "without one nobody asks for the sandbox"
    sns.subscribe(TopicArn=arns[topic], Protocol="sms", Endpoint="+15555550100")
    monkeypatch.setattr(sns, "get_sms_sandbox_account_status", lambda: {"IsInSandbox": in_sandbox})
    monkeypatch.setattr("operations.account.access.Access.client", lambda *_: sns)
    found, *more = listeners.check(of)
    assert found.state is State.OK
    assert [each.state for each in more] == ([State.TO_DO] if in_sandbox else [])
    assert all(f"{arns[topic]} is to reach a telephone, and the account is in the sandbox" in x.text for x in more)


@pytest.mark.parametrize("state", ["PendingConfirmation", "Deleted"])
def test_a_subscription_that_nobody_confirmed_counts_for_nothing(
    sns: Any, write: Write, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = account(write)
    sns.create_topic(Name=f"{of.settings.name}-alerts")
    pages = {"list_topics": {"Topics": sns.list_topics()["Topics"]}}
    pages["list_subscriptions_by_topic"] = {"Subscriptions": [{"SubscriptionArn": state, "Protocol": "https"}]}

    class Client:
        def get_paginator(self, name: str) -> Any:
            return type("Paginator", (), {"paginate": lambda *_, **__: [pages[name]]})()

    monkeypatch.setattr("operations.account.access.Access.client", lambda *_: Client())
    found, *_ = listeners.check(of)
    assert found.state is State.TO_DO
