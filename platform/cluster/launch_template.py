"""How an instance of a node group is launched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from cluster.gpu_group import GpuGroup
from cluster.mig_boot import encoded, user_data
from foundation import data_class
from foundation.data_class import DataClass
from foundation.stack import Stack

TAGGED: Final = ("instance", "volume", "network-interface")
ROOT_DEVICE: Final = "/dev/xvda"
SYSTEM_VOLUME_GIB: Final = 100
GPU_VOLUME_GIB: Final = 200
"""Images with CUDA and a framework take 10 to 20 GiB each."""


@dataclass(frozen=True, kw_only=True)
class Alone:
    """What an instance needs said that no node group launches."""

    image: str
    instance_type: str
    instance_profile: pulumi.Input[str]
    """Its name."""
    volume_gib: int
    user_data: str
    """What it runs once, before anybody comes to it."""
    tags: Mapping[str, str]
    """What the instance is known by, besides what every one has."""


@dataclass(frozen=True, kw_only=True)
class LaunchTemplateArgs:
    stack: Stack
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the cluster class."""
    gpu_group: GpuGroup | None = None
    placement_group: pulumi.Input[str] | None = None
    alone: Alone | None = None


def launch_template(name: str, args: LaunchTemplateArgs, parent: pulumi.Resource) -> aws.ec2.LaunchTemplate:
    """A template for instances that nobody logs into and whose credentials no pod can take.

    IMDSv2 with a hop limit of 1 (Amazon EKS Best Practices Guide, "Restrict access to the instance profile assigned to
    the worker node"), volumes under the CMK, no key pair, no public address, metrics every minute.
    """
    group, alone = args.gpu_group, args.alone
    volume_gib = alone.volume_gib if alone else GPU_VOLUME_GIB if group else SYSTEM_VOLUME_GIB
    adapters = _adapters(group, args.security_group_id) if group and group.efa else None
    tags = {"Name": name, **args.stack.tags, **data_class.tags(DataClass.CLUSTER)}
    return aws.ec2.LaunchTemplate(
        name,
        update_default_version=True,
        image_id=alone.image if alone else None,
        instance_type=alone.instance_type if alone else None,
        iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(name=alone.instance_profile)
        if alone
        else None,
        block_device_mappings=[
            {
                "device_name": ROOT_DEVICE,
                "ebs": {
                    "encrypted": "true",
                    "kms_key_id": args.key_arn,
                    "volume_type": "gp3",
                    "volume_size": volume_gib,
                    "delete_on_termination": "true",
                },
            }
        ],
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "disabled",
        },
        monitoring={"enabled": True},
        # Where interfaces are listed, each has the group and the template has none.
        vpc_security_group_ids=None if adapters else [args.security_group_id],
        network_interfaces=adapters,
        placement=aws.ec2.LaunchTemplatePlacementArgs(group_name=args.placement_group)
        if args.placement_group
        else None,
        capacity_reservation_specification=_reservation(group),
        user_data=encoded(alone.user_data if alone else user_data(group) if group else None),
        tag_specifications=[
            {"resource_type": kind, "tags": {**tags, **(alone.tags if alone and kind == "instance" else {})}}
            for kind in TAGGED
        ],
        tags=data_class.tags(DataClass.CLUSTER),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def adapter_cards(group: GpuGroup) -> range:
    """The network cards that carry an Elastic Fabric Adapter. Where a card has none, it is the first."""
    instance = group.instances[0]
    return range(instance.cards - instance.efa, instance.cards)


def _reservation(group: GpuGroup | None) -> aws.ec2.LaunchTemplateCapacityReservationSpecificationArgsDict | None:
    if not group or not group.reservation:
        return None
    return {
        "capacity_reservation_preference": "capacity-reservations-only",
        "capacity_reservation_target": {"capacity_reservation_id": group.reservation},
    }


def _adapters(
    group: GpuGroup, security_group_id: pulumi.Input[str]
) -> Sequence[aws.ec2.LaunchTemplateNetworkInterfaceArgsDict]:
    """An interface for IP, and an Elastic Fabric Adapter without an address on each network card that carries one.

    Source: Amazon EC2 User Guide, "Maximize network bandwidth on Amazon EC2 instances with multiple network cards".
    """
    interfaces: list[aws.ec2.LaunchTemplateNetworkInterfaceArgsDict] = [
        {"device_index": 0, "network_card_index": 0, "interface_type": "interface"},
        *(
            {"device_index": 1, "network_card_index": card, "interface_type": "efa-only"}
            for card in adapter_cards(group)
        ),
    ]
    return [{**each, "security_groups": [security_group_id], "delete_on_termination": "true"} for each in interfaces]
