"""AWS Systems Manager for hosts: how they are patched, and what is kept of people's sessions on them."""

from __future__ import annotations

import json

from hipaa.aws.advice import PROPOSED_PATCHES
from hipaa.resource import Properties
from hipaa.rule import HIGH, MEDIUM, Unreadable, rule
from hipaa.verdict import Verdict, at_most, not_applicable, violation

PATCH_BASELINE = "aws:ssm/patchBaseline:PatchBaseline"
SERVICE_SETTING = "aws:ssm/serviceSetting:ServiceSetting"
DOCUMENT = "aws:ssm/document:Document"

_DAYS = 30


@rule(
    "patch-baseline-approves-in-a-month",
    on=PATCH_BASELINE,
    severity=MEDIUM,
    advisory="in how many days a flaw must be mended is for the risk analysis to say; a month is the field's habit",
    proposed=PROPOSED_PATCHES,
    fix="Set approve_after_days of each of approval_rules to 30 or less.",
    sound=[{"approvalRules": [{"approveAfterDays": 7}]}, {"approvedPatches": ["KB123456"]}],
    unsound=[
        {"approvalRules": [{"approveAfterDays": 90}]},
        {"approvalRules": [{"approveAfterDays": 7}, {"approveAfterDays": 31}]},
    ],
)
def patch_baseline_approves_in_a_month(baseline: Properties) -> Verdict:
    """Hosts get a patch within a month of its release."""
    return baseline.each_object(
        "approvalRules", lambda rule_: rule_.require("approveAfterDays", at_most(_DAYS, "days"), default=0)
    )


@rule(
    "ssm-documents-cannot-be-made-public",
    on=SERVICE_SETTING,
    severity=HIGH,
    fix="Set setting_value of /ssm/documents/console/public-sharing-permission to Disable.",
    sound=[
        {"settingId": "/ssm/documents/console/public-sharing-permission", "settingValue": "Disable"},
        {"settingId": "/ssm/parameter-store/high-throughput-enabled", "settingValue": "true"},
    ],
    unsound=[{"settingId": "/ssm/documents/console/public-sharing-permission", "settingValue": "Enable"}],
)
def documents_cannot_be_made_public(setting: Properties) -> Verdict:
    """An account refuses to share documents with everyone, whoever asks."""
    if not str(setting.at("settingId", "")).endswith("/ssm/documents/console/public-sharing-permission"):
        return not_applicable("the setting is another one")
    if str(setting.at("settingValue", "")).lower() == "disable":
        return Verdict()
    return violation("`setting_value` lets documents be made public; it must be 'Disable'")


def _session(**inputs: object) -> dict[str, str]:
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs}
    return {"documentType": "Session", "content": json.dumps(content)}


@rule(
    "session-document-records-sessions",
    on=DOCUMENT,
    severity=MEDIUM,
    fix="Set 's3BucketName' or 'cloudWatchLogGroupName' in the inputs of the document's content.",
    sound=[
        _session(cloudWatchLogGroupName="sessions", cloudWatchEncryptionEnabled=True),
        _session(s3BucketName="sessions"),
        {"documentType": "Command", "content": "{}"},
        {"documentType": "Session", "content": '{"schemaVersion": "1.0", "sessionType": "Port"}'},
    ],
    unsound=[_session(), _session(cloudWatchLogGroupName=""), _session(kmsKeyId="alias/sessions")],
)
def session_document_records_sessions(document: Properties) -> Verdict:
    """What people do on hosts in Session Manager is recorded."""
    if document.at("documentType") != "Session":
        return not_applicable("the document starts no session")
    if str(document.at("documentFormat", "JSON")).upper() != "JSON":
        return not_applicable("only documents in JSON are read")
    try:
        content = json.loads(str(document.at("content", "")))
        inputs = content.get("inputs") or {}
        kept = [inputs.get(name) for name in ("s3BucketName", "cloudWatchLogGroupName")]
    except (ValueError, AttributeError, RecursionError):
        raise Unreadable("`content` is no JSON object; it must be one") from None
    # "Logging session activity", AWS Systems Manager User Guide: what passes a forwarded port is encrypted by its ends.
    if content.get("sessionType", "Standard_Stream") == "Port":
        return not_applicable("what passes a forwarded port cannot be recorded")
    if any(kept):
        return Verdict()
    return violation("`content` keeps nothing of a session; its inputs must name a bucket or a log group")
