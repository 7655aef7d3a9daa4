"""Kubeflow Pipelines as the stack installs it: what its programs are, that a live API server takes them and the pods of
steps as their controller makes them, and what people may ask for."""

import fnmatch
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX, RUNS, SUBMITTER, WORKFLOW_CONTROLLER
from cluster.guardrails.flows import PIPELINES, Pods
from cluster.guardrails.step_results import POD as POD_NAME
from cluster.guardrails.step_results import STEP as STEP_ACCOUNT
from cluster.guardrails.step_results import WORKFLOW
from cluster.roles import AUDITOR, DATA_SCIENTIST, ML_ENGINEER, PLATFORM_OPERATOR, ROLES
from mlops.pipelines import configuration, rights
from mlops.pipelines.pipelines import CALLERS
from mlops.secret_delivery import FOLDER
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests, steps
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Grouped, Member, govern, refused
from tests.platform.mocked import Made, run_program
from tests.platform.variants import MANY

CONTROLLER = PREFIX + WORKFLOW_CONTROLLER.replace("/", ":")
POD = f"/api/v1/namespaces/{ns.PIPELINES.name}/pods"
STEP = f"{manifests.REGISTRY}/pipeline:1@sha256:{'5' * 64}"


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return manifests.objects(manifests.record(manifests.pipelines))


def one(made: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in made if each["kind"] == kind and each["metadata"]["name"] == name)
    return found


@pytest.fixture(scope="module")
def told(made: list[dict[str, Any]]) -> dict[str, str]:
    """The controller's ConfigMap."""
    data: dict[str, str] = one(made, "ConfigMap", rights.CONFIGURATION)["data"]
    return data


@pytest.fixture(scope="module")
def api(made: list[dict[str, Any]]) -> dict[str, Any]:
    """config.json."""
    said: dict[str, Any] = json.loads(one(made, "ConfigMap", rights.API)["data"]["config.json"])
    return said


def a_step(made: list[dict[str, Any]], which: str = "executor", account: str = "pipeline") -> steps.Pod:
    told = one(made, "ConfigMap", rights.CONFIGURATION)["data"]
    api = json.loads(one(made, "ConfigMap", rights.API)["data"]["config.json"])
    launcher = manifests.STACK.image(images.KFP_LAUNCHER)
    template = (
        steps.driver(manifests.STACK.image(images.KFP_DRIVER))
        if which == "driver"
        else steps.executor(STEP, launcher, api)
    )
    argoexec = manifests.STACK.image(images.ARGOEXEC)
    return steps.pod(template, told, argoexec, namespace=ns.PIPELINES.name, account=account)


