"""The add-ons under mocks: which, in which version, and with which rights."""

import json
import re
from typing import Any

import pytest

from tests.platform.mocked import ACCOUNT_ID, Recorder, run_program
from tests.platform.variants import run_with

PINNED = r"v\d+\.\d+\.\d+-eksbuild\.\d+"
WITH_ROLE = {
    "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "AmazonEBSCSIDriverEKSClusterScopedPolicy"),
    "amazon-cloudwatch-observability": ("cloudwatch-agent", "CloudWatchAgentServerPolicy"),
}


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def add_ons(stack: Recorder) -> dict[str, dict[str, Any]]:
    return {each.inputs["addonName"]: dict(each.inputs) for each in stack.of("eks/addon:Addon")}


def configuration(stack: Recorder, name: str) -> Any:
    return json.loads(add_ons(stack)[name]["configurationValues"])


def test_the_cluster_has_these_add_ons(stack: Recorder) -> None:
    assert set(add_ons(stack)) == {
        "amazon-cloudwatch-observability",
        "aws-ebs-csi-driver",
        "aws-secrets-store-csi-driver-provider",
        "coredns",
        "eks-pod-identity-agent",
        "kube-proxy",
        "metrics-server",
        "vpc-cni",
    }


def test_every_add_on_is_pinned_and_put_back_after_a_change_by_hand(stack: Recorder) -> None:
    for name, add_on in add_ons(stack).items():
        assert re.fullmatch(PINNED, add_on["addonVersion"]), name
        assert add_on["resolveConflictsOnCreate"] == add_on["resolveConflictsOnUpdate"] == "OVERWRITE"


def test_network_policies_are_enforced_and_a_node_has_addresses_by_the_prefix(stack: Recorder) -> None:
    network = configuration(stack, "vpc-cni")
    assert network["enableNetworkPolicy"] == "true"
    assert network["env"]["ENABLE_PREFIX_DELEGATION"] == "true"


def test_a_pod_that_has_no_policy_yet_speaks_to_nobody(stack: Recorder) -> None:
    """By default it would speak to anybody until its policies are there."""
    assert configuration(stack, "vpc-cni")["env"]["NETWORK_POLICY_ENFORCING_MODE"] == "strict"


def test_the_policies_are_there_before_the_first_node(stack: Recorder) -> None:
    """A pod that starts without one is closed in, CoreDNS too."""
    types = [each.type for each in stack.made]
    last_policy = len(types) - types[::-1].index("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert last_policy <= types.index("aws:eks/nodeGroup:NodeGroup")


def test_an_add_on_that_is_not_in_kube_system_names_a_namespace_that_the_stack_makes(stack: Recorder) -> None:
    named = {
        name: each["namespaceConfig"]["namespace"] for name, each in add_ons(stack).items() if "namespaceConfig" in each
    }
    assert named == {
        "amazon-cloudwatch-observability": "amazon-cloudwatch",
        "aws-secrets-store-csi-driver-provider": "aws-secrets-manager",
    }
    made = {each.inputs["metadata"]["name"] for each in stack.of("kubernetes:core/v1:Namespace")}
    assert made >= set(named.values())


def test_the_cloudwatch_agents_put_nothing_into_pods_and_double_no_exporter(stack: Recorder) -> None:
    configured = configuration(stack, "amazon-cloudwatch-observability")
    assert configured["manager"]["applicationSignals"]["autoMonitor"]["monitorAllServices"] is False
    assert {name for name, each in configured.items() if isinstance(each, dict) and each.get("enabled") is False} == {
        "applicationSignals",
        "dcgmExporter",
        "neuronMonitor",
    }


def test_there_is_no_agent_of_a_detector_that_is_not_there(stack: Recorder) -> None:
    """GuardDuty's agent sends to a detector, through an endpoint of its own; a stack without one has neither."""
    assert not stack.of("guardduty/detector:Detector")
    assert "aws-guardduty-agent" not in add_ons(stack)
    endpoints = [each.inputs["serviceName"] for each in stack.of("ec2/vpcEndpoint:VpcEndpoint")]
    assert endpoints
    assert not [name for name in endpoints if "guardduty" in name]


def test_what_a_node_needs_to_be_ready_is_there_before_the_first_node(stack: Recorder) -> None:
    made = [(each.type, each.inputs.get("addonName")) for each in stack.made]
    first_node = made.index(("aws:eks/nodeGroup:NodeGroup", None))
    for name in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent"):
        assert made.index(("aws:eks/addon:Addon", name)) < first_node


@pytest.mark.parametrize(("name", "role"), WITH_ROLE.items())
def test_an_add_on_that_calls_aws_has_a_role_of_its_own_for_this_cluster_alone(
    stack: Recorder, name: str, role: tuple[str, str]
) -> None:
    (association,) = add_ons(stack)[name]["podIdentityAssociations"]
    service_account, policy = role
    assert association["serviceAccount"] == service_account
    (made,) = [each for each in stack.of("iam/role:Role") if each.name == f"parapet-test-{service_account}"]
    assert association["roleArn"].endswith(made.name)
    (trust,) = made.policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}
    assert trust["Condition"]["ArnEquals"]["aws:SourceArn"].endswith("cluster/parapet-test")
    attached = stack.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    policies = {each.inputs["policyArn"] for each in attached if each.inputs["role"] == made.name}
    assert f"arn:aws:iam::aws:policy/{policy}" in policies


