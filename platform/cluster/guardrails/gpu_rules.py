"""A GPU is had by asking for it by name and amount, and in no other way: so that the scheduler, the quota and the
device plugin know of it."""

from collections.abc import Sequence
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.mesh_words import IS_INJECTED
from cluster.guardrails.rule import Check, PodRule, cel, names
from cluster.node_labels import GPU

EFA: Final = "vpc.amazonaws.com/efa"
"""An Elastic Fabric Adapter, as its device plugin offers it."""
RESOURCES: Final = ("cpu", "memory", "ephemeral-storage", GPU, EFA)
"""What a container may ask for. A slice of a GPU is asked for as a GPU (`gpu_software.py`), under no name of its own,
which the quota would not count."""
FREE_VARIABLES: Final = ("NVIDIA_TF32_OVERRIDE",)
"""NVIDIA's variables that choose no device: this one tells its libraries how to round."""
_VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES"
_NO_GPU: Final = f"e.name == {cel(_VISIBLE)} && has(e.value) && e.value == 'void'"
_OF_THE_GPU_RUNTIME: Final = (
    f"(e.name.startsWith('NVIDIA_') || e.name == 'CUDA_VERSION') && !(e.name in {cel(FREE_VARIABLES)}) && !({_NO_GPU})"
)
"""What the container runtime gives a container by: a pod's own value comes after the device plugin's, and an image that
says a version of CUDA alone gets all GPUs (NVIDIA Container Toolkit, "Specialized Configurations with Docker", and
internal/config/image, `IsLegacy`)."""
_OF_THE_GPU_RUNTIMES_MOUNTS: Final = (
    "has(c.volumeMounts) && c.volumeMounts.exists(m, m.mountPath.contains('nvidia-container-devices'))"
)
_OF_THE_DEVICE_INTERFACE: Final = "k.matches('^([^/]*[.])?(cdi[.]k8s[.]io|nvidia[.]com)/')"
_VARIABLE: Final = f"has(c.env) && c.env.exists(e, {_OF_THE_GPU_RUNTIME})"
_ASKED: Final = "['requests', 'limits'].filter(r, has(c.resources) && r in c.resources)"
_MORE_THAN_ZERO: Final = (
    # A Rollout's amounts are what its author wrote, numbers or not; Kubernetes' own kinds have strings.
    "isQuantity(string({0})) && quantity(string({0})).isGreaterThan(quantity('0'))"
)
_TOLERATES_GPU: Final = (
    f"has(t.key) && t.key == {cel(GPU)} && (!has(t.effect) || t.effect in ['', 'NoSchedule'])"
    " && (has(t.operator) && t.operator == 'Exists' || has(t.value) && t.value == 'true')"
)


def _asks(resource: str) -> str:
    """Whether a container asks for some of it: an amount of zero is none."""
    amount = f"c.resources[r][{cel(resource)}]"
    return f"{_ASKED}.exists(r, {cel(resource)} in c.resources[r] && {_MORE_THAN_ZERO.format(amount)})"


VARIABLES: Final = {
    "gpuContainers": f"variables.containers.filter(c, {_asks(GPU)})",
    # Without a GPU, beside one: its image may say that it wants all of the node's.
    "besideGpus": "size(variables.gpuContainers) == 0 ? [] : variables.containers.filter(c,"
    f" !({_asks(GPU)}) && !({IS_INJECTED}) && !(has(c.env) && c.env.exists(e, {_NO_GPU})))",
    "otherResources": f"variables.containers.map(c, {_ASKED}"
    f".map(r, c.resources[r].filter(k, !(k in {cel(RESOURCES)}) && !(r == 'limits' && has(c.resources.requests)"
    " && k in c.resources.requests)).join(', ')).filter(told, told != '').join(', ')).filter(told, told != '')",
    "claiming": "(has(variables.pod.resourceClaims) && size(variables.pod.resourceClaims) > 0)"
    " || variables.containers.exists(c, has(c.resources) && has(c.resources.claims) && size(c.resources.claims) > 0)",
}
"""CEL, over `containers` and `pod` of `pod_rules.py`."""


def gpu_rules(workspaces: Sequence[ns.Namespace] = ()) -> tuple[PodRule, ...]:
    """The rules over GPUs and other devices of a node."""
    places = (*ns.GPU, *(each.name for each in workspaces if each.gpu))
    return (_by_the_device_plugin(), _resources(), _in_gpu_namespaces(places), _on_gpu_nodes())


