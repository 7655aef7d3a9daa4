"""What the gateway does with the TLS hello of a load balancer, asked of a real Envoy."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster import mesh
from tests.platform.cluster.gateway_proxy import Proxy, listener, running, server_names

pytestmark = pytest.mark.process

HOST = "mlflow.example.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate as istiod gives it to a workload: of a SPIFFE id and no host name."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    spiffe = x509.UniformResourceIdentifier("spiffe://cluster.local/ns/ingress/sa/istio-ingress")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([spiffe]), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "cert-chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


def proxy(folder: Path, certificate: tuple[Path, Path], hosts: list[str] | None = None) -> Any:
    """Envoy with the gateway's one server, or with one of other hosts."""
    (server,) = mesh.gateway()["servers"]
    server = {**server, "hosts": hosts or server["hosts"]}
    chain, key = certificate
    return running(folder, lambda port: listener(server, [HOST], port, chain, key, mesh.USERS))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Proxy]:
    with proxy(tmp_path_factory.mktemp("gateway"), certificate) as started:
        yield started


def test_a_load_balancer_gets_through_by_a_hello_without_a_server_name(gateway: Proxy) -> None:
    assert gateway.ask(HOST, None) == (200, HOST)


@pytest.mark.parametrize("server_name", [HOST, "s3.us-east-1.amazonaws.com"])
def test_whoever_says_a_server_name_is_no_load_balancer_and_is_refused(gateway: Proxy, server_name: str) -> None:
    """As a pod has to, whose proxy lets AWS's names out to any address."""
    status, _ = gateway.ask(HOST, server_name)
    assert status == 403


def test_the_host_header_chooses_the_service_and_an_unknown_one_has_none(gateway: Proxy) -> None:
    assert gateway.ask("models.example.com", None)[0] == 404


def test_plain_http_gets_no_answer(gateway: Proxy) -> None:
    assert gateway.ask_in_plain(HOST) == b""


def test_a_gateway_for_named_hosts_resets_a_hello_without_a_server_name(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """So that the tests above prove something: this is what a load balancer in front would meet."""
    with proxy(tmp_path, certificate, ["*.example.com"]) as started:
        assert started.ask(HOST, HOST)[0] == 403, "answered, and by the policy for users"
        with pytest.raises(OSError, match=r"reset|EOF|closed"):
            started.ask(HOST, None)


def test_a_server_name_is_asked_for_unless_a_host_is_a_star() -> None:
    assert server_names(["mlflow/*", "serving/*"]) == []
    assert server_names(["mlflow/*.example.com", "*.example.com", "a.example.org"]) == [
        "*.example.com",
        "a.example.org",
    ]
