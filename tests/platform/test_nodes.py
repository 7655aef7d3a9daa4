"""The nodes under mocks: how they are launched, what they may do, and what runs on them."""

import base64
import json

import pytest

from cluster.node_labels import ROLE as ROLE_LABEL
from cluster.node_labels import SYSTEM
from cluster.operators_policy import mark
from tests.platform.mocked import Made, Recorder, run_program
from tests.platform.variants import GPU_GROUPS, MANY, RESERVATION, run_with

ROLE = "parapet-test-node"
HOST = ("parapet-test-operators", "instance")


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def group(stack: Recorder, name: str) -> Made:
    return stack.one("eks/nodeGroup:NodeGroup", f"parapet-test-{name}")


def template(stack: Recorder, name: str) -> Made:
    return stack.one("ec2/launchTemplate:LaunchTemplate", f"parapet-test-{name}")


def gpu_groups(stack: Recorder) -> list[Made]:
    plain = ("parapet-test-system", "parapet-test-workload")
    return [each for each in stack.of("eks/nodeGroup:NodeGroup") if each.name not in plain]


def test_there_is_a_group_for_the_platform_one_for_workloads_and_one_for_each_gpu_group(stack: Recorder) -> None:
    names = {each.name.removeprefix("parapet-test-") for each in stack.of("eks/nodeGroup:NodeGroup")}
    assert names == {"system", "workload", *(each["name"] for each in GPU_GROUPS)}
    without = {each.name for each in run_program().of("eks/nodeGroup:NodeGroup")}
    assert without == {"parapet-test-system", "parapet-test-workload"}


