"""What a pod is made of and brings along: its images, its settings, its identity, its share of the node."""

from __future__ import annotations

import re
from typing import Any

from hipaa.kubernetes.names import namespace_of
from hipaa.kubernetes.pods import WORKLOADS, each_container, each_container_of, each_pod, example, may_describe_pods
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, is_, is_set, undecided, violation

SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"

_DIGEST = f"sha256:{'0123456789abcdef' * 4}"
_PINNED = Requirement(
    "an image with its digest (NAME@sha256:...)",
    lambda image: bool(re.fullmatch(r"[^@\s]+@sha256:[0-9a-f]{64}", str(image))),
)


@rule(
    "workload-pins-images-by-digest",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    advisory="a tag of a registry that keeps tags immutable names one image as well (164.312(c)(1))",
    fix="Name the image by its digest: registry/name@sha256:... or registry/name:tag@sha256:...",
    sound=[
        example(image=f"registry.example.com/app@{_DIGEST}"),
        example(image=f"registry.example.com:5000/app:1.2@{_DIGEST}"),
    ],
    unsound=[
        example(),
        example(image="registry.example.com/app"),
        example(image="registry.example.com/app:1.2"),
        example(image="registry.example.com/app@sha256:0123"),
        example(image=f"app@{_DIGEST}", pod={"initContainers": [{"name": "init", "image": "busybox"}]}),
        example(image=UNKNOWN, pod={"ephemeralContainers": [{"name": "debugger", "image": "busybox:1"}]}),
        example(image=f"app@{_DIGEST}", pod={"volumes": [{"name": "model", "image": {"reference": "model:1"}}]}),
    ],
)
def workload_pins_images(workload: Resource) -> Verdict:
    """A pod names each image by its digest, so that what was reviewed is what runs.

    A tag can be moved to another image by whoever can push, and each node asks anew.
    """
    return each_pod(workload, _pins_images)


def _pins_images(pod: Properties) -> Verdict:
    return all_of(
        each_container_of(pod, lambda container, _pod: container.require("image", _PINNED)),
        pod.each(
            "volumes", lambda volume: volume.require("image.reference", _PINNED) if "image" in volume else Verdict()
        ),
    )


def _pod_of(account: str | None, **pod: Any) -> Resource:
    named: dict[str, Any] = {} if account is None else {"serviceAccountName": account}
    spec = {"containers": [{"name": "app"}]} | named | pod
    return Resource(WORKLOADS[0], {"metadata": {"namespace": "serving"}, "spec": spec})


def _account(automount: bool | None, name: Any = "predictor", namespace: Any = "serving") -> Resource:
    said: dict[str, Any] = {} if automount is None else {"automountServiceAccountToken": automount}
    return Resource(
        SERVICE_ACCOUNT, {"metadata": {"name": name, "namespace": namespace}} | said, name=f"of-{namespace}"
    )


@stack_rule(
    "workload-mounts-no-account-token",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    advisory="a token opens what its account has rights to, and an account of its own has none",
    fix="Set automount_service_account_token=False on the pod, or on its ServiceAccount; Pod Identity reaches AWS.",
    sound=[
        [_pod_of(None, automountServiceAccountToken=False)],
        [_pod_of("predictor"), _account(False)],
        [_pod_of("predictor"), _account(None, namespace="training"), _account(False)],
        [_pod_of(None), _account(False, name="default")],
        [_pod_of(None, serviceAccount="predictor"), _account(False)],
        [_pod_of("predictor", automountServiceAccountToken=False), _account(True)],
    ],
    unsound=[
        [_pod_of(None)],
        [_pod_of("predictor")],
        [_pod_of("predictor"), _account(None)],
        [_pod_of("predictor"), _account(False, namespace="training")],
        [_pod_of("predictor"), _account(False, name="notebook")],
        [_pod_of("predictor", automountServiceAccountToken=True), _account(False)],
        [_pod_of("predictor"), _account(None), _account(False, namespace=UNKNOWN)],
    ],
)
def workload_mounts_no_account_token(workload: Resource, stack: Stack) -> Verdict:
    """A pod that does not need the Kubernetes API has no credentials for it.

    The token of a service account is in a file that anything in the container can read and use from elsewhere.
    """
    return each_pod(workload, lambda pod: _mounts_no_token(pod, workload, stack))


