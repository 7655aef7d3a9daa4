"""What must be so before a `pulumi up`, on a local AWS API that is a new account."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from cluster.images import IMAGES, LOCK
from operations.account.access import Access
from operations.account.bootstrap import bootstrap
from operations.account.preflight import (
    Finding,
    State,
    backend,
    container_images,
    placeholders,
    preflight,
    quotas,
    state,
    tools,
    zones,
)
from operations.account.preflight.finding import Account
from operations.refused import Refused
from operations.stack_settings import StackFile
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import ACCOUNT, STACK
from tests.platform.project import PROJECT

pytestmark = pytest.mark.xdist_group("account")

Write = Callable[..., StackFile]
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
GPU = "{name: inference, instanceTypes: [g6.xlarge, g6.2xlarge], min: 1, max: 4}"
SPOT = "{name: training, instanceTypes: [p5.48xlarge], max: 2, capacity: spot}"
RESERVED = "{name: held, instanceTypes: [p4d.24xlarge], max: 2, capacity: cr-0123456789abcdef0}"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A machine with what an `up` needs, which says at once what it is; a test may have others say it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def has(name: str, said: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (folder / name).chmod(0o755)

    has("pulumi", "v9.9.9")
    has("aws", "aws-cli/2.31.4 Python/3.13")
    has("podman", "podman version 5.4.0")
    return has


def look(stack: StackFile, **options: Any) -> list[Finding]:
    return list(preflight(stack.path.parent, stack.name, **options))


def texts(findings: Iterable[Finding], about: str, *states: State) -> list[str]:
    return [each.text for each in findings if each.about == about and (not states or each.state in states)]


def account(write: Write, text: str = STACK) -> Account:
    file = write(text)
    session = boto3.Session(region_name="us-east-1")
    access = Access(session, ACCOUNT, "aws", "us-east-1", f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/me")
    return Account(file, file.settings(), file.path.parent, access, "bucket")


@pytest.fixture
def stubbed(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Service Quotas with prepared answers; every other service as it is."""
    client = boto3.client("service-quotas", region_name="us-east-1")
    real = Access.client
    monkeypatch.setattr(
        Access, "client", lambda self, service: client if service == "service-quotas" else real(self, service)
    )
    with Stubber(client) as stubber:
        yield stubber


def answer(stubber: Stubber, code: str, value: float | None, service: str = "ec2") -> None:
    names = {"ServiceCode": service, "QuotaCode": code}
    if value is None:
        stubber.add_client_error("get_service_quota", "NoSuchResourceException", expected_params=names)
    else:
        stubber.add_response("get_service_quota", {"Quota": {"Value": value}}, names)


def default(stubber: Stubber, code: str, value: float) -> None:
    names = {"ServiceCode": "ec2", "QuotaCode": code}
    stubber.add_response("get_aws_default_service_quota", {"Quota": {"Value": value}}, names)


def test_a_new_accounts_quotas_are_told_with_code_and_value_to_ask_for(stubbed: Stubber, write: Write) -> None:
    # Nobody ever asked for another: Service Quotas tells of AWS's default alone.
    answer(stubbed, "L-1216C47A", None)
    default(stubbed, "L-1216C47A", 5)
    answer(stubbed, "L-DB2E81BA", 0)
    answer(stubbed, "L-C4BD4855", 0)
    answer(stubbed, "L-F678F1CE", 5, "vpc")
    answer(stubbed, "L-29B6F2EB", 50, "vpc")
    found = list(quotas.check(account(write, f"{STACK}  parapet:gpuGroups: [{GPU}, {SPOT}, {RESERVED}]\n")))
    to_do = texts(found, "quotas", State.TO_DO)
    # Twice six m7i.xlarge of 4 vCPUs, two more in each of three zones while an update replaces them, and the operators'
    # host of 2; four g6.2xlarge of 8, two p5.48xlarge of 192, none beside them; the reservation was counted before.
    assert [text.split(" ")[0] for text in to_do] == ["L-1216C47A", "L-DB2E81BA", "L-C4BD4855"]
    for text, value in zip(to_do, (98, 32, 384), strict=True):
        code = text.split(" ")[0]
        assert f"--quota-code {code} --desired-value {value} --region us-east-1" in text
    assert len(texts(found, "quotas", State.OK)) == 3
    stubbed.assert_no_pending_responses()


