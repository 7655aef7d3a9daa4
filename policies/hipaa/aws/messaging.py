"""Amazon MQ, EventBridge and AppSync: brokers and interfaces that are private, recorded, and know who calls."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import (
    MORE_THAN_ONE_IS_MORE,
    OTHER_RECORDS_MAY_DO,
    OWN_KEY_IS_MORE,
    PROPOSED_AUDIT,
    PROPOSED_PATCHES,
    UPGRADES_MAY_BE_BY_HAND,
)
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_, violation

BROKER = "aws:mq/broker:Broker"
BUS = "aws:cloudwatch/eventBus:EventBus"
GRAPHQL = "aws:appsync/graphQLApi:GraphQLApi"
EVENT_API = "aws:appsync/api:Api"
CACHE = "aws:appsync/apiCache:ApiCache"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _broker(engine: str = "ActiveMQ", **told: Any) -> dict[str, Any]:
    return {"brokerName": "ward", "engineType": engine, "engineVersion": "5.18"} | told


@rule(
    "mq-broker-is-private",
    on=BROKER,
    severity=CRITICAL,
    fix="Leave publicly_accessible out or set it to False.",
    sound=[_broker(), _broker(publiclyAccessible=False)],
    unsound=[_broker(publiclyAccessible=True), _broker("RabbitMQ", publiclyAccessible=True)],
)
def broker_is_private(broker: Properties) -> Verdict:
    """A broker has no address on the internet."""
    return broker.require("publiclyAccessible", is_(False), default=False)


@rule(
    "mq-broker-keeps-its-logs",
    on=BROKER,
    severity=MEDIUM,
    fix="Set logs with general=True, and audit=True for ActiveMQ.",
    sound=[_broker(logs={"general": True, "audit": True}), _broker("RabbitMQ", logs={"general": True})],
    unsound=[_broker(), _broker(logs={"general": True}), _broker("RabbitMQ"), _broker(logs={"audit": False})],
)
def broker_keeps_its_logs(broker: Properties) -> Verdict:
    """A broker sends to CloudWatch Logs who did what: ActiveMQ in its audit log, RabbitMQ in its general one."""
    engine = str(broker.at("engineType", "")).lower()
    return broker.require("logs.general" if engine == "rabbitmq" else "logs.audit", is_(True), default=False)


@rule(
    "mq-broker-encrypts-with-cmk",
    on=BROKER,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encryption_options with use_aws_owned_key=False and kms_key_id.",
    sound=[_broker(encryptionOptions={"useAwsOwnedKey": False, "kmsKeyId": _KEY})],
    unsound=[_broker(), _broker(encryptionOptions={"useAwsOwnedKey": True})],
)
def broker_encrypts_with_cmk(broker: Properties) -> Verdict:
    """A broker's messages on disk are under a customer managed key."""
    return broker.require("encryptionOptions.kmsKeyId", OWN_KEY)


@rule(
    "mq-broker-takes-minor-upgrades",
    on=BROKER,
    severity=LOW,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Set auto_minor_version_upgrade=True.",
    sound=[_broker(autoMinorVersionUpgrade=True)],
    unsound=[_broker(), _broker(autoMinorVersionUpgrade=False)],
)
def broker_takes_minor_upgrades(broker: Properties) -> Verdict:
    """A broker takes its engine's minor versions by itself."""
    return broker.require("autoMinorVersionUpgrade", is_(True), default=False)


@rule(
    "mq-broker-fails-over",
    on=BROKER,
    severity=LOW,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set deployment_mode to ACTIVE_STANDBY_MULTI_AZ (RabbitMQ: CLUSTER_MULTI_AZ).",
    sound=[_broker(deploymentMode="ACTIVE_STANDBY_MULTI_AZ"), _broker("RabbitMQ", deploymentMode="CLUSTER_MULTI_AZ")],
    unsound=[_broker(), _broker(deploymentMode="SINGLE_INSTANCE")],
)
def broker_fails_over(broker: Properties) -> Verdict:
    """A broker has another in a second zone, which takes over."""
    spans = Requirement("one that spans zones", lambda mode: mode not in (None, "SINGLE_INSTANCE"))
    return broker.require("deploymentMode", spans, default="SINGLE_INSTANCE")


