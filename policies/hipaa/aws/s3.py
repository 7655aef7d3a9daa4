"""Amazon S3, one resource at a time: policies, ACLs, Object Lock. What needs two resources is in `s3_companions`."""

from __future__ import annotations

import json
from typing import Any

from hipaa.iam.judging import not_public
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, rule
from hipaa.verdict import Verdict, all_of, at_least, is_, one_of, violation

# The provider's version 7 took the V2 names away from the plain ones; both are still in use.
BUCKET = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
ACL = ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2")
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
OBJECT = ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObject:BucketObject", "aws:s3/objectCopy:ObjectCopy")
DMS_S3 = "aws:dms/s3Endpoint:S3Endpoint"  # what it writes to S3 are objects with an ACL too
OBJECT_LOCK = (
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2",
)

# 45 CFR 164.316(b)(2)(i): six years from creation or from when it last was in effect; two of them may be leap years.
_SIX_YEARS_IN_DAYS = 2192
_CLOSED_ACLS = ("private", "log-delivery-write", "bucket-owner-read", "bucket-owner-full-control")
_EVERYONE = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)


def policy(*statement: dict[str, Any]) -> dict[str, str]:
    """The properties of an example with a bucket policy of these statements."""
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statement)})}


def _allow(principal: Any, action: str = "s3:GetObject", **elements: Any) -> dict[str, Any]:
    resource = "arn:aws:s3:::example/*"
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource} | elements


