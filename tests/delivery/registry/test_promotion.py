"""Models go on by gates and approvals, and back; who comes second is told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import msgspec
import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from delivery.registry import approval, gates, promotion, telling
from delivery.registry.documents import Environment, canonical
from delivery.registry.mlflow import Mlflow
from delivery.registry.refused import Lost, Refused
from mlops.serving.returning import Returning
from tests.delivery.registry.pretended import COPY, FILE, Pretended
from tests.delivery.registry.world import ALICE, ARTIFACTS, AUDIT, AUTHOR, BAD, BOB, FACTS, GOOD, MODEL, WHY, World

pytestmark = pytest.mark.data

DEV, STAGING, PROD = Environment.DEV, Environment.STAGING, Environment.PROD


def test_a_model_goes_to_staging_and_to_production_and_back(world: World, pretended: Pretended) -> None:
    first = world.through(b"one", "1")
    assert first.place == f"s3://{ARTIFACTS}/models/{MODEL}/prod/1"
    assert (pretended.alias(f"{MODEL}-staging"), pretended.alias(f"{MODEL}-prod")) == ("1", "1")
    second = world.through(b"two", "2")
    assert second.served.release.version == pretended.alias(f"{MODEL}-prod") == "2"
    back = promotion.rollback(world.desk("nurse"), MODEL, PROD, "Alarms of the ward doubled since noon.")
    assert back.served.release == first.served.release
    assert (pretended.alias(f"{MODEL}-prod"), pretended.alias(f"{MODEL}-staging")) == ("1", "2")
    steps = [(each.action, each.step, each.to.value) for each in world.desk().state(MODEL).entries]
    there = [("promote", step, to) for to in ("staging", "prod") for step in ("begun", "done")]
    assert steps == [*there, *there, ("rollback", "done", "prod")]
    last = world.desk().state(MODEL).entries[-1]
    assert (last.who.account, last.why) == ("nurse", "Alarms of the ward doubled since noon.")
    assert last.digests["dataset"] == FACTS["parapet.dataset"]
    with pytest.raises(Refused, match="no version before in prod: there is only one"):
        promotion.rollback(world.desk(), MODEL, PROD, WHY)


def test_what_came_with_a_decision_is_in_the_ledger(world: World) -> None:
    world.through(b"two", "2")
    begun = world.desk().state(MODEL).entries[2]
    assert [gate.value for gate in begun.gates] == [0.81]
    assert [each.statement.approver for each in begun.approvals] == [ALICE]
    assert begun.source
    assert (begun.source.author, begun.why) == (AUTHOR, WHY)
    version = {"model", "contract", "dataset", "code", "image", "environment"}
    assert set(begun.digests) == {*version, "gates", "declared", "reference", "reference.contract"}
    assert begun.who.role.startswith("arn:aws:sts::")


def test_gates_hold_a_model_back_and_two_people_may_let_it_pass(world: World) -> None:
    world.hold_to(GOOD, BAD)
    report = world.report(b"two", GOOD, BAD)
    way: dict[str, Any] = {"came_from": DEV, "to": STAGING, "override": ["recall"]}
    with pytest.raises(
        Refused, match=r"recall is 0.5, must be at least 0.6 \(900 rows\)\n.*two people other than author"
    ):
        world.promote(b"two", STAGING, report=report)
    with pytest.raises(Refused, match=r"failed have\n    recall is 0\.5"):
        world.approve(report, **{**way, "override": []})
    alice, bob = (world.approve(report, who, **way) for who in (ALICE, BOB))
    for given in ([alice], [alice, alice], [alice, world.approve(report, AUTHOR, **way)]):
        with pytest.raises(Refused, match=r"two people other|approves no model of their own"):
            world.promote(b"two", STAGING, *given, report=report)
    assert not world.desk().state(MODEL).entries
    world.promote(b"two", STAGING, alice, bob, report=report)
    begun = world.desk().state(MODEL).entries[0]
    assert begun.override == ["recall"]
    assert [each.statement.approver for each in begun.approvals] == [ALICE, BOB]


def test_production_asks_for_somebody_else_than_the_author(world: World) -> None:
    world.promote(b"two", STAGING)
    report = world.report(b"two")
    approval = world.approve(report)
    other = world.approve(world.report(b"other"))
    others = world.approve(world.report(b"two", GOOD, {**GOOD, "name": "brier"}))
    report = world.report(b"two")
    for given, says in (
        (world.approve(report, AUTHOR), "approves no model of their own"),
        (world.approve(report, to=STAGING, came_from=DEV), "is for another came from: dev"),
        (world.approve(report, model="other"), "is for another model: other, and this is readmission"),
        (world.approve(report, stack="audit-of-others"), "is for another stack: audit-of-others, and this is audit-re"),
        (other, "is for another digest"),
        (others, "is for another gates"),
        (world.approve(report, key=world.people[BOB]), "not signed by their key"),
        (world.approve(report, "mallory", key=world.people[BOB]), "is no approver; these are: alice, author, bob"),
    ):
        with pytest.raises(Refused, match=says):
            world.promote(b"two", PROD, given)
    with pytest.raises(Refused, match="expired at"):
        world.promote(b"two", PROD, approval, desk=world.desk(after=timedelta(hours=9)))
    with pytest.raises(Refused, match="prod takes no model without an approval"):
        promotion.promote(world.desk(), MODEL, PROD, report=gates.load(report), why=WHY)
    assert len(world.desk().state(MODEL).entries) == 2


def made_by(pretended: Pretended, author: str, started_by: str | None) -> None:
    """A version b"three", registered by that account, with who is said to have started it."""
    tags = FACTS if started_by is None else {**FACTS, "parapet.started_by": started_by}
    pretended.register(f"{MODEL}-dev", author, {"model.onnx": b"three", "contract.json": b"{}"}, tags)


@pytest.mark.parametrize("said", [None, "", "pipeline", "carol", BOB])
def test_a_pipelines_model_needs_two_people_whoever_is_said_to_have_started_it(
    world: World, pretended: Pretended, said: str | None
) -> None:
    """Its account is nobody's: who started it may have named another, or changed the tag, and be who approves."""
    made_by(pretended, "pipeline", said)
    world.author = "pipeline"
    world.promote(b"three", STAGING)
    report = world.report(b"three")
    with pytest.raises(
        Refused, match=r"by two people other than .*pipeline, which registered it, is nobody in approvers"
    ):
        world.promote(b"three", PROD, world.approve(report))
    both = [world.approve(report, who) for who in (ALICE, BOB)]
    if said == BOB:
        with pytest.raises(Refused, match="bob is the model's author"):
            world.promote(b"three", PROD, *both)
        both[1] = world.approve(report, AUTHOR)
    world.promote(b"three", PROD, *both)
    assert world.desk().state(MODEL).entries[-1].step == "done"


