"""AWS WAF and AWS Network Firewall: that they look at something, and record what they saw."""

from __future__ import annotations

import json
import re
from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_set, violation

WEB_ACL = "aws:wafv2/webAcl:WebAcl"
WEB_ACL_CLASSIC = ("aws:wafregional/webAcl:WebAcl", "aws:waf/webAcl:WebAcl")
WEB_ACL_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
WEB_ACL_RULE = "aws:wafv2/webAclRule:WebAclRule"
WEB_ACL_RULE_GROUP = "aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation"
RULE_GROUP = "aws:wafv2/ruleGroup:RuleGroup"
FIREWALL = "aws:networkfirewall/firewall:Firewall"
FIREWALL_POLICY = "aws:networkfirewall/firewallPolicy:FirewallPolicy"
FIREWALL_LOGGING = "aws:networkfirewall/loggingConfiguration:LoggingConfiguration"

_ACL = Resource(WEB_ACL, {"arn": "arn:acl", "id": "acl", "scope": "REGIONAL"}, name="acl")


@stack_rule(
    "web-acl-keeps-a-log",
    on=(WEB_ACL, *WEB_ACL_CLASSIC),
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Add a WebAclLoggingConfiguration with resource_arn of the web ACL.",
    sound=[
        [_ACL, Resource(WEB_ACL_LOGGING, {"resourceArn": "arn:acl", "logDestinationConfigs": ["arn:aws:logs:waf"]})],
        [_ACL, Resource(WEB_ACL_LOGGING, {"resourceArn": UNKNOWN}, sources={"resourceArn": [_ACL.urn]})],
        [Resource(WEB_ACL_CLASSIC[0], {"loggingConfiguration": {"logDestination": "arn:aws:firehose:waf"}})],
    ],
    unsound=[
        [_ACL],
        [_ACL, Resource(WEB_ACL_LOGGING, {"resourceArn": "arn:another"})],
        [Resource(WEB_ACL_CLASSIC[1], {"metricName": "acl"})],
    ],
)
def web_acl_keeps_a_log(acl: Resource, stack: Stack) -> Verdict:
    """A web ACL records each request that it looked at, and what it decided."""
    if acl.type != WEB_ACL:
        return (
            Verdict()
            if acl.get("loggingConfiguration")
            else violation("`logging_configuration` is not set; it must be")
        )
    if stack.companions(acl, WEB_ACL_LOGGING, by="resourceArn"):
        return Verdict()
    return violation("no WebAclLoggingConfiguration is there for this web ACL")


_RULE: dict[str, Any] = {"name": "common", "priority": 1}
_COUNTED: dict[str, Any] = {"name": "counted", "priority": 2, "overrideAction": {"count": {}}}
_COUNTS = "only count what they match, and stop nothing; one of them must block, or be left to its group"


def _counts(rule_: Properties) -> bool:
    return any("count" in rule_.object(name) for name in ("action", "overrideAction"))


def _all_count_in(written: Any) -> bool:
    try:
        rules = json.loads(written) if isinstance(written, str) else []
    except (ValueError, RecursionError):
        return False
    found = [each for each in rules if isinstance(each, dict)] if isinstance(rules, list) else []
    actions = [[each.get(name) for name in ("Action", "OverrideAction") if each.get(name)] for each in found]
    return bool(actions) and all(
        each and all(isinstance(action, dict) and "Count" in action for action in each) for each in actions
    )


