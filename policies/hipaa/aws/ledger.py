"""The ledger of which model was approved by whom: a bucket whose name or tags say so, and which nobody rewrites."""

from __future__ import annotations

import re
from typing import Any

from hipaa.aws.s3 import BUCKET, OBJECT_LOCK
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, not_applicable, violation

_LEDGER = re.compile(r"(?i)(?:^|[^a-z])ledgers?(?:$|[^a-z])")
_YEARS = {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "years": 6}}}


def _bucket(name: Any = "model-ledger", **more: Any) -> Resource:
    return Resource(BUCKET[0], {"bucket": name} | more, name="promotions")


def _locked(bucket: str = "model-ledger", **more: Any) -> Resource:
    return Resource(OBJECT_LOCK[0], {"bucket": bucket} | (more or _YEARS), name="lock")


@stack_rule(
    "ledger-bucket-is-locked",
    on=BUCKET,
    severity=HIGH,
    fix="Set object_lock_enabled=True, and add a BucketObjectLockConfiguration with a default retention.",
    sound=[
        [_bucket(objectLockEnabled=True), _locked()],
        [_bucket("records", tags={"Holds": "model-ledgers"}, objectLockEnabled=True), _locked("records")],
        [_bucket("records", tags={"Team": "knowledge-ledgerdemain"})],
        [_bucket(objectLockConfiguration={"objectLockEnabled": "Enabled", "rule": _YEARS["rule"]})],
        [_bucket("models")],
    ],
    unsound=[
        [_bucket()],
        [_bucket(objectLockEnabled=True)],
        [_bucket(objectLockEnabled=True), _locked("another")],
        [_bucket(objectLockEnabled=True), _locked(objectLockEnabled="Enabled")],
        [_bucket(UNKNOWN, tags={"Holds": "promotion ledger"})],
        [_bucket("records", tags={"Holds": "ledger"}), _locked("other")],
    ],
)
def ledger_bucket_is_locked(bucket: Resource, stack: Stack) -> Verdict:
    """The bucket of a ledger keeps what is written there: by Object Lock, with a time that nobody has to set.

    Who approved a model, and what it was, is evidence; whoever can write there could otherwise write it anew.
    """
    if not _is_ledger(bucket):
        return not_applicable("it says of no ledger")
    if any(lock.at("rule.defaultRetention") is not None for lock in stack.companions(bucket, OBJECT_LOCK, by="bucket")):
        return Verdict()
    if bucket.is_set_by_program("objectLockConfiguration") and any(
        lock.at("rule.defaultRetention") is not None for lock in bucket.objects("objectLockConfiguration")
    ):
        return Verdict()
    return violation("the bucket says that it has a ledger, and no Object Lock with a default retention is on it")


def _is_ledger(bucket: Resource) -> bool:
    tags = bucket.known("tags")
    values = [tags[name] for name in tags] if isinstance(tags, Properties) else []
    said = [bucket.name, bucket.known("bucket"), bucket.known("bucketPrefix"), *values]
    return any(_LEDGER.search(str(word)) for word in said if word is not None)
