"""What the Kubernetes part of an `up` costs: the stack's own manifests by Pulumi, over `kubectl apply --server-side`.

Warm, as in `bench.warm_up`: everything is built, runs, and is as the program wants it, so that both find nothing to
change. For comparison it also tells what both take to make the same in a new cluster, where the engine writes its whole
state twice for each resource; neither waits until they are ready. What an `up` of an empty program takes is no part of
it. Resources of custom definitions are left out: kubectl would need two runs for them.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

from bench.pairs import once, running_stack, tell
from local import toolchain
from local.engine.run import keep_no_logs
from local.kubernetes import control_plane, provider
from local.workspace import Workspace, exports

MOST = 1.5
RUNS = 7
Pair: TypeAlias = tuple[float, float]
UP = ("up", "--yes", "--skip-preview")
EMPTY = "import json\nimport pulumi\nimport pulumi_kubernetes\n"
ALL = f"""{EMPTY}
pinned = pulumi.ResourceOptions(version={provider.VERSION!r})
for number, (token, properties) in enumerate(json.load(open("resources.json"))):
    pulumi.CustomResource(token, str(number), properties, pinned)
"""
BUILT_IN = (
    "kubernetes:core/",
    "kubernetes:apps/",
    "kubernetes:batch/",
    "kubernetes:policy/",
    "kubernetes:autoscaling/",
)


def resources() -> list[tuple[str, dict[str, Any]]]:
    """Types and manifests of what the local stack makes in its cluster, as the program asked for it."""
    with running_stack() as environment:
        told = subprocess.run(
            ["pulumi", "stack", "export", "--stack", "local"], env=environment, capture_output=True, check=True
        )
    return [
        (resource["type"], _without_wait(resource["inputs"]))
        for resource in json.loads(told.stdout)["deployment"]["resources"]
        if resource["type"].startswith(BUILT_IN) or ".k8s.io/" in resource["type"]
        if "CustomResourceDefinition" not in resource["type"]
    ]


def _without_wait(inputs: dict[str, Any]) -> dict[str, Any]:
    metadata = inputs["metadata"]
    annotations = {**metadata.get("annotations", {}), "pulumi.com/skipAwait": "true"}
    return {key: value for key, value in inputs.items() if not key.startswith("__")} | {
        "metadata": metadata | {"annotations": annotations}
    }


def measure(made: list[tuple[str, dict[str, Any]]], folder: Path) -> tuple[list[Pair], Pair]:
    """Seconds of Pulumi's part and of kubectl: without a change, a pair a run; and once, in a new cluster."""
    workspace = Workspace(home=folder / ".parapet")
    toolchain.ensure(workspace)
    provider.install(workspace.pulumi_home("stand-in"), workspace.python)
    keep_no_logs(workspace.pulumi_home("stand-in"))
    workspace.state.mkdir(parents=True)
    environment = os.environ | exports(workspace, None) | {"PATH": f"{workspace.bin}{os.pathsep}{os.environ['PATH']}"}
    file = folder / "manifests.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [manifest for _, manifest in made]}))

    def pulumi(program: str, *arguments: str) -> float:
        return once(["pulumi", "--cwd", str(folder / program), *arguments], environment)

    def part() -> float:
        return pulumi("all", *UP) - pulumi("empty", *UP)

    def kubectl() -> float:
        # The API server takes one quantity, written in two ways, for a conflict of its two managers.
        return once(["kubectl", "apply", "--server-side", "--force-conflicts", f"--filename={file}"], environment)

    runtime = {"name": "python", "options": {"virtualenv": str(workspace.root / ".venv")}}
    for name, program in {"empty": EMPTY, "all": ALL}.items():
        (folder / name).mkdir()
        (folder / name / "Pulumi.yaml").write_text(json.dumps({"name": name, "runtime": runtime}))
        (folder / name / "__main__.py").write_text(program)
        (folder / name / "resources.json").write_text(json.dumps(made))
    try:
        control_plane.ensure(workspace)
        new_floor = kubectl()
        control_plane.forget(workspace)
        control_plane.ensure(workspace)
        pulumi("empty", "stack", "init", "bench"), pulumi("all", "stack", "init", "bench")
        new = part()
        part(), kubectl()  # not counted: kubectl becomes a manager of each field, beside the engine's
        return [(part(), kubectl()) for _ in range(RUNS)], (new, new_floor)
    finally:
        control_plane.forget(workspace)


if __name__ == "__main__":
    found = resources()
    with tempfile.TemporaryDirectory() as folder:
        pairs, (new, new_floor) = measure(found, Path(folder))
    name = f"the Kubernetes part of a warm up over kubectl apply, {len(found)} manifests"
    tell(name, pairs, MOST, "pulumi up, less that of an empty program", "kubectl apply --server-side")
    print(f"  made in a new cluster, once: {new:.2f} s over {new_floor:.2f} s, {new / new_floor:.2f}")
