"""A door for a client that knows no names: an Envoy in the place of the hospital's DNS.

Users come to models by names of the stack's domain, which no resolver of this machine knows. So each name has a port at
a loopback address, whose certificate names that address; behind it, a request has the name again, and goes to the load
balancer by TLS that verifies it, as a client's would. The load balancer and all behind it are asked as they are.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from local.files import write_private
from local.kubernetes.live import envoy, load_balancer
from local.kubernetes.live.process import Place, Process
from local.workspace import Workspace

DOOR: Final = "door"
ADDRESS = 9
"""The last number of its address."""
FIRST = 8443
"""The first name's port."""
PORTS, BEHIND = "ports.json", "behind.pem"
AUTHORITY: Final = "authority"
GATEWAY: Final = "ingress/ingress"
"""How a VirtualService names the mesh's gateway."""


def hosts(virtual_services: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names that the gateway leads somewhere."""
    found = {
        host
        for each in virtual_services
        if GATEWAY in each["spec"].get("gateways", []) and "deletionTimestamp" not in each["metadata"]
        for host in each["spec"].get("hosts", [])
    }
    return sorted(found)


def urls(workspace: Workspace) -> dict[str, str]:
    """Where each name is reached here; none where the stack has no live parts, or no model."""
    if not workspace.live_network:
        return {}
    return {host: f"https://{workspace.live_network}.{ADDRESS}:{port}" for host, port in _ports(workspace).items()}


def authority(workspace: Workspace) -> str:
    """PEM: who signs the door's certificate; empty where there is no door."""
    file = workspace.live / DOOR / f"{AUTHORITY}.crt"
    return file.read_text() if file.exists() else ""


def configure(names: Sequence[str], place: Place, shown: load_balancer.Certificate) -> None:
    """Writes what Envoy reads. `shown`: the load balancer's certificate. A name has the same port each time."""
    known = _ports(place.workspace)
    free = (port for port in range(FIRST, FIRST + len(known) + len(names) + 1) if port not in known.values())
    ports = {name: known[name] if name in known else next(free) for name in names}
    if not (place.folder / f"{DOOR}.crt").exists():
        from local.certificates import issue  # a tenth of a second, that who asks for a URL does not need

        issue(place.folder, AUTHORITY, "the door of a local Parapet")
        issue(place.folder, DOOR, DOOR, authority=AUTHORITY, hosts=[place.address(ADDRESS)])
    write_private(place.folder / BEHIND, shown.authorities.encode())
    write_private(place.folder / PORTS, json.dumps(ports).encode())
    envoy.configure(configuration(ports, place), place)


def process(place: Place) -> Process:
    """The process, in whose folder `configure` has written by then."""
    return envoy.process(place, ADDRESS)


def configuration(ports: Mapping[str, int], place: Place) -> dict[str, Any]:
    """Envoy's own configuration: a listener and a cluster for each name."""
    return {
        "node": {"id": DOOR, "cluster": DOOR},
        "admin": {"address": envoy.address(place.address(ADDRESS), envoy.ADMIN)},
        "static_resources": {
            "listeners": [_listener(name, port, place) for name, port in ports.items()],
            "clusters": [_cluster(name, place) for name in ports],
        },
    }


def _listener(name: str, port: int, place: Place) -> dict[str, Any]:
    # A model's answer may take its time: the limits are the server's.
    route = {"match": {"prefix": "/"}, "route": {"cluster": name, "host_rewrite_literal": name, "timeout": "0s"}}
    router = {"@type": f"{envoy.TYPES}filters.http.router.v3.Router", "suppress_envoy_headers": True}
    manager = {
        "@type": f"{envoy.TYPES}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": f"port-{port}",
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": router}],
    }
    tls = {"tls_certificates": [envoy.pair(place, f"{DOOR}.crt", f"{DOOR}.key")]}
    return envoy.listener(name, envoy.address(place.address(ADDRESS), port), tls, {"http": manager})


def _cluster(name: str, place: Place) -> dict[str, Any]:
    trusted = {
        "trusted_ca": {"filename": str(place.folder / BEHIND)},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": name}}],
    }
    tls = {"sni": name, "common_tls_context": {"validation_context": trusted}}
    return envoy.cluster(name, envoy.address(place.address(load_balancer.ADDRESS), 443), tls)


def _ports(workspace: Workspace) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads((workspace.live / DOOR / PORTS).read_text())
    except FileNotFoundError:
        return {}
    return found