@stack_rule(
    "web-acl-has-rules",
    on=(WEB_ACL, *WEB_ACL_CLASSIC, RULE_GROUP),
    severity=MEDIUM,
    advisory="no law asks for a firewall of this kind; one without a rule only looks like a safeguard",
    fix="Set rules to AWS's managed rule groups, AWSManagedRulesCommonRuleSet first.",
    sound=[
        [Resource(WEB_ACL, {"rules": [_RULE]})],
        [Resource(WEB_ACL, {"ruleJson": "[{}]"})],
        [_ACL, Resource(WEB_ACL_RULE_GROUP, {"webAclArn": "arn:acl", "ruleName": "common", "priority": 1})],
        [Resource(WEB_ACL, {"defaultAction": {"block": {}}})],
        [Resource(RULE_GROUP, {"rules": [_RULE]})],
        [Resource(WEB_ACL, {"rules": [_COUNTED, _RULE | {"action": {"block": {}}}]})],
        [Resource(WEB_ACL, {"rules": [_COUNTED], "defaultAction": {"block": {}}})],
    ],
    unsound=[
        [_ACL],
        [Resource(WEB_ACL, {"rules": [], "defaultAction": {"allow": {}}})],
        [Resource(RULE_GROUP, {"capacity": 10})],
        [Resource(WEB_ACL, {"rules": [_COUNTED], "defaultAction": {"allow": {}}})],
        [Resource(WEB_ACL, {"rules": [_COUNTED, _RULE | {"action": {"count": {}}}]})],
        [Resource(RULE_GROUP, {"rules": [_RULE | {"action": {"count": {}}}]})],
        [Resource(WEB_ACL, {"ruleJson": json.dumps([{"Name": "a", "OverrideAction": {"Count": {}}}])})],
        [Resource(WEB_ACL_CLASSIC[0], {"metricName": "acl"})],
    ],
)
def web_acl_has_rules(acl: Resource, stack: Stack) -> Verdict:
    """A web ACL, or a group of rules for one, has rules that do more than count.

    What only counts stops nothing ("Testing and tuning your AWS WAF protections", AWS WAF Developer Guide).
    """
    if "block" in acl.object("defaultAction"):
        return Verdict()
    for name in ("ruleJson", "rulesJson"):
        if acl.is_set_by_program(name) and (written := acl.known(name)) != "":
            return violation(f"`{acl.where(name)}` {_COUNTS}") if _all_count_in(written) else Verdict()
    if acl.get("rules"):
        counted = [_counts(rule_) for rule_ in acl.objects("rules")]
        return violation(f"`rules` {_COUNTS}") if counted and all(counted) else Verdict()
    if acl.type == WEB_ACL and stack.companions(acl, (WEB_ACL_RULE_GROUP, WEB_ACL_RULE), by="webAclArn"):
        return Verdict()
    return violation("`rules` is empty; it must have the rules that requests are looked at by")


_FIREWALL = Resource(FIREWALL, {"arn": "arn:firewall", "id": "arn:firewall"}, name="firewall")


@stack_rule(
    "network-firewall-keeps-a-log",
    on=FIREWALL,
    severity=MEDIUM,
    advisory="flow logs of the VPC record who spoke to whom; the firewall's tells what it thought of it",
    proposed=PROPOSED_AUDIT,
    fix="Add a LoggingConfiguration with firewall_arn of the firewall, for the types FLOW and ALERT.",
    sound=[
        [_FIREWALL, Resource(FIREWALL_LOGGING, {"firewallArn": "arn:firewall"})],
        [_FIREWALL, Resource(FIREWALL_LOGGING, {"firewallArn": UNKNOWN}, sources={"firewallArn": [_FIREWALL.urn]})],
    ],
    unsound=[[_FIREWALL], [_FIREWALL, Resource(FIREWALL_LOGGING, {"firewallArn": "arn:another"})]],
)
def network_firewall_keeps_a_log(firewall: Resource, stack: Stack) -> Verdict:
    """A network firewall records what passed it and what it stopped."""
    if stack.companions(firewall, FIREWALL_LOGGING, by="firewallArn"):
        return Verdict()
    return violation("no LoggingConfiguration is there for this firewall")


def _policy(default: str, fragments: str = "aws:forward_to_sfe", **more: Any) -> dict[str, Any]:
    actions = {"statelessDefaultActions": [default], "statelessFragmentDefaultActions": [fragments]}
    return {"firewallPolicy": actions | more}


_GROUP = {"statefulRuleGroupReferences": [{"resourceArn": "arn:aws:network-firewall:us-east-1:111122223333:a"}]}


@rule(
    "network-firewall-looks-at-what-no-rule-names",
    on=FIREWALL_POLICY,
    severity=MEDIUM,
    advisory="security groups and routes bound traffic already; a firewall that lets the rest pass adds little to them",
    fix="Set stateless_default_actions and stateless_fragment_default_actions to aws:drop or aws:forward_to_sfe.",
    sound=[_policy("aws:forward_to_sfe"), _policy("aws:drop", "aws:drop")],
    unsound=[_policy("aws:pass"), _policy("aws:forward_to_sfe", "aws:pass")],
)
def network_firewall_looks_at_the_rest(policy: Properties) -> Verdict:
    """A network firewall drops what no rule of it names, or looks at it closer: it lets nothing pass unseen."""
    paths = (f"firewallPolicy.{name}" for name in ("statelessDefaultActions", "statelessFragmentDefaultActions"))
    return all_of(*(_passes_nothing(policy, path) for path in paths))


def _passes_nothing(policy: Properties, path: str) -> Verdict:
    if "aws:pass" in policy.listed(path):
        return violation(f"`{policy.where(path)}` has 'aws:pass'; it must be aws:drop or aws:forward_to_sfe")
    return policy.require(path, is_set())


