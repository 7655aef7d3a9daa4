"""AWS Glue: what crawls and transforms data: keys, a catalog whose passwords stay closed, and connections by TLS."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_, is_set, not_applicable, violation

SECURITY = "aws:glue/securityConfiguration:SecurityConfiguration"
CATALOG = "aws:glue/dataCatalogEncryptionSettings:DataCatalogEncryptionSettings"
CONNECTION = "aws:glue/connection:Connection"
JOB = "aws:glue/job:Job"
CRAWLER = "aws:glue/crawler:Crawler"
DEV_ENDPOINT = "aws:glue/devEndpoint:DevEndpoint"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ENCRYPTS = Requirement("another mode than DISABLED", lambda mode: mode not in (None, "DISABLED"))


def _security(s3: str = "SSE-KMS", logs: str = "SSE-KMS", bookmarks: str = "CSE-KMS") -> dict[str, Any]:
    return {
        "encryptionConfiguration": {
            "s3Encryption": {"s3EncryptionMode": s3},
            "cloudwatchEncryption": {"cloudwatchEncryptionMode": logs, "kmsKeyArn": _KEY},
            "jobBookmarksEncryption": {"jobBookmarksEncryptionMode": bookmarks, "kmsKeyArn": _KEY},
        }
    }


@rule(
    "glue-security-configuration-encrypts",
    on=SECURITY,
    severity=HIGH,
    fix="Set s3_encryption_mode=SSE-KMS, cloudwatch_encryption_mode=SSE-KMS, job_bookmarks_encryption_mode=CSE-KMS.",
    sound=[_security(), _security(s3="SSE-S3")],
    unsound=[_security(s3="DISABLED"), _security(logs="DISABLED"), _security(bookmarks="DISABLED"), {}],
)
def security_configuration_encrypts(config: Properties) -> Verdict:
    """A security configuration has what jobs write, log and remember encrypted."""
    path = "encryptionConfiguration"
    return all_of(
        config.require(f"{path}.s3Encryption.s3EncryptionMode", _ENCRYPTS, default="DISABLED"),
        config.require(f"{path}.cloudwatchEncryption.cloudwatchEncryptionMode", _ENCRYPTS, default="DISABLED"),
        config.require(f"{path}.jobBookmarksEncryption.jobBookmarksEncryptionMode", _ENCRYPTS, default="DISABLED"),
    )


@rule(
    "glue-job-names-a-security-configuration",
    on=(JOB, CRAWLER, DEV_ENDPOINT),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set security_configuration to the name of a SecurityConfiguration.",
    sound=[
        {"securityConfiguration": "records"},
        Resource(CRAWLER, {"securityConfiguration": "records"}),
        Resource(DEV_ENDPOINT, {"securityConfiguration": "records"}),
    ],
    unsound=[{"name": "records"}, Resource(CRAWLER, {"databaseName": "records"}), Resource(DEV_ENDPOINT, {})],
)
def job_names_a_security_configuration(job: Properties) -> Verdict:
    """A job or a crawler encrypts what it writes, logs and remembers with keys of one's own."""
    return job.require("securityConfiguration", is_set())


def _catalog(mode: str = "SSE-KMS", passwords: bool = True) -> dict[str, Any]:
    return {
        "dataCatalogEncryptionSettings": {
            "encryptionAtRest": {"catalogEncryptionMode": mode, "sseAwsKmsKeyId": _KEY},
            "connectionPasswordEncryption": {"returnConnectionPasswordEncrypted": passwords, "awsKmsKeyId": _KEY},
        }
    }


@rule(
    "glue-catalog-encrypts",
    on=CATALOG,
    severity=HIGH,
    fix="Set catalog_encryption_mode=SSE-KMS and return_connection_password_encrypted=True.",
    sound=[_catalog(), _catalog("SSE-KMS-WITH-SERVICE-ROLE")],
    unsound=[_catalog("DISABLED"), _catalog(passwords=False)],
)
def catalog_encrypts(settings: Properties) -> Verdict:
    """The catalog is encrypted, and the passwords of its connections are told to nobody who may only look them up."""
    path = "dataCatalogEncryptionSettings"
    return all_of(
        settings.require(f"{path}.encryptionAtRest.catalogEncryptionMode", _ENCRYPTS, default="DISABLED"),
        settings.require(f"{path}.connectionPasswordEncryption.returnConnectionPasswordEncrypted", is_(True)),
    )


def _connection(type_: str, **properties: str) -> dict[str, Any]:
    return {"connectionType": type_, "connectionProperties": properties}


_URL = "jdbc:postgresql://db.internal:5432/records"


@rule(
    "glue-connection-requires-tls",
    on=CONNECTION,
    severity=HIGH,
    fix="Set JDBC_ENFORCE_SSL (Kafka: KAFKA_SSL_ENABLED, MongoDB: CONNECTION_URL with ssl) in connection_properties.",
    sound=[
        _connection("JDBC", JDBC_CONNECTION_URL=_URL, JDBC_ENFORCE_SSL="true"),
        _connection("JDBC", JDBC_CONNECTION_URL=f"{_URL}?sslmode=verify-full"),
        {"connectionProperties": {"JDBC_CONNECTION_URL": _URL, "JDBC_ENFORCE_SSL": "True"}},
        _connection("KAFKA", KAFKA_BOOTSTRAP_SERVERS="b-1:9094", KAFKA_SSL_ENABLED="true"),
        {"connectionType": "NETWORK", "name": "records"},
    ],
    unsound=[
        _connection("JDBC", JDBC_CONNECTION_URL=_URL),
        _connection("JDBC", JDBC_CONNECTION_URL=_URL, JDBC_ENFORCE_SSL="false"),
        _connection("KAFKA", KAFKA_BOOTSTRAP_SERVERS="b-1:9092", KAFKA_SSL_ENABLED="false"),
    ],
)
def connection_requires_tls(connection: Properties) -> Verdict:
    """A connection to a database or to Kafka is by TLS: JDBC does without unless told, Kafka with unless told."""
    kind = str(connection.at("connectionType", "JDBC")).upper()
    if kind == "KAFKA":
        off = str(connection.at("connectionProperties.KAFKA_SSL_ENABLED", "true")).lower() == "false"
        return violation("`connection_properties` sets KAFKA_SSL_ENABLED to false") if off else Verdict()
    if kind != "JDBC":
        return not_applicable("the type of connection has no such property")
    if str(connection.at("connectionProperties.JDBC_ENFORCE_SSL", "false")).lower() == "true":
        return Verdict()
    url = str(connection.at("connectionProperties.JDBC_CONNECTION_URL", "")).lower()
    if any(told in url for told in ("sslmode=require", "sslmode=verify", "ssl=true", "usessl=true", "encrypt=true")):
        return Verdict()
    return violation("`connection_properties` does not set JDBC_ENFORCE_SSL to true, nor does its URL ask for TLS")
