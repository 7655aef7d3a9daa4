"""Amazon S3 buckets with the resources that complete them: encryption, versions, logs, ownership, transport."""

from __future__ import annotations

import re
from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.aws.log_targets import Keys, keys_of_deliveries
from hipaa.aws.s3 import ACL, BUCKET, POLICY, policy
from hipaa.iam.document import Document, document
from hipaa.iam.judging import answer, takes_plain_http
from hipaa.iam.questions import over_plain_http
from hipaa.iam.witness import Witness
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_set, not_applicable, one_of, undecided, violation

PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
VERSIONING = ("aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2")
LOGGING = ("aws:s3/bucketLogging:BucketLogging", "aws:s3/bucketLoggingV2:BucketLoggingV2")
LIFECYCLE = (
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
)

_BUCKET = Resource(BUCKET[0], {"bucket": "data"}, name="data")
_LOGS = Resource(BUCKET[0], {"bucket": "logs"}, name="logs")


def _with(type_: str, properties: dict[str, Any], bucket: str = "data") -> Resource:
    """A companion in an example, which names its bucket."""
    return Resource(type_, {"bucket": bucket} | properties, name=bucket)


_BALANCER = Resource("aws:lb/loadBalancer:LoadBalancer", {"accessLogs": {"bucket": "logs", "enabled": True}})
_DISTRIBUTION = Resource(
    "aws:cloudfront/distribution:Distribution",
    {"loggingConfig": {"bucket": UNKNOWN}},
    sources={"loggingConfig": [_LOGS.urn]},
)
_LOGGED = _with(LOGGING[0], {"targetBucket": "logs", "targetPrefix": "data/"})


def _is_log_target(bucket: Resource, stack: Stack) -> bool:
    return bool(stack.companions(bucket, LOGGING, by="targetBucket"))


def _inline(bucket: Resource, *settings: str) -> list[Properties]:
    """Settings on the bucket itself, as the provider's versions before 7 had them."""
    return [item for name in settings if bucket.is_set_by_program(name) for item in bucket.objects(name)]


_BLOCKED = {
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}


