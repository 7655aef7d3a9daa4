"""AWS Batch: jobs without privileges and without a public address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, Unreadable, rule
from hipaa.verdict import Verdict, all_of, violation

DEFINITION = "aws:batch/jobDefinition:JobDefinition"


def _containers(definition: Properties) -> Iterator[dict[str, Any]]:
    """What a definition says of containers in JSON, of each form.

    Raises:
        Unreadable: when it is no JSON.
    """
    for name in ("containerProperties", "ecsProperties", "nodeProperties"):
        text = definition.at(name)
        if not isinstance(text, str) or not text:
            continue
        try:
            told = json.loads(text)
        except ValueError:
            raise Unreadable(f"`{definition.where(name)}` is no JSON") from None
        yield from _within(told)


def _within(told: Any) -> Iterator[dict[str, Any]]:
    """Each object in it that has an image, however deep it stands."""
    if isinstance(told, dict):
        if "image" in told or "privileged" in told or "networkConfiguration" in told:
            yield told
        for value in told.values():
            yield from _within(value)
    elif isinstance(told, list):
        for value in told:
            yield from _within(value)


def _job(**properties: Any) -> dict[str, Any]:
    return {
        "type": "container",
        "containerProperties": json.dumps({"image": "records", "command": ["run"]} | properties),
    }


def _pod(**told: Any) -> dict[str, Any]:
    return {"type": "container", "eksProperties": {"podProperties": told}}


@rule(
    "batch-job-stays-unprivileged",
    on=DEFINITION,
    severity=HIGH,
    fix="Leave privileged out of container_properties, and host_network off in a pod's properties.",
    sound=[
        _job(),
        _job(privileged=False),
        _pod(hostNetwork=False, containers=[{"image": "records", "securityContext": {"privileged": False}}]),
        _pod(hostNetwork=False, containers=[{"image": "records"}]),
    ],
    unsound=[
        _job(privileged=True),
        {
            "type": "multinode",
            "nodeProperties": json.dumps({"nodeRangeProperties": [{"container": {"image": "a", "privileged": True}}]}),
        },
        _pod(hostNetwork=False, containers=[{"image": "records", "securityContext": {"privileged": True}}]),
        _pod(hostNetwork=True, containers=[{"image": "records"}]),
        {"type": "container", "containerProperties": "{"},
    ],
)
def job_stays_unprivileged(definition: Properties) -> Verdict:
    """A job's container has no hold of the machine that it shares with others."""
    found = [
        violation("`container_properties` sets privileged to true")
        for each in _containers(definition)
        if each.get("privileged") is True
    ]
    pod = "eksProperties.podProperties"
    for kind in ("containers", "initContainers"):
        for container in definition.objects(f"{pod}.{kind}"):
            if container.at("securityContext.privileged") is True:
                found.append(violation(f"`{container.where('securityContext')}` sets privileged to true"))
    if definition.at(f"{pod}.hostNetwork") is True:
        found.append(violation("`eks_properties.pod_properties.host_network` is true; it must be false"))
    return all_of(*found)


@rule(
    "batch-job-has-no-public-address",
    on=DEFINITION,
    severity=MEDIUM,
    fix="Set 'assignPublicIp' to DISABLED in container_properties, and give the subnet a NAT gateway.",
    sound=[_job(networkConfiguration={"assignPublicIp": "DISABLED"}), _job()],
    unsound=[_job(networkConfiguration={"assignPublicIp": "ENABLED"})],
)
def job_has_no_public_address(definition: Resource) -> Verdict:
    """A job on Fargate has no address on the internet."""
    for each in _containers(definition):
        network = each.get("networkConfiguration")
        if isinstance(network, dict) and network.get("assignPublicIp") == "ENABLED":
            return violation("`container_properties` sets 'assignPublicIp' to ENABLED; it must be DISABLED")
    return Verdict()
