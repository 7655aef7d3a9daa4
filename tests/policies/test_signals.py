"""What the pack says between the lines can be read back."""

import pytest

from hipaa import signals
from hipaa.resource import Properties, Resource
from hipaa.rule import LOW, BrokenRule, rule
from hipaa.verdict import Verdict

BUCKET = "urn:pulumi:dev::clinic::aws:s3/bucket:Bucket::data"
OTHER = "urn:pulumi:dev::clinic::parapet:foundation:DataBucket$aws:s3/bucket:Bucket::a name: with `marks`"


def test_undecided_urns_are_read_back() -> None:
    message = signals.undecided([(BUCKET, ("policy",)), (OTHER, ("bucket of x", "policy"))])
    told = f"can't run policy 'a' from policy pack 'hipaa@v0.0.1' during preview: {message}\n"
    assert signals.undecided_urns(told) == (BUCKET, OTHER)


def test_violation_is_not_undecided() -> None:
    assert signals.undecided_urns("A bucket is private.\n`acl` is 'public-read'; it must be 'private'") == ()


def test_broken_rule_tells_which_where_and_what_it_read_and_not_what_was_there() -> None:
    @rule("a-rule-that-breaks", on=BUCKET, severity=LOW, fix="Mend it.", sound=[], unsound=[])
    def breaks(bucket: Properties) -> Verdict:
        """It breaks."""
        bucket.at("versioning.0.mfaDelete")
        raise KeyError("hunter2")

    bucket = Resource("aws:s3/bucket:Bucket", {"versioning": [{"mfaDelete": "hunter2"}]})
    with pytest.raises(BrokenRule) as caught:
        breaks.judge(bucket)
    message = signals.broken(caught.value)
    assert signals.is_broken(message)
    assert message.startswith("a-rule-that-breaks cannot be decided")
    assert "KeyError" in message
    assert f"{__file__}:" in message
    assert "while it read `versioning.0.mfa_delete`" in message
    assert "hunter2" not in message


def test_fix_is_told_and_can_be_left_out() -> None:
    told = signals.mended("`acl` is 'public-read'; it must be 'private'", "Set acl='private'.")
    assert told.endswith("To mend it: Set acl='private'.")
    assert signals.without_fix(told) == "`acl` is 'public-read'; it must be 'private'"


ROOT = "urn:pulumi:dev::clinic::pulumi:pulumi:Stack::clinic-dev"
CHART = "urn:pulumi:dev::clinic::kubernetes:helm.sh/v4:Chart::prometheus"
CLUSTER = "urn:pulumi:dev::clinic::my:index:Platform$eks:index:Cluster::main"


@pytest.mark.parametrize(
    ("parent", "told"),
    [
        ("", ""),
        (ROOT, ""),
        ("urn:pulumi:dev::clinic::aws:s3/bucket:Bucket::records", ""),
        ("urn:pulumi:dev::clinic::kubernetes:core/v1:Namespace::prod", ""),
        (CLUSTER, "eks:index:Cluster 'main'"),
        ("urn:pulumi:dev::clinic::awsx:ec2:Vpc::net", "awsx:ec2:Vpc 'net'"),
        (CHART, "kubernetes:helm.sh/v4:Chart 'prometheus'"),
        ("urn:pulumi:dev::clinic::kubernetes:yaml/v2:ConfigFile::crds", "kubernetes:yaml/v2:ConfigFile 'crds'"),
    ],
)
def test_what_a_component_made_is_mended_by_its_arguments(parent: str, told: str) -> None:
    said = signals.made_by(parent)
    assert bool(said) == bool(told)
    if told:
        assert f"the component {told} makes it" in said
        assert signals.without_fix(signals.mended("bad", "Set a=True.", said)) == "bad"