def _mounts_no_token(pod: Properties, workload: Resource, stack: Stack) -> Verdict:
    if pod.at("automountServiceAccountToken") is not None:
        return pod.require("automountServiceAccountToken", is_(False))
    name = pod.at("serviceAccountName") or pod.at("serviceAccount") or "default"
    accounts, unknown = stack.once(_accounts)
    if accounts and (account := accounts.get((str(name), namespace_of(workload)))):
        return _is_not_mounted(account, name)
    if unknown:
        return undecided(unknown)
    return violation(
        f"`automount_service_account_token` is not set (which means true), and no ServiceAccount {name} of this "
        "namespace is in the program to say otherwise; it must be false"
    )


def _accounts(stack: Stack) -> tuple[dict[tuple[str, str], Resource], str]:
    """The program's service accounts by name and namespace, and the path of what is unknown of another one."""
    accounts: dict[tuple[str, str], Resource] = {}
    unknown = ""
    for account in stack.of(SERVICE_ACCOUNT):
        try:
            accounts.setdefault((str(account.at("metadata.name")), namespace_of(account)), account)
        except UnknownValue as error:
            unknown = error.path
    return accounts, unknown


def _is_not_mounted(account: Resource, name: str) -> Verdict:
    if account.at("automountServiceAccountToken") is False:
        return Verdict()
    return violation(f"neither the pod nor its ServiceAccount {name} sets automount_service_account_token to false")


def _limited(memory: str | None, cpu: str | None) -> dict[str, Any]:
    limits: dict[str, Any] = {} if memory is None else {"limits": {"memory": memory}}
    requests: dict[str, Any] = {} if cpu is None else {"requests": {"cpu": cpu}}
    return {"resources": limits | requests}


@rule(
    "workload-bounds-its-resources",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=LOW,
    advisory="164.308(a)(7) asks for a plan to go on in an emergency; quotas of a namespace bound pods as well",
    fix="Set resources with limits.memory and requests.cpu, on each container or on the pod.",
    sound=[
        example(**_limited("1Gi", "500m")),
        example(resources={"limits": {"memory": "1Gi", "cpu": "1"}}),
        example(pod=_limited("4Gi", "2")),
        example(**_limited("1Gi", "500m"), pod={"ephemeralContainers": [{"name": "debugger"}]}),
    ],
    unsound=[
        example(),
        example(**_limited("1Gi", None)),
        example(**_limited(None, "500m")),
        example(**_limited("1Gi", "500m"), pod={"initContainers": [{"name": "init"}]}),
    ],
)
def workload_bounds_its_resources(workload: Resource) -> Verdict:
    """A container takes no more memory than it said, and a share of the CPU that it named.

    One that takes all of a node's memory has others killed in its place. CPU is only slowed down, by shares of what was
    asked for, so it needs no limit.
    """
    return each_container(workload, _is_bounded, ephemeral=False)


def _is_bounded(container: Properties, pod: Properties) -> Verdict:
    def is_set_somewhere(*paths: str) -> bool:
        return any(source.at(path) for source in (container, pod) for path in paths)

    memory, cpu = "resources.limits.memory", "resources.requests.cpu"
    return all_of(
        Verdict() if is_set_somewhere(memory) else container.require(memory, is_set()),
        # Where there is a limit and no request, the limit is the request.
        Verdict() if is_set_somewhere(cpu, "resources.limits.cpu") else container.require(cpu, is_set()),
    )