def test_quotas_that_hold_are_ok_and_egress_wants_addresses(stubbed: Stubber, write: Write, aws: LocalAws) -> None:
    aws.client("ec2").allocate_address(Domain="vpc")
    answer(stubbed, "L-1216C47A", 98)
    answer(stubbed, "L-0263D0A3", 3)
    answer(stubbed, "L-F678F1CE", 5, "vpc")
    answer(stubbed, "L-29B6F2EB", 50, "vpc")
    found = list(quotas.check(account(write, f'{STACK}  parapet:egress: "true"\n')))
    (text,) = texts(found, "quotas", State.TO_DO)
    assert text.startswith("L-0263D0A3 (Elastic IP addresses in the Region) is 3: ask for 4:")


def test_what_this_very_stack_has_already_is_not_counted_twice(stubbed: Stubber, write: Write, aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Environment", "Value": "real"}])
    answer(stubbed, "L-1216C47A", 98)
    answer(stubbed, "L-F678F1CE", before + 1, "vpc")
    answer(stubbed, "L-29B6F2EB", 50, "vpc")
    assert all(each.state is State.OK for each in quotas.check(account(write)))


def test_a_family_whose_spot_quota_nobody_knows_is_not_called_ok(stubbed: Stubber, write: Write) -> None:
    answer(stubbed, "L-1216C47A", 98)
    answer(stubbed, "L-F678F1CE", 5, "vpc")
    answer(stubbed, "L-29B6F2EB", 50, "vpc")
    group = "{name: new, instanceTypes: [p6-b200.48xlarge], max: 1, capacity: spot}"
    found = list(quotas.check(account(write, f"{STACK}  parapet:gpuGroups: [{group}]\n")))
    (text,) = texts(found, "quotas", State.UNKNOWN)
    assert "p6-b200.48xlarge" in text


def test_system_nodes_of_another_family_count_against_its_quota_or_are_told(stubbed: Stubber, write: Write) -> None:
    answer(stubbed, "L-1216C47A", 50)
    answer(stubbed, "L-F678F1CE", 5, "vpc")
    answer(stubbed, "L-29B6F2EB", 50, "vpc")
    found = list(quotas.check(account(write, f"{STACK}  parapet:systemInstanceTypes: [x2iedn.xlarge]\n")))
    (text,) = texts(found, "quotas", State.UNKNOWN)
    assert text.startswith("no quota is known for On-Demand Instances of x2iedn.xlarge (parapet:systemInstanceTypes)")
    assert all(each.state is State.OK for each in found if each.text != text)


def test_a_region_that_takes_no_further_policy_of_logs_is_told(stubbed: Stubber, write: Write, aws: LocalAws) -> None:
    logs = aws.client("logs")

    def told() -> list[str]:
        answer(stubbed, "L-1216C47A", 98)
        answer(stubbed, "L-F678F1CE", 5, "vpc")
        answer(stubbed, "L-29B6F2EB", 50, "vpc")
        return texts(quotas.check(account(write)), "quotas", State.TO_DO)

    for number in range(9):
        logs.put_resource_policy(policyName=f"other-{number}", policyDocument="{}")
    assert told() == []
    logs.put_resource_policy(policyName="other-9", policyDocument="{}")
    assert told() == [
        "resource policies of CloudWatch Logs in the Region: 11 are wanted, and AWS takes 10, which it does not raise: "
        "see who needs them (aws logs describe-resource-policies --region us-east-1), and delete one"
    ]
    logs.delete_resource_policy(policyName="other-9")
    logs.put_resource_policy(policyName="parapet-real-query-logs", policyDocument="{}")
    assert told() == []


def test_a_call_that_is_denied_is_a_finding_and_no_silence(stubbed: Stubber, write: Write) -> None:
    stubbed.add_client_error("get_service_quota", "AccessDeniedException", "not authorized to servicequotas:Get")
    found = look(write())
    assert texts(found, "quotas", State.UNKNOWN) == [
        "AWS denied GetServiceQuota: not authorized to servicequotas:Get. Allow it to whoever runs this, then run it "
        "again."
    ]
    assert texts(found, "zones", State.OK)


def test_zones_are_told_by_id_without_those_that_eks_refuses(aws: LocalAws, write: Write) -> None:
    (text,) = texts(look(write()), "zones")
    assert text == "use1-az1 (us-east-1b), use1-az2 (us-east-1c), use1-az4 (us-east-1d)"


def test_a_gpu_group_in_a_zone_beside_the_stacks_is_told(aws: LocalAws, write: Write) -> None:
    group = GPU.replace("max: 4", "max: 4, zones: [us-east-1e]")
    found = list(zones.check(account(write, f"{STACK}  parapet:gpuGroups: [{group}]\n")))
    assert "names us-east-1e; the stack spans us-east-1b, us-east-1c, us-east-1d" in found[1].text


def test_an_endpoint_that_the_region_lacks_or_has_in_other_zones_is_told(
    aws: LocalAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = account(write)
    every = ["us-east-1b", "us-east-1c", "us-east-1d"]
    services = ["s3", "dynamodb", *here.settings.interface_endpoints]
    details = [
        {"ServiceName": f"com.amazonaws.us-east-1.{each}", "AvailabilityZones": every[1:] if each == "sqs" else every}
        for each in services
        if each != "eks-auth"
    ]
    monkeypatch.setattr(zones, "_services", lambda _: details)
    assert [each.text.split(":")[0] for each in zones.endpoints(here)] == [
        "us-east-1 has no endpoint com.amazonaws.us-east-1.eks-auth",
        "com.amazonaws.us-east-1.sqs is not in us-east-1b",
    ]
    monkeypatch.setattr(zones, "_services", lambda _: [*details, details[0] | {"ServiceName": "x"}])
    assert all(each.state is State.TO_DO for each in zones.endpoints(here))


def test_administrators_exist_and_the_deploying_role_is_one(aws: LocalAws, write: Write) -> None:
    stack = write()
    assert texts(look(stack), "administrators")[0] == (
        f"arn:aws:iam::{ACCOUNT}:role/deployer does not exist: make it, or take it out of the settings"
    )
    role = aws.client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    session = signed_in(aws, role)
    (text,) = texts(look(stack, session=session), "administrators", State.OK)
    assert text == f"{role}; you are signed in by {role}"


def test_a_role_of_people_that_does_not_exist_is_told_before_a_policy_that_names_it_is_refused(
    aws: LocalAws, write: Write
) -> None:
    roles = {name: f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("scientist", "clinic", "auditor", "guest")}
    text = f"{STACK}  parapet:auditorRoles: [{roles['auditor']}]\n  parapet:workspaces:\n"
    text += f"    - {{name: sepsis, people: [{roles['scientist']}, {roles['guest']}]}}\n  parapet:mlflowUsers:\n"
    text += f"    - {{name: a, readers: [{roles['scientist']}, {roles['clinic']}]}}\n"
    text += f"    - {{name: b, readers: [{roles['clinic']}]}}\n"
    aws.client("iam").create_role(RoleName="scientist", AssumeRolePolicyDocument="{}")
    found = [each for each in texts(look(write(text)), "administrators") if "does not exist" in each]
    assert [each.split()[0] for each in found] == [
        f"arn:aws:iam::{ACCOUNT}:role/deployer",
        roles["auditor"],
        roles["guest"],
        roles["clinic"],
    ]


def test_whoever_deploys_without_being_an_administrator_is_told_before_the_cluster_shuts_them_out(
    aws: LocalAws, write: Write
) -> None:
    iam = aws.client("iam")
    iam.create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")
    other = iam.create_role(RoleName="other", Path="/team/", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    (text,) = texts(look(write(), session=signed_in(aws, other)), "administrators")
    assert text == f"{other}, by which you are signed in, is not among them: add it to parapet:clusterAdministrators"


def signed_in(aws: LocalAws, role: str) -> boto3.Session:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    aws.client("iam").put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="all", PolicyDocument=policy)
    credentials = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    return boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name="us-east-1",
    )


def test_the_state_and_the_roles_are_ok_after_a_bootstrap_and_told_before(aws: LocalAws, write: Write) -> None:
    stack = write()
    before = look(stack)
    assert "is not there: ./parapet account bootstrap --stack real" in texts(before, "state")[0]
    assert any("AWSServiceRoleForAutoScaling is missing" in each for each in texts(before, "service-linked roles"))
    bootstrap(stack, lambda _: None)
    after = look(stack)
    bucket = f"parapet-state-{ACCOUNT}-us-east-1"
    assert texts(after, "state", State.OK) == [f"pulumi login 's3://{bucket}?region=us-east-1&awssdk=v2'"]
    assert texts(after, "service-linked roles", State.OK)
    aws.client("s3").delete_public_access_block(Bucket=bucket)
    (found,) = state.check(replace(account(write, stack.path.read_text()), bucket=bucket))
    assert found.text == (
        f"./parapet account bootstrap --stack real has something left to do: {bucket}: block all public access"
    )
    aws.client("s3").delete_bucket(Bucket=bucket)
    assert "that bucket is gone. Make it again and put a copy of the state into it" in texts(look(stack), "state")[0]


def test_credentials_of_another_account_end_it_with_one_line(aws: LocalAws, write: Write) -> None:
    found = look(write(STACK.replace(ACCOUNT, "998877665544")))
    (text,) = texts(found, "account")
    assert "parapet:allowedAccountId is 998877665544" in text
    assert found[-1].stops


def test_every_precondition_is_looked_at_and_told_in_one_line(aws: LocalAws, write: Write) -> None:
    found = look(write())
    assert [each for each in found if "\n" in each.text or not each.text] == []
    assert {each.about for each in found} == {
        "account",
        "administrators",
        "backend",
        "endpoints",
        "images",
        "instance types",
        "listeners",
        "names",
        "placeholders",
        "quotas",
        "service-linked roles",
        "services",
        "settings",
        "state",
        "tools",
        "trail",
        "versions",
        "zones",
    }


REAL = sorted(
    file.name.split(".")[1] for file in PROJECT.glob("Pulumi.*.yaml") if "parapet:localAws" not in file.read_text()
)


def test_ci_looks_over_every_stack_that_means_an_account() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "preview.yml").read_text())
    runs = [step.get("run", "") for step in workflow["jobs"]["preview"]["steps"]]
    (looked_over,) = [each for each in runs if "account preflight" in each]
    (stacks,) = re.findall(r"for stack in ([a-z ]+);", looked_over)
    assert sorted(stacks.split()) == REAL
    assert '--stack "$stack" --offline --sample' in looked_over


