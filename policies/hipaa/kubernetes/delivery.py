"""How a new version of a model comes into service, and who notices when it is no longer right.

A model in production is known by what the recommended labels of Kubernetes say of its pods (their component is one of
`COMPONENTS`, their name the model's), or by the server that its containers run. A check of its day has the component
`drift-check` and the same name. README.md, "Models in production", tells how to say so.
Of Argo Rollouts 1.9 ("Analysis", "Canary", "BlueGreen") and Flagger 1.42 ("Canary analysis").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from hipaa.aws.advice import RELEASES_MAY_BE_WATCHED
from hipaa.kubernetes.pods import each_container_of, each_pod
from hipaa.resource import Properties, Resource, UnknownValue
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, not_applicable, undecided, violation

ROLLOUT = "kubernetes:argoproj.io/v1alpha1:Rollout"
FLAGGER = "kubernetes:flagger.app/v1beta1:Canary"
_TEMPLATES = (
    "kubernetes:argoproj.io/v1alpha1:AnalysisTemplate",
    "kubernetes:argoproj.io/v1alpha1:ClusterAnalysisTemplate",
)
INFERENCE_SERVICE = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_CRON = "kubernetes:batch/v1:CronJob"
_CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
_RULES = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

COMPONENT, NAME = "app.kubernetes.io/component", "app.kubernetes.io/name"
COMPONENTS = ("predictor", "model", "model-server", "inference", "inference-server")
CHECK = "drift-check"
_SERVERS = re.compile(
    r"(?:^|[/\s])(?:mlserver|tritonserver|torchserve|torchserve-kfs|tensorflow/serving|kserve|bentoml|vllm|parapet-serving"
    r"|text-generation-inference|lightgbmserver|sklearnserver|xgbserver|seldon-core-s2i-\w+)(?:$|[@:\s/-])"
    r"|\bmlflow\s+models\s+serve\b"
)
"""What containers of models are called or started by."""
_NAMED_ONE = re.compile(r"(?:^|[-.])(?:model|predictor|classifier)(?:-v?[0-9]+)?$")
"""What a Rollout is named that says so by its last word."""
_NO_MODEL = not_applicable("it is no model in production")


def _labels_of(workload: Properties) -> Iterator[Properties]:
    for path in ("spec.template.metadata.labels", "metadata.labels"):
        labels = workload.at(path)
        if isinstance(labels, Properties):
            yield labels


def model_of(workload: Resource) -> str | None:
    """The name of the model whose pods a workload has, or None.

    Raises:
        UnknownValue: when what tells is not known before the update.
    """
    if workload.type == INFERENCE_SERVICE:
        return str(workload.at("metadata.name") or workload.name)
    for labels in _labels_of(workload):
        if labels.get(COMPONENT) in COMPONENTS:
            return str(labels.get(NAME) or workload.at("metadata.name") or workload.name)
    named = workload.type == ROLLOUT and bool(_NAMED_ONE.search(str(workload.at("metadata.name") or "")))
    if named or _runs_a_server(workload):
        return str(workload.at("metadata.name") or workload.name)
    return None


def _runs_a_server(workload: Resource) -> bool:
    found = False

    def looks(container: Properties, _pod: Properties) -> Verdict:
        nonlocal found
        said = [_word(container, "image"), *(" ".join(_words(container, part)) for part in ("command", "args"))]
        found = found or any(_SERVERS.search(text) for text in said)
        return Verdict()

    each_pod(workload, lambda pod: each_container_of(pod, looks))
    return found


def _word(container: Properties, name: str) -> str:
    try:
        return str(container.at(name, ""))
    except UnknownValue:
        return ""


def _words(container: Properties, part: str) -> list[str]:
    try:
        items = container.listed(part)
    except UnknownValue:
        return []
    words: list[str] = []
    for number in range(len(items)):
        try:
            words.append(str(items[number]))
        except UnknownValue:
            continue
    return words


def _template(component: str = "predictor", name: str = "sepsis") -> dict[str, Any]:
    return {"metadata": {"labels": {COMPONENT: component, NAME: name}}, "spec": {"containers": [{"name": "model"}]}}


def _rollout(strategy: Any, **spec: Any) -> Resource:
    properties = {"metadata": {"name": "sepsis"}, "spec": {"strategy": strategy, "template": _template()} | spec}
    return Resource(ROLLOUT, properties, name="sepsis")


_JUDGED = {"analysis": {"templates": [{"templateName": "error-rate"}]}}
_ANALYSIS = _JUDGED["analysis"]
_HALF, _ALL = {"setWeight": 50}, {"setWeight": 100}
_PAUSED = {"pause": {"duration": "5m"}}


def _canary(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"canary": {"steps": list(steps)} | more}


@rule(
    "model-release-is-analysed",
    on=(ROLLOUT, FLAGGER),
    severity=HIGH,
    advisory=RELEASES_MAY_BE_WATCHED,
    fix="Put an analysis between the first setWeight and the last, or strategy.blueGreen.prePromotionAnalysis.",
    sound=[
        _rollout(_canary({"setWeight": 10}, _JUDGED, _HALF, _JUDGED, _ALL)),
        _rollout(_canary({"setWeight": 10}, _PAUSED, _HALF, _PAUSED, analysis=_ANALYSIS | {"startingStep": 1})),
        _rollout(_canary({"experiment": {"analyses": [{"name": "a", "templateName": "drift"}]}}, _HALF)),
        _rollout({"blueGreen": {"activeService": "a", "prePromotionAnalysis": _ANALYSIS}}),
        _rollout({"blueGreen": {"activeService": "a", "postPromotionAnalysis": _ANALYSIS}}),
        _rollout(_canary(_HALF), template=_template("web")),
        Resource(ROLLOUT, {"metadata": {"name": "model-registry-page"}, "spec": {"strategy": _canary(_HALF)}}),
        Resource(FLAGGER, {"metadata": {"name": "sepsis"}, "spec": {"analysis": {"metrics": [{"name": "errors"}]}}}),
    ],
    unsound=[
        _rollout({}),
        _rollout(_canary()),
        _rollout(_canary({"setWeight": 10}, _PAUSED, _HALF, _PAUSED)),
        _rollout(_canary(_ALL, _JUDGED)),
        _rollout(_canary({"setWeight": 10}, {"analysis": {"templates": []}})),
        _rollout(_canary({"setWeight": 10}, {"analysis": _ANALYSIS | {"dryRun": [{"metricName": ".*"}]}})),
        _rollout({"blueGreen": {"activeService": "a", "previewService": "b"}}),
        _rollout(_canary(_HALF, _ALL)),
        Resource(
            ROLLOUT,
            {
                "metadata": {"name": "sepsis"},
                "spec": {
                    "strategy": _canary(_HALF),
                    "template": {"spec": {"containers": [{"name": "m", "image": "nvcr.io/nvidia/tritonserver:25.1"}]}},
                },
            },
        ),
        Resource(ROLLOUT, {"metadata": {"name": "sepsis-model"}, "spec": {"strategy": _canary(_HALF)}}),
        Resource(FLAGGER, {"metadata": {"name": "sepsis"}, "spec": {"analysis": {"stepWeight": 10}}}),
    ],
)
def model_release_is_analysed(release: Resource) -> Verdict:
    """A new version of a model is judged by numbers before all calls are its own, and let go where it fails.

    Without an analysis nothing takes back what answers wrongly: it is in service until somebody complains.
    """
    if release.type == FLAGGER:
        if release.at("spec.analysis.metrics") or release.at("spec.analysis.webhooks"):
            return Verdict()
        return violation(
            f"`{release.where('spec.analysis.metrics')}` is not set; it must say what a version is judged by"
        )
    if model_of(release) is None:
        return _NO_MODEL
    strategy = release.object("spec.strategy")
    if strategy.at("blueGreen") is not None:
        return _blue_green(strategy)
    if _judges(strategy.at("canary.analysis")):
        return Verdict()
    return _canary_is_judged(strategy)


def _blue_green(strategy: Properties) -> Verdict:
    if any(_judges(strategy.at(f"blueGreen.{when}PromotionAnalysis")) for when in ("pre", "post")):
        return Verdict()
    return violation(f"`{strategy.where('blueGreen.prePromotionAnalysis')}` is not set; it must name an analysis")


def _canary_is_judged(strategy: Properties) -> Verdict:
    steps = strategy.listed("canary.steps")
    where = strategy.where("canary.steps")
    for number in range(len(steps)):
        step = steps[number]
        if not isinstance(step, Properties):
            continue
        if _judges(step.at("analysis")) or step.at("experiment.analyses"):
            return Verdict()
        weight = step.at("setWeight")
        if isinstance(weight, int | float) and weight >= 100:
            return violation(f"`{where}.{number}` gives the new version all calls before any analysis has judged it")
    return violation(
        f"`{where}` has no analysis with templates; one must judge the new version before it has all calls"
    )


def _judges(analysis: Any) -> bool:
    """Whether an analysis has templates that count."""
    if not isinstance(analysis, Properties) or not analysis.at("templates"):
        return False
    dry = [str(each.at("metricName")) for each in analysis.objects("dryRun")]
    return not any(name in (".*", "*", ".+") for name in dry)


@rule(
    "model-release-ends-by-itself",
    on=ROLLOUT,
    severity=MEDIUM,
    advisory="a version that does not start takes no calls either; it is a person's to notice",
    fix="Set progressDeadlineAbort: true.",
    sound=[
        _rollout(_canary(_HALF, _JUDGED), progressDeadlineAbort=True),
        _rollout(_canary(_HALF), template=_template("web")),
    ],
    unsound=[
        _rollout(_canary(_HALF, _JUDGED)),
        _rollout(_canary(_HALF, _JUDGED), progressDeadlineAbort=False, progressDeadlineSeconds=600),
    ],
)
def model_release_ends_by_itself(release: Resource) -> Verdict:
    """A new version of a model that does not come up is taken back by itself.

    It waits half-way otherwise, beside the one that serves, until somebody looks.
    """
    if model_of(release) is None:
        return _NO_MODEL
    if release.at("spec.progressDeadlineAbort") is True:
        return Verdict()
    return violation(f"`{release.where('spec.progressDeadlineAbort')}` is not true; it must be")


def _asking(**metric: Any) -> dict[str, Any]:
    provider = {"prometheus": {"address": "http://prometheus:9090", "query": "sum(errors)"}}
    return {"spec": {"metrics": [{"name": "errors", "provider": provider} | metric]}}


@rule(
    "analysis-can-say-no",
    on=_TEMPLATES,
    severity=MEDIUM,
    advisory="one metric among several may be there to be looked at",
    fix="Set successCondition or failureCondition on each metric, and failureLimit to a number that is reached.",
    sound=[
        _asking(successCondition="result[0] <= 0.01"),
        _asking(failureCondition="result[0] > 0.01", failureLimit=3),
        {"spec": {"metrics": [{"name": "smoke", "provider": {"job": {"spec": {}}}}]}},
        Resource(_TEMPLATES[1], _asking(successCondition="len(result) == 1")),
        {"spec": _asking(successCondition="result[0] <= 0.01")["spec"] | {"dryRun": [{"metricName": "another"}]}},
    ],
    unsound=[
        _asking(),
        _asking(successCondition="result[0] <= 0.01", failureLimit=-1),
        _asking(successCondition="true"),
        {"spec": _asking(successCondition="result[0] <= 0.01")["spec"] | {"dryRun": [{"metricName": ".*"}]}},
        {"spec": _asking(successCondition="result[0] <= 0.01")["spec"] | {"dryRun": [{"metricName": "errors"}]}},
        Resource(_TEMPLATES[1], _asking()),
    ],
)
def analysis_can_say_no(template: Properties) -> Verdict:
    """An analysis has numbers that fail it.

    One that cannot say no lets every version through, and looks as if it were there. So does one of metrics that only
    run to be looked at ("Dry-Run Mode", Argo Rollouts' documentation).
    """
    tried = [str(each.at("metricName", "")) for each in template.objects("spec.dryRun")]

    def can_fail(metric: Properties) -> Verdict:
        if any(_is_meant(pattern, str(metric.at("name", ""))) for pattern in tried):
            return violation(f"`{template.where('spec')}.dryRun` has this metric, which then fails nothing")
        if metric.at("failureLimit") == -1:
            return violation(f"`{metric.where('failureLimit')}` is -1, which no number of failures reaches")
        said = str(metric.at("successCondition") or metric.at("failureCondition") or "").strip()
        by_itself = any(name in metric.object("provider") for name in ("job", "kayenta"))
        if by_itself or said not in ("", "true"):
            return Verdict()
        is_ = "'true'" if said else "not set"
        return violation(f"`{metric.where('successCondition')}` is {is_}; a condition must tell when the metric fails")

    return template.each("spec.metrics", can_fail)


def _is_meant(pattern: str, name: str) -> bool:
    """Whether a pattern of Argo's has a name, as far as it is of names, `.*` and `|`: others may take hours."""
    for each in pattern[:200].split("|"):
        parts = each.strip("^$()").split(".*")
        if re.fullmatch(".*".join(map(re.escape, parts)), name[:200]):
            return True
    return False


def _serving(name: str = "sepsis", component: str = "predictor") -> Resource:
    spec = {"selector": {"matchLabels": {"app": name}}, "template": _template(component, name)}
    return Resource(_DEPLOYMENT, {"metadata": {"name": name}, "spec": spec}, name=name)


def _check(name: Any = "sepsis", component: str = CHECK) -> Resource:
    template = {"metadata": {"labels": {NAME: name, COMPONENT: component}}, "spec": {"containers": [{"name": "check"}]}}
    job = {"spec": {"template": template}}
    return Resource(_CRON, {"spec": {"schedule": "0 3 * * *", "jobTemplate": job}}, name="check")


_MODELS = (
    ROLLOUT,
    _DEPLOYMENT,
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:serving.kserve.io/v1beta1:InferenceService",
)


@stack_rule(
    "model-is-watched-for-drift",
    on=_MODELS,
    severity=MEDIUM,
    advisory="whether a model is right is asked of whoever answers for it; who watches it may not be in the program",
    fix=f"Add a CronJob labelled {COMPONENT}: {CHECK}, with the same {NAME} as the model.",
    sound=[
        [_rollout({}), _check()],
        [_serving(), _check("other"), _check()],
        [_serving(component="web")],
    ],
    unsound=[
        [_rollout({})],
        [_serving(), _check("other")],
        [_serving(), _check(component="retraining")],
        [Resource(INFERENCE_SERVICE, {"metadata": {"name": "sepsis"}, "spec": {"predictor": {}}})],
    ],
)
def model_is_watched_for_drift(model: Resource, stack: Stack) -> Verdict:
    """What a model in production is asked is held against what it learnt from, day by day.

    It answers as surely when patients, devices or codes have changed as it did before.
    """
    name = model_of(model)
    if name is None:
        return _NO_MODEL
    checked, unknown = stack.once(_checks)
    if name in checked:
        return Verdict()
    if unknown:
        return undecided(unknown)
    return violation(f"no CronJob of the program checks the model {name} for drift")


def _checks(stack: Stack) -> tuple[set[str], str]:
    found: set[str] = set()
    unknown = ""
    for cron in stack.of(_CRON):
        for path in (
            "metadata.labels",
            "spec.jobTemplate.metadata.labels",
            "spec.jobTemplate.spec.template.metadata.labels",
        ):
            try:
                labels = cron.at(path)
                if isinstance(labels, Properties) and labels.get(COMPONENT) == CHECK:
                    found.add(str(labels.get(NAME)))
            except UnknownValue as error:
                unknown = f"{error.path} of {cron.name}"
    return found, unknown


def _told(**files: Any) -> Resource:
    return Resource(_CONFIG_MAP, {"data": {name.replace("_", "."): text for name, text in files.items()}}, name="told")


_ALERTS = "groups:\n- name: models\n  rules:\n  - alert: ModelErrs\n    expr: errors{model=~'sepsis'} > 1\n"
_EVERY = "groups:\n- name: models\n  rules:\n  - alert: ModelErrs\n    expr: sum by (model) (errors) > 1\n"


@stack_rule(
    "model-has-an-alarm",
    on=_MODELS,
    severity=MEDIUM,
    advisory="alarms may be kept where the program does not see them",
    fix="Add an alert that names the model or counts by `model`, or a CloudWatch alarm with actions.",
    sound=[
        [_serving(), _told(rules_yaml=_ALERTS)],
        [_serving(), _told(rules_yaml=_EVERY)],
        [_serving(), Resource(_RULES, {"spec": yaml.safe_load(_ALERTS)}, name="rules")],
        [
            _serving(),
            Resource(_ALARM, {"name": "sepsis-errors", "alarmActions": ["arn:aws:sns:us-east-1:1:t"]}, name="a"),
        ],
        [_serving(component="web")],
    ],
    unsound=[
        [_serving()],
        [_serving(), _told(rules_yaml=_ALERTS.replace("sepsis", "triage"))],
        [_serving(), _told(rules_yaml=_ALERTS.replace("alert:", "record:"))],
        [_serving(), Resource(_ALARM, {"name": "sepsis-errors"}, name="a")],
    ],
)
def model_has_an_alarm(model: Resource, stack: Stack) -> Verdict:
    """Somebody is told when a model in production fails.

    What nobody is told of is found by those who were treated by it.
    """
    name = model_of(model)
    if name is None:
        return _NO_MODEL
    said, of_every, unknown = stack.once(_alarms)
    if of_every or any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w])", text) for text in said):
        return Verdict()
    if unknown:
        return undecided(unknown)
    return violation(f"no alert or alarm of the program names the model {name}, or counts by `model`")


