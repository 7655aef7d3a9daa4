"""Whatever a decision is given, nothing that names somebody gets into ledger, MLflow, bundle, answer or error.

Each thing that the registry reads has a mark in it; the free text of a reason is what a pattern can tell
(test_promotion.py), and a model's own files are those of who made it.
"""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from delivery.registry.__main__ import main
from delivery.registry.documents import canonical
from tests.delivery.registry.pretended import Answer, Pretended
from tests.delivery.registry.world import ALICE, ARTIFACTS, AUDIT, AUTHOR, FACTS, GOOD, MODEL, WHY, World

pytestmark = pytest.mark.data

MARK, NUMBER, BORN = "QZPLANTED Jane", "M990017231", "1937-03-17"
MARKED = f"{MARK} {NUMBER} {BORN}"
MARKS = ("QZPLANTED", "Jane", NUMBER, BORN)
FILES = {"model.onnx": b"three", "contract.json": b"{}"}


def registered(pretended: Pretended, files: dict[str, bytes] = FILES, **tags: str) -> None:
    told = {f"parapet.{name}": value for name, value in tags.items()}
    pretended.register(f"{MODEL}-dev", AUTHOR, files, {**FACTS, **told})


def report(world: World, **changed: Any) -> Path:
    file = world.report(b"three")
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    return file


def written(world: World, name: str, content: object) -> str:
    file = world.folder / name
    file.write_text(json.dumps(content))
    return str(file)


def approval(world: World, **changed: Any) -> dict[str, Any]:
    made = json.loads(canonical(world.approve(world.report(b"three"), ALICE)))
    made["statement"] |= changed
    return {"approvals": [written(world, "approval.json", made)]}


def tag_of_a_fact(world: World, pretended: Pretended) -> dict[str, Any]:
    registered(pretended, code=MARKED)
    return {}


def tag_that_nobody_reads(world: World, pretended: Pretended) -> dict[str, Any]:
    registered(pretended, note=MARKED)
    pretended.models[f"{MODEL}-dev"]["tags"]["about"] = MARKED
    return {}


def tag_of_who_started_it(world: World, pretended: Pretended) -> dict[str, Any]:
    registered(pretended, started_by=MARKED)
    return {}


def tag_of_a_report(world: World, pretended: Pretended) -> dict[str, Any]:
    registered(pretended, gates=MARKED)
    return {}


def file_beside(world: World, pretended: Pretended) -> dict[str, Any]:
    registered(pretended, {**FILES, "notes.txt": MARKED.encode()})
    return {}


def gates_name(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, gates=[{**GOOD, "name": MARKED}]))}


def gates_value(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, gates=[{**GOOD, "value": MARKED}]))}


def reports_field(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, **{MARKED: MARKED}))}


def reports_digest(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, declared=MARKED))}


def reports_contract(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, contract=MARKED))}


def reports_fact(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, facts={"dataset": MARKED}))}


def reports_reference(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"gates": str(report(world, reference={"model": MARKED, "contract": MARKED}))}


def report_that_is_none(world: World, pretended: Pretended) -> dict[str, Any]:
    file = report(world)
    file.write_text(MARKED)
    return {"gates": str(file)}


def reason(world: World, pretended: Pretended) -> dict[str, Any]:
    return {"why": f"Asked for {MARKED}, who was missed."}


def approvals_reason(world: World, pretended: Pretended) -> dict[str, Any]:
    return approval(world, reason=f"Asked for {MARKED}, who was missed.")


def approvals_account(world: World, pretended: Pretended) -> dict[str, Any]:
    return approval(world, approver=MARKED)


def approvals_field(world: World, pretended: Pretended) -> dict[str, Any]:
    return approval(world, **{MARKED: MARKED})


def approvals_gate(world: World, pretended: Pretended) -> dict[str, Any]:
    return approval(world, override=[MARKED])


def approvals_author(world: World, pretended: Pretended) -> dict[str, Any]:
    return approval(world, author=MARKED)


