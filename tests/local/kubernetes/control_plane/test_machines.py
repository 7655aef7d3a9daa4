"""What a node offers follows from what EC2 tells of its instance type."""

import pytest

from local.kubernetes.control_plane.machines import Machine


def _machine(vcpus: int = 4, memory_mib: int = 16384, gpus: int = 0, efa: int = 0) -> Machine:
    return Machine("x.large", "amd64", vcpus, memory_mib, gpus, efa)


@pytest.mark.parametrize(("vcpus", "pods"), [(2, 110), (29, 110), (30, 250), (96, 250)])
def test_larger_machines_take_more_pods(vcpus: int, pods: int) -> None:
    assert _machine(vcpus).pods == pods


@pytest.mark.parametrize(("vcpus", "millicores"), [(1, 940), (2, 1930), (4, 3920), (8, 7910), (96, 95690)])
def test_some_cpu_is_kept_for_the_kubelet(vcpus: int, millicores: int) -> None:
    machine = _machine(vcpus)
    assert machine.allocatable(machine.capacity(20, None, 0))["cpu"] == f"{millicores}m"


def test_some_memory_is_kept_for_the_kubelet_and_before_it_evicts() -> None:
    machine = _machine(memory_mib=16384)
    assert machine.allocatable(machine.capacity(20, None, 0))["memory"] == f"{16384 - 255 - 11 * 110 - 100}Mi"


def test_a_machine_without_gpu_offers_none_whatever_its_labels_say() -> None:
    assert "nvidia.com/gpu" not in _machine().capacity(20, 4, 0)


def test_no_more_efa_devices_than_the_type_has_and_none_that_are_not_attached() -> None:
    assert _machine(efa=4).capacity(20, None, 8)["vpc.amazonaws.com/efa"] == "4"
    assert "vpc.amazonaws.com/efa" not in _machine(efa=4).capacity(20, None, 0)
    assert "vpc.amazonaws.com/efa" not in _machine().capacity(20, None, 2)


def test_a_described_type_is_read() -> None:
    described = {
        "InstanceType": "g5g.xlarge",
        "ProcessorInfo": {"SupportedArchitectures": ["arm64"]},
        "VCpuInfo": {"DefaultVCpus": 4},
        "MemoryInfo": {"SizeInMiB": 8192},
        "GpuInfo": {"Gpus": [{"Count": 1}]},
        "NetworkInfo": {"EfaSupported": False},
    }
    assert Machine.of(described) == Machine("g5g.xlarge", "arm64", 4, 8192, 1, 0)
