"""GPU groups as settings: what is taken, what is refused, and in which words."""

import re
from typing import Any

import pulumi
import pytest

from cluster import gpu_instances, images
from cluster.gpu_group import GpuGroup
from cluster.gpu_instances import GPU_INSTANCES, nearest
from cluster.images import IMAGES
from settings import Settings
from tests.platform.mocked import run_program, stack_settings

GROUP: dict[str, Any] = {"name": "training", "instanceTypes": ["g6.xlarge"], "max": 4}


def groups(*declared: Any) -> tuple[GpuGroup, ...]:
    return Settings.parse(stack_settings(gpuGroups=list(declared))).gpu_groups


def refusal(*declared: Any) -> str:
    with pytest.raises(pulumi.RunError) as refused:
        groups(*declared)
    return str(refused.value)


def test_a_group_needs_a_name_types_and_a_largest_number_and_starts_from_zero_on_demand() -> None:
    (group,) = groups(GROUP)
    assert (group.min, group.max, group.growth) == (0, 4, 4)
    assert (group.capacity, group.reservation, group.spot) == ("on-demand", None, False)
    assert (group.zones, group.sharing, group.efa) == ((), "none", False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"instanceTypes": ["m7i.xlarge"]},
            '.instanceTypes[0] is "m7i.xlarge"; it must be an instance type with whole NVIDIA GPUs; nearest: ',
        ),
        ({"instanceTypes": ["g6.xlarge", "g5.xlarge"]}, ".instanceTypes[1] is "),
        ({"instanceTypes": ["g6.xlarge", "g6.12xlarge"]}, "it must be a type with 1 x L4 (amd64) as g6.xlarge has"),
        ({"instanceTypes": ["g6.xlarge", "g6.xlarge"]}, "it must be a list of EC2 instance types, each once"),
        ({"instanceTypes": []}, ".instanceTypes is []; it must be a list of EC2 instance types"),
        ({"instanceTypes": ["g6f.xlarge"]}, "with whole NVIDIA GPUs; nearest: g6.xlarge"),
        ({"min": 5}, ".min is 5; it must be at most max, which is 4."),
        (
            {"instanceTypes": ["g7.2xlarge"]},
            '.instanceTypes[0] is "g7.2xlarge"; it must be a type that Karpenter knows',
        ),
        ({"min": -1}, ".min is -1; it must be a whole number from 0 to 100."),
        ({"max": 0}, ".max is 0; it must be a whole number from 1 to 100."),
        ({"name": "Training"}, '.name is "Training"; it must be 1 to 20 lower-case letters'),
        ({"capacity": "cheap"}, '.capacity is "cheap"; it must be on-demand, spot, or the id of a capacity'),
        ({"zones": ["us-east-1"]}, '.zones[0] is "us-east-1"; it must be the name of an Availability Zone'),
        ({"sharing": "time-slicing:1"}, '.sharing is "time-slicing:1"; it must be none, time-slicing:N'),
        ({"sharing": "mig:1g.10gb"}, "it must be none or time-slicing:N; the L4 has no MIG."),
        (
            {"instanceTypes": ["p4d.24xlarge"], "sharing": "mig:1g.20gb"},
            "it must be one of mig:1g.5gb, mig:1g.10gb, mig:2g.10gb, mig:3g.20gb, mig:4g.20gb, mig:7g.40gb",
        ),
        (
            {"efa": True, "zones": ["us-east-1a"]},
            '.instanceTypes[0] is "g6.xlarge"; it must be a type with EFA where efa is true; of its GPU: g6.8xlarge',
        ),
        ({"efa": True, "instanceTypes": ["p5.48xlarge"]}, ".zones is []; it must be one zone where efa is true"),
        ({"maximum": 4}, ".maximum is not a setting; did you mean max?"),
    ],
)
def test_a_bad_group_is_refused_by_place_value_and_what_is_allowed(changed: dict[str, Any], said: str) -> None:
    line = refusal({"name": "good", "instanceTypes": ["p5.48xlarge"], "max": 1}, GROUP | changed)
    assert line.startswith("parapet:gpuGroups[1]."), line
    assert said in line
    assert len(line.splitlines()) == 1


