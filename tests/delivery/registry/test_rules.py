"""Who may sign and write, and does so by other means than a promotion, is found by who verifies and who decides."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from delivery.registry import approval, documents, gates, promotion
from delivery.registry.approval import Approval
from delivery.registry.bundle import manifest
from delivery.registry.chain import Finding
from delivery.registry.documents import Environment, digest
from delivery.registry.entry import Entry, Release, Source
from delivery.registry.gates import Report
from delivery.registry.held import kept
from delivery.registry.refused import Lost, Refused
from delivery.registry.rules import Rules, staged
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import ALICE, AUDIT, AUTHOR, BAD, BOB, FACTS, GOOD, MODEL, WHY, World

pytestmark = pytest.mark.data

DEV, STAGING, PROD = Environment.DEV, Environment.STAGING, Environment.PROD
NOBODY = f"sha256:{'0' * 64}"


class Unruly(Rules):
    """Of somebody who writes what they like."""

    def check(self, now: object, entry: object) -> None:
        pass


def amiss(world: World) -> list[Finding]:
    return world.desk().verified(MODEL)[1]


def written(world: World, *, after: timedelta = timedelta(), **fields: Any) -> Entry:
    """An entry that is signed and in its place, whatever is in it."""
    desk = replace(world.desk("mallory", after), rules=Unruly(world.rules.people, world.rules.held, world.rules.stack))
    return desk.write(desk.state(MODEL), MODEL, **{"action": "promote", "why": WHY, **fields})


def begun(world: World, to: Environment = PROD, report: Report | None = None, **changed: Any) -> Entry:
    """As a promotion begins, without what a promotion asks for."""
    now = world.desk().state(MODEL)
    told = report or gates.load(world.report(b"two"))
    source, digests, sizes = staged(now)
    fields: dict[str, Any] = {"source": source, "sizes": sizes}
    fields["digests"] = {**digests, **told.digests}
    fields |= {"gates": told.gates, "override": sorted(gate.name for gate in told.failed), "approvals": []}
    return written(world, to=to, step="begun", **fields | changed)


def ended(world: World, entry: Entry, version: str = "1", **changed: Any) -> Entry:
    release = Release(version, entry.digests["model"], digest(manifest(entry, version)))
    return written(world, to=entry.to, step="done", began=entry.sequence, release=release, **changed)


def unapproved(world: World) -> None:
    begun(world)


def by_its_author(world: World) -> None:
    begun(world, approvals=[world.approve(world.report(b"two"), AUTHOR)])


def by_nobody_who_counts(world: World) -> None:
    begun(world, approvals=[world.approve(world.report(b"two"), "mallory", key=world.people[ALICE])])


def in_anothers_name(world: World) -> None:
    begun(world, approvals=[world.approve(world.report(b"two"), ALICE, key=world.people[BOB])])


def of_another_model(world: World) -> None:
    begun(world, approvals=[world.approve(world.report(b"one"))])


def of_another_report(world: World) -> None:
    other = world.approve(world.report(b"two", {**GOOD, "value": 0.9}))
    begun(world, approvals=[other])


def for_another_way(world: World) -> None:
    begun(world, approvals=[world.approve(world.report(b"two"), came_from=DEV, to=STAGING)])


def of_another_stack(world: World) -> None:
    begun(world, approvals=[world.approve(world.report(b"two"), stack="audit-of-others")])


def too_late(world: World) -> None:
    made = world.approve(world.report(b"two"), now=datetime.now(UTC) - timedelta(hours=9))
    begun(world, approvals=[made])


def dated_back(world: World) -> None:
    made = world.approve(world.report(b"two"), now=datetime.now(UTC) - timedelta(hours=9))
    begun(world, approvals=[made], after=-timedelta(hours=8))


def used_before(world: World) -> None:
    world.promote(b"two", PROD)
    world.promote(b"one", STAGING, version="1")
    report = world.report(b"one")
    approval = world.approve(report)
    world.promote(b"one", PROD, approval)
    promotion.rollback(world.desk(), MODEL, PROD, WHY)
    begun(world, report=gates.load(report), approvals=[approval])


def by_one_where_gates_failed(world: World) -> None:
    report = world.report(b"two", GOOD, BAD)
    begun(world, report=gates.load(report), approvals=[world.approve(report, override=["recall"])])


def with_failed_gates_that_nobody_named(world: World) -> None:
    report = gates.load(world.report(b"two", GOOD, BAD))
    begun(
        world,
        report=report,
        override=[],
        approvals=[world.approve(world.report(b"two"), each) for each in (ALICE, BOB)],
    )


def with_a_gate_that_is_said_to_have_passed(world: World) -> None:
    told = gates.load(world.report(b"two", GOOD, BAD))
    passed = [msgspec.structs.replace(each, passed=True) for each in told.gates]
    begun(world, report=msgspec.structs.replace(told, gates=passed))


def with_other_gates_than_its_report(world: World) -> None:
    told = gates.load(world.report(b"two"))
    begun(
        world,
        gates=[msgspec.structs.replace(told.gates[0], value=0.99)],
        approvals=[world.approve(world.report(b"two"))],
    )


def of_other_gates(world: World) -> None:
    told = msgspec.structs.replace(gates.load(world.report(b"two")), declared=NOBODY)
    file = world.folder / "other.json"
    file.write_bytes(msgspec.json.encode(told))
    begun(world, report=told, approvals=[world.approve(file)])


def of_gates(world: World, *listed: dict[str, Any]) -> None:
    """A report by which the gates are declared, whose gates are these; approved."""
    report = world.report(b"two", *listed)
    begun(world, report=gates.load(report), approvals=[world.approve(report)])


def of_a_gate_of_its_own(world: World) -> None:
    of_gates(world, {"name": "is-a-model", "value": 1.0, "minimum": 0.0, "rows": 0, "passed": True})


def of_fewer_gates(world: World) -> None:
    of_gates(world, *world.passing()[:1])


def of_more_gates(world: World) -> None:
    of_gates(world, *world.passing(), {**GOOD, "name": "brier"})


def of_a_bound_of_its_own(world: World) -> None:
    first, second = world.passing()
    of_gates(world, first, {**second, "minimum": 0.1})


def of_a_second_bound(world: World) -> None:
    first, second = world.passing()
    of_gates(world, first, {**second, "maximum": 0.9})


def said_to_be_measured(world: World) -> None:
    """What says of a gate that it could not be measured, and passes."""
    first, _ = world.passing()
    of_gates(world, first, {"name": "recall.measured", "value": 1.0, "minimum": 1.0, "rows": 0, "passed": True})


def approved(world: World, report: dict[str, Any], **changed: Any) -> None:
    """By a report that says otherwise, and an approval of it, or of the decision."""
    file = world.report(b"two", **report)
    begun(world, report=gates.load(file), approvals=[world.approve(file, **changed)])


def of_another_contract(world: World) -> None:
    """Of the same bytes of the model: the report and the approval were made of another way to ask it."""
    approved(world, {"contract": b"another"})


def of_another_data_set(world: World) -> None:
    facts = {name.removeprefix("parapet."): value for name, value in FACTS.items()}
    approved(world, {"facts": {**facts, "dataset": NOBODY}})


def of_another_authors_version(world: World) -> None:
    approved(world, {}, author=BOB)


def compared_with_another(world: World) -> None:
    approved(world, {"reference": {"model": NOBODY, "contract": digest(b"{}")}})


def compared_with_nothing(world: World) -> None:
    world.promote(b"two", PROD)
    world.promote(b"one", STAGING, version="1")
    file = world.report(b"one", reference=None)
    begun(world, report=gates.load(file), approvals=[world.approve(file)])


def compared_by_another_contract(world: World) -> None:
    world.promote(b"two", PROD)
    world.promote(b"one", STAGING, version="1")
    file = world.report(b"one", reference={"model": digest(b"two"), "contract": NOBODY})
    begun(world, report=gates.load(file), approvals=[world.approve(file)])


def half_of_a_reference(world: World) -> None:
    _, digests, _ = staged(world.desk().state(MODEL))
    told = gates.load(world.report(b"two"))
    half = {name: value for name, value in told.digests.items() if name != "reference.contract"}
    begun(world, digests={**digests, **half}, approvals=[world.approve(world.report(b"two"))])


def what_is_no_digest(world: World) -> None:
    _, digests, _ = staged(world.desk().state(MODEL))
    told = gates.load(world.report(b"two")).digests | {"reference": "x", "reference.contract": "y"}
    begun(world, digests={**digests, **told}, approvals=[world.approve(world.report(b"two"))])


def of_the_form_of_before(world: World) -> None:
    """Which says nothing of contract, version and reference."""
    begun_before(world)


def by_an_approval_of_the_form_of_before(world: World) -> None:
    report = gates.load(world.report(b"two"))
    begun(world, report=report, approvals=[signed_before(world, report)])


def report_before(world: World) -> Report:
    told = gates.load(world.report(b"two"))
    return Report("parapet-gates/1", told.model, told.declared, told.gates)


def signed_before(world: World, report: Report) -> Approval:
    """As approvals were until they named contract and author."""
    now = datetime.now(UTC)
    told = {"format": "parapet-approval/1", "approver": ALICE, "model": MODEL, "digest": report.model}
    told |= {"gates": report.digest, "came_from": STAGING, "to": PROD, "override": [], "reason": WHY}
    told |= {"stack": AUDIT, "made": documents.written(now), "expires": documents.written(now + timedelta(hours=1))}
    return approval.signed(msgspec.convert(told, approval.Statement), world.people[ALICE], None)


def begun_before(world: World) -> Entry:
    report = report_before(world)
    return begun(world, report=report, approvals=[signed_before(world, report)])


def without_staging(world: World) -> None:
    begun(world, source=Source(STAGING, "7", AUTHOR), approvals=[world.approve(world.report(b"two"))])


def past_staging(world: World) -> None:
    begun(world, source=Source(DEV, "2", AUTHOR), approvals=[world.approve(world.report(b"two"))])


def without_who_started_it(world: World) -> None:
    begun(world, source=Source(STAGING, "1", AUTHOR, "carol"), approvals=[world.approve(world.report(b"two"))])


def of_uncommitted_files(world: World) -> None:
    source, digests, _ = staged(world.desk().state(MODEL))
    told = gates.load(world.report(b"two"))
    digests |= {"code": "3f2a9c1e-and-changes", **told.digests}
    begun(world, digests=digests, source=source, approvals=[world.approve(world.report(b"two"))])


def in_another_authors_name(world: World) -> None:
    begun(world, source=Source(STAGING, "1", BOB), approvals=[world.approve(world.report(b"two"))])


def begun_twice(world: World) -> None:
    approval = world.approve(world.report(b"two"))
    begun(world, approvals=[approval])
    begun(world, approvals=[approval])


def done_of_another_manifest(world: World) -> None:
    entry = begun(world, approvals=[world.approve(world.report(b"two"))])
    release = Release("1", entry.digests["model"], NOBODY)
    written(world, to=PROD, step="done", began=entry.sequence, release=release)


def done_of_another_model(world: World) -> None:
    entry = begun(world, approvals=[world.approve(world.report(b"two"))])
    written(world, to=PROD, step="done", began=entry.sequence, release=Release("1", NOBODY, NOBODY))


def done_elsewhere(world: World) -> None:
    entry = begun(world, approvals=[world.approve(world.report(b"two"))])
    release = Release("2", entry.digests["model"], digest(manifest(entry, "2")))
    written(world, to=STAGING, step="done", began=entry.sequence, release=release)


def done_without_a_beginning(world: World) -> None:
    first = world.desk().state(MODEL).entries[0]
    ended(world, first, "2")


def done_too_late(world: World) -> None:
    entry = begun(world, approvals=[world.approve(world.report(b"two"))])
    ended(world, entry, after=timedelta(hours=9))


def given_up_with_a_release(world: World) -> None:
    entry = begun(world, approvals=[world.approve(world.report(b"two"))])
    release = Release("1", entry.digests["model"], digest(manifest(entry, "1")))
    written(world, to=PROD, step="void", began=entry.sequence, release=release)


def back_to_what_never_served(world: World) -> None:
    now = world.desk().state(MODEL)
    source, digests, _ = staged(now)
    written(
        world,
        action="rollback",
        step="done",
        to=PROD,
        source=source,
        digests=digests,
        release=Release("9", NOBODY, NOBODY),
    )


def back_to_another(world: World) -> None:
    world.promote(b"one", STAGING, version="1")
    first = world.desk().state(MODEL).entries[0]
    release = Release("7", first.digests["model"], NOBODY)
    written(
        world, action="rollback", step="done", to=STAGING, source=first.source, digests=first.digests, release=release
    )


FORGED = [
    *(unapproved, by_its_author, by_nobody_who_counts, in_anothers_name, of_another_model, of_another_report),
    *(
        for_another_way,
        of_another_stack,
        too_late,
        dated_back,
        used_before,
        by_one_where_gates_failed,
        without_staging,
        past_staging,
    ),
    *(
        of_other_gates,
        of_a_gate_of_its_own,
        of_fewer_gates,
        of_more_gates,
        of_a_bound_of_its_own,
        of_a_second_bound,
        said_to_be_measured,
        of_another_contract,
        of_another_data_set,
        of_another_authors_version,
        compared_with_another,
        compared_with_nothing,
        compared_by_another_contract,
        half_of_a_reference,
        what_is_no_digest,
        of_the_form_of_before,
        by_an_approval_of_the_form_of_before,
        with_failed_gates_that_nobody_named,
        with_a_gate_that_is_said_to_have_passed,
        with_other_gates_than_its_report,
    ),
    *(
        of_uncommitted_files,
        in_another_authors_name,
        without_who_started_it,
        begun_twice,
        done_of_another_manifest,
        done_of_another_model,
        done_elsewhere,
    ),
    *(done_without_a_beginning, done_too_late, given_up_with_a_release, back_to_what_never_served, back_to_another),
]


@pytest.mark.parametrize("forged", FORGED, ids=lambda each: each.__name__)
def test_what_a_promoter_writes_alone_is_found_and_nothing_is_decided_on_it(
    world: World, forged: Callable[[World], None]
) -> None:
    world.hold_to(GOOD, BAD)
    world.promote(b"two", STAGING)
    assert not amiss(world)
    forged(world)
    (found,) = amiss(world)
    last = len(world.desk().ledger(MODEL).kept())
    assert (found.kind, found.sequence) == ("unapproved", last)
    assert f"entry {last} might not be written: " in found.text
    with pytest.raises(Refused, match="does not hold, and nothing is decided on it:\n    unapproved: entry"):
        promotion.rollback(world.desk(), MODEL, STAGING, WHY)


def test_what_is_as_it_must_be_is_found_so(world: World, pretended: Pretended) -> None:
    """The same entry as of a promotion, so that the forged ones above fail by what they forge."""
    world.promote(b"two", STAGING)
    entry = begun(world, approvals=[world.approve(world.report(b"two"))])
    assert not amiss(world)
    ended(world, entry)
    assert not amiss(world)


def test_gates_change_by_review_and_what_was_decided_by_those_before_holds(world: World) -> None:
    world.promote(b"one", STAGING, version="1")
    before, now = world.rules.held.now, datetime.now(UTC)
    said = world.declared.read_text()
    world.declared.write_text(f"# said otherwise\n{json.dumps(yaml.safe_load(said))}\n")
    assert not amiss(world)
    late = world.report(b"two")
    world.hold_to(GOOD, BAD)
    (found,) = amiss(world)
    assert f"The gate report is of other gates ({before})" in found.text
    earlier = world.declared.with_name("earlier.yaml")
    earlier.write_text(yaml.safe_dump([{"digest": before, "until": now - timedelta(minutes=1)}]))
    assert [each.kind for each in amiss(world)] == ["unapproved"]
    earlier.write_text(yaml.safe_dump([{"digest": before, "until": now + timedelta(minutes=1)}]))
    (found,) = amiss(world)
    assert f"gates of before ({before}), and what they said is not kept" in found.text
    kept(world.declared, before).parent.mkdir()
    kept(world.declared, before).write_text(said)
    assert not amiss(world)
    with pytest.raises(Refused, match="The gate report is of other gates"):
        world.promote(b"two", STAGING, report=late, desk=world.desk(after=timedelta(hours=1)))
    world.promote(b"two", STAGING)
    assert not amiss(world)
    kept(world.declared, before).write_text(world.declared.read_text())
    with pytest.raises(Refused, match="says something else than its name: its digest is sha256:"):
        world.rules  # noqa: B018 - reads the files


@pytest.mark.parametrize("report", [of_a_gate_of_its_own, of_fewer_gates, of_more_gates, of_a_bound_of_its_own])
def test_a_report_has_just_the_gates_that_are_declared_and_their_bounds(
    world: World, report: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For whoever decides by the commands too; what was not measured has failed, and two people let it pass."""
    world.hold_to(GOOD, BAD)

    def promoted(world: World, *listed: dict[str, Any]) -> None:
        world.promote(b"two", STAGING, report=world.report(b"two", *listed))

    monkeypatch.setattr(f"{__name__}.of_gates", promoted)
    with pytest.raises(Refused, match=r"has not just the gates that are declared:\n    (is-a-model|recall|brier) "):
        report(world)
    first, _ = world.passing()
    lost = {"name": "recall.measured", "value": 0.0, "minimum": 1.0, "rows": 0, "passed": False}
    file = world.report(b"two", first, lost)
    let: dict[str, Any] = {"came_from": DEV, "to": STAGING, "override": ["recall.measured"]}
    world.promote(b"two", STAGING, *(world.approve(file, who, **let) for who in (ALICE, BOB)), report=file)
    assert not amiss(world)


