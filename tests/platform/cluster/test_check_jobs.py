"""The daily check of a model, as the stack makes it: that a live API server takes it, and whose account it has."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import yaml

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX
from cluster.guardrails.flows import CHECK, Pods, Range, flows
from cluster.roles import PLATFORM_OPERATOR, ROLES, Role
from mlops.monitoring.check_pod import CheckPodArgs
from mlops.monitoring.checks import Checks, ChecksArgs
from mlops.prometheus import configuration
from mlops.serving.model import Model
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, found, govern, refused
from tests.platform.cluster.test_callers import path
from tests.platform.cluster.test_model_service import KEY, MODEL
from tests.platform.project import PROJECT

WHERE = ns.MONITORING.name
LONGEST = "y" * 40
RULE = "checks-run-as-the-stack-wrote-them"
CALLED = "checks-are-called-what-they-run-as"


def objects(name: str = "readmission") -> dict[str, dict[str, Any]]:
    """What is made of a check, by kind."""
    pod = CheckPodArgs(
        stack=manifests.STACK,
        artifacts="parapet-test-artifacts",
        artifacts_key_arn="arn:aws:kms:us-east-1:111122223333:key/artifacts",
        phi="parapet-test-phi",
        signing_key=KEY,
    )
    args = ChecksArgs(models=[Model.model_validate(MODEL | {"name": name})], pod=pod, after=())
    return {each["kind"]: each for each in manifests.objects(manifests.record(lambda: Checks("test-checks", args)))}


def job(name: str = "readmission") -> dict[str, Any]:
    """As the controller of CronJobs makes one, or `kubectl create job --from` does."""
    cron = objects(name)["CronJob"]
    meta = {"name": f"{cron['metadata']['name']}-29411640", "namespace": WHERE}
    template = cron["spec"]["jobTemplate"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta | template["metadata"], "spec": template["spec"]}


def pod(name: str = "readmission") -> dict[str, Any]:
    """As the controller of Jobs makes one."""
    made = job(name)
    template = made["spec"]["template"]
    meta = {**template["metadata"], "name": f"{made['metadata']['name']}-abcde", "namespace": WHERE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


@pytest.mark.engine
@pytest.mark.parametrize("name", ["readmission", LONGEST], ids=["a name", "the longest"])
def test_the_api_server_and_the_guardrails_take_it(meshed: Api, name: str) -> None:
    made = objects(name)
    with there(meshed, name):
        answer = meshed.apply(made["CronJob"], job(name), pod(name), dry_run=True)
        assert answer.done, answer.text
        assert "Warning" not in answer.text
        controller = Member.allowed(f"{PREFIX}{ns.KUBE_SYSTEM}:job-controller", meshed)
        assert (answer := controller.create(path("Pod", WHERE), pod(name))).done, answer.text


@contextmanager
def there(api: Api, *names: str) -> Iterator[None]:
    """With the checks of these models, whose Jobs the API server takes by now."""
    made = [each for name in names for each in objects(name).values()]
    answer = api.apply(*made)
    assert answer.done, answer.text
    try:
        for name in names:
            wait_for(partial(_taken, api, job(name)))
        yield
    finally:
        for each in reversed(made):
            api.run("delete", each["kind"], each["metadata"]["name"], f"--namespace={WHERE}", "--wait=false")


def _taken(api: Api, manifest: dict[str, Any]) -> bool:
    return api.apply(manifest, dry_run=True).done


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["Pod", *(each for each in cases.KINDS if each != "Rollout")])
def test_nobody_is_called_a_check_who_runs_as_another(meshed: Api, kind: str) -> None:
    """Prometheus would hear it as that, whoever wrote it."""
    made = cases.compliant_pod(WHERE)
    made["metadata"]["labels"] |= {**CHECK, "app.kubernetes.io/name": "readmission"}
    # Of an account that is not there no pod is made, whatever it is called.
    for account in (ns.MONITORING.service_account, *(() if kind == "Pod" else ("check-sepsis",))):
        made["spec"]["serviceAccountName"] = account
        answer = meshed.apply(cases.controller(kind, made), dry_run=True)
        # No Job may be started as a check that is no check's: that is refused too, and one of the two is told.
        others = ("people-start-checks-as-they-are",) if kind == "Job" else ()
        assert refused(answer, CALLED, or_by=others)
        assert others or "would be called the check of readmission" in answer.text
    del made["metadata"]["labels"][next(iter(CHECK))]
    made["spec"]["serviceAccountName"] = ns.MONITORING.service_account
    answer = meshed.apply(cases.controller(kind, made), dry_run=True)
    assert answer.done, answer.text


@pytest.mark.engine
def test_no_pod_that_runs_is_called_a_check_afterwards(meshed: Api) -> None:
    made = cases.compliant_pod(WHERE)
    made["metadata"]["name"] = "renamed"
    assert (answer := meshed.apply(made)).done, answer.text
    try:
        labels = {"metadata": {"labels": {**CHECK, "app.kubernetes.io/name": "readmission"}}}
        for part in ("", "/status"):
            answer = Member.allowed("kubernetes-admin", meshed).patch(f"{path('Pod', WHERE)}/renamed{part}", labels)
            assert refused(answer, CALLED, "the check of readmission"), part
    finally:
        meshed.run("delete", "pod", "renamed", f"--namespace={WHERE}", "--wait=false")


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["Pod", *(each for each in cases.KINDS if each != "Rollout")])
@pytest.mark.parametrize("who", [f"{PREFIX}later:chart", f"{PREFIX}{WHERE}:{ns.MONITORING.service_account}"])
def test_nobody_but_the_stack_runs_as_a_check_whatever_rbac_says(meshed: Api, kind: str, who: str) -> None:
    if kind == "Pod":  # without its account none is made
        assert (answer := meshed.apply(objects()["ServiceAccount"])).done, answer.text
    made = cases.compliant_pod(WHERE)
    made["spec"]["serviceAccountName"] = "check-readmission"
    answer = Member.allowed(who, meshed).create(path(kind, WHERE), cases.controller(kind, made))
    assert refused(answer, RULE, "would run as check-readmission"), answer.text
    made["spec"]["serviceAccountName"] = ns.MONITORING.service_account
    answer = Member.allowed(who, meshed).create(path(kind, WHERE), cases.controller(kind, made))
    assert answer.done, answer.text


@pytest.mark.engine
@pytest.mark.parametrize("namespace", ["serving", "pipelines", "models"])
def test_a_checks_account_is_for_checks_alone(meshed: Api, namespace: str) -> None:
    made = cases.compliant_pod(namespace)
    made["spec"]["serviceAccountName"] = "check-readmission"
    answer = meshed.apply(cases.controller("Deployment", made), dry_run=True)
    assert refused(answer, "one-identity-a-namespace", f"service account check-readmission is not for {namespace}")


@pytest.mark.engine
def test_where_no_model_is_checked_nobody_else_is_held_up_and_an_operator_starts_nothing(guarded: Api) -> None:
    """A rule beside objects of which there is none refuses all that it judges, or none: so it judges checks alone."""
    govern(guarded)
    assert not guarded.items("cronjobs", f"--namespace={WHERE}", f"--selector={_selector()}")
    mine = cases.controller("Job", cases.compliant_pod(WHERE))
    answer = Member.of(PLATFORM_OPERATOR, guarded).create(path("Job", WHERE), mine)
    assert refused(answer, "people-start-checks-alone", "of no check"), answer.text
    assert (answer := guarded.apply(mine, dry_run=True)).done, answer.text
    for who in (f"{PREFIX}{ns.KUBE_SYSTEM}:cronjob-controller", f"{PREFIX}{WHERE}:{ns.MONITORING.service_account}"):
        answer = Member.allowed(who, guarded).create(path("Job", WHERE), mine)
        assert answer.done, answer.text
    uid = "0b6e2f5c-0000-4000-8000-000000000000"
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "check-readmission", "uid": uid, "controller": True}
    made = job()
    made["metadata"] |= {"name": "again", "ownerReferences": [owner]}
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["sh", "-c", "cat"]
    answer = Member.of(PLATFORM_OPERATOR, guarded).create(path("Job", WHERE), made)
    assert refused(answer, "people-start-checks-as-they-are", "no params found"), answer.text
    made["metadata"]["labels"] = {"app.kubernetes.io/name": "readmission"}  # without any it would have its pods'
    answer = Member.of(PLATFORM_OPERATOR, guarded).create(path("Job", WHERE), made)
    assert refused(answer, "people-start-checks-alone", "would not be called a check"), answer.text


def _selector() -> str:
    ((key, value),) = CHECK.items()
    return f"{key}={value}"


@pytest.fixture(scope="module")
def checked(meshed: Api) -> Iterator[Api]:
    """With the checks of two models, and people with their roles."""
    with there(govern(meshed), "readmission", "sepsis"):
        yield meshed


@pytest.mark.engine
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_person_changes_or_ends_one_and_operators_alone_start_it_once_more(checked: Api, role: Role) -> None:
    at = f"/apis/batch/v1/namespaces/{WHERE}/cronjobs/check-readmission"
    member = Member.of(role, checked)
    assert not member.patch(at, {"spec": {"suspend": True}}).done
    assert not member.delete(at).done
    who = ("--as=someone", f"--as-group={role.group}", "--dry-run=server")
    answer = checked.run("create", "job", "again", "--from=cronjob/check-readmission", f"--namespace={WHERE}", *who)
    assert answer.done is (role is PLATFORM_OPERATOR), answer.text


def started(api: Api, name: str = "readmission") -> dict[str, Any]:
    """As `kubectl create job --from` makes it of what is there."""
    cron = found(api, "cronjob", f"check-{name}", WHERE)
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": f"check-{name}", "uid": cron["metadata"]["uid"]}
    meta = {"name": "again", "namespace": WHERE, "ownerReferences": [{**owner, "controller": True}]}
    template = cron["spec"]["jobTemplate"]
    meta["labels"] = template["metadata"]["labels"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": template["spec"]}


TEMPLATE = "/spec/template"
CONTAINER = f"{TEMPLATE}/spec/containers/0"
OTHERWISE: dict[str, dict[str, Any]] = {
    "another program": {f"{CONTAINER}/command": ["sh", "-c", "cat"]},
    "another's account": {f"{TEMPLATE}/spec/serviceAccountName": "check-sepsis"},
    "the hospital's account": {f"{TEMPLATE}/spec/serviceAccountName": ns.MONITORING.service_account},
    "another configuration": {f"{TEMPLATE}/metadata/annotations/parapet.dev~1configuration": "{}"},
    "another's key": {f"{TEMPLATE}/metadata/annotations/parapet.dev~1signing-key": "mine"},
    "one more annotation": {f"{TEMPLATE}/metadata/annotations/example.com~1mine": "x"},
    "another model's name": {f"{TEMPLATE}/metadata/labels/app.kubernetes.io~1name": "sepsis"},
    "one more label": {f"{TEMPLATE}/metadata/labels/example.com~1mine": "x"},
    "one more variable": {f"{CONTAINER}/env/-": {"name": "PYTHONPATH", "value": "/tmp"}},
    "one more volume": {f"{TEMPLATE}/spec/volumes/-": {"name": "x", "emptyDir": {}}},
    "many at once": {"/spec/parallelism": 50, "/spec/completions": 50},
    "no end": {"/spec/activeDeadlineSeconds": 10**6},
    "many tries": {"/spec/backoffLimit": 10**6},
    "another controller": {"/spec/managedBy": "example.com/mine"},
    "in places": {"/spec/completionMode": "Indexed"},
    "not yet": {"/spec/suspend": True},
    "not called a check": {"/metadata/labels": {"app.kubernetes.io/name": "readmission"}},
    "nothing's": {"/metadata/ownerReferences": []},
    "another kind's": {"/metadata/ownerReferences/0/kind": "Job"},
    "another check's by its word": {"/metadata/ownerReferences/0/name": "check-sepsis"},
    "another's of the name": {"/metadata/ownerReferences/0/uid": "0b6e2f5c-0000-4000-8000-000000000000"},
}


@pytest.mark.engine
@pytest.mark.parametrize("what", OTHERWISE)
def test_an_operator_starts_a_check_as_it_is_and_not_otherwise(checked: Api, what: str) -> None:
    """Whoever could would read all that a model was asked."""
    member, at = Member.of(PLATFORM_OPERATOR, checked), path("Job", WHERE)
    assert (answer := member.create(at, started(checked))).done, answer.text
    answer = member.create(at, cases.changed(started(checked), OTHERWISE[what]))
    others = ("people-start-checks-alone", "owners-are-the-controllers", "images-from-the-registry", CALLED)
    assert refused(answer, "people-start-checks-as-they-are", or_by=others), answer.text


def test_prometheus_finds_what_it_answers_with_and_whose_it_is() -> None:
    labels, annotations = pod()["metadata"]["labels"], pod()["metadata"]["annotations"]
    (own,) = pod()["spec"]["containers"][0]["ports"]
    assert CHECK.items() <= labels.items()
    assert labels["app.kubernetes.io/name"] == "readmission"
    assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/path"]) == ("true", "/metrics")
    assert annotations["prometheus.io/port"] == str(own["containerPort"])
    assert json.loads(annotations["parapet.dev/configuration"])["metrics"]["port"] == own["containerPort"]
    (asked,) = (
        each for each in configuration(300, manifests.ALERTING)["scrape_configs"] if each["job_name"] == "checks"
    )
    (port,) = (each["regex"] for each in asked["relabel_configs"] if "port_name" in each["source_labels"][0])
    assert port == own["name"]
    metrics = json.loads(annotations["parapet.dev/configuration"])["metrics"]
    assert metrics["seconds"] >= metrics["times"] * int(asked["scrape_interval"].removesuffix("s"))
    assert metrics["seconds"] < metrics["mostSeconds"] < job()["spec"]["activeDeadlineSeconds"] / 2


def test_it_reaches_its_places_and_the_platform_reaches_it() -> None:
    reached = [target for flow in flows() if Pods(WHERE) in flow.source for target in flow.target]
    assert all(each in reached for each in (Range.GATEWAY_ENDPOINTS, Range.POD_IDENTITY, Range.VPC))
    (scraped,) = (flow for flow in flows() if flow.name == "scrapes-checks")
    assert Pods(WHERE, CHECK) in scraped.target


def test_its_image_has_the_program() -> None:
    entry = yaml.safe_load((PROJECT / "platform/cluster/images.yaml").read_text())["pipeline"]
    _, option, module = pod()["spec"]["containers"][0]["command"]
    assert option == "-m"
    assert any(module.replace(".", "/").startswith(f"{each}/") for each in entry["beside"])
    for name in ("data", "gates", "registry"):
        assert f"delivery/{name}" in entry["beside"]
