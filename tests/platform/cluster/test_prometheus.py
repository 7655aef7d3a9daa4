"""The Prometheus that judges new versions, and its templates: what they are, and that the guardrails take them."""

from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR, PROMETHEUS, Pods, flows
from cluster.roles import ROLES
from mlops import analyses, prometheus
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused

WINDOW = 300


def _made() -> None:
    prometheus.Prometheus("test", prometheus.PrometheusArgs(stack=manifests.STACK, window=WINDOW, after=()))
    analyses.Analyses("test-analyses", analyses.AnalysesArgs(stack=manifests.STACK, window=WINDOW, after=()))


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
    jobs = prometheus.configuration(WINDOW)["scrape_configs"]
    assert sorted(each["job_name"] for each in jobs) == ["models", "serving"]
    assert all(Pods(each["job_name"], PREDICTOR) in flow.target for each in jobs)
    assert len(flow.target) == len(jobs)
    for job in jobs:
        (address,) = (each for each in job["relabel_configs"] if each.get("target_label") == "__address__")
        assert flow.ports == (int(address["replacement"].partition(":")[2]),)


@pytest.mark.parametrize("window", [10, 40, 300, 3600])
def test_it_asks_often_enough_for_what_an_analysis_looks_at(window: int) -> None:
    """A rate needs two samples, and a scrape may fail."""
    assert window / prometheus.scrape_seconds(window) >= 4
    assert prometheus.configuration(window)["global"]["scrape_interval"] == f"{prometheus.scrape_seconds(window)}s"


def test_another_configuration_is_another_pod(pod: dict[str, Any]) -> None:
    """It reads its configuration once."""
    other = prometheus.deployment(manifests.STACK, "another")["template"]["metadata"]["annotations"]
    assert pod["metadata"]["annotations"] != other