def create(api: Api, pod: steps.Pod, who: str = CONTROLLER) -> Answer:
    return Member.allowed(who, api).create(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods", pod)


def test_a_stack_that_does_not_ask_for_it_has_none_of_it() -> None:
    stack = run_program()
    assert not [each for each in stack.made if "pipelines" in each.name and each.type.startswith("aws:")]
    assert not [each.type for each in stack.made if each.type == "parapet:mlops:Pipelines"]
    named = json.dumps(manifests.objects(stack.made))
    assert not [each for each in images.PIPELINES if f"/{each}@" in named]
    repositories = {each.inputs["name"] for each in stack.of("ecr/repository:Repository")}
    assert not {f"parapet-test/{each.partition(':')[0]}" for each in images.PIPELINES} & repositories
    inside = [each["kind"] for each in manifests.objects(stack.made) if each["metadata"].get("namespace") == "kubeflow"]
    assert not {"Deployment", "Secret", "ConfigMap", "Service"} & set(inside)


def test_each_image_is_the_stacks_by_digest(made: list[dict[str, Any]]) -> None:
    wanted = {*images.PIPELINES, images.MLFLOW} - {images.PIPELINE}  # that is named by who compiles a pipeline
    text = json.dumps(made)
    assert [each for each in wanted if manifests.STACK.image(each) not in text] == []
    assert "ghcr.io" not in text
    assert "gcr.io" not in text


def test_no_key_is_anywhere(made: list[dict[str, Any]], api: dict[str, Any]) -> None:
    """Neither as a value nor as the name of a Secret: each has the role of its own pod."""
    assert (api["ObjectStoreConfig"]["AccessKey"], api["ObjectStoreConfig"]["SecretAccessKey"]) == ("", "")
    launcher = one(made, "ConfigMap", rights.LAUNCHER)["data"]
    (s3,) = yaml.safe_load(launcher["providers"]).values()
    assert s3["default"]["credentials"] == {"fromEnv": True}
    assert s3["default"]["disableSSL"] is False
    assert launcher["defaultPipelineRoot"] == "s3://parapet-test-phi/curated/runs"
    assert not [each for each in made if each["kind"] == "Secret"]
    assert "secretKeyRef" not in json.dumps(made)
    assert "minio" not in json.dumps(made)


MUST_BE_TOLD = (
    # client_manager/client_manager.go: `Init`, `InitDBClient`, `initDBDriver`
    "InitConnectionTimeout",
    "DBConfig.ConMaxLifeTime",
    "DBDriverName",
    "DBConfig.MySQLConfig.DBName",
    # main.go: `startRPCServer`, by the names of client_manager.go
    "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST",
    "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_PORT",
)
"""What ends the API at its start where nobody tells it: all that kubeflow/pipelines 2.17.0, backend/src/apiserver asks
for there by `GetStringConfig` and `GetDurationConfig` (common/config.go). In the release some are links of Services,
which this pod has none of."""


@pytest.mark.parametrize("name", MUST_BE_TOLD)
def test_the_api_is_told_all_that_it_ends_without(api: dict[str, Any], name: str) -> None:
    said: Any = api
    for part in name.split("."):
        said = said[part]
    assert isinstance(said, str)
    assert said


def test_the_database_is_asked_by_verified_tls(made: list[dict[str, Any]], api: dict[str, Any]) -> None:
    mysql = api["DBConfig"]["MySQLConfig"]
    assert mysql["ExtraParams"] == {"tls": "true"}
    assert not {"User", "Password"} & set(mysql)
    container = one(made, "Deployment", rights.API)["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "SSL_CERT_DIR", "value": configuration.AUTHORITIES} in container["env"]
    assert 'ssl_options { ca: "/authorities/rds-ca.pem" verify_server_cert: true }' in configuration.SERVE_METADATA


def test_who_somebody_is_says_a_token_and_no_header(api: dict[str, Any]) -> None:
    assert api["MULTIUSER"] == "true"
    assert api["KUBEFLOW_USERID_HEADER"] == ""
    assert api["TOKEN_REVIEW_AUDIENCE"] == RUNS


def test_whoever_is_let_through_is_let_in_by_the_mesh_and_no_other() -> None:
    for caller in CALLERS:
        named = {name.split("/")[2] for name in caller.principals}
        (flow,) = (
            each
            for each in PIPELINES
            if Pods(caller.namespace, dict(caller.labels)) in each.target and {*map(str, each.ports)} == {*caller.ports}
        )
        assert {end.namespace for end in flow.source if isinstance(end, Pods)} == named
    assert [each.name for each in PIPELINES if Pods(ns.PIPELINES.name) in each.source] == ["lineage"]


ASKED = {
    "/apis/v2beta1/runs": True,
    "/apis/v2beta1/runs/1234:terminate": True,
    "/apis/v2beta1/experiments": True,
    "/apis/v2beta1/healthz": True,
    # Of tasks nobody is asked who he is (backend/src/apiserver/server/task_server.go); how a run ended the agent says.
    "/apis/v1alpha1/tasks": False,
    "/apis/v1alpha1/runs/1/nodes/2/log": False,
    "/apis/v2beta1/tasks": False,
    # All engineers are one account: a pipeline that one uploads another would run.
    "/apis/v2beta1/pipelines/upload": False,
    "/apis/v2beta1/pipelines/12/versions/34": False,
    "/apis/v2beta1/workflows": False,
    "/apis/v2beta1/recurringruns": False,
    "/apis/v2beta1/runs-of-others": False,
    "/apis/v1beta1/runs": False,
    "/metrics": False,
    "/": False,
}
"""What the gateway leads on, by its path."""


def test_people_come_to_the_api_by_the_gateway_and_to_what_asks_who_they_are(made: list[dict[str, Any]]) -> None:
    spec = one(made, "VirtualService", "pipelines")["spec"]
    assert spec["hosts"] == [f"pipelines.{manifests.DOMAIN}"]
    (route,) = spec["http"]
    (match,) = route["match"]
    assert {path: bool(re.fullmatch(match["uri"]["regex"], path)) for path in ASKED} == ASKED
    assert match["headers"] == {"authorization": {"prefix": "Bearer "}}
    # And at the pod, whatever another route of the gateway's would say.
    (rule,) = one(made, "AuthorizationPolicy", "submitters")["spec"]["rules"]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/ingress/sa/istio-ingress"]}}]
    (to,) = rule["to"]
    assert to["operation"]["ports"] == ["8888"]
    allowed = to["operation"]["paths"]
    assert {path: any(fnmatch.fnmatchcase(path, each) for each in allowed) for path in ASKED} == ASKED


def test_nobody_comes_to_a_port_of_its_pods_past_the_mesh() -> None:
    """Admission sees no port: who may come to the API's may come to lineage, which knows no users, and to the proxy."""
    doors = [(right.topic, door) for right in rights.RIGHTS for rule in right.rules for door in rule["resources"]]
    assert not [each for each in doors if each[1].rpartition("/")[2] in ("exec", "attach", "portforward", "proxy")]
    assert ns.KUBEFLOW.name not in {
        namespace
        for role in ROLES
        for grant in role.grants
        for namespace in grant.namespaces
        if any("portforward" in each for rule in grant.rules for each in rule["resources"])
    }


def test_nobody_but_the_controller_writes_pods_and_nobody_reads_a_secret() -> None:
    for right in rights.RIGHTS:
        for rule in right.rules:
            writes = set(rule["verbs"]) - {"get", "list", "watch"}
            assert "secrets" not in rule["resources"]
            assert "*" not in (*rule["resources"], *rule["verbs"])
            assert "pods/exec" not in rule["resources"]
            if "pods" in rule["resources"] and writes:
                assert (right.to, right.where) == (rights.CONTROLLER, ns.PIPELINES.name)


@pytest.mark.engine
def test_the_api_server_and_the_guardrails_take_it(meshed: Api, made: list[dict[str, Any]]) -> None:
    delivered = [each for each in made if each["kind"] == "SecretProviderClass"]
    assert {each["metadata"]["name"] for each in delivered} == {rights.API, rights.METADATA}
    asked = [each for each in made if each["kind"] != "SecretProviderClass"]
    answer = meshed.apply(*asked, dry_run=True)
    assert answer.done, answer.text
    assert "Warning" not in answer.text, answer.text


@pytest.mark.engine
@pytest.mark.parametrize("which", ["driver", "executor"])
def test_a_steps_pod_is_admitted_as_the_controller_makes_it(
    guarded: Api, made: list[dict[str, Any]], which: str
) -> None:
    answer = create(guarded, a_step(made, which))
    assert answer.done, answer.text


OTHERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an image of its maker's registry": (
        {"/spec/containers/1/image": f"python:3.12@sha256:{'1' * 64}"},
        "images-from-the-registry",
        "is not from",
    ),
    "root": ({"/spec/containers/1/securityContext/runAsUser": 0}, "", "runAsUser=0"),
    "a Secret": (
        {"/spec/volumes/-": {"name": "key", "secret": {"secretName": "key"}}},
        "no-secrets-of-the-cluster",
        "key is of a Secret",
    ),
    "the platform's nodes": (
        {"/spec/tolerations": [{"key": "parapet.dev/system", "operator": "Exists"}]},
        "system-nodes-are-the-platforms",
        "",
    ),
    "no proxy, by a label of its own": (
        {"/metadata/labels/sidecar.istio.io~1inject": "false"},
        "no-way-around-the-proxy",
        "sidecar.istio.io/inject, sidecar.istio.io/inject would change",
    ),
    "another class of data": (
        {"/metadata/labels/parapet.dev~1data-class": "none"},
        "owner-and-data-class",
        "where the namespace is for phi",
    ),
}
"""What a run may ask for by the pipeline's own words."""


