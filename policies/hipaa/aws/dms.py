"""AWS Database Migration Service: instances without a public address, and endpoints by TLS."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import MORE_THAN_ONE_IS_MORE, OWN_KEY_IS_MORE, PROPOSED_PATCHES, UPGRADES_MAY_BE_BY_HAND
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, is_, not_applicable, violation

INSTANCE = "aws:dms/replicationInstance:ReplicationInstance"
PROFILE = "aws:dms/instanceProfile:InstanceProfile"
ENDPOINT = "aws:dms/endpoint:Endpoint"
SERVERLESS = "aws:dms/replicationConfig:ReplicationConfig"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "dms-instance-is-private",
    on=(INSTANCE, PROFILE),
    severity=CRITICAL,
    fix="Set publicly_accessible=False.",
    sound=[
        {"replicationInstanceId": "records", "publiclyAccessible": False},
        Resource(PROFILE, {"publiclyAccessible": False}),
    ],
    unsound=[
        {"replicationInstanceId": "records", "publiclyAccessible": True},
        {"replicationInstanceId": "records"},
        Resource(PROFILE, {"name": "records"}),
    ],
)
def instance_is_private(instance: Properties) -> Verdict:
    """A replication instance has no address on the internet: DMS gives it one unless told otherwise."""
    return instance.require("publiclyAccessible", is_(False), default=True)


def _endpoint(engine: str, **told: Any) -> dict[str, Any]:
    return {"endpointId": "records", "endpointType": "source", "engineName": engine} | told


@rule(
    "dms-endpoint-requires-tls",
    on=ENDPOINT,
    severity=HIGH,
    fix="Set ssl_mode to require, verify-ca or verify-full (Kafka, Redis: the protocol in their settings).",
    sound=[
        _endpoint("postgres", sslMode="require"),
        _endpoint("oracle", sslMode="verify-ca"),
        _endpoint("s3"),
        _endpoint("kinesis"),
        _endpoint("kafka", kafkaSettings={"broker": "b-1:9094", "securityProtocol": "ssl-encryption"}),
        _endpoint("redis", redisSettings={"sslSecurityProtocol": "ssl-encryption"}),
    ],
    unsound=[
        _endpoint("postgres"),
        _endpoint("mysql", sslMode="none"),
        _endpoint("mongodb"),
        _endpoint("kafka", kafkaSettings={"broker": "b-1:9092"}),
        _endpoint("redis", redisSettings={"sslSecurityProtocol": "plaintext"}),
    ],
)
def endpoint_requires_tls(endpoint: Properties) -> Verdict:
    """An endpoint is spoken to by TLS: DMS does without unless told."""
    engine = str(endpoint.at("engineName", ""))
    if engine == "kafka":
        safe = Requirement(
            "ssl-encryption, ssl-authentication or sasl-ssl", lambda kind: kind not in (None, "plaintext")
        )
        return endpoint.require("kafkaSettings.securityProtocol", safe, default="plaintext")
    if engine == "redis":
        return endpoint.require("redisSettings.sslSecurityProtocol", is_("ssl-encryption"), default="ssl-encryption")
    if engine not in fact("dms-tls-engines"):
        return not_applicable(f"DMS speaks TLS with {engine or 'the engine'} by itself")
    if endpoint.at("sslMode", "none") == "none":
        return violation(f"`ssl_mode` is none; it must be require, verify-ca or verify-full for {engine}")
    return Verdict()


@rule(
    "dms-encrypts-with-cmk",
    on=(INSTANCE, ENDPOINT),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_arn to the ARN of a customer managed key.",
    sound=[{"kmsKeyArn": _KEY}, Resource(ENDPOINT, _endpoint("postgres", kmsKeyArn=_KEY))],
    unsound=[{"replicationInstanceId": "records"}, Resource(ENDPOINT, _endpoint("postgres"))],
)
def encrypts_with_cmk(part: Properties) -> Verdict:
    """An instance's storage and an endpoint's password are under a customer managed key."""
    return part.require("kmsKeyArn", OWN_KEY)


@rule(
    "dms-instance-takes-minor-upgrades",
    on=INSTANCE,
    severity=LOW,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Set auto_minor_version_upgrade=True.",
    sound=[{"autoMinorVersionUpgrade": True}, {"replicationInstanceId": "records"}],
    unsound=[{"autoMinorVersionUpgrade": False}],
)
def instance_takes_minor_upgrades(instance: Properties) -> Verdict:
    """A replication instance takes its engine's minor versions by itself."""
    return instance.require("autoMinorVersionUpgrade", is_(True), default=True)


@rule(
    "dms-instance-spans-zones",
    on=INSTANCE,
    severity=LOW,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set multi_az=True.",
    sound=[{"multiAz": True}],
    unsound=[{"replicationInstanceId": "records"}],
)
def instance_spans_zones(instance: Properties) -> Verdict:
    """A replication instance has a standby in another zone."""
    return instance.require("multiAz", is_(True), default=False)
