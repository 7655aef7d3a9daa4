"""The gateway's certificate ends within days: ACM did not renew it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from cli.gameday.fault import Fault
from cli.gameday.world import World

DAYS: Final = 5
METRIC: Final = "DaysToExpiry"


def inject(world: World) -> None:
    """In the place of the certificate, one with its names and few days left."""
    acm = world.aws("acm")
    for arn in _watched(world):
        names = acm.describe_certificate(CertificateArn=arn)["Certificate"]["SubjectAlternativeNames"]
        certificate, key = _ending(names)
        acm.import_certificate(CertificateArn=arn, Certificate=certificate, PrivateKey=key)


def undo(world: World) -> None:
    acm = world.aws("acm")
    for arn in _watched(world):
        acm.export_certificate(CertificateArn=arn, Passphrase=token_hex().encode())  # what was not, is not renewed
        acm.renew_certificate(CertificateArn=arn)


def detected(world: World) -> str:
    for alarm in _alarms(world):
        if alarm["StateValue"] == "ALARM":
            return f"The alarm {alarm['AlarmName']} of CloudWatch is in ALARM: {alarm['StateReason']}."
    return ""


def recovered(world: World) -> bool:
    return not detected(world)


def _alarms(world: World) -> Iterator[dict[str, Any]]:
    for page in world.aws("cloudwatch").get_paginator("describe_alarms").paginate():
        yield from (each for each in page["MetricAlarms"] if each.get("MetricName") == METRIC)


def _watched(world: World) -> list[str]:
    return [each["Value"] for alarm in _alarms(world) for each in alarm["Dimensions"]]


def _ending(names: list[str]) -> tuple[bytes, bytes]:
    """A certificate of nobody's authority, and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=390))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(pem), key.private_bytes(pem, *plain)


FAULT: Final = Fault(
    name="expired-certificate",
    about=f"the gateway's certificate ends in {DAYS} days, and was not renewed",
    runbook="expired-waiver-or-certificate",
    inject=inject,
    detected=detected,
    recovered=recovered,
    undo=undo,
    within=60,
)
