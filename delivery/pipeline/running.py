"""Runs the pipeline on this machine: each step as a process of this environment, in the order that a cluster has."""

import io
import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import uuid4

import msgspec

from delivery.data.dataset import replaced
from delivery.data.keys import Key
from delivery.gates.declared import GATES, declared
from delivery.gates.report import agreed
from delivery.monitoring.runs import LONGEST
from delivery.pipeline import lineage
from delivery.pipeline.forking import forked
from delivery.pipeline.noting import placed
from delivery.pipeline.registering import Tracking, starter
from delivery.pipeline.steps import SAYS, STOPPED
from delivery.registry.documents import COMMIT, NAME
from delivery.registry.refused import Refused

LOG: Final = "pipeline.log"
KEPT: Final[Mapping[str, tuple[str, str]]] = {
    "quarantine": ("validate", "quarantine"),
    "validation.json": ("validate", "report"),
    "features": ("deidentify", "features"),
    "split.json": ("split", "counts"),
    "train.parquet": ("split", "train"),
    "test.parquet": ("split", "test"),
    "model.onnx": ("train", "model"),
    "production": ("fetch-production", "production"),
    "evidence": ("evaluate", "evidence"),
    "registered.json": ("register", "registered"),
}
"""What is kept of a run, by the steps and artifacts that it comes from. The feed is not: it lies where it lay."""
LARGEST_SEED: Final = 2**31 - 1
"""Of LightGBM."""
TOP: Final = (
    *("run.json", "contract.json", "profile.json", "noise.json"),
    *("gates.json", "gates-full.json", "sbom.json"),
)
"""Of the evidence, what people and other commands read; a noise is not in each."""


@dataclass(frozen=True)
class Asked:
    """A run."""

    intake: str
    model: str
    key_file: Path
    out: Path
    seed: int
    first: bool
    gates: Path
    experiment: str
    code: str
    image: str
    started_by: str
    override: Sequence[str] = ()
    """Failed gates that two people let pass; then the next three say why, and who they are."""
    why: str = ""
    asked_by: str = ""
    agreed_by: str = ""
    runs: str = ""
    """Where what each step leaves of itself is added: `s3://BUCKET/runs/model=NAME`, a folder, or nowhere."""
    late_after: int = 0
    """Hours without a new model after which somebody is told; 0 never."""


@dataclass(frozen=True)
class Ran:
    """What became of it. `stopped` is a gate's text, empty where it went to its end."""

    out: Path
    stopped: str
    record: lineage.Record | None
    registered: Mapping[str, str]


def run(asked: Asked) -> Ran:
    """Writes `out` whole, or not at all. Raises Refused, before anything runs where that can be known."""
    asked = _ready(asked)
    with replaced(asked.out, (*KEPT, *TOP, LOG)) as draft:
        stopped = _ran(asked, draft)
        root = draft / "steps"
        for name, (task, artifact) in KEPT.items():
            for found in root.glob(f"*/{task}/{artifact}"):
                found.rename(draft / name)
        for name in TOP:
            if (file := draft / "evidence" / name).exists():
                file.rename(draft / name)
        if (rows := draft / "quarantine").is_dir() and not any(rows.iterdir()):
            rows.rmdir()
        shutil.rmtree(root)
        record = lineage.load(draft / "run.json") if (draft / "run.json").exists() else None
        kept = draft / "registered.json"
        registered = json.loads(kept.read_text()) if kept.exists() else {}
    return Ran(asked.out, stopped, record, registered)


