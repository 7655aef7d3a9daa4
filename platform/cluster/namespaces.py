"""The namespaces of the cluster, by purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster.labels import Manifest, labels, metadata
from foundation.data_class import NO_DATA, DataClass
from foundation.stack import Stack

NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""The API server sets this label on each namespace to the namespace's name and nobody can set it to another value, so
selectors by it cannot be fooled."""
POD_SECURITY_VERSION: Final = "v1.36"
"""The Pod Security Standards of the cluster's minor version: an upgrade changes them when this line changes."""

RESTRICTED: Final = "restricted"
PRIVILEGED: Final = "privileged"


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """What a namespace is for."""

    name: str
    data_class: str = NO_DATA
    level: str = RESTRICTED
    """The Pod Security Standard that the API server enforces."""
    why: str = ""
    """Why a level below `restricted` is needed."""
    mesh: bool = False
    """Whether its pods get a proxy, and so speak mutual TLS."""
    gpu: bool = False
    gpus: int = 0
    """How many are its own. Those of the platform's own namespaces are in `guardrails/quotas.py`."""
    service_account: str = ""
    """What its workloads run as, and what the mesh knows them by. Its token is not mounted."""


MLFLOW: Final = Namespace(name="mlflow", data_class=DataClass.ARTIFACTS, mesh=True, service_account="mlflow")
PIPELINES: Final = Namespace(name="pipelines", data_class=DataClass.PHI, mesh=True, service_account="pipeline")
TRAINING: Final = Namespace(name="training", data_class=DataClass.PHI, mesh=True, gpu=True, service_account="trainer")
SERVING: Final = Namespace(name="serving", data_class=DataClass.PHI, mesh=True, gpu=True, service_account="predictor")
MONITORING: Final = Namespace(name="monitoring", data_class=DataClass.PHI, mesh=True, service_account="monitor")
MODELS: Final = Namespace(name="models", data_class=DataClass.PHI, mesh=True, gpu=True)
"""What the stack serves, each model as an account of its own. Nobody but the stack writes there, so that what was
approved is what answers, and what speaks of it to those who judge it (`guardrails/model_rules.py`); what a team serves
by itself is in `serving`."""
MODEL_ACCOUNTS: Final = "model-"
"""How the service accounts in `models` begin, NAME after it."""
CHECK_ACCOUNTS: Final = "check-"
"""How those in `monitoring` begin by which the checks of models run; the namespace's own has no part of them."""
NAMED_ACCOUNTS: Final = {MODELS.name: MODEL_ACCOUNTS, MONITORING.name: CHECK_ACCOUNTS}
"""Where the stack makes accounts by name, and how they begin."""
INGRESS: Final = Namespace(name="ingress", data_class=DataClass.PHI, mesh=True, service_account="istio-ingress")

KARPENTER: Final = Namespace(name="karpenter")
ROLLOUTS: Final = Namespace(name="argo-rollouts", mesh=True, service_account="argo-rollouts")
"""Of the mesh, since what judges a new version asks Prometheus, which answers there alone."""
KUBEFLOW: Final = Namespace(name="kubeflow", data_class=DataClass.ARTIFACTS, mesh=True, service_account="ml-pipeline")
"""Kubeflow Pipelines' own programs, where a stack has them; its steps run in `pipelines`. Empty and closed without."""
JUDGING: Final = Namespace(name="judging", data_class=DataClass.LOGS, mesh=True, service_account="judge")
"""What models say of themselves, for those who judge a version: apart from all that a team or a hospital starts, and
from the nodes where models run."""
ALERTING: Final = replace(JUDGING, service_account="alertmanager")
"""The same, for what tells people of it, which has an account of its own."""
ISTIO_SYSTEM: Final = Namespace(name="istio-system")
ISTIO_CNI: Final = Namespace(
    name="istio-cni",
    level=PRIVILEGED,
    why="the node agent enters pods' network namespaces (NET_ADMIN, SYS_ADMIN) and writes the node's CNI configuration,"
    " so that no pod of a workload needs NET_ADMIN",
)
GPU_SOFTWARE: Final = Namespace(
    name="gpu-software",
    level=PRIVILEGED,
    why="the device plugin mounts the kubelet's sockets from the node; `baseline` forbids hostPath",
)
CLOUDWATCH: Final = Namespace(
    name="amazon-cloudwatch",
    data_class=DataClass.LOGS,
    level=PRIVILEGED,
    why="the add-on's agents read the node's logs and metrics through hostPath volumes",
)
SECRETS_STORE: Final = Namespace(
    name="aws-secrets-manager",
    level=PRIVILEGED,
    why="the add-on's driver mounts files into pods through the kubelet's folders, which takes a privileged container",
)

WORKLOADS: Final = (MLFLOW, PIPELINES, TRAINING, SERVING, MODELS, MONITORING, INGRESS)
SYSTEM: Final = (
    KARPENTER,
    ROLLOUTS,
    KUBEFLOW,
    JUDGING,
    ISTIO_SYSTEM,
    ISTIO_CNI,
    GPU_SOFTWARE,
    CLOUDWATCH,
    SECRETS_STORE,
)
MADE: Final = (*WORKLOADS, *SYSTEM)