@pytest.mark.engine
@pytest.mark.parametrize("what", OTHERS)
def test_a_step_gets_no_more_than_a_job_of_a_teams(guarded: Api, made: list[dict[str, Any]], what: str) -> None:
    put, rule, says = OTHERS[what]
    answer = create(guarded, cases.changed(a_step(made), put))
    if rule:
        assert refused(answer, rule, says)
    else:
        assert not answer.done
        assert says in answer.text


@pytest.mark.engine
def test_a_token_is_in_what_the_controller_makes_as_the_pipelines_account_and_in_nothing_else(
    guarded: Api, made: list[dict[str, Any]]
) -> None:
    job = create(guarded, a_step(made), who=f"{PREFIX}kube-system:job-controller")
    assert refused(job, "no-service-account-token", "the token of service account pipeline would be mounted")
    other = create(guarded, a_step(made, account="default"))
    assert refused(other, "no-service-account-token", "the token of service account default would be mounted")


@pytest.mark.engine
@pytest.mark.parametrize("namespace", [ns.KUBEFLOW.name, ns.TRAINING.name, ns.SERVING.name, ns.KUBE_SYSTEM])
def test_the_controller_makes_pods_of_steps_alone(guarded: Api, made: list[dict[str, Any]], namespace: str) -> None:
    others = ("pods-of-the-stack-are-as-it-makes-them", "one-identity-a-namespace", "no-service-account-token")
    pod = cases.changed(a_step(made, account="default"), {"/metadata/namespace": namespace})
    assert refused(create(guarded, pod), "controllers-start-nothing-else", or_by=others)
    job = cases.controller("Job", cases.compliant_pod(ns.PIPELINES.name))
    answer = Member.allowed(CONTROLLER, guarded).create(f"/apis/batch/v1/namespaces/{ns.PIPELINES.name}/jobs", job)
    assert refused(answer, "controllers-start-nothing-else", "jobs.batch" if "jobs.batch" in answer.text else "jobs")


