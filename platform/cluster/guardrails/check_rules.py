"""What runs as the account of a model's check: what the stack wrote, and nothing else.

By it one reads all that a model was asked and answered. An operator starts a check that is there once more, as it is
(`kubectl create job --from`); this holds him, and whoever else RBAC may let there, now or later.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_rules import POD_MAKING
from cluster.guardrails.callers import meant
from cluster.guardrails.flows import CHECK
from cluster.guardrails.object_rule import PEOPLE, Beside, ObjectRule, cel_map
from cluster.guardrails.rule import Check, cel

_TEMPLATE: Final = (
    "dyn(object).kind == 'Pod' ? dyn(object)"
    " : dyn(object).kind == 'CronJob' ? dyn(object).?spec.?jobTemplate.?spec.?template.orValue({})"
    " : dyn(object).kind == 'PodTemplate' ? dyn(object).?template.orValue({})"
    " : dyn(object).?spec.?template.orValue({})"
)
_OF_THE_API_SERVER: Final = ("selector", "podReplacementPolicy")
"""What it says of a Job by itself (kubernetes v1.36, pkg/apis/batch/v1/defaults.go, pkg/registry/batch/job), besides
what it says of each."""
_OF_ITS_PODS: Final = tuple(
    f"{of}{name}" for of in ("", "batch.kubernetes.io/") for name in ("job-name", "controller-uid")
)
"""The labels likewise, of a Job's pods."""
_NAME: Final = "app.kubernetes.io/name"
"""The label that has the model."""
_FIX: Final = "kubectl create job NAME --namespace=monitoring --from=cronjob/check-MODEL, as it is."


def check_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (_runs(), _called(), _started(), _as_it_is())


def _runs() -> ObjectRule:
    started = f"({PEOPLE}) && request.operation == 'CREATE' && request.resource.resource == 'jobs'"
    return ObjectRule(
        name="checks-run-as-the-stack-wrote-them",
        group="*",
        resources=POD_MAKING,
        only=f"has(request.namespace) && request.namespace == {cel(ns.MONITORING.name)} && !({meant()})"
        f" && !({started})",
        variables={
            "template": _TEMPLATE,
            "pod": "variables.template.?spec.orValue({})",
            "account": "variables.pod.?serviceAccountName.orValue('')",
        },
        checks=(
            Check(
                holds=f"!variables.account.startsWith({cel(ns.CHECK_ACCOUNTS)})",
                found="request.resource.resource + ' ' + request.name + ' would run as ' + variables.account",
                fix="Take the namespace's own account: the checks of models are the stack's to write.",
            ),
        ),
    )


def _called() -> ObjectRule:
    """Prometheus finds checks by their labels, and takes the model's name from one: who has them is heard as the check
    of that model, also by the alerts that would say that there was none. So nobody has them but who runs as it, whoever
    writes it: a label of a chart's by chance too."""
    name = f"variables.labels[?{cel(_NAME)}].orValue('')"
    is_one = " && ".join(f"variables.labels[?{cel(key)}].orValue('') == {cel(value)}" for key, value in CHECK.items())
    return ObjectRule(
        name="checks-are-called-what-they-run-as",
        group="*",
        # By its status too labels are changed (kubernetes v1.36, pkg/registry/core/pod/strategy.go, podStatusStrategy).
        resources=(*POD_MAKING, "pods/status"),
        only=f"has(request.namespace) && request.namespace == {cel(ns.MONITORING.name)}",
        variables={
            "template": _TEMPLATE,
            "labels": "variables.template.?metadata.?labels.orValue({})",
            "account": "variables.template.?spec.?serviceAccountName.orValue('')",
        },
        checks=(
            Check(
                holds=f"!({is_one}) || variables.account == {cel(ns.CHECK_ACCOUNTS)} + {name}",
                found=f"'what ' + variables.account + ' runs would be called the check of ' + {name}",
                fix=f"Leave the label {next(iter(CHECK))} out: what pods with it say of a model is believed.",
            ),
        ),
    )


_STARTED: Final = {
    "owners": "dyn(object).metadata.?ownerReferences.orValue([])",
    "of": "size(variables.owners) == 1 && variables.owners[0].apiVersion == 'batch/v1'"
    " && variables.owners[0].kind == 'CronJob' ? variables.owners[0].name : ''",
    "job": "dyn(object).spec",
    "pod": "variables.job.template.spec",
}
_BY_PEOPLE: Final = f"({PEOPLE}) && has(request.namespace) && request.namespace == {cel(ns.MONITORING.name)}"


def _started() -> ObjectRule:
    """Whoever may make Jobs could make any, the namespace's own account's too. Of a name that no check has there is no
    account to run as, and what belongs to nothing goes."""
    return ObjectRule(
        name="people-start-checks-alone",
        group="batch",
        resources=("jobs",),
        operations=("CREATE",),
        only=_BY_PEOPLE,
        variables=_STARTED,
        checks=(
            Check(
                holds=f"variables.of.startsWith({cel(ns.CHECK_ACCOUNTS)})"
                " && variables.pod.?serviceAccountName.orValue('') == variables.of",
                found="'the Job would be of no check'",
                fix=_FIX,
            ),
            Check(
                # By these it is held to its CronJob.
                holds=f"{cel_map(CHECK)}.all(k, dyn(object).metadata.?labels.orValue({{}})[?k].orValue('')"
                f" == {cel_map(CHECK)}[k])",
                found="'the Job would not be called a check'",
                fix=_FIX,
            ),
        ),
    )


def _as_it_is() -> ObjectRule:
    """Held to the CronJob that it is said to be of, which is the stack's. Where there is none at all nobody makes one
    that is called so; where there is one of other models, there is no account to run as (`mlops/monitoring/checks.py`
    makes it after its CronJob, and takes it away before)."""
    said, other = "dyn(params).spec.jobTemplate.spec", "variables.of != params.metadata.name"
    return ObjectRule(
        name="people-start-checks-as-they-are",
        group="batch",
        resources=("jobs",),
        operations=("CREATE",),
        only=_BY_PEOPLE,
        beside=Beside(api_version="batch/v1", kind="CronJob", namespace=ns.MONITORING.name, labels=CHECK, judges=CHECK),
        variables={
            **_STARTED,
            "labels": "variables.job.template.?metadata.?labels.orValue({})",
            "annotations": "variables.job.template.?metadata.?annotations.orValue({})",
        },
        checks=(
            Check(
                holds=f"{other} || variables.owners[0].uid == params.metadata.uid"
                f" && variables.pod == {said}.template.spec"
                f" && variables.annotations == {said}.template.metadata.annotations"
                f" && {said}.template.metadata.labels.all(k, variables.labels[?k]"
                f" == {said}.template.metadata.labels[?k])"
                f" && variables.labels.all(k, k in {cel(_OF_ITS_PODS)} || k in {said}.template.metadata.labels)",
                found="'its pods would not be those of ' + variables.of",
                fix=_FIX,
            ),
            Check(
                holds=f"{other} || {said}.all(k, k == 'template' || variables.job[?k] == {said}[?k])"
                f" && variables.job.all(k, k in {said} || k in {cel(_OF_THE_API_SERVER)}"
                " || k in ['completions', 'parallelism'] && variables.job[k] == 1"
                " || k == 'completionMode' && variables.job[k] == 'NonIndexed'"
                " || k in ['manualSelector', 'suspend'] && !variables.job[k])",
                found="'it would be started otherwise than ' + variables.of",
                fix=_FIX,
            ),
        ),
    )
