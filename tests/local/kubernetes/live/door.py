"""The mesh's door: istiod, a gateway, one workload's proxy and a load balancer, as `./parapet up --live` has them.

The control plane, the platform's namespaces, guardrails and mesh, and Istio's own charts are the real ones, and the
keeper of the live parts starts the processes. The one thing that is made up is the workload behind its proxy: a server
of these tests stands in the place of MLflow's.
"""

import base64
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cluster import namespaces as ns
from cluster.mesh_webhooks import AUTHORITY
from cluster.node_labels import ROLE
from local import processes, toolchain
from local.aws import server
from local.kubernetes import control_plane, live, workloads
from local.kubernetes.control_plane.servers import WORKLOADS
from local.kubernetes.live import istiod, load_balancer, proxies
from local.kubernetes.live.standing import GATEWAY, ISTIOD, LOAD_BALANCER
from local.kubernetes.live.tokens import MESH_AUDIENCE, MESH_TOKEN
from local.kubernetes.workloads import State, Workload
from local.toolchain import live as live_tools
from local.workspace import Workspace
from mlops.mlflow_server import pod as mlflow_pod
from mlops.mlflow_server import routes
from tests.cluster import wait_for
from tests.local.aws.conftest import LocalAws
from tests.local.aws.test_certificates import Account
from tests.platform.cluster import cases, charts, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.charts import Helm

HOST, UNKNOWN = f"mlflow.{manifests.DOMAIN}", f"models.{manifests.DOMAIN}"
IN_THE_MESH = f"{routes.SERVICE_HOST}:{mlflow_pod.PORT}"
SIDECAR = live.proxy_of("mlflow")
CERTIFICATE = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert"
ROOM = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "500Gi"}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "door", "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {ROLE: "system"}},
    "status": {"capacity": ROOM, "allocatable": ROOM},
}


