"""What holds of the pods that EKS and its add-ons run, where the other rules step back for who makes them.

A controller's template was judged when it was written, or is AWS's own. But a webhook may change a pod after that, and
more programs than the mesh's have one: so the pod itself is asked what it would run, as whom, and what of its node it
would take.
"""

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails import eks_pods
from cluster.guardrails.object_rule import ObjectRule
from cluster.guardrails.rule import Check, cel
from foundation.eks_registries import ACCOUNTS

EKS_IMAGE = f"^({'|'.join(ACCOUNTS)})[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com([.]cn)?/"


def eks_rules(registry: str) -> tuple[ObjectRule, ...]:
    """The rules, for a stack with this registry."""
    return (_images_of_eks(registry), _as_their_add_ons_have_them())


def _images_of_eks(registry: str) -> ObjectRule:
    """What runs by now may be noted on and let go, whatever it is.

    GuardDuty's agent is in EKS's registries since 1.8.1-eks-build.2 (Amazon GuardDuty User Guide, "Amazon ECR
    repository hosting GuardDuty agent", whose tables name EKS's accounts beside GuardDuty's own). Those up to 1.5.0 are
    in GuardDuty's own alone and refused: they are older than any Kubernetes that is pinned here.
    """
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


def _as_their_add_ons_have_them() -> ObjectRule:
    """As it is made: what a pod takes of its node and whose it is no update changes.

    GuardDuty's are left out: what its agent takes of a node nobody outside of AWS can read (eks_pods.yaml)."""
    where = [each for each in ns.EKS_OWNED if each != ns.GUARDDUTY]
    pod, account = "variables.pod", "variables.account"
    return ObjectRule(
        name="pods-of-eks-are-as-their-add-ons-have-them",
        group="",
        resources=("pods", "pods/ephemeralcontainers"),
        only=f"request.namespace in {cel(where)}"
        " && (request.operation == 'CREATE' || has(request.subResource) && request.subResource != '')",
        variables={
            "pod": "dyn(object).spec",
            "account": "request.namespace + '/' + variables.pod.?serviceAccountName.orValue('default')",
        },
        checks=(
            Check(
                # Kubernetes' own accounts are there too, and among them are some that may all.
                holds=f"{account} in {cel(sorted(eks_pods.PODS))}",
                found=f'"no add-on of EKS has a pod that runs as " + {account}',
                fix="Whose pods run there is listed in platform/cluster/guardrails/eks_pods.yaml, for review.",
            ),
            *eks_pods.checks(pod, account),
            *eks_pods.known_checks(pod, account),
        ),
    )
