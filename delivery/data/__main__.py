"""The steps as a program: a JSON object on standard input says which and with what, the outcome is on standard output.

Exit status: 0 done, 1 refused (the reason is on standard error), 3 done, and something was quarantined. `./parapet
data` is the command for people; a container or a schedule starts this one. Paths and names come in the object and not
as arguments, so that whoever lists the machine's processes learns nothing of them.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from delivery.data import telling
from delivery.data.deidentification import deidentify
from delivery.data.generating import generate
from delivery.data.injections import Injection
from delivery.data.refused import Refused
from delivery.data.validation import validate

QUARANTINED: Final = 3


def _generate(asked: Mapping[str, Any]) -> int:
    injections = [Injection.read(text) for text in asked["inject"]]
    manifest = generate(asked["rows"], asked["seed"], Path(asked["out"]), injections)
    print(telling.generated(manifest, asked["out"]))
    return 0


def _validate(asked: Mapping[str, Any]) -> int:
    report = validate([Path(file) for file in asked["files"]], Path(asked["out"]))
    print(json.dumps(report.to_json()) if asked["json"] else telling.validated(report))
    return QUARANTINED if report.quarantined else 0


def _deidentify(asked: Mapping[str, Any]) -> int:
    made = deidentify([Path(file) for file in asked["files"]], Path(asked["key_file"]), Path(asked["out"]))
    print(json.dumps(asdict(made.card)) if asked["json"] else telling.deidentified(made, asked["out"]))
    return 0


STEPS: Final[Mapping[str, Callable[[Mapping[str, Any]], int]]] = {
    "generate": _generate,
    "validate": _validate,
    "deidentify": _deidentify,
}


def main() -> int:
    asked = json.load(sys.stdin)
    try:
        return STEPS[asked["step"]](asked)
    except Refused as error:
        print(f"parapet: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
