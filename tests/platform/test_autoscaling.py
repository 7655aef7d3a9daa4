"""Karpenter under mocks: what grows, how far, what is never disrupted, and what its controller may do."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, run_program
from tests.platform.variants import GPU_GROUPS, MANY, RESERVATION, run_with

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_OVERLAY = "kubernetes:karpenter.sh/v1alpha1:NodeOverlay"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
CHART = "kubernetes:helm.sh/v4:Chart"
GROWING = {"shared", "cheap", "big", "bigger", "parts"}
CONTROLLER = "parapet-test-karpenter"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def values(stack: Recorder) -> dict[str, Any]:
    (found,) = [each for each in stack.of(CHART) if each.inputs["name"] == "karpenter"]
    return dict(found.inputs["values"])


def spec(stack: Recorder, kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in stack.of(kind) if each.inputs["metadata"]["name"] == name]
    return dict(found.inputs["spec"])


def requirements(stack: Recorder, name: str) -> dict[str, list[str]]:
    asked = spec(stack, NODE_POOL, name)["template"]["spec"]["requirements"]
    assert all(each["operator"] == "In" for each in asked)
    return {each["key"]: each["values"] for each in asked}


def test_a_group_that_grows_has_a_pool_and_a_class_and_one_that_does_not_has_none(stack: Recorder) -> None:
    for kind in (NODE_POOL, NODE_CLASS):
        assert {each.inputs["metadata"]["name"] for each in stack.of(kind)} == GROWING


@pytest.mark.plan
def test_without_a_group_that_grows_there_is_no_autoscaler() -> None:
    stack = run_with(gpuGroups=[{"name": "g", "instanceTypes": ["g6.xlarge"], "min": 2, "max": 2}])
    assert not [each for each in stack.of(CHART) if each.inputs["namespace"] == "karpenter"]
    assert not stack.of("sqs/queue:Queue")


@pytest.mark.parametrize(("name", "gpus"), [("shared", "12"), ("cheap", "32"), ("big", "16"), ("parts", "32")])
def test_a_pool_grows_by_what_the_settings_leave_above_the_managed_nodes(stack: Recorder, name: str, gpus: str) -> None:
    assert spec(stack, NODE_POOL, name)["limits"] == {"nvidia.com/gpu": gpus}


@pytest.mark.plan
def test_shares_count_before_a_node_is_there_as_they_do_afterwards(stack: Recorder) -> None:
    """Else a pool's limit is reached by its first node (kubernetes-sigs/karpenter, issue 729)."""
    overlays = {each.inputs["metadata"]["name"]: each.inputs["spec"] for each in stack.of(NODE_OVERLAY)}
    assert overlays == {
        name: {
            "requirements": [{"key": "karpenter.sh/nodepool", "operator": "In", "values": [name]}],
            "capacity": {"nvidia.com/gpu": shares},
        }
        for name, shares in {"shared": "4", "parts": "16"}.items()
    }
    assert values(stack)["settings"]["featureGates"] == {"nodeOverlay": True}
    plain = run_with(gpuGroups=[{"name": "g", "instanceTypes": ["g6.xlarge"], "max": 2}])
    assert values(plain)["settings"]["featureGates"] == {"nodeOverlay": False}
    assert plain.of(NODE_OVERLAY) == []


def test_of_the_groups_that_fit_a_pod_the_one_paid_for_comes_first_and_the_dearest_last(stack: Recorder) -> None:
    weight = {name: spec(stack, NODE_POOL, name)["weight"] for name in GROWING}
    assert sorted(GROWING, key=lambda name: -weight[name]) == ["parts", "shared", "cheap", "big", "bigger"]
    assert all(1 <= each <= 100 for each in weight.values())