def test_what_was_decided_by_the_forms_of_before_holds_until_they_were_given_up(world: World) -> None:
    world.promote(b"two", STAGING)
    entry = begun_before(world)
    ended(world, entry)
    (found,) = amiss(world)
    assert "of the form parapet-gates/1, which says nothing of the contract" in found.text
    earlier = world.declared.with_name("earlier.yaml")
    for minutes, holds in ((-1, False), (1, True)):
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        earlier.write_text(yaml.safe_dump([{"report": "parapet-gates/1", "until": until}]))
        assert (not amiss(world)) == holds
    late = world.desk(after=timedelta(hours=1))
    report = msgspec.structs.replace(report_before(world), model=digest(b"one"))
    with pytest.raises(Refused, match="of the form parapet-gates/1"):
        promotion.promote(late, MODEL, STAGING, report=report, why=WHY, version="1")
    # Byte for byte as they were signed: nothing of what is new stands in them.
    said = documents.canonical(entry.approvals[0].statement)
    assert not [name for name in (b"contract", b"author") if name in said]
    assert b'"through":null' in said
    assert not [name for name in (b"contract", b"facts", b"reference") if name in documents.canonical(report)]


@pytest.mark.parametrize("change", ["contract", "dataset"])
def test_no_other_version_rides_on_a_report_and_its_approval(world: World, pretended: Pretended, change: str) -> None:
    """The same bytes, registered again with another contract, or as made of something else, after all was signed."""
    report = world.report(b"two")
    given = world.approve(report)
    files = {"model.onnx": b"two", "contract.json": b"another" if change == "contract" else b"{}"}
    tags = {**FACTS, **({"parapet.dataset": NOBODY} if change == "dataset" else {})}
    pretended.register(f"{MODEL}-dev", AUTHOR, files, {**tags, "parapet.gates": gates.load(report).digest})
    with pytest.raises(Refused, match=f"The gate report is of another {change} than {MODEL}-dev version 3"):
        world.promote(b"two", STAGING, report=report, version="3")
    # With a report of its own it goes to staging, and not by that approval to production.
    told = {"facts": {name.removeprefix("parapet."): value for name, value in tags.items()}}
    own = world.report(b"two", contract=files["contract.json"], **told)
    pretended.models[f"{MODEL}-dev"]["versions"][-1]["tags"].pop()
    world.promote(b"two", STAGING, report=own, version="3")
    for file in (own, world.report(b"two")):
        with pytest.raises(Refused, match=r"is for another gates|of another"):
            world.promote(b"two", PROD, given, report=file)


