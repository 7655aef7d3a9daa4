"""Secrets in pods: straight from Secrets Manager into files, by one mechanism for all workloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster.guardrails.pod_rules import CSI_DRIVER
from cluster.labels import Manifest, metadata
from cluster.namespaces import Namespace
from cluster.pod_identity import PodRole, PodRoleArgs
from foundation.data_class import DataClass
from foundation.policy_document import Statement, allow
from foundation.secrets import SecretReaders, SecretReadersArgs
from foundation.stack import Stack

SECRETS_A_POLICY: Final = 20
"""IAM takes 6,144 characters in a managed policy, and the ARN of a secret with a long name has 200."""
FOLDER: Final = "/mnt/secrets"
"""Where the container finds its secrets, a file each."""
VOLUME: Final = "secrets"


@dataclass(frozen=True)
class DeliveredSecret:
    """A secret, and the name of the file that holds it in the pod."""

    file: str
    arn: pulumi.Input[str]
    of_rds: bool = False
    """Whether RDS manages it, and not the stack's rotator."""
    given: bool = False
    """Whether someone else made it, and says himself who reads it besides the pods."""
    readers: Sequence[str] = ()
    """ARNs of the IAM roles that read it besides the pods."""
    parts: Sequence[str] = ()
    """Fields of its JSON that are files of their own too, called as they are."""


@dataclass(frozen=True, kw_only=True)
class SecretDeliveryArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    namespace: Namespace
    """Whose service account the pods run as."""
    secrets: Sequence[DeliveredSecret]
    key_arn: pulumi.Input[str]
    """The key of the secrets class."""
    rotator_arn: pulumi.Input[str]
    """The role that rotates them."""
    policies: Mapping[str, Sequence[Statement]] = field(default_factory=dict)
    """What the pods may do in AWS besides, by what that is for."""
    after: Sequence[pulumi.Resource] = ()
    """The namespace, and the add-on that brings the driver."""


class SecretDelivery(pulumi.ComponentResource):
    """A workload's secrets: the pods of its service account read them, and nobody else does.

    The Secrets Store CSI driver reads them with the pod's own role and puts them into memory of the pod's node; they
    are no Kubernetes Secrets, which whoever may read those of a namespace would find. A secret that is rotated changes
    its file within two minutes (`cluster.add_ons`). What reads its secrets at its start only ends itself then, and the
    kubelet starts it anew: see `delivery/mlflow_server`.
    """

    role_arn: pulumi.Output[str]
    """The role of the pods."""
    volume: Manifest
    mount: Manifest
    ready: list[pulumi.Resource]
    """What must be there before a pod with the volume starts."""

    def __init__(self, name: str, args: SecretDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        files = [each.file for each in args.secrets]
        super().__init__("parapet:mlops:SecretDelivery", name, {"files": files}, opts)
        own = pulumi.ResourceOptions(parent=self)
        role = PodRole(
            name,
            PodRoleArgs(
                stack=args.stack,
                cluster_arn=args.cluster_arn,
                description=f"Lets {args.namespace.service_account} in {args.namespace.name} do its work in AWS.",
                policies={**reading(args.stack, args.key_arn, args.secrets), **args.policies},
            ),
            own,
        )
        self.role_arn = role.arn
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace.name,
            service_account=args.namespace.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=role.allowed),
        )
        readers = [
            SecretReaders(
                f"{name}-{each.file}",
                SecretReadersArgs(
                    stack=args.stack,
                    secret_arn=each.arn,
                    reader_arns=[role.arn, *(() if each.of_rds else (args.rotator_arn,))],
                    people=each.readers,
                    of_rds=each.of_rds,
                ),
                own,
            )
            for each in args.secrets
            if not each.given
        ]
        opts = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        provider_class = files_of(name, args.namespace.service_account, args.stack, args.namespace, args.secrets, opts)
        self.volume = {
            "name": VOLUME,
            "csi": {
                "driver": CSI_DRIVER,
                "readOnly": True,
                "volumeAttributes": {"secretProviderClass": args.namespace.service_account},
            },
        }
        self.mount = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}
        self.ready = [provider_class, association, *readers, *role.allowed]
        self.register_outputs({"roleArn": role.arn})


def reading(stack: Stack, key_arn: pulumi.Input[str], secrets: Sequence[DeliveredSecret]) -> dict[str, list[Statement]]:
    """The rights to read secrets under this key, in as many policies as hold them."""
    through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{stack.account.region}.amazonaws.com"}}
    decrypt = allow("DecryptThroughSecretsManager", actions="kms:Decrypt", resources=key_arn, when=through)
    policies: dict[str, list[Statement]] = {}
    for first in range(0, len(secrets), SECRETS_A_POLICY):
        read = allow(
            "ReadOwnSecrets",
            actions=["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            resources=[each.arn for each in secrets[first : first + SECRETS_A_POLICY]],
        )
        purpose = f"secrets-{first // SECRETS_A_POLICY + 1}" if first else "secrets"
        policies[purpose] = [read] if first else [read, decrypt]
    return policies


def files_of(
    name: str,
    class_name: str,
    stack: Stack,
    namespace: Namespace,
    secrets: Sequence[DeliveredSecret],
    opts: pulumi.ResourceOptions,
) -> kubernetes.apiextensions.CustomResource:
    """What a pod of the namespace names to have these secrets as files, which its own role must let it read."""
    return kubernetes.apiextensions.CustomResource(
        name,
        api_version="secrets-store.csi.x-k8s.io/v1",
        kind="SecretProviderClass",
        metadata=metadata(class_name, stack.owner, namespace=namespace.name, data_class=DataClass.SECRETS),
        spec={"provider": "aws", "parameters": _parameters(stack, secrets)},
        opts=opts,
    )


def _parameters(stack: Stack, secrets: Sequence[DeliveredSecret]) -> Manifest:
    # As the AWS provider of the driver reads them (Secrets Manager User Guide, "Use AWS Secrets and Configuration
    # Provider with Pod Identity"). JSON is YAML.
    objects = [
        {
            "objectName": each.arn,
            "objectType": "secretsmanager",
            "objectAlias": each.file,
            **({"jmesPath": [{"path": part, "objectAlias": part} for part in each.parts]} if each.parts else {}),
        }
        for each in secrets
    ]
    return {
        "region": stack.account.region,
        "usePodIdentity": "true",
        "objects": pulumi.Output.json_dumps(objects),
    }
