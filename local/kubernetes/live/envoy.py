"""An Envoy whose configuration is a file of this machine's, and no agent's of the mesh."""

import json
from collections.abc import Mapping
from typing import Any, Final

from local.files import write_private
from local.kubernetes.live.process import Place, Process

ADMIN: Final = 15300
"""Its own API, at the address that it listens at."""
CONFIGURATION: Final = "envoy.yaml"
TYPES: Final = "type.googleapis.com/envoy.extensions."


def configure(configuration: Mapping[str, Any], place: Place) -> None:
    """Writes what it reads."""
    write_private(place.folder / CONFIGURATION, json.dumps(configuration, indent=1).encode())


def process(place: Place, last: int) -> Process:
    """The process, in whose folder `configure` has written by then. `last`: the last number of its address."""
    command = [str(place.workspace.bin / "envoy"), "-c", str(place.folder / CONFIGURATION)]
    command += ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    return Process(tuple(command), {}, f"http://{place.address(last)}:{ADMIN}/ready")


def address(host: str, port: int) -> dict[str, Any]:
    """As it names one."""
    return {"socket_address": {"address": host, "port_value": port}}


def pair(place: Place, chain: str, key: str) -> dict[str, Any]:
    """A certificate and its key, by the names of their files in the folder."""
    return {
        "certificate_chain": {"filename": str(place.folder / chain)},
        "private_key": {"filename": str(place.folder / key)},
    }


def listener(name: str, at: dict[str, Any], tls: Mapping[str, Any], filters: Mapping[str, Any]) -> dict[str, Any]:
    """What listens at an `address` by TLS. `tls`: its common context; `filters`: the settings of each, by its name."""
    context = {"@type": f"{TYPES}transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": tls}
    chain = {
        "transport_socket": {"name": "tls", "typed_config": context},
        "filters": [{"name": each, "typed_config": settings} for each, settings in filters.items()],
    }
    return {"name": name, "address": at, "filter_chains": [chain]}


def cluster(name: str, at: dict[str, Any], tls: Mapping[str, Any]) -> dict[str, Any]:
    """What is reached at an `address` by TLS. `tls`: the settings of the extension."""
    context = {"@type": f"{TYPES}transport_sockets.tls.v3.UpstreamTlsContext", **tls}
    return {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": at}}]}]},
        "transport_socket": {"name": "tls", "typed_config": context},
    }
