"""Amazon EMR: clusters out of the internet's reach that encrypt, and know who works on them."""

from __future__ import annotations

import json
from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.resource import UNKNOWN, Items, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, Unreadable, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_set, violation

CLUSTER = "aws:emr/cluster:Cluster"
SECURITY = "aws:emr/securityConfiguration:SecurityConfiguration"
BLOCK = "aws:emr/blockPublicAccessConfiguration:BlockPublicAccessConfiguration"
SUBNET = ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")


def _cluster(**told: Any) -> Resource:
    return Resource(CLUSTER, {"releaseLabel": "emr-7.10.0", "serviceRole": "role"} | told, name="records")


def _in(subnet: Any) -> dict[str, Any]:
    return {"ec2Attributes": {"instanceProfile": "profile", "subnetId": subnet}}


def _subnet(public: bool | None = None) -> Resource:
    told: dict[str, Any] = {} if public is None else {"mapPublicIpOnLaunch": public}
    return Resource(SUBNET[0], {"id": "subnet-1a2b3c4d", "vpcId": "vpc-1a2b3c4d"} | told, name="records")


@stack_rule(
    "emr-cluster-has-no-public-address",
    on=CLUSTER,
    severity=CRITICAL,
    fix="Set ec2_attributes.subnet_id to a subnet without map_public_ip_on_launch.",
    sound=[
        [_cluster(**_in("subnet-1a2b3c4d")), _subnet()],
        [_cluster(**_in("subnet-1a2b3c4d")), _subnet(False)],
        [_cluster(**_in("subnet-another")), _subnet(True)],
    ],
    unsound=[
        [_cluster(**_in("subnet-1a2b3c4d")), _subnet(True)],
        [_cluster()],
        [_cluster(ec2Attributes={"subnetIds": ["subnet-another", "subnet-1a2b3c4d"]}), _subnet(True)],
        [
            Resource(CLUSTER, _in(UNKNOWN), name="records", sources={"ec2Attributes": [_subnet().urn]}),
            _subnet(True),
        ],
    ],
)
def cluster_has_no_public_address(cluster: Resource, stack: Stack) -> Verdict:
    """A cluster's nodes are in a subnet that gives them no address on the internet.

    One that names no subnet is launched in the account's default VPC, whose subnets give public addresses.
    """
    attributes = next(iter(cluster.objects("ec2Attributes")), None)
    if attributes is None or not any(name in attributes for name in ("subnetId", "subnetIds")):
        return violation(
            "`ec2_attributes` names no subnet, and the default VPC's give public addresses; it must name one"
        )
    given = [cluster.known("ec2Attributes.subnetId"), *_listed(cluster.known("ec2Attributes.subnetIds"))]
    ids = {one for one in given if isinstance(one, str)}
    named = stack.find(SUBNET, ids, cluster.sources.get("ec2Attributes", ()))
    for subnet in named:
        if subnet.at("mapPublicIpOnLaunch", subnet.type == SUBNET[1]) is not False:
            return violation(
                f"`ec2_attributes` names the subnet {subnet.name[:60]}, whose machines get public addresses"
            )
    return Verdict()


def _listed(value: Any) -> list[Any]:
    return [*value] if isinstance(value, Items) else [value]


@rule(
    "emr-blocks-public-access",
    on=BLOCK,
    severity=HIGH,
    fix="Set block_public_security_group_rules=True.",
    sound=[{"blockPublicSecurityGroupRules": True}],
    unsound=[{"blockPublicSecurityGroupRules": False}],
)
def blocks_public_access(block: Properties) -> Verdict:
    """No cluster of the account starts with a security group that is open to the internet."""
    return block.require("blockPublicSecurityGroupRules", is_(True))


def _config(at_rest: bool = True, in_transit: bool = True) -> dict[str, str]:
    told = {"EncryptionConfiguration": {"EnableAtRestEncryption": at_rest, "EnableInTransitEncryption": in_transit}}
    return {"configuration": json.dumps(told)}


@rule(
    "emr-security-configuration-encrypts",
    on=SECURITY,
    severity=HIGH,
    fix="Set EnableAtRestEncryption and EnableInTransitEncryption to true in the configuration.",
    sound=[_config()],
    unsound=[_config(at_rest=False), _config(in_transit=False), {"configuration": "{}"}, {"configuration": "{"}],
)
def security_configuration_encrypts(config: Properties) -> Verdict:
    """A security configuration has clusters encrypt what they store and what they send each other."""
    told = _read(config.at("configuration")).get("EncryptionConfiguration")
    switches = ("EnableAtRestEncryption", "EnableInTransitEncryption")
    off = [name for name in switches if not isinstance(told, dict) or told.get(name) is not True]
    return all_of(*(violation(f"`configuration` does not set '{name}' to true") for name in off))


def _read(text: Any) -> dict[str, Any]:
    try:
        told = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        raise Unreadable("`configuration` is no JSON") from None
    return told if isinstance(told, dict) else {}


@rule(
    "emr-cluster-names-a-security-configuration",
    on=CLUSTER,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set security_configuration to the name of a SecurityConfiguration.",
    sound=[{"releaseLabel": "emr-7.10.0", "securityConfiguration": "records"}],
    unsound=[{"releaseLabel": "emr-7.10.0"}],
)
def cluster_names_a_security_configuration(cluster: Properties) -> Verdict:
    """A cluster encrypts as a security configuration says."""
    return cluster.require("securityConfiguration", is_set())


_KERBEROS = {"kerberosAttributes": {"realm": "EC2.INTERNAL", "kdcAdminPassword": UNKNOWN}}


@rule(
    "emr-cluster-uses-kerberos",
    on=CLUSTER,
    severity=LOW,
    advisory="IAM knows who runs steps and opens notebooks (164.312(d)); Kerberos knows them inside too",
    fix="Set kerberos_attributes, and a security configuration with Kerberos.",
    sound=[{"releaseLabel": "emr-7.10.0"} | _KERBEROS],
    unsound=[{"releaseLabel": "emr-7.10.0"}],
)
def cluster_uses_kerberos(cluster: Properties) -> Verdict:
    """A cluster's services and its users know each other by Kerberos."""
    return cluster.require("kerberosAttributes.realm", is_set())


@rule(
    "emr-cluster-keeps-its-logs",
    on=CLUSTER,
    severity=MEDIUM,
    fix="Set log_uri to a folder of a bucket.",
    sound=[{"logUri": "s3://logs/emr/"}],
    unsound=[{}, {"logUri": ""}],
)
def cluster_keeps_its_logs(cluster: Resource) -> Verdict:
    """A cluster's logs are kept when it is gone, and with them what was done on it."""
    return Verdict() if cluster.sources.get("logUri") else cluster.require("logUri", is_set())