def test_a_persons_model_is_theirs_and_who_else_is_said_to_have_started_it(world: World, pretended: Pretended) -> None:
    made_by(pretended, AUTHOR, ALICE)
    world.promote(b"three", STAGING)
    report = world.report(b"three")
    for who in (AUTHOR, ALICE):
        with pytest.raises(Refused, match=f"{who} is the model's author"):
            world.promote(b"three", PROD, world.approve(report, who))
    world.promote(b"three", PROD, world.approve(report, BOB))


def test_an_approval_that_names_no_stack_counts_for_what_was_decided_by_it_and_for_nothing_new(world: World) -> None:
    """Those of the days before stacks were named, until the day that `earlier.yaml` says; the approver signed when.
    That day is one to come: what is dated back from S3's clock would be found for that."""
    until = datetime.now(UTC) + timedelta(hours=4)
    early = timedelta(hours=1)
    earlier = world.declared.with_name("earlier.yaml")

    def given_up(at: datetime) -> None:
        earlier.write_text(yaml.safe_dump([{"report": gates.BEFORE, "until": at}]))

    given_up(until)
    told = gates.load(world.report(b"two"))
    report = world.folder / "before.json"
    report.write_bytes(canonical(gates.Report(gates.BEFORE, told.model, told.declared, told.gates)))
    world.promote(b"two", STAGING, report=report, desk=world.desk(after=early))
    # Given up while that decision is under way: its report counts, and the approval is of after, by a clock ahead.
    unnamed = world.approve_as_before(report, datetime.now(UTC) + early + timedelta(minutes=4, seconds=30))
    given_up(until - timedelta(hours=3) + timedelta(minutes=3))
    with pytest.raises(Refused, match=r"The approval by alice names no stack\. Ask them for one for audit-records"):
        world.promote(b"two", PROD, unnamed, report=report, desk=world.desk(after=early))
    given_up(until)
    old = world.approve_as_before(report, datetime.now(UTC))
    world.promote(b"two", PROD, old, report=report, desk=world.desk(after=early))
    assert world.desk(after=timedelta(hours=7)).verified(MODEL)[1] == []
    earlier.unlink()
    kinds = {each.kind for each in world.desk(after=timedelta(hours=7)).verified(MODEL)[1]}
    assert kinds == {"unapproved"}


