"""What a component calls anew, and a stack of before has: kept where AWS takes no second one."""

from pathlib import Path

import pytest

from .conftest import LocalAws, Stack

pytestmark = pytest.mark.engine

PLATFORM = Path(__file__).parents[3] / "platform"
PLACE = """
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
zones = aws.get_availability_zones(state="available")
subnets = [aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24", availability_zone=zones.names[i]).id
           for i in range(2)]
def role(name, service):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    return aws.iam.Role(name, assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
cluster = aws.eks.Cluster("c", name="main", role_arn=role("eks", "eks.amazonaws.com").arn, version="1.31",
    vpc_config={"subnet_ids": subnets, "endpoint_private_access": True, "endpoint_public_access": False})
"""
BEFORE = (
    PLACE
    + """
class WorkloadIdentities(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("parapet:mlops:WorkloadIdentities", "main")
        own = pulumi.ResourceOptions(parent=self)
        aws.eks.PodIdentityAssociation("main-notebook", cluster_name=cluster.name, namespace="notebooks",
            service_account="notebook", role_arn=role("notebook", "pods.eks.amazonaws.com").arn, opts=own)
WorkloadIdentities()
"""
)
NOW = (
    f"""
import sys
sys.path.insert(0, {str(PLATFORM)!r})
from cluster.workspace import Workspace
from foundation.account import Account
from foundation.data_class import DataClass
from foundation.network.perimeter import Perimeter
from foundation.stack import Stack
from mlops.workload_identities import Bucket, WorkloadIdentities, WorkloadIdentitiesArgs
"""
    + PLACE
    + """
stack = Stack(name="main", owner="a@example.org", account=Account("123456789012", "aws", "us-east-1", ()), images={},
    tags={}, audit_retention_years=7, log_retention_days=365, protect=False)
bucket = Bucket(arn="arn:aws:s3:::b", key_arn="arn:aws:kms:us-east-1:123456789012:key/k")
WorkloadIdentities("main", WorkloadIdentitiesArgs(stack=stack, cluster_name=cluster.name, cluster_arn=cluster.arn,
    perimeter=Perimeter(vpc_id=vpc.id, services=["sts"]), buckets={each: bucket for each in DataClass},
    workspaces=[Workspace(name="notebooks", people=("arn:aws:iam::123456789012:role/someone",))], secrets={},
    secrets_key_arn=bucket.key_arn, after=[]))
"""
)


def test_the_notebooks_of_before_become_a_workspace_in_one_up(stack: Stack, local_aws: LocalAws) -> None:
    """EKS has one association of a service account and refuses a second, and the engine makes before it deletes."""
    eks = local_aws.client("eks")

    def held() -> list[tuple[str, str]]:
        listed = eks.list_pod_identity_associations(clusterName="main", namespace="notebooks")["associations"]
        ids = [each["associationId"] for each in listed]
        told = [eks.describe_pod_identity_association(clusterName="main", associationId=each) for each in ids]
        return [(each["association"]["associationId"], each["association"]["roleArn"]) for each in told]

    stack.program(BEFORE)
    stack.up()
    ((before, first),) = held()
    stack.program(NOW)
    stack.up()
    ((after, then),) = held()
    assert before == after, "pods that run have their credentials all along"
    assert first != then
    assert "workspace-notebooks" in then
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
