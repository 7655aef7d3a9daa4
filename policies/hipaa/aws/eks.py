"""Amazon EKS, one resource at a time: clusters, their administrators, node groups. `eks_companions` has their logs."""

from __future__ import annotations

import re
from typing import Any

from hipaa import facts, networks
from hipaa.aws.advice import OWN_KEY_IS_MORE, PROPOSED_PATCHES
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, has, is_, is_empty, is_set, not_applicable, violation

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ACCESS_POLICY_ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _reached_from(*cidrs: str, **config: Any) -> dict[str, Any]:
    """The properties of an example whose endpoint is public for these ranges."""
    public = {"endpointPublicAccess": True, "publicAccessCidrs": list(cidrs), "endpointPrivateAccess": True}
    return {"vpcConfig": public | config}


@rule(
    "eks-cluster-endpoint-is-private",
    on=CLUSTER,
    severity=CRITICAL,
    fix="Set endpoint_private_access=True and endpoint_public_access=False, or list your own ranges.",
    sound=[
        {"vpcConfig": {"endpointPrivateAccess": True, "endpointPublicAccess": False}},
        _reached_from("203.0.113.0/24", "198.51.100.7/32", "2001:db8:1::/48"),
        _reached_from("131.107.0.0/16", "129.250.0.0/16", "2600:1f18::/32"),
    ],
    unsound=[
        {},
        {"vpcConfig": {"subnetIds": ["subnet-1a2b3c4d"]}},
        {"vpcConfig": {"endpointPrivateAccess": False, "endpointPublicAccess": False}},
        {"vpcConfig": {"endpointPrivateAccess": True, "endpointPublicAccess": True}},
        _reached_from(),
        _reached_from("203.0.113.0/24", "0.0.0.0/0"),
        _reached_from("0.0.0.0/1", "128.0.0.0/1"),
        _reached_from("2600:d00::/24"),
        _reached_from("16.0.0.0/4", "32.0.0.0/4"),
        _reached_from(*(f"{number}.0.0.0/13" for number in range(1, 9))),
        _reached_from("the office"),
        _reached_from("203.0.113.0/24", endpointPrivateAccess=False),
    ],
)
def cluster_endpoint_is_private(cluster: Properties) -> Verdict:
    """A cluster's API answers within the VPC, and outside of it only to narrow ranges that are listed.

    Whoever reaches the API is one stolen token or one flaw of the API server away from every secret in the cluster.
    """
    return all_of(
        cluster.require("vpcConfig.endpointPrivateAccess", is_(True), default=False), _public_access_is_narrow(cluster)
    )


def _public_access_is_narrow(cluster: Properties) -> Verdict:
    if cluster.at("vpcConfig.endpointPublicAccess", True) is False:
        return Verdict()
    if not cluster.at("vpcConfig.publicAccessCidrs"):
        return violation(
            "`vpc_config.endpoint_public_access` is not false and `vpc_config.public_access_cidrs` lists "
            "nothing, which lets in 0.0.0.0/0; the endpoint must be private, or public for listed ranges"
        )
    blocks: list[str] = []

    def is_a_range(block: object) -> Verdict:
        if networks.network_of(str(block)) is None:
            return violation(f"`vpc_config.public_access_cidrs` has {str(block)[:60]!r}, which is no CIDR block")
        blocks.append(str(block))
        return Verdict()

    read = cluster.each("vpcConfig.publicAccessCidrs", is_a_range)
    if not networks.is_the_internet(blocks):
        return read
    shown = ", ".join(block[:43] for block in blocks[:3])
    return all_of(
        read,
        violation(
            f"`vpc_config.public_access_cidrs` lets in {shown} ({networks.measure(blocks)}); it must be your own ranges"
        ),
    )


