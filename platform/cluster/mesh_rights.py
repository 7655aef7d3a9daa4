"""What istiod may do in the whole cluster, in the place of the role that its chart brings (`resourceScope: namespace`).

The chart's lets it write webhooks, and make and change what belongs to features that are not used here: the Gateway
API, which it reads, and services of several clusters.

Held against what istiod watches in release 1.31 (istio/istio: pilot/pkg/serviceregistry/kube/controller, bootstrap,
config/kube and credentials/kube, pkg/revisions, pkg/webhooks; each `kclient.New` there): what is not here is watched by
features that are off by their defaults (PILOT_ENABLE_AMBIENT, PILOT_ENABLE_AGENTGATEWAY, ENABLE_MCS_*,
ENABLE_CLUSTER_TRUST_BUNDLE_API, PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS; pilot/pkg/features) or in mesh_values.py.
Whoever turns one on gives it its rights too: istiod waits for what it may not read, and is never ready.
"""

from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.labels import Manifest, metadata
from cluster.roles import CORE, RBAC, READ, WRITE, rule

NAME: Final = "parapet:mesh:istiod"
ACCOUNT: Final = "istiod"
GROUPS: Final = ("security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io")
"""API groups of the mesh's objects."""
RULES: Final[tuple[Manifest, ...]] = (
    # Where pods are and which of them are whose; what each proxy is configured from.
    rule(CORE, ["pods", "nodes", "services", "namespaces", "endpoints"], READ),
    rule("discovery.k8s.io", ["endpointslices"], READ),
    *(rule(group, ["*"], READ) for group in GROUPS),
    rule("apiextensions.k8s.io", ["customresourcedefinitions"], READ),
    rule("networking.k8s.io", ["ingresses", "ingressclasses"], READ),
    rule("networking.k8s.io", ["ingresses/status"], ["update", "patch"]),
    # How its own objects fare, and the pods of virtual machines that join the mesh.
    rule("networking.istio.io", ["workloadentries", "workloadentries/status"], [*READ, *WRITE]),
    rule("networking.istio.io", ["serviceentries/status"], [*READ, *WRITE]),
    rule("security.istio.io", ["authorizationpolicies/status"], [*READ, *WRITE]),
    rule(CORE, ["services/status"], [*READ, *WRITE]),
    # Its root certificate, in each namespace; it is not ready before it has read all Secrets.
    rule(CORE, ["configmaps"], [*READ, "create", "update"]),
    rule(CORE, ["secrets"], READ),
    # Whether another revision of it is the default one: it is not ready before it knows. It writes none.
    rule("admissionregistration.k8s.io", ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"], READ),
    # It asks for these where they are defined, turned off as they are, and is not ready before it has them.
    rule("gateway.networking.k8s.io", ["gateways"], READ),
    # Whose token a proxy shows.
    rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
    rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
)


def mesh_rights(name: str, owner: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The role and its binding."""
    role: Manifest = {"apiGroup": RBAC, "kind": "ClusterRole", "name": NAME}
    account = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ns.ISTIO_SYSTEM.name}
    return [
        kubernetes.rbac.v1.ClusterRole(f"{name}-istiod", metadata=metadata(NAME, owner), rules=list(RULES), opts=opts),
        kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-istiod",
            metadata=metadata(NAME, owner),
            role_ref=role,
            subjects=[account],
            opts=opts,
        ),
    ]
