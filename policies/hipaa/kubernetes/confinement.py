"""What a container may do to the node that it shares: nothing.

All but the read-only root are of the restricted profile of the Kubernetes documentation's "Pod Security Standards", as
is what `pod_security` has.
"""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes.pods import (
    WORKLOADS,
    each_container,
    each_container_of,
    each_pod,
    example,
    holder,
    may_describe_pods,
    runs_windows,
)
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_, not_applicable, one_of, undecided, violation

_SECCOMP = {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}
_ADDABLE = "NET_BIND_SERVICE"
_OF_LINUX = not_applicable("a Windows container has no such setting")


def _confined(pod: dict[str, Any] | None = None, **context: Any) -> dict[str, Any]:
    """The properties of an example whose container is confined, but for what its context says."""
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return example(pod=_SECCOMP if pod is None else pod, securityContext=own | context)


@rule(
    "workload-runs-confined",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=CRITICAL,
    fix="Drop ALL capabilities; set allow_privilege_escalation=False and seccomp RuntimeDefault; leave privileged out.",
    sound=[
        _confined(),
        _confined(pod={}, seccompProfile={"type": "RuntimeDefault"}),
        _confined(capabilities={"drop": ["ALL"], "add": [_ADDABLE]}),
        example(pod={"os": {"name": "windows"}}),
    ],
    unsound=[
        example(),
        _confined(privileged=True),
        _confined(allowPrivilegeEscalation=True),
        _confined(capabilities={"drop": ["NET_RAW"]}),
        _confined(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        _confined(capabilities={"drop": [UNKNOWN], "add": ["SYS_ADMIN"]}),
        _confined(procMount="Unmasked"),
        _confined(pod={}),
        _confined(seccompProfile={"type": "Unconfined"}),
        _confined(pod=_SECCOMP | {"initContainers": [{"name": "init"}]}),
        _confined(pod=_SECCOMP | {"ephemeralContainers": [{"name": "debugger"}]}),
    ],
)
def workload_runs_confined(workload: Resource) -> Verdict:
    """A container has no privileges and no capabilities, can gain none, and calls the kernel through a seccomp filter.

    A privileged container is root on its node: it reads the memory, the volumes and the credentials of every other.
    """
    return each_container(workload, _is_confined)


def _is_confined(container: Properties, pod: Properties) -> Verdict:
    if runs_windows(pod):
        return _OF_LINUX
    seccomp = "securityContext.seccompProfile.type"
    return all_of(
        container.require("securityContext.privileged", is_(False), default=False),
        container.require("securityContext.allowPrivilegeEscalation", is_(False), default=True),
        container.require("securityContext.procMount", is_("Default"), default="Default"),
        _drops_all(container),
        _adds_none(container),
        holder(container, pod, seccomp).require(seccomp, one_of("RuntimeDefault", "Localhost")),
    )


def _drops_all(container: Properties) -> Verdict:
    drops_all = Requirement("a list with 'ALL'", lambda dropped: "ALL" in (dropped or ()))
    try:
        return container.require("securityContext.capabilities.drop", drops_all)
    except UnknownValue as unknown:
        return undecided(unknown.path)


def _adds_none(container: Properties) -> Verdict:
    def harmless(capability: str) -> Verdict:
        if capability == _ADDABLE:
            return Verdict()
        return violation(
            f"the container {container.at('name')} adds the capability {capability}; it must be {_ADDABLE} at most"
        )

    return container.each("securityContext.capabilities.add", harmless)


@rule(
    "workload-runs-as-non-root",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    fix="Set run_as_non_root=True in the pod's security context, and run_as_user to a number above 0, or leave it out.",
    sound=[
        example(pod={"securityContext": {"runAsNonRoot": True}}),
        example(securityContext={"runAsNonRoot": True, "runAsUser": 65532}),
        example(pod={"securityContext": {"runAsUser": 0, "runAsNonRoot": True}}, securityContext={"runAsUser": 1000}),
        example(pod={"hostUsers": False}, securityContext={"runAsUser": 0}),
    ],
    unsound=[
        example(),
        example(securityContext={"runAsUser": 1000}),
        example(pod={"securityContext": {"runAsNonRoot": True}}, securityContext={"runAsNonRoot": False}),
        example(securityContext={"runAsNonRoot": True, "runAsUser": 0}),
        example(pod={"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}),
        example(pod={"hostUsers": True}, securityContext={"runAsUser": 0}),
        example(pod={"initContainers": [{"name": "init"}]}, securityContext={"runAsNonRoot": True}),
    ],
)
def workload_runs_as_non_root(workload: Resource) -> Verdict:
    """A container runs as a user that is not root, whatever its image says.

    Root in a container is root on the node, with a wall between; most ways through that wall need root on this side.
    """
    return each_container(workload, _is_not_root)


def _is_not_root(container: Properties, pod: Properties) -> Verdict:
    if pod.at("hostUsers") is False:
        return Verdict()  # root there is nobody on the node (user namespaces)
    nonroot, user = "securityContext.runAsNonRoot", "securityContext.runAsUser"
    return all_of(
        holder(container, pod, nonroot).require(nonroot, is_(True), default=False),
        holder(container, pod, user).require(user, Requirement("not 0, which is root", lambda uid: uid != 0)),
    )


@rule(
    "workload-has-read-only-root",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    advisory="the Pod Security Standards ask for it at no level; what a container writes is gone with it",
    fix="Set read_only_root_filesystem=True, and mount an empty_dir where the program must write.",
    sound=[
        example(securityContext={"readOnlyRootFilesystem": True}),
        example(pod={"os": {"name": "windows"}}),
    ],
    unsound=[
        example(),
        example(securityContext={"readOnlyRootFilesystem": False}),
        example(pod={"initContainers": [{"name": "init"}]}, securityContext={"readOnlyRootFilesystem": True}),
    ],
)
def workload_has_read_only_root(workload: Resource) -> Verdict:
    """A container cannot write to its root file system.

    What an intruder cannot write, he cannot run; and what the digest names is what runs, until the end.
    """

    def is_read_only(container: Properties, pod: Properties) -> Verdict:
        if runs_windows(pod):
            return _OF_LINUX
        return container.require("securityContext.readOnlyRootFilesystem", is_(True), default=False)

    return each_container(workload, is_read_only)


_HOST_PROCESS = "securityContext.windowsOptions.hostProcess"


@rule(
    "workload-stays-off-the-host",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=CRITICAL,
    fix="Leave host_network, host_pid, host_ipc, host_path volumes and host_port out; use a Service and an empty_dir.",
    sound=[
        example(),
        example(
            pod={"hostNetwork": False, "volumes": [{"name": "scratch", "emptyDir": {}}]},
            ports=[{"containerPort": 8080}],
        ),
    ],
    unsound=[
        example(pod={"hostNetwork": True}),
        example(pod={"hostPID": True}),
        example(pod={"hostIPC": True}),
        example(pod={"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/var/run"}}]}),
        example(pod={"volumes": [UNKNOWN, {"name": "b", "hostPath": UNKNOWN}]}),
        example(ports=[{"containerPort": 8080, "hostPort": 8080}]),
        example(pod={"initContainers": [{"name": "init", "ports": [{"containerPort": 1, "hostPort": 1}]}]}),
        example(pod={"securityContext": {"windowsOptions": {"hostProcess": True}}}),
        example(securityContext={"windowsOptions": {"hostProcess": True}}),
    ],
)
def workload_stays_off_the_host(workload: Resource) -> Verdict:
    """A pod shares no namespace, directory or port with its node.

    On the node's network it is past every NetworkPolicy; with a directory of the node it holds what others wrote there.
    """
    return each_pod(workload, _stays_off_the_host, host=True)


