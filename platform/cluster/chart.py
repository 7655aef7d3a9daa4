"""A pinned Helm chart."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes


def chart(
    name: str,
    release: str,
    *,
    repository: str | None = None,
    version: str,
    namespace: str,
    values: Mapping[str, Any],
    parent: pulumi.Resource,
    chart: str | None = None,
    skip_crds: bool = False,
    depends_on: Sequence[pulumi.Resource] = (),
) -> kubernetes.helm.v4.Chart:
    """A release of a chart; `chart` is its name in the repository, where that is not the release's, or an OCI address.

    A `v4.Chart` and no `v3.Release`: each object of it is a resource of the stack, so that the policy pack and the
    review see it and a refresh finds what was edited by hand. The charts in use here have no hooks, which a `Chart`
    would leave out.
    """
    repository_opts: kubernetes.helm.v4.RepositoryOptsArgsDict = {"repo": repository} if repository else {}
    return kubernetes.helm.v4.Chart(
        name,
        name=release,
        chart=chart or release,
        repository_opts=repository_opts,
        version=version,
        namespace=namespace,
        values=values,
        skip_crds=skip_crds,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(depends_on)),
    )
