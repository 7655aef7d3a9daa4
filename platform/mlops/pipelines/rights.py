"""What the programs of Kubeflow Pipelines may do in the cluster, and who may start runs.

Its release lets them do much of it everywhere, and its steps nearly all in their namespace. Here a step says how it
itself ended (the guardrail steps-speak-for-themselves), and reads where its files are; nobody but the controller makes
pods, and nothing reads a Secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.guardrails.account_names import RUNS, SUBMITTER, WORKFLOW_CONTROLLER
from cluster.labels import Manifest, metadata
from cluster.roles import ALL, CORE, ML_ENGINEER, RBAC, READ, rule
from mlops.pipelines.kinds import ARGO, KUBEFLOW

HOME: Final = ns.KUBEFLOW.name
STEPS: Final = ns.PIPELINES.name
API: Final = ns.KUBEFLOW.service_account
AGENT: Final = "persistence-agent"
CONTROLLER: Final = WORKFLOW_CONTROLLER.partition("/")[2]
METADATA: Final = "metadata"
SUBMIT: Final = SUBMITTER.partition("/")[2]
ACCOUNTS: Final = (AGENT, CONTROLLER, METADATA, SUBMIT)
"""Besides the namespace's own, which is the API's."""
LAUNCHER: Final = "kfp-launcher"
"""The ConfigMap in which steps read where their files are; the name is Kubeflow's (backend/src/v2/config/env.go)."""
CONFIGURATION: Final = "workflow-controller-configmap"

_OWN: Final = ("workflows", "workflows/finalizers", "workflowtasksets", "workflowtasksets/finalizers")


@dataclass(frozen=True, kw_only=True)
class Right:
    """Rules that hold for an account, or for a group of people."""

    topic: str
    rules: Sequence[Manifest]
    to: str
    """An account of Kubeflow's namespace, `NAMESPACE/NAME` of another's, or a group, by its colon."""
    where: str = ""
    """In this namespace alone; empty for what is in none."""


RIGHTS: Final = (
    # Who somebody is, and what he may (backend/src/apiserver/resource/resource_manager.go, `IsAuthorized`).
    Right(
        topic="asks-who",
        to=API,
        rules=(
            rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
            rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
        ),
    ),
    # A run is a Workflow. Neither pods nor their logs, of which its release has it read and delete those of the
    # namespace.
    Right(topic="starts", to=API, where=STEPS, rules=(rule(ARGO, ["workflows"], ALL),)),
    Right(
        topic="reports",
        to=AGENT,
        where=STEPS,
        rules=(
            rule(ARGO, ["workflows"], READ),
            rule(KUBEFLOW, ["scheduledworkflows"], READ),
            # Of what is Kubeflow's own the API asks the API server, which serves none of it.
            rule(RUNS, ["runs"], ["reportMetrics", "readArtifact"]),
        ),
    ),
    # Whose run it is that ended it does not say as it asks (backend/src/apiserver/server/report_server.go,
    # `canAccessWorkflow`), and what holds in a namespace is no answer to that.
    Right(topic="tells-how-runs-end", to=AGENT, rules=(rule(RUNS, ["scheduledworkflows", "workflows"], ["report"]),)),
    # As argo-workflows v4.0.5 has it for one namespace (manifests/namespace-install, workflow-controller-role.yaml),
    # without Secrets, volumes, disruption budgets and `pods/exec`: no step here needs one of them, and by the last it
    # would be in every pod. A step of a run that is ended goes on until it is done, or somebody deletes its pod.
    Right(
        topic="runs-steps",
        to=CONTROLLER,
        where=STEPS,
        rules=(
            rule(CORE, ["pods"], ALL),
            rule(CORE, ["configmaps"], READ),
            rule(CORE, ["events"], ["create", "patch"]),
            rule(ARGO, [*_OWN, "workflowartifactgctasks"], ALL),
            rule(ARGO, ["workflowtemplates", "cronworkflows"], READ),
            rule(ARGO, ["workflowtaskresults"], ["list", "watch", "deletecollection"]),
        ),
    ),
    Right(
        topic="configuration",
        to=CONTROLLER,
        where=HOME,
        rules=({**rule(CORE, ["configmaps"], READ), "resourceNames": [CONFIGURATION]},),
    ),
    Right(
        topic="step",
        to=f"{STEPS}/{ns.PIPELINES.service_account}",
        where=STEPS,
        rules=(
            # A name cannot be said of what is not there yet.
            rule(ARGO, ["workflowtaskresults"], ["create", "patch"]),
            {**rule(CORE, ["configmaps"], ["get"]), "resourceNames": [LAUNCHER]},
        ),
    ),
    # What a token of the submitter's lets one do, which is for Kubeflow Pipelines alone. All engineers are this one: so
    # a run brings along what it runs, nobody changes what another would run by its name, and none goes out of sight.
    Right(
        topic="submits",
        to=SUBMIT,
        where=STEPS,
        rules=(
            rule(RUNS, ["runs"], ["create", "get", "list", "terminate"]),
            rule(RUNS, ["experiments"], ["create", "get", "list"]),
        ),
    ),
    # Who writes Jobs in `pipelines` may start runs: both are `pipeline` there. The way is the gateway's; the API
    # server's audit log has each token (the guardrail people-ask-for-runs-alone). No port of a pod: admission sees
    # none, and within a pod one is past the mesh, at lineage, which knows no users, and at a proxy, which tells tokens.
    Right(
        topic="engineers",
        to=ML_ENGINEER.group,
        where=HOME,
        rules=({**rule(CORE, ["serviceaccounts/token"], ["create"]), "resourceNames": [SUBMIT]},),
    ),
    Right(topic="engineers-runs", to=ML_ENGINEER.group, where=STEPS, rules=(rule(ARGO, ["workflows"], READ),)),
)


def rights(name: str, owner: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The accounts, the roles and their bindings."""
    rbac = kubernetes.rbac.v1
    made: list[pulumi.Resource] = [
        kubernetes.core.v1.ServiceAccount(
            f"{name}-{account}",
            metadata=metadata(account, owner, namespace=HOME, data_class=ns.KUBEFLOW.data_class),
            automount_service_account_token=False,
            opts=opts,
        )
        for account in ACCOUNTS
    ]
    for each in RIGHTS:
        named, where = f"parapet:pipelines:{each.topic}", {"namespace": each.where} if each.where else {}
        meta = metadata(named, owner, **where)
        bound: Manifest = {
            "role_ref": {"apiGroup": RBAC, "kind": "Role" if each.where else "ClusterRole", "name": named},
            "subjects": [_subject(each.to)],
        }
        role, binding = (rbac.Role, rbac.RoleBinding) if each.where else (rbac.ClusterRole, rbac.ClusterRoleBinding)
        made.append(role(f"{name}-{each.topic}", metadata=meta, rules=list(each.rules), opts=opts))
        made.append(binding(f"{name}-{each.topic}", metadata=meta, **bound, opts=opts))
    return made


def _subject(to: str) -> Mapping[str, str]:
    if ":" in to:
        return {"apiGroup": RBAC, "kind": "Group", "name": to}
    namespace, _, account = to.rpartition("/")
    return {"kind": "ServiceAccount", "name": account, "namespace": namespace or HOME}
