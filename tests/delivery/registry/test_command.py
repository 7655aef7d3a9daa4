"""`./parapet model`: what a user types and gets, in delivery's own environment."""

import json
from pathlib import Path

import pytest

from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import ALICE, AUDIT, AUTHOR, MODEL, WHY, World
from tests.delivery.typed import typed

pytestmark = pytest.mark.process


def test_a_model_is_promoted_approved_taken_back_and_looked_at(
    reachable: World, pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(*arguments: str) -> str:
        told = typed(tmp_path, "model", *arguments)
        assert (told.returncode, "Traceback" in told.stderr) == (0, False), told.stderr
        return told.stdout

    gates = ("--gates", str(reachable.report(b"two")), "--why", WHY)
    monkeypatch.setenv("PARAPET_APPROVERS", str(reachable.approvers))
    monkeypatch.setenv("PARAPET_GATES", str(reachable.declared))
    assert f"{MODEL} version 1 serves in staging (entry 2)" in done("promote", MODEL, "--to", "staging", *gates)
    key = ("--key", str(reachable.people[ALICE]), "--account", ALICE)
    unsaid = typed(tmp_path, "model", "approve", MODEL, "--to", "prod", *gates, *key)
    assert (unsaid.returncode, "An approval says whose model it is" in unsaid.stderr) == (1, True), unsaid.stderr
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.delenv("PARAPET_AUDIT_BUCKET")
        nowhere = typed(tmp_path, "model", "approve", MODEL, "--to", "prod", *gates, *key, "--author", AUTHOR)
        assert (nowhere.returncode, "--bucket" in nowhere.stderr) == (2, True), nowhere.stderr
    # What the pipeline leaves beside its report says who registered the version.
    report = json.loads(Path(gates[1]).read_text())
    Path(gates[1]).with_name("registered.json").write_text(json.dumps({"model": report["model"], "author": AUTHOR}))
    assert "auroc is 0.81, must be at least 0.75" in done("approve", MODEL, "--to", "prod", *gates, *key)
    asked = ("--approval", "approval.json", "--json")
    told = json.loads(done("promote", MODEL, "--to", "prod", *gates, *asked))
    assert (told["environment"], told["version"], pretended.alias(f"{MODEL}-prod")) == ("prod", "1", "1")
    (listed,) = json.loads(done("list", "--json"))
    assert [each["environment"] for each in listed["serving"]] == ["staging", "prod"]
    assert f"approved by {ALICE}" in done("history", MODEL)
    assert "4 entries, each as it was signed and might be written, none missing" in done("verify")
    refused = typed(tmp_path, "model", "rollback", MODEL, "--why", WHY)
    assert refused.returncode == 1
    assert "no version before in prod: there is only one" in refused.stderr
    reachable.s3.put_object(Bucket=AUDIT, Key=f"models/{MODEL}/00000002.json", Body=b"{}")
    for name in ("not-shown", "\u202e"):
        reachable.s3.put_object(Bucket=AUDIT, Key=f"models/{name}/00000001.json", Body=b"{}")
    broken = typed(tmp_path, "model", "verify")
    assert broken.returncode == 3
    for says in (
        f"{MODEL} does not hold:\n    forked: entry 2 was written 2 times",
        "not-shown does not hold:\n    unread: MLflow shows mia no not-shown-prod",
        "models/ does not hold:\n    foreign: '\\u202e', below models/, is no name that one has",
    ):
        assert says in broken.stdout


def test_what_cannot_be_is_refused_in_words(reachable: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gates = ("--gates", "gone.json", "--why", WHY)
    open_key = tmp_path / "open.pem"
    open_key.write_bytes(reachable.people[ALICE].read_bytes())
    open_key.chmod(0o644)
    report = ("--gates", str(reachable.report(b"two")), "--why", WHY)
    sound = (*report, "--declared", str(reachable.declared))
    for arguments, says in (
        (("promote", MODEL, "--to", "staging", *gates), "The gate report gone.json cannot be read"),
        (("history", "../other"), "is no model's name"),
        (
            ("approve", MODEL, "--to", "prod", *sound, "--key", "open.pem", "--account", ALICE, "--author", AUTHOR),
            "has mode 644; it must be",
        ),
        (("promote", MODEL, "--to", "staging", *report), "The gate report is of other gates"),
        (("approve", MODEL, "--to", "prod", *report, "--key", "open.pem", "--account", ALICE), "is of other gates"),
    ):
        told = typed(tmp_path, "model", *arguments)
        assert (told.returncode, says in told.stderr, "Traceback" in told.stderr) == (1, True, False), told.stderr
    monkeypatch.setenv("PARAPET_SIGNING_KEY", "alias/none")
    told = typed(tmp_path, "model", "promote", MODEL, "--to", "staging", *sound)
    assert (told.returncode, "AWS refuses Sign" in told.stderr) == (1, True), told.stderr
    monkeypatch.delenv("PARAPET_AUDIT_BUCKET")
    told = typed(tmp_path, "model", "list")
    assert (told.returncode, "PARAPET_AUDIT_BUCKET: the stack's output" in told.stderr) == (1, True), told.stderr
