"""What users do with resource options, imports and references, through the real engine."""

from __future__ import annotations

import json

import pytest

from .conftest import LocalAws, Stack

pytestmark = pytest.mark.engine

OPTIONS = """
class Store(pulumi.ComponentResource):
    def __init__(self, name, opts):
        super().__init__("test:index:Store", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(name, tags={{"own": "1"}}, opts=own)
        self.register_outputs({{"bucket": self.bucket.bucket}})

west = aws.Provider("west", region="us-west-2", default_tags={{"tags": {{"team": "{team}", "own": "0"}}}},
    ignore_tags={{"keys": ["ignored"], "key_prefixes": ["kubernetes.io/"]}})
Store("store", pulumi.ResourceOptions(providers=[west]))
aws.kms.Key("key", description="{text}", tags={{"x": "{text}", "y": "{text}"}},
    opts=pulumi.ResourceOptions(ignore_changes=["description", "tags.x"]))
aws.cloudwatch.LogGroup("kept", name="/kept", opts=pulumi.ResourceOptions(retain_on_delete=True))
aws.cloudwatch.LogGroup("made-again", retention_in_days={days},
    opts=pulumi.ResourceOptions(replace_on_changes=["retentionInDays"]))
net = aws.ec2.Vpc("net", cidr_block="{cidr}", opts=pulumi.ResourceOptions(delete_before_replace=True))
aws.ec2.Subnet("inside", vpc_id=net.id, cidr_block="10.0.0.0/24")
aws.cloudwatch.LogGroup("{name}", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="before")]))
"""


def test_resource_options(stack: Stack, local_aws: LocalAws) -> None:
    stack.program(OPTIONS.format(team="a", text="one", days=1, cidr="10.0.0.0/16", name="before"))
    stack.up()
    before = stack.resources()
    s3, kms = local_aws.client("s3", "us-west-2"), local_aws.client("kms")
    bucket, key = before["store"]["id"], before["key"]["id"]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "us-west-2"
    others = {"team": "a", "own": "1", "ignored": "1", "kubernetes.io/cluster": "1"}
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in others.items()]})
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "x", "TagValue": "drifted"}])
    stack.run("refresh", "--yes", "--skip-preview")
    stack.unchanged()
    stack.program(OPTIONS.format(team="b", text="two", days=3, cidr="10.0.0.0/17", name="after"))
    stack.up()
    stack.unchanged()
    after = stack.resources()
    assert after["after"]["id"] == before["before"]["id"]
    assert [name for name in after if name in before and after[name]["id"] != before[name]["id"]] == [
        "made-again", "net", "inside",
    ]  # fmt: skip
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "one"
    tags = {one["TagKey"]: one["TagValue"] for one in kms.list_resource_tags(KeyId=key)["Tags"]}
    assert tags == {"x": "drifted", "y": "two"}
    assert {"Key": "team", "Value": "b"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert [one["logGroupName"] for one in local_aws.client("logs").describe_log_groups()["logGroups"]] == ["/kept"]


def test_what_is_there_is_imported_with_its_program(stack: Stack, local_aws: LocalAws) -> None:
    s3, ec2 = local_aws.client("s3"), local_aws.client("ec2")
    s3.create_bucket(Bucket="there")
    s3.put_bucket_tagging(Bucket="there", Tagging={"TagSet": [{"Key": "costCenter", "Value": "1"}]})
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
    )
    rule = f"{group}_ingress_tcp_443_443_10.0.0.0/8"
    wanted = [
        ("aws:s3/bucket:Bucket", "my-bucket", "there"),
        ("aws:ec2/vpc:Vpc", "vpc", vpc),
        ("aws:ec2/securityGroup:SecurityGroup", "group", group),
        ("aws:ec2/securityGroupRule:SecurityGroupRule", "rule", rule),
    ]
    listed = [{"type": kind, "name": name, "id": identifier} for kind, name, identifier in wanted]
    (stack.folder / "wanted.json").write_text(json.dumps({"resources": listed}))
    stack.run("import", "--file", "wanted.json", "--yes", "--skip-preview", "--out", "written.py")
    stack.program((stack.folder / "written.py").read_text())
    stack.unchanged()


def test_get_of_what_is_not_there_fails_and_what_has_the_name_is_not_taken_over(
    stack: Stack, local_aws: LocalAws
) -> None:
    local_aws.client("s3").create_bucket(Bucket="taken")
    stack.program('aws.s3.Bucket.get("none", "not-there")\naws.s3.Bucket("mine", bucket="taken")')
    said = stack.up(ok=False)
    assert "'not-there' does not exist" in said or "exists already" in said
    stack.program('aws.s3.Bucket.get("none", "not-there")')
    assert "'not-there' does not exist" in stack.up(ok=False)
    stack.program('aws.s3.Bucket("mine", bucket="taken")')
    assert "exists already" in stack.up(ok=False)


def test_what_was_done_though_the_answer_was_an_error_is_not_done_twice(
    stack: Stack, local_aws: LocalAws, unheard_aws: LocalAws
) -> None:
    stack.program(
        """
trust = {"Version": "2012-10-17", "Statement": [
    {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}
aws.iam.Role("role", name="role", assume_role_policy=trust)
aws.iam.Policy("policy", name="policy", policy={"Version": "2012-10-17", "Statement": [
    {"Action": "s3:*", "Effect": "Allow", "Resource": "*"}]})
aws.kms.Alias("alias", name="alias/one", target_key_id=aws.kms.Key("key").id)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
subnets = [aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24") for i in range(3)]
groups = [aws.ec2.SecurityGroup(f"g{i}", name=f"g{i}", vpc_id=vpc.id, ingress=[
    {"protocol": "tcp", "from_port": 1, "to_port": 1, "cidr_blocks": ["10.0.0.0/8"]}]) for i in range(3)]
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id)
table = aws.ec2.RouteTable("table", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}])
aws.ec2.RouteTableAssociation("in", route_table_id=table.id, subnet_id=subnets[0].id)
[aws.s3.Bucket(f"b{i}", bucket=f"bucket-{i}") for i in range(2)]
"""
    )
    stack.endpoint = unheard_aws.url
    stack.up()
    stack.unchanged()
    stack.run("destroy", "--yes", "--skip-preview")
    ec2, kms = local_aws.client("ec2"), local_aws.client("kms")
    assert all(one["IsDefault"] for one in ec2.describe_vpcs()["Vpcs"])
    assert ec2.describe_internet_gateways()["InternetGateways"] == []
    assert len(kms.list_keys()["Keys"]) == 1
