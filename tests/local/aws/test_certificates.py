"""Private certificates of ACM: signed by the authority that they name, as a client's TLS verifies them."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.local.aws.conftest import LocalAws

ROOT = "arn:aws:acm-pca:::template/RootCACertificate/V1"
HOST = "mlflow.parapet.internal"
WORD = b"a word for once"


class Account:
    """An account with an authority, which has its own certificate or waits for it."""

    def __init__(self, aws: LocalAws, *, domain: str = "parapet.internal", installed: bool = True) -> None:
        self.domain = domain
        self.acm, self.pca = aws.client("acm"), aws.client("acm-pca")
        asked = {
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": domain, "OrganizationalUnit": "tests"},
        }
        self.authority: str = self.pca.create_certificate_authority(
            CertificateAuthorityConfiguration=asked, CertificateAuthorityType="ROOT"
        )["CertificateAuthorityArn"]
        self.root = self._install() if installed else ""

    def _install(self) -> str:
        request = self.pca.get_certificate_authority_csr(CertificateAuthorityArn=self.authority)["Csr"]
        issued = self.pca.issue_certificate(
            CertificateAuthorityArn=self.authority,
            Csr=request.encode(),
            SigningAlgorithm="SHA256WITHECDSA",
            TemplateArn=ROOT,
            Validity={"Type": "YEARS", "Value": 10},
        )["CertificateArn"]
        root: str = self.pca.get_certificate(CertificateAuthorityArn=self.authority, CertificateArn=issued)[
            "Certificate"
        ]
        self.pca.import_certificate_authority_certificate(CertificateAuthorityArn=self.authority, Certificate=root)
        return root

    def request(self, **more: Any) -> str:
        arn: str = self.acm.request_certificate(
            DomainName=f"*.{self.domain}", CertificateAuthorityArn=self.authority, **more
        )["CertificateArn"]
        return arn

    def export(self, arn: str) -> dict[str, str]:
        told: dict[str, str] = self.acm.export_certificate(CertificateArn=arn, Passphrase=WORD)
        return told


@pytest.fixture
def account(local_aws: LocalAws) -> Account:
    return Account(local_aws)


def handshake(told: dict[str, str], root: str, host: str, folder: Path) -> None:
    """A client that trusts the root alone meets a server with the certificate; raises where it does not believe it."""
    (folder / "chain.pem").write_text(told["Certificate"])
    (folder / "key.pem").write_text(told["PrivateKey"])
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "chain.pem", folder / "key.pem", WORD)
    trusting = ssl.create_default_context(cadata=root)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there, server_hostname=host)
    server = serving.wrap_bio(there, back, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for end in tuple(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
        if not waiting:
            return
    raise AssertionError("no end of the handshake")


def test_clients_that_trust_the_authority_believe_its_certificate(account: Account, tmp_path: Path) -> None:
    told = account.export(account.request())
    handshake(told, account.root, HOST, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(told, account.root, "mlflow.example.com", tmp_path)


def test_clients_of_another_authority_do_not(account: Account, local_aws: LocalAws, tmp_path: Path) -> None:
    other = Account(local_aws)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(account.export(account.request()), other.root, HOST, tmp_path)


def test_its_chain_is_the_authority_and_nobody_elses(account: Account) -> None:
    told = account.export(account.request())
    assert told["CertificateChain"].strip() == account.root.strip()
    own, above = (x509.load_pem_x509_certificate(pem.encode()) for pem in (told["Certificate"], account.root))
    assert own.issuer == above.subject
    assert own.not_valid_after_utc <= above.not_valid_after_utc
    assert own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


@pytest.mark.parametrize(
    ("asked", "kind", "bits"),
    [("EC_prime256v1", ec.EllipticCurvePrivateKey, 256), (None, rsa.RSAPrivateKey, 2048)],
)
def test_its_key_is_of_the_kind_asked(account: Account, asked: str | None, kind: type, bits: int) -> None:
    arn = account.request(**{"KeyAlgorithm": asked} if asked else {})
    key = serialization.load_pem_private_key(account.export(arn)["PrivateKey"].encode(), WORD)
    assert isinstance(key, kind)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    assert key.key_size == bits
    said = account.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert said["KeyAlgorithm"].replace("-", "_") == (asked or "RSA_2048")
    assert (said["Status"], said["Type"]) == ("ISSUED", "PRIVATE")
    assert said["CertificateAuthorityArn"] == account.authority


def test_an_authority_without_its_own_certificate_issues_none(local_aws: LocalAws) -> None:
    account = Account(local_aws, installed=False)
    said = account.acm.describe_certificate(CertificateArn=account.request())["Certificate"]
    assert said["Status"] == "FAILED"


def test_a_public_certificate_is_as_it_was(account: Account) -> None:
    arn = account.acm.request_certificate(DomainName="www.example.com", ValidationMethod="DNS")["CertificateArn"]
    said = account.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert said["Type"] == "AMAZON_ISSUED"
    assert said["DomainValidationOptions"]


def ending(names: list[str], days: int) -> dict[str, bytes]:
    """What is imported: a certificate with so many days left."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return {
        "Certificate": made.public_bytes(encoding),
        "PrivateKey": key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain),
    }


