"""The kinds that Kubeflow Pipelines and Argo Workflows speak in.

Their makers have them in no chart. What they hold is left to the two that write them, each of which checks what it
reads (argo-workflows v4.0.5, manifests/base/crds/minimal, says as little of most): no person writes one.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster.labels import Manifest, metadata

ARGO: Final = "argoproj.io"
KUBEFLOW: Final = "kubeflow.org"


@dataclass(frozen=True, kw_only=True)
class Kind:
    group: str
    version: str
    name: str
    plural: str
    status: bool = False
    """Whether its status is written apart."""


KINDS: Final = (
    # The controller begins to work once it has read each of its own (argo-workflows v4.0.5, workflow/controller,
    # `Run`).
    Kind(group=ARGO, version="v1alpha1", name="Workflow", plural="workflows"),
    Kind(group=ARGO, version="v1alpha1", name="WorkflowTemplate", plural="workflowtemplates"),
    Kind(group=ARGO, version="v1alpha1", name="CronWorkflow", plural="cronworkflows"),
    Kind(group=ARGO, version="v1alpha1", name="WorkflowTaskResult", plural="workflowtaskresults"),
    Kind(group=ARGO, version="v1alpha1", name="WorkflowTaskSet", plural="workflowtasksets", status=True),
    Kind(group=ARGO, version="v1alpha1", name="WorkflowArtifactGCTask", plural="workflowartifactgctasks", status=True),
    # And the persistence agent once it has read those that nobody here may make (kubeflow/pipelines 2.17,
    # manifests/kustomize/base/pipeline/cluster-scoped).
    Kind(group=KUBEFLOW, version="v1beta1", name="ScheduledWorkflow", plural="scheduledworkflows"),
)


def kinds(name: str, owner: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Their definitions."""
    return [
        kubernetes.apiextensions.CustomResource(
            f"{name}-{kind.plural}",
            api_version="apiextensions.k8s.io/v1",
            kind="CustomResourceDefinition",
            metadata=metadata(f"{kind.plural}.{kind.group}", owner),
            spec=_definition(kind),
            opts=opts,
        )
        for kind in KINDS
    ]


def _definition(kind: Kind) -> Manifest:
    version: Manifest = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    if kind.status:
        version["subresources"] = {"status": dict[str, str]()}
    return {
        "group": kind.group,
        "scope": "Namespaced",
        "names": {
            "kind": kind.name,
            "listKind": f"{kind.name}List",
            "plural": kind.plural,
            "singular": kind.name.lower(),
        },
        "versions": [version],
    }