_NOT_BY_OWN_ENDPOINT = {"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}


@rule(
    "s3-bucket-policy-is-not-public",
    on=(POLICY, *BUCKET),
    severity=CRITICAL,
    fix="Name the principals, or bound `*` with a condition on aws:PrincipalOrgID, aws:SourceVpce or aws:SourceArn.",
    sound=[
        policy(_allow({"AWS": "arn:aws:iam::111122223333:role/reader"})),
        policy(_allow("*", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}})),
        policy(_allow("*", "s3:*") | {"Effect": "Deny"}),
        policy(_allow("*", Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}})),
        policy(_allow("*"), _allow("*", "S3:*", Effect="Deny", Condition=_NOT_BY_OWN_ENDPOINT)),
    ],
    unsound=[
        policy(_allow("*")),
        policy(_allow({"AWS": "*"}, Condition={"Bool": {"aws:SecureTransport": "true"}})),
        policy(_allow("*", Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}})),
        policy(_allow("*", Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/analyst"}})),
        policy(_allow("*", Condition={"StringEquals": {"aws:PrincipalTag/team": "research"}})),
        policy(_allow("*", Condition={"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-1a2b3c4d5e/*"}})),
        policy(_allow("*", Condition={"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}})),
        policy(_allow("*"), _allow("*", "s3:PutObject", Effect="Deny", Condition=_NOT_BY_OWN_ENDPOINT)),
        Resource(BUCKET[1], policy(_allow("*"))),
        {"policy": "[]"},
    ],
)
def bucket_policy_is_not_public(bucket: Properties) -> Verdict:
    """A bucket policy allows no one but principals, networks or services that it names.

    One public statement hands out every object that it covers.
    """
    return not_public(bucket, "s3")


@rule(
    "s3-bucket-has-no-public-acl",
    on=(*ACL, *BUCKET),
    severity=CRITICAL,
    fix="Leave the ACL out (ownership BucketOwnerEnforced turns ACLs off), and grant by bucket policy.",
    sound=[
        {"acl": "private"},
        {
            "accessControlPolicy": {
                "grants": [{"permission": "READ", "grantee": {"type": "CanonicalUser", "id": "1a2b"}}]
            }
        },
        Resource(BUCKET[0], {}),
    ],
    unsound=[
        {"acl": "public-read"},
        {
            "accessControlPolicy": {
                "grants": [{"permission": "READ", "grantee": {"type": "Group", "uri": _EVERYONE[0]}}]
            }
        },
        Resource(BUCKET[0], {"acl": "authenticated-read"}),
        Resource(BUCKET[1], {"grants": [{"type": "Group", "permissions": ["READ"], "uri": _EVERYONE[1]}]}),
    ],
)
def bucket_has_no_public_acl(bucket: Properties) -> Verdict:
    """No access control list opens a bucket to everyone, nor to every AWS account."""
    return all_of(
        _opens_to_nobody(bucket),
        bucket.each("accessControlPolicy.grants", lambda grant: grant.each("grantee", _is_own)),
    )


def _is_own(grantee: Properties) -> Verdict:
    if grantee.get("uri") not in _EVERYONE:
        return Verdict()
    return violation(f"a grant goes to the group {grantee.get('uri')}; it must go to a canonical user of one's own")


def _opens_to_nobody(resource: Properties) -> Verdict:
    return all_of(
        resource.require("acl", one_of(*_CLOSED_ACLS), default="private"),
        resource.each("grants", _is_own),
    )


_COPY = {"bucket": "records", "key": "a.csv", "source": "incoming/a.csv"}


@rule(
    "s3-object-has-no-public-acl",
    on=(*OBJECT, DMS_S3),
    severity=CRITICAL,
    fix="Leave the ACL and the grants out, and grant by bucket policy.",
    sound=[
        {"bucket": "records", "key": "a.csv"},
        {"bucket": "records", "key": "a.csv", "acl": "bucket-owner-full-control"},
        Resource(OBJECT[1], {"bucket": "records", "key": "a.csv", "acl": "private"}),
        Resource(
            OBJECT[2],
            _COPY | {"grants": [{"type": "CanonicalUser", "permissions": ["READ"], "id": "1a2b"}]},
        ),
    ],
    unsound=[
        {"bucket": "records", "key": "a.csv", "acl": "public-read"},
        {"bucket": "records", "key": "a.csv", "acl": "authenticated-read"},
        Resource(OBJECT[1], {"bucket": "records", "key": "a.csv", "acl": "public-read-write"}),
        Resource(OBJECT[2], _COPY | {"acl": "public-read"}),
        Resource(OBJECT[2], _COPY | {"grants": [{"type": "Group", "permissions": ["READ"], "uri": _EVERYONE[0]}]}),
        Resource(DMS_S3, {"endpointId": "lake", "bucketName": "records", "cannedAclForObjects": "public-read"}),
    ],
)
def object_has_no_public_acl(object_: Properties) -> Verdict:
    """No access control list opens an object to everyone, nor to every AWS account, whatever its bucket's says."""
    return all_of(
        _opens_to_nobody(object_),
        object_.require("cannedAclForObjects", one_of("none", *_CLOSED_ACLS), default="none"),
    )


@rule(
    "s3-object-lock-keeps-six-years",
    on=OBJECT_LOCK,
    severity=HIGH,
    advisory="164.316(b)(2)(i) keeps documentation for six years, not data; copies against ransom are locked for weeks",
    fix="Set rule.default_retention to mode COMPLIANCE and years 6.",
    sound=[
        {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "years": 6}}},
        {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 2192}}},
    ],
    unsound=[
        {},
        {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "years": 7}}},
        {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 365}}},
        {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "years": 5}}},
    ],
)
def object_lock_keeps_six_years(lock: Properties) -> Verdict:
    """Object Lock keeps each object six years in compliance mode, which not even the account's root can shorten.

    45 CFR 164.316(b)(2)(i) has documentation kept for six years.
    """
    retention = "rule.defaultRetention"
    return all_of(
        lock.require(f"{retention}.mode", is_("COMPLIANCE")),
        lock.require(f"{retention}.days", at_least(_SIX_YEARS_IN_DAYS, "days"))
        if lock.at(f"{retention}.days")
        else lock.require(f"{retention}.years", at_least(6, "years")),
    )
