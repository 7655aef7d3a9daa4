"""What the pack says between the lines can be read back."""

from hipaa import signals

BUCKET = "urn:pulumi:dev::clinic::aws:s3/bucket:Bucket::data"
OTHER = "urn:pulumi:dev::clinic::parapet:foundation:DataBucket$aws:s3/bucket:Bucket::a name: with `marks`"


def test_undecided_urns_are_read_back() -> None:
    message = signals.undecided([(BUCKET, ("policy",)), (OTHER, ("bucket of x", "policy"))])
    told = f"can't run policy 'a' from policy pack 'hipaa@v0.0.1' during preview: {message}\n"
    assert signals.undecided_urns(told) == (BUCKET, OTHER)


def test_violation_is_not_undecided() -> None:
    assert signals.undecided_urns("A bucket is private.\n`acl` is 'public-read'; it must be 'private'") == ()


def test_broken_rule_tells_where_and_not_what() -> None:
    try:
        raise KeyError("hunter2")
    except KeyError as error:
        message = signals.broken(error)
    assert signals.is_broken(message)
    assert "KeyError" in message
    assert f"{__file__}:" in message
    assert "hunter2" not in message
