"""What each role may do in the cluster: the rules alone. `docs/access.yaml` says it as a table, which a test asks the
API server about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cluster import namespaces as ns
from cluster.labels import Manifest

READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "update", "patch", "delete")
ALL: Final = (*READ, *WRITE)
SCALE: Final = ("get", "patch", "update")

CORE: Final = ""
APPS: Final = "apps"
BATCH: Final = "batch"
ROLLOUTS: Final = "argoproj.io"
MESH: Final = "networking.istio.io"
RBAC: Final = "rbac.authorization.k8s.io"

GROUP_PREFIX: Final = "parapet:"
"""How the name of every group of people begins, and of nobody else's."""


def rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Manifest:
    """One rule of RBAC: these verbs on these resources of one API group."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


@dataclass(frozen=True)
class Grant:
    """Rules that hold in some namespaces; without namespaces, in all of them and for what is in none."""

    name: str
    rules: tuple[Manifest, ...]
    namespaces: tuple[str, ...] = ()
    workspaces: bool = False
    """Whether they hold in each workspace too."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a group of people may do."""

    name: str
    group: str
    grants: tuple[Grant, ...]


# What is there and how it fares, and nothing that a program wrote: neither its logs nor its ConfigMaps.
_SEE_WORKLOADS: Final = (
    rule(CORE, ["pods", "events", "services", "persistentvolumeclaims"], READ),
    rule(CORE, ["resourcequotas", "limitranges", "serviceaccounts"], READ),
    rule(APPS, ["deployments", "statefulsets", "replicasets", "daemonsets"], READ),
    rule(BATCH, ["jobs", "cronjobs"], READ),
    rule("discovery.k8s.io", ["endpointslices"], READ),
    rule("events.k8s.io", ["events"], READ),
    rule("metrics.k8s.io", ["pods"], READ),
)
_SEE_CONTENT: Final = (rule(CORE, ["pods/log", "configmaps"], READ),)
_RUNS: Final = ns.KUBEFLOW.name
_PLATFORMS_OWN: Final = (ns.KUBE_SYSTEM, *(each.name for each in ns.SYSTEM if each.name != _RUNS))
"""Where no program handles what a patient's data could be in: there alone operators and auditors read content. What
keeps runs writes of what a run was given, and of how its steps failed."""
_SEE_CLUSTER: Final = (
    rule(CORE, ["nodes", "namespaces", "persistentvolumes"], READ),
    rule("metrics.k8s.io", ["nodes"], READ),
    rule("scheduling.k8s.io", ["priorityclasses"], READ),
    rule("storage.k8s.io", ["storageclasses"], READ),
)
_SEE_NAMES: Final = (
    rule(CORE, ["nodes", "namespaces"], READ),
    rule("scheduling.k8s.io", ["priorityclasses"], READ),
    rule("storage.k8s.io", ["storageclasses"], READ),
)