@pytest.mark.plan
def test_with_a_way_out_too_the_controller_waits_for_nothing_that_no_endpoint_answers(stack: Recorder) -> None:
    """It would ask IAM, without whose answer no class is ever deleted (pkg/controllers/nodeclass/controller.go)."""
    out = run_with(egress=True, gpuGroups=[{"name": "g", "instanceTypes": ["g6.xlarge"], "max": 2}])
    for each in (stack, out):
        assert values(each)["settings"]["isolatedVPC"] is True


def test_a_pools_nodes_are_those_of_its_managed_group(stack: Recorder) -> None:
    for declared in GPU_GROUPS:
        if declared["name"] not in GROWING:
            continue
        managed = stack.one("eks/nodeGroup:NodeGroup", f"parapet-test-{declared['name']}").inputs
        template = spec(stack, NODE_POOL, declared["name"])["template"]
        assert template["metadata"]["labels"] == managed["labels"]
        assert template["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
        asked = requirements(stack, declared["name"])
        assert asked["node.kubernetes.io/instance-type"] == managed["instanceTypes"]
        subnets = spec(stack, NODE_CLASS, declared["name"])["subnetSelectorTerms"]
        assert [each["id"] for each in subnets] == managed["subnetIds"]


def test_capacity_and_zones_are_what_was_asked_for(stack: Recorder) -> None:
    kinds = {name: requirements(stack, name)["karpenter.sh/capacity-type"] for name in GROWING}
    assert kinds == {
        "shared": ["on-demand"],
        "cheap": ["spot"],
        "big": ["on-demand"],
        "bigger": ["on-demand"],
        "parts": ["reserved"],
    }
    assert spec(stack, NODE_CLASS, "parts")["capacityReservationSelectorTerms"] == [{"id": RESERVATION}]
    assert requirements(stack, "big")["topology.kubernetes.io/zone"] == ["us-east-1b"]
    assert len(requirements(stack, "shared")["topology.kubernetes.io/zone"]) == 3


def test_a_node_of_karpenter_is_as_hardened_as_a_managed_one(stack: Recorder) -> None:
    nodes = stack.one("ec2/securityGroup:SecurityGroup", "parapet-test-nodes").id
    for name in GROWING:
        launch = spec(stack, NODE_CLASS, name)
        assert launch["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": 1,
            "httpTokens": "required",
        }
        (volume,) = launch["blockDeviceMappings"]
        assert volume["ebs"]["encrypted"] is True
        assert volume["ebs"]["volumeType"] == "gp3"
        assert volume["ebs"]["kmsKeyID"].endswith("key/parapet-test-cluster")
        assert launch["securityGroupSelectorTerms"] == [{"id": nodes}]
        assert launch["associatePublicIPAddress"] is False
        assert launch["detailedMonitoring"] is True
        assert launch["amiSelectorTerms"] == [{"alias": "al2023@v20260903"}]
        assert launch["instanceProfile"] == "parapet-test-node"
        assert "role" not in launch
        assert launch["tags"] == {
            "Owner": "team@example.com",
            "Environment": "test",
            "CostCenter": "42",
            "DataClass": "cluster",
        }


def test_multi_node_training_grows_close_together_with_its_adapters(stack: Recorder) -> None:
    launch = spec(stack, NODE_CLASS, "big")
    assert launch["placementGroupSelector"] == {"name": "parapet-test-big"}
    managed = stack.one("ec2/launchTemplate:LaunchTemplate", "parapet-test-big").inputs["networkInterfaces"]
    same = [{key: each[key] for key in launch["networkInterfaces"][0]} for each in managed]
    assert launch["networkInterfaces"] == same
    assert "networkInterfaces" not in spec(stack, NODE_CLASS, "shared")


def test_a_divided_gpu_is_divided_on_a_new_node_too(stack: Recorder) -> None:
    assert "--create-gpu-instance 3g.20gb,3g.20gb " in spec(stack, NODE_CLASS, "parts")["userData"]
    assert "userData" not in spec(stack, NODE_CLASS, "shared")


def test_no_node_goes_by_its_age_alone(stack: Recorder) -> None:
    """An expired node is drained outside of the window; and its successor has the same pinned image."""
    for name in GROWING:
        assert spec(stack, NODE_POOL, name)["template"]["spec"]["expireAfter"] == "Never"
        (image,) = spec(stack, NODE_CLASS, name)["amiSelectorTerms"]
        assert re.fullmatch(r"al2023@v\d{8}", image["alias"])


def test_a_job_that_must_not_be_disrupted_has_from_one_window_to_the_next(stack: Recorder) -> None:
    """Without an end, a node that always holds such a job is never patched."""
    for name in GROWING:
        assert spec(stack, NODE_POOL, name)["template"]["spec"]["terminationGracePeriod"] == "168h"


def test_outside_the_weekly_window_only_an_empty_node_goes(stack: Recorder) -> None:
    for name in GROWING:
        disruption = spec(stack, NODE_POOL, name)["disruption"]
        assert (disruption["consolidationPolicy"], disruption["consolidateAfter"]) == ("WhenEmpty", "10m")
        never = [each for each in disruption["budgets"] if each["nodes"] == "0"]
        (closed,) = never
        assert set(closed["reasons"]) == {"Drifted", "Underutilized"}
        assert (closed["schedule"], closed["duration"]) == ("0 10 * * 0", "164h")
        (window,) = [each for each in disruption["budgets"] if each["nodes"] == "1"]
        assert set(window["reasons"]) == {"Drifted", "Underutilized"}


def test_the_controller_is_pinned_and_its_definitions_come_from_the_chart_made_for_them(stack: Recorder) -> None:
    charts = {each.inputs["name"]: each.inputs for each in stack.of(CHART) if each.inputs["namespace"] == "karpenter"}
    assert set(charts) == {"karpenter", "karpenter-crd"}
    registry = f"{ACCOUNT_ID}.dkr.ecr.us-east-1.amazonaws.com/parapet-test"
    for name, chart in charts.items():
        assert chart["chart"].startswith(f"oci://{registry}/charts/karpenter/{name}@sha256:")
        assert chart["version"] == "1.14.0"
        assert chart["namespace"] == "karpenter"
        assert chart["skipCrds"] is True
    values = charts["karpenter"]["values"]
    image = values["controller"]["image"]
    assert (image["repository"], image["tag"]) == (f"{registry}/karpenter/controller", "1.14.0")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image["digest"])
    assert values["podLabels"]["parapet.dev/owner"] == "team-example.com"
    assert values["replicas"] == 2
    assert values["settings"]["clusterName"] == "parapet-test"
    assert values["settings"]["interruptionQueue"] == "parapet-test-interruptions"
    assert values["controller"]["env"] == [{"name": "AWS_REGION", "value": "us-east-1"}]


