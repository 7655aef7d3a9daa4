"""Amazon MSK and MSK Connect: Kafka by TLS alone, to clients that say who they are, within the VPC."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, OWN_KEY_IS_MORE, PROPOSED_AUDIT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_, violation

CLUSTER = "aws:msk/cluster:Cluster"
SERVERLESS = "aws:msk/serverlessCluster:ServerlessCluster"
CONNECTOR = "aws:mskconnect/connector:Connector"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _transit(**told: Any) -> dict[str, Any]:
    return {"encryptionInfo": {"encryptionInTransit": told}}


@rule(
    "msk-cluster-requires-tls",
    on=CLUSTER,
    severity=HIGH,
    fix="Leave encryption_in_transit out, or set client_broker=TLS and in_cluster=True.",
    sound=[{"kafkaVersion": "3.8.x"}, _transit(clientBroker="TLS", inCluster=True), {"encryptionInfo": {}}],
    unsound=[_transit(clientBroker="TLS_PLAINTEXT"), _transit(clientBroker="PLAINTEXT"), _transit(inCluster=False)],
)
def cluster_requires_tls(cluster: Properties) -> Verdict:
    """A cluster's clients and brokers speak TLS alone, as they do unless told otherwise."""
    path = "encryptionInfo.encryptionInTransit"
    return all_of(
        cluster.require(f"{path}.clientBroker", is_("TLS"), default="TLS"),
        cluster.require(f"{path}.inCluster", is_(True), default=True),
    )


def _by(**told: Any) -> dict[str, Any]:
    return {"clientAuthentication": told}


@rule(
    "msk-cluster-authenticates-clients",
    on=(CLUSTER, SERVERLESS),
    severity=HIGH,
    fix="Set client_authentication with sasl (iam or scram) or tls, and leave unauthenticated out.",
    sound=[
        _by(sasl={"iam": True}),
        _by(sasl={"scram": True}, unauthenticated=False),
        _by(tls={"certificateAuthorityArns": ["arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/a"]}),
        Resource(SERVERLESS, _by(sasl={"iam": {"enabled": True}})),
    ],
    unsound=[
        {},
        _by(unauthenticated=True),
        _by(sasl={"iam": True}, unauthenticated=True),
        _by(sasl={"iam": False, "scram": False}),
        _by(tls={"certificateAuthorityArns": []}),
    ],
)
def cluster_authenticates_clients(cluster: Properties) -> Verdict:
    """A cluster asks each client who it is, and lets in nobody else.

    One that is not told lets in whoever reaches it.
    """
    if cluster.at("clientAuthentication.unauthenticated") is True:
        return violation("`client_authentication.unauthenticated` is true; it must be false")
    ways = (
        cluster.at("clientAuthentication.sasl.iam") is True,
        cluster.at("clientAuthentication.sasl.iam.enabled") is True,
        cluster.at("clientAuthentication.sasl.scram") is True,
        bool(cluster.at("clientAuthentication.tls.certificateAuthorityArns")),
    )
    if any(ways):
        return Verdict()
    return violation("`client_authentication` has neither sasl.iam, sasl.scram nor tls with a certificate authority")


def _public(type_: str) -> dict[str, Any]:
    return {"brokerNodeGroupInfo": {"connectivityInfo": {"publicAccess": {"type": type_}}}}


@rule(
    "msk-cluster-is-private",
    on=CLUSTER,
    severity=CRITICAL,
    fix="Leave connectivity_info.public_access out or set its type to DISABLED.",
    sound=[{"kafkaVersion": "3.8.x"}, _public("DISABLED")],
    unsound=[_public("SERVICE_PROVIDED_EIPS")],
)
def cluster_is_private(cluster: Properties) -> Verdict:
    """A cluster's brokers have no addresses on the internet."""
    path = "brokerNodeGroupInfo.connectivityInfo.publicAccess.type"
    return cluster.require(path, is_("DISABLED"), default="DISABLED")


@rule(
    "msk-cluster-encrypts-with-cmk",
    on=CLUSTER,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encryption_info.encryption_at_rest_kms_key_arn to the ARN of a customer managed key.",
    sound=[{"encryptionInfo": {"encryptionAtRestKmsKeyArn": _KEY}}],
    unsound=[{}, {"encryptionInfo": {}}],
)
def cluster_encrypts_with_cmk(cluster: Properties) -> Verdict:
    """A cluster's storage is under a customer managed key."""
    return cluster.require("encryptionInfo.encryptionAtRestKmsKeyArn", OWN_KEY)


def _logs(kind: str, enabled: bool = True) -> dict[str, Any]:
    return {"loggingInfo": {"brokerLogs": {kind: {"enabled": enabled}}}}


@rule(
    "msk-cluster-logs-its-brokers",
    on=CLUSTER,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set logging_info.broker_logs with cloudwatch_logs, s3 or firehose enabled.",
    sound=[_logs("cloudwatchLogs"), _logs("s3"), _logs("firehose")],
    unsound=[{}, _logs("s3", enabled=False)],
)
def cluster_logs_its_brokers(cluster: Properties) -> Verdict:
    """A cluster's brokers send their logs to CloudWatch Logs, S3 or Firehose."""
    kinds = ("cloudwatchLogs", "s3", "firehose")
    if any(cluster.at(f"loggingInfo.brokerLogs.{kind}.enabled") is True for kind in kinds):
        return Verdict()
    return violation("`logging_info.broker_logs` enables neither cloudwatch_logs, s3 nor firehose")


@rule(
    "msk-connector-requires-tls",
    on=CONNECTOR,
    severity=HIGH,
    fix="Set kafka_cluster_encryption_in_transit with encryption_type=TLS.",
    sound=[{"kafkaClusterEncryptionInTransit": {"encryptionType": "TLS"}}],
    unsound=[{}, {"kafkaClusterEncryptionInTransit": {"encryptionType": "PLAINTEXT"}}],
)
def connector_requires_tls(connector: Properties) -> Verdict:
    """A connector speaks TLS with its cluster: it does not unless told."""
    tls = Requirement("'TLS'", lambda kind: kind == "TLS")
    return connector.require("kafkaClusterEncryptionInTransit.encryptionType", tls, default="PLAINTEXT")
