"""The door for clients that know no names: what is written for it. Live: `tests/e2e/test_the_live_controllers.py`."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509

from local.certificates import issue
from local.kubernetes.live import door, load_balancer
from local.kubernetes.live.envoy import CONFIGURATION
from local.kubernetes.live.lacking import lacking
from local.kubernetes.live.load_balancer import Certificate
from local.kubernetes.live.process import Place
from local.toolchain import live as live_tools
from local.workspace import Workspace
from tests.cluster import wait_for

END = "-----END CERTIFICATE-----\n"
SHOWN = Certificate(f"the balancer's\n{END}above\n{END}root\n{END}", "a key")
A, B = "a.parapet.internal", "b.parapet.internal"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    workspace = Workspace(home=tmp_path)
    folder = workspace.live / door.DOOR
    folder.mkdir(parents=True)
    (workspace.live / "network").write_text("127.9.8")
    return Place(workspace, folder, "127.9.8", "https://127.0.0.1:1", "")


def route(host: str, *gateways: str, **meta: str) -> dict[str, Any]:
    return {"metadata": {"name": host, **meta}, "spec": {"hosts": [host], "gateways": list(gateways)}}


def test_the_names_are_those_that_the_gateway_leads_somewhere() -> None:
    routes = [route(B, "ingress/ingress"), route(A, "ingress/ingress"), route("c"), route("d", "mesh")]
    routes.append(route("e", "ingress/ingress", deletionTimestamp="2026-01-01T00:00:00Z"))
    assert door.hosts(routes) == [A, B]


def test_each_name_has_a_port_that_stays_its_own(place: Place) -> None:
    door.configure([B], place, SHOWN)
    door.configure([A, B], place, SHOWN)
    assert door.urls(place.workspace) == {A: "https://127.9.8.9:8444", B: "https://127.9.8.9:8443"}
    door.configure([A], place, SHOWN)
    door.configure([A, "c"], place, SHOWN)
    assert door.urls(place.workspace) == {A: "https://127.9.8.9:8444", "c": "https://127.9.8.9:8443"}


def test_a_request_has_its_name_again_and_goes_to_a_load_balancer_that_is_verified(place: Place) -> None:
    door.configure([A], place, SHOWN)
    made = json.loads((place.folder / CONFIGURATION).read_text())["static_resources"]
    (listener,), (cluster,) = made["listeners"], made["clusters"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host["routes"][0]["route"]["host_rewrite_literal"] == A
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"] == {"socket_address": {"address": "127.9.8.1", "port_value": 443}}
    tls = cluster["transport_socket"]["typed_config"]
    trusted = tls["common_tls_context"]["validation_context"]
    assert tls["sni"] == trusted["match_typed_subject_alt_names"][0]["matcher"]["exact"] == A
    assert Path(trusted["trusted_ca"]["filename"]).read_text() == f"above\n{END}root\n{END}"


def test_its_certificate_names_its_address_and_stays(place: Place) -> None:
    door.configure([A], place, SHOWN)
    file = place.folder / f"{door.DOOR}.crt"
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["127.9.8.9"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(door.authority(place.workspace).encode()))
    before = file.read_bytes()
    door.configure([A, B], place, SHOWN)
    assert file.read_bytes() == before


def test_a_stack_without_live_parts_has_no_door(tmp_path: Path) -> None:
    assert door.urls(Workspace(home=tmp_path)) == {}
    assert door.authority(Workspace(home=tmp_path)) == ""


class Balancer:
    """A load balancer that says what it was asked."""

    def __init__(self, folder: Path, address: str, *hosts: str) -> None:
        issue(folder, "root", "the platform")
        issue(folder, "leaf", "the load balancer", authority="root", hosts=hosts)
        self.shown = Certificate("".join((folder / f"{name}.crt").read_text() for name in ("leaf", "root")), "")
        self._server = ThreadingHTTPServer((address, 443), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.crt", folder / "leaf.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps([self.headers["Host"], self.path, self.headers.get("Authorization")]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def envoy(place: Place) -> Iterator[list[subprocess.Popen[bytes]]]:
    live_tools.ensure(place.workspace)
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for each in running:
        each.kill()
        each.wait()


def asked(url: str, authorities: Path) -> tuple[int, Any]:
    headers = {"Authorization": "Bearer mine"}
    try:
        told = requests.get(f"{url}/v2/health/live?a=b", headers=headers, verify=str(authorities), timeout=10)
    except requests.exceptions.SSLError:
        raise
    except requests.ConnectionError:
        return 0, None
    return told.status_code, told.json() if told.ok else None


@pytest.mark.live
@pytest.mark.xdist_group("door")
@pytest.mark.skipif(bool(lacking()), reason=lacking() or "nothing is lacking")
@pytest.mark.parametrize(
    ("certified", "answer"),
    [("*.parapet.internal", (200, [A, "/v2/health/live?a=b", "Bearer mine"])), ("elsewhere.internal", (503, None))],
    ids=["the platform's", "another host's"],
)
def test_a_plain_client_asks_by_an_address_and_the_name_arrives(
    place: Place, envoy: list[subprocess.Popen[bytes]], tmp_path: Path, certified: str, answer: tuple[int, Any]
) -> None:
    balancer = Balancer(tmp_path / "balancer", place.address(load_balancer.ADDRESS), certified)
    try:
        door.configure([A], place, balancer.shown)
        envoy.append(subprocess.Popen(door.process(place).command))
        url, trusted = door.urls(place.workspace)[A], place.folder / f"{door.AUTHORITY}.crt"
        assert wait_for(lambda: asked(url, trusted)[0])
        assert asked(url, trusted) == answer
        with pytest.raises(requests.exceptions.SSLError):
            asked(url, tmp_path / "balancer" / "root.crt")
    finally:
        balancer.end()
