"""Alertmanager in the cluster: the guardrails take it as it is made, and nobody else reaches it or is in its place."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from cluster import namespaces as ns
from cluster.guardrails.flows import ALERTMANAGER, PROMETHEUS, Pods, Range, flows
from cluster.guardrails.identity_rules import identity_rule
from cluster.mesh import callers, principal
from cluster.roles import ROLES
from mlops import prometheus
from mlops.monitoring import alertmanager, routes
from mlops.monitoring.owners import Owner
from mlops.monitoring.words import LABELS, Boundary
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return manifests.objects(manifests.record(manifests.alertmanager))


@pytest.fixture
def pod(made: list[dict[str, Any]]) -> dict[str, Any]:
    (template,) = (each["spec"]["template"] for each in made if each["kind"] == "Deployment")
    metadata = {**template["metadata"], "name": "alertmanager", "namespace": ns.JUDGING.name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.engine
def test_the_api_server_and_the_guardrails_take_it(
    guarded: Api, made: list[dict[str, Any]], pod: dict[str, Any]
) -> None:
    (account,) = (each for each in made if each["kind"] == "ServiceAccount")
    assert guarded.apply(account).done
    answer = guarded.apply(*made, pod, dry_run=True)
    assert answer.done, answer.text
    assert "Warning" not in answer.text


@pytest.mark.engine
def test_nobody_says_whom_it_tells(guarded: Api, made: list[dict[str, Any]], pod: dict[str, Any]) -> None:
    (account,) = (each for each in made if each["kind"] == "ServiceAccount")
    assert guarded.apply(account).done
    other = cases.changed(pod, {"/spec/containers/0/args": ["--config.file=/tmp/mine.yaml"]})
    assert refused(guarded.apply(other, dry_run=True), "pods-of-the-stack-are-as-it-makes-them")
    govern(guarded)
    meta = {"name": "alertmanager", "namespace": ns.JUDGING.name}
    told = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {alertmanager.FILE: ""}}
    for role in ROLES:
        answer = Member.of(role, guarded).apply(f"/api/v1/namespaces/{ns.JUDGING.name}/configmaps", told)
        assert not answer.done, role.name


def test_prometheus_alone_reaches_it_where_it_listens(made: list[dict[str, Any]], pod: dict[str, Any]) -> None:
    (service,) = (each for each in made if each["kind"] == "Service")
    meta, (port,) = service["metadata"], service["spec"]["ports"]
    assert f"{meta['name']}.{meta['namespace']}.svc.cluster.local:{port['port']}" == alertmanager.HOST
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    here = Pods(ns.JUDGING.name, ALERTMANAGER)
    (flow,) = (each for each in flows() if here in each.target)
    assert flow.source == (Pods(ns.JUDGING.name, PROMETHEUS),)
    assert flow.target == (here, Range.SERVICES)
    (own,) = pod["spec"]["containers"][0]["ports"]
    assert flow.ports == (own["containerPort"],) == (port["port"],)
    (caller,) = (each for each in callers() if each.labels == ALERTMANAGER)
    assert caller.principals == (principal(ns.JUDGING.name, ns.JUDGING.service_account),)
    assert caller.ports == (str(port["port"]),)


def test_prometheus_sends_it_what_its_rules_find_and_no_other_label() -> None:
    told = prometheus.configuration(300, manifests.ALERTING)
    assert told["rule_files"] == [prometheus.RULES]
    assert told["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": [alertmanager.HOST]}]}]
    (relabelled,) = told["alerting"]["alert_relabel_configs"]
    assert relabelled == {"regex": "|".join(LABELS), "action": "labelkeep"}
    (maps,) = (
        each for each in manifests.objects(manifests.record(manifests.prometheus)) if each["kind"] == "ConfigMap"
    )
    assert yaml.safe_load(maps["data"][prometheus.RULES]) == manifests.ALERTING.rules


def test_prometheus_asks_it_what_it_could_not_tell_where_it_sends_it_alerts() -> None:
    """By the flow and the caller that alerts take, and nothing else is kept of it."""
    told = prometheus.configuration(300, manifests.ALERTING)
    (job,) = (each for each in told["scrape_configs"] if each["job_name"] == prometheus.TELLS)
    assert job["static_configs"] == told["alerting"]["alertmanagers"][0]["static_configs"]
    (kept,) = job["metric_relabel_configs"]
    assert (kept["regex"], kept["action"]) == (prometheus.NOTIFICATIONS_FAILED, "keep")
    assert "relabel_configs" not in job


def test_it_knows_of_what_it_told_until_long_after_it_tells_it_again(pod: dict[str, Any]) -> None:
    """Else notes of each week came each fifth day. Also where an owner has as long a time as one may have."""
    found = {each.partition("=")[0]: each.partition("=")[2] for each in pod["spec"]["containers"][0]["args"]}
    retention = found["--data.retention"]
    longest = Owner(boundary=Boundary.DATA, team="x", page="x", ticket="x-t", again_after="999h").again_after
    assert retention.endswith("h")
    assert int(retention[:-1]) >= 2 * max(int(each[:-1]) for each in (longest, routes.NOTES_AGAIN))
    with pytest.raises(ValidationError):
        Owner(boundary=Boundary.DATA, team="x", page="x", ticket="x-t", again_after="1000h")


def test_its_pod_has_no_token_of_the_cluster_and_waits_for_its_role(
    made: list[dict[str, Any]], pod: dict[str, Any]
) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    (account,) = (each for each in made if each["kind"] == "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["name"] == pod["spec"]["serviceAccountName"] == ns.ALERTING.service_account
    assert [each for each in made if each["apiVersion"].startswith("rbac")] == []
    (asked,) = identity_rule().checks
    assert ns.ALERTING.service_account in asked.holds


def test_another_configuration_is_another_pod(pod: dict[str, Any]) -> None:
    """It reads its configuration once."""
    told = manifests.objects(manifests.record(manifests.alertmanager))
    (maps,) = (each for each in told if each["kind"] == "ConfigMap")
    assert alertmanager.FILE in maps["data"]
    assert pod["metadata"]["annotations"].keys() == {"parapet.dev/configuration"}