def test_what_a_model_is_compared_with_is_what_serves_in_production(world: World) -> None:
    """Whatever MLflow's alias says, and whoever called it the first."""
    world.through(b"one", "1")
    for reference in (None, {"model": NOBODY, "contract": NOBODY}):
        with pytest.raises(Refused, match=r"and sha256:.* serves in production, by the ledger"):
            world.promote(b"two", STAGING, report=world.report(b"two", reference=reference))
    world.promote(b"two", STAGING)
    assert not amiss(world)


def test_the_report_is_the_one_that_the_pipeline_wrote_down(world: World, pretended: Pretended) -> None:
    report = world.report(b"three")
    for told, says in ((NOBODY, "in another report than this one"), (gates.load(report).digest, "")):
        files = {"model.onnx": b"three", "contract.json": b"{}"}
        pretended.register(f"{MODEL}-dev", AUTHOR, files, {**FACTS, "parapet.gates": told})
        if says:
            with pytest.raises(Refused, match=says):
                world.promote(b"three", STAGING, report=report)
    world.promote(b"three", STAGING, report=report)
    assert not amiss(world)


def test_who_approved_and_left_stays_with_an_end_and_who_is_taken_out_takes_it_along(world: World) -> None:
    world.through(b"two", "2")
    listed: list[dict[str, Any]] = yaml.safe_load(world.approvers.read_text())

    def file(*given: dict[str, Any]) -> None:
        world.approvers.write_text(yaml.safe_dump([each for each in listed if each["account"] != ALICE] + list(given)))

    (alice,) = (each for each in listed if each["account"] == ALICE)
    file()
    (found,) = amiss(world)
    assert "alice is no approver; these are: author, bob" in found.text
    assert "An approver who left stays in the file, with `until`" in found.text
    file({**alice, "until": datetime.now(UTC) + timedelta(hours=1)})
    assert not amiss(world)
    world.promote(b"one", STAGING, version="1")
    with pytest.raises(Refused, match="signed by a key that has ceased to count"):
        world.promote(b"one", PROD, desk=world.desk(after=timedelta(hours=2)))
    file({**alice, "until": datetime.now(UTC) - timedelta(hours=1)})
    (found,) = amiss(world)
    assert "signed by a key that has ceased to count" in found.text


