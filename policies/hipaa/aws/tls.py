"""Which named TLS settings of AWS's services refuse TLS 1.0 and 1.1: they stand in `facts.yaml`.

HHS takes encryption in transit to be valid where it follows NIST SP 800-52 (74 FR 19006), whose revision 2 forbids
both.
"""

from __future__ import annotations

import re
from functools import cache

from hipaa.facts import fact
from hipaa.verdict import Requirement

LOAD_BALANCERS = "tls-of-load-balancers"
CLOUDFRONT = "tls-of-cloudfront"
API_GATEWAY = "tls-of-api-gateway"

_WORDS = {
    LOAD_BALANCERS: "a security policy without TLS 1.0 and 1.1, like 'ELBSecurityPolicy-TLS13-1-2-Res-2021-06'",
    CLOUDFRONT: "'TLSv1.2_2021' or another of TLS 1.2 and later",
    API_GATEWAY: "'TLS_1_2', or an enhanced policy of TLS 1.2 and later",
}


def refuses_old(service: str) -> Requirement:
    """A setting of a service that speaks TLS 1.2 or later and nothing before it."""
    return Requirement(_WORDS[service], lambda name: is_sound(service, name))


def is_sound(service: str, name: object) -> bool:
    """Whether the setting of this name refuses TLS 1.0 and 1.1."""
    return any(pattern.fullmatch(str(name)) for pattern in _sound(service))


def default_of(service: str) -> str:
    """The setting that holds where a program names none."""
    return str(fact(service)["default"])


@cache
def _sound(service: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, fact(service)["sound"]))