OLD = (
    b'{"approver":"alice","came_from":"staging","digest":"sha256:%(one)s","expires":"2026-11-29T20:00:00Z",'
    b'"format":"parapet-approval/1","gates":"sha256:%(two)s","made":"2026-11-29T12:00:00Z","model":"readmission",'
    b'"override":[],"reason":"Better calibrated for the ward.","through":null,"to":"prod"}'
) % {b"one": b"1" * 64, b"two": b"2" * 64}


def test_what_was_signed_before_is_the_same_bytes_now() -> None:
    """Else no signature of an old approval would hold, nor the chain of an old ledger."""
    statement = msgspec.json.decode(OLD, type=approval.Statement)
    assert statement.stack is msgspec.UNSET
    assert canonical(statement) == OLD


def test_an_approval_is_for_one_decision(world: World) -> None:
    world.through(b"one", "1")
    world.promote(b"two", STAGING, version="2")
    approval = world.approve(world.report(b"two"))
    world.promote(b"two", PROD, approval)
    promotion.rollback(world.desk(), MODEL, PROD, WHY)
    with pytest.raises(Refused, match="was for a decision that is done"):
        world.promote(b"two", PROD, approval)


def test_a_report_is_of_the_model_and_says_what_its_numbers_do(world: World) -> None:
    with pytest.raises(Refused, match="The gate report is of another model"):
        world.promote(b"one", STAGING, version="2")
    for listed, says in (
        ([{**BAD, "passed": True}], "contradicts itself: recall is 0.5"),
        ([{**GOOD, "passed": False}], "contradicts itself"),
        ([{**GOOD, "minimum": None}], "auroc without a bound"),
        ([GOOD, GOOD], "auroc twice"),
    ):
        with pytest.raises(Refused, match=says):
            world.promote(b"two", STAGING, report=world.report(b"two", *listed))


def test_a_version_without_its_origin_goes_nowhere(world: World, pretended: Pretended) -> None:
    files = {"model.onnx": b"three", "contract.json": b"{}"}
    for author, tags, given, says in (
        ("", FACTS, files, "has no author in MLflow"),
        (AUTHOR, {"parapet.code": "1"}, files, "lacks the tags parapet.dataset, parapet.image, parapet.environment"),
        (AUTHOR, FACTS, {"model.onnx": b"three"}, "has no file contract.json"),
        (
            AUTHOR,
            {**FACTS, "parapet.code": "3f2a9c1e-and-changes"},
            files,
            "files that are in no commit .* Commit them, run",
        ),
        (AUTHOR, {**FACTS, "parapet.code": "MRN990017"}, files, "The tag parapet.code is no commit"),
        (AUTHOR, {**FACTS, "parapet.code": "Mr Miller's"}, files, "The tag parapet.code is no commit"),
    ):
        pretended.register(f"{MODEL}-dev", author, given, tags)
        with pytest.raises(Refused, match=says) as refused:
            world.promote(b"three", STAGING)
        assert "Miller" not in str(refused.value)
    with pytest.raises(Refused, match="no version 99"):
        world.promote(b"three", STAGING, version="99")
    with pytest.raises(Refused, match="Nothing serves in staging"):
        world.promote(b"two", PROD)


def test_a_model_whose_values_are_in_another_file_is_not_signed(world: World, pretended: Pretended) -> None:
    """Of which the signature says nothing, and whose path could be any file's that a server reads."""
    elsewhere = b"\x3a\x04\x2a\x02\x70\x01"
    pretended.register(f"{MODEL}-dev", AUTHOR, {"model.onnx": elsewhere, "contract.json": b"{}"}, FACTS)
    with pytest.raises(Refused, match=r"readmission-dev version \d+: model.onnx says that values of it are in another"):
        world.promote(elsewhere, STAGING)
    assert not world.desk().state(MODEL).entries


def test_what_serves_already_is_not_promoted_again(world: World) -> None:
    world.promote(b"two", STAGING)
    with pytest.raises(Refused, match="is that model already"):
        world.promote(b"two", STAGING)


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(world: World, pretended: Pretended) -> None:
    """The one looks before the other has decided, and decides after it."""

    def meanwhile(path: str) -> None:
        if path == FILE:
            pretended.before = lambda path: None
            world.promote(b"one", STAGING, version="1", desk=world.desk("quick"))

    pretended.before = meanwhile
    with pytest.raises(Lost, match="Somebody else decided on readmission at the same time, and was first"):
        world.promote(b"two", STAGING, desk=world.desk("slow"))
    assert {each.who.account for each in world.desk().state(MODEL).entries} == {"quick"}
    assert pretended.alias(f"{MODEL}-staging") == "1"


