"""The software that EKS itself keeps in a cluster."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from cluster import namespaces as ns
from cluster.node_labels import ON_SYSTEM_NODES, SYSTEM_TOLERATIONS, TOLERATIONS
from cluster.pod_identity import PodRole, PodRoleArgs
from cluster.versions import Versions
from cluster.volume_key import volume_key
from foundation.network.perimeter import Perimeter
from foundation.policy_document import Statement, deny
from foundation.stack import Stack

EVERYWHERE: Final = [{"operator": "Exists"}]
"""The toleration of an agent that watches or serves every node."""
_OF_EVERY_GROUP: Final = [*TOLERATIONS, *SYSTEM_TOLERATIONS]
"""Those of an agent that serves pods of the stack's, but none on a node that is not ready."""


@dataclass(frozen=True, kw_only=True)
class AddOn:
    """An EKS add-on: its configuration, and the role that it needs, if any."""

    name: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """As `aws eks describe-addon-configuration` describes it for the pinned version."""
    namespace: ns.Namespace | None = None
    """Where it is installed; without one in kube-system. It stays there: a move is a new add-on (Amazon EKS User Guide,
    "Amazon EKS add-ons", Custom namespace for add-ons)."""
    service_account: str | None = None
    """The service account that has a role."""
    managed_policies: Sequence[str] = ()
    uses_volume_key: bool = False
    keeps_off_audit_logs: bool = False
    """Whether its managed policy lets it write into every log group, and shorten each one's retention."""


# Without these a node never becomes ready, so they come before any node.
NETWORKING: Final = (
    AddOn(
        name="vpc-cni",
        # A prefix a node gives it room for as many pods as its size allows (Amazon EKS Best Practices Guide, "Prefix
        # Mode for Linux"); refused connections are written down on the node. A pod starts with everything closed and
        # waits for its policies: by default it would speak to anybody until they are there, and for ever where none is
        # (Amazon EKS User Guide, "Restrict Pod network traffic with Kubernetes network policies").
        configuration={
            "enableNetworkPolicy": "true",
            "env": {
                "ENABLE_PREFIX_DELEGATION": "true",
                "NETWORK_POLICY_ENFORCING_MODE": "strict",
                "WARM_PREFIX_TARGET": "1",
            },
            "nodeAgent": {"enablePolicyEventLogs": "true"},
        },
        service_account="aws-node",
        managed_policies=("AmazonEKS_CNI_Policy",),
    ),
    AddOn(name="kube-proxy"),
    AddOn(name="eks-pod-identity-agent"),
)

