"""How each server of the control plane is called. All of them listen on 127.0.0.1 only."""

from pathlib import Path

from local import registry
from local.kubernetes.control_plane import pki
from local.kubernetes.control_plane.stages import gated, stage_files
from local.workspace import Workspace

ETCD, API, CONTROLLERS, SCHEDULER = "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"
KWOK, NODES, PULLS, WORKLOADS = "kwok", "nodes", "pulls", "workloads"
EGRESS, LIVE = "egress", "live"
PARTS = (ETCD, API, CONTROLLERS, SCHEDULER, KWOK, NODES, PULLS, WORKLOADS)
OURS = {
    NODES: "local.kubernetes.control_plane.nodes",
    PULLS: "local.kubernetes.control_plane.pulls",
    WORKLOADS: "local.kubernetes.workloads",
}
"""The parts that are modules of this room. They listen on no port."""
ONLY_LIVE = {EGRESS: "local.kubernetes.control_plane.egress", LIVE: "local.kubernetes.live"}
"""Those that run where the stack's controllers do."""


def command(workspace: Workspace, part: str, ports: dict[str, int]) -> list[str]:
    """The command line of one part."""
    if module := {**OURS, **ONLY_LIVE}.get(part):
        own = [str(ports[part])] if part in ports else []
        return [str(workspace.python), "-P", "-m", module, str(workspace.home), str(ports[API]), *own]
    arguments = {
        ETCD: _etcd,
        API: _api,
        CONTROLLERS: _controllers,
        SCHEDULER: _scheduler,
        KWOK: _kwok,
    }[part](workspace, ports)
    return [str(workspace.bin / part), *arguments]


def _etcd(workspace: Workspace, ports: dict[str, int]) -> list[str]:
    folder = workspace.kubernetes
    client, peer = f"https://127.0.0.1:{ports[ETCD]}", f"https://127.0.0.1:{ports['etcd-peer']}"
    certificate, key, authority = _pki(folder, "etcd", pki.ETCD_CA)
    return [
        "--name=local",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        *(f"--{side}cert-file={certificate}" for side in ("", "peer-")),
        *(f"--{side}key-file={key}" for side in ("", "peer-")),
        *(f"--{side}trusted-ca-file={authority}" for side in ("", "peer-")),
        "--client-cert-auth",
        "--peer-client-cert-auth",
        "--log-level=warn",
    ]


def _api(workspace: Workspace, ports: dict[str, int]) -> list[str]:
    folder = workspace.kubernetes
    certificate, key, authority = _pki(folder, API, pki.CA)
    etcd_certificate, etcd_key, etcd_authority = _pki(folder, "etcd-client", pki.ETCD_CA)
    proxy_certificate, proxy_key, proxy_authority = _pki(folder, "front-proxy", pki.FRONT_PROXY_CA)
    return [
        f"--etcd-servers=https://127.0.0.1:{ports[ETCD]}",
        f"--etcd-cafile={etcd_authority}",
        f"--etcd-certfile={etcd_certificate}",
        f"--etcd-keyfile={etcd_key}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports[API]}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        "--tls-min-version=VersionTLS12",
        f"--client-ca-file={authority}",
        f"--authentication-config={folder / 'authentication.yaml'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--encryption-provider-config={folder / 'encryption.yaml'}",
        f"--egress-selector-config-file={folder / 'egress.yaml'}",
        f"--audit-policy-file={folder / 'audit.yaml'}",
        f"--audit-log-path={workspace.logs / 'kubernetes-audit.log'}",
        "--audit-log-maxsize=20",  # MB
        "--audit-log-maxbackup=1",
        # For APIs that are served beside it, such as metrics.k8s.io; the other servers ask for this CA too.
        f"--requestheader-client-ca-file={proxy_authority}",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={proxy_certificate}",
        f"--proxy-client-key-file={proxy_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'pki' / pki.SERVICE_ACCOUNT}.pub",
        f"--service-account-signing-key-file={folder / 'pki' / pki.SERVICE_ACCOUNT}.key",
        f"--service-cluster-ip-range={pki.SERVICE_RANGE}",
        "--allow-privileged=true",  # as EKS does: Pod Security is what says who may
        # The API server refuses loopback addresses in EndpointSlices, its own too; and no pod here could reach it.
        "--endpoint-reconciler-type=none",
        "--profiling=false",
    ]


def _controllers(workspace: Workspace, ports: dict[str, int]) -> list[str]:
    folder = workspace.kubernetes
    return [
        *_common(folder, CONTROLLERS, ports),
        # The one left out writes warnings about expressions into the status of admission policies, and for these types
        # each against every kind that it may meet: of the stack's policies, most of what this server would ever do.
        "--controllers=*,-validatingadmissionpolicy-status-controller",
        "--use-service-account-credentials=true",
        # How long a quota may know no number of a kind that is new. On EKS it is five minutes, which pass while nodes
        # are made; here nothing takes that long.
        "--resource-quota-sync-period=10s",
        f"--service-account-private-key-file={folder / 'pki' / pki.SERVICE_ACCOUNT}.key",
        f"--root-ca-file={folder / 'pki' / pki.CA}.crt",
        f"--service-cluster-ip-range={pki.SERVICE_RANGE}",
    ]


def _scheduler(workspace: Workspace, ports: dict[str, int]) -> list[str]:
    return _common(workspace.kubernetes, SCHEDULER, ports)


def _common(folder: Path, part: str, ports: dict[str, int]) -> list[str]:
    certificate, key, _ = _pki(folder, part, pki.CA)
    own = folder / f"{part}.kubeconfig"
    return [
        f"--kubeconfig={own}",
        f"--authentication-kubeconfig={own}",
        f"--authorization-kubeconfig={own}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports[part]}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        "--leader-elect=false",  # there is one
        "--profiling=false",
    ]


def _kwok(workspace: Workspace, ports: dict[str, int]) -> list[str]:
    stages = stage_files(workspace.sources)
    if registry.running(workspace):
        stages = gated(stages, workspace.kubernetes)
    return [
        f"--kubeconfig={workspace.kubernetes / 'kwok.kubeconfig'}",
        f"--server-address=127.0.0.1:{ports[KWOK]}",
        "--v=WARN",  # it would tell of every lease it renews
        f"--config={workspace.kubernetes / 'kwok.yaml'}",
        *(f"--config={file}" for file in stages),
    ]


def _pki(folder: Path, name: str, authority: str) -> tuple[Path, Path, Path]:
    return folder / "pki" / f"{name}.crt", folder / "pki" / f"{name}.key", folder / "pki" / f"{authority}.crt"