def test_who_comes_while_another_is_under_way_ends_it_and_is_told(world: World, pretended: Pretended) -> None:
    """To the first it is done, as it would be by itself."""

    def meanwhile(path: str) -> None:
        if path == COPY:
            pretended.before = lambda path: None
            with pytest.raises(Lost, match=r"begun at .* by slow, was under way; it is done now"):
                world.promote(b"one", STAGING, version="1", desk=world.desk("quick"))

    pretended.before = meanwhile
    outcome = world.promote(b"two", STAGING, desk=world.desk("slow"))
    entries = world.desk().state(MODEL).entries
    assert [(each.step, each.who.account) for each in entries] == [("begun", "slow"), ("done", "quick")]
    assert outcome.served.release.version == pretended.alias(f"{MODEL}-staging") == "1"


def test_a_rollback_gives_up_what_is_under_way(world: World, pretended: Pretended) -> None:
    world.promote(b"one", STAGING, version="1")
    world.promote(b"two", STAGING)

    def meanwhile(path: str) -> None:
        if path == COPY:
            pretended.before = lambda path: None
            promotion.rollback(world.desk("quick"), MODEL, STAGING, "It answers too slowly for the ward.")

    pretended.before = meanwhile
    with pytest.raises(Lost, match="ended otherwise by quick"):
        world.promote(b"two", PROD)
    assert world.desk().state(MODEL).serving(PROD) is None
    assert (pretended.alias(f"{MODEL}-prod"), pretended.alias(f"{MODEL}-staging")) == (None, "1")
    assert world.promote(b"one", PROD).served.release.version == pretended.alias(f"{MODEL}-prod") == "2"


