"""What EC2 tells of what nodes are made of."""

from typing import Any

import boto3
from botocore.config import Config

from local.aws.group_instances import ENDED
from local.kubernetes.control_plane.machines import Machine
from local.workspace import LOCAL_REGION


class Described:
    """What the AWS API at an endpoint tells; what does not change under its name is asked for once."""

    def __init__(self, endpoint: str) -> None:
        # The credentials are in the environment that the local stack gives (`local.workspace.exports`).
        self._session: Any = boto3.Session(region_name=LOCAL_REGION)
        self._endpoint = endpoint
        self._ec2 = self.client("ec2")
        self._machines: dict[str, Machine] = {}
        self._subnets: dict[str, dict[str, Any]] = {}
        self._templates: dict[tuple[str, str], dict[str, Any]] = {}

    def client(self, service: str) -> Any:
        """A client that gives up soon: the API may be gone, and is asked again with the next look."""
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        return self._session.client(service, endpoint_url=self._endpoint, config=config)

    def running(self, tag: str) -> list[dict[str, Any]]:
        """The instances with a tag of this name that run or are about to."""
        filters = [
            {"Name": "tag-key", "Values": [tag]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        pages = self._ec2.get_paginator("describe_instances").paginate(Filters=filters)
        return [each for page in pages for held in page["Reservations"] for each in held["Instances"]]

    def ended(self) -> set[str]:
        """The instances of node groups that were ended."""
        pages = self._ec2.get_paginator("describe_tags").paginate(Filters=[{"Name": "key", "Values": [ENDED]}])
        return {each["ResourceId"] for page in pages for each in page["Tags"]}

    def user_data(self, instance: str) -> str:
        """What an instance was given to start with, in Base64."""
        told = self._ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
        return str(told.get("UserData", {}).get("Value", ""))

    def root_volume(self, instance: dict[str, Any]) -> int:
        """GiB of an instance's first volume."""
        volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        return int(self._ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"])

    def machine(self, name: str) -> Machine:
        """The instance type of this name."""
        if name not in self._machines:
            described = self._ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
            self._machines[name] = Machine.of(described)
        return self._machines[name]

    def subnet(self, identifier: str) -> dict[str, Any]:
        """The subnet, as DescribeSubnets has it."""
        if identifier not in self._subnets:
            self._subnets[identifier] = self._ec2.describe_subnets(SubnetIds=[identifier])["Subnets"][0]
        return self._subnets[identifier]

    def template(self, identifier: str | None, version: str) -> dict[str, Any]:
        """The data of a version of a launch template; nothing where none is named."""
        if identifier is None:
            return {}
        key = (identifier, version)
        if key not in self._templates or version.startswith("$"):
            answer = self._ec2.describe_launch_template_versions(LaunchTemplateId=identifier, Versions=[version])
            self._templates[key] = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        return self._templates[key]


def disk(template: dict[str, Any]) -> int | None:
    """GiB of the root volume, where the template tells."""
    for mapping in template.get("BlockDeviceMappings", []):
        if size := mapping.get("Ebs", {}).get("VolumeSize"):
            return int(size)
    return None


def efa_interfaces(held: dict[str, Any]) -> int:
    """How many Elastic Fabric Adapters a launch template attaches, or an instance has."""
    return sum("efa" in interface.get("InterfaceType", "") for interface in held.get("NetworkInterfaces", []))
