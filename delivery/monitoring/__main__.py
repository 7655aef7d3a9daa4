"""The drift monitor as a program: a JSON object on standard input says which files, the outcome is on standard output.

Exit status: 0 nothing drifted, 1 refused (the reason is on standard error), 3 something drifted. `./parapet drift` is
the command for people.
"""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from delivery.monitoring import page, telling
from delivery.monitoring.bounded import bounded
from delivery.monitoring.found import Check
from delivery.monitoring.running import check_files, profile_files
from delivery.registry import program
from delivery.registry.documents import canonical
from delivery.registry.refused import Refused

DRIFTED: Final = 3
RIGHTS: Final = (
    "Sign in as a role that may read the ledger and the models (policies `auditors` and `promoters`), or give files."
)
READS: Final = "Sign in as a role with the policy `responders` of the stack's output incidentPolicyArns."
MODEL: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}@(staging|prod)|[a-z0-9][a-z0-9_-]{0,49}")
"""NAME or NAME@ENVIRONMENT; a name with a dot in it is a file's, unless the environment is said."""


def _check(asked: Mapping[str, Any]) -> int:
    reference, files = asked["reference"], [Path(each) for each in asked["current"]]
    if len(reference) == 1 and MODEL.fullmatch(reference[0]) and not Path(reference[0]).exists():
        found = _of_a_model(asked, reference[0], files)
    else:
        options = {name: asked[name] for name in ("predictions", "labels", "by", "digest")}
        found = check_files([Path(each) for each in reference], files, **options)
    if asked["html"] is not None:
        page.write(found, Path(asked["html"]))
    print(canonical(found).decode() if asked["json"] else telling.checked(found))
    return DRIFTED if found.drifted else 0


def _of_a_model(asked: Mapping[str, Any], name: str, files: list[Path]) -> Check:
    from delivery.monitoring.daily.named import checked, serving
    from delivery.registry.desk import Desk

    if asked["by"] or asked["digest"]:
        raise Refused(
            "--by takes the reference's rows, and --digest is of a file: of a model by its name, the ledger says which "
            "profile it is. Leave them out."
        )
    with program.of_aws(RIGHTS, "; or give files"):
        model, profile = serving(Desk.by(Path(asked["approvers"]), Path(asked["declared"])), name)
    return checked(model, profile, files, asked["predictions"], asked["labels"])


def _report(asked: Mapping[str, Any]) -> int:
    from delivery.monitoring.daily.newest import age, newest

    with program.of_aws(READS):
        where, found = newest(asked["model"])
    if asked["html"] is not None:
        page.write(found, Path(asked["html"]))
    told = f"{where}\n{age(found, datetime.now(UTC))}\n{telling.checked(found)}"
    print(canonical(found).decode() if asked["json"] else told)
    return 0


def _profile(asked: Mapping[str, Any]) -> int:
    files = [Path(each) for each in asked["files"]]
    made = profile_files(files, Path(asked["out"]), asked["predictions"], asked["labels"])
    print(telling.profiled(made, asked["out"]))
    return 0


STEPS: Final[Mapping[str, Callable[[Mapping[str, Any]], int]]] = {
    "check": _check,
    "profile": _profile,
    "report": _report,
}


def main() -> int:
    return program.run(STEPS)


if __name__ == "__main__":
    sys.exit(bounded(main))
