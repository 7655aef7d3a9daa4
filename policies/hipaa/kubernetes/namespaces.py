"""Kubernetes namespaces: what the API server lets run there, and what the network lets through."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_SEGMENTS
from hipaa.kubernetes import selectors
from hipaa.kubernetes.cilium import OF_CLUSTER, OF_NAMESPACE, denies_by_default
from hipaa.kubernetes.names import Inside
from hipaa.kubernetes.network_policies import NETWORK_POLICY, opens_to_everyone
from hipaa.resource import UNKNOWN, Resource, UnknownValue, show
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

NAMESPACE = "kubernetes:core/v1:Namespace"

# "Pod Security Admission" of the Kubernetes documentation.
_ENFORCE = "pod-security.kubernetes.io/enforce"


def _labelled(**labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "serving", "labels": {f"pod-security.kubernetes.io/{k}": v for k, v in labels.items()}}
    }


@rule(
    "namespace-enforces-pod-security",
    on=NAMESPACE,
    severity=HIGH,
    fix=f"Label the namespace {_ENFORCE}: restricted, or baseline where agents of the node run.",
    sound=[_labelled(enforce="restricted"), _labelled(enforce="baseline")],
    unsound=[
        {},
        {"metadata": {"name": "serving"}},
        _labelled(enforce="privileged"),
        _labelled(enforce="Baseline"),
        _labelled(audit="restricted", warn="restricted"),
    ],
)
def namespace_enforces_pod_security(namespace: Resource) -> Verdict:
    """A namespace has the API server refuse pods that break out of their own: those below `baseline`.

    Whatever is put there later, by whomever, is held to it; a policy over this program is not asked then.
    """
    level = namespace.object("metadata.labels").get(_ENFORCE)
    if level in ("baseline", "restricted"):
        return Verdict()
    return violation(f"the label {_ENFORCE} is {show(level)}; it must be 'baseline' or 'restricted'")


@rule(
    "namespace-enforces-restricted-pods",
    on=NAMESPACE,
    severity=MEDIUM,
    advisory="`baseline` keeps pods in their own; what is asked beyond that, each pod is asked by itself",
    fix=f"Label the namespace {_ENFORCE}: restricted.",
    sound=[_labelled(enforce="restricted"), _labelled(enforce="restricted", audit="baseline")],
    unsound=[_labelled(enforce="baseline"), _labelled(enforce="baseline", warn="restricted")],
)
def namespace_enforces_restricted_pods(namespace: Resource) -> Verdict:
    """A namespace has the API server refuse pods below the Pod Security Standard `restricted`."""
    level = namespace.object("metadata.labels").get(_ENFORCE)
    if level != "baseline":
        return Verdict() if level == "restricted" else not_applicable("another rule tells that less is enforced")
    return violation(f"the label {_ENFORCE} is {show(level)}; it must be 'restricted'")


_SERVING = Resource(NAMESPACE, {"metadata": {"name": "serving"}}, name="serving")
_NEW = Resource(NAMESPACE, {"metadata": {"name": UNKNOWN}}, name="serving")
_BOTH = ["Ingress", "Egress"]


def _policy(*types: str, namespace: Any = "serving", sources: tuple[str, ...] = (), **spec: Any) -> Resource:
    all_pods: dict[str, Any] = {"podSelector": {}, "policyTypes": list(types)}
    properties = {"metadata": {"namespace": namespace}, "spec": all_pods | spec}
    return Resource(NETWORK_POLICY[0], properties, name="deny", sources={"metadata": sources})


def _cilium(type_: str = OF_NAMESPACE, **spec: Any) -> Resource:
    place: dict[str, str] = {} if type_ == OF_CLUSTER else {"namespace": "serving"}
    return Resource(type_, {"metadata": {"name": "deny"} | place, "spec": {"endpointSelector": {}} | spec}, name="deny")


@stack_rule(
    "namespace-denies-traffic-by-default",
    on=NAMESPACE,
    severity=HIGH,
    advisory="no standard of 2013 asks for networks within a cluster; who calls whom is authenticated by other means",
    proposed=PROPOSED_SEGMENTS,
    fix="Add a NetworkPolicy to the namespace with an empty pod_selector and policy_types [Ingress, Egress].",
    sound=[
        [_SERVING, _policy(*_BOTH)],
        [_SERVING, _policy("Ingress"), _policy("Egress")],
        [_SERVING, _policy(*_BOTH, egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.2/32"}}], "ports": [{"port": 53}]}])],
        [_SERVING, _policy("Ingress", podSelector={"matchLabels": {"app": "a"}}), _policy(*_BOTH)],
        [_SERVING, _policy(egress=[{"to": [{"podSelector": {}}]}])],
        [_NEW, _policy(*_BOTH, namespace=UNKNOWN, sources=(_NEW.urn,))],
        [_SERVING, _cilium(ingress=[{}], egress=[{}])],
        [_SERVING, _cilium(ingress=[{}]), _policy("Egress")],
        [_SERVING, _cilium(ingress=[{"fromEndpoints": [{}]}], egressDeny=[{"toEntities": ["world"]}])],
        [_SERVING, _cilium(OF_CLUSTER, ingress=[{}], egress=[{}])],
        [
            _SERVING,
            _cilium(
                OF_CLUSTER,
                endpointSelector={"matchLabels": {"k8s:io.kubernetes.pod.namespace": "serving"}},
                ingress=[{}],
                egress=[{}],
            ),
        ],
    ],
    unsound=[
        [_SERVING],
        [_SERVING, _cilium(ingress=[{}])],
        [_SERVING, _cilium(ingress=[], egress=[])],
        [_SERVING, _cilium(ingress=[{}], egress=[{}], endpointSelector={"matchLabels": {"app": "a"}})],
        [_SERVING, _cilium(ingress=[{}], egress=[{}], enableDefaultDeny={"ingress": False, "egress": True})],
        [_SERVING, _cilium(ingress=[{"fromEntities": ["all"]}], egress=[{}])],
        [
            _SERVING,
            _cilium(
                OF_CLUSTER,
                endpointSelector={"matchLabels": {"k8s:io.kubernetes.pod.namespace": "training"}},
                ingress=[{}],
                egress=[{}],
            ),
        ],
        [_SERVING, _policy("Ingress")],
        [_SERVING, _policy("Egress")],
        [_SERVING, _policy(*_BOTH, namespace="training")],
        [_SERVING, _policy(*_BOTH, podSelector={"matchLabels": {"app": "predictor"}})],
        [_SERVING, _policy()],
        [_SERVING, _policy(egress=[])],
        [_SERVING, _policy(*_BOTH, ingress=[{}])],
        [_SERVING, _policy(*_BOTH, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])],
    ],
)
def namespace_denies_traffic_by_default(namespace: Resource, stack: Stack) -> Verdict:
    """In a namespace no pod is reached and none reaches out, unless a NetworkPolicy says so.

    Without one Kubernetes lets every pod of the cluster talk to every other, and to the internet.
    """
    policies, unknown = stack.once(_policies).of(namespace)
    policies = [*policies, *stack.of(OF_CLUSTER)]
    name = str(namespace.known("metadata.name") or "")
    return all_of(*(_is_denied(direction, policies, list(unknown), name) for direction in ("Ingress", "Egress")))


def _policies(stack: Stack) -> Inside:
    return Inside(stack.of(*NETWORK_POLICY, OF_NAMESPACE))


def _is_denied(direction: str, policies: list[Resource], unknown: list[str], namespace: str) -> Verdict:
    for policy in policies:
        try:
            if denies_by_default(policy, direction, namespace) if _is_of_cilium(policy) else _denies(policy, direction):
                return Verdict()
        except UnknownValue as error:
            unknown.append(f"{error.path} of {policy.name}")
    if unknown:
        return undecided(unknown[0])
    return violation(f"no NetworkPolicy of this namespace denies {direction} to all its pods by default")


def _is_of_cilium(policy: Resource) -> bool:
    return policy.type in (OF_NAMESPACE, OF_CLUSTER)


def _denies(policy: Resource, direction: str) -> bool:
    """Whether a policy takes all pods of its namespace, and lets nobody in or out at large."""
    if not selectors.is_empty(policy.object("spec.podSelector")):
        return False
    # Left out, it means Ingress, and Egress only where there are rules for it.
    types = [*policy.listed("spec.policyTypes")] or (["Ingress", "Egress"] if policy.at("spec.egress") else ["Ingress"])
    rules = policy.objects(f"spec.{direction.lower()}")
    return direction in types and not opens_to_everyone(rules, direction)
