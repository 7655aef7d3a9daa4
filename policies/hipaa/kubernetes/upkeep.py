"""Whether what runs keeps running: probes, disruption budgets, runs that do not pile up, accounts without a token."""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes import selectors
from hipaa.kubernetes.names import namespace_of
from hipaa.kubernetes.objects import each_object, is_part, of_kind, whole
from hipaa.kubernetes.pods import WORKLOADS, each_container, example
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, undecided, violation

_SERVERS = tuple(type_ for type_ in WORKLOADS if type_.rpartition(":")[2] in ("Deployment", "StatefulSet", "DaemonSet"))
_REPLICATED = tuple(type_ for type_ in _SERVERS if not type_.endswith("DaemonSet"))


def _served(**container: Any) -> dict[str, Any]:
    return {"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": example(**container)}}


@rule(
    "workload-says-when-it-is-ready",
    on=_SERVERS,
    severity=LOW,
    advisory="what takes no calls needs no probe, and a program's own restart may do",
    fix="Set readiness_probe on the container that takes calls, and liveness_probe where it can hang.",
    sound=[
        _served(ports=[{"containerPort": 8080}], readinessProbe={"httpGet": {"path": "/ready", "port": 8080}}),
        _served(),
        _served(ports=[]),
    ],
    unsound=[
        _served(ports=[{"containerPort": 8080}]),
        _served(ports=[{"containerPort": 8080}], livenessProbe={"httpGet": {"path": "/", "port": 8080}}),
    ],
)
def workload_says_when_it_is_ready(workload: Resource) -> Verdict:
    """A container that takes calls says when it can.

    Without a probe calls come before it has started, and go on when it has no database.
    """

    # What comes before is done when calls come.
    def is_probed(container: Properties, pod: Properties) -> Verdict:
        first = {one.at("name") for one in pod.objects("initContainers")}
        if not container.at("ports") or container.at("readinessProbe") or container.at("name") in first:
            return Verdict()
        return violation(f"`{container.where('readinessProbe')}` is not set, and it takes calls; it must be")

    return each_container(workload, is_probed, ephemeral=False)


_BUDGET = of_kind("PodDisruptionBudget", "policy/v1", "policy/v1beta1")