def test_one_that_ends_soon_raises_its_alarm_until_it_is_renewed(
    account: Account, local_aws: LocalAws, tmp_path: Path
) -> None:
    """The topic hears of both, and clients believe it again under the same name."""
    arn = account.request(KeyAlgorithm="EC_prime256v1", Tags=[{"Key": "of", "Value": "the gateway"}])
    cloudwatch, sns, sqs = (local_aws.client(each) for each in ("cloudwatch", "sns", "sqs"))
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="listens")["QueueUrl"]
    heard = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard, Attributes={"RawMessageDelivery": "true"})
    cloudwatch.put_metric_alarm(
        AlarmName="certificate",
        Namespace="AWS/CertificateManager",
        MetricName="DaysToExpiry",
        Dimensions=[{"Name": "CertificateArn", "Value": arn}],
        Statistic="Minimum",
        Period=86_400,
        EvaluationPeriods=1,
        Threshold=30,
        ComparisonOperator="LessThanThreshold",
        AlarmActions=[topic],
        OKActions=[topic],
    )

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
        (message,) = sqs.receive_message(QueueUrl=queue).get("Messages", [{"Body": "{}"}])
        if "ReceiptHandle" in message:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        assert json.loads(message["Body"]).get("NewStateValue", alarm["StateValue"]) == alarm["StateValue"]
        return f"{alarm['StateValue']}{', told' if message['Body'] != '{}' else ''}"

    assert state() == "OK"
    account.acm.import_certificate(CertificateArn=arn, **ending(["*.parapet.internal"], 29))
    assert (state(), state()) == ("ALARM, told", "ALARM")
    assert cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    with pytest.raises(account.acm.exceptions.ClientError, match="was not exported"):
        account.acm.renew_certificate(CertificateArn=arn)
    account.export(arn)
    account.acm.renew_certificate(CertificateArn=arn)
    assert state() == "OK, told"
    handshake(account.export(arn), account.root, HOST, tmp_path)
    said = account.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert (said["Type"], said["CertificateAuthorityArn"]) == ("PRIVATE", account.authority)
    assert said["KeyAlgorithm"].replace("-", "_") == "EC_prime256v1"
    assert account.acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "of", "Value": "the gateway"}]


def test_one_of_no_authority_is_not_renewed(account: Account) -> None:
    arn = account.acm.import_certificate(**ending(["www.example.com"], 9))["CertificateArn"]
    with pytest.raises(account.acm.exceptions.ClientError, match="of no private authority"):
        account.acm.renew_certificate(CertificateArn=arn)
