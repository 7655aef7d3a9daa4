"""A Helm chart, taken from the stack's own registry."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import images
from foundation.registry import USER
from foundation.stack import Stack


def chart(
    name: str,
    release: str,
    *,
    chart: str,
    stack: Stack,
    passwords: Mapping[str, pulumi.Input[str]],
    namespace: str,
    values: Mapping[str, Any],
    parent: pulumi.Resource,
    skip_crds: bool = False,
    depends_on: Sequence[pulumi.Resource] = (),
) -> kubernetes.helm.v4.Chart:
    """A release of a chart of `images.IMAGES`, given by its NAME:TAG; `passwords` opens the registry.

    It is taken by the lock's digest, and Helm refuses it where the registry has another under the tag
    (helm/helm, pkg/registry, `ValidateReference`). The provider keeps the password in a file of its own while it pulls
    (pulumi-kubernetes 4.27.0, "Support for OCI login inside the provider process"), and the state has no inputs of a
    component that a provider makes.

    A `v4.Chart` and no `v3.Release`: each object of it is a resource of the stack, so that the policy pack and the
    review see it and a refresh finds what was edited by hand. The charts in use here have no hooks, which a `Chart`
    would leave out.
    """
    repository, version, digest = images.in_parts(stack.image(chart))
    return kubernetes.helm.v4.Chart(
        name,
        name=release,
        chart=f"oci://{repository}@{digest}",
        version=version,
        repository_opts={"username": USER, "password": passwords[chart]},
        namespace=namespace,
        values=values,
        skip_crds=skip_crds,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on)),
    )
