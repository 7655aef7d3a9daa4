"""The Prometheus that judges new versions, its templates, and what dashboards read: that the guardrails take them."""

from math import prod
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR, PROMETHEUS, Pods, flows
from cluster.roles import ROLES
from mlops import analyses, prometheus
from mlops.dashboards.dashboards import Dashboards, DashboardsArgs
from mlops.monitoring import served, words
from mlops.monitoring.rules import alert_seconds, rules
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused
from tests.platform.relabelled import kept

WINDOW = 300


def _made() -> None:
    manifests.prometheus(WINDOW)
    analyses.Analyses("test-analyses", analyses.AnalysesArgs(stack=manifests.STACK, window=WINDOW, after=()))
    watched = DashboardsArgs(stack=manifests.STACK, models=["readmission"], checked=["readmission"], after=())
    Dashboards("test", watched)


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return manifests.objects(manifests.record(_made))


@pytest.fixture
def pod(made: list[dict[str, Any]]) -> dict[str, Any]:
    (template,) = (each["spec"]["template"] for each in made if each["kind"] == "Deployment")
    metadata = {**template["metadata"], "name": "prometheus", "namespace": ns.JUDGING.name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.engine
def test_the_api_server_and_the_guardrails_take_them(
    guarded: Api, made: list[dict[str, Any]], pod: dict[str, Any]
) -> None:
    answer = guarded.apply(*made, pod, dry_run=True)
    assert answer.done, answer.text
    assert "Warning" not in answer.text


@pytest.mark.engine
def test_nobody_else_is_in_its_namespace(guarded: Api, pod: dict[str, Any]) -> None:
    """Nor does anybody write what it reads: who did would judge."""
    beside = cases.changed(cases.compliant_pod(ns.JUDGING.name), {"/metadata/name": "beside"})
    assert refused(guarded.apply(beside, dry_run=True), "pods-of-the-stack-are-as-it-makes-them")
    other = cases.changed(pod, {"/spec/containers/0/args": ["--config.file=/tmp/mine.yaml"]})
    assert refused(guarded.apply(other, dry_run=True), "pods-of-the-stack-are-as-it-makes-them")
    govern(guarded)
    meta = {"name": "prometheus", "namespace": ns.JUDGING.name}
    told = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"prometheus.yaml": ""}}
    for role in ROLES:
        answer = Member.of(role, guarded).apply(f"/api/v1/namespaces/{ns.JUDGING.name}/configmaps", told)
        assert not answer.done, role.name
        assert "forbidden" in answer.text.lower(), (role.name, answer.text)


@pytest.mark.engine
def test_it_finds_models_and_reads_nothing_else(guarded: Api, made: list[dict[str, Any]]) -> None:
    answer = guarded.apply(*(each for each in made if each["apiVersion"].startswith("rbac")))
    assert answer.done, answer.text
    who = f"--as=system:serviceaccount:{ns.JUDGING.name}:{ns.JUDGING.service_account}"
    for may, question in (
        ("yes", ["list", "pods", "--namespace=serving"]),
        ("yes", ["watch", "pods", "--namespace=serving"]),
        ("yes", ["watch", "pods", "--namespace=models"]),
        ("yes", ["watch", "pods", "--namespace=monitoring"]),
        ("no", ["get", "configmaps", "--namespace=monitoring"]),
        ("no", ["list", "pods", "--namespace=training"]),
        ("no", ["list", "pods", "--namespace=judging"]),
        ("no", ["get", "secrets", "--namespace=serving"]),
        ("no", ["get", "configmaps", "--namespace=serving"]),
        ("no", ["get", "nodes", "--subresource=metrics"]),
        ("no", ["create", "pods", "--namespace=serving"]),
    ):
        assert guarded.run("auth", "can-i", *question, who).text.split()[0] == may, question


def test_it_listens_where_it_may_be_asked_and_is_called_by_the_address_that_templates_have(
    made: list[dict[str, Any]], pod: dict[str, Any]
) -> None:
    (service,) = (each for each in made if each["kind"] == "Service")
    meta, (port,) = service["metadata"], service["spec"]["ports"]
    assert f"http://{meta['name']}.{meta['namespace']}.svc.cluster.local:{port['port']}" == prometheus.ADDRESS
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (flow,) = (each for each in flows() if Pods(ns.ROLLOUTS.name) in each.source and each.name == "judging")
    assert Pods(ns.JUDGING.name, PROMETHEUS) in flow.target
    (own,) = pod["spec"]["containers"][0]["ports"]
    assert flow.ports == (own["containerPort"],) == (port["port"],)


