"""The control plane under mocks: who reaches it, who may do what there, and what is written down about it."""

import json
from typing import Any

import pytest

from tests.platform.mocked import ACCOUNT_ID, DEPLOYER, Made, Recorder, run_program
from tests.platform.variants import BREAK_GLASS, run_with

OFFICE = "198.18.0.0/24"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def cluster(stack: Recorder) -> Made:
    (only,) = stack.of("eks/cluster:Cluster")
    return only


def test_the_api_answers_within_the_vpc_only(stack: Recorder) -> None:
    network = cluster(stack).inputs["vpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)
    assert "publicAccessCidrs" not in network
    private = [each.id for each in stack.of("ec2/subnet:Subnet") if "-private-" in each.name]
    assert network["subnetIds"] == private


@pytest.mark.plan
def test_listed_ranges_and_no_others_reach_the_api_from_outside() -> None:
    network = cluster(run_with(clusterPublicCidrs=[OFFICE])).inputs["vpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, True)
    assert network["publicAccessCidrs"] == [OFFICE]


@pytest.mark.plan
@pytest.mark.parametrize(("vpc", "services"), [("192.168.0.0/16", "10.100.0.0/16"), ("10.100.0.0/16", "172.20.0.0/16")])
def test_the_addresses_of_services_are_known_and_not_the_vpcs(vpc: str, services: str) -> None:
    network = cluster(run_with(vpcCidr=vpc)).inputs["kubernetesNetworkConfig"]
    assert network == {"ipFamily": "ipv4", "serviceIpv4Cidr": services}


def test_secrets_are_encrypted_with_the_clusters_key(stack: Recorder) -> None:
    encryption = cluster(stack).inputs["encryptionConfig"]
    assert encryption["resources"] == ["secrets"]
    assert encryption["provider"]["keyArn"].endswith("key/parapet-test-cluster")


@pytest.mark.plan
@pytest.mark.parametrize(("years", "days"), [(6, 2192), (7, 2557), (10, 3653), (20, 0)])
def test_all_that_the_control_plane_logs_is_kept_encrypted_for_the_years_of_an_audit_record(
    years: int, days: int
) -> None:
    stack = run_with(auditRetentionYears=years)
    logged = cluster(stack).inputs["enabledClusterLogTypes"]
    assert set(logged) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    (group,) = [each for each in stack.of("cloudwatch/logGroup:LogGroup") if "control-plane" in each.name]
    assert group.inputs["name"] == "/aws/eks/parapet-test/cluster"
    assert group.inputs["kmsKeyId"].endswith("key/parapet-test-logs")
    assert group.inputs["retentionInDays"] == days
    assert stack.made.index(group) < stack.made.index(cluster(stack)), "EKS would make it first, without a key"


def test_access_entries_alone_let_anybody_in_and_whoever_made_the_cluster_is_nobody(stack: Recorder) -> None:
    assert cluster(stack).inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }


def test_the_listed_administrators_may_do_everything_and_nobody_else() -> None:
    stack = run_with(clusterAdministrators=[DEPLOYER, BREAK_GLASS])
    entries = stack.of("eks/accessEntry:AccessEntry")
    policies = stack.of("eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {each.inputs["principalArn"] for each in entries} == {DEPLOYER, BREAK_GLASS}
    assert {each.inputs["principalArn"] for each in policies} == {DEPLOYER, BREAK_GLASS}
    for policy in policies:
        assert policy.inputs["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
        assert policy.inputs["accessScope"] == {"type": "cluster"}


def test_the_version_is_pinned_and_never_one_that_its_makers_no_longer_mend(stack: Recorder) -> None:
    assert cluster(stack).inputs["version"] == "1.36"
    assert cluster(stack).inputs["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster(stack).inputs["bootstrapSelfManagedAddons"] is False


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_cluster_is_protected_by_eks_too(protect: bool) -> None:
    assert cluster(run_with(protect=protect)).inputs["deletionProtection"] is protect


def test_the_control_planes_role_is_for_this_cluster_alone(stack: Recorder) -> None:
    role = stack.one("iam/role:Role", "parapet-test-control-plane")
    (trust,) = role.policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "eks.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": f"arn:aws:eks:us-east-1:{ACCOUNT_ID}:cluster/parapet-test"},
    }
    attached = stack.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    policies = [each.inputs["policyArn"] for each in attached if each.inputs["role"] == role.name]
    assert [each.rpartition("/")[2] for each in policies] == [
        "AmazonEKSClusterPolicy",
        "parapet-test-control-plane-key",
    ]


def rules(stack: Recorder, direction: str, group: str) -> list[dict[str, Any]]:
    kind = f"vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    wanted = stack.one("ec2/securityGroup:SecurityGroup", f"parapet-test-{group}").id
    return [dict(each.inputs) for each in stack.of(kind) if each.inputs["securityGroupId"] == wanted]


def test_nothing_but_the_cluster_itself_reaches_a_node(stack: Recorder) -> None:
    own = {
        stack.one("ec2/securityGroup:SecurityGroup", f"parapet-test-{each}").id for each in ("control-plane", "nodes")
    }
    assert rules(stack, "Ingress", "nodes")
    for rule in rules(stack, "Ingress", "nodes"):
        assert rule["referencedSecurityGroupId"] in own
        assert "cidrIpv4" not in rule


def callers(stack: Recorder) -> set[str]:
    """Who may open a connection to the Kubernetes API, and to nothing but it."""
    found = set()
    for rule in rules(stack, "Ingress", "control-plane"):
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 443, 443)
        found.add(rule.get("referencedSecurityGroupId") or rule["cidrIpv4"])
    return found


def group_id(stack: Recorder, name: str) -> str:
    return stack.one("ec2/securityGroup:SecurityGroup", f"parapet-test-{name}").id


@pytest.mark.plan
def test_listed_networks_and_groups_reach_the_private_api_and_no_others(stack: Recorder) -> None:
    vpn, runner = "172.16.8.0/22", "sg-0123456789abcdef0"
    listed = run_with(clusterClientCidrs=[vpn], clusterClientSecurityGroups=[runner])
    assert callers(listed) - callers(stack) == {vpn, runner}
    # Users of the gateway are not users of the API.
    assert callers(run_with(clientCidrs=["192.168.0.0/24"])) == callers(stack)


def test_the_control_plane_calls_nodes_on_named_ports_only(stack: Recorder) -> None:
    nodes = stack.one("ec2/securityGroup:SecurityGroup", "parapet-test-nodes").id
    outwards = rules(stack, "Egress", "control-plane")
    assert {each["referencedSecurityGroupId"] for each in outwards} == {nodes}
    assert {each["fromPort"] for each in outwards} == {443, 9443, 10250, 10251, 15017}
    assert all(each["fromPort"] == each["toPort"] for each in outwards)


def test_without_egress_a_node_reaches_its_like_the_vpc_and_the_gateway_endpoints(stack: Recorder) -> None:
    outwards = rules(stack, "Egress", "nodes")
    assert {each["cidrIpv4"] for each in outwards if "cidrIpv4" in each} == {"10.0.0.0/16"}
    assert {each["prefixListId"] for each in outwards if "prefixListId" in each} == {
        f"pl-parapet-test-endpoints-{service}" for service in ("s3", "dynamodb")
    }
    assert "0.0.0.0/0" not in json.dumps(outwards)


def test_with_egress_a_node_reaches_the_internet_over_https_only() -> None:
    outwards = rules(run_with(egress=True), "Egress", "nodes")
    (anywhere,) = [each for each in outwards if each.get("cidrIpv4") == "0.0.0.0/0"]
    assert (anywhere["ipProtocol"], anywhere["fromPort"], anywhere["toPort"]) == ("tcp", 443, 443)
