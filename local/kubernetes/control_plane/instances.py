"""The instances that Karpenter launches in the AWS API, as Kubernetes nodes.

What nodeadm does as an instance starts: it reads the NodeConfig among the user data and registers a node with the
labels and taints that stand there (awslabs/amazon-eks-ami, nodeadm). So a node has of Karpenter's what Karpenter gave
it, and nothing by knowledge of this module's.
"""

import base64
import email
from collections.abc import Iterator
from typing import Any

import yaml

from local.kubernetes.control_plane.described import Described, efa_interfaces
from local.kubernetes.control_plane.machines import Place, node

LAUNCHED = "karpenter.sh/nodepool"
"""Tag of every instance that Karpenter launches."""
NODE_CONFIG = "application/node.eks.aws"
LABELS = "--node-labels="


class Instances:
    """Reads the instances of the AWS API that join a cluster."""

    def __init__(self, described: Described) -> None:
        self._described = described
        # What an instance registers as it starts does not change.
        self._joined: dict[str, dict[str, Any] | None] = {}

    def nodes(self) -> dict[str, dict[str, Any]]:
        """The node of every instance that runs, by its name; of one that is told of no cluster there is none."""
        running = {each["InstanceId"]: each for each in self._described.running(LAUNCHED)}
        joined = self._joined
        self._joined = {name: joined[name] if name in joined else self._node(each) for name, each in running.items()}
        return {each["metadata"]["name"]: each for each in self._joined.values() if each}

    def _node(self, instance: dict[str, Any]) -> dict[str, Any] | None:
        # The launch template may be gone: Karpenter deletes it a minute after the last launch.
        user_data = self._described.user_data(instance["InstanceId"])
        kubelet = [each.get("kubelet", {}) for each in node_configs(user_data)]
        if not kubelet:
            return None
        config = {name: value for each in kubelet for name, value in each.get("config", {}).items()}
        machine = self._described.machine(instance["InstanceType"])
        capacity = machine.capacity(self._described.root_volume(instance), None, efa_interfaces(instance))
        if "maxPods" in config:
            capacity["pods"] = str(config["maxPods"])
        place = Place(
            instance["PrivateDnsName"],
            instance["InstanceId"],
            instance["Placement"]["AvailabilityZone"],
            instance["PrivateIpAddress"],
        )
        taints = [
            {"key": each["key"], "value": each.get("value", ""), "effect": each["effect"]}
            for each in config.get("registerWithTaints") or []
        ]
        return node(
            place, machine, capacity, _labels(flag for each in kubelet for flag in each.get("flags", [])), taints
        )


def node_configs(user_data: str) -> list[dict[str, Any]]:
    """What each NodeConfig among user data says, which is in Base64; nothing where none is one."""
    message = email.message_from_bytes(base64.b64decode(user_data))
    parts = [part for part in message.walk() if part.get_content_type() == NODE_CONFIG]
    try:
        read = [yaml.safe_load(str(part.get_payload())) for part in parts]
    except yaml.YAMLError:
        return []
    return [each["spec"] for each in read if isinstance(each, dict) and isinstance(each.get("spec"), dict)]


def _labels(flags: Iterator[str]) -> dict[str, str]:
    told = [flag.removeprefix(LABELS).strip('"') for flag in flags if flag.startswith(LABELS)]
    pairs = [each.partition("=") for text in told for each in text.split(",") if each]
    return {name: value for name, _, value in pairs}
