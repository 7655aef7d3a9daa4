"""How the API server calls those that are no people."""

from typing import Final

from cluster import namespaces as ns

PREFIX: Final = "system:serviceaccount:"
NODES: Final = "system:node:"
"""How kubelets are called; what they may write is their own node's, and a static pod, of which there is none."""
ROLLOUTS_CONTROLLER: Final = f"{ns.ROLLOUTS.name}/{ns.ROLLOUTS.service_account}"
"""Namespace and account of Argo Rollouts' controller."""
MANAGER: Final = f"{ns.CLOUDWATCH.name}/amazon-cloudwatch-observability-controller-manager"
AGENT: Final = "cloudwatch-agent"
"""Name and account of CloudWatch's agent."""
AGENTS: Final = (AGENT, f"{AGENT}-windows", f"{AGENT}-windows-container-insights")
"""The DaemonSets that its manager makes."""