@pytest.fixture(scope="module")
def governed(guarded: Api, made: list[dict[str, Any]]) -> Iterator[Api]:
    """With people's roles, and what Kubeflow Pipelines adds to them."""
    own = [each for each in made if "rbac" in each["apiVersion"] or each["kind"] == "ServiceAccount"]
    answer = govern(guarded).apply(*own)
    assert answer.done, answer.text
    yield guarded
    for each in own:
        meta = each["metadata"]
        where = [f"--namespace={meta['namespace']}"] if "namespace" in meta else []
        guarded.run("delete", each["kind"].lower(), meta["name"], *where, "--ignore-not-found", "--wait=false")


def ask(
    role: Grouped, api: Api, *, account: str = SUBMITTER, audiences: tuple[str, ...] = (RUNS,), hours: int = 1
) -> Answer:
    namespace, _, name = account.partition("/")
    spec = {"audiences": list(audiences), "expirationSeconds": hours * 3600}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return Member.of(role, api).create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)


@pytest.mark.engine
def test_an_engineer_asks_for_a_token_that_starts_runs_for_an_hour(governed: Api) -> None:
    answer = ask(ML_ENGINEER, governed)
    assert answer.done, answer.text
    rule = "people-ask-for-runs-alone"
    assert refused(
        ask(ML_ENGINEER, governed, audiences=("https://kubernetes.default.svc",)), rule, "would be for https"
    )
    assert refused(ask(ML_ENGINEER, governed, audiences=(RUNS, "sts.amazonaws.com")), rule, "sts.amazonaws.com")
    # The API server gives it its own audience before the rules are asked.
    assert refused(ask(ML_ENGINEER, governed, audiences=()), rule, "would be for https")
    assert refused(ask(ML_ENGINEER, governed, hours=8), rule, "would last 28800 seconds")


@pytest.mark.engine
@pytest.mark.parametrize("account", ["kubeflow/ml-pipeline", "kubeflow/workflow-controller", "pipelines/pipeline"])
def test_it_asks_for_no_other_accounts_token(governed: Api, account: str) -> None:
    answer = ask(ML_ENGINEER, governed, account=account)
    assert not answer.done
    assert "forbidden" in answer.text