def test_pools_wait_for_the_definitions_and_the_controller_for_nodes(stack: Recorder) -> None:
    order = [(each.type, each.inputs.get("name") if each.type == CHART else None) for each in stack.made]
    nodes, controller, classes = (
        order.index(each) for each in (("aws:eks/nodeGroup:NodeGroup", None), (CHART, "karpenter"), (NODE_CLASS, None))
    )
    assert nodes < controller < classes


def queue(stack: Recorder) -> Made:
    (only,) = stack.of("sqs/queue:Queue")
    return only


def told(stack: Recorder) -> tuple[list[Made], list[Made]]:
    """The targets that are the queue, and their rules."""
    name = queue(stack).name
    targets = [each for each in stack.of("cloudwatch/eventTarget:EventTarget") if each.inputs["arn"].endswith(name)]
    rules = {each.inputs["rule"] for each in targets}
    return targets, [each for each in stack.of("cloudwatch/eventRule:EventRule") if each.name in rules]


def test_only_this_stacks_rules_fill_the_queue_and_only_over_tls(stack: Recorder) -> None:
    assert queue(stack).inputs["sqsManagedSseEnabled"] is True
    (policy,) = stack.of("sqs/queuePolicy:QueuePolicy")
    allowed, denied = policy.policy()
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}
    rules = {each.name for each in told(stack)[1]}
    assert {arn.rpartition("/")[2] for arn in allowed["Condition"]["ArnEquals"]["aws:SourceArn"]} == rules
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "sqs:*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_warning_reaches_the_queue(stack: Recorder) -> None:
    targets, rules = told(stack)
    patterns = [json.loads(each.inputs["eventPattern"]) for each in rules]
    assert {kind for pattern in patterns for kind in pattern["detail-type"]} == {
        "AWS Health Event",
        "EC2 Capacity Reservation Instance Interruption Warning",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "EC2 Spot Instance Interruption Warning",
    }
    assert len(targets) == len(patterns)


