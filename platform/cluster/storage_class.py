"""Where a volume is, when nobody says otherwise."""

from typing import Final

import pulumi
import pulumi_kubernetes as k8s

from cluster.labels import metadata

NAME: Final = "encrypted"


def default_storage_class(
    name: str, owner: str, key_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> k8s.storage.v1.StorageClass:
    """The cluster's default and only class: gp3 under the cluster's CMK, in the zone of the pod that asks for it."""
    return k8s.storage.v1.StorageClass(
        f"{name}-{NAME}",
        metadata={**metadata(NAME, owner), "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": key_arn},
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        reclaim_policy="Delete",
        opts=opts,
    )
