"""How the API server calls those that are no people."""

from typing import Final

from cluster import namespaces as ns

PREFIX: Final = "system:serviceaccount:"
NODES: Final = "system:node:"
"""How kubelets are called; what they may write is their own node's, and a static pod, of which there is none."""
ROLLOUTS_CONTROLLER: Final = f"{ns.ROLLOUTS.name}/{ns.ROLLOUTS.service_account}"
"""Namespace and account of Argo Rollouts' controller."""
WORKFLOW_CONTROLLER: Final = f"{ns.KUBEFLOW.name}/workflow-controller"
"""Argo Workflows' controller, which makes the pods of Kubeflow Pipelines' steps."""
SUBMITTER: Final = f"{ns.KUBEFLOW.name}/submitter"
"""The account by whose tokens people come to Kubeflow Pipelines; no pod runs as it."""
RUNS: Final = "pipelines.kubeflow.org"
"""Whom such a token is for (kubeflow/pipelines 2.17, backend/src/apiserver/common/const.go): the API server itself
takes it for nobody's."""
MANAGER: Final = f"{ns.CLOUDWATCH.name}/amazon-cloudwatch-observability-controller-manager"
AGENT: Final = "cloudwatch-agent"
"""Name and account of CloudWatch's agent."""
AGENTS: Final = (AGENT, f"{AGENT}-windows", f"{AGENT}-windows-container-insights")
"""The DaemonSets that its manager makes."""
