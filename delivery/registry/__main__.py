"""The steps as a program: a JSON object on standard input says which and with what, the outcome is on standard output.

Exit status: 0 done, 1 refused (the reason is on standard error), 3 a ledger does not hold. `./parapet model` is the
command for people. Paths, reasons and passphrases come in the object, so that who lists processes learns nothing of
them.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from delivery.registry import approval, gates, program, promotion, telling
from delivery.registry.approvers import approvers
from delivery.registry.chain import Finding
from delivery.registry.desk import Desk
from delivery.registry.documents import NAME, Environment, canonical
from delivery.registry.held import held
from delivery.registry.ledger import PREFIX
from delivery.registry.program import Asked
from delivery.registry.refused import Refused
from delivery.registry.reviewed import reviewed
from delivery.registry.rules import FROM

BROKEN: Final = 3
REGISTERED: Final = "registered.json"
"""Beside a report that the pipeline made: which version it registered, and by whom."""
RIGHTS: Final = (
    "Sign in as a role that may promote, and look at PARAPET_AUDIT_BUCKET, PARAPET_ARTIFACTS_BUCKET and "
    "PARAPET_SIGNING_KEY."
)


def _list(asked: Asked) -> int:
    desk = _desk(asked)
    there = desk.models()
    for each in there.found:
        print(f"parapet: beside the ledgers lies what is of none: {each}", file=sys.stderr)
    found = [telling.listed(desk, model) for model in there.names]
    _tell(asked, found, telling.list_lines(found))
    return 0


def _history(asked: Asked) -> int:
    found = [telling.entry(each) for each in _desk(asked).state(_model(asked)).entries]
    _tell(asked, found, telling.history_lines(found))
    return 0


def _verify(asked: Asked) -> int:
    desk = _desk(asked)
    if asked["model"]:
        told = [telling.verified(_model(asked), *desk.verified(asked["model"]))]
    else:
        there = desk.models()
        told = [_verified(desk, model) for model in there.names]
        told += [telling.verified(f"{PREFIX}/", (), there.found)] if there.found else []
    _tell(asked, told, [line for each in told for line in telling.verified_lines(each)] or ["There is no ledger yet."])
    return BROKEN if any(each["findings"] for each in told) else 0


def _verified(desk: Desk, model: str) -> dict[str, Any]:
    try:
        return telling.verified(model, *desk.verified(model))
    except Refused as refused:  # which keeps nobody from the other ledgers
        return telling.verified(model, (), [Finding("unread", 0, str(refused))])


def _promote(asked: Asked) -> int:
    outcome = promotion.promote(
        _desk(asked),
        _model(asked),
        Environment(asked["to"]),
        report=gates.load(Path(asked["gates"])),
        why=asked["why"],
        version=asked["version"],
        approvals=[approval.load(Path(file)) for file in asked["approvals"]],
    )
    return _decided(asked, outcome)


def _rollback(asked: Asked) -> int:
    where = Environment(asked["to"])
    return _decided(asked, promotion.rollback(_desk(asked), _model(asked), where, asked["why"], asked["bad"]))


def _approve(asked: Asked) -> int:
    to = Environment(asked["to"])
    report, now = gates.load(Path(asked["gates"])), datetime.now(UTC)
    held(Path(asked["declared"])).check(report, now)
    if asked["reviews"]:
        people = approvers(Path(asked["approvers"]))
        approver, through = reviewed(Path(asked["reviews"]), asked["environment"], people, os.environ)
    else:
        approver, through = asked["approver"], None
    statement = approval.stated(
        report,
        approver=approver,
        through=through,
        model=_model(asked),
        author=asked["author"] or _author(Path(asked["gates"]), report),
        came_from=FROM[to],
        to=to,
        stack=asked["stack"],
        why=asked["why"],
        override=asked["override"],
        now=now,
        lasts=timedelta(hours=asked["hours"]),
    )
    lines = telling.approved(statement, report)
    if asked["key"] is None:
        asks = f"To be approved: {statement.model} {report.model} to {to} of {statement.stack}: {statement.reason}"
        print("\n".join([asks, *lines]))
        return 0
    out = Path(asked["out"])
    made = approval.signed(statement, Path(asked["key"]), asked["passphrase"])
    try:
        out.write_bytes(canonical(made) + b"\n")
    except OSError as error:
        raise Refused(
            f"The approval cannot be written to {out}: {error.strerror}. Name another file by --out."
        ) from None
    said = f"Approved by {approver} until {statement.expires}, in {out}: {report.model} to {to} of {statement.stack}"
    print("\n".join([said, *lines]))
    return 0


STEPS: Final[Mapping[str, Callable[[Asked], int]]] = {
    **{"list": _list, "history": _history, "verify": _verify},
    **{"promote": _promote, "rollback": _rollback, "approve": _approve},
}


def _desk(asked: Asked) -> Desk:
    return Desk.by(Path(asked["approvers"]), Path(asked["declared"]))


def _model(asked: Asked) -> str:
    name: str = asked["model"]
    if not re.fullmatch(NAME, name):
        raise Refused(f"{name!r} is no model's name: at most 50 of a-z, 0-9, dot and dash, without -ENVIRONMENT.")
    return name


def _author(gates_file: Path, report: gates.Report) -> str:
    """Who registered the version, by what the pipeline left beside the report. Raises Refused."""
    try:
        told = json.loads(gates_file.with_name(REGISTERED).read_bytes())
        if told["model"] == report.model:
            return str(told["author"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise Refused(
        "An approval says whose model it is. Give by --author the account that registered the version: MLflow shows "
        "it, and `./parapet model list --json` for what serves in staging."
    )


def _decided(asked: Asked, outcome: promotion.Outcome) -> int:
    told = telling.outcome(outcome)
    _tell(asked, told, [telling.outcome_line(told)])
    return 0


def _tell(asked: Asked, values: object, lines: list[str]) -> None:
    print(json.dumps(values) if asked["json"] else "\n".join(lines))


def main() -> int:
    return program.run(STEPS, program.of_aws(RIGHTS))


if __name__ == "__main__":
    sys.exit(main())