def test_it_scrapes_the_port_that_its_policies_let_it_reach() -> None:
    (flow,) = (each for each in flows() if each.name == "scrapes-models")
    assert Pods(ns.JUDGING.name, PROMETHEUS) in flow.source
    every = {each["job_name"]: each for each in prometheus.configuration(WINDOW, manifests.ALERTING)["scrape_configs"]}
    assert sorted(every) == ["alertmanager", "checks", "models", "prometheus", "serving"]
    jobs = [every["models"], every["serving"]]
    assert all(Pods(each["job_name"], PREDICTOR) in flow.target for each in jobs)
    assert len(flow.target) == len(jobs)
    for job in jobs:
        (address,) = (each for each in job["relabel_configs"] if each.get("target_label") == "__address__")
        assert flow.ports == (int(address["replacement"].partition(":")[2]),)


JOBS = {
    "alerts": {
        each["job_name"]: each for each in prometheus.configuration(WINDOW, manifests.ALERTING)["scrape_configs"]
    },
    "dashboards": {each["job_name"]: each for each in prometheus.scrapes(words.SHOWN)},
}
MRN = "MRN 48817263 Smith 1957-03-02"
POD = {
    **{"job": "models", "instance": "10.0.0.7:15020", "namespace": "models", "pod": "readmission-5d8f-x"},
    **{"version_hash": "5d8f", "model": "readmission"},
}
SAID = [
    {"__name__": "parapet_serving_requests_total", "route": "infer", "status": "500"},
    {"__name__": "parapet_serving_request_seconds_bucket", "le": "0.25"},
    {"__name__": "parapet_serving_request_seconds_bucket", "le": "10.0"},
    {"__name__": "parapet_serving_request_seconds_bucket", "le": "+Inf"},
    {"__name__": "parapet_serving_prediction_bucket", "output": "risk", "le": "0.05"},
    {"__name__": "parapet_serving_prediction_bucket", "output": "risk", "le": "+Inf"},
    {"__name__": "parapet_serving_prediction_count", "output": "risk"},
    {"__name__": "parapet_serving_ready"},
    {"__name__": "parapet_serving_start_time_seconds"},
]


@pytest.mark.parametrize("label", [*served.LABELS, "mrn", "exported_model", "__tmp_le"])
@pytest.mark.parametrize("job", ["models", "serving"])
@pytest.mark.parametrize("scraped", JOBS)
def test_what_a_models_pod_says_in_words_of_its_own_is_not_kept(scraped: str, job: str, label: str) -> None:
    """It has seen what the model was asked; and by new words each time it would fill the memory."""
    for said in SAID:
        own = kept(JOBS[scraped][job], {**said, **POD})
        assert own is not None
        assert {name for name, value in own.items() if value} == {*said, *POD}, said
        assert own.items() >= POD.items()
        for word in (MRN, f"{MRN};", f"x\n{MRN}", "infer;200"):
            assert "MRN" not in str(found := kept(JOBS[scraped][job], {**said, **POD, label: word}))
            assert found is None or found.keys() == own.keys()


@pytest.mark.parametrize("job", ["models", "serving"])
def test_a_pod_has_so_many_series_and_no_more_however_long_it_says_others(job: str) -> None:
    """Where they are in memory for hours beside what alerts."""
    found = set[tuple[tuple[str, str], ...]]()
    for number in range(300):
        for name in served.JUDGED:
            labels = {"__name__": f"parapet_serving_{name}", **dict.fromkeys(served.LABELS, str(number)), **POD}
            told = [
                {each: labels[each] for each in ("__name__", *of, *POD)} for of in (served.JUDGED[name], served.LABELS)
            ]
            found |= {tuple(sorted(own.items())) for each in told if (own := kept(JOBS["alerts"][job], each))}
    places = [dict(each)["__name__"] for each in found]
    assert max(map(places.count, places)) == served.REMAINDERS, "of one name and place for each number"
    most = sum(prod(len(values.split("|")) for values in of.values()) if of else 1 for of in served.JUDGED.values())
    assert most < 1_300


