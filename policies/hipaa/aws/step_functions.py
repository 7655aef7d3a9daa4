"""AWS Step Functions: state machines that leave a record, under a key of one's own."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, OWN_KEY_IS_MORE, PROPOSED_AUDIT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_

MACHINE = "aws:sfn/stateMachine:StateMachine"
ACTIVITY = "aws:sfn/activity:Activity"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:ward:*"


def _machine(type_: str = "STANDARD", **told: Any) -> dict[str, Any]:
    return {"definition": "{}", "roleArn": "arn:aws:iam::111122223333:role/ward", "type": type_} | told


def _logging(level: str) -> dict[str, Any]:
    return {"loggingConfiguration": {"level": level, "logDestination": _GROUP}}


@rule(
    "sfn-machine-logs-its-executions",
    on=MACHINE,
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set logging_configuration with level ERROR or ALL, and log_destination.",
    sound=[_machine(**_logging("ALL")), _machine("EXPRESS", **_logging("ERROR"))],
    unsound=[_machine(), _machine("EXPRESS"), _machine(**_logging("OFF"))],
)
def machine_logs_its_executions(machine: Properties) -> Verdict:
    """A state machine's executions are on record in CloudWatch Logs: an express one keeps no other."""
    on = Requirement("another level than OFF", lambda level: level not in (None, "OFF"))
    return machine.require("loggingConfiguration.level", on, default="OFF")


@rule(
    "sfn-encrypts-with-cmk",
    on=(MACHINE, ACTIVITY),
    severity=LOW,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encryption_configuration with type=CUSTOMER_MANAGED_KMS_KEY and kms_key_id.",
    sound=[_machine(encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": _KEY})],
    unsound=[_machine(), Resource(ACTIVITY, {"name": "ward"})],
)
def encrypts_with_cmk(machine: Properties) -> Verdict:
    """A state machine's definition and what its executions carry are under a customer managed key."""
    return all_of(
        machine.require("encryptionConfiguration.type", is_("CUSTOMER_MANAGED_KMS_KEY"), default="AWS_OWNED_KEY"),
        machine.require("encryptionConfiguration.kmsKeyId", OWN_KEY),
    )
