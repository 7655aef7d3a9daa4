"""A tenth of the platform, of its own components and kinds: keys, buckets, namespaces, a chart and what it defines.

For tests of what a run leaves behind and the next one finds: that does not depend on how much there is of it.
"""

from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster.namespaces import MADE, TRAINING, Namespaces, NamespacesArgs
from foundation.account import Account
from foundation.data_class import DataClass
from foundation.stack import Stack
from foundation.storage import Storage, StorageArgs
from provider import aws_provider
from settings import Settings

HERE = Path(__file__).parent


class Cluster(pulumi.ComponentResource):
    """What is in the cluster, under the type by which the pack's waivers know it."""

    def __init__(self, stack: Stack, opts: pulumi.ResourceOptions) -> None:
        super().__init__("parapet:cluster:Cluster", stack.name, None, opts)
        namespaces = Namespaces(stack.name, NamespacesArgs(stack=stack), pulumi.ResourceOptions(parent=self))
        for each in MADE:
            kubernetes.networking.v1.NetworkPolicy(
                f"{each.name}-deny",
                metadata={"name": "deny", "namespace": each.name},
                spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[namespaces]),
            )
        chart = kubernetes.helm.v4.Chart(
            "widgets",
            chart=str(HERE / "chart"),
            namespace=TRAINING.name,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespaces]),
        )
        for number in range(10):
            name = f"widget-{number}"
            kubernetes.apiextensions.CustomResource(
                name,
                api_version="parapet.test/v1",
                kind="Widget",
                metadata={"name": name, "namespace": TRAINING.name},
                spec={"size": number},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[chart]),
            )
        self.register_outputs({})


settings = Settings.load()
provider = aws_provider(settings)
in_aws = pulumi.ResourceOptions(provider=provider)
stack = settings.stack(Account.read(settings.zones, pulumi.InvokeOptions(provider=provider)), {})
keys = {each: aws.kms.Key(f"{stack.name}-{each}", enable_key_rotation=True, opts=in_aws) for each in DataClass}
arns = {each: key.arn for each, key in keys.items()}
# Nobody works with what is in the buckets, from no VPC.
args = StorageArgs(stack=stack, key_arns=arns, vpc_id="vpc-0123456789abcdef0")
storage = Storage(stack.name, args, pulumi.ResourceOptions(providers=[provider]))
# The cluster waits for all of the account, so that a run can be cut in the one half or in the other.
in_cluster = kubernetes.Provider(stack.name, enable_patch_force=True)
Cluster(stack, pulumi.ResourceOptions(providers=[in_cluster], depends_on=[storage]))
