"""What needs no cluster: where it may go, what a change is, what a refresh keeps, what is ready."""

from __future__ import annotations

import asyncio
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pulumi.runtime.proto import provider_pb2 as proto

from local.kubernetes import provider
from local.kubernetes.provider import charts, configuration, kubeconfig, manifests, readiness, secrecy
from local.kubernetes.provider.cluster import Cluster
from local.kubernetes.provider.components import CHART, Components
from local.kubernetes.provider.configuration import Settings
from local.kubernetes.provider.connection import ApiError, Connection, Unreachable
from local.kubernetes.provider.diff import Change, Diff, changes, deletes_first, drift, replaced
from local.kubernetes.provider.kubeconfig import Access, KubeconfigError
from local.kubernetes.provider.naming import automatic_name, field_manager
from local.kubernetes.provider.normal import normal
from local.kubernetes.provider.objects import AUTONAMED, Kind, is_patch, kind_of_token
from local.kubernetes.provider.provider import Provider
from local.kubernetes.provider.readiness import Failed, Site
from local.kubernetes.provider.schema import Schema
from local.kubernetes.provider.servicer import Servicer
from local.plugin.checks import Proposal
from local.plugin.failures import UserError
from local.plugin.values import UNKNOWN, marshal, unmarshal


def _kubeconfig(server: str = "https://127.0.0.1:6443", user: object = None, **cluster: object) -> str:
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "u", "user": user or {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
            "current-context": "x",
        }
    )


# Where it may go


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_kubeconfig("https://eks.example.com"), "not on this machine"),
        (_kubeconfig("https://127.0.0.1.example.com"), "not on this machine"),
        (_kubeconfig("https://10.0.0.1"), "not on this machine"),
        (_kubeconfig("file:///etc/passwd"), "not on this machine"),
        (_kubeconfig(user={"exec": {"command": "aws"}}), "runs no program"),
        (_kubeconfig(user={"auth-provider": {"name": "oidc"}}), "runs no program"),
        (_kubeconfig(**{"insecure-skip-tls-verify": True}), "may be anyone"),
        (_kubeconfig(**{"proxy-url": "http://proxy.example.com"}), "may be anyone"),
        ("{}", "has no clusters"),
        ("/no/such/file", "cannot be read"),
    ],
)
def test_a_kubeconfig_that_leads_away_or_runs_something_is_refused(content: str, reason: str) -> None:
    (failure,) = configuration.check({"kubeconfig": content}, {})
    assert reason in failure.reason


def test_a_local_kubeconfig_is_taken_as_contents_as_a_path_and_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(_kubeconfig())
    for setting, environment in ((_kubeconfig(), {}), (str(file), {}), (None, {"KUBECONFIG": str(file)})):
        access = kubeconfig.load(setting, None, None, environment)
        assert (access.server, access.namespace, access.token) == ("https://127.0.0.1:6443", "team", "t")
    with pytest.raises(KubeconfigError, match="never taken"):
        kubeconfig.load(None, None, None, {"HOME": str(tmp_path)})


def test_another_machine_is_reached_by_the_users_own_file_only(tmp_path: Path) -> None:
    file, copy = tmp_path / "own", tmp_path / "copy"
    for one in (file, copy):
        one.write_text(_kubeconfig("https://eks.example.com"))
    environment = {kubeconfig.OWN_CLUSTER: str(file)}
    for setting in (None, str(file), file.read_text()):
        assert kubeconfig.load(setting, None, None, environment).server == "https://eks.example.com"
    with pytest.raises(KubeconfigError, match="not on this machine"):
        kubeconfig.load(str(copy), None, None, environment)


