"""The one place that knows where the API server comes from."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from local import toolchain
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.cluster import ENDS_WITH_ITS_GROUP, wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.charts import Helm


@pytest.hookimpl(tryfirst=True)  # before the runner writes the groups down
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One control plane serves all who ask for it, on one worker."""
    for item in items:
        if "helm" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.process)
        if "empty" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("guarded"))


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
    ENDS_WITH_ITS_GROUP.append(lambda: control_plane.stop(workspace))
    yield Api(workspace.bin / "kubectl", plane.kubeconfig)
    control_plane.forget(workspace)


@pytest.fixture(scope="session")
def helm(workspace: Workspace) -> Helm:
    return Helm(workspace.bin / "helm", workspace.sources / "charts")


@pytest.fixture(scope="session")
def guarded(empty: Api, workspace: Workspace) -> Api:
    """The control plane with the namespaces and the guardrails of the platform, and the kinds of Argo Rollouts."""
    for component in (manifests.namespaces, manifests.guardrails):
        answer = empty.apply(*manifests.objects(manifests.record(component)))
        assert answer.done, answer.text
    _define(empty, workspace, "argo-rollouts")
    for rule in cases.RULES:
        broken = next(each for each in cases.read() if each.guardrail == rule and not each.admitted)
        wait_for(partial(_refused, empty, broken.manifest()))
    wait_for(lambda: all(_counted(each) for each in empty.items("resourcequotas", "--all-namespaces")))
    return empty


@pytest.fixture(scope="session")
def meshed(guarded: Api, workspace: Workspace) -> Api:
    """The same, with the mesh's CRDs of the pinned release."""
    _define(guarded, workspace, "istio")
    return guarded


def _define(api: Api, workspace: Workspace, whose: str) -> None:
    """Kinds that a chart brings, as its pinned source defines them."""
    crds = [
        each
        for file in (workspace.sources / "crds" / whose).rglob("*.yaml")
        for each in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)
        if each and each["kind"] == "CustomResourceDefinition"
    ]
    assert crds
    answer = api.apply(*crds)
    assert answer.done, answer.text
    assert (answer := api.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")).done, answer.text


def _refused(api: Api, manifest: dict[str, Any]) -> bool:
    return not api.apply(manifest, dry_run=True).done


def _counted(quota: dict[str, Any]) -> bool:
    """Before the controller manager has counted what is there, a quota holds nothing back."""
    status, hard = quota.get("status", {}), quota["spec"]["hard"]
    return bool(status.get("hard") == hard and status.get("used", {}).keys() == hard.keys())