@pytest.mark.parametrize("stack", REAL)
def test_the_samples_are_amiss_in_nothing_but_what_their_owner_fills_in(stack: str) -> None:
    found = list(preflight(PROJECT, stack, offline=True))
    assert {each.state for each in found} <= {State.OK, State.PLACEHOLDER}, found
    assert any("an account of AWS's documentation" in each for each in texts(found, "placeholders"))


def test_a_filled_in_stack_has_no_placeholder(write: Write) -> None:
    found = look(write(STACK.replace(ACCOUNT, "998877665544")), offline=True)
    assert [(each.about, each.state) for each in found] == [("settings", State.OK), ("placeholders", State.OK)]


def test_owners_whom_nobody_named_are_placeholders(write: Write) -> None:
    stack = write(STACK.replace(ACCOUNT, "998877665544"))
    (stack.path.parent / placeholders.OWNERS).parent.mkdir()
    (file := stack.path.parent / placeholders.OWNERS).write_text((PROJECT / placeholders.OWNERS).read_text())
    named = [each for each in look(stack, offline=True) if str(placeholders.OWNERS) in each.text]
    assert len(named) == 10
    assert "names https://git.example.org/parapet/blob/main/, which nobody reads: put the place where" in named[0].text
    assert {each.state for each in named} == {State.PLACEHOLDER}
    assert "names privacy-officer@example.org, which nobody reads" in named[7].text
    file.write_text(re.sub(r"\bexample\.\w+", "hospital.org", file.read_text()))
    assert [each.state for each in look(stack, offline=True)] == [State.OK, State.OK]


