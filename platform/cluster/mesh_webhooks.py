"""What the API server asks istiod: to put a proxy into the mesh's pods, and whether the mesh's objects make sense.

Istio's charts bring these, and istiod would keep its certificate's authority in them. Whoever may write that may write
all of it: a webhook of its own over the pods that EKS makes, which no guardrail judges, is the whole cluster. So they
are the stack's, and istiod has no right to them (`mesh_rights.py`).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.labels import Manifest, metadata
from cluster.mesh_rights import GROUPS
from foundation.stack import Stack

AUTHORITY: Final = "istio-ca-root-cert"
"""The ConfigMap in each namespace in which istiod writes down its own authority's certificate; it keeps the key."""
REVOKED: Final = "istio-ca-crl"
"""Another there, with the certificates that it took back; proxies mount it, whether it is there or not (istio 1.31,
pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go)."""
CERTIFICATE: Final = "root-cert.pem"
_COMMON: Final = {"sideEffects": "None", "failurePolicy": "Fail", "admissionReviewVersions": ["v1"]}


@dataclass(frozen=True, kw_only=True)
class MeshWebhooksArgs:
    stack: Stack
    workspaces: Sequence[ns.Namespace] = ()
    after: Sequence[pulumi.Resource] = ()
    """Istiod, running."""


class MeshWebhooks(pulumi.ComponentResource):
    """Both of them, which know istiod by the authority that it has made for itself.

    With another authority, after the Secret `istio-ca-secret` was lost, pods are refused until the stack is run anew
    with --refresh.
    """

    made: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: MeshWebhooksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:MeshWebhooks", name, {}, opts)
        authority = kubernetes.core.v1.ConfigMapPatch(
            f"{name}-authority",
            metadata={
                "name": AUTHORITY,
                "namespace": ns.ISTIO_SYSTEM.name,
                # It comes a moment after istiod is ready (Pulumi, "pulumi.com/waitFor").
                "annotations": {"pulumi.com/waitFor": "jsonpath={.data}"},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        bundle = authority.data.apply(_bundle)
        own = pulumi.ResourceOptions(parent=self, depends_on=[authority])
        self.made = (
            kubernetes.admissionregistration.v1.MutatingWebhookConfiguration(
                f"{name}-proxies",
                metadata=metadata("parapet-proxies", args.stack.owner),
                webhooks=[proxies(bundle, args.workspaces)],
                opts=own,
            ),
            kubernetes.admissionregistration.v1.ValidatingWebhookConfiguration(
                f"{name}-objects",
                metadata=metadata("parapet-mesh-objects", args.stack.owner),
                webhooks=[objects(bundle)],
                opts=own,
            ),
        )
        self.register_outputs({})


def _bundle(data: Mapping[str, str] | None) -> str:
    """As Kubernetes writes bytes; nothing while a preview does not know it."""
    return b64encode((data or {}).get(CERTIFICATE, "").encode()).decode()


def proxies(bundle: pulumi.Input[str], workspaces: Sequence[ns.Namespace] = ()) -> Manifest:
    """Pods of the mesh's namespaces by their names, which no label that somebody sets adds to."""
    meshed = [*ns.MESH, *(each.name for each in workspaces if each.mesh)]
    return {
        "name": "proxies.mesh.parapet.dev",
        "clientConfig": _istiod("/inject", bundle),
        "rules": [_rule([""], "v1", "pods", ["CREATE"])],
        "namespaceSelector": {"matchExpressions": [{"key": ns.NAME_LABEL, "operator": "In", "values": meshed}]},
        "reinvocationPolicy": "Never",
        **_COMMON,
    }


def objects(bundle: pulumi.Input[str]) -> Manifest:
    """All of the mesh's objects, but for their status."""
    return {
        "name": "objects.mesh.parapet.dev",
        "clientConfig": _istiod("/validate", bundle),
        "rules": [_rule(GROUPS, "*", "*", ["CREATE", "UPDATE"])],
        **_COMMON,
    }


def _istiod(path: str, bundle: pulumi.Input[str]) -> Manifest:
    service = {"name": "istiod", "namespace": ns.ISTIO_SYSTEM.name, "path": path, "port": 443}
    return {"service": service, "caBundle": bundle}


def _rule(groups: Sequence[str], version: str, resource: str, operations: Sequence[str]) -> Manifest:
    return {
        "apiGroups": list(groups),
        "apiVersions": [version],
        "resources": [resource],
        "operations": list(operations),
        "scope": "*",
    }
