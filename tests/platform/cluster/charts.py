"""Charts rendered by the real Helm with the values that the components give them."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.platform.cluster import manifests
from tests.platform.mocked import Made

MODULES = Path(os.environ.get("GOMODCACHE", Path.home() / "go" / "pkg" / "mod"))
_ISTIO = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad/manifests/charts"
AT_HAND = {
    "nvidia-device-plugin": "github.com/!n!v!i!d!i!a/k8s-device-plugin@v0.17.4/deployments/helm/nvidia-device-plugin",
    "base": f"{_ISTIO}/base",
    "cni": f"{_ISTIO}/istio-cni",
    "istiod": f"{_ISTIO}/istio-control/istio-discovery",
    "gateway": f"{_ISTIO}/gateway",
}
"""The charts that lie in Go modules."""


@dataclass(frozen=True)
class Chart:
    name: str
    release: str
    namespace: str
    version: str
    repository: str
    values: dict[str, Any]

    def render(self, helm: Path) -> list[dict[str, Any]]:
        done = subprocess.run(
            [
                *(helm, "template", self.release, MODULES / AT_HAND[self.name], f"--namespace={self.namespace}"),
                *("--include-crds", "--values=-", "--kube-version=1.36.3"),
            ],
            input=json.dumps(self.values),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]


def charts(made: list[Made]) -> dict[str, Chart]:
    """The charts among these, by their names in their repositories."""
    inputs = [manifests.plain(each.inputs) for each in made if each.type == "kubernetes:helm.sh/v4:Chart"]
    return {
        each["chart"]: Chart(
            name=each["chart"],
            release=each["name"],
            namespace=each["namespace"],
            version=each["version"],
            repository=each["repositoryOpts"]["repo"],
            values=each["values"],
        )
        for each in inputs
    }