def test_settings_are_read_from_the_provider_first_and_an_unknown_cluster_is_not_called() -> None:
    settings = {"kubeconfig": UNKNOWN, "namespace": "team", "enablePatchForce": "true"}
    found = configuration.configure(settings, {"PULUMI_K8S_ENABLE_PATCH_FORCE": "false"})
    assert (found.access, found.namespace, found.patch_force) == (None, "team", True)
    assert (
        configuration.check({**settings, "enableServerSideApply": "false"}, {})[0].property == "enableServerSideApply"
    )
    assert configuration.check({**settings, "renderYamlToDirectory": "out"}, {})
    assert configuration.other_cluster({"clusterIdentifier": "a"}, {"clusterIdentifier": "b"})
    assert not configuration.other_cluster({"kubeconfig": "a"}, {"kubeconfig": "b", "clusterIdentifier": "b"})


# What a change is

LIVE = {"spec": {"cpu": "1", "ports": [{"port": 80, "protocol": "TCP"}], "added": True}}


def test_what_the_server_wrote_in_its_own_way_is_no_change() -> None:
    inputs = {"spec": {"cpu": "1000m", "ports": [{"port": 80}]}}
    assert changes(inputs, inputs, LIVE) == []
    assert changes(inputs, {"spec": {"cpu": "1", "ports": [{"port": 80}]}}, LIVE) == []
    assert changes(inputs, {"spec": {"cpu": "2", "ports": [{"port": 81}]}}, LIVE) == [
        Change("spec.cpu", "update"),
        Change("spec.ports[0].port", "update"),
    ]


@pytest.mark.parametrize(("size", "looked_at", "told"), [(1, 0, "DIFF_NONE"), (2, 1, "DIFF_SOME")])
def test_what_is_wanted_as_it_was_is_not_looked_at(size: int, looked_at: int, told: str) -> None:
    """Two megabytes of definitions are most of a stack, and hardly ever change."""
    asked: list[str] = []

    class Looks(Provider):
        def diff(self, urn: str, *given: Any) -> Diff:
            asked.append(urn)
            return super().diff(urn, *given)

    before = {"apiVersion": "e.com/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {"size": 1, "is": UNKNOWN}}
    servicer = Servicer("127.0.0.1:1", {})
    servicer.provider = Looks(Settings(None, "team"), None, print)
    request = proto.DiffRequest(
        urn="urn:pulumi:s::p::kubernetes:e.com/v1:Gadget::a",
        olds=marshal({**before, "status": {"phase": "Up"}}),
        old_inputs=marshal(before),
        news=marshal({**before, "spec": {"size": size, "is": UNKNOWN}}),
    )
    answer = asyncio.run(servicer.Diff(request, None))
    assert (len(asked), answer.changes) == (looked_at, getattr(proto.DiffResponse, told))
    assert list(answer.diffs) == ["spec"] * looked_at


def test_a_name_that_was_made_up_stays_whatever_else_an_object_was() -> None:
    servicer = Servicer("127.0.0.1:1", {})
    servicer.provider = Provider(Settings(None, "team"), None, print)
    urn = "urn:pulumi:s::p::kubernetes:core/v1:ConfigMap::a"
    metadata = {"name": "a-1234567", "annotations": {AUTONAMED: "true"}}
    for olds in ({"metadata": metadata}, {"metadata": metadata, "data": {"a": "b" * 100}}):
        request = proto.CheckRequest(urn=urn, news=marshal({"data": {"a": "c"}}), olds=marshal(olds), randomSeed=b"x")
        inputs, _ = unmarshal(asyncio.run(servicer.Check(request, None)).inputs)
        assert inputs["metadata"] == metadata
        assert inputs["data"] == {"a": "c"}


def test_additions_removals_and_unknowns_are_changes_at_their_path() -> None:
    old = {"a": {"b.c/d": "1", "l": [1, 2]}, "list": [{"x": 1, "y": 2}, {"x": 2}]}
    new = {"a": {"b.c/d": UNKNOWN, "l": [1]}, "list": [{"x": 1}], "n": True}
    assert changes(old, new, old) == [
        Change('a["b.c/d"]', "update"),
        Change("a.l[1]", "delete"),
        Change("list[0].y", "delete"),
        Change("list[1]", "delete"),
        Change("n", "add"),
    ]


CONTAINERS = Schema(
    {},
    {
        "properties": {
            "containers": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "tags": {"x-kubernetes-list-type": "set"},
        }
    },
)


def test_a_refresh_keeps_inputs_of_what_did_not_change_and_takes_what_did() -> None:
    inputs = {"cpu": "1000m", "containers": [{"name": "a", "image": "1"}], "never": "kept", "gone": 1}
    before = {"cpu": "1", "containers": [{"name": "a", "image": "1", "filled": 1}], "gone": 1}
    live = {"cpu": "1", "containers": [{"name": "p", "image": "9"}, {"name": "a", "image": "2", "filled": 1}]}
    expected = {"cpu": "1000m", "containers": [{"name": "a", "image": "2"}], "never": "kept"}
    assert drift(inputs, before, live, CONTAINERS) == expected


def test_the_order_of_a_set_is_no_change_and_that_of_a_list_is() -> None:
    old, new = {"tags": ["a", "b"], "args": ["a", "b"]}, {"tags": ["b", "a"], "args": ["b", "a"]}
    assert {one.path for one in changes(old, new, {}, CONTAINERS)} == {"args[0]", "args[1]"}


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        (Kind("apps/v1", "Deployment"), "spec.selector.matchLabels.app", True),
        (Kind("apps/v1", "Deployment"), "spec.replicas", False),
        (Kind("apps/v1", "StatefulSet"), "spec.volumeClaimTemplates[0].spec", True),
        (Kind("batch/v1", "Job"), "spec.template.spec.containers[0].image", True),
        (Kind("v1", "Service"), "spec.clusterIP", True),
        (Kind("v1", "PersistentVolumeClaim"), "spec.storageClassName", True),
        (Kind("v1", "PersistentVolumeClaim"), "spec.resources.requests.storage", False),
        (Kind("v1", "ConfigMap"), "data.a", True),
        (Kind("rbac.authorization.k8s.io/v1", "RoleBinding"), "roleRef.name", True),
        (Kind("example.com/v1", "Anything"), "metadata.name", True),
        (Kind("example.com/v1", "Anything"), "metadata.labels.name", False),
    ],
)
def test_what_no_update_can_change_replaces(kind: Kind, path: str, expected: bool) -> None:
    assert bool(replaced([Change(path, "update")], kind, {}, True, False)) == expected


