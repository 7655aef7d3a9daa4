"""Who gets through the mesh's door and who does not: by the real istiod, agents and Envoys, as processes."""

import base64
import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster import namespaces as ns
from cluster.guardrails.quotas import PROXY
from local import processes
from local.kubernetes import live
from local.kubernetes.live import load_balancer, proxies
from local.kubernetes.live.lacking import lacking
from local.kubernetes.live.standing import GATEWAY, ISTIOD, LOAD_BALANCER
from local.workspace import Workspace
from mlops.mlflow_server import routes
from mlops.mlflow_server.pod import PORT
from tests import authority
from tests.cluster import wait_for
from tests.local.kubernetes.live.door import HOST, IN_THE_MESH, SIDECAR, UNKNOWN, Door, get, showing, workload
from tests.platform.cluster.api import MANAGER

pytestmark = [
    pytest.mark.live,
    pytest.mark.cluster,
    pytest.mark.xdist_group("door"),
    pytest.mark.skipif(bool(lacking()), reason=lacking() or "nothing is lacking"),
]
GATEWAYS_OWN = "URI=spiffe://cluster.local/ns/ingress/sa/istio-ingress"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with workload() as port:
        door = Door(Workspace(home=tmp_path_factory.mktemp("door")))
        try:
            door.fill(port)
            yield door
        finally:
            door.end()


@pytest.fixture(scope="module")
def trusting(door: Door) -> ssl.SSLContext:
    """A client outside that was given the platform's CA."""
    return ssl.create_default_context(cadata=door.account.root)