def test_a_new_key_counts_beside_the_one_before(world: World, tmp_path: Path) -> None:
    world.through(b"two", "2")
    listed: list[dict[str, Any]] = yaml.safe_load(world.approvers.read_text())
    mine, other = ({each["account"]: each for each in listed}[who] for who in (ALICE, BOB))
    # Bob's key stands for a new one of Alice's.
    now = datetime.now(UTC) + timedelta(minutes=1)
    world.approvers.write_text(
        yaml.safe_dump([{"account": AUTHOR}, {**mine, "until": now}, {**mine, "key": other["key"]}])
    )
    assert not amiss(world)
    world.promote(b"one", STAGING, version="1")
    made = world.approve(world.report(b"one"), ALICE, key=world.people[BOB])
    world.promote(b"one", PROD, made, desk=world.desk(after=timedelta(hours=1)))
    assert not amiss(world)


def test_the_author_is_who_the_registry_says(world: World, pretended: Pretended) -> None:
    """Its server's own word, where the version is still there."""
    world.promote(b"two", STAGING)
    version = pretended.models[f"{MODEL}-dev"]["versions"][1]
    version["user_id"] = "somebody"
    (found,) = amiss(world)
    assert (found.kind, found.sequence) == ("unapproved", 1)
    assert "registered by somebody, and the decision says by author" in found.text
    with pytest.raises(Refused, match="nothing is decided on it"):
        world.promote(b"one", STAGING, version="1")
    version["creation_timestamp"] += 3_600_000
    assert [each.kind for each in amiss(world)] == ["unknown"]


