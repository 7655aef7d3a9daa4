"""On which nodes people's pods do not run."""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.rule import Check, PodRule, cel
from cluster.node_labels import SYSTEM

_AT_HOME: Final = (ns.MLFLOW, ns.INGRESS, *ns.SYSTEM)
"""Where the platform's own pods are."""


def system_nodes_rule() -> PodRule:
    """A toleration of everything is `gpu-pods-tolerate-the-taint`'s to refuse: what asks for a GPU may have it, and
    runs where the GPUs are."""
    tolerates = f"has(t.key) && t.key == {cel(SYSTEM)}"
    return PodRule(
        name="system-nodes-are-the-platforms",
        checks=(
            Check(
                holds=f"!variables.tolerations.exists(t, {tolerates})",
                found=f'"the pod tolerates {SYSTEM}"',
                fix="Take the toleration away: these are the platform's nodes, and there are others for workloads.",
            ),
        ),
        exempt=tuple(each.name for each in _AT_HOME),
        why_exempt="the platform's own pods run there",
    )
