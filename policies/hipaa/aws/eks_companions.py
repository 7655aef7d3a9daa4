"""Amazon EKS clusters with what completes them: the log group that the control plane writes to."""

from __future__ import annotations

from hipaa.aws.advice import PROPOSED_AUDIT
from hipaa.aws.eks import CLUSTER
from hipaa.aws.logs import LOG_GROUP
from hipaa.facts import fact
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, undecided, violation

_LOG_TYPES = tuple(fact("eks-logs"))

_GROUP = Resource(LOG_GROUP, {"name": "/aws/eks/main/cluster"})


def _cluster(*log_types: str, name: object = "main") -> Resource:
    return Resource(CLUSTER, {"name": name, "enabledClusterLogTypes": list(log_types)}, name="main")


@stack_rule(
    "eks-cluster-keeps-every-log",
    on=CLUSTER,
    severity=MEDIUM,
    advisory="audit and authenticator tell who did what (164.312(b)); the other logs help to find why something broke",
    proposed=PROPOSED_AUDIT,
    fix="Enable all five log types, and make the LogGroup /aws/eks/<name>/cluster before the cluster.",
    sound=[
        [_cluster(*_LOG_TYPES), _GROUP],
        [Resource(CLUSTER, {"id": "main", "enabledClusterLogTypes": list(_LOG_TYPES)}), _GROUP],
    ],
    unsound=[
        [_cluster(), _GROUP],
        [_cluster("api", "audit"), _GROUP],
        [_cluster("audit", name=UNKNOWN), _GROUP],
        [_cluster(*_LOG_TYPES)],
        [_cluster(*_LOG_TYPES, name="another"), _GROUP],
    ],
)
def cluster_keeps_every_log(cluster: Resource, stack: Stack) -> Verdict:
    """A cluster logs all that its control plane does, to a log group that the program made.

    The audit log is the only record of who read which object. A group that EKS makes by itself is not encrypted with a
    key of one's own, and the rules over log groups never see it.
    """
    return all_of(_logs(cluster, _LOG_TYPES), _has_its_group(cluster, stack))


@rule(
    "eks-cluster-records-who-did-what",
    on=CLUSTER,
    severity=HIGH,
    fix="Enable the log types audit and authenticator.",
    sound=[
        {"enabledClusterLogTypes": ["audit", "authenticator"]},
        {"enabledClusterLogTypes": list(_LOG_TYPES)},
    ],
    unsound=[{}, {"enabledClusterLogTypes": ["api", "audit"]}, {"enabledClusterLogTypes": ["scheduler"]}],
)
def cluster_records_who_did_what(cluster: Properties) -> Verdict:
    """A cluster logs who signed in and what each did: EKS keeps no record of it unless told."""
    return _logs(cluster, ("audit", "authenticator"))


def _logs(cluster: Properties, types: tuple[str, ...]) -> Verdict:
    try:
        enabled = set(cluster.texts("enabledClusterLogTypes"))
    except UnknownValue as unknown:
        return undecided(unknown.path)
    missing = [kind for kind in types if kind not in enabled]
    if not missing:
        return Verdict()
    return violation(f"`enabled_cluster_log_types` lacks {', '.join(missing)}; it must have {', '.join(types)}")


def _has_its_group(cluster: Resource, stack: Stack) -> Verdict:
    # EKS identifies a cluster by its name; the provider chooses one where the program does not.
    name = cluster.known("name") or cluster.known("id")
    if not name:
        return undecided("name")
    wanted = f"/aws/eks/{name}/cluster"
    named, unknown = stack.once(_log_groups)
    if wanted in named:
        return Verdict()
    if unknown:
        return undecided(f"name of {unknown}")
    return violation(f"no LogGroup named {wanted} is in the program; EKS would make one without your key")


def _log_groups(stack: Stack) -> tuple[set[str], str]:
    """The names of the program's log groups, and the first whose name is not known yet."""
    names = [(group.known("name"), group.name) for group in stack.of(LOG_GROUP)]
    return {str(name) for name, _ in names if name}, next((group for name, group in names if name is None), "")