def rights(stack: Recorder) -> list[dict[str, Any]]:
    policies = [each for each in stack.of("iam/policy:Policy") if each.name.startswith(CONTROLLER)]
    return [statement for each in policies for statement in each.policy() if statement["Effect"] == "Allow"]


def test_the_controller_has_its_role_through_pod_identity(stack: Recorder) -> None:
    association = stack.one("eks/podIdentityAssociation:PodIdentityAssociation", "parapet-test-karpenter")
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("karpenter", "karpenter")
    assert association.inputs["roleArn"].endswith(CONTROLLER)
    (trust,) = stack.one("iam/role:Role", CONTROLLER).policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    "action", ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate", "ec2:CreateLaunchTemplate", "ec2:CreateTags"]
)
def test_the_controller_changes_nothing_but_nodes_of_its_own_pools_in_this_cluster(
    stack: Recorder, action: str
) -> None:
    granting = [each for each in rights(stack) if action in as_list(each["Action"])]
    assert granting
    for statement in granting:
        conditions = statement["Condition"]["StringEquals"] | statement["Condition"].get("StringLike", {})
        (cluster,) = [key for key in conditions if key.endswith("kubernetes.io/cluster/parapet-test")]
        (pool,) = [key for key in conditions if key.endswith("karpenter.sh/nodepool")]
        assert conditions[cluster] == "owned"
        # What is only tried has no pool, and so has the template of the try; nothing that runs may be without one.
        if pool.startswith("aws:ResourceTag"):
            assert conditions[pool] == ("*" if action == "ec2:DeleteLaunchTemplate" else "?*")
        else:
            assert set(conditions[pool]) == GROWING | ({""} if pool.startswith("aws:RequestTag") else set())
        assert cluster.split("/")[0] == pool.split("/")[0], "both of the request, or both of the resource"


def test_an_instance_is_launched_only_with_the_tags_of_a_pool(stack: Recorder) -> None:
    instance = f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:instance/i-1"
    for statement in rights(stack):
        if "ec2:RunInstances" in as_list(statement["Action"]) and any(
            fnmatchcase(instance, pattern) for pattern in as_list(statement["Resource"])
        ):
            pools = statement["Condition"]["StringEquals"]["aws:RequestTag/karpenter.sh/nodepool"]
            assert set(pools) == {*GROWING, ""}


def test_the_controller_hands_on_the_node_role_to_ec2_and_asks_for_no_instance_profile(stack: Recorder) -> None:
    iam = {action: each for each in rights(stack) for action in as_list(each["Action"]) if action.startswith("iam:")}
    assert set(iam) == {"iam:PassRole"}
    assert iam["iam:PassRole"]["Resource"].endswith("role/parapet-test-node")
    assert iam["iam:PassRole"]["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_only_what_no_policy_can_narrow_is_allowed_on_everything(stack: Recorder) -> None:
    for statement in rights(stack):
        assert not any("*" in action for action in as_list(statement["Action"])), statement["Sid"]
        if statement["Resource"] == "*":
            actions = as_list(statement["Action"])
            assert all(action.startswith("ec2:Describe") for action in actions)