@rule(
    "eventbridge-bus-encrypts-with-cmk",
    on=BUS,
    severity=LOW,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_identifier to the ARN of a customer managed key.",
    sound=[{"name": "ward", "kmsKeyIdentifier": _KEY}],
    unsound=[{"name": "ward"}],
)
def bus_encrypts_with_cmk(bus: Properties) -> Verdict:
    """An event bus keeps events under a customer managed key."""
    return bus.require("kmsKeyIdentifier", OWN_KEY)


def _graphql(type_: str = "AWS_IAM", *others: str, **told: Any) -> dict[str, Any]:
    more = [{"authenticationType": other} for other in others]
    return {"name": "ward", "authenticationType": type_, "additionalAuthenticationProviders": more} | told


@rule(
    "appsync-api-asks-who-calls",
    on=(GRAPHQL, EVENT_API),
    severity=HIGH,
    fix="Set authentication_type to AWS_IAM, AMAZON_COGNITO_USER_POOLS, OPENID_CONNECT or AWS_LAMBDA; never API_KEY.",
    sound=[
        _graphql(),
        _graphql("AMAZON_COGNITO_USER_POOLS", "AWS_IAM"),
        Resource(EVENT_API, {"eventConfig": {"connectionAuthModes": [{"authType": "AWS_IAM"}]}}),
    ],
    unsound=[
        _graphql("API_KEY"),
        _graphql("AWS_IAM", "API_KEY"),
        Resource(EVENT_API, {"eventConfig": {"connectionAuthModes": [{"authType": "API_KEY"}]}}),
    ],
)
def api_asks_who_calls(api: Resource) -> Verdict:
    """An interface knows each caller: a key of the API is one for all, and stands in each client."""
    if api.type == EVENT_API:
        modes = ("connectionAuthModes", "defaultPublishAuthModes", "defaultSubscribeAuthModes")
        told = [mode.at("authType") for name in modes for mode in api.objects(f"eventConfig.{name}")]
        place = "event_config"
    else:
        providers = api.objects("additionalAuthenticationProviders")
        told = [api.at("authenticationType"), *(provider.at("authenticationType") for provider in providers)]
        place = "authentication_type"
    return violation(f"`{place}` takes an API_KEY, which is one for all callers") if "API_KEY" in told else Verdict()


@rule(
    "appsync-api-logs-its-fields",
    on=GRAPHQL,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set log_config with cloudwatch_logs_role_arn and field_log_level ERROR or ALL.",
    sound=[_graphql(logConfig={"cloudwatchLogsRoleArn": "role", "fieldLogLevel": "ERROR"})],
    unsound=[_graphql(), _graphql(logConfig={"cloudwatchLogsRoleArn": "role", "fieldLogLevel": "NONE"})],
)
def api_logs_its_fields(api: Properties) -> Verdict:
    """An interface records what it was asked in CloudWatch Logs."""
    on = Requirement("ERROR, INFO, DEBUG or ALL", lambda level: level not in (None, "NONE"))
    return api.require("logConfig.fieldLogLevel", on, default="NONE")


_CACHED = {"apiId": "a", "type": "SMALL", "ttl": 60, "apiCachingBehavior": "FULL_REQUEST_CACHING"}


@rule(
    "appsync-cache-encrypts",
    on=CACHE,
    severity=HIGH,
    fix="Set at_rest_encryption_enabled=True and transit_encryption_enabled=True.",
    sound=[_CACHED | {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True}],
    unsound=[_CACHED, _CACHED | {"atRestEncryptionEnabled": True}],
)
def cache_encrypts(cache: Properties) -> Verdict:
    """A cache of answers encrypts them at rest and on the way: it does neither unless told."""
    return all_of(
        cache.require("atRestEncryptionEnabled", is_(True), default=False),
        cache.require("transitEncryptionEnabled", is_(True), default=False),
    )
