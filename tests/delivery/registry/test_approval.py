"""Whose signature counts, and what is said of keys and people that do not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from delivery.registry import approval
from delivery.registry.approvers import approvers
from delivery.registry.refused import Refused
from tests.delivery.registry.world import ALICE, MODEL, World

PASSPHRASE = "a passphrase of tests"


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_p256_key_under_a_passphrase_signs(world: World, tmp_path: Path) -> None:
    key, file = ec.generate_private_key(ec.SECP256R1()), tmp_path / "own.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())))
    file.chmod(0o600)
    report = world.report(b"one")
    with pytest.raises(Refused, match="or its passphrase is another"):
        world.approve(report, key=file)
    made = world.approve(report, key=file, passphrase=PASSPHRASE)
    world.approvers.write_text(yaml.safe_dump([{"account": ALICE, "key": public(key)}]))
    known, now = approvers(world.approvers), datetime.now(UTC)
    approval.check(made, known, {"model": MODEL}, now)
    for later, says in ((timedelta(hours=8), "expired at"), (-timedelta(hours=1), "must not be of the future")):
        with pytest.raises(Refused, match=says):
            approval.check(made, known, {"model": MODEL}, now + later)


@pytest.mark.parametrize("hours", [0, -1, 24 * 7 + 1])
def test_an_approval_lasts_for_some_hours(world: World, hours: int) -> None:
    with pytest.raises(Refused, match="it lasts for some hours, 7 days at most"):
        world.approve(world.report(b"one"), lasts=timedelta(hours=hours))


def test_keys_of_other_kinds_and_people_twice_are_refused(world: World, tmp_path: Path) -> None:
    good, newer, wide = (ec.generate_private_key(each()) for each in (ec.SECP256R1, ec.SECP256R1, ec.SECP384R1))
    old = rsa.generate_private_key(65537, 2048)
    for listed, says in (
        ([{"account": "a", "key": public(old)}], "The key of a in .* is none of Ed25519 or P-256"),
        ([{"account": "a", "key": public(wide)}], "is none of Ed25519 or P-256"),
        ([{"account": "a", "key": "no key"}], "is none of Ed25519 or P-256"),
        ([{"account": "a", "key": public(each)} for each in (good, newer)], "has a twice"),
        ([{"account": "a", "key": public(good)}] * 2, "The key of a in .* is there twice"),
        ([{"account": "a", "key": public(good), "until": "soon"}], "is not as it must be"),
        ([{"account": "a", "key": public(good), "until": "2026-11-29T00:00:00"}], "is not as it must be"),
        ([{"account": each, "key": public(good)} for each in "ab"], "The key of b in .* is there twice"),
        ([{"account": "a", "key": public(good), "role": "x"}], "is not as it must be"),
        ("nobody", "is not as it must be"),
    ):
        world.approvers.write_text(yaml.safe_dump(listed))
        with pytest.raises(Refused, match=says):
            approvers(world.approvers)
    world.approvers.write_text(yaml.safe_dump([{"account": "a", "key": public(good)}, {"account": "b"}]))
    found = approvers(world.approvers)
    assert ("b" in found, "c" in found) == (True, False)
    with pytest.raises(Refused, match="b is no approver; these are: a"):
        found.keys_of("b")
    file = tmp_path / "wide.pem"
    file.write_bytes(wide.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    with pytest.raises(Refused, match=r"is none of Ed25519 or P-256\. Make one"):
        world.approve(world.report(b"one"), key=file)