@rule(
    "network-firewall-has-rules",
    on=FIREWALL_POLICY,
    severity=MEDIUM,
    advisory="no law asks for a firewall of this kind; one without a rule only looks like a safeguard",
    fix="Set stateful_rule_group_references or stateless_rule_group_references to the groups of rules.",
    sound=[
        _policy("aws:forward_to_sfe", **_GROUP),
        _policy("aws:forward_to_sfe", statefulDefaultActions=["aws:drop_strict"]),
    ],
    unsound=[_policy("aws:forward_to_sfe")],
)
def network_firewall_has_rules(policy: Properties) -> Verdict:
    """A network firewall's policy names rules, or drops what it does not know."""
    names = ("statefulRuleGroupReferences", "statelessRuleGroupReferences")
    if any(policy.at(f"firewallPolicy.{name}") for name in names):
        return Verdict()
    defaults = [
        *policy.listed("firewallPolicy.statelessDefaultActions"),
        *policy.listed("firewallPolicy.statefulDefaultActions"),
    ]
    if any("drop" in str(action) for action in defaults):
        return Verdict()
    return violation("`firewall_policy` names no group of rules; it must, or drop what it does not know")


@rule(
    "network-firewall-is-kept-from-deletion",
    on=FIREWALL,
    severity=LOW,
    advisory="a firewall holds no data, and the program makes it again; what is lost is time",
    fix="Set delete_protection to True.",
    sound=[{"deleteProtection": True}],
    unsound=[{}, {"deleteProtection": False}],
)
def network_firewall_is_kept_from_deletion(firewall: Properties) -> Verdict:
    """A network firewall cannot be deleted by a slip."""
    return firewall.require("deleteProtection", is_(True), default=False)


FIREWALL_RULES = "aws:networkfirewall/ruleGroup:RuleGroup"
_PASSES_ALL = re.compile(
    r"^\s*pass\s+(?:ip|tcp|udp)\s+any\s+any\s+(?:->|<>)\s+any\s+any\b", re.IGNORECASE | re.MULTILINE
)
_ANY = "ANY"


def _firewall_rules(**source: Any) -> dict[str, Any]:
    return {"type": "STATEFUL", "capacity": 10, "ruleGroup": {"rulesSource": source}}


def _header(**told: str) -> dict[str, Any]:
    everything = dict.fromkeys(("source", "sourcePort", "destination", "destinationPort"), _ANY)
    return everything | {"protocol": "IP", "direction": "ANY"} | told


@rule(
    "network-firewall-passes-what-it-names",
    on=FIREWALL_RULES,
    severity=MEDIUM,
    advisory="security groups and routes bound traffic already; a firewall that lets the rest pass adds little to them",
    fix="Name in a rule that passes the source and the destination that may; drop or alert on the rest.",
    sound=[
        _firewall_rules(rulesString='pass tls $HOME_NET any -> any 443 (tls.sni; content:"example.org"; sid:1;)'),
        _firewall_rules(rulesString="drop ip any any -> any any (sid:1;)"),
        _firewall_rules(statefulRules=[{"action": "PASS", "header": _header(destination="10.0.0.0/8")}]),
        _firewall_rules(statefulRules=[{"action": "DROP", "header": _header()}]),
    ],
    unsound=[
        _firewall_rules(rulesString="pass ip any any -> any any (sid:1;)"),
        _firewall_rules(rulesString="drop tcp any any -> any 23 (sid:1;)\npass tcp any any <> any any (sid:2;)"),
        {"type": "STATEFUL", "capacity": 10, "rules": "PASS IP any any -> any any (sid:1;)"},
        _firewall_rules(statefulRules=[{"action": "PASS", "header": _header()}]),
    ],
)
def network_firewall_passes_what_it_names(group: Properties) -> Verdict:
    """A rule of a network firewall that lets traffic pass says whose, or where to: else no other rule is reached."""
    source = "ruleGroup.rulesSource"
    for path in ("rules", f"{source}.rulesString"):
        if _PASSES_ALL.search(str(group.at(path, ""))):
            return violation(f"`{group.where(path)}` passes anything from anywhere to anywhere")
    for each in group.objects(f"{source}.statefulRules"):
        ends = [str(each.at(f"header.{end}", "")).upper() for end in ("source", "destination")]
        ports = [str(each.at(f"header.{end}", _ANY)).upper() for end in ("sourcePort", "destinationPort")]
        if str(each.at("action", "")).upper() == "PASS" and set(ends) <= {_ANY, "0.0.0.0/0"} and set(ports) == {_ANY}:
            return violation(f"`{group.where(f'{source}.statefulRules')}` passes anything from anywhere to anywhere")
    return Verdict()
