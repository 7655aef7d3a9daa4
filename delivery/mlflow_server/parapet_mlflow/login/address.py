"""Where a request comes from, as far as the log-in's limits are concerned."""

import ipaddress

from parapet_mlflow.login.asgi import Scope


def of(scope: Scope) -> str:
    """The client's address as the server was told it; of IPv6 the network, of which one client has all addresses."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