def test_data_may_be_mutable_but_not_what_says_it_is_not() -> None:
    change, kind = [Change("data.a", "update")], Kind("v1", "Secret")
    assert replaced(change, kind, {}, False, False) == []
    assert replaced(change, kind, {"immutable": True}, False, False) == ["data.a"]
    assert replaced([Change("type", "update")], kind, {}, False, True) == []


def test_only_a_name_of_its_own_lets_the_new_one_come_first() -> None:
    named = {"metadata": {"name": "a", "namespace": "n"}}
    assert deletes_first(named, named)
    assert not deletes_first({"metadata": {"name": "b", "namespace": "n"}}, named)
    assert not deletes_first(
        {"metadata": {**named["metadata"], "annotations": {"pulumi.com/autonamed": "true"}}}, named
    )


# What it is called


def test_tokens_names_and_managers() -> None:
    assert kind_of_token("kubernetes:core/v1:Pod") == Kind("v1", "Pod")
    assert kind_of_token("kubernetes:karpenter.sh/v1:NodePool") == Kind("karpenter.sh/v1", "NodePool")
    assert is_patch("kubernetes:apps/v1:DeploymentPatch", {"kind": "Deployment"})
    assert not is_patch("kubernetes:example.com/v1:ConfigPatch", {"kind": "ConfigPatch"})
    assert automatic_name("My_Map", b"seed", None) == automatic_name("My_Map", b"seed", None)
    assert automatic_name("My_Map", b"seed", None).startswith("my-map-")
    assert automatic_name("a", b"", Proposal("propose", "named")) == "named"
    assert field_manager("urn:a") != field_manager("urn:b")


