"""Amazon RDS and Aurora: what goes on when an instance or a zone fails, and what tells of it."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import HEALTH_IS_NO_RECORD, MORE_THAN_ONE_IS_MORE, OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT
from hipaa.aws.rds import CLUSTER, INSTANCE, MEMBER, REPLICA, is_copy
from hipaa.aws.rds_companions import CLUSTER_PARAMETER_GROUP, PARAMETER_GROUP
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, at_least, is_, not_applicable, violation


@rule(
    "rds-instance-spans-zones",
    on=INSTANCE,
    severity=MEDIUM,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set multi_az=True.",
    sound=[{"engine": "postgres", "multiAz": True}, REPLICA, {"engine": "aurora-postgresql"}],
    unsound=[{"engine": "postgres"}, {"engine": "mysql", "multiAz": False}],
)
def instance_spans_zones(instance: Properties) -> Verdict:
    """A database has a standby in another Availability Zone, which takes over in a minute."""
    if is_copy(instance):
        return not_applicable("a copy is itself what takes over")
    if str(instance.at("engine", "")).startswith("aurora"):
        return not_applicable("Aurora keeps its copies by the cluster")
    return instance.require("multiAz", is_(True), default=False)


_AURORA = Resource(CLUSTER, {"id": "records", "engine": "aurora-postgresql"}, name="records")


def _member(number: int, of: str = "records") -> Resource:
    return Resource(MEMBER, {"clusterIdentifier": of, "engine": "aurora-postgresql"}, name=f"records-{number}")


@stack_rule(
    "rds-cluster-has-a-second-instance",
    on=CLUSTER,
    severity=MEDIUM,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Add a second ClusterInstance with the cluster's identifier.",
    sound=[
        [_AURORA, _member(1), _member(2)],
        [Resource(CLUSTER, {"engine": "postgres", "dbClusterInstanceClass": "db.m6gd.large"})],
        [Resource(CLUSTER, {"engine": "aurora-mysql", "engineMode": "serverless"})],
    ],
    unsound=[[_AURORA], [_AURORA, _member(1)], [_AURORA, _member(1), _member(2, "another")]],
)
def cluster_has_a_second_instance(cluster: Resource, stack: Stack) -> Verdict:
    """An Aurora cluster has two instances or more: one alone is made anew where it fails, which takes ten minutes."""
    if "dbClusterInstanceClass" in cluster or cluster.at("engineMode") == "serverless":
        return not_applicable("RDS makes its instances itself, in several zones")
    members = stack.companions(cluster, MEMBER, by="clusterIdentifier")
    if len(members) >= 2:
        return Verdict()
    return violation(f"the program has {len(members)} ClusterInstance for this cluster; it must have two or more")


@rule(
    "rds-instance-is-monitored",
    on=(INSTANCE, MEMBER),
    severity=LOW,
    advisory=HEALTH_IS_NO_RECORD,
    fix="Set monitoring_interval to 60 or less, and monitoring_role_arn.",
    sound=[{"monitoringInterval": 60}, Resource(MEMBER, {"monitoringInterval": 15})],
    unsound=[{}, {"monitoringInterval": 0}, Resource(MEMBER, {})],
)
def instance_is_monitored(instance: Properties) -> Verdict:
    """Enhanced Monitoring records what a database's machine does, process by process."""
    return instance.require("monitoringInterval", at_least(1, "second"), default=0)


def _postgres_group(*parameters: tuple[str, Any], family: str = "postgres16") -> dict[str, Any]:
    return {"family": family, "parameters": [{"name": name, "value": value} for name, value in parameters]}


@rule(
    "rds-parameter-group-records-connections",
    on=(PARAMETER_GROUP, CLUSTER_PARAMETER_GROUP),
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Add log_connections=1 and log_disconnections=1 (PostgreSQL), or server_audit_logging=1 (Aurora MySQL).",
    sound=[
        _postgres_group(("log_connections", "1"), ("log_disconnections", "1")),
        _postgres_group(("log_connections", "authentication"), ("log_disconnections", "on"), family="postgres18"),
        {"family": "mysql8.0"},
        Resource(
            CLUSTER_PARAMETER_GROUP,
            _postgres_group(
                ("server_audit_logging", "1"), ("server_audit_events", "CONNECT"), family="aurora-mysql8.0"
            ),
        ),
    ],
    unsound=[
        _postgres_group(),
        _postgres_group(("log_connections", "0"), ("log_disconnections", "1")),
        _postgres_group(("log_connections", "1"), family="aurora-postgresql16") | {"name": UNKNOWN},
        Resource(CLUSTER_PARAMETER_GROUP, _postgres_group(family="aurora-mysql8.0")),
    ],
)
def parameter_group_records_connections(group: Resource) -> Verdict:
    """A parameter group has PostgreSQL and Aurora MySQL write down who connects: by default they do not."""
    family = str(group.at("family", ""))
    if family.startswith(("postgres", "aurora-postgresql")):
        wanted = ("log_connections", "log_disconnections")
    elif family.startswith("aurora-mysql") and group.type == CLUSTER_PARAMETER_GROUP:
        wanted = ("server_audit_logging",)
    else:
        return not_applicable("the engine's own log tells, or an option group does")
    values = {str(item.at("name")).lower(): str(item.at("value")).lower() for item in group.objects("parameters")}
    lacking = [name for name in wanted if values.get(name, "0") in ("0", "off", "false", "")]
    return violation(f"`parameters` does not turn on {', '.join(lacking)}") if lacking else Verdict()


@rule(
    "rds-instance-takes-iam-sign-in",
    on=(INSTANCE, CLUSTER),
    severity=LOW,
    advisory="a user of the database with a password of their own is known too (164.312(d))",
    fix="Set iam_database_authentication_enabled=True.",
    sound=[{"engine": "postgres", "iamDatabaseAuthenticationEnabled": True}, {"engine": "oracle-ee"}, REPLICA],
    unsound=[{"engine": "postgres"}, Resource(CLUSTER, {"engine": "aurora-mysql"})],
)
def instance_takes_iam_sign_in(database: Properties) -> Verdict:
    """A database takes tokens of IAM for passwords: they end in minutes, and their roles are known."""
    if not str(database.at("engine", "")).startswith(("postgres", "mysql", "mariadb", "aurora")) or is_copy(database):
        return not_applicable("the engine knows no tokens of IAM, or the source decides")
    return database.require("iamDatabaseAuthenticationEnabled", is_(True), default=False)
