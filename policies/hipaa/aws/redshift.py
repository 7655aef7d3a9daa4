"""Amazon Redshift, provisioned and serverless: encryption, reach, TLS, records and snapshots."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE, PROPOSED_PATCHES, UPGRADES_MAY_BE_BY_HAND, WHAT_IS_GIVEN_IS_ENCRYPTED
from hipaa.aws.backup_plans import KEPT
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, at_least, has, is_, not_applicable, undecided, violation

CLUSTER = "aws:redshift/cluster:Cluster"
PARAMETER_GROUP = "aws:redshift/parameterGroup:ParameterGroup"
LOGGING = "aws:redshift/logging:Logging"
NAMESPACE = "aws:redshiftserverless/namespace:Namespace"
WORKGROUP = "aws:redshiftserverless/workgroup:Workgroup"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_NODES = {"clusterIdentifier": "records", "nodeType": "ra3.large"}


@rule(
    "redshift-cluster-encrypts-storage",
    on=CLUSTER,
    severity=HIGH,
    fix="Leave encrypted out or set it to true, and kms_key_id to the ARN of a customer managed key.",
    sound=[_NODES, _NODES | {"encrypted": "true"}, _NODES | {"encrypted": "true", "kmsKeyId": _KEY}],
    unsound=[_NODES | {"encrypted": "false"}, _NODES | {"encrypted": "False", "kmsKeyId": _KEY}],
)
def cluster_encrypts_storage(cluster: Properties) -> Verdict:
    """A cluster encrypts what it stores, as Redshift does unless told otherwise."""
    told = Requirement("'true'", lambda value: str(value).lower() == "true")
    return cluster.require("encrypted", told, default="true")


@rule(
    "redshift-encrypts-with-cmk",
    on=(CLUSTER, NAMESPACE),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[_NODES | {"kmsKeyId": _KEY}, Resource(NAMESPACE, {"namespaceName": "records", "kmsKeyId": _KEY})],
    unsound=[_NODES, Resource(NAMESPACE, {"namespaceName": "records"})],
)
def encrypts_with_cmk(store: Properties) -> Verdict:
    """A cluster's or a namespace's storage is under a customer managed key."""
    return store.require("kmsKeyId", OWN_KEY)


@rule(
    "redshift-is-private",
    on=(CLUSTER, WORKGROUP),
    severity=CRITICAL,
    fix="Leave publicly_accessible out or set it to False.",
    sound=[_NODES, _NODES | {"publiclyAccessible": False}, Resource(WORKGROUP, {"workgroupName": "records"})],
    unsound=[
        _NODES | {"publiclyAccessible": True},
        Resource(WORKGROUP, {"workgroupName": "records", "publiclyAccessible": True}),
    ],
)
def is_private(warehouse: Properties) -> Verdict:
    """A cluster or a workgroup has no address on the internet."""
    return warehouse.require("publiclyAccessible", is_(False), default=False)


def _group(value: Any = None, family: str = "redshift-1.0") -> Resource:
    parameters: list[Any] = [] if value is None else [{"name": "require_ssl", "value": value}]
    return Resource(
        PARAMETER_GROUP, {"id": "own", "name": "own", "family": family, "parameters": parameters}, name="own"
    )


def _with_group(name: Any, **sources: Any) -> Resource:
    return Resource(CLUSTER, _NODES | {"clusterParameterGroupName": name}, name="records", **sources)


@stack_rule(
    "redshift-requires-tls",
    on=(CLUSTER, WORKGROUP),
    severity=HIGH,
    fix="Name a ParameterGroup with require_ssl=true (a workgroup: in config_parameters).",
    sound=[
        [_with_group("own"), _group("true")],
        [_with_group("own"), _group(family="redshift-2.0")],
        [_with_group("default.redshift-2.0")],
        [_with_group(UNKNOWN, sources={"clusterParameterGroupName": [_group().urn]}), _group("true")],
        [Resource(WORKGROUP, {"workgroupName": "records"})],
    ],
    unsound=[
        [_with_group("own"), _group("false")],
        [_with_group("own"), _group()],
        [_with_group("default.redshift-1.0")],
        [
            Resource(
                WORKGROUP,
                {
                    "workgroupName": "records",
                    "configParameters": [{"parameterKey": "require_ssl", "parameterValue": "false"}],
                },
            )
        ],
    ],
)
def requires_tls(warehouse: Resource, stack: Stack) -> Verdict:
    """A cluster or a workgroup turns away clients that do not use TLS.

    What the default group says is in its family: that of redshift-1.0 lets them in, that of redshift-2.0 does not.
    """
    setting = fact("redshift-tls")
    if warehouse.type == WORKGROUP:
        off = any(
            item.at("parameterKey") == setting["parameter"] and str(item.at("parameterValue")).lower() == "false"
            for item in warehouse.objects("configParameters")
        )
        return violation("`config_parameters` sets require_ssl to false") if off else Verdict()
    groups = stack.named_by(warehouse, "clusterParameterGroupName", PARAMETER_GROUP)
    if groups:
        return all_of(*(_group_forces(group, setting) for group in groups))
    if not warehouse.is_set_by_program("clusterParameterGroupName"):
        return Verdict()  # a new cluster is in the group of the newest family
    named = str(warehouse.at("clusterParameterGroupName"))
    if named.removeprefix("default.") in setting["families"]:
        return Verdict()
    if stack.has_unnamed(PARAMETER_GROUP):
        return undecided(f"clusterParameterGroupName of {warehouse.name}")
    return violation(f"`cluster_parameter_group_name` is {named[:60]!r}, which is not known to set require_ssl to true")


def _group_forces(group: Resource, setting: Any) -> Verdict:
    values = [
        str(item.at("value")).lower()
        for item in group.objects("parameters")
        if str(item.at("name")).lower() == setting["parameter"]
    ]
    if all(value in ("true", "1", "on") for value in values) if values else group.at("family") in setting["families"]:
        return Verdict()
    return violation(f"the ParameterGroup {group.name} does not set require_ssl to true")


_CLUSTER = Resource(CLUSTER, _NODES | {"id": "records"}, name="records")


@stack_rule(
    "redshift-keeps-its-audit",
    on=(CLUSTER, NAMESPACE),
    severity=MEDIUM,
    fix="Add a Logging of the cluster; set a namespace's log_exports to [userlog, connectionlog, useractivitylog].",
    sound=[
        [_CLUSTER, Resource(LOGGING, {"clusterIdentifier": "records", "bucketName": "logs"})],
        [Resource(NAMESPACE, {"namespaceName": "records", "logExports": ["connectionlog", "userlog"]})],
    ],
    unsound=[
        [_CLUSTER],
        [_CLUSTER, Resource(LOGGING, {"clusterIdentifier": "another", "bucketName": "logs"})],
        [Resource(NAMESPACE, {"namespaceName": "records"})],
        [Resource(NAMESPACE, {"namespaceName": "records", "logExports": ["userlog"]})],
    ],
)
def keeps_its_audit(store: Resource, stack: Stack) -> Verdict:
    """A cluster or a namespace sends its record of connections to S3 or CloudWatch Logs.

    Redshift's own tables keep what they have for days only.
    """
    if store.type == NAMESPACE:
        return store.require("logExports", has("connectionlog"))
    if stack.companions(store, LOGGING, by="clusterIdentifier"):
        return Verdict()
    return violation("no Logging of the program names this cluster; its audit log must go to S3 or CloudWatch Logs")


@rule(
    "redshift-cluster-keeps-snapshots",
    on=CLUSTER,
    severity=HIGH,
    fix="Set automated_snapshot_retention_period to {days} or more (35 at most).",
    sound=[_NODES | {"automatedSnapshotRetentionPeriod": 7}],
    unsound=[
        _NODES,
        _NODES | {"automatedSnapshotRetentionPeriod": 0},
        _NODES | {"automatedSnapshotRetentionPeriod": 1},
    ],
    parameters=[KEPT],
)
def cluster_keeps_snapshots(cluster: Properties, days: int) -> Verdict:
    """A cluster keeps its automated snapshots for seven days or more, or as configured.

    Redshift keeps them for one unless told.
    """
    return cluster.require("automatedSnapshotRetentionPeriod", at_least(days, "days"), default=1)


@rule(
    "redshift-cluster-takes-upgrades",
    on=CLUSTER,
    severity=LOW,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Leave allow_version_upgrade out or set it to True.",
    sound=[_NODES],
    unsound=[_NODES | {"allowVersionUpgrade": False}],
)
def cluster_takes_upgrades(cluster: Properties) -> Verdict:
    """A cluster takes new versions of its engine in its maintenance window."""
    return cluster.require("allowVersionUpgrade", is_(True), default=True)


@rule(
    "redshift-routes-through-its-vpc",
    on=(CLUSTER, WORKGROUP),
    severity=MEDIUM,
    advisory="what COPY and UNLOAD carry is under TLS either way; by the VPC it also meets its endpoints and flow logs",
    fix="Set enhanced_vpc_routing=True.",
    sound=[_NODES | {"enhancedVpcRouting": True}],
    unsound=[_NODES, Resource(WORKGROUP, {"workgroupName": "records", "enhancedVpcRouting": False})],
)
def routes_through_its_vpc(warehouse: Properties) -> Verdict:
    """A cluster or a workgroup loads and unloads by way of its VPC, and not of the internet."""
    return warehouse.require("enhancedVpcRouting", is_(True), default=False)


@rule(
    "redshift-leaves-its-password-to-secrets-manager",
    on=(CLUSTER, NAMESPACE),
    severity=MEDIUM,
    advisory=WHAT_IS_GIVEN_IS_ENCRYPTED,
    fix="Set manage_master_password=True (a namespace's manage_admin_password); leave the password out.",
    sound=[
        _NODES | {"manageMasterPassword": True},
        _NODES | {"snapshotIdentifier": "records-2026"},
        Resource(NAMESPACE, {"namespaceName": "records", "manageAdminPassword": True}),
        Resource(NAMESPACE, {"namespaceName": "records"}),
    ],
    unsound=[
        _NODES | {"masterPassword": "correct horse"},
        Resource(NAMESPACE, {"namespaceName": "records", "adminUserPassword": "correct horse"}),
    ],
)
def leaves_its_password(store: Resource) -> Verdict:
    """Redshift itself makes the administrator's password, keeps it in Secrets Manager and rotates it."""
    given = ("masterPassword", "masterPasswordWo", "adminUserPassword", "adminUserPasswordWo")
    managed = store.at("manageMasterPassword") is True or store.at("manageAdminPassword") is True
    found = [name for name in given if name in store]
    if managed and not found:
        return Verdict()
    if not found:
        return not_applicable("no password is given here")
    return all_of(*(violation(f"`{store.where(name)}` is set; Redshift must make the password") for name in found))
