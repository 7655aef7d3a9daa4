"""What holds of the pods that EKS and its add-ons run, where the other rules step back for who makes them.

A controller's template was judged when it was written, or is AWS's own. But a webhook may change a pod after that, and
more programs than the mesh's have one: so the pod itself is asked what it would run.
"""

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.object_rule import ObjectRule
from cluster.guardrails.rule import Check, cel
from foundation.eks_registries import ACCOUNTS

EKS_IMAGE = f"^({'|'.join(ACCOUNTS)})[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com([.]cn)?/"


def eks_images(registry: str) -> ObjectRule:
    """The rule, for a stack with this registry. What runs by now may be noted on and let go, whatever it is."""
    theirs = f"i.startsWith({cel(images.prefix(registry))}) || i.matches({cel(EKS_IMAGE)})"
    return ObjectRule(
        name="pods-of-eks-run-its-images",
        group="",
        resources=("pods", "pods/ephemeralcontainers"),
        only=f"request.namespace in {cel(ns.EKS_OWNED)}",
        variables={
            "images": _images("object"),
            "before": f"request.operation == 'UPDATE' ? {_images('oldObject')} : []",
            "foreign": f"variables.images.filter(i, !({theirs}) && !(i in variables.before))",
        },
        checks=(
            Check(
                holds="size(variables.foreign) == 0",
                found='variables.foreign.join(", ") + " is not of a registry of EKS"',
                fix="Whoever changed the pod on its way, by a webhook, put it there: kubectl get"
                " mutatingwebhookconfigurations.",
            ),
        ),
    )


def _images(pod: str) -> str:
    lists = [f"dyn({pod}).spec.?{each}.orValue([])" for each in ("containers", "initContainers", "ephemeralContainers")]
    return f"({' + '.join(lists)}).map(c, c.?image.orValue(''))"