@stack_rule(
    "s3-bucket-blocks-public-access",
    on=BUCKET,
    severity=CRITICAL,
    fix="Add a BucketPublicAccessBlock for the bucket with all four settings True.",
    sound=[[_BUCKET, _with(PUBLIC_ACCESS_BLOCK, _BLOCKED)]],
    unsound=[
        [_BUCKET],
        [_BUCKET, _with(PUBLIC_ACCESS_BLOCK, _BLOCKED | {"restrictPublicBuckets": False})],
        [_BUCKET, _with(PUBLIC_ACCESS_BLOCK, {"blockPublicAcls": True})],
        [_BUCKET, _with(PUBLIC_ACCESS_BLOCK, _BLOCKED, bucket="another")],
    ],
)
def bucket_blocks_public_access(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket refuses public access, whatever an ACL or a bucket policy says."""
    blocks = stack.companions(bucket, PUBLIC_ACCESS_BLOCK, by="bucket")
    if not blocks:
        return violation("no BucketPublicAccessBlock is there for this bucket")
    return all_of(*(block.require(setting, is_(True), default=False) for block in blocks for setting in _BLOCKED))


def _encrypted(algorithm: str, **by_default: str) -> dict[str, Any]:
    return {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm} | by_default}]}


_CMK = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_WITH_CMK = _encrypted("aws:kms", kmsMasterKeyId=_CMK)


@stack_rule(
    "s3-bucket-encrypts-with-cmk",
    on=BUCKET,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Add a BucketServerSideEncryptionConfiguration with sse_algorithm aws:kms and a customer managed key's ARN.",
    sound=[
        [_BUCKET, _with(ENCRYPTION[0], _WITH_CMK)],
        [Resource(BUCKET[1], {"bucket": "data"}), _with(ENCRYPTION[1], _WITH_CMK)],
        [Resource(BUCKET[0], {"serverSideEncryptionConfiguration": {"rule": _WITH_CMK["rules"][0]}})],
        [
            _BUCKET,
            _LOGS,
            _LOGGED,
            _with(ENCRYPTION[0], _WITH_CMK),
            _with(ENCRYPTION[0], _encrypted("AES256"), bucket="logs"),
        ],
        [_LOGS, _BALANCER, _with(ENCRYPTION[0], _encrypted("AES256"), bucket="logs")],
        [_LOGS, _DISTRIBUTION, _with(ENCRYPTION[0], _encrypted("AES256"), bucket="logs")],
        [_LOGS, _DISTRIBUTION, _with(ENCRYPTION[0], _WITH_CMK, bucket="logs")],
    ],
    unsound=[
        [_BUCKET],
        [_LOGS, _BALANCER, _with(ENCRYPTION[0], _WITH_CMK, bucket="logs")],
        [_LOGS, _BALANCER],
        [_BUCKET, _BALANCER, _with(ENCRYPTION[0], _encrypted("AES256"))],
        [_BUCKET, _with(ENCRYPTION[0], _encrypted("AES256"))],
        [_BUCKET, _with(ENCRYPTION[0], _encrypted("aws:kms"))],
        [_BUCKET, _with(ENCRYPTION[0], _encrypted("aws:kms", kmsMasterKeyId="alias/aws/s3"))],
    ],
)
def bucket_encrypts_with_cmk(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket encrypts every object with a customer managed key, unless it receives logs that are not so delivered.

    S3 delivers access logs only to buckets that encrypt with its own keys ("Enabling Amazon S3 server access logging",
    Amazon S3 User Guide), and so do application and classic load balancers; such a bucket must do that. Network load
    balancers and distributions take either.
    """
    sources: list[Properties] = list(stack.companions(bucket, ENCRYPTION, by="bucket"))
    if not sources:
        sources = _inline(bucket, "serverSideEncryptionConfiguration", "serverSideEncryptionConfigurations")
    defaults = [
        default
        for source in sources
        for item in (*source.objects("rules"), *source.objects("rule"))
        for name in ("applyServerSideEncryptionByDefault", "applyServerSideEncryptionByDefaults")
        for default in item.objects(name)
    ]
    if not defaults:
        return violation("no BucketServerSideEncryptionConfiguration with a default is there for this bucket")
    delivered = Keys.S3_ONLY if _is_log_target(bucket, stack) else keys_of_deliveries(bucket, stack)
    if delivered is Keys.S3_ONLY:
        return all_of(*(default.require("sseAlgorithm", is_("AES256")) for default in defaults))
    if delivered is Keys.S3_OR_OWN and all(default.get("sseAlgorithm") == "AES256" for default in defaults):
        return Verdict()
    return all_of(
        *(
            all_of(
                default.require("sseAlgorithm", one_of("aws:kms", "aws:kms:dsse")),
                default.require("kmsMasterKeyId", OWN_KEY),
            )
            for default in defaults
        )
    )


@stack_rule(
    "s3-bucket-keeps-versions",
    on=BUCKET,
    severity=HIGH,
    fix="Add a BucketVersioning for the bucket with status Enabled.",
    sound=[
        [_BUCKET, _with(VERSIONING[0], {"versioningConfiguration": {"status": "Enabled"}})],
        [Resource(BUCKET[1], {"versionings": [{"enabled": True}]})],
    ],
    unsound=[[_BUCKET], [_BUCKET, _with(VERSIONING[0], {"versioningConfiguration": {"status": "Suspended"}})]],
)
def bucket_keeps_versions(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket keeps the former versions of what is overwritten or deleted."""
    companions = stack.companions(bucket, VERSIONING, by="bucket")
    if companions:
        return all_of(*(item.require("versioningConfiguration.status", is_("Enabled")) for item in companions))
    if inline := _inline(bucket, "versioning", "versionings"):
        return all_of(*(item.require("enabled", is_(True), default=False) for item in inline))
    return violation("no BucketVersioning is there for this bucket")


@stack_rule(
    "s3-bucket-logs-access",
    on=BUCKET,
    severity=MEDIUM,
    fix="Add a BucketLogging for the bucket with another bucket as target_bucket.",
    sound=[[_BUCKET, _LOGS, _LOGGED], [Resource(BUCKET[0], {"logging": {"targetBucket": "logs"}})]],
    unsound=[[_BUCKET], [_BUCKET, _with(LOGGING[0], {"targetBucket": ""})]],
)
def bucket_logs_access(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket has S3 record each request for its objects in another bucket."""
    sources: list[Properties] = list(stack.companions(bucket, LOGGING, by="bucket"))
    if sources := sources or _inline(bucket, "logging", "loggings"):
        return all_of(*(item.require("targetBucket", is_set()) for item in sources))
    if _is_log_target(bucket, stack) or keys_of_deliveries(bucket, stack):
        return not_applicable("it receives access logs: logging its own deliveries would never end")
    return violation("no BucketLogging is there for this bucket")


def _transport(**elements: Any) -> dict[str, str]:
    deny = {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return policy(deny | elements)


_IN_HASTE = {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:UserAgent": "curl"}}


@stack_rule(
    "s3-bucket-denies-insecure-transport",
    on=BUCKET,
    severity=HIGH,
    fix="Add a BucketPolicy that denies s3:* on the bucket and its objects to `*` where aws:SecureTransport is false.",
    sound=[
        [_BUCKET, _with(POLICY, _transport())],
        [_BUCKET, _with(POLICY, _transport(Principal={"AWS": "*"}, Resource="*"))],
        [_BUCKET, _with(POLICY, _transport(Action="S3:*", Resource="arn:aws:s3:::data*"))],
        [_BUCKET, _with(POLICY, _transport(Condition={"BoolIfExists": {"AWS:SecureTransport": [False]}}))],
        [_BUCKET, _with(POLICY, _transport(Condition={"NumericLessThanIfExists": {"s3:TlsVersion": "1.2"}}))],
    ],
    unsound=[
        [_BUCKET],
        [_BUCKET, _with(POLICY, _transport(Effect="Allow"))],
        [_BUCKET, _with(POLICY, _transport(Action="s3:GetObject"))],
        [_BUCKET, _with(POLICY, _transport(Resource=["arn:aws:s3:::data"]))],
        [_BUCKET, _with(POLICY, _transport(Resource=["arn:aws:s3:::data", "arn:aws:s3:::data/public/*"]))],
        [_BUCKET, _with(POLICY, _transport(Resource=["arn:aws:s3:::another", "arn:aws:s3:::another/*"]))],
        [_BUCKET, _with(POLICY, _transport(Condition=_IN_HASTE))],
        [_BUCKET, _with(POLICY, _transport(Principal={"AWS": "arn:aws:iam::111122223333:root"}))],
        [_BUCKET, _with(POLICY, _transport(Condition={"Bool": {"aws:SecureTransport": "true"}}))],
    ],
)
def bucket_denies_insecure_transport(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket answers no request that comes without TLS."""
    sources: list[Properties] = list(stack.companions(bucket, POLICY, by="bucket"))
    if not sources and bucket.is_set_by_program("policy"):
        sources = [bucket]
    if not sources:
        return violation("no BucketPolicy is there for this bucket")
    own = _arns(bucket)
    verdicts = [_refuses_plain_http(source, own) for source in sources]
    return next((verdict for verdict in verdicts if verdict == Verdict()), verdicts[0])


def _refuses_plain_http(source: Properties, own: tuple[str, ...]) -> Verdict:
    found = document(source)

    def find(found: Document) -> Witness | None:
        partition = re.search(r"arn:(aws[a-z-]*):s3", found.text)
        here = tuple(arn.replace("arn:aws:", f"arn:{partition[1]}:") for arn in own) if partition else own
        return over_plain_http(found, "s3", here)

    return all_of(answer(found, source.where("policy"), find, takes_plain_http), *map(undecided, found.unknown))


def _arns(bucket: Resource) -> tuple[str, ...]:
    """The bucket and something in it; nothing where its name is not known."""
    name = bucket.known("bucket")
    arn = bucket.known("arn") or (f"arn:aws:s3:::{name}" if name else None)
    return (str(arn), f"{arn}/stranger") if arn else ()


@stack_rule(
    "s3-bucket-disables-acls",
    on=BUCKET,
    severity=MEDIUM,
    advisory="an ACL that lets no stranger in does no harm, and one that does is refused by a rule of its own",
    fix="Add BucketOwnershipControls for the bucket with object_ownership BucketOwnerEnforced.",
    sound=[[_BUCKET, _with(OWNERSHIP, {"rule": {"objectOwnership": "BucketOwnerEnforced"}})]],
    unsound=[
        [_BUCKET],
        [_BUCKET, _with(OWNERSHIP, {"rule": {"objectOwnership": "ObjectWriter"}})],
        [_BUCKET, _with(OWNERSHIP, {"rule": {"objectOwnership": "BucketOwnerPreferred"}}), _with(ACL[0], {})],
    ],
)
def bucket_disables_acls(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket's owner owns every object in it, and access control lists have no effect.

    New buckets start so; only a BucketOwnershipControls keeps it so.
    """
    companions = stack.companions(bucket, OWNERSHIP, by="bucket")
    if not companions:
        return violation("no BucketOwnershipControls is there for this bucket")
    return all_of(*(item.require("rule.objectOwnership", is_("BucketOwnerEnforced")) for item in companions))


@stack_rule(
    "s3-bucket-has-lifecycle",
    on=BUCKET,
    severity=LOW,
    advisory="the Rule says how long documentation is kept (164.316(b)(2)(i)), not when data must go",
    fix="Add a BucketLifecycleConfiguration with an enabled rule that says what becomes of old versions and uploads.",
    sound=[
        [
            _BUCKET,
            _with(
                LIFECYCLE[0],
                {
                    "rules": [
                        {
                            "id": "former-versions",
                            "status": "Enabled",
                            "noncurrentVersionExpiration": {"noncurrentDays": 2192},
                        }
                    ]
                },
            ),
        ],
        [Resource(BUCKET[0], {"lifecycleRules": [{"enabled": True, "expiration": {"days": 3650}}]})],
    ],
    unsound=[[_BUCKET], [_BUCKET, _with(LIFECYCLE[0], {"rules": [{"id": "off", "status": "Disabled"}]})]],
)
def bucket_has_lifecycle(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket has a lifecycle rule that is on: what it keeps, it keeps on purpose."""
    companions = stack.companions(bucket, LIFECYCLE, by="bucket")
    if any(rule.get("status") == "Enabled" for item in companions for rule in item.objects("rules")):
        return Verdict()
    if not companions and any(rule.get("enabled") is True for rule in _inline(bucket, "lifecycleRules")):
        return Verdict()
    return violation("no BucketLifecycleConfiguration with a rule of status Enabled is there for this bucket")
