"""The pin of the nodes' images: what is told of it, and how it moves."""

from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from cli import nodes
from cluster.versions import VERSIONS
from operations import node_images
from operations.node_images import Pin
from operations.refused import Refused

NAME = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/{}/recommended/release_version"


@pytest.fixture
def ssm() -> Any:
    return boto3.client("ssm", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def told(ssm: Any, *releases: str) -> Pin:
    """What is told where AWS recommends these, one for each image."""
    with Stubber(ssm) as answers:
        for image, release in zip(node_images.IMAGES, releases, strict=False):
            answers.add_response("get_parameter", {"Parameter": {"Value": release}}, {"Name": NAME.format(image)})
        (pin,) = node_images.pins(lambda: ssm)
    return pin


def test_the_recommended_release_is_one_that_every_image_has(ssm: Any) -> None:
    pin = told(ssm, "1.36.4-20261020", "1.36.4-20261013", "1.36.4-20261020", "1.36.4-20261020")
    assert (pin.kubernetes, pin.pinned) == ("1.36", VERSIONS["1.36"].nodes)
    assert pin.recommended == "1.36.4-20261013"


def test_how_old_the_pin_is() -> None:
    assert str(Pin("1.36", "1.36.3-20260903", "1.36.4-20261013")) == (
        "Kubernetes 1.36: 1.36.3-20260903; AWS recommends 1.36.4-20261013, 40 days newer"
    )
    for same_or_newer in ("20260903", "20260801"):
        pin = Pin("1.36", "1.36.3-20260903", f"1.36.3-{same_or_newer}")
        assert str(pin) == "Kubernetes 1.36: 1.36.3-20260903, as AWS recommends"


def test_the_pin_moves_and_nothing_else_does() -> None:
    text = node_images.PINS.read_text()
    before = yaml.safe_load(text)
    after = yaml.safe_load(node_images.moved(text, Pin("1.36", before["1.36"]["nodes"], "1.36.4-20261013")))
    assert after["1.36"].pop("nodes") == "1.36.4-20261013"
    assert before["1.36"].pop("nodes") == VERSIONS["1.36"].nodes
    assert after == before


def test_each_version_has_a_pin_of_its_own() -> None:
    text = '"1.36":\n  nodes: 1.36.3-20260903\n  add_ons: {}\n# newer\n"1.37":\n  nodes: 1.36.3-20260903\n'
    changed = node_images.moved(text, Pin("1.37", "1.36.3-20260903", "1.37.1-20261101"))
    assert yaml.safe_load(changed) == {
        "1.36": {"nodes": "1.36.3-20260903", "add_ons": {}},
        "1.37": {"nodes": "1.37.1-20261101"},
    }


def test_a_pin_that_is_not_there_is_not_moved() -> None:
    with pytest.raises(Refused, match=r"does not say nodes: 1\.36\.0-20260101 for 1\.36"):
        node_images.moved(node_images.PINS.read_text(), Pin("1.36", "1.36.0-20260101", "1.36.4-20261013"))


def test_what_aws_does_not_tell_is_said_with_what_to_do(ssm: Any) -> None:
    with Stubber(ssm) as answers:
        answers.add_client_error("get_parameter", "AccessDeniedException", "no right to ssm:GetParameter")
        answers.add_client_error("get_parameter", "ParameterNotFound")
        with pytest.raises(Refused, match=r"AWS denied GetParameter: no right to ssm:GetParameter\. Allow it"):
            list(node_images.pins(lambda: ssm))
        with pytest.raises(Refused, match=f"AWS does not tell {NAME.format('x86_64/standard')}: choose another"):
            list(node_images.pins(lambda: ssm))


def test_a_profile_that_nobody_has_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(Refused, match=r"There are no AWS credentials: .*nobodys.*AWS_PROFILE, or sign in\.$"):
        nodes.tell("us-east-1", write=False)


def test_what_is_no_release_is_not_taken(ssm: Any) -> None:
    with pytest.raises(Refused, match="'latest'"):
        told(ssm, "latest")