def test_text_becomes_data_and_definitions_get_their_hyphens() -> None:
    secret = normal({"stringData": {"a": "b"}, "data": {"c": "ZA=="}}, Kind("v1", "Secret"))
    assert secret == {"data": {"c": "ZA==", "a": "Yg=="}}
    definition = normal({"spec": {"x_kubernetes_list_type": "set", "_ref": 1}}, kind_of_token(CRD))
    assert definition == {"spec": {"x-kubernetes-list-type": "set", "$ref": 1}}


CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"


def test_all_data_of_a_secret_is_secret_in_every_form() -> None:
    secret = {"kind": "Secret", "apiVersion": "v1", "data": {"a": "Y29ycmVjdA=="}, "type": "Opaque"}
    assert ("data",) in secrecy.paths(secret, set())
    assert {"correct", "Y29ycmVjdA=="} <= secrecy.texts(secret, set())
    assert "correct" in secrecy.texts({"metadata": {}, "stringData": {"a": "correct"}}, set())


def test_the_launcher_is_where_the_engine_looks_for_this_version(tmp_path: Path) -> None:
    provider.install(tmp_path, Path("/usr/bin/python3"))
    launcher = tmp_path / "plugins" / "resource-kubernetes-v4.34.2" / "pulumi-resource-kubernetes"
    assert "local.kubernetes.provider" in launcher.read_text()
    assert os.access(launcher, os.X_OK)


# What is ready