SERVICES: Final = (
    AddOn(name="coredns", configuration={"replicaCount": 2, **ON_SYSTEM_NODES}),
    AddOn(
        name="aws-ebs-csi-driver",
        configuration={
            "controller": ON_SYSTEM_NODES,
            "node": {"tolerateAllTaints": True},
            "defaultStorageClass": {"enabled": False},
        },
        service_account="ebs-csi-controller-sa",
        # Volumes of this cluster alone, by the tag that the driver puts on each and the cluster's name among those of
        # the session (AWS managed policy reference).
        managed_policies=("AmazonEBSCSIDriverEKSClusterScopedPolicy",),
        uses_volume_key=True,
    ),
    AddOn(name="metrics-server", configuration=ON_SYSTEM_NODES),
    AddOn(
        name="aws-secrets-store-csi-driver-provider",
        namespace=ns.SECRETS_STORE,
        # The driver serves pods on every node; a secret that has changed reaches a pod within two minutes.
        configuration={
            "tolerations": _OF_EVERY_GROUP,
            "secrets-store-csi-driver": {
                "enableSecretRotation": True,
                "rotationPollInterval": "2m",
                "linux": {"tolerations": _OF_EVERY_GROUP},
            },
        },
    ),
    AddOn(
        name="amazon-cloudwatch-observability",
        namespace=ns.CLOUDWATCH,
        # Logs and Container Insights, and nothing else. Application Signals would put init containers with images of
        # another registry into every pod behind a Service, which the guardrails refuse; GPUs are told of by the
        # exporter of `gpu_metrics`, and there are no Neuron devices (the chart of the add-on,
        # aws-observability/helm-charts, values.yaml). No value leaves out its agents for Windows nodes alone
        # (templates/windows): they select nodes that are not there, and are let in, so that neither the manager nor EKS
        # finds the add-on wanting (guardrails/cloudwatch_rules.py).
        configuration={
            "tolerations": EVERYWHERE,
            "applicationSignals": {"enabled": False},
            "manager": {"applicationSignals": {"autoMonitor": {"monitorAllServices": False}}},
            "dcgmExporter": {"enabled": False},
            "neuronMonitor": {"enabled": False},
        },
        service_account="cloudwatch-agent",
        managed_policies=("CloudWatchAgentServerPolicy",),
        keeps_off_audit_logs=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class AddOnsArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    versions: Versions
    add_ons: Sequence[AddOn]
    key_arn: pulumi.Input[str]
    """The key of the cluster class, for volumes."""
    perimeter: Perimeter
    after: Sequence[pulumi.Resource] = ()


class AddOns(pulumi.ComponentResource):
    """Add-ons of pinned versions, configured by this stack alone, each with no more rights than it needs.

    Whatever somebody changed by hand is put back with the next update.
    """

    made: list[pulumi.Resource]

    def __init__(self, name: str, args: AddOnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:AddOns", name, {"addOns": [each.name for each in args.add_ons]}, opts)
        self.made = [self._add_on(f"{name}-{each.name}", each, args) for each in args.add_ons]
        self.register_outputs({})

    def _add_on(self, name: str, add_on: AddOn, args: AddOnsArgs) -> aws.eks.Addon:
        role = self._role(add_on, args) if add_on.service_account else None
        return aws.eks.Addon(
            name,
            cluster_name=args.cluster_name,
            addon_name=add_on.name,
            addon_version=args.versions.add_ons[add_on.name],
            namespace_config=aws.eks.AddonNamespaceConfigArgs(namespace=add_on.namespace.name)
            if add_on.namespace
            else None,
            configuration_values=json.dumps(add_on.configuration) if add_on.configuration else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            pod_identity_associations=[{"role_arn": role.arn, "service_account": add_on.service_account or ""}]
            if role
            else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *(role.allowed if role else ())]),
        )

    def _role(self, add_on: AddOn, args: AddOnsArgs) -> PodRole:
        return PodRole(
            # An add-on's name would leave no room in the 64 characters that a role's name may have.
            f"{args.stack.name}-{add_on.service_account}",
            PodRoleArgs(
                stack=args.stack,
                cluster_arn=args.cluster_arn,
                description=f"Lets the add-on {add_on.name} do its work in AWS.",
                managed_policies=add_on.managed_policies,
                policies=_policies(add_on, args),
            ),
            pulumi.ResourceOptions(parent=self),
        )


def _policies(add_on: AddOn, args: AddOnsArgs) -> dict[str, list[Statement]]:
    """What the add-on may do, and may not, besides what AWS's own policy for it says."""
    return {
        "own": [
            *(volume_key(args.stack.account, args.key_arn) if add_on.uses_volume_key else ()),
            *(_no_audit_logs(args.stack) if add_on.keeps_off_audit_logs else ()),
            args.perimeter.only_from_within(),
        ]
    }


def _no_audit_logs(stack: Stack) -> list[Statement]:
    # Its agents are privileged and on each node: who takes one over must not forge an audit trail or cut it short
    # (45 CFR 164.312(b), 164.316(b)(2)(i)).
    audit = [f"/{stack.name}/*", f"/aws/eks/{stack.name}/*", f"/aws/rds/instance/{stack.name}-*"]
    return [
        deny("KeepRetention", actions="logs:PutRetentionPolicy", resources="*", principals=None),
        deny(
            "WriteNoAuditTrail",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[stack.account.arn("logs", f"log-group:{path}") for path in audit],
            principals=None,
        ),
    ]
