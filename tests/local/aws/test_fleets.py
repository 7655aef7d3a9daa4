"""A fleet of EC2's, and the images of EKS's nodes: what Karpenter launches has what its launch template says."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import LocalAws
from tests.local.aws.launching import Launching


@pytest.fixture
def launching(local_aws: LocalAws) -> Launching:
    return Launching.of(local_aws.client)


def test_an_instance_of_a_fleet_has_all_that_its_template_says(launching: Launching) -> None:
    launching.template()
    (told,) = launching.fleet()["Instances"]
    assert told["LaunchTemplateAndOverrides"]["Overrides"]["AvailabilityZone"] == "us-east-1a"
    instance = launching.instance(told["InstanceIds"][0])
    assert instance["InstanceType"] == "g6.xlarge"
    assert instance["SubnetId"] == launching.subnet
    assert [each["GroupId"] for each in instance["SecurityGroups"]] == [launching.group]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert instance["IamInstanceProfile"]["Arn"].endswith(":instance-profile/nodes")
    assert instance["Monitoring"]["State"] == "enabled"
    assert "PublicIpAddress" not in instance
    tags = {each["Key"]: each["Value"] for each in instance["Tags"]}
    assert tags["karpenter.sh/nodepool"] == "inference"
    assert tags["aws:ec2launchtemplate:id"].startswith("lt-")
    (interface,) = instance["NetworkInterfaces"]
    assert [each["GroupId"] for each in interface["Groups"]] == [launching.group]
    (mapping,) = instance["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/xvda"
    (volume,) = launching.ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    assert (volume["Encrypted"], volume["KmsKeyId"], volume["VolumeType"], volume["Size"]) == (
        True,
        launching.key,
        "gp3",
        100,
    )
    assert {"Key": "karpenter.sh/nodepool", "Value": "inference"} in volume["Tags"]
    interfaces = launching.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])[
        "NetworkInterfaces"
    ]
    assert {"Key": "karpenter.sh/nodepool", "Value": "inference"} in interfaces[0]["TagSet"]


def test_what_was_launched_leaves_nothing_behind(launching: Launching) -> None:
    launching.template()
    instance = launching.launched()
    launching.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert launching.instance(instance["InstanceId"])["State"]["Name"] == "terminated"
    launching.ec2.delete_security_group(GroupId=launching.group)
    launching.ec2.delete_subnet(SubnetId=launching.subnet)


def test_a_spot_instance_knows_its_request(launching: Launching) -> None:
    launching.template()
    instance = launching.launched(capacity="spot")
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["SpotInstanceRequestId"].startswith("sir-")
    assert [each["GroupId"] for each in instance["SecurityGroups"]] == [launching.group]
    launching.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])


def test_the_cheapest_of_what_a_fleet_may_launch_is_launched(launching: Launching) -> None:
    launching.template()
    instance = launching.launched({"g6.12xlarge": 4.6, "g6.2xlarge": 0.97, "g6.4xlarge": 1.3})
    assert instance["InstanceType"] == "g6.2xlarge"


def test_each_interface_of_a_template_is_attached(launching: Launching) -> None:
    cards = [
        {"NetworkCardIndex": card, "DeviceIndex": int(card > 0), "InterfaceType": "efa", "Groups": [launching.group]}
        for card in range(4)
    ]
    launching.template(NetworkInterfaces=cards)
    interfaces = launching.launched()["NetworkInterfaces"]
    assert [each["InterfaceType"] for each in interfaces] == ["efa"] * 4


RELEASE = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023"


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("x86_64/nvidia/amazon-eks-node-al2023-x86_64-nvidia-1.36-v20260903", "x86_64"),
        ("arm64/standard/amazon-eks-node-al2023-arm64-standard-1.36-v20260903", "arm64"),
        ("x86_64/standard/recommended", "x86_64"),
    ],
)
def test_an_image_of_a_node_has_a_name_and_is_there(local_aws: LocalAws, name: str, architecture: str) -> None:
    parameters: dict[str, Any] = {"Name": f"{RELEASE}/{name}/image_id"}
    told = local_aws.client("ssm").get_parameter(**parameters)["Parameter"]["Value"]
    assert local_aws.client("ssm").get_parameter(**parameters)["Parameter"]["Value"] == told
    named = [{"Name": "image-id", "Values": [told]}]
    (image,) = local_aws.client("ec2").describe_images(Filters=named)["Images"]
    assert (image["Architecture"], image["RootDeviceName"]) == (architecture, "/dev/xvda")
    assert image["OwnerId"] == "602401143452"


@pytest.mark.parametrize(
    "name",
    [
        "x86_64/nvidia/amazon-eks-node-al2023-x86_64-standard-1.36-v20260903",
        "x86_64/nvidia/amazon-eks-node-al2023-x86_64-nvidia-1.35-v20260903",
        "arm64/neuron/recommended",
        "x86_64/nvidia/latest",
    ],
)
def test_no_other_name_is_an_images(local_aws: LocalAws, name: str) -> None:
    with pytest.raises(ClientError, match="ParameterNotFound"):
        local_aws.client("ssm").get_parameter(Name=f"{RELEASE}/{name}/image_id")
