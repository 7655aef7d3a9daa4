"""A ledger that somebody tampered with says so, and nothing is decided on it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from delivery.registry import chain, objects, promotion, signing, telling
from delivery.registry.chain import Finding
from delivery.registry.desk import HEAD, Desk
from delivery.registry.documents import Environment, canonical
from delivery.registry.entry import Entry, Head, Signed, message
from delivery.registry.refused import Lost, Refused
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import ARTIFACTS, AUDIT, MODEL, WHY, World

pytestmark = pytest.mark.data

LAST = 4
"""The number of entries of a model that went through."""


def name(sequence: int) -> str:
    return f"models/{MODEL}/{sequence:08d}.json"


def amiss(world: World) -> list[Finding]:
    return world.desk().verified(MODEL)[1]


def raw(world: World, sequence: int) -> bytes:
    body: bytes = world.s3.get_object(Bucket=AUDIT, Key=name(sequence))["Body"].read()
    return body


def placed(world: World, sequence: int, content: bytes) -> None:
    """As if it had never been otherwise: whoever can do more than the bucket lets anybody."""
    gone(world, sequence)
    world.s3.put_object(Bucket=AUDIT, Key=name(sequence), Body=content)


def gone(world: World, sequence: int) -> None:
    for each in world.s3.list_object_versions(Bucket=AUDIT, Prefix=name(sequence))["Versions"]:
        world.s3.put_object_retention(
            Bucket=AUDIT,
            Key=each["Key"],
            VersionId=each["VersionId"],
            Retention={},
            BypassGovernanceRetention=True,
        )
        world.s3.delete_object(Bucket=AUDIT, Key=each["Key"], VersionId=each["VersionId"])


def edited(world: World) -> None:
    placed(world, 2, raw(world, 2).replace(WHY.encode(), b"Because the author of it said so today."))


def rewritten(world: World) -> None:
    """The form is right, and so are all digests after it: only the key is not to be had."""
    previous = None
    for number in range(1, LAST + 1):
        told = json.loads(raw(world, number))
        told["entry"] |= {"why": "Because the author of it said so today.", "previous": previous}
        signed = canonical(Signed(**{**told, "entry": _entry(told["entry"])}))
        previous = _entry(told["entry"]).digest
        placed(world, number, signed)


def _entry(told: dict[str, Any]) -> Entry:
    return msgspec.convert(told, Entry)


def spaced(world: World) -> None:
    placed(world, 2, json.dumps(json.loads(raw(world, 2))).encode())


def dropped(world: World) -> None:
    gone(world, 2)


def hidden(world: World) -> None:
    world.s3.delete_object(Bucket=AUDIT, Key=name(3))


def reordered(world: World) -> None:
    second, third = raw(world, 2), raw(world, 3)
    placed(world, 2, third)
    placed(world, 3, second)


def written_again(world: World) -> None:
    world.s3.put_object(Bucket=AUDIT, Key=name(3), Body=raw(world, 3))


def beside(world: World) -> None:
    world.s3.put_object(Bucket=AUDIT, Key=f"models/{MODEL}/00000003-b.json", Body=raw(world, 3))


def forked(world: World) -> None:
    """By whoever may sign: the entry is right by itself, and follows another one."""
    desk = world.desk()
    told = json.loads(raw(world, 3))["entry"] | {"previous": f"sha256:{'0' * 64}"}
    entry = _entry(told)
    placed(world, 3, canonical(Signed(entry, signing.text(desk.key.sign(message(entry))))))


def of_another(world: World) -> None:
    desk = world.desk()
    entry = _entry(json.loads(raw(world, 3))["entry"] | {"model": "other"})
    placed(world, 3, canonical(Signed(entry, signing.text(desk.key.sign(message(entry))))))


def truncated(world: World) -> None:
    gone(world, LAST)


def cut_off(world: World) -> None:
    for number in range(1, LAST + 1):
        gone(world, number)


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (edited, {("edited", 2)}),
        (spaced, {("edited", 2)}),
        (rewritten, {("edited", number) for number in range(1, LAST + 1)} | {("forked", LAST)}),
        (dropped, {("dropped", 2)}),
        (hidden, {("dropped", 3)}),
        (reordered, {("reordered", 2), ("reordered", 3)}),
        (written_again, {("forked", 3)}),
        (forked, {("forked", 3)}),
        (of_another, {("foreign", 3)}),
        (beside, {("foreign", 0)}),
        (truncated, {("truncated", LAST)}),
        (cut_off, {("truncated", LAST)}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_was_done_to_a_ledger_is_found(
    world: World, attack: Callable[[World], None], found: set[tuple[str, int]]
) -> None:
    world.through(b"one", "1")
    assert not amiss(world)
    attack(world)
    assert {(each.kind, each.sequence) for each in amiss(world)} == found
    with pytest.raises(Refused, match="The ledger of readmission does not hold, and nothing is decided on it"):
        world.promote(b"two", Environment.STAGING)
    listed = telling.listed(world.desk(), MODEL)
    assert not listed["serving"]
    assert "does not hold" in telling.list_lines([listed])[0]


def test_the_head_that_the_registry_has_may_be_behind_and_never_of_another_chain(
    world: World, pretended: Pretended
) -> None:
    world.through(b"one", "1")
    tags = pretended.models[f"{MODEL}-prod"]["tags"]
    entries = world.desk().state(MODEL).entries
    said, _, _ = tags[HEAD].rpartition(" ")
    assert said == f"{LAST} {entries[-1].digest}"
    key = world.desk().key

    def signed(number: int, digest: str) -> str:
        of = canonical(Head("parapet-ledger-head/1", MODEL, number, digest))
        return f"{number} {digest} {signing.text(key.sign(of))}"

    for right in (f"2 {entries[1].digest}", signed(2, entries[1].digest)):
        tags[HEAD] = right
        assert not amiss(world)
    tags[HEAD] = signed(2, entries[2].digest)
    assert [each.kind for each in amiss(world)] == ["forked"]
    tags[HEAD] = signed(9, entries[2].digest)
    assert [each.kind for each in amiss(world)] == ["truncated"]


@pytest.mark.parametrize("wrong", ["2 {2}", "9 {2}", "9 {2} {signature}", "2", "none", "-1 {1}", "", "9 {2} é"])
def test_a_head_that_nobody_signed_is_told_and_keeps_nobody_from_deciding(
    world: World, pretended: Pretended, wrong: str
) -> None:
    """Whoever may write a tag could keep the ward from going back else; the next decision mends it."""
    world.through(b"one", "1")
    world.through(b"two", "2")
    tags = pretended.models[f"{MODEL}-prod"]["tags"]
    digests = [each.digest for each in world.desk().state(MODEL).entries]
    tags[HEAD] = wrong.format(*digests, signature=tags[HEAD].rpartition(" ")[2])
    assert [each.kind for each in amiss(world)] == ["unsigned"]
    promotion.rollback(world.desk(), MODEL, Environment.PROD, WHY)
    assert pretended.alias(f"{MODEL}-prod") == "1"
    assert not amiss(world)
    # What is amiss with the chain itself is found beside such a tag all the same.
    tags[HEAD] = wrong.format(*digests, signature="x")
    edited(world)
    with pytest.raises(Refused, match="does not hold, and nothing is decided on it:\n    edited"):
        promotion.rollback(world.desk(), MODEL, Environment.PROD, WHY)


def test_a_number_is_written_once_and_by_whom_it_was_written_may_ask_again(world: World) -> None:
    world.promote(b"two", Environment.STAGING)
    first = world.desk().state(MODEL).entries[0]
    with pytest.raises(Lost, match="Somebody else decided on readmission at the same time"):
        world.desk().ledger(MODEL).append(msgspec.structs.replace(first, why=f"{WHY} Or not."))
    # An answer that is lost on its way back: boto3 asks again by itself.
    ledger = world.desk().ledger("other")
    put = ledger.s3.put_object

    def twice(**told: Any) -> Any:
        put(**told)
        return put(**told)

    ledger.s3.put_object = twice
    ledger.append(msgspec.structs.replace(first, model="other"))
    assert [each.sequence for each in ledger.kept()] == [1]


def test_entries_are_locked_for_years(world: World) -> None:
    world.promote(b"two", Environment.STAGING)
    kept = world.s3.head_object(Bucket=AUDIT, Key=name(1))
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert kept["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6 * 365 - 3)
    with pytest.raises(world.s3.exceptions.ClientError, match="AccessDenied"):
        world.s3.delete_object(Bucket=AUDIT, Key=name(1), VersionId=kept["VersionId"])


def test_who_is_not_shown_the_head_decides_nothing(world: World, pretended: Pretended) -> None:
    world.promote(b"one", Environment.STAGING, version="1")
    del pretended.models[f"{MODEL}-prod"]
    with pytest.raises(Refused, match="MLflow shows mia no readmission-prod, which has the head"):
        world.promote(b"two", Environment.STAGING)
    listed = telling.listed(world.desk(), MODEL)  # and the others are listed
    assert "MLflow shows mia no readmission-prod" in telling.list_lines([listed])[0]


def test_a_ledger_that_somebody_fills_is_told_and_nothing_is_decided_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.through(b"one", "1")
    world.s3.put_object(Bucket=AUDIT, Key=f"models/{MODEL}/!", Body=b"")
    world.s3.put_object(Bucket=AUDIT, Key="models/\u202e/00000001.json", Body=b"")
    monkeypatch.setattr(chain, "MOST", LAST)
    assert [(each.kind, each.sequence) for each in amiss(world)] == [("filled", 0)], "all entries were read"
    with pytest.raises(Refused, match="The ledger of readmission does not hold, and nothing is decided on it"):
        world.promote(b"two", Environment.STAGING)
    monkeypatch.setattr(chain, "MOST", 1)
    (strange, filled) = world.desk().models().found
    assert "\u202e" not in str(strange)
    assert filled.kind == "filled"


def refusing(world: World, monkeypatch: pytest.MonkeyPatch, call: str, code: str, names: Callable[[str], bool]) -> None:
    """S3 answers a call with this error, where the name is such."""
    real = getattr(world.s3, call)

    def asked(**said: Any) -> Any:
        if names(said["Key"]):
            raise ClientError({"Error": {"Code": code}}, call)
        return real(**said)

    monkeypatch.setattr(world.s3, call, asked)


def test_a_write_that_meets_another_of_its_name_is_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them is there S3 does not know yet: it says to try again."""
    met: set[str] = set()

    def first(name: str) -> bool:
        known = name in met
        met.add(name)
        return not known

    monkeypatch.setattr(objects, "PAUSES", (0.0,))
    refusing(world, monkeypatch, "put_object", "ConditionalRequestConflict", first)
    world.promote(b"two", Environment.STAGING)
    assert len(met) > 4, "entries, and a bundle"
    assert amiss(world) == []
    met.clear()
    monkeypatch.setattr(objects, "PAUSES", ())
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        objects.put_new(world.s3, AUDIT, name(9), b"{}")


