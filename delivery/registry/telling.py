"""What is told of the registry: plain values for programs, and lines for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from delivery.registry.approval import Statement
from delivery.registry.chain import Finding
from delivery.registry.desk import Desk, registered
from delivery.registry.documents import Environment, canonical
from delivery.registry.entry import Entry
from delivery.registry.gates import UNWATCHED, Report
from delivery.registry.promotion import Outcome
from delivery.registry.refused import Refused
from delivery.registry.verification import BESIDE, Kept


def listed(desk: Desk, model: str) -> dict[str, Any]:
    """What serves of a model, and whether MLflow says the same."""
    try:
        now = desk.state(model)
    except Refused as broken:  # which keeps nobody from the other models
        return {"name": model, "dev": [], "serving": [], "underWay": None, "refused": str(broken)}
    serving = []
    kept = desk.ledger(model).kept()
    for where in (Environment.STAGING, Environment.PROD):
        if served := now.serving(where):
            release = served.release
            serving.append(
                {
                    **{"environment": where, "version": release.version, "model": release.model},
                    **{"manifest": release.manifest, "author": served.source.author, "since": served.done.at},
                    "startedBy": served.source.started_by,
                    "alias": desk.mlflow.alias(registered(model, where)),
                    "place": desk.bundles.place(model, where, release.version),
                    "returned": _returned(kept, where),
                }
            )
    begun = now.under_way
    return {
        "name": model,
        "dev": [each.version for each in desk.mlflow.versions(registered(model, Environment.DEV))],
        "serving": serving,
        "underWay": entry(begun) if begun else None,
        "refused": None,
    }


def _returned(kept: Iterable[Kept], where: Environment) -> dict[str, str] | None:
    """The entry by which what serves there took its calls back, and its signature; none where it came by a promotion.
    With it a stack's settings prove it (platform/mlops/serving/returning.py)."""
    done = [each.signed for each in kept if each.signed and each.signed.entry.step == "done"]
    last = next((each for each in reversed(done) if each.entry.to is where), None)
    if last is None or last.entry.action != "rollback":
        return None
    return {"entry": canonical(last.entry).decode(), "signature": last.signature}


def entry(told: Entry) -> dict[str, Any]:
    """An entry, without the signatures."""
    return {
        **{"sequence": told.sequence, "at": told.at, "account": told.who.account, "role": told.who.role},
        **{"action": told.action, "step": told.step, "to": told.to, "why": told.why, "began": told.began},
        "version": told.release.version if told.release else None,
        "source": f"{told.source.environment}/{told.source.version}" if told.source else None,
        "gates": {gate.name: gate.value for gate in told.gates},
        "approvers": [each.statement.approver for each in told.approvals],
        "override": told.override,
        "digests": told.digests,
        "digest": told.digest,
    }


def approved(statement: Statement, report: Report) -> list[str]:
    """What an approver signs, a line for each thing that it is of."""
    reference = report.reference.model if report.reference else "nothing: it is said to be the first"
    facts = {"contract": report.contract, **(report.facts or {}), "author": statement.author}
    facts |= {"compared with": reference, "stack": statement.stack}
    passed = UNWATCHED in statement.override
    unwatched = statement.to is Environment.PROD and (passed or not report.watches([]))
    what = "noise" if report.watches([]) else "profile"
    lacks = f"    {'FAILED' if passed else 'lacks'}  {UNWATCHED}: no {what} is in the report"
    return [
        *(f"    {name:<13}  {value}" for name, value in facts.items()),
        *(f"    {'passed' if gate.passed else 'FAILED'}  {gate}" for gate in report.gates),
        *([lacks] if unwatched else []),
        "    The figures are the report's. That its predictions are this model's, the pipeline alone sees to, whose",
        "    versions have its digest as the tag parapet.gates: " + report.digest,
    ]


def outcome(found: Outcome) -> dict[str, Any]:
    served = found.served
    return {
        **{"name": served.done.model, "environment": served.done.to, "version": served.release.version},
        **{"model": served.release.model, "manifest": served.release.manifest, "place": found.place},
        **{"sequence": served.done.sequence, "finished": found.finished},
    }


def verified(model: str, kept: Sequence[Kept], found: Iterable[Finding]) -> dict[str, Any]:
    listed = [{"kind": each.kind, "sequence": each.sequence, "text": each.text} for each in found]
    return {"name": model, "entries": sum(not each.filled for each in kept), "findings": listed}


def list_lines(models: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = []
    for model in models:
        if model["refused"]:
            lines.append(model["refused"])
            continue
        lines.append(f"{model['name']}: {len(model['dev'])} versions in dev")
        for each in model["serving"]:
            lines.append(
                f"    {each['environment']:<8} version {each['version']} since {each['since']}, by {each['author']}, "
                f"{each['place']} {each['manifest']}"
            )
            if each["alias"] != each["version"]:
                lines.append(f"    MLflow says version {each['alias']}: the next decision mends that")
        if begun := model["underWay"]:
            lines.append(f"    under way to {begun['to']} since {begun['at']}, by {begun['account']}")
    return lines or ["No model is registered in dev, and none was promoted."]


def history_lines(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = []
    for each in entries:
        what = f"{each['action']} to {each['to']} {each['step']}" + (
            f", version {each['version']}" if each["version"] else ""
        )
        lines.append(f"{each['sequence']:>4}  {each['at']}  {each['account']}: {what}: {each['why']}")
        if each["approvers"]:
            passed = f", who let pass {', '.join(each['override'])}" if each["override"] else ""
            lines.append(f"      approved by {', '.join(each['approvers'])}{passed}")
    return lines or ["Nothing was decided yet."]


def outcome_line(told: Mapping[str, Any]) -> str:
    begun = "What was begun before is finished now: " if told["finished"] else ""
    return (
        f"{begun}{told['name']} version {told['version']} serves in {told['environment']} (entry {told['sequence']})\n"
        f"    {told['place']}\n    {told['manifest']}"
    )


def verified_lines(told: Mapping[str, Any]) -> list[str]:
    whole = f"{told['name']}: {told['entries']} entries, each as it was signed and might be written, none missing"
    lines = [f"    {each['kind']}: {each['text']}" for each in told["findings"]]
    if all(each["kind"] in BESIDE for each in told["findings"]):
        return [whole, *(["  and beside the ledger:", *lines] if lines else [])]
    return [f"{told['name']} does not hold:", *lines]
