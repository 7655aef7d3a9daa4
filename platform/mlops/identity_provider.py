"""What the settings say of an identity provider, whoever asks it: MLflow for its people, models for their callers."""

import ssl
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from setting_errors import refusal

WIDEST_PREFIX: Final = 16
MAX_RESOLVERS: Final = 6
"""Of a rule of Route 53 Resolver (Amazon Route 53 API Reference, ResolverRule, TargetIps)."""
MAX_AUTHORITIES: Final = 32_768
"""Characters."""
NO_HOSTS: Final = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
"""Nobody's, this machine's, its link's (where EC2 answers for the node's role), and what is of many (RFC 6890)."""
HOST: Final = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
STRICT: Final = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)


def _narrow(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < WIDEST_PREFIX or not _of_a_host(network):
        raise ValueError
    return network


def _of_a_host(where: IPv4Network | IPv4Address) -> bool:
    return not any(IPv4Network(where).overlaps(each) for each in NO_HOSTS)


def _host_address(address: IPv4Address) -> IPv4Address:
    if not _of_a_host(address):
        raise ValueError
    return address


def _certificates(text: str) -> str:
    if text:
        try:
            if "PRIVATE KEY" in text:
                raise ValueError
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError):
            # The text itself is not shown: it may have a key in it.
            raise refusal("", "something else", "certificates in PEM, and nothing that is secret") from None
    return text


def apart(where: str, cidrs: tuple[IPv4Network, ...]) -> None:
    """Refuses ranges that overlap, by their place in the list `where`."""
    for place, one in enumerate(cidrs):
        for before, other in enumerate(cidrs[:place]):
            if one.overlaps(other):
                raise refusal(f"{where}[{place}]", one, f"apart from cidrs[{before}], which is {other}")


Text = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$", description="1 to 255 characters of ASCII without spaces")]
Claim = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$", description="the name of a claim, such as groups")]
Issuer = Annotated[
    str,
    Field(
        pattern=f"^https://{HOST}(:443)?(/[A-Za-z0-9._~/-]*)?$",
        description="an address that begins with https://, such as https://login.example.org/tenant",
    ),
]
Addresses = Annotated[
    IPv4Network,
    AfterValidator(_narrow),
    Field(description=f"an IPv4 range of hosts, of a /{WIDEST_PREFIX} or narrower, that starts on its own boundary"),
]
Resolver = Annotated[
    IPv4Address, AfterValidator(_host_address), Field(description="the IPv4 address of a DNS server, such as 10.1.0.53")
]
Resolvers = Annotated[
    tuple[Resolver, ...],
    Field(max_length=MAX_RESOLVERS, description=f"a list of at most {MAX_RESOLVERS} addresses of DNS servers"),
]
Authorities = Annotated[
    str,
    AfterValidator(_certificates),
    Field(
        max_length=MAX_AUTHORITIES,
        description="certificates in PEM, or empty for the authorities that everybody knows",
    ),
]
