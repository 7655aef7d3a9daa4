"""What the VPC's resolver answers: the names on a list, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.stack import Stack

MOST: Final = 255
"""Names of one list, as the provider takes them."""
PRIORITY: Final = 101
"""The first that an account's own may have (Amazon Route 53 API Reference, AssociateFirewallRuleGroup). An
organization's come before it, and after all of the account's."""


@dataclass(frozen=True, kw_only=True)
class DnsFirewallArgs:
    stack: Stack
    vpc_id: pulumi.Input[str]
    answered: Sequence[str]
    """At most `MOST` names, each with `*.` before it where all below it are meant."""


class DnsFirewall(pulumi.ComponentResource):
    """No name leaves the VPC but those that are listed: what a name says, its owner's server reads, even where no
    packet leaves.

    The rest does not exist, as far as who asks can tell: a resolver then goes on with the next name of its search list,
    which some end at an answer without data. While the firewall itself fails, nothing is answered.
    """

    def __init__(self, name: str, args: DnsFirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:DnsFirewall", name, {"answered": args.answered}, opts)
        self._own = pulumi.ResourceOptions(parent=self)
        group = aws.route53.ResolverFirewallRuleGroup(name, tags={"Name": name}, opts=self._own)
        # Whoever owns a name may lead on from it by a CNAME, as S3 and identity providers do, and reads the question in
        # any case: the chain is theirs, so only its first name is looked at.
        allowed = self._rule(
            f"{name}-answered",
            group,
            args.answered,
            priority=100,
            action="ALLOW",
            firewall_domain_redirection_action="TRUST_REDIRECTION_DOMAIN",
        )
        rest = self._rule(f"{name}-rest", group, ["*"], priority=200, action="BLOCK", block_response="NXDOMAIN")
        aws.route53.ResolverFirewallConfig(name, resource_id=args.vpc_id, firewall_fail_open="DISABLED", opts=self._own)
        aws.route53.ResolverFirewallRuleGroupAssociation(
            name,
            firewall_rule_group_id=group.id,
            vpc_id=args.vpc_id,
            priority=PRIORITY,
            mutation_protection="ENABLED" if args.stack.protect else "DISABLED",
            tags={"Name": name},
            # A VPC with one of the two rules alone would get every answer, or none.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed, rest]),
        )
        self.register_outputs({})

    def _rule(
        self,
        name: str,
        group: aws.route53.ResolverFirewallRuleGroup,
        domains: Sequence[str],
        *,
        priority: int,
        action: str,
        block_response: str | None = None,
        firewall_domain_redirection_action: str | None = None,
    ) -> aws.route53.ResolverFirewallRule:
        # With the dot at the end with which AWS tells each name again: the provider compares the two as they are, and
        # would write the list anew at every update (hashicorp/terraform-provider-aws, issue 23543).
        whole = [f"{each}." for each in domains]
        listed = aws.route53.ResolverFirewallDomainList(name, domains=whole, tags={"Name": name}, opts=self._own)
        return aws.route53.ResolverFirewallRule(
            name,
            firewall_rule_group_id=group.id,
            firewall_domain_list_id=listed.id,
            priority=priority,
            action=action,
            block_response=block_response,
            firewall_domain_redirection_action=firewall_domain_redirection_action,
            opts=self._own,
        )