@pytest.mark.parametrize("last", ["point", "tag"])
def test_a_rollback_that_was_killed_is_finished_and_not_done_twice(
    world: World, pretended: Pretended, last: str
) -> None:
    """Of three versions the second serves then, whoever asks again."""
    made_by(pretended, AUTHOR, None)
    for model, version in ((b"one", "1"), (b"two", "2"), (b"three", "3")):
        world.through(model, version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mlflow, last, mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            promotion.rollback(world.desk(), MODEL, PROD, WHY)
    again = promotion.rollback(world.desk("nurse"), MODEL, PROD, WHY)
    assert (again.finished, again.served.release.version, pretended.alias(f"{MODEL}-prod")) == (True, "2", "2")
    meant = promotion.rollback(world.desk("nurse"), MODEL, PROD, WHY, "2")
    assert (meant.finished, meant.served.release.version) == (False, "1")


def test_a_rollback_that_is_typed_twice_goes_back_by_one(world: World, pretended: Pretended) -> None:
    """By one person after another, or by two who each have the alert."""
    made_by(pretended, AUTHOR, None)
    for model, version in ((b"one", "1"), (b"two", "2"), (b"three", "3")):
        world.through(model, version)
    promotion.rollback(world.desk("nurse"), MODEL, PROD, WHY, "3")
    many = len(world.desk().state(MODEL).entries)
    with pytest.raises(
        Refused, match=r"Version 2 .* since nurse rolled back at .*, and this would go back by one more"
    ):
        promotion.rollback(world.desk(), MODEL, PROD, WHY)
    with pytest.raises(Refused, match=r"Version 3 of readmission does not serve in prod: version 2 does, since nurse"):
        promotion.rollback(world.desk(), MODEL, PROD, WHY, "3")
    assert (len(world.desk().state(MODEL).entries), pretended.alias(f"{MODEL}-prod")) == (many, "2")
    promotion.rollback(world.desk(), MODEL, STAGING, WHY)  # which is another
    world.promote(b"three", STAGING)
    world.promote(b"three", PROD)
    assert promotion.rollback(world.desk(), MODEL, PROD, WHY).served.release.version == "2", "of what came since"
    late = world.desk(after=timedelta(minutes=61))
    assert promotion.rollback(late, MODEL, PROD, WHY).served.release.version == "1"


def test_what_can_no_longer_be_finished_is_given_up(world: World) -> None:
    """Whoever comes next says so in the ledger, and may then decide."""

    world.promote(b"two", STAGING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mlflow, "copy", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.promote(b"two", PROD)
    late = world.desk(after=timedelta(days=2))
    with pytest.raises(Lost, match=r"expired at .*\nThe promotion that was begun at .* is given up"):
        world.promote(b"two", PROD, desk=late)
    assert [each.step for each in late.state(MODEL).entries] == ["begun", "done", "begun", "void"]
    assert world.promote(b"two", PROD).served.release.version == "1"


def test_an_alias_that_somebody_moved_is_moved_back_by_the_next_decision(world: World, pretended: Pretended) -> None:
    world.promote(b"one", STAGING, version="1")
    world.promote(b"two", STAGING)
    pretended.models[f"{MODEL}-staging"]["aliases"]["serving"] = "1"
    world.promote(b"two", PROD)
    assert pretended.alias(f"{MODEL}-staging") == "2"


def test_that_a_version_took_its_calls_back_is_told_with_what_proves_it(world: World) -> None:
    """The stack's settings have it, and `up` believes nothing else."""

    def returned() -> dict[str, Any]:
        return {each["environment"]: each["returned"] for each in telling.listed(world.desk(), MODEL)["serving"]}

    world.through(b"one", "1")
    world.through(b"two", "2")
    assert returned() == {STAGING: None, PROD: None}
    release = promotion.rollback(world.desk(), MODEL, PROD, WHY).served.release
    assert returned()[STAGING] is None
    told = Returning(**returned()[PROD])
    assert told.is_of(MODEL, "prod", release.version, release.manifest)
    public = world.desk().key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert told.proven(public)
    promotion.rollback(world.desk(), MODEL, STAGING, WHY)
    assert returned()[PROD] is not None
    world.promote(b"two", STAGING)
    assert returned()[STAGING] is None


def test_a_rollback_goes_to_nothing_that_a_server_would_refuse(world: World) -> None:
    world.through(b"one", "1")
    world.through(b"two", "2")
    world.s3.put_object(Bucket=ARTIFACTS, Key=f"models/{MODEL}/prod/1/model.onnx", Body=b"another")
    with pytest.raises(Refused, match="does not hold what was signed as version 1 in prod"):
        promotion.rollback(world.desk(), MODEL, PROD, WHY)
    assert len(world.desk().state(MODEL).entries) == 8


def test_where_another_file_lies_in_a_models_place_nothing_is_done(world: World) -> None:
    world.s3.put_object(Bucket=ARTIFACTS, Key=f"models/{MODEL}/staging/1/model.onnx", Body=b"another")
    with pytest.raises(Refused, match="is another file than this model's"):
        world.promote(b"two", STAGING)
    assert world.desk().state(MODEL).serving(STAGING) is None


@pytest.mark.parametrize(
    "why",
    [
        *("too short", "x" * 301, "Asked for by the patient 4711 of ours.", "For MRN M000123 it said no."),
        *(
            "The one born 1950-04-03 was missed.",
            "Call 0171 2345678 for more of it.",
            "Ask j.doe@example.org about it.",
        ),
        *("Mr Miller was not on the list again.", "Admitted on 3 April, not found.", "Number 123-45-6789 was missed."),
    ],
)
def test_a_reason_is_about_nobody(world: World, why: str) -> None:
    with pytest.raises(Refused, match="The reason has"):
        promotion.rollback(world.desk(), MODEL, PROD, why)
    assert not world.s3.list_objects_v2(Bucket=AUDIT).get("Contents")


def test_each_object_names_the_key_of_its_bucket_where_that_is_told(world: World) -> None:
    """For organisations that refuse what comes without; by the header alone it would be another key."""
    keys = {bucket: f"arn:aws:kms:us-east-1:123456789012:key/{bucket}" for bucket in (AUDIT, ARTIFACTS)}

    def headers(version: str) -> dict[str, set[str | None]]:
        outcome = world.promote(b"one" if version == "1" else b"two", STAGING, version=version)
        folder = outcome.place.removeprefix(f"s3://{ARTIFACTS}/") if outcome.place else ""
        found = dict[str, set[str | None]]()
        for bucket, prefix in ((AUDIT, f"models/{MODEL}/"), (ARTIFACTS, folder)):
            listed = world.desk().s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
            newest = sorted(each["Key"] for each in listed)[-2:]
            found[bucket] = {world.desk().s3.head_object(Bucket=bucket, Key=each).get("SSEKMSKeyId") for each in newest}
        return found

    assert headers("1") == {AUDIT: {None}, ARTIFACTS: {None}}
    world.variables |= {"PARAPET_AUDIT_KEY": keys[AUDIT], "PARAPET_ARTIFACTS_KEY": keys[ARTIFACTS]}
    world.own = None
    assert headers("2") == {bucket: {key} for bucket, key in keys.items()}
