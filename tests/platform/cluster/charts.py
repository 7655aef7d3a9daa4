"""Charts rendered by the real Helm with the values that the components give them."""

import functools
import json
import pickle
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import images
from tests.platform.cluster import manifests
from tests.platform.mocked import Made, run_program
from tests.platform.variants import MANY

PACKED = frozenset(image.name.rpartition("/")[2] for image in images.IMAGES.values() if image.sum)
"""Charts of definitions alone, which are packed of a module's: there is nothing in them to be rendered."""
AT_HAND = {
    name.rpartition("/")[2]: name
    for name in (
        *("nvidia/nvidia-device-plugin", "istio/base", "istio/cni", "istio/istiod", "istio/gateway"),
        *("karpenter/karpenter-crd", "karpenter/karpenter"),
    )
}
"""The charts that lie in Go modules, by their own names, and the folders that they lie in."""


@dataclass(frozen=True)
class Chart:
    name: str
    release: str
    namespace: str
    version: str
    reference: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Helm:
    program: Path
    folder: Path
    """With a folder a chart."""

    def render(self, chart: Chart) -> list[dict[str, Any]]:
        """Its objects; of one of definitions none, which the makers' module has as they are."""
        if chart.name in PACKED:
            return []
        command = (
            *(str(self.program), "template", chart.release, str(self.folder / AT_HAND[chart.name])),
            *(f"--namespace={chart.namespace}", "--include-crds", "--values=-", "--kube-version=1.36.3"),
        )
        objects: list[dict[str, Any]] = pickle.loads(_rendered(command, json.dumps(chart.values)))  # noqa: S301 (ours)
        return objects


@functools.cache
def _rendered(command: tuple[str, ...], values: str) -> bytes:
    """The objects once for all who ask, each of whom may change his own."""
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pickle.dumps([each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each])


def charts(made: list[Made]) -> dict[str, Chart]:
    """The charts among these, by their own names."""
    inputs = [manifests.plain(each.inputs) for each in made if each.type == "kubernetes:helm.sh/v4:Chart"]
    return {
        name: Chart(
            name=name,
            release=each["name"],
            namespace=each["namespace"],
            version=each["version"],
            reference=each["chart"],
            values=each["values"],
        )
        for each in inputs
        for name in (each["chart"].partition("@")[0].rpartition("/")[2],)
    }


def every() -> dict[str, Chart]:
    """All charts, as the components of these tests ask for them; the autoscaler's as the whole stack does, but from the
    registry of these tests."""
    found = charts([*manifests.record(manifests.gpu_software), *manifests.record(manifests.mesh)])
    for name, chart in charts(run_program(**MANY).made).items():
        if name not in found:
            theirs = chart.reference.removeprefix("oci://").partition("/charts/")[0]
            found[name] = Chart(**json.loads(json.dumps(asdict(chart)).replace(theirs, manifests.REGISTRY)))
    return found
