"""What each workload may do in AWS: a role for each service account, by EKS Pod Identity."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_aws as aws

from cluster.pod_identity import PodRole, PodRoleArgs
from cluster.workspace import Workspace
from foundation.data_class import DataClass
from foundation.network.perimeter import Perimeter
from foundation.policy_document import Conditions, Statement, allow
from foundation.stack import Stack
from mlops.bucket import Bucket
from mlops.data_path import WORKLOADS, Part, Workload, of
from mlops.secret_delivery import DeliveredSecret, files_of, reading
from mlops.workload_secret import CLASS

METRICS: Final = "Parapet/Models"
"""The namespace of CloudWatch in which metrics of models and their data are."""


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentitiesArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    perimeter: Perimeter
    buckets: Mapping[DataClass, Bucket]
    """Of each class that `data_path` names."""
    workspaces: Sequence[Workspace] = ()
    secrets: Mapping[str, Sequence[DeliveredSecret]]
    """What the pods of a namespace's own account have as files, by its name."""
    named: Mapping[Workload, Sequence[DeliveredSecret]] = field(default_factory=dict)
    """Those with an account of their own: the models that the stack serves, and their checks; with what the pods of
    each have as files."""
    secrets_key_arn: pulumi.Input[str]
    after: Sequence[pulumi.Resource]
    """The namespaces, and the add-on that brings the driver of secrets."""


class WorkloadIdentities(pulumi.ComponentResource):
    """Pods work with the parts of the buckets that `data_path` gives them, through S3 under the bucket's own key, and
    from within the VPC alone.

    They read the secrets that were given to their account, and none has any other right in AWS, but for MLflow's, which
    has a role of its own.
    """

    role_arns: dict[Workload, pulumi.Output[str]]

    def __init__(self, name: str, args: WorkloadIdentitiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        workloads = (*WORKLOADS, *map(of, args.workspaces), *args.named)
        inputs = {"serviceAccounts": [each.service_account for each in workloads]}
        super().__init__("parapet:mlops:WorkloadIdentities", name, inputs, opts)
        self.role_arns = {}
        for workload in workloads:
            former = [pulumi.Alias(name=f"{name}-{workload.formerly}")] if workload.formerly else []
            self._identity(f"{name}-{workload.name or workload.service_account}", workload, args, former)
        self.register_outputs({})

    def _identity(
        self, name: str, workload: Workload, args: WorkloadIdentitiesArgs, former: Sequence[pulumi.Alias]
    ) -> None:
        where = workload.namespace.name
        secrets = args.named.get(workload, ()) if workload.account else args.secrets.get(where, ())
        role = PodRole(
            name,
            PodRoleArgs(
                stack=args.stack,
                cluster_arn=args.cluster_arn,
                description=f"Lets {workload.service_account} in {where} work with the data that it needs.",
                policies={**_policies(workload, args), **reading(args.stack, args.secrets_key_arn, secrets)},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.role_arns[workload] = role.arn
        aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=where,
            service_account=workload.service_account,
            role_arn=role.arn,
            # A pod that starts without its rights gets credentials all the same, and then fails.
            opts=pulumi.ResourceOptions(parent=self, depends_on=role.allowed, aliases=former),
        )
        if secrets:
            waiting = pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *role.allowed])
            files = workload.account or CLASS
            files_of(f"{name}-secrets", files, args.stack, workload.namespace, secrets, waiting)


def _policies(workload: Workload, args: WorkloadIdentitiesArgs) -> Mapping[str, Sequence[Statement]]:
    within = args.perimeter.only_from_within()
    data = [*_objects(workload, args.buckets), *_listings(workload, args.buckets), *_keys(workload, args), within]
    return {"data": data, "metrics": [_measure()]} if workload.measures else {"data": data}


def _objects(workload: Workload, buckets: Mapping[DataClass, Bucket]) -> list[Statement]:
    # Without the header no upload overwrites; a multipart upload would send it with the last call only, and these
    # objects are small (Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets").
    if_absent: Conditions = {"Null": {"s3:if-none-match": "false"}}
    write = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
    rights: list[tuple[str, tuple[Part, ...], str | list[str], Conditions | None]] = [
        ("Read", workload.reads, "s3:GetObject", None),
        ("Write", workload.writes, write, None),
        ("Add", workload.adds, "s3:PutObject", if_absent),
        ("Remove", workload.removes, "s3:DeleteObject", None),
    ]
    return [
        allow(
            sid,
            actions=actions,
            resources=[pulumi.Output.format("{0}/{1}/*", buckets[part.bucket].arn, part.prefix) for part in parts],
            when=when,
        )
        for sid, parts, actions, when in rights
        if parts
    ]


def _listings(workload: Workload, buckets: Mapping[DataClass, Bucket]) -> list[Statement]:
    """Of what it reads: where it only adds, it does not learn what is there."""
    return [
        allow(
            f"List{holds.title()}",
            actions="s3:ListBucket",
            resources=buckets[holds].arn,
            when={
                "StringLike": {
                    "s3:prefix": [
                        pattern
                        for part in workload.reads
                        if part.bucket is holds
                        # With the slash: without it, the names in another part that begins so are listed too.
                        for pattern in (f"{part.prefix}/*",)
                    ]
                }
            },
        )
        for holds in _classes(workload.reads)
    ]


def _keys(workload: Workload, args: WorkloadIdentitiesArgs) -> list[Statement]:
    through = {"StringEquals": {"kms:ViaService": f"s3.{args.stack.account.region}.amazonaws.com"}}
    # A multipart upload reads its parts back (Amazon S3 User Guide, "Multipart upload API and permissions").
    rights = {
        "kms:Decrypt": _classes((*workload.reads, *workload.writes)),
        "kms:GenerateDataKey": _classes((*workload.writes, *workload.adds)),
    }
    return [
        allow(
            f"{action.partition(':')[2]}ThroughS3",
            actions=action,
            resources=[args.buckets[holds].key_arn for holds in classes],
            when=through,
        )
        for action, classes in rights.items()
        if classes
    ]


def _classes(parts: Iterable[Part]) -> list[DataClass]:
    """The classes of these parts, each once."""
    return list(dict.fromkeys(part.bucket for part in parts))


def _measure() -> Statement:
    # The action knows no resource (Amazon CloudWatch User Guide, "Using condition keys to limit access to CloudWatch
    # namespaces").
    only: Conditions = {"StringEquals": {"cloudwatch:namespace": METRICS}}
    return allow("Measure", actions="cloudwatch:PutMetricData", resources="*", when=only)