@rule(
    "eks-cluster-encrypts-secrets-with-cmk",
    on=CLUSTER,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encryption_config with resources [secrets] and a customer managed key's ARN as provider.key_arn.",
    sound=[{"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": _KEY}}}],
    unsound=[
        {},
        {"encryptionConfig": {"resources": [], "provider": {"keyArn": _KEY}}},
        {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": ""}}},
        {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": "alias/aws/eks"}}},
    ],
)
def cluster_encrypts_secrets_with_cmk(cluster: Properties) -> Verdict:
    """A cluster encrypts its secrets with a customer managed key.

    EKS encrypts them with a key of AWS's own in any case; only a key of one's own bounds and records who reads them.
    """
    encrypts_secrets = has("secrets")
    return all_of(
        cluster.require("encryptionConfig.resources", encrypts_secrets),
        cluster.require("encryptionConfig.provider.keyArn", OWN_KEY),
    )


_SUPPORTED = Requirement("a version that has standard support today", lambda version: _has_standard_support(version))


@rule(
    "eks-cluster-version-is-pinned-and-supported",
    on=CLUSTER,
    severity=MEDIUM,
    advisory="AWS goes on mending a version under extended support; the newest one is good practice",
    proposed=PROPOSED_PATCHES,
    fix="Set version to one that has standard support today, and upgrade_policy with support_type STANDARD.",
    sound=[{"version": "1.36", "upgradePolicy": {"supportType": "STANDARD"}}],
    unsound=[
        {"version": "1.24", "upgradePolicy": {"supportType": "STANDARD"}},
        {"version": "1.9", "upgradePolicy": {"supportType": "STANDARD"}},
        {"version": "1.36"},
        {"version": "1.36", "upgradePolicy": {"supportType": "EXTENDED"}},
        {"upgradePolicy": {"supportType": "STANDARD"}},
    ],
)
def cluster_version_is_pinned_and_supported(cluster: Properties) -> Verdict:
    """A cluster names its Kubernetes version, and never stays on one that the Kubernetes project no longer mends.

    Without a version, EKS takes whichever is its default that day. Under extended support a version is kept for a year
    after the community's last fix.
    """
    return all_of(
        cluster.require("version", _SUPPORTED),
        cluster.require("upgradePolicy.supportType", is_("STANDARD"), default=fact("eks-support")),
    )


def _has_standard_support(version: Any) -> bool:
    """Whether it is no version whose standard support has ended; of one that is newer than the list nothing is said."""
    found = re.fullmatch(r"(\d+)\.(\d+)", str(version))
    if found is None:
        return False
    ends = facts.fact("eks-versions")
    oldest = min(ends, key=facts.version)
    if facts.version(version) < facts.version(oldest):
        return False
    return str(version) not in ends or facts.today() < ends[str(version)]


def _cluster(mode: str, creator: bool | None = False) -> dict[str, Any]:
    bootstrap: dict[str, bool] = {} if creator is None else {"bootstrapClusterCreatorAdminPermissions": creator}
    return {"accessConfig": {"authenticationMode": mode} | bootstrap}


def _association(principal: str, policy: str = "AmazonEKSClusterAdminPolicy", scope: str = "cluster") -> Resource:
    return Resource(
        ACCESS_POLICY_ASSOCIATION,
        {
            "clusterName": "main",
            "principalArn": principal,
            "policyArn": f"arn:aws:eks::aws:cluster-access-policy/{policy}",
            "accessScope": {"type": scope},
        },
    )


_ADMINISTRATION = re.compile(r"(?i).*:cluster-access-policy/AmazonEKS(Cluster)?AdminPolicy")
_ROLE = Requirement(
    "the ARN of an IAM role",
    lambda arn: bool(re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", str(arn))),
)


@rule(
    "eks-cluster-access-is-by-named-roles",
    on=(CLUSTER, ACCESS_POLICY_ASSOCIATION),
    severity=HIGH,
    advisory="the aws-auth map names roles and users as well (164.312(a)(2)(i)); entries are bound and recorded by AWS",
    fix="Set authentication_mode API and bootstrap_cluster_creator_admin_permissions=False; let roles administer.",
    sound=[
        _cluster("API"),
        _association("arn:aws:iam::111122223333:role/platform/administrator"),
        _association("arn:aws:iam::111122223333:user/reader", "AmazonEKSViewPolicy"),
        _association("arn:aws:iam::111122223333:user/team", "AmazonEKSAdminPolicy", "namespace"),
    ],
    unsound=[
        {},
        _cluster("CONFIG_MAP"),
        _cluster("API_AND_CONFIG_MAP"),
        _cluster("API", creator=True),
        _cluster("API", creator=None),
        _association("arn:aws:iam::111122223333:user/reader"),
        _association("arn:aws:iam::111122223333:root"),
        _association("arn:aws:iam::111122223333:user/reader", "AmazonEKSAdminPolicy"),
        _association("arn:aws:iam::111122223333:user/reader", "AmazonEKSClusterAdminPolicy", "namespace"),
    ],
)
def cluster_access_is_by_named_roles(resource: Resource) -> Verdict:
    """Who may use a cluster is said by access entries alone, and IAM roles alone may administer all of it.

    The aws-auth ConfigMap can be changed by whoever edits objects in the cluster, and its creator's own administration
    shows nowhere. A role's credentials end by themselves; a user's last, and a whole account is nobody in particular.
    """
    if resource.type == CLUSTER:
        return all_of(
            resource.require("accessConfig.authenticationMode", is_("API"), default="CONFIG_MAP"),
            resource.require("accessConfig.bootstrapClusterCreatorAdminPermissions", is_(False), default=True),
        )
    policy = str(resource.at("policyArn", ""))
    if not _ADMINISTRATION.fullmatch(policy):
        return not_applicable("the access policy does not administer")
    if resource.at("accessScope.type") == "namespace" and "ClusterAdmin" not in policy:
        return not_applicable("the administration is of listed namespaces only")
    return resource.require("principalArn", _ROLE)


@rule(
    "eks-node-group-closes-ssh-to-the-internet",
    on=NODE_GROUP,
    severity=CRITICAL,
    fix="Leave remote_access out and reach nodes with Systems Manager, or name source_security_group_ids in it.",
    sound=[
        {},
        {"remoteAccess": {"ec2SshKey": "operators", "sourceSecurityGroupIds": ["sg-1a2b3c4d"]}},
        {"remoteAccess": {}},
    ],
    unsound=[
        {"remoteAccess": {"ec2SshKey": "operators"}},
        {"remoteAccess": {"ec2SshKey": "operators", "sourceSecurityGroupIds": []}},
    ],
)
def node_group_closes_ssh_to_the_internet(group: Properties) -> Verdict:
    """A node group with a key pair for its nodes names who may reach their SSH.

    EKS opens port 22 (of Windows 3389) to 0.0.0.0/0 for a key pair without source groups: "RemoteAccessConfig", Amazon
    EKS API Reference, read on 2026-11-30.
    """
    if not group.at("remoteAccess.ec2SshKey"):
        return Verdict()  # EKS opens no port
    return group.require("remoteAccess.sourceSecurityGroupIds", is_set())


@rule(
    "eks-node-group-launches-from-own-template",
    on=NODE_GROUP,
    severity=MEDIUM,
    advisory="the template that EKS makes may be sound; one of the program's own is one that rules can read",
    fix="Set launch_template, leave remote_access out, and reach nodes with Systems Manager.",
    sound=[{"launchTemplate": {"id": "lt-1a2b3c4d", "version": "1"}}],
    unsound=[
        {},
        {"remoteAccess": {"ec2SshKey": "operators"}},
        {"launchTemplate": {"id": "lt-1a2b3c4d", "version": "1"}, "remoteAccess": {"ec2SshKey": "operators"}},
        {"launchTemplate": {"id": "lt-1a2b3c4d", "version": "$Latest"}},
    ],
)
def node_group_launches_from_own_template(group: Properties) -> Verdict:
    """A node group's instances are launched as a template of one's own says, in a version that is named, without SSH.

    Only a template sets what protects a node: IMDSv2 with one hop, volumes under a customer managed key.
    """
    numbered = Requirement("a version's number", lambda version: str(version).split(".")[0].isdigit())
    template = (
        violation("`launch_template` is not set; it must be set")
        if "launchTemplate" not in group
        else group.require("launchTemplate.version", numbered)
    )
    return all_of(template, group.require("remoteAccess", is_empty()))