class Answering:
    """A connection with one answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.get = self.find = lambda *_: answer


def _missing(manifest: str, answer: dict[str, Any] | None = None, balances: bool = False) -> list[str]:
    return readiness.missing(yaml.safe_load(manifest), Site(Answering(answer or {}), balances))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("manifest", "lacks"),
    [
        ("{apiVersion: v1, kind: ConfigMap}", []),
        ("{apiVersion: v1, kind: Namespace, status: {phase: Active}}", []),
        ("{apiVersion: v1, kind: Pod, status: {phase: Succeeded}}", []),
        ("{apiVersion: v1, kind: Pod, status: {phase: Pending}}", ["it is Pending and not ready"]),
        (
            "{apiVersion: apps/v1, kind: Deployment, metadata: {generation: 2}, spec: {replicas: 0},"
            " status: {observedGeneration: 1}}",
            ["its controller has not seen the last change"],
        ),
        ("{apiVersion: apps/v1, kind: Deployment, spec: {paused: true}}", []),
        (
            "{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 2}, status: {readyReplicas: 1}}",
            ["1 of 2 replicas are ready"],
        ),
        (
            "{apiVersion: apps/v1, kind: DaemonSet, status: {desiredNumberScheduled: 1, updatedNumberScheduled: 1}}",
            ["0 of 1 pods are available"],
        ),
        ("{apiVersion: apps/v1, kind: DaemonSet, status: {desiredNumberScheduled: 0}}", []),
        ("{apiVersion: v1, kind: Service, spec: {type: ExternalName, selector: {a: b}}}", []),
        ("{apiVersion: v1, kind: Service, spec: {selector: {a: b}}}", ["its selector finds no pod"]),
        ("{apiVersion: v1, kind: Service, spec: {type: LoadBalancer}}", []),
        ("{apiVersion: networking.k8s.io/v1, kind: Ingress}", []),
        (
            "{apiVersion: e.com/v1, kind: A, metadata: {annotations: {pulumi.com/waitFor: condition=Ready}}}",
            ["its condition Ready is not there"],
        ),
        (
            "{apiVersion: e.com/v1, kind: A, status: {phase: Up},"
            " metadata: {annotations: {pulumi.com/waitFor: 'jsonpath={.status.phase}=Up'}}}",
            [],
        ),
        (
            "{apiVersion: e.com/v1, kind: A, status: {used: {count/rollouts.argoproj.io: '0'}},"
            r" metadata: {annotations: {pulumi.com/waitFor: 'jsonpath={.status.used.count/rollouts\.argoproj\.io}'}}}",
            [],
        ),
        (
            "{apiVersion: e.com/v1, kind: A, status: {used: {pods: '0'}},"
            r" metadata: {annotations: {pulumi.com/waitFor: 'jsonpath={.status.used.count/rollouts\.argoproj\.io}'}}}",
            [r"{.status.used.count/rollouts\.argoproj\.io} is None"],
        ),
    ],
)
def test_an_object_is_ready_when_nothing_is_missing(manifest: str, lacks: list[str]) -> None:
    assert _missing(manifest) == lacks


def test_only_the_users_own_cluster_is_waited_for_to_give_a_load_balancer() -> None:
    service = "{apiVersion: v1, kind: Service, spec: {type: LoadBalancer}}"
    assert _missing(service, balances=True) == ["it has no load balancer's address"]


def test_a_claim_that_waits_for_its_consumer_is_ready() -> None:
    claim = "{apiVersion: v1, kind: PersistentVolumeClaim, spec: {storageClassName: s}, status: {phase: Pending}}"
    assert _missing(claim, {"volumeBindingMode": "WaitForFirstConsumer"}) == []
    assert _missing(claim, {"volumeBindingMode": "Immediate"}) == ["it is Pending, not Bound"]


@pytest.mark.parametrize(
    "manifest",
    [
        "{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Failed, status: 'True'}]}}",
        "{apiVersion: v1, kind: Pod, status: {phase: Failed}}",
        "{apiVersion: e.com/v1, kind: A, metadata: {annotations: {pulumi.com/waitFor: anything}}}",
    ],
)
def test_what_no_waiting_mends_fails_at_once(manifest: str) -> None:
    with pytest.raises(Failed):
        _missing(manifest)


# An API server that is busy


@pytest.fixture
def busy() -> Iterator[tuple[str, list[int]]]:
    """A server that answers with the statuses in the list, the last one again and again."""
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            body = json.dumps({"kind": "Status", "message": "told", "reason": "Why"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", statuses
    server.shutdown()


def test_a_busy_server_is_asked_again_and_one_that_refuses_is_not(busy: tuple[str, list[int]]) -> None:
    url, statuses = busy
    connection = Connection(Access(url, "default"), patience=5)
    statuses[:] = [503, 429, 504, 200]
    assert connection.get("/x")["message"] == "told"
    statuses[:] = [403, 200]
    with pytest.raises(ApiError, match="told") as caught:
        connection.get("/x")
    assert (caught.value.status, caught.value.reason) == (403, "Why")
    statuses[:] = [404]
    assert connection.find("/x") is None


def test_a_server_that_stays_away_is_told_of_and_not_waited_for_twice() -> None:
    connection = Connection(Access("http://127.0.0.1:9", "default"), patience=0.3)
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 does not answer"):
            connection.get("/x")


def test_a_cluster_that_is_away_is_no_obstacle_to_a_preview_and_can_be_left_behind() -> None:
    access = Access("http://127.0.0.1:9", "default")
    urn = "urn:pulumi:dev::p::kubernetes:core/v1:ConfigMap::a"
    state = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}

    def provider_of(**settings: bool) -> Provider:
        cluster = Cluster(Connection(access, patience=0.1), lambda _: None)
        return Provider(Settings(access, "default", **settings), cluster, lambda _: None)

    assert provider_of().preview_create(urn, state) == state
    with pytest.raises(Unreachable, match="deleteUnreachable"):
        provider_of().read(urn, "default/a", state, state)
    assert provider_of(delete_unreachable=True).read(urn, "default/a", state, state) == ("", {}, {})
    assert provider_of(skip_update_unreachable=True).read(urn, "default/a", state, state)[0] == "default/a"
    provider_of(delete_unreachable=True).delete(urn, "default/a", state, state, 0)
    with pytest.raises(Unreachable):
        provider_of().create(urn, state, 0)
    # What has children is refused, in a preview as in an update; where there is no cluster yet it is shown.
    chart = SimpleNamespace(resource_type=CHART, name="a", inputs={}, options=None)
    with pytest.raises(UserError, match=r"^configured Kubernetes cluster is unreachable: .*127\.0\.0\.1:9"):
        asyncio.run(Components(provider_of).construct(chart))  # type: ignore[arg-type]
    Provider(Settings(access, "default"), None, lambda _: None).require_cluster()


# Charts and manifests


def test_what_is_in_ecr_is_found_in_the_registry_here_and_what_is_elsewhere_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = f"oci://123456789012.dkr.ecr.eu-west-1.amazonaws.com/dev/charts/istiod@sha256:{'a' * 64}"
    login = {"username": "AWS", "password": "opens"}

    def found(chart: str, **options: object) -> str | None:
        return charts.at_hand(charts.wanted({"chart": chart, "name": "r", "namespace": "n", "repositoryOpts": options}))

    monkeypatch.delenv(charts.REGISTRY, raising=False)
    assert found(ecr, **login) is None
    monkeypatch.setenv(charts.REGISTRY, "127.0.0.1:5000")
    assert found(ecr, **login) == f"oci://127.0.0.1:5000/dev/charts/istiod@sha256:{'a' * 64}"
    assert found(ecr, username="AWS", password=UNKNOWN), "a preview may not know it yet"
    for options in ({}, {"username": "AWS"}, {"password": "opens"}):
        with pytest.raises(UserError, match=r"istiod@sha256:a+: no basic auth credentials; repositoryOpts takes"):
            found(ecr, **options)
    for other in (
        ecr.replace("amazonaws.com", "amazonaws.com.attacker.test"),
        "oci://public.ecr.aws/karpenter/karpenter",
    ):
        assert found(other, **login) is None
    assert found("istiod", repo="https://charts.test") is None
    assert found(str(tmp_path)) == str(tmp_path)


def test_a_release_is_named_as_helm_names_it(tmp_path: Path) -> None:
    for name in ("--set=a=b", "Upper", "a" * 54, ""):
        with pytest.raises(UserError, match="no name for a release"):
            charts.render(charts.Wanted("c", name, "n"), str(tmp_path), charts.Capabilities())


@pytest.mark.parametrize(
    ("file", "defines"),
    [
        ("templates/crds.yaml", False),
        ("files/definitions.yaml", False),
        ("crds/gadget.yaml", True),
        ("charts/other/crds/gadget.yaml", True),
        ("charts/other-1.0.0.tgz", True),
    ],
)
def test_helm_is_asked_for_definitions_where_a_chart_may_have_some(tmp_path: Path, file: str, defines: bool) -> None:
    for name in ("Chart.yaml", file):
        (tmp_path / "chart" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart" / name).write_text("{}")
    with tarfile.open(tmp_path / "chart.tgz", "w:gz") as archive:
        archive.add(tmp_path / "chart", "chart")
    assert charts.may_define(tmp_path / "chart") is defines
    assert charts.may_define(tmp_path / "chart.tgz") is defines


def test_a_manifest_is_read_as_kubernetes_reads_it() -> None:
    text = "apiVersion: v1\nkind: A\nmetadata: {name: a}\nday: 2026-01-01\n---\n---\n"
    assert manifests.decode(text, "x") == [
        {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "day": "2026-01-01"}
    ]
    with pytest.raises(UserError, match=r"x, line 2: no YAML"):
        manifests.decode("a: [\n", "x")
    with pytest.raises(UserError, match="needs both"):
        manifests.decode("kind: A", "x")
