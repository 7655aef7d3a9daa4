"""Where a request comes from."""

import ipaddress
import re
from typing import Final

from parapet_mlflow.asgi import Scope, values

GATEWAY: Final = "PARAPET_GATEWAY"
"""The variable with the SPIFFE id of the mesh's gateway, through which people come."""
_CERTIFICATE, _FORWARDED = b"x-forwarded-client-cert", b"x-forwarded-for"
_IDENTITY: Final = re.compile(r"(?:^|;)URI=(spiffe://[\w./-]+)(?:;|$)", re.ASCII)


def of(scope: Scope, gateway: str = "") -> str:
    """The client's address, if it came through the gateway; who it is in the mesh, if it came from within.

    Without a mesh it is the peer's address.

    The proxy before this server puts the certificate that it verified at the end of `X-Forwarded-Client-Cert`, and the
    gateway the address that it saw at the end of `X-Forwarded-For` (Envoy's documentation, "HTTP header manipulation").
    What stands before the end, a client may have made up.
    """
    if gateway and (identity := _IDENTITY.search(_last(scope, _CERTIFICATE))):
        return _network(_last(scope, _FORWARDED)) if identity[1] == gateway else identity[1]
    client = scope.get("client")
    return _network(client[0] if client else "")


def _last(scope: Scope, name: bytes) -> str:
    given = values(scope["headers"], name)
    return given[-1].decode("latin-1").rpartition(",")[2].strip() if given else ""


def _network(text: str) -> str:
    """An address; of IPv6 the network, of which one client has all addresses."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