def test_an_account_that_nobody_named_is_a_placeholder(write: Write) -> None:
    found = look(write(STACK.replace(f'"{ACCOUNT}"', '""').replace(ACCOUNT, "998877665544")), offline=True)
    assert any("parapet:allowedAccountId is empty" in each for each in texts(found, "placeholders"))


def test_bad_settings_are_told_one_line_each(write: Write) -> None:
    found = look(write(STACK.replace('"7"', '""')), offline=True)
    assert texts(found, "settings")[0].startswith("parapet:costCenter is not set")
    assert all(each.stops for each in found)


def test_a_stack_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Refused, match=r"There is no stack 'x'.*dev, local, prod, staging"):
        list(preflight(PROJECT, "x"))


def test_tools_that_are_missing_or_old_are_told(
    write: Write, machine: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = account(write)
    assert [(each.state, each.text) for each in tools.check(here)] == [
        (State.OK, "pulumi 9.9.9"),
        (State.OK, "aws 2.31.4"),
        (State.OK, "podman builds images"),
    ]
    machine("pulumi", "v3.1.0")
    machine("aws", "aws-cli/1.27.159 Python/3.11")
    old, older, _ = tools.check(here)
    assert old.text.startswith("pulumi is 3.1.0, older than the SDK's ")
    assert older.text.startswith("the AWS CLI is 1.27.159: install 2.12.3 or newer")
    monkeypatch.setenv("PATH", "/nowhere")
    assert [each.state for each in tools.check(here)] == [State.TO_DO] * 3


def test_an_account_without_images_is_told_how_they_get_there(aws: LocalAws, write: Write) -> None:
    (text,) = texts(container_images.check(account(write)), "images", State.TO_DO)
    assert "the first `pulumi up` makes it" in text
    assert "./parapet images mirror --stack real" in text


def test_images_are_ok_when_the_registry_holds_each_by_the_locks_digest(
    aws: LocalAws, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr, lock = aws.client("ecr"), tmp_path / "lock.yaml"
    monkeypatch.setenv(LOCK, str(lock))
    digests = {}
    for image in IMAGES.values():
        ecr.create_repository(repositoryName=f"parapet-real/{image.name}")
        manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "name": image.name})
        made = ecr.put_image(repositoryName=f"parapet-real/{image.name}", imageManifest=manifest, imageTag=image.tag)
        digests[image.tagged] = made["image"]["imageId"]["imageDigest"]
    lock.write_text(json.dumps(digests))
    (found,) = container_images.check(account(write))
    assert found.state is State.OK

    first = next(iter(IMAGES.values()))
    lock.write_text(json.dumps({**digests, first.tagged: f"sha256:{'a' * 64}"}))
    (found,) = container_images.check(account(write))
    assert found.state is State.TO_DO
    assert found.text.startswith(f"{first.tagged}: another image under the tag: ./parapet images")


