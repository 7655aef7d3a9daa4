"""Stacks of the real engine with the stand-in, over a real control plane."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.kubernetes import provider
from local.workspace import Workspace
from tests.cluster import Cluster
from tests.engine import Engine
from tests.warm import Warm

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "provider-tests", "annotations": {"kwok.x-k8s.io/node": "fake"}},
}


@dataclass
class Stack:
    """A stack over one program folder, and a namespace of its own that the program may make (`NAMESPACE`)."""

    engine: Engine
    folder: Path
    cluster: Cluster
    namespace: str
    variables: dict[str, str]
    warm: Warm

    def program(self, code: str, namespace: bool = True) -> None:
        """Give the stack another program; with `namespace` it makes that, as `space`, and `within` waits for it."""
        groups = [*re.findall(r"\bk\.([a-z]\w*(?:\.v\d\w*)?)\.", code), "core.v1"]
        self.warm.imports(f"pulumi_kubernetes.{name}" for name in groups)
        lines = ["import pulumi", "import pulumi_kubernetes as k", f"NAMESPACE = {self.namespace!r}"]
        if namespace:
            lines += [
                'space = k.core.v1.Namespace("space", metadata={"name": NAMESPACE})',
                "within = pulumi.ResourceOptions(depends_on=[space])",
            ]
        (self.folder / "__main__.py").write_text("\n".join([*lines, code]))

    def run(self, *arguments: str, ok: bool = True, **variables: str) -> str:
        """What `pulumi ARGUMENTS` says; its exit status is as expected."""
        result = self.engine(self.folder, *arguments, **{**self.variables, **variables})
        said = result.stdout + result.stderr
        assert (result.returncode == 0) == ok, said
        return said

    def up(self, ok: bool = True, **variables: str) -> str:
        return self.run("up", "--yes", "--skip-preview", ok=ok, **variables)

    def refresh(self, *arguments: str) -> str:
        return self.run("refresh", "--yes", "--skip-preview", "--diff", *arguments)

    def destroy(self) -> None:
        self.run("destroy", "--yes", "--skip-preview")

    def unchanged(self) -> None:
        """Neither the program nor the cluster differs from the state."""
        self.run("preview", "--expect-no-changes")
        self.refresh("--expect-no-changes")

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by name, secrets as they are written there. A file: asking the engine costs a run."""
        (file,) = (self.engine.home / "state" / ".pulumi" / "stacks").rglob("*.json")
        state = json.loads(file.read_text())["checkpoint"]["latest"]
        return {one["urn"].split("::")[-1]: one for one in state.get("resources", [])}

    def live(self, kind: str, name: str) -> Any:
        """An object of the stack's namespace."""
        return self.cluster.get(kind, name, f"--namespace={self.namespace}")

    def gone(self, kind: str, name: str) -> bool:
        return self.cluster.run("get", kind, name, f"--namespace={self.namespace}", "--output=json").returncode != 0


@pytest.fixture
def stack(warm: Warm, tmp_path: Path, cluster: Cluster) -> Iterator[Stack]:
    """An empty stack, on a cluster with one large node."""
    cluster.apply(NODE)
    engine = Engine(warm.bin, tmp_path / "home")
    home = Workspace(home=engine.home)
    provider.install(home.pulumi_home("stand-in"), warm.python)
    namespace = f"test-{secrets.token_hex(4)}"
    variables = {
        "KUBECONFIG": str(cluster.workspace.kubeconfig),
        "PATH": f"{engine.tools}:{cluster.workspace.bin}:{engine.environment['PATH']}",
    }
    yield Stack(engine, engine.program(tmp_path / "program", ""), cluster, namespace, variables, warm)
    cluster.run("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
