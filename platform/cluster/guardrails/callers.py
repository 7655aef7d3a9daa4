"""For whom a rule steps back in a namespace that it exempts: an exemption is of a namespace, a caller and a kind.

Of the namespace alone it would be everybody's whose role reaches there, and roles that charts bring reach far.
"""

from collections.abc import Iterable
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import MANAGER, NODES, PREFIX
from cluster.guardrails.object_rule import PEOPLE
from cluster.guardrails.rule import cel
from cluster.labels import Manifest

MAKERS: Final = {
    # Kubernetes' own controllers and the kind that each makes (kubernetes, plugin/pkg/auth/authorizer/rbac/
    # bootstrappolicy/controller_policy.go). What they make of was judged when somebody else wrote it.
    "cronjob-controller": "jobs",
    "daemon-set-controller": "pods",
    "deployment-controller": "replicasets",
    "job-controller": "pods",
    "replicaset-controller": "pods",
    "replication-controller": "pods",
    "statefulset-controller": "pods",
}
KEEPERS: Final = (*MAKERS, "generic-garbage-collector", "storage-version-migrator-controller")
"""Those that write an object that is there without a word in its spec: owners, finalizers, a revision."""
BY_CHARTS: Final = {MANAGER: "daemonsets"}
"""By namespace and account, what a chart's controller makes in its own namespace (`account_rules.py` says which)."""

_WHO: Final = "request.userInfo.username"
DEPLOYS: Final = f"!{_WHO}.startsWith({cel(PREFIX)}) && !{_WHO}.startsWith({cel(NODES)}) && !({PEOPLE})"
"""Who installs: the stack's own hand, an administrator, EKS (`eks:addon-manager`)."""


def _is(controllers: Iterable[str]) -> str:
    return f"{_WHO} in {cel(f'{PREFIX}{ns.KUBE_SYSTEM}:{each}' for each in controllers)}"


def _makes() -> list[str]:
    whole = "(!has(request.subResource) || request.subResource == '')"
    kinds = sorted(set(MAKERS.values()))
    makers = {kind: [each for each, made in MAKERS.items() if made == kind] for kind in kinds}
    return [
        *(f"request.resource.resource == {cel(kind)} && {whole} && {_is(makers[kind])}" for kind in kinds),
        *(
            f"request.resource.resource == {cel(kind)} && request.namespace == {cel(account.partition('/')[0])}"
            f" && {_WHO} == {cel(PREFIX + account.replace('/', ':'))}"
            for account, kind in BY_CHARTS.items()
        ),
        f"request.operation == 'UPDATE' && {_is(KEEPERS)} && dyn(object).?spec == dyn(oldObject).?spec",
    ]


def judged(exempt: Iterable[str], namespace: str = "has(request.namespace) ? request.namespace : ''") -> Manifest:
    """The condition under which a rule judges that exempts these namespaces: elsewhere whoever writes, and there who is
    not meant to write so."""
    return {"name": "is-not-exempt", "expression": f"!(({namespace}) in {cel(sorted(set(exempt)))}) || !({meant()})"}


def meant() -> str:
    """CEL: whether the caller is who installs, or makes a kind out of what somebody else wrote."""
    return " || ".join(f"({each})" for each in (DEPLOYS, *_makes()))
