"""Amazon Athena: workgroups that encrypt results, and have their clients do as they say."""

from __future__ import annotations

from typing import Any

from hipaa.resource import Properties
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Verdict, is_, is_set

WORKGROUP = "aws:athena/workgroup:Workgroup"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_BUCKETS_ENCRYPT = "S3 encrypts each object that is written, results too; here it is said with which key"


def _workgroup(**config: Any) -> dict[str, Any]:
    return {"name": "ward", "configuration": config}


def _results(option: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"outputLocation": "s3://results/"}
    return (
        told if option is None else told | {"encryptionConfiguration": {"encryptionOption": option, "kmsKeyArn": _KEY}}
    )


@rule(
    "athena-workgroup-encrypts-results",
    on=WORKGROUP,
    severity=MEDIUM,
    advisory=_BUCKETS_ENCRYPT,
    fix="Set result_configuration.encryption_configuration with encryption_option=SSE_KMS and kms_key_arn.",
    sound=[
        _workgroup(resultConfiguration=_results("SSE_KMS")),
        _workgroup(resultConfiguration=_results("SSE_S3")),
        _workgroup(managedQueryResultsConfiguration={"enabled": True}),
    ],
    unsound=[{"name": "ward"}, _workgroup(resultConfiguration=_results())],
)
def workgroup_encrypts_results(workgroup: Properties) -> Verdict:
    """A workgroup says how its results are encrypted: they are copies of the data that was asked for."""
    if workgroup.at("configuration.managedQueryResultsConfiguration.enabled") is True:
        return Verdict()
    return workgroup.require("configuration.resultConfiguration.encryptionConfiguration.encryptionOption", is_set())


@rule(
    "athena-workgroup-enforces-its-settings",
    on=WORKGROUP,
    severity=MEDIUM,
    advisory=_BUCKETS_ENCRYPT,
    fix="Leave enforce_workgroup_configuration out or set it to True.",
    sound=[{"name": "ward"}, _workgroup(enforceWorkgroupConfiguration=True)],
    unsound=[_workgroup(enforceWorkgroupConfiguration=False)],
)
def workgroup_enforces_its_settings(workgroup: Properties) -> Verdict:
    """A client of a workgroup cannot have its results written elsewhere, or otherwise."""
    return workgroup.require("configuration.enforceWorkgroupConfiguration", is_(True), default=True)