def _by_the_device_plugin() -> PodRule:
    return PodRule(
        name="gpus-by-the-device-plugin",
        checks=(
            Check(
                holds=f"!variables.containers.exists(c, {_VARIABLE})",
                found=f"variables.containers.filter(c, {_VARIABLE})"
                f'.map(c, c.env.filter(e, {_OF_THE_GPU_RUNTIME}).map(e, e.name).join(", ")).join(", ")'
                ' + " would choose GPUs past the device plugin"',
                fix="Ask for GPUs by resources.limits; the device plugin says which they are.",
            ),
            Check(
                holds="size(variables.gpuContainers) == 0 || !variables.containers.exists(c, has(c.envFrom))",
                found=names("variables.containers.filter(c, has(c.envFrom))")
                + ' + " takes all variables of a ConfigMap or Secret, next to a GPU"',
                fix="Name each variable by valueFrom: one of NVIDIA's could be among them.",
            ),
            Check(
                holds="size(variables.besideGpus) == 0",
                found=names("variables.besideGpus") + ' + " has no GPU, beside a container that has one"',
                fix=f"Set its variable {_VISIBLE} to void: an image that says all would get every GPU of the node.",
            ),
            Check(
                holds=f"!variables.containers.exists(c, {_OF_THE_GPU_RUNTIMES_MOUNTS})"
                f" && !variables.annotations.exists(k, {_OF_THE_DEVICE_INTERFACE})",
                found=f"(variables.containers.filter(c, {_OF_THE_GPU_RUNTIMES_MOUNTS}).map(c, c.name)"
                f" + variables.annotations.filter(k, {_OF_THE_DEVICE_INTERFACE})).join(', ')"
                ' + " would choose devices past the device plugin"',
                fix="Leave out the mount or the annotation; ask for GPUs by resources.limits.",
            ),
            Check(
                holds="!(variables.claiming)",
                found='"the pod claims devices"',
                fix=f"Leave resourceClaims out; ask for GPUs by resources.limits, as {GPU}: the quota counts those.",
            ),
        ),
        exempt=(ns.GPU_SOFTWARE.name,),
        why_exempt="the device plugin and the exporter see every GPU of a node",
    )


def _resources() -> PodRule:
    efa = f"variables.containers.filter(c, {_asks(EFA)} && !({_asks(GPU)}))"
    return PodRule(
        name="resources-that-are-counted",
        checks=(
            Check(
                holds="size(variables.otherResources) == 0",
                found='variables.otherResources.join(", ") + " is not a resource that a container may ask for"',
                fix=f"Ask for {', '.join(RESOURCES[:-1])} or {RESOURCES[-1]}, each under that name.",
            ),
            Check(
                holds=f"size({efa}) == 0",
                found=f'{names(efa)} + " asks for {EFA} and for no GPU"',
                fix="Network adapters of GPU nodes are for GPU work; leave it out or ask for a GPU too.",
            ),
        ),
    )


def _in_gpu_namespaces(places: tuple[str, ...]) -> PodRule:
    return PodRule(
        name="gpus-in-gpu-namespaces",
        checks=(
            Check(
                holds=f"size(variables.gpuContainers) == 0 || request.namespace in {cel(places)}",
                found=names("variables.gpuContainers") + ' + " asks for a GPU"',
                fix=f"GPUs are to be had in {', '.join(places)}.",
            ),
        ),
    )


def _on_gpu_nodes() -> PodRule:
    return PodRule(
        name="gpu-pods-tolerate-the-taint",
        checks=(
            Check(
                holds=f"size(variables.gpuContainers) == 0 || variables.tolerations.exists(t, {_TOLERATES_GPU})",
                found=names("variables.gpuContainers") + f' + " asks for a GPU and does not tolerate {GPU}"',
                fix=f"Add the toleration with key {GPU}, operator Exists and effect NoSchedule.",
            ),
            Check(
                holds="size(variables.gpuContainers) != 0"
                f" || !variables.tolerations.exists(t, !has(t.key) || t.key == '' || t.key == {cel(GPU)})",
                found=f'"the pod tolerates {GPU} and asks for no GPU"',
                fix="GPU nodes are for GPU work; take the toleration away or ask for at least one GPU.",
            ),
        ),
        exempt=(ns.GPU_SOFTWARE.name, ns.ISTIO_CNI.name),
        why_exempt="agents that run on each GPU node and take no GPU",
    )
