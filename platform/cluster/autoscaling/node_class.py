"""How Karpenter launches a node."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from cluster.gpu_group import GpuGroup
from cluster.labels import metadata
from cluster.launch_template import GPU_VOLUME_GIB, ROOT_DEVICE, adapter_cards
from cluster.mig_boot import user_data
from cluster.versions import Versions
from foundation import data_class
from foundation.data_class import DataClass
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class NodeClassArgs:
    stack: Stack
    versions: Versions
    instance_profile: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the cluster class."""
    placement_group: pulumi.Input[str] | None


def node_class(group: GpuGroup, args: NodeClassArgs) -> dict[str, Any]:
    """The EC2NodeClass of a group: an instance as its managed node group would launch it.

    Subnets and groups are named and not searched for by tag: whoever may tag a subnet could otherwise move the nodes.
    """
    return {
        "api_version": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": metadata(group.name, args.stack.owner),
        "spec": {
            "amiSelectorTerms": [{"alias": args.versions.ami_alias}],
            "instanceProfile": args.instance_profile,
            "subnetSelectorTerms": [{"id": each} for each in args.subnet_ids],
            "securityGroupSelectorTerms": [{"id": args.security_group_id}],
            "associatePublicIPAddress": False,
            "metadataOptions": {
                "httpEndpoint": "enabled",
                "httpProtocolIPv6": "disabled",
                "httpPutResponseHopLimit": 1,
                "httpTokens": "required",
            },
            "blockDeviceMappings": [
                {
                    "deviceName": ROOT_DEVICE,
                    "rootVolume": True,
                    "ebs": {
                        "encrypted": True,
                        "kmsKeyID": args.key_arn,
                        "volumeType": "gp3",
                        "volumeSize": f"{GPU_VOLUME_GIB}Gi",
                        "deleteOnTermination": True,
                    },
                }
            ],
            "detailedMonitoring": True,
            "tags": {**args.stack.tags, **data_class.tags(DataClass.CLUSTER)},
            **_only_where_asked_for(group, args),
        },
    }


def _only_where_asked_for(group: GpuGroup, args: NodeClassArgs) -> dict[str, Any]:
    optional = {
        "capacityReservationSelectorTerms": [{"id": group.reservation}] if group.reservation else None,
        "placementGroupSelector": {"name": args.placement_group} if args.placement_group else None,
        "networkInterfaces": _interfaces(group) if group.efa else None,
        "userData": user_data(group),
    }
    return {field: value for field, value in optional.items() if value is not None}


def _interfaces(group: GpuGroup) -> list[dict[str, Any]]:
    return [
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"},
        *({"networkCardIndex": card, "deviceIndex": 1, "interfaceType": "efa-only"} for card in adapter_cards(group)),
    ]
