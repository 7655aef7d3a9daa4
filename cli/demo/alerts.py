"""Somebody who listens: a queue of SQS, subscribed to the stack's topic as a pager is, to pages alone.

Who reads tickets has a subscription of their own (docs/alerts.md), and a demo waits for what wakes somebody: were it
subscribed to both, a page that lost its severity on its way would be heard all the same.
"""

import json
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from cli.demo.shell import Failed, wait
from cli.gameday.world import World
from local.kubernetes import live
from local.kubernetes.live import alertmanager

QUEUE: Final = "parapet-demo-pages"
HIDDEN: Final = 5
"""Seconds for which what was read is handed out to nobody."""
ARRIVES: Final = 120.0
"""Seconds from what a check found to whoever is paged: a scrape, a look at the rules, Alertmanager's wait for more."""


@dataclass(frozen=True)
class Message:
    """What a subscriber is sent."""

    at: datetime
    subject: str
    text: str

    def says(self, *words: str) -> bool:
        return all(each in self.text for each in words)


@dataclass(frozen=True)
class Pager:
    """The queue; what is read stays there, for who looks."""

    world: World
    url: str
    sqs: Any
    _read: dict[str, Message] = field(default_factory=dict)
    """By the ids of SQS."""

    @classmethod
    def listens(cls, world: World, topic: str) -> "Pager":
        """The same one each time."""
        sqs, sns = world.aws("sqs"), world.aws("sns")
        url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        from_topic = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [from_topic]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        pages = {"FilterPolicy": json.dumps({"severity": ["page"]})}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=pages)
        return cls(world, url, sqs)

    def told(self, model: str, since: datetime) -> Message:
        """The page of the model's drift; raises Failed where none comes.

        An alert that was open before, as another demo leaves one, is told again each few hours and not at once: then it
        is the one that was told of it.
        """

        def look() -> Message | None:
            found = self._of(model, "firing")
            before = self.open(model)
            new = [each for each in found if each.at >= since or (before and before < since)]
            return max(new, key=lambda each: each.at, default=None)

        return wait(ARRIVES, look, lambda: f"nobody was told of drift of {model}: {self._messages()}")

    def rings(self, model: str) -> Message | None:
        """What was told of the page that is open, since it is."""
        began = self.open(model)
        new = [each for each in self._of(model, "firing") if began and each.at >= began]
        return max(new, key=lambda each: each.at, default=None)

    def _of(self, model: str, status: str) -> list[Message]:
        words = (f"{status} since ", "alertname: ModelDrift", f"model: {model}", "kind: data")
        return [each for each in self._messages() if each.says(*words)]

    def _messages(self) -> list[Message]:
        """All: SQS hands out ten at a time, and those that it has for a while to nobody else."""
        asked = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": HIDDEN}
        while found := self.sqs.receive_message(**asked).get("Messages"):
            for each in found:
                told = json.loads(each["Body"])
                at = datetime.fromisoformat(told["Timestamp"])
                self._read[each["MessageId"]] = Message(at, told["Subject"], told["Message"])
        return list(self._read.values())

    def open(self, model: str) -> datetime | None:
        """Since when Alertmanager has the page open; raises Failed where it does not answer."""
        wanted = ['alertname="ModelDrift"', f'model="{model}"', 'kind="data"', 'severity="page"']
        host = f"{live.network(self.world.workspace)}.{alertmanager.ADDRESS}:{alertmanager.PORT}"
        address = f"http://{host}/api/v2/alerts?{urlencode({'filter': wanted}, doseq=True)}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                found: list[dict[str, Any]] = json.load(answer)
        except OSError as error:
            raise Failed(f"Alertmanager does not answer at {host}: {error}.") from None
        return min((datetime.fromisoformat(each["startsAt"]) for each in found), default=None)
