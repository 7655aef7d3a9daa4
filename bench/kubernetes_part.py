"""What the Kubernetes part of an `up` costs: the stack's own manifests by Pulumi, over `kubectl apply --server-side`.

Both make them in an empty cluster, on a machine where everything is built, and neither waits until they are ready. What
an `up` of an empty program takes is no part of it. Resources of custom definitions are left out: kubectl would need two
runs for them.
"""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.pairs import once, running_stack
from local import toolchain
from local.kubernetes import control_plane, provider
from local.workspace import Workspace, exports

MOST = 1.5
RUNS = 5
EMPTY = "import pulumi_kubernetes\n"
ALL = EMPTY + 'pulumi_kubernetes.yaml.v2.ConfigFile("all", file="manifests.json", skip_await=True)\n'
BUILT_IN = (
    "kubernetes:core/",
    "kubernetes:apps/",
    "kubernetes:batch/",
    "kubernetes:policy/",
    "kubernetes:autoscaling/",
)


def manifests() -> list[dict[str, Any]]:
    """What the local stack makes in its cluster, as the program asked for it."""
    with running_stack() as environment:
        told = subprocess.run(
            ["pulumi", "stack", "export", "--stack", "local"], env=environment, capture_output=True, check=True
        )
    resources = json.loads(told.stdout)["deployment"]["resources"]
    return [
        {key: value for key, value in resource["inputs"].items() if not key.startswith("__")}
        for resource in resources
        if resource["type"].startswith(BUILT_IN) or ".k8s.io/" in resource["type"]
        if "CustomResourceDefinition" not in resource["type"]
    ]


def measure(objects: list[dict[str, Any]], folder: Path) -> list[tuple[float, float]]:
    """Seconds of Pulumi's part and of kubectl, a pair a run (after one that is not counted)."""
    workspace = Workspace(home=folder / ".parapet")
    toolchain.ensure(workspace)
    provider.install(workspace.pulumi_home("stand-in"), workspace.python)
    control_plane.ensure(workspace)
    path = f"{workspace.bin}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | exports(workspace, None) | {"PATH": path}
    file = folder / "manifests.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    workspace.state.mkdir(parents=True)
    programs = {name: folder / name for name in ("empty", "all")}
    runtime = {"name": "python", "options": {"virtualenv": str(workspace.root / ".venv")}}
    for name, program in programs.items():
        program.mkdir()
        (program / "Pulumi.yaml").write_text(json.dumps({"name": name, "runtime": runtime}))
        (program / "__main__.py").write_text(EMPTY if name == "empty" else ALL)
        (program / file.name).symlink_to(file)
        once(["pulumi", "--cwd", str(program), "stack", "init", "bench"], environment)
    up = {name: ["pulumi", "--cwd", str(at), "up", "--yes", "--skip-preview"] for name, at in programs.items()}
    destroy = ["pulumi", "--cwd", str(programs["all"]), "destroy", "--yes", "--skip-preview"]
    try:
        pairs = []
        for _ in range(RUNS + 1):
            floor = once(["kubectl", "apply", "--server-side", f"--filename={file}"], environment)
            once(["kubectl", "delete", "--ignore-not-found", f"--filename={file}"], environment)
            pairs.append((once(up["all"], environment) - once(up["empty"], environment), floor))
            once(destroy, environment)
    finally:
        control_plane.forget(workspace)
    return pairs[1:]


if __name__ == "__main__":
    objects = manifests()
    with tempfile.TemporaryDirectory() as folder:
        pairs = measure(objects, Path(folder))
    ratios = sorted(ours / floor for ours, floor in pairs)
    print(
        f"the Kubernetes part of an up over kubectl apply, {len(objects)} manifests: {statistics.median(ratios):.2f} "
        f"(at most {MOST}; {RUNS} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    print(f"  pulumi up, less that of an empty program: median {statistics.median(ours for ours, _ in pairs):.2f} s")
    print(f"  kubectl apply --server-side: median {statistics.median(floor for _, floor in pairs):.2f} s")
