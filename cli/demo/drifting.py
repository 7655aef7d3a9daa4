"""The step in which what a model is asked changes: found by its check, told by Alertmanager, gone back from by the
commands of `runbooks/data-drift.md`."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cli.demo.alerts import Pager
from cli.demo.calls import RECORDS, Caller
from cli.demo.outcome import Outcome, none_failed
from cli.demo.shell import Failed, wait
from cli.demo.walk import MODEL, Demo
from cli.gameday import marked, served

RUNBOOK: Final = "data-drift"
DRIFTED: Final = "drifted-data"
"""The game day whose runbook's commands these are."""
SOME: Final = 2000
"""Predictions on other data, before it is looked for."""
CONFIRMED: Final = 2
"""Windows in a row in which it must be there before somebody is woken (`delivery/monitoring/alerting.yaml`)."""
ANSWERS: Final = {
    "cause": "Vital signs and creatinine of another population: the demo sent them.",
    "model": "It went back to the version before, on the word of the demo.",
    "reference": "It is still right: what was asked was not what the model is for.",
}
"""To what the runbook asks."""


def drift(demo: Demo) -> Outcome:
    """From the first call on other data to the end of the incident."""
    version = str(demo.serving()["prod"]["version"])
    before = demo.checks.ended()
    if before["drifted"] or not before["enough"]:
        raise Failed(f"Of {before['rows']} predictions before, drift was found: {before['alerts']}.")
    pager = Pager.listens(demo.world, demo.alerts_topic)
    began, since = time.monotonic(), datetime.now(UTC)
    with demo.caller("theirs") as caller:
        found = noticed(demo, caller)
        told = pager.told(MODEL, since)
        after = time.monotonic() - began
        gone = _incident(demo, version, caller)
        none_failed(caller)
    columns = sorted(name for name, each in found[-1]["columns"].items() if each["drifted"] and each["kind"] == "data")
    (verified,) = demo.shell.json("incident", "verify", demo.incident)
    if verified["findings"]:
        raise Failed(f"The incident's record does not hold: {verified['findings']}")
    return Outcome(
        (
            f"The check of the calls before: {before['rows']:,} predictions, no drift.",
            f"Then {caller.calls * RECORDS:,} predictions on another population's records: drift of data in "
            f"{', '.join(columns)}, in {CONFIRMED} windows.",
            f"{told.subject}, told by Alertmanager to the topic's subscriber {after:.0f} s after the first of them.",
            f"Version {gone['version']} has all calls again {gone['seconds']} s after the runbook's command; of "
            f"{caller.calls:,} calls none failed.",
            f"{demo.incident} is closed: {verified['entries']} entries, each follows the one before, none missing.",
        ),
        f"./parapet incident show {demo.incident}",
        {
            "before": {each: before[each] for each in ("rows", "drifted")},
            "found": {"kind": found[-1]["kind"], "columns": columns, "windows": CONFIRMED},
            "alert": {"subject": told.subject, "text": told.text, "seconds": round(after, 1)},
            "incident": {"name": demo.incident, "entries": verified["entries"]},
            **gone,
            "calls": caller.calls,
            "failed": caller.failed,
        },
    )


def noticed(demo: Demo, caller: Caller) -> list[Mapping[str, Any]]:
    """What checks say of what is asked, in as many windows as somebody is woken after; raises Failed where it is no
    drift of data."""
    begun = caller.calls
    wait(60, lambda: (caller.calls - begun) * RECORDS >= SOME, lambda: f"only {caller.calls} calls were answered.")
    found = [demo.checks.run() for _ in range(CONFIRMED)]
    if other := [each for each in found if (each["drifted"], each["kind"]) != (True, "data")]:
        raise Failed(f"Drift of data should have been found, and was not: {other[0]['kind']}, {other[0]['alerts']}.")
    return found


def _incident(demo: Demo, version: str, caller: Caller) -> dict[str, Any]:
    """By the runbook: declared, what was found kept, gone back, closed."""
    run, name = demo.shell.run, demo.incident
    bucket, prefix = demo.checks.place
    run(
        *("incident", "start", RUNBOOK, "--model", MODEL, "--version", version, "--severity", "page", "--name", name),
        *(
            "--alert",
            f"ModelDrift/{MODEL}/data",
            "--text",
            "Vital signs and creatinine have moved since the last window.",
        ),
    )
    run(
        *("incident", "log", name, "--what", "kept", "--place", f"s3://{bucket}/{prefix}"),
        *("--text", "The reports of the checks, before and since."),
    )
    at = time.monotonic()
    for block in marked.mending(marked.runbook(demo.shell.workspace.root, RUNBOOK), DRIFTED):
        demo.world.run(block, served.named(demo))
    wait(60, lambda: served.serves(demo), lambda: "the version before has not got all calls.")
    seconds, calls = round(time.monotonic() - at, 1), caller.calls
    run("incident", "log", name, "--what", "recovered", "--text", "The version before has all calls again.")
    run(
        *("incident", "close", name, "--text", "Another population was asked about; the version before serves."),
        *(word for each, text in ANSWERS.items() for word in ("--answer", f"{each}={text}")),
        *("--out", str(demo.file("incident.md"))),
    )
    if caller.calls == calls:
        raise Failed("No call came in after the rollback.")
    return {"version": str(demo.serving()["prod"]["version"]), "seconds": seconds}