@pytest.mark.engine
@pytest.mark.parametrize("role", [DATA_SCIENTIST, PLATFORM_OPERATOR, AUDITOR], ids=lambda role: role.name)
def test_nobody_else_asks_for_one(governed: Api, role: Grouped) -> None:
    answer = ask(role, governed)
    assert not answer.done
    assert "forbidden" in answer.text


@pytest.mark.engine
def test_the_api_may_ask_who_one_is_and_a_token_of_the_submitters_starts_runs_alone(governed: Api) -> None:
    """As the API asks it of the API server, which serves none of these kinds."""
    submitter, agent = (PREFIX + each.replace("/", ":") for each in (SUBMITTER, "kubeflow/persistence-agent"))
    may = {
        (submitter, "create", "runs", "pipelines"): True,
        (submitter, "create", "experiments", "pipelines"): True,
        (submitter, "create", "runs", "training"): False,
        (submitter, "terminate", "runs", "pipelines"): True,
        (submitter, "retry", "runs", "pipelines"): False,
        (submitter, "archive", "runs", "pipelines"): False,
        (submitter, "create", "pipelines", "pipelines"): False,
        (submitter, "update", "pipelineversions", "pipelines"): False,
        (submitter, "readArtifact", "runs", "pipelines"): False,
        (submitter, "create", "jobs", "pipelines"): False,
        (submitter, "report", "workflows", "pipelines"): False,
        # Whose run it is it does not say here (backend/src/apiserver/server/report_server.go, `canAccessWorkflow`).
        (agent, "report", "workflows", ""): True,
        (agent, "report", "scheduledworkflows", ""): True,
        (submitter, "report", "workflows", ""): False,
        (agent, "reportMetrics", "runs", "pipelines"): True,
        (agent, "readArtifact", "runs", "pipelines"): True,
        (agent, "readArtifact", "runs", ""): False,
        (agent, "create", "runs", "pipelines"): False,
        (CONTROLLER, "create", "runs", "pipelines"): False,
    }
    assert {asked: reviewed(governed, *asked) for asked in may} == may


def reviewed(api: Api, user: str, verb: str, resource: str, namespace: str) -> bool:
    asked = {"group": RUNS, "version": "v1beta1", "resource": resource, "verb": verb}
    asked |= {"namespace": namespace} if namespace else {}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": asked},
    }
    answer = api.run("create", "-f", "-", "-o", "json", stdin=json.dumps(review))
    assert answer.done, answer.text
    return bool(json.loads(answer.text)["status"]["allowed"])


RESULTS = f"/apis/argoproj.io/v1alpha1/namespaces/{ns.PIPELINES.name}/workflowtaskresults"
OWN = "intake-x7k2p-system-container-impl-1834"


def result(name: str = "intake-x7k2p-1834", run: str = "intake-x7k2p") -> dict[str, Any]:
    labels = {WORKFLOW: run, "workflows.argoproj.io/report-outputs-completed": "false"}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult"}
    return {**kind, "metadata": {"name": name, "namespace": ns.PIPELINES.name, "labels": labels}, "phase": "Succeeded"}


@pytest.fixture(scope="module")
def stepping(governed: Api, made: list[dict[str, Any]]) -> Api:
    """With the kind in which steps say how they ended."""
    name = "workflowtaskresults.argoproj.io"
    assert (answer := governed.apply(one(made, "CustomResourceDefinition", name))).done, answer.text
    assert governed.run("wait", "--for=condition=Established", "crd", name, "--timeout=60s").done
    wait_for(lambda: not step(governed, "another").create(RESULTS, result()).done)
    return governed


