"""The load balancer before the gateway: an Envoy with nothing but what a network load balancer of AWS does.

It ends the users' TLS with the certificate that the Service names, and begins a connection of its own to the gateway:
by TLS, without a server name, and verifying nothing (Elastic Load Balancing, "TLS listeners for your Network Load
Balancer", and "Target groups": certificates of targets are not validated). It reads no request.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from local.files import write_private
from local.kubernetes.live import envoy
from local.kubernetes.live.process import Place, Process
from local.kubernetes.live.proxies import GATEWAY_ADDRESS

ADDRESS = 1
"""The last number of its address."""
CHAIN, KEY = "certificate.pem", "key.pem"
END: Final = "-----END CERTIFICATE-----"
_PREFIX: Final = "service.beta.kubernetes.io/aws-load-balancer-"
POLICIES: Final = {
    # Elastic Load Balancing, "Security policies for your Network Load Balancer". TLS 1.3's ciphers are always these.
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
    )
}
"""The ciphers of TLS 1.2, its oldest version, by the policy's name."""


@dataclass(frozen=True)
class Certificate:
    """What the load balancer shows: PEM, its own certificate first."""

    chain: str
    key: str

    @property
    def authorities(self) -> str:
        """Those above it."""
        return self.chain.partition(f"{END}\n")[2]


def wanted(service: Mapping[str, Any]) -> str:
    """The ARN of the certificate that a Service's load balancer shows.

    Raises LookupError where the Service wants something that this one does not do: it would be open here in another way
    than on AWS.
    """
    meta, said = service["metadata"], service["metadata"].get("annotations", {})
    name = f"the Service {meta['namespace']}/{meta['name']}"
    ports = [str(each["port"]) for each in service["spec"]["ports"]]
    for key, allowed in {
        "type": ("nlb",),
        "internal": ("true",),
        "ssl-ports": (",".join(ports),),
        "ssl-negotiation-policy": tuple(POLICIES),
        "backend-protocol": ("ssl",),
    }.items():
        if (value := said.get(_PREFIX + key)) not in allowed:
            raise LookupError(
                f"{name} says {_PREFIX}{key}: {value or 'nothing'}. The load balancer of this machine knows "
                f"{' and '.join(allowed)}."
            )
    if not (arn := said.get(f"{_PREFIX}ssl-cert", "")):
        raise LookupError(f"{name} says no {_PREFIX}ssl-cert: a load balancer shows a certificate.")
    return str(arn)


def certificate(acm: Any, arn: str) -> Certificate:
    """The certificate and its key, of a client of the AWS API; raises botocore's errors."""
    # Importing these takes a while, and most processes have no load balancer.
    from cryptography.hazmat.primitives import serialization

    word = base64.b64encode(secrets.token_bytes(24))
    told = acm.export_certificate(CertificateArn=arn, Passphrase=word)
    key = serialization.load_pem_private_key(told["PrivateKey"].encode(), word)
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # With those above it: a client may know the root alone.
    chain = "".join(f"{told[name].strip()}\n" for name in ("Certificate", "CertificateChain"))
    return Certificate(chain, plain.decode())


def configure(service: Mapping[str, Any], place: Place, shown: Certificate) -> None:
    """Writes what Envoy reads."""
    write_private(place.folder / CHAIN, shown.chain.encode())
    write_private(place.folder / KEY, shown.key.encode())
    envoy.configure(configuration(service, place, sha256(shown.chain.encode()).hexdigest()), place)


def process(place: Place) -> Process:
    """The process, in whose folder `configure` has written by then."""
    return envoy.process(place, ADDRESS)


def status(service: Mapping[str, Any], region: str) -> dict[str, Any]:
    """What a Service's status is once its load balancer answers: a name as Elastic Load Balancing gives it, always the
    same for one Service."""
    uid = str(service["metadata"]["uid"])
    named = ("a" + uid.replace("-", ""))[:32]  # as the controllers of Kubernetes name a Service's load balancer
    host = f"{named}-{sha256(uid.encode()).hexdigest()[:16]}.elb.{region}.amazonaws.com"
    return {"status": {"loadBalancer": {"ingress": [{"hostname": host}]}}}


def configuration(service: Mapping[str, Any], place: Place, certificate: str = "") -> dict[str, Any]:
    """Envoy's own configuration: a listener and the gateway's port behind it for each port of the Service.

    `certificate`: names what is in its file, so that the configuration changes with it.
    """
    ciphers = POLICIES[service["metadata"]["annotations"][f"{_PREFIX}ssl-negotiation-policy"]]
    ports = [(each["port"], each["targetPort"]) for each in service["spec"]["ports"]]
    return {
        "node": {"id": "load-balancer", "cluster": certificate},
        "admin": {"address": envoy.address(place.address(ADDRESS), envoy.ADMIN)},
        "static_resources": {
            "listeners": [_listener(place, port, ciphers) for port, _ in ports],
            "clusters": [_cluster(f"gateway-{port}", place.address(GATEWAY_ADDRESS), target) for port, target in ports],
        },
    }


def _listener(place: Place, port: int, ciphers: tuple[str, ...]) -> dict[str, Any]:
    tls = {
        "tls_params": _versions() | {"cipher_suites": list(ciphers)},
        "tls_certificates": [envoy.pair(place, CHAIN, KEY)],
    }
    passing = {
        "@type": f"{envoy.TYPES}filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": f"port-{port}",
        "cluster": f"gateway-{port}",
        # Elastic Load Balancing, "Network Load Balancers", connection idle timeout: 350 seconds.
        "idle_timeout": "350s",
    }
    return envoy.listener(f"port-{port}", envoy.address(place.address(ADDRESS), port), tls, {"tcp": passing})


def _cluster(name: str, address: str, port: int) -> dict[str, Any]:
    return envoy.cluster(name, envoy.address(address, port), {"common_tls_context": {"tls_params": _versions()}})


def _versions() -> dict[str, str]:
    return {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
