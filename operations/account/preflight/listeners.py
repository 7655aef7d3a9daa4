"""Whether somebody listens to the stack's alerts: until a subscription takes them, each is published to nobody."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mlops.monitoring.alarms import ACCOUNT, ALERTS, DEADMAN
from mlops.monitoring.owners import FOLDER, owners
from mlops.monitoring.words import Severity
from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "listeners"
Attributes = Mapping[str, str]


def check(account: Account) -> Iterator[Finding]:
    """For pages and tickets of each boundary, for what AWS tells itself, which has no attributes, and for what tells
    that alerts are dead."""
    sns = account.access.client("sns")
    topics = [each["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for each in page["Topics"]]

    def of(called: str) -> str | None:
        # The engine puts digits of its own behind the name.
        own = re.compile(rf":{re.escape(account.settings.name)}-{called}(-[0-9a-f]{{7}})?$")
        return next((each for each in topics if own.search(each)), None)

    topic, by_aws, deadman = of(ALERTS), of(ACCOUNT), of(DEADMAN)
    if topic is None:
        yield ok(ABOUT, "the first up makes the topic of alerts: subscribe to it then (docs/alerts.md)")
        return
    filters = list(_filters(sns, topic))
    wanted: dict[str, Attributes] = {
        f"a {severity} of {each.boundary}": {"boundary": each.boundary, "severity": severity, "team": each.team}
        # A note goes out as a ticket (`platform/mlops/monitoring/routes.py`).
        for severity in (Severity.PAGE, Severity.TICKET)
        for each in owners(FOLDER).owners
    }
    lacks = [what for what, message in wanted.items() if not any(_takes(each, message) for each in filters)]
    if lacks:
        said = f"no confirmed subscription of {topic} takes {', '.join(lacks)}: nobody is told (docs/alerts.md)"
        yield to_do(ABOUT, said)
    else:
        yield ok(ABOUT, f"{len(filters)} of {topic}, by which pages and tickets of each boundary are taken")
    if by_aws is None:
        said = f"there is no topic {ACCOUNT} of {account.settings.name}: what AWS tells itself reaches nobody"
        yield to_do(ABOUT, f"{said}; the next up makes it, subscribe the pager to it then (docs/alerts.md)")
    by_telephone = [each for each in (topic, by_aws, deadman) if each and "sms" in _protocols(sns, each)]
    if by_telephone and sns.get_sms_sandbox_account_status()["IsInSandbox"]:
        said = f"{' and '.join(by_telephone)} is to reach a telephone, and the account is in the sandbox for SMS"
        yield to_do(
            ABOUT,
            f"{said}: it rings for numbers that were verified, and in the United States by an origination number alone."
            " Verify it, ask AWS for the way out, and try it (docs/alerts.md)",
        )
    for each, lost, listen in (
        (by_aws, "what AWS tells itself, such as a stopped trail or a finding, reaches nobody", "the pager"),
        (deadman, "that alerts are dead is told to nobody", "another way than the pager, such as a telephone"),
    ):
        if each and not any(_takes(one, {}) for one in _filters(sns, each)):
            said = f"no confirmed subscription without a filter of {each}: {lost}, for its messages have no attributes"
            yield to_do(ABOUT, f"{said}; subscribe {listen} (docs/alerts.md)")


def _protocols(sns: Any, topic: str) -> set[str]:
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return {each["Protocol"] for page in pages for each in page["Subscriptions"]}


def _filters(sns: Any, topic: str) -> Iterator[Mapping[str, Any] | None]:
    """Of each subscription that was confirmed; None for one that cannot be told from here."""
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for each in page["Subscriptions"]:
            if not each["SubscriptionArn"].startswith("arn:"):
                continue  # PendingConfirmation, or Deleted
            told = sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
            if told.get("PendingConfirmation", "false") != "true":
                by_body = told.get("FilterPolicyScope", "MessageAttributes") != "MessageAttributes"
                policy = told.get("FilterPolicy")
                yield None if by_body and policy else json.loads(policy) if policy else {}


def _takes(policy: Mapping[str, Any] | None, message: Attributes) -> bool:
    """As SNS matches (Amazon SNS Developer Guide, "Subscription filter policies", "Key matching"): one of the values of
    every key; and no policy with a key takes a message that has no attribute at all.

    A form that is not told from here takes nothing: rather a line too many than a page to nobody.
    """
    return (
        policy is not None
        and (not policy or bool(message))
        and all(
            isinstance(values, list) and any(_matches(each, message.get(key)) for each in values)
            for key, values in policy.items()
        )
    )


def _matches(wanted: Any, said: str | None) -> bool:
    match wanted:
        case str():
            return wanted == said
        case {"exists": bool(there)}:
            return there == (said is not None)
        case {"prefix": str(begins)}:
            return said is not None and said.startswith(begins)
        case {"anything-but": str() | list() as others}:
            return said is not None and said not in ([others] if isinstance(others, str) else others)
    return False
