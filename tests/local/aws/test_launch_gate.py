"""What a role needs at the local AWS API to launch in EC2 as Karpenter does: each right is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import LocalAws
from tests.local.aws.launching import NAME, OWNED, Launching, listed
from tests.local.aws.test_gate import ACCOUNT, Worker, allow, document, refusal

EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}:"
MADE = ("fleet", "instance", "launch-template", "network-interface", "volume")
LAUNCH = ["ec2:RunInstances", "ec2:CreateFleet"]
REQUESTED = {f"aws:RequestTag/{name}": value for name, value in OWNED.items()}
OWN = {"StringEquals": {"aws:ResourceTag/kubernetes.io/cluster/here": "owned"}}


@pytest.fixture
def launching(local_aws: LocalAws) -> Launching:
    return Launching.of(local_aws.client)


def rights(launching: Launching) -> dict[str, dict[str, Any]]:
    """All that a launch needs, by a name."""
    through = {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}
    made = [f"{EC2}{kind}/*" for kind in MADE]
    actions = ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]
    return {
        "image": allow(LAUNCH, "arn:aws:ec2:us-east-1::image/*"),
        "subnet": allow(LAUNCH, f"{EC2}subnet/{launching.subnet}"),
        "group": allow(LAUNCH, f"{EC2}security-group/{launching.group}"),
        "template": allow(LAUNCH, f"{EC2}launch-template/*", Condition=OWN),
        "made": allow([*LAUNCH, "ec2:CreateLaunchTemplate"], made, Condition={"StringEquals": REQUESTED}),
        "tags": allow("ec2:CreateTags", made, Condition={"StringEquals": {"ec2:CreateAction": actions, **REQUESTED}}),
        "role": allow(
            "iam:PassRole", launching.role, Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
        ),
        "key": allow(
            ["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"],
            launching.key,
            Condition={"StringEquals": through},
        ),
        "grant": allow(
            "kms:CreateGrant",
            launching.key,
            Condition={"StringEquals": through, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    }


def without(launching: Launching, *names: str) -> list[dict[str, Any]]:
    return [right for name, right in rights(launching).items() if name not in names]


def test_a_fleet_is_launched_by_whom_all_of_it_is_allowed(local_aws: LocalAws, launching: Launching) -> None:
    ec2 = Worker(local_aws, *without(launching)).client("ec2")
    launching.template(ec2)
    assert launching.launched(ec2=ec2)["SubnetId"] == launching.subnet


ASKED = {
    "image": "ec2:CreateFleet on resource: arn:aws:ec2:us-east-1::image/",
    "subnet": f"ec2:CreateFleet on resource: {EC2}subnet/",
    "group": f"ec2:CreateFleet on resource: {EC2}security-group/",
    "template": f"ec2:CreateFleet on resource: {EC2}launch-template/lt-",
    "made": f"ec2:CreateFleet on resource: {EC2}fleet/",
    "tags": f"ec2:CreateTags on resource: {EC2}fleet/",
    "role": "iam:PassRole on resource: arn:aws:iam::",
    "key": "kms:Decrypt on resource: arn:aws:kms:",
    "grant": "kms:CreateGrant on resource: arn:aws:kms:",
}


def test_a_fleet_is_refused_where_one_right_is_lacking(local_aws: LocalAws, launching: Launching) -> None:
    launching.template()
    ec2, iam = Worker(local_aws).client("ec2"), local_aws.client("iam")
    assert ASKED.keys() == rights(launching).keys()
    for name, asked in ASKED.items():
        policy = document(*without(launching, name))
        iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=policy)
        with pytest.raises(ClientError) as error:
            launching.fleet(ec2=ec2)
        assert error.value.response["Error"]["Code"] == "UnauthorizedOperation"
        assert f"is not authorized to perform: {asked}" in error.value.response["Error"]["Message"], name
    assert not launching.ec2.describe_instances()["Reservations"]


def test_what_a_fleet_launches_it_launches_for_its_caller(local_aws: LocalAws, launching: Launching) -> None:
    """The instances of a real fleet need the right to run them; a try of one does not ask for it."""
    launching.template()
    fleets_alone = [
        right | {"Action": [each for each in right["Action"] if each != "ec2:RunInstances"]}
        if "ec2:RunInstances" in right["Action"]
        else right
        for right in without(launching, "role", "key", "grant")
    ]
    ec2 = Worker(local_aws, *fleets_alone).client("ec2")
    with pytest.raises(ClientError, match="DryRunOperation"):
        launching.fleet(ec2=ec2, DryRun=True)
    with pytest.raises(ClientError, match="ec2:RunInstances on resource"):
        launching.fleet(ec2=ec2)


def test_a_tag_that_nobody_may_give_is_refused(local_aws: LocalAws, launching: Launching) -> None:
    launching.template()
    ec2 = Worker(local_aws, *without(launching)).client("ec2")
    with pytest.raises(ClientError, match=f"ec2:CreateFleet on resource: {EC2}fleet/"):
        launching.fleet(ec2=ec2, tags={**OWNED, "karpenter.sh/nodepool": "made-by-hand"})


def test_a_template_of_others_is_not_launched_from_nor_deleted(local_aws: LocalAws, launching: Launching) -> None:
    launching.template(tags={"kubernetes.io/cluster/other": "owned"})
    deleting = allow("ec2:DeleteLaunchTemplate", Condition=OWN)
    ec2 = Worker(local_aws, *without(launching), deleting).client("ec2")
    with pytest.raises(ClientError, match=f"ec2:CreateFleet on resource: {EC2}launch-template/lt-"):
        launching.fleet(ec2=ec2)
    assert refusal(ec2.delete_launch_template, LaunchTemplateName=NAME)[0] == "UnauthorizedOperation"
    launching.ec2.delete_launch_template(LaunchTemplateName=NAME)
    launching.template()
    ec2.delete_launch_template(LaunchTemplateName=NAME)


def _tried(launching: Launching) -> dict[str, Any]:
    """The try of a launch with which Karpenter sees whether a class can be used."""
    return {
        "DryRun": True,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceType": "g6.xlarge",
        "LaunchTemplate": {"LaunchTemplateName": NAME, "Version": "$Latest"},
        "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": launching.subnet}],
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": listed(OWNED)} for kind in ("instance", "volume", "network-interface")
        ],
    }


def test_a_try_with_an_interface_of_no_group_asks_for_the_default_group(
    local_aws: LocalAws, launching: Launching
) -> None:
    launching.template()
    ec2 = Worker(local_aws, *without(launching)).client("ec2")
    code, words = refusal(ec2.run_instances, **_tried(launching))
    of_vpc = [{"Name": "vpc-id", "Values": [launching.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (default,) = launching.ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    assert code == "UnauthorizedOperation"
    assert f"ec2:RunInstances on resource: {EC2}security-group/{default['GroupId']} " in words
    more = allow("ec2:RunInstances", f"{EC2}security-group/{default['GroupId']}")
    local_aws.client("iam").put_role_policy(RoleName="worker", PolicyName="more", PolicyDocument=document(more))
    assert refusal(ec2.run_instances, **_tried(launching))[0] == "DryRunOperation"


def test_an_instance_is_ended_and_named_by_its_tags(local_aws: LocalAws, launching: Launching) -> None:
    launching.template()
    own = launching.launched()["InstanceId"]
    others = launching.launched(tags={"kubernetes.io/cluster/other": "owned"})["InstanceId"]
    names = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Name"]}}
    ec2 = Worker(
        local_aws,
        allow("ec2:TerminateInstances", f"{EC2}instance/*", Condition=OWN),
        allow("ec2:CreateTags", f"{EC2}instance/*", Condition={**OWN, **names}),
    ).client("ec2")
    named = {"Tags": listed({"Name": "node"})}
    assert refusal(ec2.create_tags, Resources=[own, others], **named)[0] == "UnauthorizedOperation"
    ec2.create_tags(Resources=[own], **named)
    assert refusal(ec2.create_tags, Resources=[own], Tags=listed({"Owner": "me"}))[0] == "UnauthorizedOperation"
    assert refusal(ec2.terminate_instances, InstanceIds=[own, others])[0] == "UnauthorizedOperation"
    ec2.terminate_instances(InstanceIds=[own])
    assert launching.instance(others)["State"]["Name"] == "running"


def test_a_public_parameter_is_nobodys(local_aws: LocalAws, launching: Launching) -> None:
    name = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id"
    worker = Worker(local_aws, allow("ssm:GetParameter", "arn:aws:ssm:us-east-1::parameter/aws/service/eks/*"))
    assert worker.client("ssm").get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")
    assert refusal(worker.client("ssm").get_parameter, Name="/own")[0] == "AccessDeniedException"


def test_what_is_asked_twice_is_judged_as_it_is_carried_out(local_aws: LocalAws, launching: Launching) -> None:
    """Of an action in the address and one in the body, the API carries out the first."""
    launching.template()
    instance = launching.launched()["InstanceId"]
    ec2 = Worker(local_aws, allow("ec2:DescribeRegions")).client("ec2")

    def also(request: Any, **_: Any) -> None:
        request.url += f"?Action=TerminateInstances&InstanceId.1={instance}"

    ec2.meta.events.register("before-sign.ec2.DescribeRegions", also)
    assert refusal(ec2.describe_regions)[0] == "UnauthorizedOperation"
    assert launching.instance(instance)["State"]["Name"] == "running"