@pytest.mark.parametrize("change", ["gone", "tags"])
def test_what_the_owner_in_dev_undoes_is_told_and_stops_nobody(world: World, pretended: Pretended, change: str) -> None:
    """Else whoever owns a model in dev could keep the ward from going back."""
    world.through(b"one", "1")
    world.through(b"two", "2")
    versions = pretended.models[f"{MODEL}-dev"]["versions"]
    if change == "gone":
        del versions[0]
    else:
        versions[0]["tags"][0]["value"] = digest(b"another")
    (found,) = amiss(world)
    assert (found.kind, found.sequence) == ("unknown", 1)
    promotion.rollback(world.desk(), MODEL, PROD, WHY)


def test_a_model_that_no_decision_put_where_servers_load_from_is_found(world: World, pretended: Pretended) -> None:
    """Signed by the key itself: a server that is told its digest would take it."""
    done = world.through(b"two", "2").served
    desk = world.desk()
    rogue = msgspec.structs.replace(done.begun, digests={**done.begun.digests, "model": digest(b"rogue")})
    files = {"model.onnx": b"rogue", "contract.json": b"{}"}
    for where, version, signed in (
        (PROD, "8", manifest(rogue, "8")),
        (PROD, "9", manifest(done.begun, "9")),
        (STAGING, "9", manifest(done.begun, "9")),
    ):
        assert not [each for each in amiss(world) if f"/{where}/{version} " in each.text]
        desk.bundles.write(MODEL, where, version, files if signed != manifest(done.begun, "9") else {}, signed)
        found = [each for each in amiss(world) if f"/{where}/{version} " in each.text]
        assert [each.kind for each in found] == ["stray"], (where, version)
    world.s3.put_object(Bucket=desk.bundles.bucket, Key=f"models/{MODEL}/prod/7/manifest.json", Body=b"none")
    assert len(amiss(world)) == 4
    world.promote(b"one", STAGING, version="1")  # which nobody can stop by it


def test_what_was_given_up_leaves_no_stray(world: World, pretended: Pretended) -> None:
    world.promote(b"one", STAGING, version="1")
    world.promote(b"two", STAGING)

    def meanwhile(path: str) -> None:
        if path.endswith("model-versions/create"):
            pretended.before = lambda path: None
            promotion.rollback(world.desk("quick"), MODEL, STAGING, WHY)

    pretended.before = meanwhile
    with pytest.raises(Lost):
        world.promote(b"two", PROD)
    assert world.desk().bundles.placed(MODEL)
    assert not amiss(world)