class _Tells(BaseHTTPRequestHandler):
    """Answers with whom it was asked as, and whom the proxy says that it is from."""

    def do_GET(self) -> None:
        body = json.dumps({"host": self.headers["Host"], "from": self.headers["X-Forwarded-Client-Cert"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def workload() -> Iterator[int]:
    """The port of a server that stands for MLflow's."""
    serving = ThreadingHTTPServer(("127.0.0.1", 0), _Tells)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield serving.server_port
    serving.shutdown()
    serving.server_close()


def get(
    address: str, port: int, host: str, context: ssl.SSLContext | None = None, name: str | None = None
) -> tuple[int, str]:
    """The status and the body of a GET, by TLS where there is a context; raises OSError where it is not answered."""
    with socket.create_connection((address, port), timeout=10) as plain:
        connection = context.wrap_socket(plain, server_hostname=name) if context else plain
        connection.sendall(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    if not answer:
        raise ConnectionResetError("it was closed without an answer")
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def showing(certificates: Path) -> ssl.SSLContext:
    """A way to talk with that certificate, to who has one of the same authority."""
    context = ssl.create_default_context(cafile=str(certificates / "root-cert.pem"))
    context.check_hostname = False  # it is of a service account, and of no host
    context.load_cert_chain(certificates / "cert-chain.pem", certificates / "key.pem")
    return context


class Door:
    """All of it, in a home of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        toolchain.ensure(workspace)
        live_tools.ensure(workspace)
        live.enter(workspace)
        self.network = live.network(workspace)
        self.load_balancer, self.gateway, self.sidecar = (
            f"{self.network}.{last}"
            for last in (load_balancer.ADDRESS, proxies.GATEWAY_ADDRESS, proxies.MLFLOW_ADDRESS)
        )
        plane, _ = control_plane.ensure(workspace)
        record, _ = server.ensure(workspace, None)
        self.api = Api(workspace.bin / "kubectl", plane.kubeconfig)
        self.account = Account(LocalAws(server.endpoint(record)), domain=manifests.DOMAIN)
        self._helm = Helm(workspace.bin / "helm", workspace.sources / "charts")
        self._made = manifests.record(lambda: manifests.mesh(gateway_address=self.gateway))

    def fill(self, behind: int) -> None:
        """The platform's objects, the workload's server being at this port; returns once every part runs."""
        for component in (manifests.namespaces, manifests.guardrails):
            made = manifests.objects(manifests.record(component))
            self.apply(*(each for each in made if each["kind"] != "NetworkPolicy"))  # nothing here enforces one
        # Not applied: to a server-side apply the status is another's.
        node = self.api.run("create", "--filename=-", stdin=json.dumps(NODE))
        assert node.done, node.text
        self._pretend(behind)
        every = manifests.objects(self._made)
        made = [each for each in every if each["metadata"]["name"] != AUTHORITY]
        first = [each for each in made if each["apiVersion"].startswith("rbac.")]
        asked = [each for each in made if "webhooks" in each]
        # What the engine waits by, at the earliest: istiod fills one that is there as one that it makes.
        self.apply(*(each for each in every if each not in made))
        self.apply(*self._chart("base"), *first, *self._chart("istiod"))
        self.wait(ISTIOD)
        self.apply(*map(self._known, asked))
        certificate = self.account.request(KeyAlgorithm="EC_prime256v1")
        for each in (each for each in made if each not in first and each not in asked):
            annotations = each["metadata"].get("annotations", {})
            self.apply(_with_annotations(each, {CERTIFICATE: certificate}) if CERTIFICATE in annotations else each)
        self.apply(*self._chart("gateway"), *_mlflow())
        for part in (GATEWAY, SIDECAR, LOAD_BALANCER):
            self.wait(part)

    def authority(self, namespace: str) -> str:
        """The certificate of istiod's own authority, from where it writes it down."""
        which = (f"--namespace={namespace}", f"--field-selector=metadata.name={AUTHORITY}")
        wait_for(lambda: any("data" in each for each in self.api.items("configmaps", *which)))
        (found,) = self.api.items("configmaps", *which)
        return str(found["data"]["root-cert.pem"])

    def _known(self, webhooks: dict[str, Any]) -> dict[str, Any]:
        """As the engine makes it, which waits for that."""
        bundle = base64.b64encode(self.authority(ns.ISTIO_SYSTEM.name).encode()).decode()
        each = [{**each, "clientConfig": {**each["clientConfig"], "caBundle": bundle}} for each in webhooks["webhooks"]]
        return {**webhooks, "webhooks": each}

    def apply(self, *objects: dict[str, Any]) -> None:
        """As soon as what judges them answers: istiod's webhooks are there a moment before istiod is."""
        for each in objects:
            said = self.api.apply(each)
            if not said.done and "webhook" in said.text:
                wait_for(partial(_done, self.api, each), 30)
            else:
                assert said.done, said.text

    def wait(self, name: str) -> None:
        """Until this part of the live ones runs."""
        try:
            wait_for(lambda: (name, live.State.RUNNING) in {(each.name, each.state) for each in self.parts()}, 120)
        except AssertionError:
            raise AssertionError(f"{name} does not run; of the parts, {self.parts()}") from None

    def parts(self) -> list[live.Part]:
        return live.told(self.workspace)[1]

    def log(self, part: str) -> str:
        return live.log_of(self.workspace, part).read_text(errors="replace")

    def end(self) -> None:
        control_plane.forget(self.workspace)
        if record := server.running(self.workspace):
            processes.stop(self.workspace.run, record)

    def certificates(self, namespace: str, account: str, folder: Path) -> Path:
        """Where a service account's certificate is, which its pod's own agent asks istiod for."""
        token = self.api.run("create", "token", account, f"--namespace={namespace}", f"--audience={MESH_AUDIENCE}")
        assert token.done, token.text
        for path, content in {
            MESH_TOKEN: token.text.strip(),
            proxies.ROOT: self.authority(namespace),
            f"{proxies.POD}/annotations": 'status.sidecar.istio.io/port="0"\n',
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        found = folder / "certificates"
        found.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "DISABLE_ENVOY": "true",
            "OUTPUT_CERTS": str(found),
            "POD_NAME": f"{account}-of-a-test",
            "POD_NAMESPACE": namespace,
            "SERVICE_ACCOUNT": account,
            "INSTANCE_IP": "127.0.0.1",
            "ISTIOD_SAN": "istiod.istio-system.svc",
            "PROXY_CONFIG": json.dumps({"discoveryAddress": f"{self.network}.{istiod.ADDRESS}:{istiod.XDS}"}),
        }
        command = [self.workspace.bin / "pilot-agent", "proxy", "sidecar"]
        with (
            (folder / "agent.log").open("w") as log,
            subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as agent,
        ):
            try:
                wait_for(
                    lambda: {"cert-chain.pem", "key.pem", "root-cert.pem"} <= {each.name for each in found.iterdir()}
                )
            finally:
                agent.terminate()
        return found

    def _chart(self, name: str) -> list[dict[str, Any]]:
        return self._helm.render(charts.charts(self._made)[name])

    def _pretend(self, behind: int) -> None:
        """Says of MLflow that it runs, in the place of the keeper that would run it."""
        if record := processes.read(self.workspace.run, WORKLOADS):
            processes.stop(self.workspace.run, record)
        workloads.tell(self.workspace, 0, [Workload("mlflow", "mlflow", State.RUNNING, behind)])


def _done(api: Api, manifest: dict[str, Any]) -> bool:
    return api.apply(manifest).done


def _with_annotations(manifest: dict[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    meta = manifest["metadata"]
    return {**manifest, "metadata": {**meta, "annotations": {**meta["annotations"], **said}}}


def _mlflow() -> list[dict[str, Any]]:
    """Two pods with the labels, the account and the port of the MLflow server's, its Service, and its route."""
    selector = mlflow_pod.selector()
    pod = cases.compliant_pod(ns.MLFLOW.name)
    labels = pod["metadata"]["labels"] | selector
    pod["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": mlflow_pod.PORT}]
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    ports = [{"name": "http", "port": mlflow_pod.PORT, "targetPort": "http", "appProtocol": "http"}]
    return [
        {"apiVersion": version, "kind": kind, "metadata": {"name": "mlflow", "namespace": ns.MLFLOW.name}, "spec": spec}
        for version, kind, spec in (
            ("apps/v1", "Deployment", {"replicas": 2, "selector": {"matchLabels": selector}, "template": template}),
            ("v1", "Service", {"selector": selector, "ports": ports}),
            ("networking.istio.io/v1", "VirtualService", routes.from_gateway(HOST)),
        )
    ]