def _stays_off_the_host(pod: Properties) -> Verdict:
    return all_of(
        *(
            pod.require(name, is_(False), default=False)
            for name in ("hostNetwork", "hostPID", "hostIPC", _HOST_PROCESS)
        ),
        pod.each("volumes", _is_of_its_own),
        each_container_of(pod, _is_off_the_host),
    )


@rule(
    "workload-shares-no-processes",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    advisory="the containers of a pod are one application already; a debugger or a reaper needs to see processes",
    fix="Leave share_process_namespace out.",
    sound=[example(), example(pod={"shareProcessNamespace": False})],
    unsound=[example(pod={"shareProcessNamespace": True})],
)
def workload_shares_no_processes(workload: Resource) -> Verdict:
    """A pod's containers see no processes but their own.

    Else each reads of the others, in /proc, their variables, open files and whole file systems, secrets among them
    ("Share Process Namespace between Containers in a Pod", Kubernetes' documentation).
    """
    return each_pod(workload, lambda pod: pod.require("shareProcessNamespace", is_(False), default=False))


def _is_of_its_own(volume: Properties) -> Verdict:
    if "hostPath" not in volume:
        return Verdict()
    return violation(f"the volume {volume.at('name', 'without a name')} is a host_path; it must not be the node's own")


def _is_off_the_host(container: Properties, _pod: Properties) -> Verdict:
    return all_of(
        container.require(_HOST_PROCESS, is_(False), default=False),
        container.each("ports", lambda port: port.require("hostPort", Requirement("left out", lambda own: not own))),
    )
