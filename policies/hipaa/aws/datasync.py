"""AWS DataSync: what copies files from one store to another, by TLS and with a record."""

from __future__ import annotations

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, rule
from hipaa.verdict import Verdict, is_, is_set

EFS = "aws:datasync/efsLocation:EfsLocation"
OBJECTS = "aws:datasync/locationObjectStorage:LocationObjectStorage"
TASK = "aws:datasync/task:Task"

_OBJECTS = {"bucketName": "scans", "serverHostname": "objects.internal"}
_TASK = {"sourceLocationArn": "arn", "destinationLocationArn": "arn"}


@rule(
    "datasync-location-uses-tls",
    on=(EFS, OBJECTS),
    severity=HIGH,
    fix="Set in_transit_encryption=TLS1_2 (a store of objects: server_protocol=HTTPS, or leave it out).",
    sound=[
        {"efsFileSystemArn": "arn", "inTransitEncryption": "TLS1_2"},
        Resource(OBJECTS, _OBJECTS),
        Resource(OBJECTS, _OBJECTS | {"serverProtocol": "HTTPS"}),
    ],
    unsound=[
        {"efsFileSystemArn": "arn"},
        {"efsFileSystemArn": "arn", "inTransitEncryption": "NONE"},
        Resource(OBJECTS, _OBJECTS | {"serverProtocol": "HTTP"}),
    ],
)
def location_uses_tls(location: Resource) -> Verdict:
    """DataSync reads and writes a location by TLS: EFS it mounts without, unless told."""
    if location.type == OBJECTS:
        return location.require("serverProtocol", is_("HTTPS"), default="HTTPS")
    return location.require("inTransitEncryption", is_("TLS1_2"), default="NONE")


@rule(
    "datasync-task-keeps-a-log",
    on=TASK,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set cloudwatch_log_group_arn, and options.log_level to BASIC or TRANSFER.",
    sound=[_TASK | {"cloudwatchLogGroupArn": "arn:aws:logs:us-east-1:111122223333:log-group:datasync:*"}],
    unsound=[_TASK],
)
def task_keeps_a_log(task: Properties) -> Verdict:
    """A task says in CloudWatch Logs what it copied."""
    return task.require("cloudwatchLogGroupArn", is_set())