def test_what_is_missing_is_named() -> None:
    assert refusal({"name": "a", "instanceTypes": ["g6.xlarge"]}) == (
        "parapet:gpuGroups[0].max is not set; it must be a whole number from 1 to 100."
    )


def test_what_is_no_group_at_all_is_told_what_one_is() -> None:
    assert refusal("g6.xlarge") == (
        'parapet:gpuGroups[0] is "g6.xlarge"; it must be an object with name, instanceTypes and max, at least.'
    )


def test_two_groups_of_one_name_are_refused() -> None:
    assert refusal(GROUP, GROUP) == (
        'parapet:gpuGroups[1].name is "training"; it must be another name than that of [0].'
    )


def test_bad_groups_are_told_all_at_once() -> None:
    said = refusal(GROUP | {"min": 9}, GROUP | {"instanceTypes": ["m5.large"]}, GROUP | {"sharing": "half"})
    assert [line.split(" ")[0] for line in said.splitlines()] == [
        "parapet:gpuGroups[0].min",
        "parapet:gpuGroups[1].instanceTypes[0]",
        "parapet:gpuGroups[2].sharing",
    ]


def test_a_zone_that_the_stack_does_not_span_is_refused_once_the_account_is_known() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run_program(gpuGroups=[GROUP | {"zones": ["us-east-1a", "us-east-1f"]}])
    assert str(refused.value).startswith(
        'parapet:gpuGroups[0].zones[1] is "us-east-1f"; it must be one of the zones that this stack spans: us-east-1a, '
    )


@pytest.mark.parametrize(
    ("asked", "first"), [("m5.xlarge", "g5.xlarge"), ("c7i.48xlarge", "p5.48xlarge"), ("g6.4xlrge", "g6.4xlarge")]
)
def test_the_nearest_types_are_of_the_same_size_or_of_a_like_name(asked: str, first: str) -> None:
    near = nearest(asked)
    assert len(near) == 3
    assert set(near) <= set(GPU_INSTANCES)
    sizes = {each.partition(".")[2] for each in near}
    assert sizes == {asked.partition(".")[2]} or near[0] == first


@pytest.mark.parametrize(
    ("sharing", "types", "containers"),
    [
        ("none", ["p5.48xlarge"], 8),
        ("time-slicing:4", ["g6.xlarge", "g6.2xlarge"], 4),
        ("time-slicing:48", ["g6.12xlarge"], 192),
        ("mig:3g.40gb", ["p5.48xlarge"], 16),
        ("mig:1g.5gb", ["p4d.24xlarge"], 56),
    ],
)
def test_what_a_node_shares_is_counted(sharing: str, types: list[str], containers: int) -> None:
    (group,) = groups(GROUP | {"sharing": sharing, "instanceTypes": types})
    assert group.schedulable_gpus == containers
    assert group.gpus == GPU_INSTANCES[types[0]].gpus


def test_every_known_type_has_a_gpu_and_every_divisible_one_profiles() -> None:
    for instance in GPU_INSTANCES.values():
        assert instance.gpus >= 1
        assert 0 <= instance.efa <= instance.cards
        divisible = instance.model in ("A100", "H100", "H200", "B200", "B300", "RTX PRO Server 6000")
        assert bool(instance.mig_profiles) is divisible, instance.name


def test_of_each_gpu_its_compute_capability_is_known() -> None:
    told = {each.model: each.capability for each in GPU_INSTANCES.values()}
    assert (told["V100"], told["A10G"], told["B300"]) == (7.0, 8.6, 10.3)
    assert set(told) == set(gpu_instances.CAPABILITIES)


def test_the_gpus_that_the_image_has_code_for_were_looked_up_of_the_version_that_is_locked() -> None:
    """In its wheel: another may have code for others (`images.yaml` says where to look)."""
    lock = (images.ROOT / "delivery" / "serving" / "gpu" / "requirements.txt").read_text()
    assert re.findall(r"^onnxruntime-gpu==(\S+)", lock, re.MULTILINE) == ["1.31.1"]
    image = IMAGES["serving-gpu"]
    assert image.capabilities == (7.5, 8.0, 8.6, 8.9, 9.0, 12.0)
    runs = {each.model for each in GPU_INSTANCES.values() if image.computes_on(each.capability)}
    assert {each.model for each in GPU_INSTANCES.values()} - runs == {"V100", "B200", "B300"}
