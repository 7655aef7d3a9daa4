"""The one place that knows where the API server comes from."""

import time
from collections.abc import Iterator

import pytest

from tests.platform.cluster import manifests, throwaway
from tests.platform.cluster.api import Api


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A control plane with nothing in it."""
    folder = tmp_path_factory.mktemp("control-plane")
    (folder / "kubectl").symlink_to(throwaway.BIN / "kube")
    with throwaway.control_plane(folder) as kubeconfig:
        yield Api(folder / "kubectl", kubeconfig)


@pytest.fixture(scope="session")
def guarded(empty: Api) -> Api:
    """The control plane with the namespaces and the guardrails of the platform."""
    for component in (manifests.namespaces, manifests.guardrails):
        answer = empty.apply(*manifests.objects(manifests.record(component)))
        assert answer.done, answer.text
    _wait_until_refused(empty)
    return empty


def _wait_until_refused(api: Api) -> None:
    """The API server takes up a new policy within a second or two; a pod without anything breaks most of them."""
    bare = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "bare", "namespace": "default"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}},
    }
    deadline = time.monotonic() + 30
    while api.apply(bare, dry_run=True).done:
        assert time.monotonic() < deadline, "the policies were not taken up within 30 s"
        time.sleep(0.2)
