"""What Argo Rollouts' controller may do: read in the whole cluster what it watches, and write where models are.

The role of its release writes in every namespace, reads all Secrets, and knows ten ways of routing; here is one. It
begins to work once it has read each kind that it watches. Told to keep to one namespace it would watch no
ClusterAnalysisTemplate, and so have nothing that its users do not write (argo-rollouts v1.9.1, controller.go).
"""

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.labels import Manifest, metadata
from cluster.roles import APPS, BATCH, CORE, MESH, RBAC, READ, ROLLOUTS, rule

CHANGE: Final = ("update", "patch")
ALL: Final = ("create", *CHANGE, "delete")
NOTIFICATIONS: Final = ("argo-rollouts-notification-secret", "argo-rollouts-notification-configmap")
"""It waits for these two to be read, whether they are there or not."""
CONFIG: Final = "argo-rollouts-config"
LEASE: Final = "argo-rollouts-controller-lock"

EVERYWHERE: Final[tuple[Manifest, ...]] = (
    rule(
        ROLLOUTS,
        ["rollouts", "analysisruns", "experiments", "analysistemplates", "clusteranalysistemplates"],
        READ,
    ),
    rule(APPS, ["replicasets"], READ),
    rule(CORE, ["services", "pods"], READ),
    rule(BATCH, ["jobs"], READ),
    rule("networking.k8s.io", ["ingresses"], READ),
    rule(MESH, ["virtualservices", "destinationrules"], READ),
    # Where a Rollout takes the template of a Deployment.
    rule(APPS, ["deployments"], READ),
)
IN_SERVING: Final[tuple[Manifest, ...]] = (  # and where the stack's own models are
    rule(ROLLOUTS, ["rollouts", "rollouts/status", "rollouts/finalizers"], CHANGE),
    rule(ROLLOUTS, ["analysisruns", "experiments"], ALL),
    rule(ROLLOUTS, ["analysisruns/finalizers", "experiments/finalizers"], CHANGE),
    rule(APPS, ["replicasets"], ALL),
    # The Deployment whose place a Rollout takes is scaled down.
    rule(APPS, ["deployments"], CHANGE),
    # A Service is led to one version's pods; an experiment has some of its own.
    rule(CORE, ["services"], ["create", "patch", "delete"]),
    rule(MESH, ["virtualservices", "destinationrules"], CHANGE),
    # A restart that a Rollout asks for.
    rule(CORE, ["pods/eviction"], ["create"]),
    rule(CORE, ["events"], ["create", *CHANGE]),
)
AT_HOME: Final[tuple[Manifest, ...]] = (
    {**rule("coordination.k8s.io", ["leases"], ["get", "update"]), "resourceNames": [LEASE]},
    # A name cannot be said of what is not there yet.
    rule("coordination.k8s.io", ["leases"], ["create"]),
    rule(CORE, ["events"], ["create", *CHANGE]),
    {**rule(CORE, ["secrets"], READ), "resourceNames": [NOTIFICATIONS[0]]},
    {**rule(CORE, ["configmaps"], READ), "resourceNames": [NOTIFICATIONS[1], CONFIG]},
)


def rollouts_rights(
    name: str, owner: str, made: Mapping[str, pulumi.Resource], parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """The roles and their bindings; `made`: the namespaces, by their names."""
    own = pulumi.ResourceOptions(parent=parent)
    everywhere = metadata(_named("everywhere"), owner)
    return [
        kubernetes.rbac.v1.ClusterRole(f"{name}-everywhere", metadata=everywhere, rules=list(EVERYWHERE), opts=own),
        kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-everywhere", metadata=everywhere, **_bound("ClusterRole", "everywhere"), opts=own
        ),
        *(
            each
            for topic, where, rules in (
                ("serving", ns.SERVING.name, IN_SERVING),
                ("models", ns.MODELS.name, IN_SERVING),
                ("home", ns.ROLLOUTS.name, AT_HOME),
            )
            for meta, inside in ((metadata(_named(topic), owner, namespace=where), ns.inside(where, made, parent)),)
            for each in (
                kubernetes.rbac.v1.Role(f"{name}-{topic}", metadata=meta, rules=list(rules), opts=inside),
                kubernetes.rbac.v1.RoleBinding(f"{name}-{topic}", metadata=meta, **_bound("Role", topic), opts=inside),
            )
        ),
    ]


def _named(topic: str) -> str:
    return f"parapet:rollouts:{topic}"


def _bound(kind: str, topic: str) -> Manifest:
    account = {"kind": "ServiceAccount", "name": ns.ROLLOUTS.service_account, "namespace": ns.ROLLOUTS.name}
    return {"role_ref": {"apiGroup": RBAC, "kind": kind, "name": _named(topic)}, "subjects": [account]}