def step(api: Api, pod: str) -> Member:
    """A step, by the token of this pod."""
    return Member.account(f"{ns.PIPELINES.name}/pipeline", api, **({POD_NAME: pod} if pod else {}))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (OWN, {}),
        ("intake-x7k2p-system-dag-driver-7", {"name": "intake-x7k2p-7"}),
        ("intake-x7k2p-retry-system-container-impl-onerror-7", {"name": "intake-x7k2p-7"}),
        ("intake-x7k2p-metadata-1-2-system-container-impl-7", {"name": "intake-x7k2p-7"}),
        ("intake-x7k2p-system-importer-workspace-7", {"name": "intake-x7k2p-7"}),
    ],
)
def test_a_step_says_how_it_ended(stepping: Api, pod: str, told: dict[str, str]) -> None:
    answer = step(stepping, pod).create(RESULTS, result(**told))
    assert answer.done, answer.text


@pytest.mark.engine
@pytest.mark.parametrize(
    ("pod", "told", "says"),
    [
        (OWN, {"name": "intake-x7k2p-1835"}, f"intake-x7k2p-1835 is not the step of the pod {OWN}"),
        (OWN, {"name": "other-b4dk9-1834", "run": "other-b4dk9"}, "other-b4dk9-1834 is not the step"),
        (OWN, {"run": "other-b4dk9"}, "says that it is of other-b4dk9"),
        (OWN, {"name": "intake-1834", "run": "intake"}, "intake-1834 is not the step"),
        (OWN, {"name": "intake-x7k2p-system-1834", "run": "intake-x7k2p-system"}, "is not the step"),
        ("intake-x7k2p-1834", {}, "is not the step"),
        ("intake-x7k2p-retry-b4dk9-system-container-impl-1834", {}, "is not the step"),
        ("intake-x7k2p-system-bcdfg-system-container-impl-1834", {}, "is not the step"),
        ("intake-x7k2p-metadata-1-24567-system-container-impl-1834", {}, "is not the step"),
        ("", {}, "the pod without a name"),
    ],
    ids=[
        *("another step", "another run", "another run's label", "a shorter run", "a longer run"),
        *("a pod of no template", "a run called so", "one called as a template", "one called as metadata", "no pod"),
    ],
)
def test_of_another_it_says_nothing(stepping: Api, pod: str, told: dict[str, str], says: str) -> None:
    assert refused(step(stepping, pod).create(RESULTS, result(**told)), "steps-speak-for-themselves", says)


@pytest.mark.engine
def test_a_result_that_is_there_is_its_steps_too(stepping: Api) -> None:
    assert (answer := stepping.apply(result())).done, answer.text
    at, mine = f"{RESULTS}/intake-x7k2p-1834", {"outputs": {"parameters": []}}
    assert (answer := step(stepping, OWN).patch(at, mine)).done, answer.text
    other = step(stepping, "other-b4dk9-system-container-impl-1834").patch(at, mine)
    assert refused(other, "steps-speak-for-themselves", "is not the step of the pod other-b4dk9")
    taken = step(stepping, OWN).patch(at, {"metadata": {"labels": {WORKFLOW: "other-b4dk9"}}})
    assert refused(taken, "steps-speak-for-themselves", "says that it is of other-b4dk9")
    stepping.run("delete", "workflowtaskresults.argoproj.io", "--all", f"--namespace={ns.PIPELINES.name}")


@pytest.mark.engine
def test_of_a_token_that_a_pod_gets_the_api_server_says_whose_it_is(guarded: Api, made: list[dict[str, Any]]) -> None:
    """Which is what the rule above rests on."""
    pod = cases.changed(a_step(made), {}, ["/metadata/ownerReferences"])
    who = (f"--as={CONTROLLER}", "--as-group=system:masters")
    answer = guarded.run("create", "--filename=-", "--output=json", *who, stdin=json.dumps(pod))
    assert answer.done, answer.text
    try:
        bound = {"apiVersion": "v1", "kind": "Pod", "name": OWN, "uid": json.loads(answer.text)["metadata"]["uid"]}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": bound}}
        account = f"/api/v1/namespaces/{ns.PIPELINES.name}/serviceaccounts/pipeline/token"
        asked = guarded.run("create", f"--raw={account}", "--filename=-", stdin=json.dumps(request))
        assert asked.done, asked.text
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        review |= {"spec": {"token": json.loads(asked.text)["status"]["token"]}}
        told = guarded.run("create", "--filename=-", "--output=json", stdin=json.dumps(review))
        user = json.loads(told.text)["status"]["user"]
        assert (user["username"], user["extra"][POD_NAME]) == (STEP_ACCOUNT, [OWN])
    finally:
        guarded.run("delete", "pod", OWN, f"--namespace={ns.PIPELINES.name}", "--force", "--grace-period=0")


