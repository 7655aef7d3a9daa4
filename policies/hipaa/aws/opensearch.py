"""Amazon OpenSearch Service, and Elasticsearch before it: encryption, reach, TLS, records, and what fails over."""

from __future__ import annotations

import json
from typing import Any

from hipaa.aws.advice import (
    MORE_THAN_ONE_IS_MORE,
    OTHER_RECORDS_MAY_DO,
    OWN_KEY_IS_MORE,
    PROPOSED_AUDIT,
    PROPOSED_PATCHES,
    UPGRADES_MAY_BE_BY_HAND,
)
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, Unreadable, rule
from hipaa.verdict import Requirement, Verdict, all_of, at_least, is_, is_set, not_applicable, violation

DOMAIN = "aws:opensearch/domain:Domain"
ELASTICSEARCH = "aws:elasticsearch/domain:Domain"
DOMAINS = (DOMAIN, ELASTICSEARCH)
SECURITY_POLICY = "aws:opensearch/serverlessSecurityPolicy:ServerlessSecurityPolicy"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _older(**properties: Any) -> Resource:
    return Resource(ELASTICSEARCH, properties)


@rule(
    "opensearch-domain-encrypts-storage",
    on=DOMAINS,
    severity=HIGH,
    fix="Set encrypt_at_rest with enabled=True, and kms_key_id of a customer managed key.",
    sound=[{"encryptAtRest": {"enabled": True}}, _older(encryptAtRest={"enabled": True, "kmsKeyId": _KEY})],
    unsound=[{}, {"encryptAtRest": {"enabled": False, "kmsKeyId": _KEY}}, _older(elasticsearchVersion="7.10")],
)
def domain_encrypts_storage(domain: Properties) -> Verdict:
    """A domain encrypts its indices, logs, swap files and automated snapshots."""
    return domain.require("encryptAtRest.enabled", is_(True), default=False)


@rule(
    "opensearch-domain-encrypts-with-cmk",
    on=DOMAINS,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encrypt_at_rest.kms_key_id to the ARN of a customer managed key.",
    sound=[{"encryptAtRest": {"enabled": True, "kmsKeyId": _KEY}}],
    unsound=[{"encryptAtRest": {"enabled": True}}, _older(encryptAtRest={"enabled": True})],
)
def domain_encrypts_with_cmk(domain: Properties) -> Verdict:
    """A domain's storage is under a customer managed key."""
    return domain.require("encryptAtRest.kmsKeyId", OWN_KEY)


@rule(
    "opensearch-domain-encrypts-between-nodes",
    on=DOMAINS,
    severity=HIGH,
    fix="Set node_to_node_encryption with enabled=True.",
    sound=[{"nodeToNodeEncryption": {"enabled": True}}],
    unsound=[{}, {"nodeToNodeEncryption": {"enabled": False}}, _older()],
)
def domain_encrypts_between_nodes(domain: Properties) -> Verdict:
    """A domain's nodes speak TLS among themselves."""
    return domain.require("nodeToNodeEncryption.enabled", is_(True), default=False)


_WEAK_TLS = "Policy-Min-TLS-1-0-2019-07"


@rule(
    "opensearch-domain-requires-https",
    on=DOMAINS,
    severity=HIGH,
    fix="Set domain_endpoint_options with enforce_https=True and tls_security_policy=Policy-Min-TLS-1-2-PFS-2023-10.",
    sound=[
        {"domainEndpointOptions": {"enforceHttps": True}},
        {"domainEndpointOptions": {"enforceHttps": True, "tlsSecurityPolicy": "Policy-Min-TLS-1-2-2019-07"}},
        _older(domainEndpointOptions={"enforceHttps": True, "tlsSecurityPolicy": "Policy-Min-TLS-1-2-2019-07"}),
    ],
    unsound=[
        {},
        {"domainEndpointOptions": {"enforceHttps": False}},
        {"domainEndpointOptions": {"enforceHttps": True, "tlsSecurityPolicy": _WEAK_TLS}},
        _older(domainEndpointOptions={"tlsSecurityPolicy": "Policy-Min-TLS-1-2-2019-07"}),
    ],
)
def domain_requires_https(domain: Properties) -> Verdict:
    """A domain answers by HTTPS alone, with TLS 1.2 or newer."""
    newer = Requirement("a policy whose least is TLS 1.2", lambda policy: policy != _WEAK_TLS)
    return all_of(
        domain.require("domainEndpointOptions.enforceHttps", is_(True), default=False),
        domain.require("domainEndpointOptions.tlsSecurityPolicy", newer),
    )