KUBE_SYSTEM: Final = "kube-system"
UNUSED: Final = ("default", "kube-public", "kube-node-lease")
"""Namespaces that Kubernetes makes and that run nothing here."""
GUARDDUTY: Final = "amazon-guardduty"
"""Where GuardDuty's Runtime Monitoring puts its agent, in an account that has it: EKS makes the namespace then, and the
stack does not (Amazon GuardDuty User Guide, "Managing security agent automatically for Amazon EKS resources")."""
EKS_OWNED: Final = (KUBE_SYSTEM, CLOUDWATCH.name, SECRETS_STORE.name, GUARDDUTY)
"""Where EKS and its add-ons run pods that AWS wrote."""
EVERY: Final = (*(each.name for each in MADE), KUBE_SYSTEM, *UNUSED)
BY_CUSTOM: Final = (
    *("argo", "argo-events", "argocd", "cert-manager", "crossplane-system", "external-dns"),
    *("external-secrets", "falco", "flux-system", "gatekeeper-system", "gpu-operator", "keda", "knative-serving"),
    *("kserve", "kyverno", "local-path-storage", "node-feature-discovery", "observability", "opencost"),
    *("prometheus", "ray-system", "spark-operator", "trident", "vault", "velero"),
)
"""Where charts and operators that a platform may have later are installed, by their own instructions."""
RESERVED: Final = (*EVERY, GUARDDUTY, *BY_CUSTOM)
"""Names of namespaces that are nobody's workspace."""
RESERVED_PREFIXES: Final = (
    *("amazon-", "argo-", "aws-", "cattle-", "cert-manager-", "eks-", "gke-", "istio-", "karpenter-", "knative-"),
    *("kube-", "kubernetes-", "nvidia-", "openshift-", "parapet-", "pod-identity-"),
)
"""`kube-` Kubernetes keeps to itself; the others are for what its makers, AWS and controllers bring along."""
GPU: Final = tuple(each.name for each in MADE if each.gpu)
MESH: Final = tuple(each.name for each in MADE if each.mesh)

_FORCE: Final = "pulumi.com/patchForce"
"""Whoever else has set the field, it is the stack's then (Pulumi, "Manage Kubernetes resources with Server-Side
Apply")."""


def inside(namespace: str, made: Mapping[str, pulumi.Resource], parent: pulumi.Resource) -> pulumi.ResourceOptions:
    """The options of what lies in a namespace. Kubernetes' own are there from the beginning."""
    return pulumi.ResourceOptions(parent=parent, depends_on=[made[namespace]] if namespace in made else None)


@dataclass(frozen=True, kw_only=True)
class NamespacesArgs:
    stack: Stack
    workspaces: Sequence[Namespace] = ()
    """Those of this stack's people and projects, besides those that every stack has."""


class Namespaces(pulumi.ComponentResource):
    """A namespace for each purpose, where the API server refuses any pod below the Pod Security Standard `restricted`.

    The four that cannot hold that level say why, in the annotation `parapet.dev/why-not-restricted`.
    """

    made: dict[str, pulumi.Resource]
    """Each by its name: what lies in one waits for that one."""

    def __init__(self, name: str, args: NamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Namespaces", name, {"owner": args.stack.owner}, opts)
        self.made = {}
        for each in (*MADE, *args.workspaces):
            self.made[each.name] = namespace = kubernetes.core.v1.Namespace(
                f"{name}-{each.name}",
                metadata=namespace_metadata(each, args.stack.owner),
                # Deleting a namespace deletes all that is in it, volumes too.
                opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect and each not in SYSTEM),
            )
            if each.service_account:
                kubernetes.core.v1.ServiceAccount(
                    f"{name}-{each.name}",
                    metadata=metadata(
                        each.service_account, args.stack.owner, namespace=each.name, data_class=each.data_class
                    ),
                    automount_service_account_token=False,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
                )
        for each_name in (*EVERY, *(each.name for each in args.workspaces)):
            # Whose a pod is that names no account; the API server makes one in each namespace.
            kubernetes.core.v1.ServiceAccountPatch(
                f"{name}-{each_name}-default",
                metadata={"name": "default", "namespace": each_name, "annotations": {_FORCE: "true"}},
                automount_service_account_token=False,
                opts=inside(each_name, self.made, self),
            )
        self.register_outputs({})


def namespace_metadata(namespace: Namespace, owner: str) -> Manifest:
    """What the API server enforces there, and whether the mesh's proxies go in."""
    pod_security = {
        f"pod-security.kubernetes.io/{mode}{suffix}": value
        for mode in ("enforce", "audit", "warn")
        for suffix, value in (("", namespace.level), ("-version", POD_SECURITY_VERSION))
    }
    mesh = {"istio-injection": "enabled"} if namespace.mesh else {}
    why = {"annotations": {"parapet.dev/why-not-restricted": namespace.why}} if namespace.why else {}
    return {
        "name": namespace.name,
        "labels": {**labels(owner, namespace.data_class), **pod_security, **mesh},
        **why,
    }