SERVERS = {
    rights.API: ("/bin/apiserver", configuration.SERVE_API),
    rights.METADATA: ("/bin/metadata_store_server", configuration.SERVE_METADATA),
}
PASSWORD = "a\\b'c$d&e`f"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A folder in the place of a pod's own."""
    for folder in ("secrets", "configuration", "bin"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secrets" / "username").write_text("pipelines_admin")
    (tmp_path / "secrets" / "password").write_text(PASSWORD)
    return tmp_path


def start(folder: Path, which: str, server: str) -> subprocess.Popen[str]:
    program, text = SERVERS[which]
    (folder / "bin" / "server").write_text(f"#!/bin/sh\n{server}\n")
    (folder / "bin" / "server").chmod(0o755)
    for pod, here in ((FOLDER, "secrets"), ("/configuration", "configuration"), (program, "bin/server")):
        text = text.replace(pod, str(folder / here))
    text = text.replace("sleep 10", "sleep 0.1")
    (folder / "serve.sh").write_text(text)
    environment = {"DATABASE_HOST": "db.test", "DATABASE_PORT": "3306", "PATH": "/usr/bin:/bin"}
    shell = shutil.which("dash") or "/bin/sh"
    return subprocess.Popen([shell, str(folder / "serve.sh")], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.process
@pytest.mark.parametrize("which", SERVERS)
def test_a_server_whose_password_changes_ends_so_that_it_starts_anew(script: Path, which: str) -> None:
    running = start(script, which, "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done")
    assert running.stdout
    assert running.stdout.readline() == "up\n"
    assert running.poll() is None
    (script / "secrets" / "password").write_text("another")
    assert running.wait(timeout=20) == 7


@pytest.mark.process
@pytest.mark.parametrize("which", SERVERS)
def test_a_server_that_is_told_to_end_ends_and_one_that_ends_by_itself_says_how(script: Path, which: str) -> None:
    running = start(script, which, "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done")
    assert running.stdout
    assert running.stdout.readline() == "up\n"
    running.terminate()
    running.wait(timeout=20)
    assert start(script, which, "exit 3").wait(timeout=20) == 3


@pytest.mark.process
def test_the_api_has_its_password_as_it_is_and_no_argument_shows_it(script: Path) -> None:
    running = start(
        script, rights.API, 'printf "%s\\n" "$DBCONFIG_MYSQLCONFIG_USER" "$DBCONFIG_MYSQLCONFIG_PASSWORD" "$*"'
    )
    told, _ = running.communicate(timeout=20)
    assert told.splitlines() == [
        "pipelines_admin",
        PASSWORD,
        "--config=/etc/kubeflow --logtostderr=true --logLevel=info",
    ]


@pytest.mark.process
def test_the_metadata_server_reads_its_password_in_a_file_of_its_own(script: Path) -> None:
    running = start(script, rights.METADATA, 'echo "$*"')
    told, _ = running.communicate(timeout=20)
    file = script / "configuration" / "server.pbtxt"
    assert told.split() == [
        "--grpc_port=8080",
        # Else it goes on in memory where it cannot read the file (metadata_store_server_main.cc).
        "--metadata_source_config_type=config_file",
        f"--metadata_store_server_config_file={file}",
    ]
    assert file.stat().st_mode & 0o077 == 0
    text = file.read_text()
    # As a text of protobuf has it: a backslash before each backslash and quote.
    assert f'user: "pipelines_admin" password: "{PASSWORD.replace(chr(92), chr(92) * 2)}"' in text
    assert 'host: "db.test" port: 3306 database: "metadb"' in text


def test_the_state_knows_no_password() -> None:
    stack = run_program(**MANY)
    made: list[Made] = [each for each in stack.made if each.name.startswith("parapet-test-pipelines")]
    assert made
    assert not [each.name for each in made if "password" in each.inputs]
