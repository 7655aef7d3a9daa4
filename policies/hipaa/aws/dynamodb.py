"""Amazon DynamoDB and its accelerator: backups, keys, deletion, capacity, and the accelerator's encryption."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import KEPT_FROM_DELETION_IS_MORE, OWN_KEY_IS_MORE
from hipaa.aws.backup_plans import SELECTION, is_backed_up
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, violation

TABLE = "aws:dynamodb/table:Table"
TABLE_REPLICA = "aws:dynamodb/tableReplica:TableReplica"
TARGET = "aws:appautoscaling/target:Target"
DAX = "aws:dax/cluster:Cluster"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _table(**properties: Any) -> Resource:
    return Resource(TABLE, {"hashKey": "id", "name": "records"} | properties, name="records")


def _selection(*resources: Any, **more: Any) -> Resource:
    sources = more.pop("sources", {})
    return Resource(SELECTION, {"planId": "plan", "resources": list(resources)} | more, name="all", sources=sources)


_RECOVERY = {"pointInTimeRecovery": {"enabled": True}}


@stack_rule(
    "dynamodb-table-keeps-backups",
    on=(TABLE, TABLE_REPLICA),
    severity=HIGH,
    fix="Set point_in_time_recovery with enabled=True, or take the table into a plan of AWS Backup.",
    sound=[
        [_table(**_RECOVERY)],
        [Resource(TABLE_REPLICA, {"pointInTimeRecovery": True})],
        [
            _table(arn="arn:aws:dynamodb:us-east-1:111122223333:table/records"),
            _selection("arn:aws:dynamodb:*:*:table/*"),
        ],
        [_table(arn=UNKNOWN), _selection("*")],
        [
            _table(tags={"backup": "daily"}),
            _selection(selectionTags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}]),
        ],
        [_table(arn=UNKNOWN), _selection(UNKNOWN, sources={"resources": [_table().urn]})],
    ],
    unsound=[
        [_table()],
        [_table(pointInTimeRecovery={"enabled": False})],
        [_table(arn="arn:aws:dynamodb:us-east-1:111122223333:table/records"), _selection("arn:aws:rds:*:*:db:*")],
        [
            _table(tags={"backup": "no"}),
            _selection(selectionTags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}]),
        ],
        [
            _table(arn="arn:aws:dynamodb:us-east-1:111122223333:table/records"),
            _selection("*", notResources=["arn:aws:dynamodb:*"]),
        ],
    ],
)
def table_keeps_backups(table: Resource, stack: Stack) -> Verdict:
    """A table can be restored: to any moment of the last 35 days, or from a plan of AWS Backup."""
    name = "pointInTimeRecovery" if table.type == TABLE_REPLICA else "pointInTimeRecovery.enabled"
    if table.at(name) is True or is_backed_up(table, stack, "dynamodb"):
        return Verdict()
    return violation(f"`{table.where(name)}` is not true and no selection of AWS Backup takes up the table")


@rule(
    "dynamodb-table-encrypts-with-cmk",
    on=(TABLE, TABLE_REPLICA),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set server_side_encryption with enabled=True and the kms_key_arn of a customer managed key.",
    sound=[
        {"serverSideEncryption": {"enabled": True, "kmsKeyArn": _KEY}},
        Resource(TABLE_REPLICA, {"kmsKeyArn": _KEY}),
    ],
    unsound=[
        {},
        {"serverSideEncryption": {"enabled": True}},
        {"serverSideEncryption": {"enabled": False, "kmsKeyArn": _KEY}},
        Resource(TABLE_REPLICA, {}),
    ],
)
def table_encrypts_with_cmk(table: Resource) -> Verdict:
    """A table is under a customer managed key."""
    if table.type == TABLE_REPLICA:
        return table.require("kmsKeyArn", OWN_KEY)
    return all_of(
        table.require("serverSideEncryption.enabled", is_(True), default=False),
        table.require("serverSideEncryption.kmsKeyArn", OWN_KEY),
    )


@rule(
    "dynamodb-table-is-kept-from-deletion",
    on=(TABLE, TABLE_REPLICA),
    severity=LOW,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Set deletion_protection_enabled=True.",
    sound=[{"deletionProtectionEnabled": True}],
    unsound=[{}, {"deletionProtectionEnabled": False}, Resource(TABLE_REPLICA, {})],
)
def table_is_kept_from_deletion(table: Properties) -> Verdict:
    """A table refuses to be deleted."""
    return table.require("deletionProtectionEnabled", is_(True), default=False)


@stack_rule(
    "dynamodb-table-scales-by-itself",
    on=TABLE,
    severity=LOW,
    advisory="164.308(a)(7)(ii)(C) asks that what matters goes on, which enough capacity by hand does too",
    fix="Set billing_mode=PAY_PER_REQUEST, or add an appautoscaling Target for reading and one for writing.",
    sound=[
        [_table(billingMode="PAY_PER_REQUEST")],
        [
            _table(),
            Resource(TARGET, {"resourceId": "table/records", "scalableDimension": "dynamodb:table:ReadCapacityUnits"}),
            Resource(TARGET, {"resourceId": "table/records", "scalableDimension": "dynamodb:table:WriteCapacityUnits"}),
        ],
    ],
    unsound=[
        [_table()],
        [_table(billingMode="PROVISIONED", readCapacity=5)],
        [
            _table(),
            Resource(TARGET, {"resourceId": "table/records", "scalableDimension": "dynamodb:table:ReadCapacityUnits"}),
        ],
    ],
)
def table_scales_by_itself(table: Resource, stack: Stack) -> Verdict:
    """A table's capacity follows what is asked of it, for reading and for writing."""
    if table.at("billingMode") == "PAY_PER_REQUEST":
        return Verdict()
    targets = stack.companions(table, TARGET, by="resourceId", prefix="table/")
    found = {str(target.at("scalableDimension")) for target in targets}
    lacking = [kind for kind in ("Read", "Write") if f"dynamodb:table:{kind}CapacityUnits" not in found]
    if not lacking:
        return Verdict()
    return violation(
        f"`billing_mode` is not PAY_PER_REQUEST, and no Target scales {' and '.join(lacking)}CapacityUnits"
    )


@rule(
    "dax-cluster-encrypts-storage",
    on=DAX,
    severity=HIGH,
    fix="Set server_side_encryption with enabled=True.",
    sound=[{"nodeType": "dax.r5.large", "serverSideEncryption": {"enabled": True}}],
    unsound=[{"nodeType": "dax.r5.large"}, {"serverSideEncryption": {"enabled": False}}],
)
def dax_encrypts_storage(cluster: Properties) -> Verdict:
    """An accelerator encrypts what it keeps of tables on its disks: it does not unless told."""
    return cluster.require("serverSideEncryption.enabled", is_(True), default=False)


@rule(
    "dax-cluster-requires-tls",
    on=DAX,
    severity=HIGH,
    fix="Set cluster_endpoint_encryption_type=TLS.",
    sound=[{"nodeType": "dax.r5.large", "clusterEndpointEncryptionType": "TLS"}],
    unsound=[{"nodeType": "dax.r5.large"}, {"clusterEndpointEncryptionType": "NONE"}],
)
def dax_requires_tls(cluster: Properties) -> Verdict:
    """An accelerator takes clients by TLS alone: it does not unless told."""
    return cluster.require("clusterEndpointEncryptionType", is_("TLS"), default="NONE")