@pytest.mark.parametrize("label", ["severity", "kind", "step", "why", "mrn"])
@pytest.mark.parametrize("scraped", ["alerts", "dashboards"])
def test_what_a_check_says_in_words_of_its_own_is_not_kept(scraped: str, label: str) -> None:
    """A pod of it that was taken over has seen records, and a label of an alert is on telephones."""
    jobs = prometheus.scrapes(words.OF_CHECKS if scraped == "alerts" else words.SHOWN)
    (job,) = (each for each in jobs if each["job_name"] == prometheus.CHECKS)
    where = {"job": "checks", "instance": "10.0.0.7:15020", "namespace": "monitoring", "pod": "check-readmission-1"}
    told = {**where, "version_hash": "5d8f", "model": "readmission", "kind": "quality", "severity": "page"}
    assert kept(job, {"__name__": words.DRIFTED, **told}) == {"__name__": words.DRIFTED, **told}
    one = {"__name__": words.PIPELINE_FAILED, **where, "step": "train"}
    assert kept(job, {**one, "exported_model": "another"}) == one
    said = kept(job, {**told, "__name__": words.DRIFTED, label: "MRN 48817263 Smith 1957-03-02"})
    assert "MRN" not in str(said)


@pytest.mark.parametrize("name", words.SHOWN)
def test_a_number_of_a_check_has_its_own_labels_and_neither_more_nor_fewer(name: str) -> None:
    """With another number's label a check has two where a rule compares one with one, and of no model is it judged."""
    (job,) = (each for each in prometheus.scrapes(words.SHOWN) if each["job_name"] == prometheus.CHECKS)
    own = words.WORDED.get(name, ())
    told = {"__name__": name, "pod": "check-readmission-1", **{label: words.VALUES[label][0] for label in own}}
    assert kept(job, told) == told
    for label, values in words.VALUES.items():
        if label in own:
            assert all(kept(job, {**told, label: each}) for each in values)
        assert kept(job, {**told, label: "" if label in own else values[0]}) is None


def test_it_asks_itself_what_it_could_not_evaluate_or_hand_on(pod: dict[str, Any]) -> None:
    job = JOBS["alerts"][prometheus.ITSELF]
    listens = next(each for each in pod["spec"]["containers"][0]["args"] if "listen-address" in each)
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{listens.rpartition(':')[2]}"]}]
    for name in ("rule_evaluation_failures_total", "notifications_dropped_total", "tsdb_head_series"):
        assert kept(job, {"__name__": f"prometheus_{name}"})
    assert kept(job, {"__name__": "prometheus_rule_evaluations_total"}) is None


@pytest.mark.parametrize("window", [10, 40, 300, 3600])
def test_it_asks_often_enough_for_what_an_analysis_looks_at(window: int) -> None:
    """A rate needs two samples, and a scrape may fail."""
    assert window / prometheus.scrape_seconds(window) >= 4
    assert (
        prometheus.configuration(window, manifests.ALERTING)["global"]["scrape_interval"]
        == f"{prometheus.scrape_seconds(window)}s"
    )


@pytest.mark.parametrize(("window", "checks", "alerts"), [(10, 1, 2), (40, 4, 8), (300, 10, 30), (3600, 10, 30)])
def test_checks_are_asked_and_alerts_looked_for_as_often_as_a_short_analysis_looks(
    window: int, checks: int, alerts: int
) -> None:
    every = {each["job_name"]: each for each in prometheus.configuration(window, manifests.ALERTING)["scrape_configs"]}
    assert every["checks"]["scrape_interval"] == every["checks"]["scrape_timeout"] == f"{checks}s"
    told = {each["name"]: each["interval"] for each in rules([], [], alert_seconds(window))["groups"]}
    assert told == {"models": "30s", "alerts": f"{alerts}s", "waiting": "30s"}


def test_another_configuration_is_another_pod(pod: dict[str, Any]) -> None:
    """It reads its configuration once."""
    other = prometheus.deployment(manifests.STACK, "another")["template"]["metadata"]["annotations"]
    assert pod["metadata"]["annotations"] != other
