"""Charts rendered by the real Helm with the values that the components give them."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.platform.cluster import manifests
from tests.platform.mocked import Made

AT_HAND = {
    "nvidia-device-plugin": "nvidia-device-plugin",
    "base": "istio-base",
    "cni": "istio-cni",
    "istiod": "istiod",
    "gateway": "istio-gateway",
}
"""The charts that lie in Go modules, by their names in their repositories, and the folders that they lie in."""


@dataclass(frozen=True)
class Chart:
    name: str
    release: str
    namespace: str
    version: str
    repository: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Helm:
    program: Path
    folder: Path
    """With a folder a chart."""

    def render(self, chart: Chart) -> list[dict[str, Any]]:
        done = subprocess.run(
            [
                *(self.program, "template", chart.release, self.folder / AT_HAND[chart.name]),
                *(f"--namespace={chart.namespace}", "--include-crds", "--values=-", "--kube-version=1.36.3"),
            ],
            input=json.dumps(chart.values),
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