@pytest.mark.parametrize(
    ("instance_type", "on_demand", "spot"),
    [
        ("m7i.xlarge", "L-1216C47A", "L-34B43A08"),
        ("t4g.micro", "L-1216C47A", "L-34B43A08"),
        ("im4gn.large", "L-1216C47A", "L-34B43A08"),
        ("g6.xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("gr6.4xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("p4d.24xlarge", "L-417A185B", "L-7212CCBC"),
        ("p5en.48xlarge", "L-417A185B", "L-C4BD4855"),
        ("inf2.xlarge", None, None),
        ("mac2.metal", None, None),
    ],
)
def test_an_instance_counts_against_the_quota_of_its_family(
    instance_type: str, on_demand: str | None, spot: str | None
) -> None:
    told = [quotas.of_type(instance_type, spot=each) for each in (False, True)]
    assert [each and each.code for each in told] == [on_demand, spot]


def test_instances_of_others_that_run_already_are_asked_for_too(stubbed: Stubber, write: Write, aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    for environment in ("real", "another"):
        tags = [{"Key": "Environment", "Value": environment}]
        ec2.run_instances(
            ImageId=image,
            InstanceType="m5.2xlarge",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
    answer(stubbed, "L-1216C47A", 98)
    answer(stubbed, "L-F678F1CE", 5, "vpc")
    answer(stubbed, "L-29B6F2EB", 50, "vpc")
    (text,) = texts(quotas.check(account(write)), "quotas", State.TO_DO)
    assert text.startswith("L-1216C47A (")
    assert "is 98: ask for 106:" in text


def test_a_state_that_would_be_kept_elsewhere_is_told(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = account(write)
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))

    def told() -> str:
        (found,) = backend.check(here)
        return f"{found.state}: {found.text}"

    ours = "s3://bucket?region=us-east-1&awssdk=v2"
    login = f"and an up would keep its state there: pulumi login '{ours}'"
    assert told() == f"to do: the login of pulumi says https://api.pulumi.com, {login}"
    (tmp_path / "credentials.json").write_text(json.dumps({"current": "file://~"}))
    assert told() == f"to do: the login of pulumi says file://~, {login}"
    (tmp_path / "credentials.json").write_text(json.dumps({"current": ours}))
    assert told() == f"ok: {ours}"
    with (tmp_path / "Pulumi.yaml").open("a") as project:
        project.write("backend: {url: 's3://other'}\n")
    assert told() == f"to do: Pulumi.yaml (backend) says s3://other, {login}, and take it out of Pulumi.yaml (backend)"
    monkeypatch.setenv("PULUMI_BACKEND_URL", ours)
    assert told() == f"ok: {ours}"


def test_a_lock_with_what_is_no_digest_is_told_without_an_account(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "images.lock.yaml"
    monkeypatch.setenv(LOCK, str(lock))
    lock.write_text(json.dumps({next(iter(IMAGES.values())).tagged: f"sha256:{'0' * 64}"}))
    assert any("not all of them 0" in each for each in texts(placeholders.check(account(write)), "placeholders"))
