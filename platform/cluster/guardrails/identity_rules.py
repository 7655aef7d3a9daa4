"""No pod is made without the credentials that its account has in AWS.

EKS puts the way to them into a pod as it is made, and at no other time (Amazon EKS User Guide, "Understand how EKS Pod
Identity works"); of an association that was made a moment ago it may not know yet (Amazon EKS API Reference,
CreatePodIdentityAssociation: they are eventually consistent). A pod that came too early has none for as long as it
lives, however often its containers start anew. One that is refused its controller makes again, until EKS knows.
"""

from collections.abc import Sequence
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.rule import Check, PodRule, cel

GIVEN: Final = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
"""What EKS tells each container of a pod whose account has a role."""
WITH_A_ROLE: Final = tuple(each for each in ns.WORKLOADS if each.service_account and each != ns.INGRESS)
"""Namespaces whose account the stack gives one, as it does to a workspace's, to Alertmanager's, to a model's and to its
check's; the gateway calls nothing in AWS."""


def identity_rule(workspaces: Sequence[ns.Namespace] = ()) -> PodRule:
    """The rule, for a cluster of EKS: no other one has its webhook."""
    accounts = {each.name: each.service_account for each in (*WITH_A_ROLE, ns.ALERTING, *workspaces)}
    account = "variables.pod.?serviceAccountName.orValue('')"
    entitled = f"request.namespace in {cel(accounts)} && {account} in {cel(set(accounts.values()))}" + "".join(
        f" || request.namespace == {cel(namespace)} && {account}.startsWith({cel(begins)})"
        for namespace, begins in ns.NAMED_ACCOUNTS.items()
    )
    has = f"variables.pod.containers.exists(c, c.?env.orValue([]).exists(e, e.name == {cel(GIVEN)}))"
    return PodRule(
        name="pods-have-their-accounts-credentials",
        checks=(
            Check(
                holds=f"object.kind != 'Pod' || request.operation != 'CREATE' || !({entitled}) || {has}",
                found=f'"EKS gave the pod no credentials of " + {account}',
                fix="Try again in some seconds, when EKS knows the account's association (a controller does so by"
                " itself); else look whether there is one: aws eks list-pod-identity-associations.",
            ),
        ),
    )
