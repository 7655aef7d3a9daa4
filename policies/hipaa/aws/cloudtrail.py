"""AWS CloudTrail: trails that see every Region, lose nothing, are encrypted, and wake someone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hipaa.aws.advice import KEPT_FROM_DELETION_IS_MORE, OTHER_RECORDS_MAY_DO, OWN_KEY_IS_MORE, PROPOSED_AUDIT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, at_least, is_, is_set, not_applicable, violation

TRAIL = "aws:cloudtrail/trail:Trail"
STORE = "aws:cloudtrail/eventDataStore:EventDataStore"
METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:trail:*"


def _trail(name: str = "trail", **properties: Any) -> Resource:
    return Resource(TRAIL, {"s3BucketName": "trail"} | properties, name=name)


@stack_rule(
    "cloudtrail-sees-every-region",
    on=TRAIL,
    severity=HIGH,
    fix="Set is_multi_region_trail=True on one trail, and leave include_global_service_events out.",
    sound=[
        [_trail(isMultiRegionTrail=True)],
        [_trail("all", isMultiRegionTrail=True), _trail("data", isMultiRegionTrail=False)],
    ],
    unsound=[
        [_trail()],
        [_trail(isMultiRegionTrail=False)],
        [_trail(isMultiRegionTrail=True, includeGlobalServiceEvents=False)],
        [_trail(isMultiRegionTrail=True, enableLogging=False)],
    ],
)
def sees_every_region(trail: Resource, stack: Stack) -> Verdict:
    """A program's trails record what is done in every Region: an intruder works where nobody looks."""
    if stack.once(_sees_everywhere):
        return Verdict()
    return violation(
        "`is_multi_region_trail` is not true, or logging or global events are off, on every trail of the program"
    )


def _sees_everywhere(stack: Stack) -> bool:
    return any(_is_everywhere(trail) for trail in stack.of(TRAIL))


def _is_everywhere(trail: Resource) -> bool:
    return (
        trail.at("isMultiRegionTrail") is True
        and trail.at("includeGlobalServiceEvents", True) is not False
        and trail.at("enableLogging", True) is not False
    )


@rule(
    "cloudtrail-trail-is-on",
    on=TRAIL,
    severity=HIGH,
    fix="Leave enable_logging out or set it to True.",
    sound=[{"s3BucketName": "trail"}, {"s3BucketName": "trail", "enableLogging": True}],
    unsound=[{"s3BucketName": "trail", "enableLogging": False}],
)
def trail_is_on(trail: Properties) -> Verdict:
    """A trail records."""
    return trail.require("enableLogging", is_(True), default=True)


@rule(
    "cloudtrail-validates-its-files",
    on=TRAIL,
    severity=HIGH,
    fix="Set enable_log_file_validation=True.",
    remedy={"enableLogFileValidation": True},
    sound=[{"s3BucketName": "trail", "enableLogFileValidation": True}],
    unsound=[{"s3BucketName": "trail"}, {"s3BucketName": "trail", "enableLogFileValidation": False}],
)
def validates_its_files(trail: Properties) -> Verdict:
    """A trail signs its files, so that one that was changed or taken away is told from the rest."""
    return trail.require("enableLogFileValidation", is_(True), default=False)


@rule(
    "cloudtrail-encrypts-with-cmk",
    on=TRAIL,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key whose policy allows cloudtrail.amazonaws.com.",
    sound=[{"s3BucketName": "trail", "kmsKeyId": _KEY}],
    unsound=[{"s3BucketName": "trail"}, {"s3BucketName": "trail", "kmsKeyId": ""}],
)
def encrypts_with_cmk(trail: Properties) -> Verdict:
    """A trail's files are under a customer managed key: not every reader of the bucket is one of who did what."""
    return trail.require("kmsKeyId", OWN_KEY)


