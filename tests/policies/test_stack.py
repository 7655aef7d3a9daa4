"""Companions are found by value, and by origin where the value is not known yet."""

import pytest

from hipaa.resource import UNKNOWN, Resource, UnknownValue
from hipaa.stack import Stack

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


def names(bucket: Resource, *others: Resource) -> list[str]:
    return [found.name for found in Stack([bucket, *others]).companions(bucket, VERSIONING, by="bucket")]


def test_known_names_match() -> None:
    bucket = Resource(BUCKET, {"id": "data-1"})
    assert names(bucket, Resource(VERSIONING, {"bucket": "data-1"}, name="yes")) == ["yes"]
    assert names(bucket, Resource(VERSIONING, {"bucket": "data-2"}, name="no")) == []


def test_unknown_name_matches_by_origin() -> None:
    bucket = Resource(BUCKET, {"id": UNKNOWN}, name="data")
    other = Resource(BUCKET, {"id": UNKNOWN}, name="other")
    of_bucket = Resource(VERSIONING, {"bucket": UNKNOWN}, name="yes", sources={"bucket": [bucket.urn]})
    of_other = Resource(VERSIONING, {"bucket": UNKNOWN}, name="no", sources={"bucket": [other.urn]})
    assert names(bucket, other, of_bucket, of_other) == ["yes"]


def test_known_name_outweighs_origin() -> None:
    bucket = Resource(BUCKET, {"id": "data-1"})
    elsewhere = Resource(VERSIONING, {"bucket": "data-2"}, sources={"bucket": [bucket.urn]})
    assert names(bucket, elsewhere) == []


def test_origin_through_another_property_does_not_count() -> None:
    bucket = Resource(BUCKET, {"id": UNKNOWN})
    stranger = Resource(VERSIONING, {"bucket": "elsewhere", "mfa": UNKNOWN}, sources={"mfa": [bucket.urn]})
    assert names(bucket, stranger) == []


def test_companion_of_nobody_knows_whom_is_undecided() -> None:
    bucket = Resource(BUCKET, {"id": UNKNOWN})
    with pytest.raises(UnknownValue, match="bucket of stranger"):
        names(bucket, Resource(VERSIONING, {"bucket": UNKNOWN}, name="stranger"))


def test_companion_of_nobody_knows_whom_does_not_matter_beside_a_known_one() -> None:
    bucket = Resource(BUCKET, {"id": "data-1"})
    own = Resource(VERSIONING, {"bucket": "data-1"}, name="own")
    assert names(bucket, Resource(VERSIONING, {"bucket": UNKNOWN}, name="stranger"), own) == ["own"]


def test_name_behind_a_prefix_matches() -> None:
    table = Resource("aws:dynamodb/table:Table", {"name": "records"})
    targets = [Resource("t", {"resourceId": f"table/{name}"}, name=name) for name in ("records", "others")]
    found = Stack([table, *targets]).companions(table, "t", by="resourceId", prefix="table/")
    assert [target.name for target in found] == ["records"]


GROUP = "aws:rds/parameterGroup:ParameterGroup"
INSTANCE = "aws:rds/instance:Instance"


def named(instance: Resource, *groups: Resource) -> list[str]:
    found = Stack([instance, *groups]).named_by(instance, "parameterGroupName", GROUP)
    return [group.name for group in found]


def test_what_a_resource_names_is_found_by_value() -> None:
    own = Resource(GROUP, {"id": UNKNOWN, "name": "own"}, name="own")
    other = Resource(GROUP, {"id": UNKNOWN, "name": "other"}, name="other")
    assert named(Resource(INSTANCE, {"parameterGroupName": "own"}), own, other) == ["own"]


def test_what_a_resource_names_is_found_by_origin() -> None:
    own = Resource(GROUP, {"id": UNKNOWN}, name="own")
    other = Resource(GROUP, {"id": UNKNOWN}, name="other")
    instance = Resource(INSTANCE, {"parameterGroupName": UNKNOWN}, sources={"parameterGroupName": [own.urn]})
    assert named(instance, own, other) == ["own"]


def test_what_names_nothing_finds_nothing() -> None:
    assert named(Resource(INSTANCE, {}), Resource(GROUP, {"id": UNKNOWN})) == []