@rule(
    "opensearch-domain-stays-in-a-vpc",
    on=DOMAINS,
    severity=CRITICAL,
    fix="Set vpc_options with subnet_ids and security_group_ids.",
    sound=[{"vpcOptions": {"subnetIds": ["subnet-1a2b3c4d"], "securityGroupIds": ["sg-1a2b3c4d"]}}],
    unsound=[{}, {"vpcOptions": {"subnetIds": []}}, _older(accessPolicies="{}")],
)
def domain_stays_in_a_vpc(domain: Properties) -> Verdict:
    """A domain's endpoint is in a VPC: one without it is on the internet, with an access policy alone before it."""
    return domain.require("vpcOptions.subnetIds", is_set())


def _logging(*types: str, enabled: bool | None = None) -> dict[str, Any]:
    more: dict[str, Any] = {} if enabled is None else {"enabled": enabled}
    group = "arn:aws:logs:us-east-1:111122223333:log-group:records"
    return {"logPublishingOptions": [{"logType": type_, "cloudwatchLogGroupArn": group} | more for type_ in types]}


def _published(domain: Properties) -> set[str]:
    return {
        str(option.at("logType"))
        for option in domain.objects("logPublishingOptions")
        if option.at("enabled", True) is not False
    }


@rule(
    "opensearch-domain-publishes-its-log",
    on=DOMAINS,
    severity=MEDIUM,
    fix="Add ES_APPLICATION_LOGS, and AUDIT_LOGS where fine-grained access control is on, to log_publishing_options.",
    sound=[_logging("ES_APPLICATION_LOGS"), _logging("AUDIT_LOGS"), _logging("INDEX_SLOW_LOGS", "ES_APPLICATION_LOGS")],
    unsound=[
        {},
        _logging("INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS"),
        _logging("ES_APPLICATION_LOGS", enabled=False),
        _older(),
    ],
)
def domain_publishes_its_log(domain: Properties) -> Verdict:
    """A domain sends its error log or its audit log to CloudWatch Logs: slow queries tell of nobody."""
    if _published(domain) & {"ES_APPLICATION_LOGS", "AUDIT_LOGS"}:
        return Verdict()
    return violation("`log_publishing_options` has neither ES_APPLICATION_LOGS nor AUDIT_LOGS")


@rule(
    "opensearch-domain-publishes-its-audit",
    on=DOMAINS,
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Add AUDIT_LOGS to log_publishing_options, with fine-grained access control, which it needs.",
    sound=[_logging("AUDIT_LOGS", "ES_APPLICATION_LOGS")],
    unsound=[{}, _logging("ES_APPLICATION_LOGS")],
)
def domain_publishes_its_audit(domain: Properties) -> Verdict:
    """A domain records who searched what."""
    if "AUDIT_LOGS" in _published(domain):
        return Verdict()
    return violation("`log_publishing_options` lacks AUDIT_LOGS")


@rule(
    "opensearch-domain-controls-access-by-user",
    on=DOMAINS,
    severity=MEDIUM,
    advisory="an access policy that names roles controls access too (164.312(a)(1)); by user and index is finer",
    fix="Set advanced_security_options with enabled=True and a master user.",
    sound=[{"advancedSecurityOptions": {"enabled": True}}],
    unsound=[{}, {"advancedSecurityOptions": {"enabled": False}}],
)
def domain_controls_access_by_user(domain: Properties) -> Verdict:
    """A domain says by role which index, document and field may be read."""
    return domain.require("advancedSecurityOptions.enabled", is_(True), default=False)