def test_the_system_group_spans_the_zones_between_its_bounds() -> None:
    stack = run_with(systemNodesMin=4, systemNodesMax=9, systemInstanceTypes=["m7a.xlarge"])
    system = group(stack, "system").inputs
    assert system["scalingConfig"] == {"minSize": 4, "desiredSize": 4, "maxSize": 9}
    assert len(system["subnetIds"]) == 3
    assert system["amiType"] == "AL2023_x86_64_STANDARD"
    assert group(stack, "workload").inputs["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 6}


def test_nobodys_workload_runs_beside_the_platform(stack: Recorder) -> None:
    system, workload = group(stack, "system").inputs, group(stack, "workload").inputs
    assert system["taints"] == [{"key": SYSTEM, "value": "true", "effect": "NO_SCHEDULE"}]
    assert "taints" not in workload
    assert (system["labels"], workload["labels"]) == ({ROLE_LABEL: "system"}, {ROLE_LABEL: "workload"})


def test_what_is_the_platforms_runs_there_and_nowhere_else(stack: Recorder) -> None:
    """What each chart makes of these values, `test_charts.py` tells; and what judges models runs there too."""
    templates = [
        each.inputs["spec"].get("jobTemplate", each.inputs)["spec"]["template"]
        for kind in ("apps/v1:Deployment", "batch/v1:Job", "batch/v1:CronJob")
        for each in stack.of(f"kubernetes:{kind}")
        # The guardrails refuse a model's daily check there (`cluster/test_check_jobs.py`): an operator starts one.
        if not each.name.startswith("parapet-test-checks-")
    ]
    assert templates
    charts = {each.inputs["name"]: each.inputs["values"] for each in stack.of("kubernetes:helm.sh/v4:Chart")}
    add_ons = {
        each.inputs["addonName"]: json.loads(each.inputs.get("configurationValues", "{}"))
        for each in stack.of("eks/addon:Addon")
    }
    places = [
        *(each["spec"] for each in templates),
        *(charts[name] for name in ("istiod", "istio-ingress", "karpenter")),
        *(add_ons[name] for name in ("coredns", "metrics-server")),
        add_ons["aws-ebs-csi-driver"]["controller"],
    ]
    for each in places:
        assert each["nodeSelector"] == {ROLE_LABEL: "system"}, each
        assert each["tolerations"] == [{"key": SYSTEM, "operator": "Exists", "effect": "NoSchedule"}]


def test_whatever_has_no_toleration_never_runs_on_a_gpu_node(stack: Recorder) -> None:
    assert gpu_groups(stack)
    for each in gpu_groups(stack):
        assert each.inputs["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]


def test_the_least_number_of_a_gpu_group_is_managed_and_no_more(stack: Recorder) -> None:
    for declared in GPU_GROUPS:
        least = declared.get("min", 0)
        assert group(stack, declared["name"]).inputs["scalingConfig"] == {
            "minSize": least,
            "desiredSize": least,
            "maxSize": max(least, 1),
        }


def test_an_update_takes_one_node_at_a_time_and_no_gpu_beside_those_that_are_there(stack: Recorder) -> None:
    # A reservation, a quota or a zone has none to spare. System nodes are replaced before they go.
    assert group(stack, "system").inputs["updateConfig"] == {"maxUnavailable": 1, "updateStrategy": "DEFAULT"}
    for each in gpu_groups(stack):
        assert each.inputs["updateConfig"] == {"maxUnavailable": 1, "updateStrategy": "MINIMAL"}


def test_a_node_has_the_nvidia_image_of_its_processor_in_the_pinned_release(stack: Recorder) -> None:
    for each in gpu_groups(stack):
        arch = "ARM_64" if each.name.endswith("-arm") else "x86_64"
        assert each.inputs["amiType"] == f"AL2023_{arch}_NVIDIA"
        assert (each.inputs["version"], each.inputs["releaseVersion"]) == ("1.36", "1.36.3-20260903")


def test_a_node_says_which_gpu_it_has(stack: Recorder) -> None:
    assert group(stack, "shared").inputs["labels"] == {
        "parapet.dev/node-role": "gpu",
        "parapet.dev/gpu-group": "shared",
        "nvidia.com/device-plugin.config": "shared",
        "parapet.dev/gpu-model": "L4",
        "parapet.dev/gpu-memory-mib": "22888",
        "parapet.dev/gpu-sharing": "time-slicing-4",
    }


def test_an_autoscaler_knows_a_node_that_does_not_exist_yet(stack: Recorder) -> None:
    prefix = "k8s.io/cluster-autoscaler/node-template"
    for name, gpus in {"shared": "4", "cheap": "4", "big": "8", "steady": "16"}.items():
        mine = f"parapet-test-{name}-scaling"
        tags = {
            each.inputs["tag"]["key"]: each.inputs["tag"]["value"]
            for each in stack.of("autoscaling/tag:Tag")
            if each.inputs["autoscalingGroupName"] == mine
        }
        assert tags[f"{prefix}/resources/nvidia.com/gpu"] == gpus
        assert tags[f"{prefix}/taint/nvidia.com/gpu"] == "true:NoSchedule"
        assert {key for key in tags if "/label/" in key} == {
            f"{prefix}/label/{label}" for label in group(stack, name).inputs["labels"]
        }


def test_no_instance_gives_its_credentials_to_a_pod_or_a_shell_to_a_key(stack: Recorder) -> None:
    for each in stack.of("ec2/launchTemplate:LaunchTemplate"):
        metadata = each.inputs["metadataOptions"]
        assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)
        assert "keyName" not in each.inputs
        assert not any(adapter.get("associatePublicIpAddress") for adapter in each.inputs.get("networkInterfaces", []))
    for each in stack.of("eks/nodeGroup:NodeGroup"):
        assert "remoteAccess" not in each.inputs
        assert each.inputs["launchTemplate"]["id"] == f"{each.name}-id"


def test_every_volume_is_gp3_under_the_clusters_key(stack: Recorder) -> None:
    for each in stack.of("ec2/launchTemplate:LaunchTemplate"):
        for volume in each.inputs["blockDeviceMappings"]:
            assert volume["ebs"]["encrypted"] == "true"
            assert volume["ebs"]["volumeType"] == "gp3"
            assert volume["ebs"]["kmsKeyId"].endswith("key/parapet-test-cluster")


def test_what_a_launch_makes_is_tagged_like_everything_else(stack: Recorder) -> None:
    for each in stack.of("ec2/launchTemplate:LaunchTemplate"):
        assert {spec["resourceType"] for spec in each.inputs["tagSpecifications"]} == {
            "instance",
            "volume",
            "network-interface",
        }
        for spec in each.inputs["tagSpecifications"]:
            assert spec["tags"] == {
                "Name": each.name,
                "Owner": "team@example.com",
                "Environment": "test",
                "CostCenter": "42",
                "DataClass": "cluster",
                **(mark("parapet-test") if (each.name, spec["resourceType"]) == HOST else {}),
            }
        assert each.inputs["monitoring"] == {"enabled": True}


def test_capacity_is_what_was_asked_for(stack: Recorder) -> None:
    assert group(stack, "cheap").inputs["capacityType"] == "SPOT"
    assert group(stack, "shared").inputs["capacityType"] == "ON_DEMAND"
    assert template(stack, "steady").inputs["capacityReservationSpecification"] == {
        "capacityReservationPreference": "capacity-reservations-only",
        "capacityReservationTarget": {"capacityReservationId": RESERVATION},
    }
    assert "capacityReservationSpecification" not in template(stack, "shared").inputs


def test_a_group_stays_in_its_zones(stack: Recorder) -> None:
    assert group(stack, "big").inputs["subnetIds"] == ["parapet-test-private-us-east-1b-id"]
    assert len(group(stack, "shared").inputs["subnetIds"]) == 3


@pytest.mark.parametrize(("name", "adapters"), [("big", range(32)), ("bigger", range(1, 17))])
def test_multi_node_training_has_an_adapter_on_every_card_that_carries_one_close_together(
    stack: Recorder, name: str, adapters: range
) -> None:
    launch = template(stack, name).inputs
    first, *others = launch["networkInterfaces"]
    assert (first["networkCardIndex"], first["deviceIndex"], first["interfaceType"]) == (0, 0, "interface")
    assert [each["networkCardIndex"] for each in others] == list(adapters)
    assert {(each["deviceIndex"], each["interfaceType"]) for each in others} == {(1, "efa-only")}
    nodes = stack.one("ec2/securityGroup:SecurityGroup", "parapet-test-nodes").id
    assert all(each["securityGroups"] == [nodes] for each in launch["networkInterfaces"])
    assert "vpcSecurityGroupIds" not in launch
    placement = stack.one("ec2/placementGroup:PlacementGroup", f"parapet-test-{name}")
    assert placement.inputs["strategy"] == "cluster"
    assert launch["placement"] == {"groupName": placement.name}


def test_other_groups_have_no_adapters_and_no_placement(stack: Recorder) -> None:
    nodes = stack.one("ec2/securityGroup:SecurityGroup", "parapet-test-nodes").id
    for name in ("system", "workload", "shared", "cheap", "steady"):
        launch = template(stack, name).inputs
        assert launch["vpcSecurityGroupIds"] == [nodes]
        assert not {"networkInterfaces", "placement"} & set(launch)


def test_a_divided_gpu_is_divided_before_anything_runs(stack: Recorder) -> None:
    script = base64.b64decode(template(stack, "steady").inputs["userData"]).decode()
    assert "nvidia-smi --multi-instance-gpu=1" in script
    assert "--create-gpu-instance 3g.20gb,3g.20gb " in script
    assert all("userData" not in template(stack, name).inputs for name in ("system", "shared", "big"))


def test_a_node_may_join_pull_and_be_looked_at_and_nothing_else(stack: Recorder) -> None:
    (trust,) = stack.one("iam/role:Role", ROLE).policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
    attached = stack.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {each.inputs["policyArn"].rpartition("/")[2] for each in attached if each.inputs["role"] == ROLE} == {
        "parapet-test-node-join",
        "AmazonEKSWorkerNodeMinimalPolicy",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonSSMManagedInstanceCore",
        "parapet-test-sessions",
    }
