"""What Karpenter launches, and launches it from, in a local AWS API."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

NAME = "karpenter.k8s.aws/1"
OWNED = {
    "karpenter.sh/nodepool": "inference",
    "kubernetes.io/cluster/here": "owned",
    "eks:eks-cluster-name": "here",
}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


@dataclass(frozen=True)
class Launching:
    """A network, a key and an instance profile of nodes."""

    ec2: Any
    vpc: str
    subnet: str
    group: str
    key: str
    role: str
    image: str

    @classmethod
    def of(cls, client: Callable[[str], Any]) -> Self:
        """In the AWS API of these clients, which has had none yet."""
        ec2, iam = client("ec2"), client("iam")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")
        group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
        role = iam.create_role(RoleName="nodes", AssumeRolePolicyDocument='{"Statement": []}')["Role"]["Arn"]
        iam.create_instance_profile(InstanceProfileName="nodes")
        iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")
        name = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/nvidia/recommended/image_id"
        return cls(
            ec2=ec2,
            vpc=vpc,
            subnet=subnet["Subnet"]["SubnetId"],
            group=group,
            key=client("kms").create_key()["KeyMetadata"]["Arn"],
            role=role,
            image=client("ssm").get_parameter(Name=name)["Parameter"]["Value"],
        )

    def template(self, ec2: Any = None, tags: Mapping[str, str] = OWNED, user_data: str = "", **more: Any) -> str:
        """The launch template, as Karpenter makes one."""
        volume = {"Encrypted": True, "KmsKeyId": self.key, "VolumeType": "gp3", "VolumeSize": 100}
        data = {
            "ImageId": self.image,
            "IamInstanceProfile": {"Name": "nodes"},
            "Monitoring": {"Enabled": True},
            "UserData": base64.b64encode(user_data.encode()).decode(),
            "MetadataOptions": {
                "HttpEndpoint": "enabled",
                "HttpProtocolIpv6": "disabled",
                "HttpPutResponseHopLimit": 1,
                "HttpTokens": "required",
                "InstanceMetadataTags": "disabled",
            },
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {**volume, "DeleteOnTermination": True}}],
            "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [self.group], "AssociatePublicIpAddress": False}],
            "TagSpecifications": [{"ResourceType": "network-interface", "Tags": listed(tags)}],
        }
        made = (ec2 or self.ec2).create_launch_template(
            LaunchTemplateName=NAME,
            LaunchTemplateData={**data, **more},
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": listed(tags)}],
        )
        identifier: str = made["LaunchTemplate"]["LaunchTemplateId"]
        return identifier

    def fleet(
        self,
        types: Mapping[str, float] | None = None,
        ec2: Any = None,
        tags: Mapping[str, str] = OWNED,
        capacity: str = "on-demand",
        **more: Any,
    ) -> dict[str, Any]:
        """One instance of the cheapest of these types by their prices."""
        overrides = [
            {
                "InstanceType": name,
                "SubnetId": self.subnet,
                "ImageId": self.image,
                "AvailabilityZone": "us-east-1a",
                "Priority": price,
            }
            for name, price in (types or {"g6.xlarge": 0.8}).items()
        ]
        named = {"LaunchTemplateName": NAME, "Version": "$Latest"}
        told: dict[str, Any] = (ec2 or self.ec2).create_fleet(
            Type="instant",
            LaunchTemplateConfigs=[{"LaunchTemplateSpecification": named, "Overrides": overrides}],
            TargetCapacitySpecification={"DefaultTargetCapacityType": capacity, "TotalTargetCapacity": 1},
            TagSpecifications=[
                {"ResourceType": kind, "Tags": listed(tags)} for kind in ("instance", "volume", "fleet")
            ],
            **more,
        )
        return told

    def remove(self) -> None:
        """Takes the network away: others of the session take the API's subnets as they find them."""
        self.ec2.delete_security_group(GroupId=self.group)
        self.ec2.delete_subnet(SubnetId=self.subnet)
        self.ec2.delete_vpc(VpcId=self.vpc)

    def instance(self, identifier: str) -> dict[str, Any]:
        told: dict[str, Any] = self.ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
        return told

    def launched(self, types: Mapping[str, float] | None = None, **how: Any) -> dict[str, Any]:
        return self.instance(self.fleet(types, **how)["Instances"][0]["InstanceIds"][0])
