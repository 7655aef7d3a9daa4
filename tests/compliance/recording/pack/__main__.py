"""Five rules, one for each way in which a rule shows in the engine's events. BOOM and STACKFAIL change them."""

import os
from collections.abc import Callable
from typing import Any

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, Severity, StackValidationPolicy

Check = Callable[[Any, Any], None]


def on(kind: str, check: Check) -> Check:
    def validate(args: Any, report: Any) -> None:
        if args.resource_type != kind:
            args.not_applicable("another type")
        check(args, report)

    return validate


def rotates(args: Any, report: Any) -> None:
    if args.props.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        args.not_applicable("AWS rotates symmetric keys only")
    if not args.props.get("enableKeyRotation"):
        report("`enableKeyRotation` is false; it must be true")


def has_target(args: Any, report: Any) -> None:
    if not args.props["targetBucket"]:
        report("`targetBucket` is empty; it must be set")


def named(args: Any, report: Any) -> None:
    if os.environ.get("BOOM"):
        raise RuntimeError("the rule broke")
    if args.name.isupper():
        report("its name shouts")


def never_met(args: Any, report: Any) -> None:
    report("no program here has one")


def has_key(args: Any, report: Any) -> None:
    buckets = [resource for resource in args.resources if resource.resource_type == "aws:s3/bucket:Bucket"]
    if not buckets:
        args.not_applicable("no bucket")
    for bucket in buckets:
        if bucket.props["tags"]["key"] is None or os.environ.get("STACKFAIL"):
            report("no key serves it", bucket.urn)


PolicyPack(
    "hipaa",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            "kms-key-rotates",
            "A symmetric key rotates.",
            validate=on("aws:kms/key:Key", rotates),
            severity=Severity.HIGH,
        ),
        ResourceValidationPolicy(
            "s3-logging-has-a-target",
            "Access logs go to a bucket.",
            validate=on("aws:s3/bucketLogging:BucketLogging", has_target),
        ),
        ResourceValidationPolicy(
            "s3-bucket-is-named", "A bucket has a quiet name.", validate=on("aws:s3/bucket:Bucket", named)
        ),
        ResourceValidationPolicy(
            "rds-instance-encrypts", "A database is encrypted.", validate=on("aws:rds/instance:Instance", never_met)
        ),
        StackValidationPolicy("s3-bucket-has-a-key", "Each bucket has a key.", validate=has_key),
    ],
)
