"""What else the Pod Security Standard `restricted` asks of a pod, beside what `confinement` does.

The tables are those of k8s.io/pod-security-admission v0.36.3 (policy/check_*.go), the code that judges pods in the API
server; the tests hold these rules to its own test data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hipaa.kubernetes.pods import WORKLOADS, each_container, each_container_of, each_pod, example, may_describe_pods
from hipaa.resource import UNKNOWN, Items, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_empty, one_of, undecided, violation

_APPARMOR = "securityContext.appArmorProfile.type"
_OF_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
"""What annotations of clusters before 1.30 begin with, which newer ones still read."""
_SELINUX = "securityContext.seLinuxOptions"
_DOMAINS = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")


@rule(
    "workload-keeps-its-security-modules",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    fix="Leave app_armor_profile and se_linux_options out, or set the type to RuntimeDefault, or to a profile's own.",
    sound=[
        example(),
        example(securityContext={"appArmorProfile": {"type": "RuntimeDefault"}}),
        example(pod={"securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "app"}}}),
        example(securityContext={"seLinuxOptions": {"level": "s0:c123,c456", "type": "container_t"}}),
        {"metadata": {"annotations": {f"{_OF_APPARMOR}app": "runtime/default", "team": "unconfined"}}} | example(),
        {"metadata": {"annotations": {f"{_OF_APPARMOR}app": "localhost/app"}}} | example(),
        {"metadata": {"annotations": {"checksum/config": UNKNOWN}}} | example(),
    ],
    unsound=[
        example(securityContext={"appArmorProfile": {"type": "Unconfined"}}),
        example(pod={"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
        example(
            pod={
                "initContainers": [{"name": "init", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}}],
            }
        ),
        {"metadata": {"annotations": {f"{_OF_APPARMOR}app": "unconfined"}}} | example(),
        Resource(
            WORKLOADS[3],
            {
                "spec": {
                    "selector": {},
                    "template": {"metadata": {"annotations": {f"{_OF_APPARMOR}app": "unconfined"}}} | example(),
                }
            },
        ),
        example(securityContext={"seLinuxOptions": {"type": "spc_t"}}),
        example(pod={"securityContext": {"seLinuxOptions": {"user": "system_u"}}}),
        example(securityContext={"seLinuxOptions": {"role": "sysadm_r"}}),
    ],
)
def workload_keeps_its_security_modules(workload: Resource) -> Verdict:
    """A pod keeps the profile that the node's AppArmor or SELinux puts around its containers.

    It is the wall that stands when a container's user, capabilities and seccomp filter have been got past.
    """

    def kept(holder: Properties, _pod: Properties | None = None) -> Verdict:
        return all_of(
            holder.require(_APPARMOR, one_of("RuntimeDefault", "Localhost"), default="RuntimeDefault")
            if holder.at(_APPARMOR.rpartition(".")[0]) is not None
            else Verdict(),
            holder.require(f"{_SELINUX}.type", one_of(*_DOMAINS), default=""),
            holder.require(f"{_SELINUX}.user", is_empty()),
            holder.require(f"{_SELINUX}.role", is_empty()),
        )

    return all_of(
        each_pod(workload, lambda pod: all_of(kept(pod), each_container_of(pod, kept))),
        *(_is_confined(path, value) for path, value in _annotated(workload)),
    )


def _is_confined(path: str, profile: Any) -> Verdict:
    if isinstance(profile, UnknownValue):
        return undecided(profile.path)
    if profile in (None, "", "runtime/default") or str(profile).startswith("localhost/"):
        return Verdict()
    return violation(f"the annotation `{path}` is {profile!r}; it must be 'runtime/default' or a profile's name")


def _annotated(value: Any) -> Iterator[tuple[str, Any]]:
    """The annotations of AppArmor in an object, wherever they stand, with where that is."""
    if isinstance(value, Properties):
        for name in value:
            try:
                inner = value[name]
            except UnknownValue as unknown:
                inner = unknown
            if name.startswith(_OF_APPARMOR):
                yield value.where(name), inner
            else:
                yield from _annotated(inner)
    elif isinstance(value, Items):
        for number in range(len(value)):
            try:
                inner = value[number]
            except UnknownValue:
                continue  # the pod that is there is undecided by itself
            yield from _annotated(inner)


_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        *(f"net.ipv4.{name}" for name in ("ip_local_port_range", "ip_local_reserved_ports", "ping_group_range")),
        *(f"net.ipv4.{name}" for name in ("ip_unprivileged_port_start", "tcp_syncookies", "tcp_rmem", "tcp_wmem")),
        *(f"net.ipv4.tcp_{name}" for name in ("keepalive_time", "fin_timeout", "keepalive_intvl", "keepalive_probes")),
    }
)


def _setting(*names: Any) -> dict[str, Any]:
    return example(pod={"securityContext": {"sysctls": [{"name": name, "value": "1"} for name in names]}})


@rule(
    "workload-sets-safe-sysctls-only",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    fix="Leave the sysctl out, or set one that is the pod's alone, such as net.ipv4.tcp_keepalive_time.",
    sound=[
        example(),
        _setting("net.ipv4.ip_unprivileged_port_start", "kernel.shm_rmid_forced"),
        _setting("net.ipv4.tcp_rmem"),
    ],
    unsound=[
        _setting("net.ipv4.tcp_rmem", "kernel.msgmax"),
        _setting("net.core.somaxconn"),
        _setting("net.ipv4.ip_forward"),
        _setting(UNKNOWN, "kernel.shmmax"),
    ],
)
def workload_sets_safe_sysctls_only(workload: Resource) -> Verdict:
    """A pod sets no kernel parameter but those that are its own and harm nobody else on the node.

    Others weaken the node's kernel for every pod on it, or take what others need.
    """

    def safe(sysctl: Properties) -> Verdict:
        name = str(sysctl.at("name"))
        return (
            Verdict()
            if name in _SYSCTLS
            else violation(f"the sysctl {name} is set, which is not the pod's alone; it must be left out")
        )

    return each_pod(workload, lambda pod: pod.each("securityContext.sysctls", safe))


_SOURCES = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
        *("image", "persistentVolumeClaim", "projected", "secret"),
    }
)

_TOLD_ELSEWHERE = frozenset({"name", "hostPath"})


def _mounting(**volume: Any) -> dict[str, Any]:
    return example(pod={"volumes": [{"name": "data"} | volume]})


@rule(
    "workload-mounts-safe-volumes-only",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    fix="Claim the storage with persistent_volume_claim, whose class an administrator has set up.",
    sound=[
        example(),
        _mounting(persistentVolumeClaim={"claimName": "records"}),
        _mounting(csi={"driver": "secrets-store.csi.k8s.io"}),
        _mounting(projected={"sources": []}),
        _mounting(image={"reference": "model@sha256:0"}),
        _mounting(),
        example(pod={"volumes": [{"name": "a", "emptyDir": {"medium": "Memory"}}, {"name": "b", "secret": {}}]}),
    ],
    unsound=[
        _mounting(nfs={"server": "files.internal", "path": "/"}),
        _mounting(awsElasticBlockStore={"volumeID": "vol-1a2b3c4d"}),
        _mounting(iscsi={"iqn": "iqn.2001-04.com.example:storage", "lun": 0, "targetPortal": "10.0.0.1"}),
        _mounting(gitRepo={"repository": "https://git.example.com/app.git"}),
        _mounting(flexVolume={"driver": "example/driver"}),
        example(pod={"volumes": [UNKNOWN, {"name": "b", "nfs": UNKNOWN}]}),
    ],
)
def workload_mounts_safe_volumes_only(workload: Resource) -> Verdict:
    """A pod mounts no storage of the network by itself: it claims it.

    Who describes a pod would otherwise choose the server, the path and the credentials, past every storage class that
    encrypts.
    """

    def safe(volume: Properties) -> Verdict:
        others = (name for name in sorted(set(volume) - _SOURCES - _TOLD_ELSEWHERE) if _is_there(volume, name))
        for name in others:
            return violation(f"`{volume.where(name)}` is storage that the pod itself names; it must be claimed")
        return Verdict()

    return each_pod(workload, lambda pod: pod.each("volumes", safe))


def _is_there(value: Properties, name: str) -> bool:
    """Whether a property is set, to whatever."""
    try:
        return value.get(name) is not None
    except UnknownValue:
        return True


_PROBES = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
_ITSELF = Requirement("left out, which means the pod itself", lambda host: not host)


@rule(
    "workload-is-probed-at-its-own-address",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    fix="Leave host out of http_get and tcp_socket of probes and lifecycle handlers.",
    sound=[
        example(),
        example(readinessProbe={"httpGet": {"path": "/ready", "port": 8080}}),
        example(livenessProbe={"tcpSocket": {"host": "", "port": 8080}}),
        example(
            livenessProbe={"httpGet": {"port": "http", "httpHeaders": [{"name": "Host", "value": "app.example.org"}]}}
        ),
        example(lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}}),
    ],
    unsound=[
        example(readinessProbe={"httpGet": {"host": "169.254.169.254", "port": 80}}),
        example(livenessProbe={"tcpSocket": {"host": "10.0.0.1", "port": 22}}),
        example(startupProbe={"httpGet": {"host": "app.example.org", "port": 80}}),
        example(lifecycle={"postStart": {"httpGet": {"host": "127.0.0.1", "port": 10250}}}),
        example(pod={"initContainers": [{"name": "init", "lifecycle": {"preStop": {"tcpSocket": {"host": "node"}}}}]}),
    ],
)
def workload_is_probed_at_its_own_address(workload: Resource) -> Verdict:
    """The kubelet is sent to a pod's own address by its probes and lifecycle handlers, and to no other.

    It asks from the node, past every NetworkPolicy: of the cloud's metadata, the node's own ports, other hosts.
    """
    return each_container(
        workload,
        lambda container, _pod: all_of(
            *(
                container.require(f"{probe}.{how}.host", _ITSELF)
                for probe in _PROBES
                for how in ("httpGet", "tcpSocket")
            )
        ),
    )