def approvals_stack(world: World, pretended: Pretended) -> dict[str, Any]:
    return approval(world, stack=MARKED)


def approvers_account(world: World, pretended: Pretended) -> dict[str, Any]:
    world.approvers.write_text(yaml.safe_dump([{"account": MARKED}]))
    return {}


def approvers_field(world: World, pretended: Pretended) -> dict[str, Any]:
    world.approvers.write_text(yaml.safe_dump([{"account": "a", MARKED: MARKED}]))
    return {}


def approvers_text(world: World, pretended: Pretended) -> dict[str, Any]:
    world.approvers.write_text(f"{{{MARKED}: [")
    return {}


def declared_gates(world: World, pretended: Pretended) -> dict[str, Any]:
    world.declared.write_text(f"{{{MARKED}: [")
    return {}


def gates_of_before(world: World, pretended: Pretended) -> dict[str, Any]:
    world.declared.with_name("earlier.yaml").write_text(yaml.safe_dump([{"digest": MARKED, "until": BORN}]))
    return {}


def answer_of_mlflow(world: World, pretended: Pretended) -> dict[str, Any]:
    answer = pretended.answer

    def marked(path: str, asked: dict[str, Any], account: str) -> Answer | bytes:
        if path.endswith("model-versions/create"):
            return 500, {"error_code": "INTERNAL_ERROR", "message": MARKED}
        return answer(path, asked, account)

    pretended.answer = marked  # type: ignore[method-assign]
    return {}


PLANTED: list[Callable[[World, Pretended], dict[str, Any]]] = [
    *(tag_of_a_fact, tag_that_nobody_reads, tag_of_who_started_it, tag_of_a_report, file_beside),
    *(gates_name, gates_value, reports_field, reports_digest, report_that_is_none, reason),
    *(reports_contract, reports_fact, reports_reference, approvals_author, approvals_stack),
    *(approvals_reason, approvals_account, approvals_field, approvals_gate),
    *(approvers_account, approvers_field, approvers_text, declared_gates, gates_of_before, answer_of_mlflow),
]
TAKEN = (tag_that_nobody_reads, file_beside)
"""What a decision does not look at, and goes on."""


def objects(bucket: str) -> str:
    s3 = boto3.client("s3")
    listed = s3.list_object_versions(Bucket=bucket).get("Versions", [])
    whole = [s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode("latin-1") for each in listed]
    return "\n".join([*whole, *(each["Key"] for each in listed)])


@pytest.mark.parametrize("planted", PLANTED, ids=lambda each: each.__name__)
def test_no_mark_is_told_or_kept(
    planted: Callable[[World, Pretended], dict[str, Any]],
    world: World,
    pretended: Pretended,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    pretended.sent = lambda path, asked: sent.append(f"{path} {asked}")
    for name, value in {**world.variables, "MLFLOW_TRACKING_USERNAME": "mia"}.items():
        monkeypatch.setenv(name, value)
    asked: dict[str, Any] = {"step": "promote", "model": MODEL, "to": "staging", "why": WHY, "approvals": []}
    asked |= {"version": None, "json": False, "approvers": str(world.approvers), "declared": str(world.declared)}
    asked |= {"gates": str(report(world))} | planted(world, pretended)
    if not pretended.models[f"{MODEL}-dev"]["versions"][2:]:
        registered(pretended)
    said = io.StringIO()
    statuses = []
    for step in ("promote", "verify", "list", "history"):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({**asked, "step": step})))
        with redirect_stdout(said), redirect_stderr(said):
            statuses.append(main())
    assert statuses[0] == (0 if planted in TAKEN else 1), said.getvalue()
    kept = "\n".join([said.getvalue(), *sent, objects(AUDIT), objects(ARTIFACTS)])
    assert len(sent) > (3 if planted in TAKEN else 0) or statuses[1] == 1, "it was not looked at"
    assert not [mark for mark in MARKS if mark in kept], kept