def test_what_is_gone_is_told_so_to_who_may_list_by_a_prefix_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 says of an object that is not there that it is forbidden, unless who asks may list the bucket with no prefix
    said (Amazon S3 API Reference, GetObject, Permissions); the policies of who promotes and verifies say one."""
    promoted = world.promote(b"two", Environment.STAGING)
    place, expected = promoted.place.removeprefix(f"s3://{ARTIFACTS}/"), promoted.served.release.manifest
    bundles = world.desk().bundles
    world.s3.delete_object(Bucket=ARTIFACTS, Key=f"{place}/model.onnx")
    refusing(world, monkeypatch, "get_object", "AccessDenied", lambda name: name == f"{place}/model.onnx")
    version = place.rpartition("/")[2]
    with pytest.raises(Refused, match="does not hold what was signed"):
        bundles.check(MODEL, Environment.STAGING, version, expected)
    refusing(world, monkeypatch, "get_object", "AccessDenied", lambda name: name == f"{place}/manifest.json")
    with pytest.raises(ClientError, match="AccessDenied"):
        bundles.check(MODEL, Environment.STAGING, version, expected)


def test_who_decides_asks_in_the_region_of_the_key_whatever_their_own_is(world: World) -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/1111"
    desk = Desk.of(world.rules, {**world.variables, "PARAPET_SIGNING_KEY": key, "MLFLOW_TRACKING_USERNAME": "mia"})
    assert desk.s3.meta.region_name == "eu-central-1"


@pytest.mark.parametrize("where", ["staging", "prod"])
@pytest.mark.parametrize("right", ["none", "READ"])
def test_nothing_is_written_for_years_before_mlflow_lets_it_be_finished(
    world: World, pretended: Pretended, where: str, right: str
) -> None:
    """Somebody else made the name first, and shows it or does not: who promotes is told; the bucket has no entry."""
    name = f"{MODEL}-{where}"
    pretended.register(name, "mallory", {}, {})
    pretended.rights[name] = right
    says = "somebody else has made it" if right == "none" else "MLflow lets mia not do registered-models/set-tag"
    with pytest.raises(Refused, match=says):
        world.promote(b"one", Environment.STAGING, version="1")
    assert not world.s3.list_objects_v2(Bucket=AUDIT).get("Contents")
    del pretended.rights[name]
    world.promote(b"one", Environment.STAGING, version="1")