@rule(
    "cloudtrail-reaches-cloudwatch",
    on=TRAIL,
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set cloud_watch_logs_group_arn and cloud_watch_logs_role_arn.",
    sound=[{"s3BucketName": "trail", "cloudWatchLogsGroupArn": _GROUP}],
    unsound=[{"s3BucketName": "trail"}],
)
def reaches_cloudwatch(trail: Properties) -> Verdict:
    """A trail is sent to CloudWatch Logs too, where it is searched and alarmed upon within minutes."""
    return trail.require("cloudWatchLogsGroupArn", is_set())


def _events(type_: str = "All", *values: str, management: bool = True) -> dict[str, Any]:
    data = [{"type": "AWS::S3::Object", "values": list(values)}] if values else []
    return {"readWriteType": type_, "includeManagementEvents": management, "dataResources": data}


def _fields(**fields: list[str]) -> dict[str, Any]:
    return {"fieldSelectors": [{"field": name.replace("_", "."), "equals": values} for name, values in fields.items()]}


_S3 = _fields(eventCategory=["Data"], resources_type=["AWS::S3::Object"])


@stack_rule(
    "cloudtrail-records-objects",
    on=TRAIL,
    severity=MEDIUM,
    advisory="a bucket's own access log tells of its objects as well (164.312(b))",
    proposed=PROPOSED_AUDIT,
    fix="Add an event selector of data events with type AWS::S3::Object, values [arn:aws:s3] and read_write_type All.",
    sound=[
        [_trail(eventSelectors=[_events("All", "arn:aws:s3")])],
        [_trail(advancedEventSelectors=[_S3])],
        [_trail("data", advancedEventSelectors=[_S3]), _trail("all", isMultiRegionTrail=True)],
    ],
    unsound=[
        [_trail()],
        [_trail(eventSelectors=[_events()])],
        [_trail(eventSelectors=[_events("WriteOnly", "arn:aws:s3")])],
        [_trail(advancedEventSelectors=[_fields(eventCategory=["Management"])])],
    ],
)
def records_objects(trail: Resource, stack: Stack) -> Verdict:
    """One of a program's trails records who read and who wrote which object of S3."""
    found = stack.once(_objects_recorded)
    lacking = [kind for kind in ("read", "write") if kind not in found]
    if not lacking:
        return Verdict()
    return violation(f"no event selector of this trail or another records who {' or who '.join(lacking)} objects of S3")


def _objects_recorded(stack: Stack) -> set[str]:
    return {kind for trail in stack.of(TRAIL) for kind in _object_events(trail)}


def _object_events(trail: Resource) -> Iterator[str]:
    for selector in trail.objects("eventSelectors"):
        if any(item.at("type") == "AWS::S3::Object" for item in selector.objects("dataResources")):
            kind = str(selector.at("readWriteType", "All"))
            yield from ("read",) if kind == "ReadOnly" else ("write",) if kind == "WriteOnly" else ("read", "write")
    for selector in trail.objects("advancedEventSelectors"):
        told = {str(item.at("field")): item.texts("equals") for item in selector.objects("fieldSelectors")}
        if "AWS::S3::Object" in told.get("resources.type", ()):
            only = told.get("readOnly")
            yield from ("read", "write") if only is None else ("read",) if "true" in only else ("write",)


_READ, _WRITTEN, _KEYS = "reading", "writing", "the use of keys"
_MANAGEMENT = ["Management"]
_NOT_KMS = {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}


