"""The one place that knows where the API server comes from."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from cluster.guardrails.pod_rules import pod_rules
from local import toolchain
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.charts import Helm


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home of its own, with the tools and the charts in it."""
    workspace = Workspace(home=tmp_path_factory.mktemp("cluster"))
    toolchain.ensure(workspace)
    return workspace


@pytest.fixture(scope="session")
def empty(workspace: Workspace) -> Iterator[Api]:
    """A control plane with nothing in it."""
    plane, _ = control_plane.ensure(workspace)
    yield Api(workspace.bin / "kubectl", plane.kubeconfig)
    control_plane.forget(workspace)


@pytest.fixture(scope="session")
def helm(workspace: Workspace) -> Helm:
    return Helm(workspace.bin / "helm", workspace.sources / "charts")


@pytest.fixture(scope="session")
def guarded(empty: Api) -> Api:
    """The control plane with the namespaces and the guardrails of the platform."""
    for component in (manifests.namespaces, manifests.guardrails):
        answer = empty.apply(*manifests.objects(manifests.record(component)))
        assert answer.done, answer.text
    for rule in pod_rules(manifests.REGISTRY):
        broken = next(each for each in cases.read() if each.guardrail == rule.name and not each.admitted)
        _wait(partial(_refused, empty, broken.manifest()), f"{rule.name} to be taken up")
    _wait(lambda: all(_counted(each) for each in empty.items("resourcequotas", "--all-namespaces")), "the quotas")
    return empty


def _refused(api: Api, manifest: dict[str, Any]) -> bool:
    return not api.apply(manifest, dry_run=True).done


def _counted(quota: dict[str, Any]) -> bool:
    """Before the controller manager has counted what is there, a quota holds nothing back."""
    return bool(quota.get("status", {}).get("hard") == quota["spec"]["hard"])


def _wait(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, f"waited 60 s for {what}"
        time.sleep(0.2)