# Whoever may create pods may mount the Secrets of the namespace. So nothing is a Secret in the namespaces where people
# work, and no pod there mounts one (the guardrail no-secrets-of-the-cluster): the Secrets Store CSI driver mounts what
# the pod's own AWS role may read.
DATA_SCIENTIST: Final = Role(
    name="data-scientist",
    group="parapet:data-scientists",
    grants=(
        Grant("cluster", _SEE_NAMES),
        Grant("see", (*_SEE_WORKLOADS, *_SEE_CONTENT), (ns.TRAINING.name,)),
        Grant(
            "train",
            (
                rule(BATCH, ["jobs"], WRITE),
                # By a headless Service the workers of one job find each other (the guardrail training-is-headless).
                rule(CORE, ["services", "configmaps", "persistentvolumeclaims"], WRITE),
                rule(CORE, ["pods"], ["delete"]),
            ),
            (ns.TRAINING.name,),
        ),
    ),
)
# A notebook is a person's: whoever may open one, end it or mount its claim may be whoever works in it. So a right to do
# so is for one workspace alone, and no role that many have has one.
WORKSPACE: Final = (
    Grant("cluster", _SEE_NAMES),
    Grant(
        "work",
        (
            *_SEE_WORKLOADS,
            *_SEE_CONTENT,
            rule(APPS, ["statefulsets"], WRITE),
            rule(BATCH, ["jobs"], WRITE),
            rule(CORE, ["configmaps", "persistentvolumeclaims"], WRITE),
            rule(CORE, ["pods"], ["delete"]),
            # A shell in one's own notebook, and the browser's way to it. The API server's audit log has each.
            rule(CORE, ["pods/exec", "pods/portforward"], ["create", "get"]),
        ),
    ),
)
"""What the people of a workspace may do: the first everywhere, the second in their own namespace. Each workspace has a
group of its own (`workspace.py`)."""
ML_ENGINEER: Final = Role(
    name="ml-engineer",
    group="parapet:ml-engineers",
    grants=(
        Grant("cluster", (*_SEE_NAMES, rule(ROLLOUTS, ["clusteranalysistemplates"], READ))),
        Grant(
            "see",
            (
                *_SEE_WORKLOADS,
                *_SEE_CONTENT,
                rule(ROLLOUTS, ["rollouts", "analysisruns", "analysistemplates", "experiments"], READ),
                rule("autoscaling", ["horizontalpodautoscalers"], READ),
                rule("policy", ["poddisruptionbudgets"], READ),
                rule(MESH, ["virtualservices", "destinationrules"], READ),
            ),
            (ns.SERVING.name, ns.MODELS.name, ns.PIPELINES.name, ns.TRAINING.name, ns.MLFLOW.name),
        ),
        Grant(
            "serve",
            (
                rule(APPS, ["deployments"], ALL),
                rule(APPS, ["deployments/scale"], SCALE),
                rule(ROLLOUTS, ["rollouts"], ALL),
                rule(ROLLOUTS, ["rollouts/scale"], SCALE),
                # Abort, retry, and promote of what is paused (the guardrail rollouts-pass-their-gates). What judges a
                # new version, the analysis, is not theirs to write: it would be the judged who judges.
                rule(ROLLOUTS, ["rollouts/status"], ["get", "patch"]),
                rule(CORE, ["services", "configmaps"], WRITE),
                rule("autoscaling", ["horizontalpodautoscalers"], WRITE),
                rule("policy", ["poddisruptionbudgets"], WRITE),
                rule(MESH, ["virtualservices", "destinationrules"], WRITE),
                rule(CORE, ["pods"], ["delete"]),
                # To a team's model that misbehaves. Whoever may do so writes what runs there and reads its logs anyway.
                rule(CORE, ["pods/portforward"], ["create", "get"]),
            ),
            (ns.SERVING.name,),
        ),
        Grant(
            # Of what the stack serves: pause, abort and promote. All else of it is the setting `models`
            # (the guardrail models-are-the-stacks).
            "release",
            (rule(ROLLOUTS, ["rollouts"], ["patch"]), rule(ROLLOUTS, ["rollouts/status"], ["get", "patch"])),
            (ns.MODELS.name,),
        ),
        Grant(
            "run",
            (
                rule(BATCH, ["jobs", "cronjobs"], WRITE),
                rule(CORE, ["configmaps", "persistentvolumeclaims"], WRITE),
                rule(CORE, ["pods"], ["delete"]),
            ),
            (ns.PIPELINES.name,),
        ),
        Grant(
            "train",
            (
                rule(BATCH, ["jobs"], WRITE),
                rule(CORE, ["services"], WRITE),
                rule(CORE, ["pods"], ["delete"]),
            ),
            (ns.TRAINING.name,),
        ),
    ),
)
# Neither roles nor bindings, neither Secrets nor tokens, no shell in a pod, no guardrail: those change by the stack
# alone, which is reviewed. Whoever writes a workload can be its service account, or, where a namespace is privileged,
# the node; whoever writes an EC2NodeClass writes what new nodes run as root. So a system's workloads are restarted and
# scaled here, not written.
PLATFORM_OPERATOR: Final = Role(
    name="platform-operator",
    group="parapet:platform-operators",
    grants=(
        Grant(
            "cluster",
            (
                *_SEE_CLUSTER,
                *_SEE_WORKLOADS,
                rule(CORE, ["nodes"], ["patch", "update"]),
                rule(CORE, ["pods/eviction"], ["create"]),
                rule("karpenter.sh", ["nodepools", "nodeclaims"], READ),
                rule("karpenter.sh", ["nodepools"], ["patch", "update"]),
                rule("karpenter.sh", ["nodeclaims"], ["delete"]),
                rule("karpenter.k8s.aws", ["ec2nodeclasses"], READ),
                rule("apiextensions.k8s.io", ["customresourcedefinitions"], READ),
                rule("admissionregistration.k8s.io", ["*"], READ),
                rule("networking.k8s.io", ["networkpolicies"], READ),
                rule("policy", ["poddisruptionbudgets"], READ),
                rule("autoscaling", ["horizontalpodautoscalers"], READ),
                rule(MESH, ["*"], READ),
                rule("security.istio.io", ["*"], READ),
                rule(RBAC, ["*"], READ),
            ),
        ),
        Grant(
            "operate",
            (
                # Written, by server-side apply, and not read: whoever measures PHI may have put some into one.
                rule(CORE, ["services", "configmaps"], WRITE),
                rule("policy", ["poddisruptionbudgets"], WRITE),
                rule("autoscaling", ["horizontalpodautoscalers"], WRITE),
            ),
            (ns.MONITORING.name,),
        ),
        # A check of a model once more, as it is (the guardrail people-start-checks-as-they-are).
        Grant("check", (rule(BATCH, ["jobs"], ["create"]),), (ns.MONITORING.name,)),
        Grant(
            "restart",
            (rule(CORE, ["pods"], ["delete"]), rule(APPS, ["deployments/scale"], SCALE)),
            (ns.MONITORING.name, ns.INGRESS.name, _RUNS, *_PLATFORMS_OWN),
        ),
        Grant("content", _SEE_CONTENT, _PLATFORMS_OWN),
    ),
)
# RBAC cannot say "all but Secrets", so the core group's resources are named.
AUDITOR: Final = Role(
    name="auditor",
    group="parapet:auditors",
    grants=(
        Grant(
            "read",
            (
                rule(
                    CORE,
                    [
                        *("endpoints", "events", "limitranges", "namespaces", "nodes"),
                        *("persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates"),
                        *("replicationcontrollers", "resourcequotas", "serviceaccounts", "services"),
                    ],
                    READ,
                ),
                *(
                    rule(group, ["*"], READ)
                    for group in (
                        *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", APPS),
                        *(ROLLOUTS, "autoscaling", "autoscaling.x-k8s.io", BATCH, "certificates.k8s.io"),
                        *("cloudwatch.aws.amazon.com", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"),
                        *("extensions.istio.io", "flowcontrol.apiserver.k8s.io", "gateway.networking.k8s.io"),
                        *("internal.apiserver.k8s.io", "karpenter.k8s.aws", "karpenter.sh", "metrics.k8s.io", MESH),
                        *("networking.k8s.aws", "networking.k8s.io", "node.k8s.io", "policy", RBAC),
                        *("resource.k8s.io", "scheduling.k8s.io", "secrets-store.csi.x-k8s.io"),
                        *("security.istio.io", "storage.k8s.io", "telemetry.istio.io", "vpcresources.k8s.aws"),
                    )
                ),
            ),
        ),
        Grant("content", _SEE_CONTENT, _PLATFORMS_OWN),
    ),
)

_WORKLOADS: Final = (*(each.name for each in ns.WORKLOADS), _RUNS)
# Nobody has this one for long: an IAM role of an hour leads to it (`break_glass.py`). It reads, and its whole worth is
# what the others are not shown.
BREAK_GLASS: Final = Role(
    name="break-glass",
    group="parapet:break-glass",
    grants=(Grant("content", (*_SEE_WORKLOADS, *_SEE_CONTENT), _WORKLOADS, workspaces=True),),
)

ROLES: Final = (DATA_SCIENTIST, ML_ENGINEER, PLATFORM_OPERATOR, AUDITOR, BREAK_GLASS)