@stack_rule(
    "cloudtrail-records-management-events",
    on=TRAIL,
    severity=HIGH,
    fix="Leave include_management_events on, read_write_type All, and exclude_management_event_sources out.",
    sound=[
        [_trail()],
        [_trail(eventSelectors=[_events()])],
        [_trail(eventSelectors=[_events("All", "arn:aws:s3", management=False)]), _trail("all")],
        [_trail(eventSelectors=[_events("ReadOnly"), _events("WriteOnly")])],
        [_trail(advancedEventSelectors=[_S3, _fields(eventCategory=_MANAGEMENT)])],
        [
            _trail(advancedEventSelectors=[_fields(eventCategory=_MANAGEMENT, readOnly=["true"])]),
            _trail("changes", advancedEventSelectors=[_fields(eventCategory=_MANAGEMENT, readOnly=["false"])]),
        ],
        [_trail(advancedEventSelectors=[_S3]), _trail("all")],
        [_trail(advancedEventSelectors=[_S3]), Resource(STORE, {"name": "lake"})],
        [_trail(), _trail("data", eventSelectors=[_events("WriteOnly", "arn:aws:s3")])],
    ],
    unsound=[
        [_trail(eventSelectors=[_events("WriteOnly")])],
        [_trail(eventSelectors=[_events() | {"excludeManagementEventSources": ["kms.amazonaws.com"]}])],
        [_trail(eventSelectors=[_events("All", "arn:aws:s3", management=False)])],
        [_trail(advancedEventSelectors=[_S3])],
        [_trail(advancedEventSelectors=[_S3]), _trail("off", enableLogging=False)],
        [_trail(advancedEventSelectors=[_fields(eventCategory=_MANAGEMENT, readOnly=["true"])])],
        [_trail(advancedEventSelectors=[_S3, _fields(eventCategory=_MANAGEMENT, readOnly=["false"])])],
        [
            _trail(
                advancedEventSelectors=[
                    {"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}, _NOT_KMS]}
                ]
            )
        ],
        [_trail(advancedEventSelectors=[_fields(eventCategory=_MANAGEMENT, eventSource=["iam.amazonaws.com"])])],
    ],
)
def records_management_events(trail: Resource, stack: Stack) -> Verdict:
    """A trail of management events leaves out neither reading nor the use of keys, which is how ePHI is decrypted.

    Another of the program's trails, or an event data store, may have what one leaves out.
    """
    found = stack.once(_management_recorded)
    lacking = [kind for kind in (_READ, _WRITTEN, _KEYS) if kind not in found]
    if not lacking:
        return Verdict()
    where = next((name for name in _SELECTORS if trail.known(name)), _SELECTORS[0])
    return violation(f"`{trail.where(where)}` of this trail or another leaves out {' and '.join(lacking)}")


_SELECTORS = ("eventSelectors", "advancedEventSelectors")


def _management_recorded(stack: Stack) -> set[str]:
    trails = [trail for trail in stack.of(TRAIL) if trail.at("enableLogging", True) is not False]
    return {kind for trail in (*trails, *stack.of(STORE)) for kind in _management_events(trail)}


def _management_events(trail: Resource) -> Iterator[str]:
    """What a trail records of the account's management; all of it where it does not say."""
    if not any(trail.get(name) for name in _SELECTORS):
        yield from (_READ, _WRITTEN, _KEYS)
    for selector in trail.objects("eventSelectors"):
        if selector.at("includeManagementEvents", True) is not False:
            without_keys = "kms.amazonaws.com" in selector.texts("excludeManagementEventSources")
            yield from _of_kind(str(selector.at("readWriteType", "All")), without_keys=without_keys)
    for selector in trail.objects("advancedEventSelectors"):
        told = {str(item.at("field")): item for item in selector.objects("fieldSelectors")}
        # Whatever else must be so leaves all but that out.
        narrow = any(
            item.listed(operator)
            for field, item in told.items()
            if field not in ("eventCategory", "readOnly")
            for operator in ("equals", "startsWith", "endsWith")
        )
        if "eventCategory" in told and "Management" in told["eventCategory"].texts("equals") and not narrow:
            only = told["readOnly"].texts("equals") if "readOnly" in told else []
            kind = "All" if not only else "ReadOnly" if "true" in only else "WriteOnly"
            left_out = told["eventSource"].texts("notEquals") if "eventSource" in told else []
            yield from _of_kind(kind, without_keys="kms.amazonaws.com" in left_out)


def _of_kind(kind: str, *, without_keys: bool) -> Iterator[str]:
    if kind != "WriteOnly":
        yield from (_READ,) if without_keys else (_READ, _KEYS)  # to decrypt counts as reading
    if kind != "ReadOnly":
        yield _WRITTEN


# What AWS Config's and Prowler's lists for HIPAA want to be woken by, with words that a filter's pattern has for it.
_ALARMS = {
    "network ACLs": ("CreateNetworkAcl", "DeleteNetworkAcl", "ReplaceNetworkAcl"),
    "network gateways": ("AttachInternetGateway", "CreateCustomerGateway", "DetachInternetGateway"),
    "route tables": ("CreateRoute", "DeleteRoute", "ReplaceRoute"),
    "VPCs": ("CreateVpc", "DeleteVpc", "ModifyVpcAttribute"),
    "failed sign-ins": ("Failed authentication",),
    "the root user": ("userIdentity.type",),
}


def _filter(*words: str) -> Resource:
    return Resource(
        METRIC_FILTER, {"logGroupName": "trail", "pattern": " || ".join(f"$.eventName = {w}" for w in words)}
    )


_EACH = [
    _filter(words[0] if name != "the root user" else "userIdentity.type = Root") for name, words in _ALARMS.items()
]
_WATCHED = _trail(cloudWatchLogsGroupArn=_GROUP)


@stack_rule(
    "cloudtrail-events-raise-alarms",
    on=TRAIL,
    severity=LOW,
    advisory="GuardDuty and Security Hub tell of the same and more; where neither is on, make this mandatory",
    proposed=PROPOSED_AUDIT,
    fix="Add a LogMetricFilter and a MetricAlarm for changes of ACLs, gateways, routes, VPCs; failed sign-ins; root.",
    sound=[[_WATCHED, *_EACH], [_trail()]],
    unsound=[[_WATCHED], [_WATCHED, *_EACH[:-1]], [_WATCHED, *_EACH[1:]]],
)
def events_raise_alarms(trail: Resource, stack: Stack) -> Verdict:
    """What a trail sends to CloudWatch Logs wakes someone where networks change, sign-ins fail or root is used."""
    if not trail.at("cloudWatchLogsGroupArn"):
        return not_applicable("the trail is not sent to CloudWatch Logs")
    lacking = stack.once(_unwatched)
    return violation(f"no LogMetricFilter of the program looks for {', '.join(lacking)}") if lacking else Verdict()


def _unwatched(stack: Stack) -> list[str]:
    """What no metric filter of the program looks for."""
    patterns = [str(each.at("pattern", "")) for each in stack.of(METRIC_FILTER)]
    return [
        name for name, words in _ALARMS.items() if not any(word in pattern for pattern in patterns for word in words)
    ]


@rule(
    "cloudtrail-store-is-kept",
    on=STORE,
    severity=MEDIUM,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Leave termination_protection_enabled on, multi_region_enabled on, and retention_period at 365 days or more.",
    sound=[{"name": "all"}, {"name": "all", "retentionPeriod": 2557, "terminationProtectionEnabled": True}],
    unsound=[
        {"name": "all", "terminationProtectionEnabled": False},
        {"name": "all", "retentionPeriod": 90},
        {"name": "all", "multiRegionEnabled": False},
    ],
)
def store_is_kept(store: Properties) -> Verdict:
    """An event data store keeps events of all Regions for a year or longer, and refuses to be deleted."""
    return all_of(
        store.require("terminationProtectionEnabled", is_(True), default=True),
        store.require("multiRegionEnabled", is_(True), default=True),
        store.require("retentionPeriod", at_least(365, "days"), default=2555),
    )


@rule(
    "cloudtrail-store-encrypts-with-cmk",
    on=STORE,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"name": "all", "kmsKeyId": _KEY}],
    unsound=[{"name": "all"}],
)
def store_encrypts_with_cmk(store: Properties) -> Verdict:
    """An event data store is under a customer managed key."""
    return store.require("kmsKeyId", OWN_KEY)
