"""What a mesh does where no policy is about a workload: Istio's fallbacks, of its namespace and of the mesh's own."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_ENCRYPTION, PROPOSED_SEGMENTS
from hipaa.kubernetes.mesh import AUTHORIZATION_POLICY, PEER_AUTHENTICATION
from hipaa.kubernetes.names import namespace_of
from hipaa.resource import Resource, UnknownValue
from hipaa.rule import HIGH, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, not_applicable, undecided, violation

_ROOT = "istio-system"
_UNTOLD = "?"  # of one that may be there it is not known yet where, or what it says
_ELSEWHERE = "the mesh's own policies may be another program's, with the mesh itself"
_SOURCES = ("principals", "namespaces", "serviceAccounts")


def _policy(namespace: str, **spec: Any) -> Resource:
    found = {"metadata": {"namespace": namespace}, "spec": spec}
    return Resource(AUTHORIZATION_POLICY[0], found, name=f"{namespace}-{len(spec)}")


def _strict(namespace: str, **spec: Any) -> Resource:
    found = {"metadata": {"namespace": namespace}, "spec": {"mtls": {"mode": "STRICT"}} | spec}
    return Resource(PEER_AUTHENTICATION[0], found, name=namespace)


_CALLERS = _policy(
    "serving",
    action="ALLOW",
    selector={"matchLabels": {"app": "records"}},
    rules=[{"from": [{"source": {"principals": ["cluster.local/ns/ingress/sa/gateway"]}}]}],
)
_OF_RECORDS = {"selector": {"matchLabels": {"app": "records"}}}


@stack_rule(
    "mesh-refuses-whom-no-policy-allows",
    on=AUTHORIZATION_POLICY,
    severity=HIGH,
    advisory=_ELSEWHERE,
    proposed=PROPOSED_SEGMENTS,
    fix="Add an AuthorizationPolicy without rules and without a selector in the mesh's own namespace.",
    sound=[
        [_CALLERS, _policy(_ROOT)],
        [_CALLERS, _policy("serving", action="ALLOW")],
        [_policy("serving", action="DENY", rules=[{}]), _policy(_ROOT)],
    ],
    unsound=[
        [_CALLERS],
        [_CALLERS, _policy("training")],
        [_CALLERS, _policy(_ROOT, selector={"matchLabels": {"istio": "ingress"}})],
    ],
)
def mesh_refuses_by_default(policy: Resource, stack: Stack) -> Verdict:
    """Where a policy of the mesh says who may call one workload, others are called by nobody until one says who.

    A workload that no policy is about takes calls of everybody in the mesh.
    """
    refusing = stack.once(_refusing)
    if refusing & {_ROOT, namespace_of(policy)}:
        return Verdict()
    if _UNTOLD in refusing:
        return undecided("metadata.namespace")
    return violation("no AuthorizationPolicy without rules and selector is there, in its namespace or the mesh's own")


@stack_rule(
    "mesh-policy-rests-on-mutual-tls",
    on=AUTHORIZATION_POLICY,
    severity=HIGH,
    advisory=_ELSEWHERE,
    proposed=PROPOSED_ENCRYPTION,
    fix="Add a PeerAuthentication with mtls.mode STRICT and without a selector in the mesh's own namespace.",
    sound=[
        [_CALLERS, _strict(_ROOT)],
        [_CALLERS, _strict("serving")],
        [_policy("serving", action="ALLOW", rules=[{"to": [{"operation": {"methods": ["GET"]}}]}])],
    ],
    unsound=[[_CALLERS], [_CALLERS, _strict("training")], [_CALLERS, _strict(_ROOT, **_OF_RECORDS)]],
)
def mesh_policy_rests_on_mutual_tls(policy: Resource, stack: Stack) -> Verdict:
    """A policy of the mesh that names callers stands where all calls come by mutual TLS.

    By default a workload takes plain text too, whose caller has no name that could be refused.
    """
    sources = [each.object("source") for one in policy.objects("spec.rules") for each in one.objects("from")]
    if not any(source.listed(part) for source in sources for part in _SOURCES):
        return not_applicable("it names no caller of the mesh")
    strict = stack.once(_strict_in)
    if strict & {_ROOT, namespace_of(policy)}:
        return Verdict()
    if _UNTOLD in strict:
        return undecided("metadata.namespace")
    return violation("no PeerAuthentication that is STRICT for all is there, in its namespace or the mesh's own")


def _refusing(stack: Stack) -> set[str]:
    """The namespaces with a policy that allows nobody."""
    found: set[str] = set()
    for each in stack.of(*AUTHORIZATION_POLICY):
        try:
            spec = each.object("spec")
            if spec.at("action", "ALLOW") == "ALLOW" and not spec.at("selector") and not spec.listed("rules"):
                found.add(namespace_of(each))
        except UnknownValue:
            found.add(_UNTOLD)
    return found


def _strict_in(stack: Stack) -> set[str]:
    """The namespaces all of whose workloads take mutual TLS alone."""
    found: set[str] = set()
    for each in stack.of(*PEER_AUTHENTICATION):
        try:
            if each.at("spec.mtls.mode") == "STRICT" and not each.at("spec.selector"):
                found.add(namespace_of(each))
        except UnknownValue:
            found.add(_UNTOLD)
    return found
