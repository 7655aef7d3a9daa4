"""KWOK's stages (sigs.k8s.io/kwok, kustomize/stage), and what is different about one of them here."""

from pathlib import Path

import yaml

STAGES = ("node/fast", "node/heartbeat-with-lease", "node/chaos", "pod/fast", "pod/chaos")
"""The chaos stages touch only what a label names."""
STARTS = "pod-ready.yaml"
"""The one that starts a pod."""
ENDS = "pod-complete.yaml"
"""The one that ends a Job's pod, at once."""
MARK = "parapet.dev/images"
"""The annotation of a pod whose images were all found."""
RUNS_HERE = "parapet.dev/process"
"""The annotation of a Job's pod that a process of this machine stands for: it ends when that does."""


def stage_files(sources: Path) -> list[Path]:
    """The stages that KWOK plays, chaos included."""
    folders = [sources / "kwok" / "stages" / stage for stage in STAGES]
    return [file for folder in folders for file in sorted(folder.glob("*.yaml")) if file.name != "kustomization.yaml"]


def gated(files: list[Path], folder: Path) -> list[Path]:
    """The same, but that a pod is started with the mark alone, and ended where no process stands for it; the files that
    say so are written into `folder`."""
    asked = {STARTS: (MARK, "Exists"), ENDS: (RUNS_HERE, "DoesNotExist")}
    return [_gate(file, folder, *asked[file.name]) if file.name in asked else file for file in files]


def _gate(stage: Path, folder: Path, annotation: str, operator: str) -> Path:
    found = yaml.safe_load(stage.read_text())
    marked = {"key": f'.metadata.annotations["{annotation}"]', "operator": operator}
    found["spec"]["selector"]["matchExpressions"].append(marked)
    gated = folder / f"kwok-{stage.name}"
    gated.write_text(yaml.safe_dump(found))
    return gated