def _ready(asked: Asked) -> Asked:
    """With what was left out, and paths that hold wherever a step runs. Raises Refused for what can be told now."""
    if not re.fullmatch(NAME, asked.model):
        raise Refused(
            f"{asked.model!r} is no model's name: at most 50 of a-z, 0-9, dot and dash, without -ENVIRONMENT."
        )
    if not 0 <= asked.seed <= LARGEST_SEED:
        raise Refused(f"--seed {asked.seed}: a seed is 0 to {LARGEST_SEED}.")
    if asked.image and not re.fullmatch(lineage.IMAGE, asked.image):
        raise Refused(f"{asked.image!r} is no image by its digest: NAME@sha256:... Leave --image out, outside one.")
    if asked.code and not re.fullmatch(COMMIT, asked.code):
        raise Refused("--code is a commit: 7 to 64 of 0-9 and a-f.")
    Key.read(asked.key_file)
    declared(asked.gates)
    if asked.override:
        agreed(asked.override, asked.why, asked.asked_by, asked.agreed_by)
    if not 0 <= asked.late_after <= LONGEST:
        raise Refused(f"--late-after {asked.late_after}: 1 to {LONGEST:,} hours, or 0 for never.")
    account = Tracking.of(os.environ).account[0]
    runs = asked.runs if not asked.runs or "://" in asked.runs else str(Path(asked.runs).resolve())
    intake = asked.intake if "://" in asked.intake else str(Path(asked.intake).resolve())
    return Asked(
        **{"intake": intake, "model": asked.model, "key_file": asked.key_file.resolve(), "out": asked.out.resolve()},
        **{"seed": asked.seed, "first": asked.first, "experiment": asked.experiment},
        gates=Path() if asked.gates.resolve() == GATES.resolve() else asked.gates.resolve(),
        code=asked.code or lineage.code(),
        image=asked.image or lineage.NO_IMAGE,
        started_by=starter(asked.started_by or account),
        **{"override": asked.override, "why": asked.why},
        **{"asked_by": asked.asked_by, "agreed_by": asked.agreed_by},
        **{"runs": placed(runs), "late_after": asked.late_after},
    )


def _ran(asked: Asked, draft: Path) -> str:
    """Runs the steps in the draft; returns why a gate stopped them, if one did. Raises Refused where one failed."""
    from kfp import local  # here, for it takes a second

    from delivery.pipeline.components import PLACEHOLDER, pipeline

    work, says = draft / "work", draft / "says.json"
    work.mkdir(mode=0o700)
    told = {SAYS: str(says), "TMPDIR": str(work), "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "ignore"}
    arguments = {
        **{"intake": asked.intake, "name": asked.model, "code": asked.code, "seed": asked.seed, "first": asked.first},
        **{"key_file": str(asked.key_file), "experiment": asked.experiment, "started_by": asked.started_by},
        **{"override": ",".join(asked.override), "why": asked.why},
        **{"asked_by": asked.asked_by, "agreed_by": asked.agreed_by},
        **{"runs": asked.runs, "late_after": asked.late_after},
        "gates": "" if asked.gates == Path() else str(asked.gates),
    }
    with (draft / LOG).open("w") as log, _surroundings(told), _quiet(log), forked(log):
        local.init(
            local.SubprocessRunner(use_venv=False),
            pipeline_root=str(draft / "steps"),
            workspace_root=str(work / "kfp"),
            raise_on_error=True,
        )
        try:
            # Kubeflow's own name of a run is here a number of eight digits, which comes again.
            pipeline(PLACEHOLDER, asked.image, uuid4().hex)(**arguments)
            failed = False
        except RuntimeError:  # that a step ended with a status that is not 0; which, and why, it has written down
            failed = True
    shutil.rmtree(work, ignore_errors=True)
    if not failed:
        return ""
    said = msgspec.json.decode(says.read_bytes()) if says.exists() else {"text": _killed(draft / LOG), "status": 1}
    says.unlink(missing_ok=True)
    if said["status"] != STOPPED:
        raise Refused(said["text"])
    return str(said["text"])


def _killed(log: Path) -> str:
    begun = re.findall(r"Executing task '([a-z0-9-]+)'", log.read_text())
    return (
        f"The step {begun[-1] if begun else 'before all others'} ended without a word, as one does that is killed. "
        "Was memory short? Run it again."
    )


@contextmanager
def _surroundings(told: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


SHOWN: Final = {"pass-gates": "data gate", "pass-gates-2": "model gate"}
STEP: Final = r"Executing task \x1b\[\d+m'([a-z0-9-]+)'"


class _Progress(io.TextIOBase):
    """The log, and a word for each step to who waits."""

    def __init__(self, log: TextIO, waits: TextIO) -> None:
        self._log, self._waits = log, waits

    def write(self, text: str, /) -> int:
        if found := re.search(STEP, text):
            print(f"{SHOWN.get(found[1], found[1].replace('-', ' '))} ...", file=self._waits, flush=True)
        self._log.write(re.sub(r"\x1b\[\d+m", "", text))
        return len(text)

    def flush(self) -> None:
        self._log.flush()


@contextmanager
def _quiet(log: TextIO) -> Iterator[None]:
    told: Any = _Progress(log, sys.stderr)
    with redirect_stdout(told), redirect_stderr(told), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the image is none of Python's own
        yield