def _replicas(count: Any, type_: str = _REPLICATED[0], **labels: str) -> Resource:
    template = {"metadata": {"labels": labels or {"app": "a"}}}
    spec = {"replicas": count, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    return Resource(type_, {"metadata": {"namespace": "serving"}, "spec": spec})


def _budget(namespace: Any = "serving", selector: Any = None) -> Resource:
    chosen = {"matchLabels": {"app": "a"}} if selector is None else selector
    spec = {"maxUnavailable": 1, "selector": chosen}
    return Resource(_BUDGET[0], {"metadata": {"namespace": namespace}, "spec": spec}, name="budget")


@stack_rule(
    "workload-has-a-disruption-budget",
    on=_REPLICATED,
    severity=LOW,
    advisory="an outage while nodes are changed is a matter of availability, which replicas alone may be enough for",
    fix="Add a PodDisruptionBudget whose selector has the labels of the pods, with max_unavailable=1.",
    sound=[
        [_replicas(2), _budget()],
        [_replicas(1)],
        [_replicas(UNKNOWN, _REPLICATED[1]), _budget()],
        [_replicas(3), _budget(selector={})],
        [_replicas(3), _budget(selector={"matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]})],
    ],
    unsound=[
        [_replicas(2)],
        [_replicas(2), _budget("training")],
        [_replicas(2), _budget(selector={"matchLabels": {"app": "b"}})],
        [_replicas(2, _REPLICATED[1])],
    ],
)
def workload_has_a_disruption_budget(workload: Resource, stack: Stack) -> Verdict:
    """What runs on several replicas keeps most of them while nodes are changed.

    Otherwise all may be moved at once.
    """
    replicas = workload.known("spec.replicas")
    if not isinstance(replicas, int | float) or replicas < 2:
        return Verdict()
    labels = workload.object("spec.template.metadata.labels")
    budgets, unknown = stack.once(_budgets)
    for budget in budgets.get(namespace_of(workload), ()):
        try:
            if _chooses(budget.object("spec.selector"), labels):
                return Verdict()
        except UnknownValue as error:
            unknown = unknown or error.path
    if unknown:
        return undecided(unknown)
    return violation(
        f"`{workload.where('spec.replicas')}` is {int(replicas)}, and no PodDisruptionBudget is about its pods"
    )


def _budgets(stack: Stack) -> tuple[dict[str, list[Resource]], str]:
    found: dict[str, list[Resource]] = {}
    unknown = ""
    for budget in stack.of(*whole(_BUDGET)):
        try:
            found.setdefault(namespace_of(budget), []).append(budget)
        except UnknownValue as error:
            unknown = f"{error.path} of {budget.name}"
    return found, unknown


def _chooses(selector: Properties, labels: Properties) -> bool:
    """Whether a selector chooses pods of these labels, as far as equal words tell."""
    if selectors.is_empty(selector):
        return True
    wanted = selector.object("matchLabels")
    if any(labels.get(name) != wanted[name] for name in wanted):
        return False
    return all(_meets(labels, each) for each in selector.objects("matchExpressions"))


def _meets(labels: Properties, expression: Properties) -> bool:
    has, value = str(expression.at("key")) in labels, labels.get(str(expression.at("key")))
    match expression.at("operator"):
        case "In":
            return value in (expression.listed("values"))
        case "NotIn":
            return value not in (expression.listed("values"))
        case "Exists":
            return has
    return not has


_CRON = of_kind("CronJob", "batch/v1", "batch/v1beta1", "batch/v2alpha1")


def _nightly(**spec: Any) -> dict[str, Any]:
    return {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": example()}}} | spec}


@rule(
    "cron-job-runs-one-at-a-time",
    on=_CRON,
    severity=LOW,
    advisory="some jobs may well run beside themselves",
    fix="Set concurrency_policy to Forbid or Replace, and active_deadline_seconds on the job.",
    sound=[_nightly(concurrencyPolicy="Forbid"), _nightly(concurrencyPolicy="Replace"), Resource(_CRON[3], {})],
    unsound=[
        _nightly(),
        _nightly(concurrencyPolicy="Allow"),
        Resource(_CRON[6], {"items": [_nightly(concurrencyPolicy="Allow")]}),
    ],
)
def cron_job_runs_one_at_a_time(cron: Resource) -> Verdict:
    """A run of a CronJob starts when the one before has ended.

    Runs that hang pile up otherwise, until they take the cluster's room from what serves.
    """

    def alone(one: Properties) -> Verdict:
        said = one.at("spec.concurrencyPolicy")
        if said in ("Forbid", "Replace") or (said is None and is_part(cron)):
            return Verdict()
        shown = "not set (which means 'Allow')" if said is None else repr(said)
        return violation(f"`{one.where('spec.concurrencyPolicy')}` is {shown}; it must be 'Forbid' or 'Replace'")

    return each_object(cron, alone)


_ACCOUNT = of_kind("ServiceAccount", "core/v1")
_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 (a Secret's type)


@rule(
    "service-account-mounts-no-token",
    on=_ACCOUNT,
    severity=LOW,
    advisory="what its pods say of themselves counts first, and a controller needs the token",
    fix="Set automount_service_account_token=False, and True on the pods that call the Kubernetes API.",
    sound=[
        {"automountServiceAccountToken": False},
        Resource(_ACCOUNT[1], {"metadata": {"name": "default"}}),
        Resource(_ACCOUNT[2], {"items": [{"automountServiceAccountToken": False}]}),
    ],
    unsound=[{}, {"automountServiceAccountToken": True}, Resource(_ACCOUNT[1], {"automountServiceAccountToken": True})],
)
def service_account_mounts_no_token(account: Resource) -> Verdict:
    """A service account hands no token to pods that do not ask for one.

    Every pod that names it later has it otherwise, in a file.
    """

    def mounts_none(one: Properties) -> Verdict:
        said = one.at("automountServiceAccountToken")
        if said is False or (said is None and is_part(account)):
            return Verdict()
        shown = "not set (which means true)" if said is None else "true"
        return violation(f"`{one.where('automountServiceAccountToken')}` is {shown}; it must be false")

    return each_object(account, mounts_none)


_SECRET = of_kind("Secret", "core/v1")


@rule(
    "service-account-token-expires",
    on=_SECRET,
    severity=HIGH,
    advisory="what runs outside of the cluster and knows no other way may need one, in a vault and rotated",
    fix="Have the program ask for a token when it needs one (TokenRequest), or reach the API as an IAM role.",
    sound=[
        {},
        {"type": "Opaque"},
        {"type": "kubernetes.io/tls"},
        Resource(_SECRET[2], {"items": [{"type": "Opaque"}]}),
    ],
    unsound=[
        {"type": _TOKEN, "metadata": {"annotations": {"kubernetes.io/service-account.name": "deployer"}}},
        {"type": _TOKEN, "metadata": UNKNOWN},
        Resource(_SECRET[2], {"items": [{"type": _TOKEN}]}),
    ],
)
def service_account_token_expires(secret: Resource) -> Verdict:
    """Nobody calls the Kubernetes API by a token that never ends.

    One in a Secret holds until the Secret is deleted, wherever it was copied to.
    """

    def is_no_token(one: Properties) -> Verdict:
        if one.at("type") != _TOKEN:
            return Verdict()
        return violation(
            f"`{one.where('type')}` is {_TOKEN!r}, whose token never ends; it must be asked for when needed"
        )

    return all_of(each_object(secret, is_no_token))


_HOME = tuple(type_ for type_ in WORKLOADS if "/v1:" in type_)


@rule(
    "workload-has-a-namespace-of-its-own",
    on=_HOME,
    severity=MEDIUM,
    advisory="a cluster of one application may do with one namespace",
    fix="Name a namespace in metadata, with its own limits, policies and rights.",
    sound=[{"metadata": {"namespace": "serving"}} | example(), {"metadata": {"namespace": "kube-system"}} | example()],
    unsound=[example(), {"metadata": {"namespace": "default"}} | example(), {"metadata": {"name": "a"}} | example()],
)
def workload_has_a_namespace_of_its_own(workload: Resource) -> Verdict:
    """A workload is in a namespace that was made for it, and not in the one where everything lands.

    Rights, network policies, quotas and Pod Security levels are a namespace's.
    """
    if namespace_of(workload) != "default":
        return Verdict()
    return violation(f"`{workload.where('metadata.namespace')}` is the default one; it must be the workload's own")
