"""Nobody reads the cluster without a right to: not by the network, not from the disk, not by another part's name."""

import http.client
import json
import re
import ssl
import stat
from pathlib import Path

import psutil
import pytest

from local import processes
from local.kubernetes.control_plane.api import Api
from local.kubernetes.control_plane.servers import API, ETCD, OURS, PARTS
from tests.cluster import CLUSTER, Cluster, wait_for

pytestmark = CLUSTER
MARK = "9f8e7d6c5b4a-phi"


def _port(cluster: Cluster, part: str) -> int:
    record = processes.read(cluster.workspace.run, part)
    assert record
    return record.port


def _anonymous(cluster: Cluster, path: str) -> int:
    context = ssl.create_default_context(cafile=str(cluster.workspace.kubernetes / "pki" / "ca.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", _port(cluster, API), context=context)
    connection.request("GET", path)
    return connection.getresponse().status


@pytest.mark.parametrize("path", ["/api", "/apis", "/version", "/api/v1/secrets", "/openapi/v2", "/metrics"])
def test_who_shows_nothing_is_told_nothing(cluster: Cluster, path: str) -> None:
    assert _anonymous(cluster, path) == 401


def test_who_shows_nothing_may_ask_whether_the_server_lives(cluster: Cluster) -> None:
    assert _anonymous(cluster, "/livez") == _anonymous(cluster, "/readyz") == 200


@pytest.mark.parametrize(
    ("user", "verb", "resource"),
    [
        ("system:serviceaccount:default:default", "list", "secrets"),
        ("system:serviceaccount:default:default", "create", "pods"),
        ("parapet:kwok", "get", "secrets"),
        ("parapet:kwok", "create", "pods"),
        ("parapet:nodes", "get", "secrets"),
        ("parapet:nodes", "list", "pods"),
        ("system:kube-scheduler", "get", "secrets"),
    ],
)
def test_a_right_that_was_not_given_is_denied(cluster: Cluster, user: str, verb: str, resource: str) -> None:
    assert cluster.run("auth", "can-i", verb, resource, f"--as={user}", "--all-namespaces").stdout.strip() == "no"


def _on_disk(folder: Path, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_secret_is_not_on_the_disk_in_clear_text(cluster: Cluster) -> None:
    """A ConfigMap with the same kind of text is found there, so the search is one that finds."""
    cluster.kubectl("create", "secret", "generic", "phi", f"--from-literal=text=secret-{MARK}")
    cluster.kubectl("create", "configmap", "phi", f"--from-literal=text=open-{MARK}")
    folder = cluster.workspace.kubernetes / "etcd"
    wait_for(lambda: _on_disk(folder, f"open-{MARK}"))
    assert not _on_disk(folder, f"secret-{MARK}")
    assert _on_disk(folder, "k8s:enc:secretbox:v1:")


def test_the_audit_log_names_who_touched_a_secret_and_never_holds_it(cluster: Cluster) -> None:
    cluster.kubectl("create", "secret", "generic", "audited", f"--from-literal=text=audited-{MARK}")
    log = cluster.workspace.logs / "kubernetes-audit.log"

    def told() -> list[str]:
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return [one["user"]["username"] for one in events if one.get("objectRef", {}).get("name") == "audited"]

    assert wait_for(told) == ["parapet-admin"]
    assert f"audited-{MARK}" not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize(("identity", "authority"), [(None, "etcd-ca"), ("admin", "etcd-ca")])
def test_only_the_api_server_reads_etcd(cluster: Cluster, identity: str | None, authority: str) -> None:
    """An administrator of the cluster is nobody to etcd, whose own CA signed no certificate of theirs."""
    keys = cluster.workspace.kubernetes / "pki"
    port = _port(cluster, ETCD)
    assert Api(keys, "etcd-client", port, authority).ready("/health")
    context = ssl.create_default_context(cafile=str(keys / f"{authority}.crt"))
    if identity:
        context.load_cert_chain(keys / f"{identity}.crt", keys / f"{identity}.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)alert|reset|closed|EOF"):
        _ask(connection)


def _ask(connection: http.client.HTTPSConnection) -> None:
    connection.request("GET", "/health")
    connection.getresponse()


def test_every_file_is_its_owners_alone(cluster: Cluster) -> None:
    folder = cluster.workspace.kubernetes
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    named = [*(folder / "pki").iterdir(), *folder.glob("*kubeconfig"), *folder.glob("*.yaml")]
    assert len(named) > 20
    assert {stat.S_IMODE(file.stat().st_mode) for file in named} == {0o600}


def test_every_server_listens_on_the_loopback_address_only(cluster: Cluster) -> None:
    listening = {}
    for part in PARTS:
        record = processes.read(cluster.workspace.run, part)
        assert record
        found = psutil.Process(record.pid).net_connections(kind="inet")
        listening[part] = {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}
    assert listening == {part: {"127.0.0.1"} for part in PARTS} | {part: set() for part in OURS}


def test_the_admissions_that_the_platform_builds_on_are_there(cluster: Cluster) -> None:
    """What they refuse is tested where it is declared: here, that none of the plugins is missing."""
    said = (cluster.workspace.logs / "kube-apiserver.log").read_text()
    loaded = set(
        ",".join(re.findall(r"admission controller\(s\) successfully in the following order: (\S+?)\.", said)).split(
            ","
        )
    )
    assert loaded >= {
        "NodeRestriction",
        "PodSecurity",
        "ResourceQuota",
        "LimitRanger",
        "ValidatingAdmissionPolicy",
        "DefaultTolerationSeconds",
        "ServiceAccount",
        "Priority",
        "StorageObjectInUseProtection",
    }
