"""The API server's way to Services: a webhook that a Service names is asked where it is here, and nowhere else."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local import processes
from local.certificates import issue
from local.kubernetes import control_plane, live
from local.kubernetes.control_plane import servers
from local.workspace import environment
from tests.cluster import CLUSTER, Cluster, wait_for

pytestmark = CLUSTER
WEBHOOK = "hook"
NAMESPACE = "behind-a-service"


class _Refuses(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        response = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": "the webhook was asked"}}
        body = json.dumps({**review, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook(cluster: Cluster) -> Iterator[int]:
    """The port of a webhook with a certificate for its Service."""
    pki = cluster.workspace.kubernetes / "pki"
    issue(pki, WEBHOOK, WEBHOOK, authority="ca", hosts=[f"{WEBHOOK}.{NAMESPACE}.svc"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / f"{WEBHOOK}.crt", pki / f"{WEBHOOK}.key")
    server = HTTPServer(("127.0.0.1", 0), _Refuses)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _port(cluster: Cluster) -> int:
    ports: dict[str, int] = json.loads((cluster.workspace.home / "kubernetes.ports").read_text())
    return ports[servers.EGRESS]


@pytest.fixture
def way(cluster: Cluster) -> Iterator[int]:
    """The process, at the port that the API server knows."""
    workspace, port = cluster.workspace, _port(cluster)
    api = processes.read(workspace.run, servers.API)
    assert api
    log = workspace.logs / "egress.log"
    record = processes.start(
        servers.EGRESS,
        servers.command(workspace, servers.EGRESS, {servers.API: api.port, servers.EGRESS: port}),
        port=port,
        folder=workspace.run,
        log=log,
        ready=lambda: "Keeping watch" in log.read_text(),
        environment=environment(workspace),
    )
    workspace.live.mkdir(exist_ok=True)
    yield port
    processes.stop(workspace.run, record)
    live.leave(workspace)


@pytest.fixture
def asked(cluster: Cluster) -> Iterator[None]:
    """Every ConfigMap of a namespace is the webhook's to judge."""
    import base64

    authority = base64.b64encode((cluster.workspace.kubernetes / "pki" / "ca.crt").read_bytes()).decode()
    meta = {"name": WEBHOOK, "namespace": NAMESPACE}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["CREATE"]}
    hook = {
        "name": "asks.parapet.dev",
        "clientConfig": {"service": {**meta, "port": 443}, "caBundle": authority},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
    }
    cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 443}]}},
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": WEBHOOK},
            "webhooks": [hook],
        },
    )
    yield
    cluster.kubectl("delete", "validatingwebhookconfiguration", WEBHOOK, "--ignore-not-found")


def _judged(cluster: Cluster) -> str:
    return cluster.run("create", "secret", "generic", "case", f"--namespace={NAMESPACE}").stderr


@pytest.mark.usefixtures("asked")
def test_a_webhook_by_service_is_asked_where_it_is_here(cluster: Cluster, webhook: int, way: int) -> None:
    assert "no process of this machine answers for it; ./parapet up --live starts it" in wait_for(
        lambda: (said := _judged(cluster)) and "failed calling webhook" in said and said
    )
    live.tell(cluster.workspace, [], {f"{NAMESPACE}/{WEBHOOK}": {"443": f"127.0.0.1:{webhook}"}}, [], 0)
    assert "the webhook was asked" in _judged(cluster)


@pytest.mark.usefixtures("asked")
def test_without_the_process_nothing_is_admitted_that_a_webhook_must_see(cluster: Cluster) -> None:
    assert "failed calling webhook" in wait_for(
        lambda: (said := _judged(cluster)) and "failed calling webhook" in said and said
    )


@pytest.mark.parametrize("certificate", ["workloads", "live", None])
def test_only_the_api_server_is_let_in(cluster: Cluster, way: int, certificate: str | None) -> None:
    pki = cluster.workspace.kubernetes / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if certificate:
        context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
    with socket.create_connection(("127.0.0.1", way), timeout=10) as plain:
        tls = context.wrap_socket(plain, server_hostname="localhost")
        try:
            tls.sendall(b"CONNECT 10.100.0.1:443 HTTP/1.1\r\n\r\n")
            said = tls.recv(1000)
        except OSError:  # ended before it was asked
            said = b""
    assert not said


@pytest.mark.parametrize(
    ("asks", "says"),
    [
        ("CONNECT 127.0.0.1:22 HTTP/1.1", "no Service has the address 127.0.0.1"),
        ("CONNECT 10.100.0.1:443 HTTP/1.1", "Service default/kubernetes port 443: no process of this machine"),
        ("GET / HTTP/1.1", "GET is no CONNECT"),
    ],
)
def test_it_leads_nowhere_else(cluster: Cluster, way: int, asks: str, says: str) -> None:
    pki = cluster.workspace.kubernetes / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "kube-apiserver.crt", pki / "kube-apiserver.key")
    with socket.create_connection(("127.0.0.1", way), timeout=10) as plain:
        tls = context.wrap_socket(plain, server_hostname="localhost")
        tls.sendall(f"{asks}\r\n\r\n".encode())
        said = tls.recv(1000).decode()
    assert said.startswith("HTTP/1.1 503 ")
    assert says in said


@pytest.mark.usefixtures("asked")
def test_who_leaves_the_live_controllers_is_asked_nothing_more(cluster: Cluster) -> None:
    live.enter(cluster.workspace)
    control_plane.leave_live(cluster.workspace)
    assert not live.asked_for(cluster.workspace)
    assert wait_for(
        lambda: "created" in cluster.run("create", "secret", "generic", "left", f"--namespace={NAMESPACE}").stdout
    )
    cluster.kubectl("delete", "secret", "left", f"--namespace={NAMESPACE}")
