"""The alerts as a program: a JSON object on standard input says which files, what came of it is on standard output.

`{"learn": [CHECK, ...], "noise": FILE}` writes what the reference's own windows are like. `{"state": FILE, "check":
CHECK, "noise": FILE or null, "every": seconds, "metrics": FILE or null}` takes one window more: the state is read,
unless there is none yet, and written; the answer has the alerts that begin, go on and end, and Alertmanager's body. A
CHECK is a file of `./parapet drift check --json`. Exit status: 0 done, 1 refused (the reason is on standard error).
"""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from delivery.monitoring.alerting.advancing import advance, begin
from delivery.monitoring.alerting.declared import declared
from delivery.monitoring.alerting.documents import read_state
from delivery.monitoring.alerting.noise import learn, read_noise
from delivery.monitoring.alerting.telling import for_alertmanager, metrics
from delivery.monitoring.alerting.versions import alerts
from delivery.monitoring.found import Check
from delivery.registry.documents import moment, read
from delivery.registry.refused import Refused


def learnt(asked: Mapping[str, Any]) -> dict[str, Any]:
    found = learn((_check(path) for path in asked["learn"]), declared().fewest_windows)
    if not found:
        raise Refused(
            f"Nothing can be learnt of {len(asked['learn'])} windows: give checks of at least "
            f"{declared().fewest_windows} of the reference's own windows, each against the whole reference."
        )
    _write(Path(asked["noise"]), found.raw)
    return {"signals": len(found.signals)}


def advanced(asked: Mapping[str, Any]) -> dict[str, Any]:
    check, place = _check(asked["check"]), Path(asked["state"])
    state = read_state(_bytes(place)) if place.exists() else begin(check)
    noise = read_noise(_bytes(Path(asked["noise"]))) if asked["noise"] else None
    step = advance(state, check, noise, declared())
    before, after = (alerts(each) for each in (state, step.state))
    every = timedelta(seconds=asked["every"])
    posted = for_alertmanager(before, after, moment(check.at), every)
    if asked["metrics"]:
        _write(Path(asked["metrics"]), metrics(step.state).encode())
    _write(place, step.state.raw)  # last: what failed before is done again
    told = {"begins": step.begins, "goes_on": step.goes_on, "ends": step.ends, "alertmanager": posted}
    return dict(msgspec.to_builtins(told))


def _check(path: str) -> Check:
    return read(_bytes(Path(path)), Check, f"The check {path}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from None


def _write(path: Path, raw: bytes) -> None:
    """Whole, or not at all."""
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_bytes(raw + b"\n")
        draft.replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}.") from None


def main() -> int:
    try:
        asked = json.load(sys.stdin)
        print(json.dumps(learnt(asked) if "learn" in asked else advanced(asked)))
    except Refused as error:
        print(f"parapet: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
