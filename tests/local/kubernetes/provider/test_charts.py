"""Charts and manifests: rendered with the real Helm, applied, compared, upgraded, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import registry, toolchain
from local.charts import archive
from local.kubernetes.provider.charts import REGISTRY
from local.workspace import Workspace
from operations.images.charts import lay_out
from tests.cluster import CLUSTER, Cluster

from .conftest import Stack

pytestmark = CLUSTER

CHART = """
plugin = k.helm.v4.Chart("plugin", name="plugin", version="0.17.4", namespace=NAMESPACE,
    chart="oci://123456789012.dkr.ecr.us-east-1.amazonaws.com/test/nvidia-device-plugin@DIGEST",
    repository_opts={"username": "AWS", "password": pulumi.Output.secret("opens-it")}, opts=within,
    values={"nfd": {"enabled": False}, "gfd": {"enabled": False}})
absent = k.helm.v4.Chart("absent", chart="absent", version="1.0.0", repository_opts={"repo": "https://charts.test"},
    namespace=NAMESPACE, opts=within)
"""
RELEASE = """
own = k.helm.v3.Release("own", name="own", chart="./chart", namespace=NAMESPACE, values={"size": 1, "gone": None},
    opts=within)
other = k.helm.v3.Release("other", name="other", chart="nvidia-device-plugin", version="0.17.4", namespace=NAMESPACE,
    repository_opts={"repo": "https://nvidia.github.io/k8s-device-plugin"}, opts=within)
"""
TEMPLATES = {
    "Chart.yaml": "apiVersion: v2\nname: own\nversion: 1.2.3\nappVersion: '4'\n",
    "values.yaml": "size: 0\nextra: true\ngone: default\n",
    "templates/settings.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {size: "{{ .Values.size }}", gone: "{{ .Values.gone }}"}
""",
    "templates/extra.yaml": """
{{- if .Values.extra }}
apiVersion: v1
kind: Secret
metadata: {name: extra}
stringData: {password: "correct-horse-{{ .Values.size }}"}
{{- end }}
""",
    "templates/hook.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
""",
}
YAML = '''
MANIFEST = f"""
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {{name: NAME, namespace: {NAMESPACE}}}
  data: {{day: 2026-01-01, on: "yes"}}
"""
k.yaml.ConfigGroup("first", yaml=[MANIFEST.replace("NAME", "one")], opts=within)
k.yaml.v2.ConfigGroup("second", yaml=MANIFEST.replace("NAME", "two"), opts=within)
k.yaml.v2.ConfigFile("third", file="third.yaml", opts=within)
local = k.helm.v3.LocalChartOpts(path="./chart", namespace=NAMESPACE, values={"extra": False})
k.helm.v3.Chart("fourth", local, within)
'''


@dataclass(frozen=True)
class Charts:
    """A registry on this machine that holds the device plugin's chart."""

    address: str
    digest: str


@pytest.fixture
def charts(cluster: Cluster, tmp_path: Path) -> Iterator[Charts]:
    workspace = Workspace(home=tmp_path / "home")
    toolchain.ensure_crane(workspace)
    plugin = archive(cluster.workspace.sources / "charts" / "nvidia" / "nvidia-device-plugin", "0.17.4")
    try:
        held = registry.at(workspace, registry.ensure(workspace)[0])
        layout = tmp_path / "layout"
        digest = lay_out(plugin, layout)
        assert held.push(layout, "test/nvidia-device-plugin", "0.17.4") == digest
        yield Charts(held.address, digest)
    finally:
        registry.forget(workspace)


def _chart(stack: Stack) -> None:
    for name, text in TEMPLATES.items():
        file = Path(stack.folder) / "chart" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_chart_is_its_objects_and_one_that_is_not_at_hand_is_recorded(stack: Stack, charts: Charts) -> None:
    stack.variables |= {REGISTRY: charts.address}
    stack.program(CHART.replace("DIGEST", charts.digest))
    recorded = stack.folder / "recorded"
    said = stack.up(PARAPET_RECORDED=str(recorded))
    assert "absent 1.0.0 is not at hand" in said
    assert stack.live("daemonset", "plugin-nvidia-device-plugin")
    (line,) = recorded.read_text().splitlines()
    assert line.startswith("kubernetes:helm.sh/v4:Chart urn:pulumi:")
    assert line.endswith("::absent")
    assert f"plugin:{stack.namespace}/plugin-nvidia-device-plugin" in stack.resources()
    assert "opens-it" not in stack.run("stack", "export", "--show-secrets")
    stack.unchanged()


def test_a_chart_whose_tag_was_moved_is_refused_by_helm_and_one_that_nobody_signed_in_for_by_ecr(
    stack: Stack, charts: Charts
) -> None:
    stack.variables |= {REGISTRY: charts.address}
    stack.program(CHART.replace("DIGEST", charts.digest).replace('"username": "AWS", ', ""))
    assert "no basic auth credentials" in stack.run("preview", ok=False)
    stack.program(CHART.replace("DIGEST", f"sha256:{'a' * 64}"))
    said = stack.run("preview", ok=False)
    assert f"chart reference digest mismatch: {charts.digest} is not sha256:aaa" in said


def test_a_release_is_upgraded_compared_and_uninstalled_as_a_whole(stack: Stack) -> None:
    _chart(stack)
    stack.program(RELEASE)
    recorded = stack.folder / "recorded"
    assert "correct-horse" not in stack.up(PARAPET_RECORDED=str(recorded)) + stack.run("stack", "export")
    assert recorded.read_text().split()[0] == "kubernetes:helm.sh/v3:Release"
    settings = stack.live("configmap", "settings")
    assert settings["data"] == {"size": "1", "gone": ""}
    assert settings["metadata"]["annotations"]["meta.helm.sh/release-name"] == "own"
    assert stack.gone("configmap", "hook")
    assert stack.resources()["own"]["outputs"]["status"]["version"] == "1.2.3"
    stack.unchanged()
    at = ("configmap", "settings", f"--namespace={stack.namespace}")
    stack.cluster.kubectl("patch", *at, '--patch={"data":{"size":"7"}}')
    assert "settings is changed" in stack.refresh()
    stack.program(RELEASE.replace('"size": 1', '"size": 2, "extra": False'))
    stack.up()
    assert stack.live("configmap", "settings")["data"]["size"] == "2"
    assert stack.gone("secret", "extra")
    stack.program("")
    stack.up()
    assert stack.gone("configmap", "settings")


def test_manifests_of_every_kind_of_group_are_resources(stack: Stack) -> None:
    _chart(stack)
    third = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: three, namespace: {stack.namespace}}}\n"
    (stack.folder / "third.yaml").write_text(third)
    stack.program(YAML)
    stack.up()
    for name in ("one", "two", "three", "settings"):
        assert stack.live("configmap", name)
    assert stack.live("configmap", "two")["data"] == {"day": "2026-01-01", "true": "yes"}
    stack.unchanged()


def test_what_helm_refuses_is_told_in_its_words(stack: Stack) -> None:
    _chart(stack)
    (stack.folder / "chart/templates/bad.yaml").write_text('{{ fail "size is too small" }}')
    stack.program(RELEASE)
    assert "size is too small" in stack.run("preview", ok=False)
