"""AWS Config: a recorder that is on, sees everything, and delivers."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_empty, violation

RECORDER = "aws:cfg/recorder:Recorder"
STATUS = "aws:cfg/recorderStatus:RecorderStatus"

_RECORDER = Resource(RECORDER, {"id": "default", "name": "default", "roleArn": "arn:aws:iam::111122223333:role/c"})


def _status(on: bool, name: str = "default") -> Resource:
    return Resource(STATUS, {"name": name, "isEnabled": on})


@stack_rule(
    "config-recorder-is-on",
    on=RECORDER,
    severity=HIGH,
    fix="Add a RecorderStatus with the recorder's name and is_enabled=True.",
    sound=[[_RECORDER, _status(True)]],
    unsound=[[_RECORDER], [_RECORDER, _status(False)], [_RECORDER, _status(True, "another")]],
)
def recorder_is_on(recorder: Resource, stack: Stack) -> Verdict:
    """A recorder that is made is started too: by itself it records nothing."""
    states = stack.companions(recorder, STATUS, by="name")
    if not states:
        return violation("no RecorderStatus of the program starts the recorder")
    return all_of(*(state.require("isEnabled", is_(True)) for state in states))


def _group(**told: Any) -> dict[str, Any]:
    return {"roleArn": "arn:aws:iam::111122223333:role/config", "recordingGroup": told}


@rule(
    "config-recorder-records-everything",
    on=RECORDER,
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set recording_group with all_supported=True and include_global_resource_types=True.",
    sound=[
        {"roleArn": "arn:aws:iam::111122223333:role/config"},
        _group(allSupported=True, includeGlobalResourceTypes=True),
        _group(allSupported=True),
    ],
    unsound=[
        _group(allSupported=False, resourceTypes=["AWS::EC2::Instance"]),
        _group(
            allSupported=False,
            exclusionByResourceTypes=[{"resourceTypes": ["AWS::IAM::Role"]}],
            recordingStrategies=[{"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"}],
        ),
    ],
)
def recorder_records_everything(recorder: Properties) -> Verdict:
    """A recorder keeps the history of every type of resource that Config knows."""
    return all_of(
        recorder.require("recordingGroup.allSupported", is_(True), default=True),
        recorder.require("recordingGroup.resourceTypes", is_empty()),
    )
