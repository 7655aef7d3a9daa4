"""The door for clients that know no names: what is written for it. Live: `tests/e2e/test_the_live_controllers.py`."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from local.kubernetes.live import door
from local.kubernetes.live.load_balancer import Certificate
from local.kubernetes.live.process import Place
from local.workspace import Workspace

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
    made = json.loads((place.folder / door.CONFIGURATION).read_text())["static_resources"]
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
