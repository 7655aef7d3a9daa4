"""The one place that knows where the API server comes from."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.guardrails.pod_rules import pod_rules
from tests.platform.cluster import cases, manifests, throwaway
from tests.platform.cluster.api import Api


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A control plane with nothing in it."""
    folder = tmp_path_factory.mktemp("control-plane")
    (folder / "kubectl").symlink_to(throwaway.BIN / "kube")
    with throwaway.control_plane(folder) as kubeconfig:
        yield Api(folder / "kubectl", kubeconfig)


@pytest.fixture(scope="session")
def helm() -> Path:
    return throwaway.BIN / "helm"


@pytest.fixture(scope="session")
def guarded(empty: Api) -> Api:
    """The control plane with the namespaces and the guardrails of the platform."""
    for component in (manifests.namespaces, manifests.guardrails):
        answer = empty.apply(*manifests.objects(manifests.record(component)))
        assert answer.done, answer.text
    for rule in pod_rules(manifests.REGISTRY):
        broken = next(each for each in cases.read() if each.guardrail == rule.name and not each.admitted)
        _wait(lambda pod=broken.manifest(): not empty.apply(pod, dry_run=True).done, f"{rule.name} to be taken up")
    _wait(lambda: all(_counted(each) for each in empty.items("resourcequotas", "--all-namespaces")), "the quotas")
    return empty


def _counted(quota: dict[str, Any]) -> bool:
    """Before the controller manager has counted what is there, a quota holds nothing back."""
    return bool(quota.get("status", {}).get("hard") == quota["spec"]["hard"])


def _wait(done: Callable[..., bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, f"waited 60 s for {what}"
        time.sleep(0.2)
