"""A check of the model at once: the Job that its CronJob makes each day, and the report that it writes."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from cli.demo.shell import Failed, wait
from cli.gameday.world import World
from cluster import namespaces as ns
from local import processes

NAMESPACE: Final = ns.MONITORING.name
LASTS: Final = 120.0
"""Seconds in which a check has looked, on a machine that does other things besides."""
NEXT: Final = 0.75
"""The share of a window after whose end another one counts (`delivery/monitoring/daily/span.py`, NEW)."""


@dataclass
class Checks:
    """Those of one model."""

    world: World
    model: str
    of: str
    """Names their Jobs, as no other does: those of one demo, of one game day."""
    _made: int = 0
    _known: frozenset[str] = frozenset()
    _last: Mapping[str, Any] | None = None
    _window: timedelta = timedelta()
    """The longest that there was: one that follows soon on another begins where that ended."""

    def begin(self) -> None:
        """Starts one, once enough of a window has gone by since the last one."""
        if self._last:
            start, end = (_moment(self._last[each]) for each in ("start", "end"))
            self._window = max(self._window, end - start)
            time.sleep(max(0.0, (end + NEXT * self._window - datetime.now(UTC)).total_seconds() + 2))
        self._known = frozenset(self._reports())
        self._made += 1
        words = ("create", "job", self._job, f"--from=cronjob/check-{self.model}", f"--namespace={NAMESPACE}")
        self.world.shell.echo(f"kubectl {' '.join(words)}")
        self.world.kubectl(*words)

    def ended(self) -> Mapping[str, Any]:
        """What the one that was started last has found, as it wrote it; raises Failed with its words where it has not
        looked."""
        new = wait(LASTS, self._new, lambda: f"{self._job} has written no report: {self._said()}")
        self._last = json.loads(self._object(new))
        return self._last

    def run(self) -> Mapping[str, Any]:
        self.begin()
        return self.ended()

    def paged(self) -> bool:
        """Whether somebody is to be woken for drift of data, by what checks keep from one to the next."""
        state = json.loads(self._object(f"{self.place[1]}state.json"))
        opened = [each["alert"] for version in (state, *state["beside"]) for each in version["open"]]
        told = [(each["kind"], each["severity"]) for alert in opened for each in alert["tells"]]
        return ("data", "page") in told

    @property
    def _job(self) -> str:
        return f"check-{self.model}-{self.of}-{self._made}"

    @property
    def place(self) -> tuple[str, str]:
        """The bucket and the prefix of their reports."""
        return self.world.shell.exports["PARAPET_ARTIFACTS_BUCKET"], f"reports/model={self.model}/"

    def _new(self) -> str | None:
        if found := sorted(self._reports() - self._known):
            return found[-1]
        if "Failed" in self._phases():
            raise Failed(f"{self._job} could not look: {self._said()}")
        return None

    @cached_property
    def _s3(self) -> Any:
        return self.world.aws("s3")

    def _reports(self) -> set[str]:
        bucket, prefix = self.place
        found = self._s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}date=").get("Contents", [])
        return {each["Key"] for each in found if each["Key"].endswith(".json")}

    def _object(self, key: str) -> bytes:
        found: bytes = self._s3.get_object(Bucket=self.place[0], Key=key)["Body"].read()
        return found

    def _pods(self) -> list[dict[str, Any]]:
        of = urlencode({"labelSelector": f"batch.kubernetes.io/job-name={self._job}"})
        found: list[dict[str, Any]] = self.world.shell.found(f"/api/v1/namespaces/{NAMESPACE}/pods?{of}")["items"]
        return found

    def _phases(self) -> set[str]:
        return {str(each["status"].get("phase")) for each in self._pods()}

    def _said(self) -> str:
        for each in self._pods():
            log = self.world.workspace.logs / f"{NAMESPACE}-{each['metadata']['name']}.log"
            if log.exists():
                return f"\n{processes.last_words(log)}"
        return "there is no pod of it, or it was not started"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