def _alarms(stack: Stack) -> tuple[list[str], bool, str]:
    """What alerts say, whether one speaks of every model, and what is not known."""
    said: list[str] = []
    unknown = ""
    for alarm in stack.of(_ALARM):
        try:
            if "alarmActions" in alarm:
                said.append(f"{alarm.at('name')} {alarm.name}")
        except UnknownValue as error:
            unknown = f"{error.path} of {alarm.name}"
    for holder in stack.of(_CONFIG_MAP, _RULES):
        try:
            said += _alerts(holder)
        except UnknownValue as error:
            unknown = f"{error.path} of {holder.name}"
    return said, any(re.search(r"\bby\s*\([^)]*\bmodel\b", text) for text in said), unknown


def _alerts(holder: Resource) -> Iterator[str]:
    files: list[Any] = []
    if holder.type == _RULES:
        files.append({"groups": [_plain(group) for group in holder.objects("spec.groups")]})
    else:
        data = holder.at("data")
        for name in data if isinstance(data, Properties) else ():
            text = str(data[name])
            if "alert:" in text:
                files.append(_read(text))
    for file in files:
        for group in _listed(file, "groups"):
            for each in _listed(group, "rules"):
                if isinstance(each, dict) and each.get("alert"):
                    yield f"{each.get('alert')} {each.get('expr')} {each.get('labels')}"


@lru_cache(maxsize=32)
def _read(text: str) -> Any:
    """What a file of rules says, and it is only looked at; nothing where it is no YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _listed(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _plain(value: Any) -> Any:
    if isinstance(value, Properties):
        return {name: _plain(value[name]) for name in value}
    if hasattr(value, "__len__") and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
