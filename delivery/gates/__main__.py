"""The gates as a program: a JSON object on standard input says which files, the report is on standard output.

Exit status: 0 the model may go on, 1 refused (the reason is on standard error), 3 a gate stops it. `./parapet model
gate` is the command for people.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from delivery.data.injections import KINDS
from delivery.gates import telling
from delivery.gates.evaluating import Evidence, evaluate
from delivery.gates.report import agreed, for_promotion, overridden
from delivery.registry.documents import FACT, canonical
from delivery.registry.gates import FACTS, USUAL, WATCHED
from delivery.registry.refused import Refused

STOPPED: Final = 3
FILES: Final = ("candidate", "reference", "train", "test", "latency", "sbom", "contract", "production")


def gate(asked: Mapping[str, Any]) -> int:
    given = {name: Path(asked[name]) for name in FILES if asked[name]}
    injected = dict(_injected(text) for text in asked["injected"])
    facts = dict(_fact(text) for text in asked["facts"])
    evidence = Evidence(Path(asked["model"]), injected=injected, facts=facts, **given)
    report = evaluate(evidence, gates=Path(asked["gates"]))
    if asked["override"]:
        people = (asked["asked_by"] or "", asked["agreed_by"] or "")
        report = overridden(report, agreed(asked["override"], asked["why"] or "", *people))
    try:
        Path(asked["out"]).write_bytes(canonical(for_promotion(report)) + b"\n")
    except OSError as error:
        raise Refused(f"The report cannot be written to {asked['out']}: {error.strerror}.") from None
    print(canonical(report).decode() if asked["json"] else telling.told(report))
    return 0 if report.passed else STOPPED


def _injected(text: str) -> tuple[str, Path]:
    kind, _, path = text.partition("=")
    if kind not in KINDS or not path:
        raise Refused(f"--injected {text!r} is none of KIND=FILE; kinds are {', '.join(KINDS)}.")
    return kind, Path(path)


def _fact(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    names = (*FACTS, WATCHED, USUAL)
    if name not in names or not re.fullmatch(FACT, value):
        raise Refused(f"--fact is NAME=VALUE: a name is one of {', '.join(names)}, a value a digest or a commit.")
    return name, value


def main() -> int:
    try:
        return gate(json.load(sys.stdin))
    except Refused as error:
        print(f"parapet: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
