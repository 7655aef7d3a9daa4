"""The way to a private Kubernetes API: what is found, what is said where there is none, and what kubectl is given."""

import stat
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from operations import tunnel
from operations.refused import Refused
from tests.platform.mocked import run_program

STACK, REGION = "parapet-test", "us-east-1"
API = "0123456789abcdef.gr7.us-east-1.eks.amazonaws.com"
CLUSTER = {"status": "ACTIVE", "endpoint": f"https://{API}", "certificateAuthority": {"data": "Q0E="}}
INSTANCE = {
    "InstanceId": "i-0123456789abcdef0",
    "LifecycleState": "InService",
    "HealthStatus": "Healthy",
    "AvailabilityZone": "us-east-1a",
    "ProtectedFromScaleIn": False,
}
GROUP = {
    **{"AutoScalingGroupName": "parapet-test-operators", "MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1},
    **{"DefaultCooldown": 300, "AvailabilityZones": [], "HealthCheckType": "EC2", "CreatedTime": "2026-01-01"},
    "Instances": [INSTANCE],
}
ONLINE = {"InstanceId": INSTANCE["InstanceId"], "PingStatus": "Online"}


def found(
    cluster: dict[str, Any] | None = CLUSTER,
    groups: list[dict[str, Any]] | None = None,
    agents: list[dict[str, Any]] | None = None,
) -> tunnel.Way:
    """What is found in an account that answers like this, each answer held against AWS's own service model."""
    clients = {
        name: boto3.client(name, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
        for name in ("eks", "autoscaling", "ssm")
    }
    stubs = {name: Stubber(client) for name, client in clients.items()}
    if cluster is None:
        stubs["eks"].add_client_error("describe_cluster", "ResourceNotFoundException")
    else:
        stubs["eks"].add_response("describe_cluster", {"cluster": cluster}, {"name": STACK})
    stubs["autoscaling"].add_response(
        "describe_auto_scaling_groups",
        {"AutoScalingGroups": [GROUP] if groups is None else groups},
        {"AutoScalingGroupNames": ["parapet-test-operators"]},
    )
    stubs["ssm"].add_response(
        "describe_instance_information",
        {"InstanceInformationList": [ONLINE] if agents is None else agents},
        {"Filters": [{"Key": "InstanceIds", "Values": [INSTANCE["InstanceId"]]}]},
    )
    for stub in stubs.values():
        stub.activate()
    return tunnel.find(STACK, REGION, clients.__getitem__)


def test_the_command_forwards_a_port_here_to_the_api_through_the_host() -> None:
    assert found().command(8443) == [
        *("aws", "ssm", "start-session", "--region", REGION, "--target", "i-0123456789abcdef0"),
        *("--document-name", "parapet-test-kubernetes-api", "--parameters", "localPortNumber=8443"),
    ]


def test_the_program_makes_the_host_that_is_looked_for() -> None:
    (group,) = run_program().of("autoscaling/group:Group")
    assert group.inputs["name"] == GROUP["AutoScalingGroupName"]


def test_kubectl_goes_through_the_port_and_still_asks_the_api_who_it_is(tmp_path: Path) -> None:
    file = tmp_path / "made" / "kubeconfig"
    tunnel.write(found(), 8443, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    config = yaml.safe_load(file.read_text())
    assert config["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:8443",
        "tls-server-name": API,
        "certificate-authority-data": "Q0E=",
    }
    token = config["users"][0]["user"]["exec"]
    assert [token["command"], *token["args"]] == [
        *("aws", "eks", "get-token", "--cluster-name", STACK, "--region", REGION)
    ]
    (context,) = config["contexts"]
    assert (config["current-context"], context["context"]) == (STACK, {"cluster": STACK, "user": STACK})


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({"cluster": None}, "There is no cluster parapet-test in us-east-1, in the account of these credentials"),
        ({"cluster": {"status": "CREATING"}}, "is CREATING and has no endpoint yet"),
        ({"groups": []}, "There is no operators' host (parapet-test-operators): set parapet:operatorsHost to true"),
        ({"groups": [{**GROUP, "Instances": []}]}, "is being launched or replaced"),
        ({"groups": [{**GROUP, "Instances": [{**INSTANCE, "LifecycleState": "Terminating"}]}]}, "launched or replaced"),
        ({"agents": []}, "(i-0123456789abcdef0) has not come to Session Manager yet"),
        ({"agents": [{**ONLINE, "PingStatus": "ConnectionLost"}]}, "has not come to Session Manager yet"),
    ],
)
def test_where_there_is_no_way_one_line_says_why(account: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        found(**account)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_credentials_that_aws_refuses_are_told_in_one_line() -> None:
    client = boto3.client("eks", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    stub = Stubber(client)
    stub.add_client_error("describe_cluster", "ExpiredTokenException", "The security token is expired")
    stub.activate()
    with pytest.raises(Refused, match=r"The AWS session has expired \(DescribeCluster\)\. Sign in again"):
        tunnel.find(STACK, REGION, lambda _: client)


def test_what_is_missing_here_is_told_with_what_to_install() -> None:
    assert tunnel.missing(lambda program: f"/usr/bin/{program}") == ""
    line = tunnel.missing(lambda _: None)
    assert "aws is not on the PATH: install the AWS CLI" in line
    assert "session-manager-plugin is not on the PATH: install the Session Manager plugin" in line
    assert "\n" not in line
