"""Amazon Route 53's DNS firewall: what it does where it is out of order."""

from __future__ import annotations

from hipaa.resource import Properties
from hipaa.rule import LOW, rule
from hipaa.verdict import Verdict, is_


@rule(
    "dns-firewall-fails-closed",
    on="aws:route53/resolverFirewallConfig:ResolverFirewallConfig",
    severity=LOW,
    advisory="names that resolve keep systems in reach (164.308(a)(7)), which may matter more than what a filter stops",
    fix="Leave firewall_fail_open out or set it to DISABLED.",
    sound=[{"resourceId": "vpc-1"}, {"resourceId": "vpc-1", "firewallFailOpen": "DISABLED"}],
    unsound=[{"resourceId": "vpc-1", "firewallFailOpen": "ENABLED"}],
)
def dns_firewall_fails_closed(config: Properties) -> Verdict:
    """A DNS firewall that cannot answer lets no name be resolved unseen."""
    return config.require("firewallFailOpen", is_("DISABLED"), default="DISABLED")
