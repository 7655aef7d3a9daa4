"""The Kubernetes control plane, on Amazon EKS."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.account import Account
from foundation.data_class import DataClass
from foundation.log_group import log_group
from foundation.policy_document import allow, document
from foundation.stack import Stack

LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
CLUSTER_ADMINISTRATION: Final = "eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True)
class ControlPlaneArgs:
    stack: Stack
    version: str
    """Of Kubernetes, such as 1.36."""
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    service_cidr: str
    """Of the addresses of Services, which exist within the cluster alone."""
    public_cidrs: Sequence[IPv4Network]
    """Ranges that reach the API from the internet; empty leaves it to the VPC."""
    administrators: Sequence[str]
    """ARNs of the IAM roles that may do everything in the cluster."""
    key_arn: pulumi.Input[str]
    """The key of the cluster class."""
    logs_key_arn: pulumi.Input[str]


class ControlPlane(pulumi.ComponentResource):
    """A control plane that answers within the VPC and to the listed ranges, and to named principals only.

    Secrets are encrypted with the cluster's CMK; every call to the API is in an encrypted log group as long as the law
    asks (45 CFR 164.312(b), 164.316(b)(2)(i)), from the first one on; whoever gets in has an access entry.
    """

    cluster_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    service_cidr: str
    log_name: pulumi.Output[str]
    """The log group in which it writes who called it, and what."""
    certificate_authority: pulumi.Output[str]
    """The certificate that proves the API's own, as base64 of its PEM."""
    administered: list[aws.eks.AccessPolicyAssociation]
    """What must be there before anybody, this program included, calls the API."""

    def __init__(self, name: str, args: ControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        public = [str(each) for each in args.public_cidrs]
        inputs = {"version": args.version, "publicCidrs": public, "administrators": args.administrators}
        super().__init__("parapet:cluster:ControlPlane", name, inputs, opts)
        # EKS would make the group by itself, unencrypted and for ever, if it were not there first (Amazon EKS User
        # Guide, "Send control plane logs to CloudWatch Logs").
        log = log_group(
            args.stack,
            "control-plane",
            path=f"/aws/eks/{name}/cluster",
            key_arn=args.logs_key_arn,
            audit=True,
            parent=self,
        )
        role, allowed = self._role(name, args)
        cluster = aws.eks.Cluster(
            name,
            name=name,
            version=args.version,
            role_arn=role.arn,
            vpc_config={
                "subnet_ids": args.subnet_ids,
                "security_group_ids": [args.security_group_id],
                "endpoint_private_access": True,
                "endpoint_public_access": bool(public),
                "public_access_cidrs": public or None,
            },
            kubernetes_network_config={"ip_family": "ipv4", "service_ipv4_cidr": args.service_cidr},
            encryption_config={"resources": ["secrets"], "provider": {"key_arn": args.key_arn}},
            enabled_cluster_log_types=LOG_TYPES,
            access_config={
                "authentication_mode": "API",
                # An administrator whom no state and no review shows would outlive whoever made the cluster. EKS can
                # change this afterwards only with a new cluster.
                "bootstrap_cluster_creator_admin_permissions": False,
            },
            # Add-ons come pinned, from the add-ons' own component.
            bootstrap_self_managed_addons=False,
            # Extended support keeps a version that its makers no longer mend.
            upgrade_policy={"support_type": "STANDARD"},
            deletion_protection=args.stack.protect,
            tags=data_class.tags(DataClass.CLUSTER),
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect, depends_on=[log, *allowed]),
        )
        self.cluster_name = cluster.name
        self.log_name = log.name
        self.arn = cluster.arn
        self.service_cidr = args.service_cidr
        self.endpoint = cluster.endpoint
        self.certificate_authority = cluster.certificate_authority.apply(lambda authority: authority.data or "")
        self.administered = [self._administrator(name, each, args.stack.account) for each in args.administrators]
        self.register_outputs({"clusterName": self.cluster_name, "endpoint": self.endpoint})

    def _role(self, name: str, args: ControlPlaneArgs) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-control-plane",
            description=f"Lets the control plane of {name} manage its network interfaces and load balancers.",
            assume_role_policy=document(
                allow(
                    "AssumedByEks",
                    principals={"Service": "eks.amazonaws.com"},
                    actions="sts:AssumeRole",
                    # No other cluster can borrow the role (Amazon EKS User Guide, "Cross-service confused deputy
                    # prevention in Amazon EKS").
                    when={
                        "StringEquals": {"aws:SourceAccount": args.stack.account.id},
                        "ArnLike": {"aws:SourceArn": args.stack.account.arn("eks", f"cluster/{name}")},
                    },
                )
            ),
            opts=own,
        )
        # EKS uses the key by a grant. With the role it looks whether that is there, time and again, and each refusal is
        # one more alarm (terraform-aws-modules/terraform-aws-eks, issue 1913).
        looks = aws.iam.Policy(
            f"{name}-control-plane-key",
            description=f"Lets the control plane of {name} see that its key and its grant are there.",
            policy=document(
                allow("SeeTheGrant", actions=["kms:DescribeKey", "kms:ListGrants"], resources=args.key_arn)
            ),
            opts=own,
        )
        allowed: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(policy_name, role=role.name, policy_arn=arn, opts=own)
            for policy_name, arn in (
                (f"{name}-control-plane", args.stack.account.managed_policy("AmazonEKSClusterPolicy")),
                (f"{name}-control-plane-key", looks.arn),
            )
        ]
        return role, allowed

    def _administrator(self, name: str, principal: str, account: Account) -> aws.eks.AccessPolicyAssociation:
        own = pulumi.ResourceOptions(parent=self)
        # Account, kind and path: two roles may share a name.
        who = principal.partition("::")[2].replace(":", "-").replace("/", "-")
        entry = aws.eks.AccessEntry(
            f"{name}-{who}", cluster_name=self.cluster_name, principal_arn=principal, type="STANDARD", opts=own
        )
        return aws.eks.AccessPolicyAssociation(
            f"{name}-{who}",
            cluster_name=self.cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{account.partition}:{CLUSTER_ADMINISTRATION}",
            access_scope={"type": "cluster"},
            opts=own,
        )
