"""The load balancer of a Service: what it takes of it, and what it refuses to stand for. Live: `test_mesh.py`."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.kubernetes.live import envoy, load_balancer
from local.kubernetes.live.load_balancer import Certificate
from local.kubernetes.live.process import Place
from local.workspace import Workspace

PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
SAID = {
    "type": "nlb",
    "internal": "true",
    "ssl-cert": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "ssl-ports": "443",
    "ssl-negotiation-policy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "backend-protocol": "ssl",
}


def service(**said: str | None) -> dict[str, Any]:
    every = {**SAID, **{name.replace("_", "-"): value for name, value in said.items()}}
    return {
        "metadata": {
            "name": "istio-ingress",
            "namespace": "ingress",
            "uid": "0e0a3f2b-9d5c-4c36-8d3f-6a8c5b1f7e11",
            "annotations": {PREFIX + name: value for name, value in every.items() if value is not None},
        },
        "spec": {"type": "LoadBalancer", "ports": [{"port": 443, "targetPort": 443}]},
    }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Workspace(home=tmp_path), tmp_path / "lb", "127.9.8", "https://127.0.0.1:1", "http://127.0.0.1:2")


def test_it_shows_the_certificate_that_the_service_names() -> None:
    assert load_balancer.wanted(service()) == SAID["ssl-cert"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "external"),
        ("type", None),
        ("internal", "false"),
        ("internal", None),
        ("ssl-cert", None),
        ("ssl-ports", "8443"),
        ("ssl-negotiation-policy", "ELBSecurityPolicy-2016-08"),
        ("backend-protocol", "tcp"),
        ("backend-protocol", None),
    ],
)
def test_what_it_does_not_do_is_refused_by_its_name(name: str, value: str | None) -> None:
    """Else it would be more open here, or closed in another way, than on AWS."""
    with pytest.raises(LookupError, match=f"Service ingress/istio-ingress says .*{name}"):
        load_balancer.wanted(service(**{name: value}))


def test_it_ends_tls_by_the_policy_and_begins_tls_to_the_gateway_without_a_name(place: Place) -> None:
    made = load_balancer.configuration(service(), place)["static_resources"]
    (listener,), (cluster,) = made["listeners"], made["clusters"]
    assert listener["address"] == {"socket_address": {"address": "127.9.8.1", "port_value": 443}}
    (chain,) = listener["filter_chains"]
    tls = chain["transport_socket"]["typed_config"]["common_tls_context"]
    assert tls["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"
    assert all(name.startswith("ECDHE-") and "GCM" in name for name in tls["tls_params"]["cipher_suites"])
    assert [each["name"] for each in chain["filters"]] == ["tcp"], "it reads no request"
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"] == {"socket_address": {"address": "127.9.8.2", "port_value": 443}}
    assert "sni" not in cluster["transport_socket"]["typed_config"]


def test_a_new_certificate_is_another_configuration(place: Place) -> None:
    """By which whoever keeps the process sees that it is to be started anew."""
    place.folder.mkdir()
    configurations = set()
    for chain in ("one", "two", "two"):
        load_balancer.configure(service(), place, Certificate(chain, "a key"))
        configurations.add((place.folder / envoy.CONFIGURATION).read_text())
        assert (place.folder / load_balancer.KEY).stat().st_mode & 0o77 == 0
    assert len(configurations) == 2
    assert all("a key" not in each for each in configurations)
    json.loads(configurations.pop())


def test_the_service_learns_a_name_that_stays() -> None:
    (told,) = load_balancer.status(service(), "us-east-1")["status"]["loadBalancer"]["ingress"]
    assert told == {"hostname": "a0e0a3f2b9d5c4c368d3f6a8c5b1f7e1-457b96fb9f69bc56.elb.us-east-1.amazonaws.com"}


def test_the_key_comes_from_acm_by_a_word_that_is_used_once() -> None:
    words = []

    class Acm:
        def export_certificate(self, CertificateArn: str, Passphrase: bytes) -> dict[str, str]:  # noqa: N803
            words.append(Passphrase)
            key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(Passphrase),
            )
            return {"Certificate": CertificateArn, "CertificateChain": "above\nroot\n", "PrivateKey": key.decode()}

    for _ in range(2):
        shown = load_balancer.certificate(Acm(), "arn")
        assert shown.chain == "arn\nabove\nroot\n", "a client may know the root alone"
        assert shown.key.startswith("-----BEGIN PRIVATE KEY-----")
    assert words[0] != words[1]