@pytest.fixture(scope="module")
def trainer(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return door.certificates(ns.TRAINING.name, ns.TRAINING.service_account, tmp_path_factory.mktemp("trainer"))


def unverifying() -> ssl.SSLContext:
    """Shows nothing and believes everybody, as a load balancer does its targets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_a_client_that_trusts_the_platforms_ca_gets_through_and_the_workload_sees_the_gateway(
    door: Door, trusting: ssl.SSLContext
) -> None:
    status, body = get(door.load_balancer, 443, HOST, trusting, HOST)
    told = json.loads(body)
    assert (status, told["host"]) == (200, HOST)
    assert told["from"].endswith(GATEWAYS_OWN), "by mutual TLS, as the gateway's service account"


def test_a_client_that_trusts_others_alone_ends_the_connection(door: Door) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        get(door.load_balancer, 443, HOST, ssl.create_default_context(), HOST)


def test_a_host_that_the_mesh_does_not_know_is_not_found(door: Door, trusting: ssl.SSLContext) -> None:
    assert get(door.load_balancer, 443, UNKNOWN, trusting, UNKNOWN)[0] == 404


@pytest.mark.parametrize("end", ["load_balancer", "gateway", "sidecar"])
def test_plain_text_is_refused_at_each_hop(door: Door, end: str) -> None:
    port = PORT if end == "sidecar" else 443
    with pytest.raises(OSError, match=r"(?i)reset|closed|pipe"):
        get(getattr(door, end), port, HOST)


def test_the_load_balancer_speaks_tls_to_the_gateway_and_says_no_name(door: Door, trusting: ssl.SSLContext) -> None:
    """The gateway refuses plain text, and whoever says a name: that is a pod which passes for a user."""
    assert get(door.gateway, 443, HOST, unverifying(), HOST) == (403, "RBAC: access denied")
    assert get(door.gateway, 443, HOST, unverifying(), None)[0] == 200
    assert get(door.load_balancer, 443, HOST, trusting, HOST)[0] == 200


@pytest.mark.parametrize(
    ("cipher", "taken"), [("ECDHE-ECDSA-AES256-GCM-SHA384", True), ("ECDHE-ECDSA-AES128-SHA", False)]
)
def test_the_load_balancer_keeps_to_its_security_policy(door: Door, cipher: str, taken: bool) -> None:
    old = ssl.create_default_context(cadata=door.account.root)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers(cipher)
    if taken:
        assert get(door.load_balancer, 443, HOST, old, HOST)[0] == 200
        return
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        get(door.load_balancer, 443, HOST, old, HOST)


def test_a_workload_answers_the_right_service_account(door: Door, trainer: Path) -> None:
    status, body = get(door.sidecar, PORT, IN_THE_MESH, showing(trainer))
    told = json.loads(body)
    assert (status, told["host"]) == (200, IN_THE_MESH)
    assert told["from"].endswith(f"URI=spiffe://cluster.local/ns/training/sa/{ns.TRAINING.service_account}")


def test_a_workload_refuses_the_wrong_service_account(door: Door, tmp_path: Path) -> None:
    monitor = door.certificates(ns.MONITORING.name, ns.MONITORING.service_account, tmp_path)
    assert get(door.sidecar, PORT, IN_THE_MESH, showing(monitor)) == (403, "RBAC: access denied")


def test_a_workload_refuses_whoever_shows_no_certificate(door: Door) -> None:
    with pytest.raises(OSError, match=r"(?i)eof|closed|reset|certificate required"):
        get(door.sidecar, PORT, IN_THE_MESH, unverifying())


def test_a_workload_refuses_the_certificate_of_another_authority(door: Door, tmp_path: Path) -> None:
    stranger = unverifying()
    for name, pem in zip(("chain", "key"), authority.made("trainer"), strict=True):
        (tmp_path / name).write_text(pem)
    stranger.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    with pytest.raises(OSError, match=r"(?i)eof|closed|reset|unknown ca"):
        get(door.sidecar, PORT, IN_THE_MESH, stranger)


def test_a_workload_speaks_tls_1_3_alone(door: Door, trainer: Path) -> None:
    older = showing(trainer)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        get(door.sidecar, PORT, IN_THE_MESH, older)


def test_pods_have_their_proxies_as_on_eks(door: Door) -> None:
    for namespace, where in (("mlflow", "initContainers"), ("ingress", "containers")):
        for pod in door.api.items("pods", f"--namespace={namespace}"):
            (proxy,) = [each for each in pod["spec"][where] if each["name"] == "istio-proxy"]
            assert "/istio/proxyv2:" in proxy["image"]
            for kind, counted in PROXY.resources.items() if namespace != "ingress" else ():
                # Of the node's disk it has what a container has that says nothing.
                assert proxy["resources"][kind].items() >= counted.items(), "quotas count another one"


def test_istiod_is_asked_and_writes_nothing_of_who_is(door: Door) -> None:
    """It makes proxies and judges the mesh's objects by the stack's webhooks, which are as the stack wrote them."""
    wrong = {
        **{"apiVersion": "networking.istio.io/v1", "kind": "Gateway"},
        "metadata": {"name": "wrong", "namespace": ns.INGRESS.name},
        "spec": {"servers": [{"port": {"number": 1, "name": "x", "protocol": "HTTPS"}, "hosts": ["a/b/c"]}]},
    }
    assert "objects.mesh.parapet.dev" in door.api.apply(wrong, dry_run=True).text
    who = ("--as=system:serviceaccount:istio-system:istiod", "--dry-run=server")
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        (each,) = door.api.items(kind, "--show-managed-fields")
        name = each["metadata"]["name"]
        assert {field["manager"] for field in each["metadata"]["managedFields"]} == {MANAGER}
        answer = door.api.run("patch", kind, name, "--type=merge", '--patch={"webhooks": []}', *who)
        assert "is forbidden" in answer.text, answer.text
    assert "forbidden" not in door.log(ISTIOD)


def test_a_proxys_admin_port_tells_no_key(door: Door) -> None:
    """Who may forward a port of a model's pod gets there (docs/access.yaml)."""

    def told(path: str) -> str:
        with urllib.request.urlopen(f"http://{door.sidecar}:{proxies.ADMIN}/{path}", timeout=10) as answer:
            return str(answer.read().decode())

    dumped = json.loads(told("config_dump?include_eds"))
    secrets = [
        each["secret"]
        for config in dumped["configs"]
        if config["@type"].endswith("SecretsConfigDump")
        for each in config["dynamic_active_secrets"]
    ]
    shown = [each["tls_certificate"]["private_key"]["inline_bytes"] for each in secrets if "tls_certificate" in each]
    assert shown
    assert {base64.b64decode(each) for each in shown} == {b"[redacted]"}
    for said in (json.dumps(dumped), told("certs"), told("server_info"), told("listeners?format=json")):
        assert "PRIVATE KEY" not in said


def test_no_pod_that_kwok_plays_is_asked(door: Door, trusting: ssl.SSLContext) -> None:
    """The Service has them as endpoints, and none of them answers."""

    def endpoints() -> list[Any]:
        return [
            each for slice_ in door.api.items("endpointslices", "--namespace=mlflow") for each in slice_["endpoints"]
        ]

    wait_for(lambda: len(endpoints()) == 2)
    with urllib.request.urlopen(f"http://{door.gateway}:{proxies.ADMIN}/clusters?format=json", timeout=5) as answer:
        (cluster,) = [
            each
            for each in json.loads(answer.read())["cluster_statuses"]
            if each["name"] == f"outbound|{PORT}||{routes.SERVICE_HOST}"
        ]
    known = {each["address"]["socket_address"]["address"] for each in cluster["host_statuses"]}
    assert known == {door.sidecar}
    assert {get(door.load_balancer, 443, HOST, trusting, HOST)[0] for _ in range(6)} == {200}


def test_the_service_has_the_load_balancers_name(door: Door) -> None:
    (service,) = door.api.items("services", "--namespace=ingress")
    expected = load_balancer.status(service, "us-east-1")["status"]
    wait_for(lambda: door.api.items("services", "--namespace=ingress")[0]["status"] == expected)


def test_a_rule_that_is_taken_away_closes_the_way_and_opens_it_again(door: Door, trusting: ssl.SSLContext) -> None:
    (callers,) = [
        each
        for each in door.api.items("authorizationpolicies", "--namespace=mlflow")
        if each["metadata"]["name"] == "callers"
    ]
    kept = {key: callers[key] for key in ("apiVersion", "kind", "spec")}
    kept["metadata"] = {key: callers["metadata"][key] for key in ("name", "namespace", "labels")}

    def status() -> int:
        return get(door.load_balancer, 443, HOST, trusting, HOST)[0]

    try:
        assert door.api.run("delete", "authorizationpolicy", "callers", "--namespace=mlflow").done
        wait_for(lambda: status() == 403, 30)
    finally:
        door.apply(kept)
    wait_for(lambda: status() == 200, 30)


def test_proxies_listen_at_addresses_of_this_stack_alone(door: Door) -> None:
    for part in (GATEWAY, SIDECAR, LOAD_BALANCER):
        record = processes.read(door.workspace.run, live.PREFIX + part)
        assert record, part
        process = psutil.Process(record.pid)
        listening = {
            each.laddr.ip
            for member in (process, *process.children(recursive=True))
            for each in member.net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        }
        assert {address.rpartition(".")[0] for address in listening} == {door.network}, part


def test_envoy_takes_all_that_istiod_says(door: Door) -> None:
    """It is Envoy's own release, without the filters of Istio's build: what it cannot have, istiod must leave out."""
    for part in (GATEWAY, SIDECAR):
        assert "rejected" not in door.log(part)
