"""Whether AWS offers, in the Region, the builds of add-ons and the nodes' images that are pinned.

It withdraws old ones, and a Region may have a new one later than others.
"""

from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from cluster.versions import VERSIONS, Versions
from operations.account.access import code
from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "versions"
MOVE: Final = "move the pin in platform/cluster/versions.yaml (docs/patching.md)"


def check(account: Account) -> Iterator[Finding]:
    pinned = VERSIONS[account.settings.cluster_version]
    missing = [*_add_ons(account, pinned), *_images(account, pinned)]
    yield from (to_do(ABOUT, text) for text in missing)
    if not missing:
        yield ok(ABOUT, f"{len(pinned.add_ons)} add-ons and the nodes' release {pinned.nodes} are offered as pinned")


def _add_ons(account: Account, pinned: Versions) -> Iterator[str]:
    eks = account.access.client("eks")
    for name, build in pinned.add_ons.items():
        pages = eks.get_paginator("describe_addon_versions").paginate(
            kubernetesVersion=pinned.kubernetes, addonName=name
        )
        offered = {
            each["addonVersion"]: each for page in pages for one in page["addons"] for each in one["addonVersions"]
        }
        if build not in offered:
            yield f"{name} {build} is not offered for Kubernetes {pinned.kubernetes}{_instead(offered)}: {MOVE}"


def _instead(offered: dict[str, Any]) -> str:
    recommended = [
        build for build, each in offered.items() if any(fits.get("defaultVersion") for fits in each["compatibilities"])
    ]
    return f", where AWS recommends {', '.join(recommended)}" if recommended else ""


def _images(account: Account, pinned: Versions) -> Iterator[str]:
    settings, ssm = account.settings, account.access.client("ssm")
    kinds = {(nodes.arch, "standard") for nodes in settings.plain_nodes.values()}
    kinds |= {(group.instances[0].arch, "nvidia") for group in settings.gpu_groups}
    date = pinned.nodes.rpartition("-")[2]
    for processor, kind in sorted(kinds):
        machine = {"amd64": "x86_64"}.get(processor, processor)
        # As Karpenter looks for what its alias means (aws/karpenter-provider-aws, pkg/providers/amifamily/al2023.go).
        image = f"amazon-eks-node-al2023-{machine}-{kind}-{pinned.kubernetes}-v{date}"
        folder = f"/aws/service/eks/optimized-ami/{pinned.kubernetes}/amazon-linux-2023/{machine}/{kind}"
        try:
            ssm.get_parameter(Name=f"{folder}/{image}/image_id")
        except ClientError as error:
            if code(error) != "ParameterNotFound":
                raise
            yield f"{account.access.region} has no image {image}: {MOVE}; ./parapet nodes tells the one to take"
