"""A pod of `pipelines` that calls models: the mesh's proxy beside it, which leads its calls as the mesh says.

On EKS the node's redirection brings its calls to the proxy. Here the proxy listens for them, as a `Sidecar` says that
is true of this machine alone (`local/kubernetes/live/istiod.py`, OBJECTS).
"""

import http.client
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.files import write_private
from local.kubernetes import live
from local.kubernetes.live import istiod, proxies
from local.kubernetes.live.parts import ROOT_CERTIFICATES, TEMPLATE
from local.kubernetes.live.process import Place
from local.kubernetes.live.standing import ISTIOD
from local.kubernetes.live.tokens import MESH_AUDIENCE, MESH_TOKEN
from local.workspace import Workspace
from tests.cluster import wait_for
from tests.e2e.models import NAME, Client
from tests.e2e.user import User
from tests.platform.cluster.cases import compliant_pod

NAMESPACE = "pipelines"
ADDRESS, PORT = 19, 8080
"""The last number of the proxy's address, below those that other proxies take; and the Services' port."""


class Inside(Client):
    """Who needs no token: the mesh says who it is."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._headers = {"Host": f"{NAME}.models.svc.cluster.local:{PORT}"}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, PORT, timeout=15)


@contextmanager
def caller(user: User, folder: Path) -> Iterator[Inside]:
    """Such a client, while its proxy runs, with what it has in a folder of its own."""
    workspace = Workspace(home=user.home)
    place = Place(workspace, folder, live.network(workspace), "", "")
    address = place.address(ADDRESS)
    pod = compliant_pod(NAMESPACE)
    pod["metadata"] |= {"name": "caller", "namespace": NAMESPACE}
    pod["spec"]["serviceAccountName"] = "pipeline"
    # One of the stack's registry, whichever.
    served = user.get("rollout", NAME, "--namespace=models")["spec"]["template"]["spec"]["containers"][0]
    pod["spec"]["containers"][0]["image"] = served["image"]
    # As the API server would make it, with what the mesh's injector puts in.
    status, made = user.kubectl("create", "--filename=-", "--dry-run=server", "--output=json", given=pod)
    assert status == 0, made
    pod = json.loads(made)
    status, token = user.kubectl(
        "create", "token", "pipeline", f"--namespace={NAMESPACE}", f"--audience={MESH_AUDIENCE}"
    )
    assert status == 0, token
    write_private(folder / MESH_TOKEN, token.strip().encode())
    authority = user.get("configmap", ROOT_CERTIFICATES, f"--namespace={NAMESPACE}")["data"]["root-cert.pem"]
    proxies.configure(pod, place, address, template=(workspace.sources / TEMPLATE).read_text(), authority=authority)
    taking = {"port": {"number": PORT, "name": "http", "protocol": "HTTP"}, "bind": address, "captureMode": "NONE"}
    sidecar = {
        **{"apiVersion": "networking.istio.io/v1", "kind": "Sidecar"},
        "metadata": {"name": "caller", "namespace": NAMESPACE},
        "spec": {
            "workloadSelector": {"labels": pod["metadata"]["labels"]},
            "egress": [{**taking, "hosts": ["models/*"]}],
        },
    }
    # What the keeper of the live parts takes away has the other ending.
    told = workspace.live / ISTIOD / istiod.OBJECTS / "caller.yml"
    told.write_text(json.dumps(sidecar))
    process = proxies.sidecar(pod, place, address)
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        agent = subprocess.Popen(
            process.command, cwd=folder, env={**own, **process.environment}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_for(lambda: _answers(process.ready))
            yield Inside(address)
        finally:
            agent.terminate()
            agent.wait(30)
            told.unlink()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 (a loopback address)
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False