def test_no_other_add_on_has_a_role(stack: Recorder) -> None:
    assert {name for name, each in add_ons(stack).items() if each.get("podIdentityAssociations")} == set(WITH_ROLE)
    assert not any("serviceAccountRoleArn" in each for each in add_ons(stack).values())


def test_the_storage_driver_uses_the_clusters_key_for_volumes_only(stack: Recorder) -> None:
    (policy,) = [each for each in stack.of("iam/policy:Policy") if each.name.endswith("-ebs-csi-controller-sa-own")]
    for statement in [each for each in policy.policy() if each["Effect"] == "Allow"]:
        assert statement["Resource"].endswith("key/parapet-test-cluster")
        assert statement["Condition"]["StringEquals"] == {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}
        if "kms:CreateGrant" in statement["Action"]:
            assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_agents_are_on_gpu_nodes_too(stack: Recorder) -> None:
    gpu = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    secrets = configuration(stack, "aws-secrets-store-csi-driver-provider")
    assert gpu in secrets["tolerations"]
    assert gpu in secrets["secrets-store-csi-driver"]["linux"]["tolerations"]
    assert configuration(stack, "aws-ebs-csi-driver")["node"]["tolerateAllTaints"] is True
    assert {"operator": "Exists"} in configuration(stack, "amazon-cloudwatch-observability")["tolerations"]


@pytest.mark.plan
def test_what_containers_write_is_encrypted_and_kept_as_long_as_other_logs() -> None:
    groups = run_with(logRetentionDays=731).of("cloudwatch/logGroup:LogGroup")
    containers = [each for each in groups if "containerinsights" in each.inputs["name"]]
    assert {each.inputs["name"].removeprefix("/aws/containerinsights/parapet-test/") for each in containers} == {
        "application",
        "dataplane",
        "host",
        "performance",
    }
    for group in containers:
        assert group.inputs["kmsKeyId"].endswith("key/parapet-test-logs")
        assert group.inputs["retentionInDays"] == 731


def test_a_volume_that_nobody_configures_is_encrypted_with_the_clusters_key(stack: Recorder) -> None:
    (storage,) = stack.of("kubernetes:storage.k8s.io/v1:StorageClass")
    assert storage.inputs["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert storage.inputs["metadata"]["labels"]["parapet.dev/owner"] == "team-example.com"
    assert storage.inputs["provisioner"] == "ebs.csi.aws.com"
    assert storage.inputs["volumeBindingMode"] == "WaitForFirstConsumer"
    assert storage.inputs["parameters"]["encrypted"] == "true"
    assert storage.inputs["parameters"]["type"] == "gp3"
    assert storage.inputs["parameters"]["kmsKeyId"].endswith("key/parapet-test-cluster")