@rule(
    "opensearch-domain-asks-who-calls",
    on=DOMAINS[0],
    severity=HIGH,
    fix="Leave advanced_security_options.anonymous_auth_enabled out or set it to False.",
    sound=[{}, {"advancedSecurityOptions": {"enabled": True, "anonymousAuthEnabled": False}}],
    unsound=[{"advancedSecurityOptions": {"enabled": True, "anonymousAuthEnabled": True}}],
)
def domain_asks_who_calls(domain: Properties) -> Verdict:
    """A domain answers nobody who has not signed in.

    The switch is for the thirty days in which callers of a domain that had no users move to it.
    """
    return domain.require("advancedSecurityOptions.anonymousAuthEnabled", is_(False), default=False)


@rule(
    "opensearch-domain-spans-zones",
    on=DOMAINS,
    severity=LOW,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set cluster_config with zone_awareness_enabled=True and an instance_count of 3 or more.",
    sound=[{"clusterConfig": {"instanceCount": 3, "zoneAwarenessEnabled": True}}],
    unsound=[
        {},
        {"clusterConfig": {"instanceCount": 3}},
        {"clusterConfig": {"instanceCount": 2, "zoneAwarenessEnabled": True}},
    ],
)
def domain_spans_zones(domain: Properties) -> Verdict:
    """A domain has data nodes in several Availability Zones."""
    return all_of(
        domain.require("clusterConfig.instanceCount", at_least(3), default=1),
        domain.require("clusterConfig.zoneAwarenessEnabled", is_(True), default=False),
    )


@rule(
    "opensearch-domain-has-dedicated-masters",
    on=DOMAINS,
    severity=LOW,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set cluster_config with dedicated_master_enabled=True and a dedicated_master_count of 3.",
    sound=[{"clusterConfig": {"dedicatedMasterEnabled": True, "dedicatedMasterCount": 3}}],
    unsound=[{}, {"clusterConfig": {"dedicatedMasterEnabled": True, "dedicatedMasterCount": 1}}],
)
def domain_has_dedicated_masters(domain: Properties) -> Verdict:
    """A domain has three master nodes that hold no data, so that a lost one leaves a majority."""
    return all_of(
        domain.require("clusterConfig.dedicatedMasterEnabled", is_(True), default=False),
        domain.require("clusterConfig.dedicatedMasterCount", at_least(3), default=0),
    )


@rule(
    "opensearch-domain-takes-updates",
    on=DOMAIN,
    severity=LOW,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Set software_update_options with auto_software_update_enabled=True.",
    sound=[{"softwareUpdateOptions": {"autoSoftwareUpdateEnabled": True}}],
    unsound=[{}, {"softwareUpdateOptions": {"autoSoftwareUpdateEnabled": False}}],
)
def domain_takes_updates(domain: Properties) -> Verdict:
    """A domain takes the service's software updates by itself."""
    return domain.require("softwareUpdateOptions.autoSoftwareUpdateEnabled", is_(True), default=False)


def _network(**rule_: Any) -> dict[str, Any]:
    rules = [{"Rules": [{"ResourceType": "collection", "Resource": ["collection/records"]}]} | rule_]
    return {"type": "network", "policy": json.dumps(rules)}


@rule(
    "opensearch-collection-is-private",
    on=SECURITY_POLICY,
    severity=CRITICAL,
    fix="Set AllowFromPublic to false in the network policy, and name a VPC endpoint in SourceVPCEs.",
    sound=[
        _network(AllowFromPublic=False, SourceVPCEs=["vpce-1a2b3c4d"]),
        _network(SourceServices=["bedrock.amazonaws.com"]),
        {"type": "encryption", "policy": json.dumps({"Rules": [], "AWSOwnedKey": True})},
    ],
    unsound=[_network(AllowFromPublic=True), {"type": "network", "policy": "[{"}],
)
def collection_is_private(policy: Properties) -> Verdict:
    """A serverless collection is reached from VPC endpoints and services that are named, never from the internet."""
    if policy.at("type") != "network":
        return not_applicable("it is no network policy")
    text = policy.at("policy")
    try:
        rules = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        raise Unreadable("`policy` is no JSON") from None
    rules = rules if isinstance(rules, list) else [rules]
    if any(isinstance(each, dict) and each.get("AllowFromPublic") is True for each in rules):
        return violation("`policy` sets AllowFromPublic to true, which lets in the internet")
    return Verdict()
