"""The steps behind the pipeline's components: paths in, paths out, and errors that say nothing of anybody's record.

Whatever goes wrong is told in one text and by the exit status: 1 refused or failed, 3 a gate stops it. A library's own
text and a traceback may hold values of records, so that neither is written; what is told of it is its kind and place.
"""

import gc
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from delivery.data.refused import Refused as DataRefused
from delivery.monitoring.runs import Word
from delivery.pipeline.noting import Notes
from delivery.registry.documents import canonical, digest, digest_of
from delivery.registry.gates import Gate
from delivery.registry.refused import Refused

SAYS: Final = "PARAPET_STEP_SAYS"
"""Environment variable: a file that a step's last words are also written to."""
STOPPED: Final = 3
YOUNG: Final = 50_000
"""Objects more than before, until the young ones are looked through for garbage."""
MANIFEST: Final = "manifest.json"
GATE: Final = "data.quarantined"
VERSION: Final = "version"
WITH_MODEL: Final = ("gates.json", "gates-full.json", "sbom.json", "run.json", "profile.json")
CARDS: Final = ("data-card.json", "data-card.md")


class Stopped(Exception):
    """A gate stops the pipeline. The text has value, bound and rows; `gates` are the names of those that failed."""

    def __init__(self, text: str, gates: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.gates = tuple(gates)


def run(step: str, *, run: str = "", runs: str = "", late_after: int = 0, **asked: Any) -> None:
    """Does a step, or ends the process. Nothing else of an error is told than its own text, if it is one of ours.

    How it went is left at the place `runs`, as a step of `run` (`noting.py`).
    """
    # The libraries of a step are a million objects that stay: looked through again and again while they are imported,
    # they were a fifth of what most steps take.
    gc.set_threshold(YOUNG)
    named = f"{asked['what']}-gate" if step == "pass_gates" else step.replace("_", "-")
    notes = Notes(runs, run, named)
    try:
        notes.begin(late_after)
    except Refused as refused:
        _end(str(refused), 1)
    try:
        registered = STEPS[step](**asked)
    except Stopped as stopped:
        notes.end(Word.GATE, ", ".join(stopped.gates))
        _end(str(stopped), STOPPED)
    except (Refused, DataRefused) as refused:
        notes.end(Word.REFUSED)
        _end(str(refused), 1)
    except Exception as error:
        notes.end(Word.ERROR, type(error).__name__)
        _end(_kind_and_place(step, error), 1)
    notes.end(Word.DONE, registered=registered or "")


def _end(text: str, status: int) -> NoReturn:
    if file := os.environ.get(SAYS):
        Path(file).write_text(json.dumps({"text": text, "status": status}))
    print(f"parapet: {text}", file=sys.stderr, flush=True)
    sys.exit(status)


def _kind_and_place(step: str, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/delivery/" in frame.filename][-1:] or frames[-1:]
    where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours)
    return (
        f"The step {step} failed with {type(error).__name__} at {where}. What it said may hold values of records "
        "and is not shown. Is the disk full, or memory short? Else tell the platform's people of kind and place."
    )


def ingest(*, intake: str, raw: str, manifest: str) -> None:
    from delivery.pipeline.ingesting import ingest

    ingest(intake, Path(raw))
    shutil.copyfile(Path(raw) / MANIFEST, manifest)


def validate(*, raw: str, accepted: str, quarantine: str, report: str, gate: str) -> None:
    """Rows that break their contract go to `quarantine`; `gate` says whether these were too many."""
    from delivery.data.dataset import Manifest
    from delivery.data.validation import validate
    from delivery.pipeline.settings import settings

    files = Manifest.read(Path(raw)).paths(Path(raw))
    work = Path(accepted).with_name("work")
    try:
        told = validate(files, work)
        for name, path in (("accepted", accepted), ("quarantine", quarantine)):
            (work / name).rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    listed = told.to_json() | {"out": ""}
    Path(report).write_text(json.dumps(listed, indent=2) + "\n")
    share, bound = told.quarantined / told.rows, settings().quarantined.maximum
    held = Gate(GATE, share, told.rows, share <= bound, maximum=bound)
    Path(gate).write_bytes(msgspec.json.encode([held]))


def pass_gates(*, gates: str, what: str) -> None:
    """Ends the pipeline where one of these gates has failed, or there is none: of a list, or of what `evaluate` tells
    of a report, whose `override` two people let pass."""
    raw = Path(gates).read_bytes()
    listed = msgspec.json.decode(raw)
    held = msgspec.convert(listed["gates"] if isinstance(listed, dict) else listed, list[Gate])
    passes = listed["override"] if isinstance(listed, dict) else []
    if not held:
        raise Refused(f"Nothing is said of the gates of the {what}, and so nothing is registered. Run it again.")
    if failed := [gate for gate in held if not gate.passed and gate.name not in passes]:
        lines = "".join(f"\n    {each}" for each in failed)
        text = f"{len(failed)} of {len(held)} gates stop the {what}, and nothing is registered:{lines}"
        raise Stopped(text, [gate.name for gate in failed])


def deidentify(*, accepted: str, key_file: str, features: str, cards: str, days: str) -> None:
    """`days` has dates: it is for `learn_noise` alone."""
    from delivery.data.dataset import Manifest
    from delivery.data.deidentification import days as told_days
    from delivery.data.deidentification import deidentify
    from delivery.pipeline.delivered import as_file

    made = Manifest.read(Path(accepted))
    files = [path for path, file in zip(made.paths(Path(accepted)), made.files, strict=True) if file.rows]
    with as_file(key_file) as key:
        deidentify(files, key, Path(features))
        told_days(files, key, Path(days))
    Path(cards).mkdir()
    for name in CARDS:
        shutil.copyfile(Path(features) / name, Path(cards) / name)


def split(*, features: str, seed: int, train: str, test: str, counts: str) -> None:
    from delivery.pipeline.splitting import split

    told = split(Path(features), seed, Path(train), Path(test))
    Path(counts).write_text(json.dumps(told.to_json(), indent=2) + "\n")


def train(*, train: str, seed: int, model: str) -> None:
    from delivery.pipeline.training import train as trained

    Path(model).write_bytes(trained(Path(train), seed))


def fetch_production(*, name: str, first: bool, mlflow: str, production: str) -> None:
    from delivery.pipeline.delivered import variables
    from delivery.pipeline.registering import Tracking, in_production

    version, files = in_production(Tracking.of(variables(mlflow, os.environ)), name, first=first)
    folder = Path(production)
    folder.mkdir()
    for each, raw in files.items():
        (folder / each).write_bytes(raw)
    (folder / VERSION).write_text(version)


def evaluate(
    *,
    name: str,
    seed: int,
    code: str,
    image: str,
    gates: str,
    override: str,
    why: str,
    asked_by: str,
    agreed_by: str,
    manifest: str,
    features: str,
    train: str,
    test: str,
    model: str,
    production: str,
    watched: str,
    evidence: str,
    report: str,
) -> None:
    """Holds the model to its gates, and writes down what it was made of. Whether it passed, the next step asks.

    `override` names the failed gates that the two people let pass, with commas between.
    """
    from delivery.data.dataset import Manifest, sha256
    from delivery.gates.declared import GATES
    from delivery.gates.report import agreed, for_promotion
    from delivery.pipeline import lineage
    from delivery.pipeline.evaluating import evaluated
    from delivery.pipeline.sbom import LOCK
    from delivery.registry.gates import FACTS

    out, bounds = Path(evidence), Path(gates) if gates else GATES
    made = Manifest.read(Path(features))
    people = agreed(override.split(","), why, asked_by, agreed_by) if override else None
    inputs = lineage.Inputs(
        dataset=f"sha256:{Manifest.read(Path(manifest).parent, Path(manifest).name).digest}",
        code=code,
        sources=lineage.sources(),
        image=image,
        environment=f"sha256:{sha256(LOCK)}",
        seed=seed,
        key=str(made.made_from["key"]),
        machine=lineage.machine(),
    )
    facts = {each: getattr(inputs, each) for each in FACTS}
    found = evaluated(
        Path(model), Path(train), Path(test), Path(production), bounds, seed, Path(watched), out, facts, people
    )
    record = lineage.Record(
        "parapet-run/1",
        name,
        inputs,
        lineage.Outputs(
            features=f"sha256:{made.digest}",
            train=f"sha256:{sha256(Path(train))}",
            test=f"sha256:{sha256(Path(test))}",
            model=f"sha256:{sha256(Path(model))}",
            sbom=digest(found.sbom),
        ),
        lineage.Judged(
            declared=found.report.declared,
            reference=(Path(production) / VERSION).read_text(),
            contract=digest(found.contract),
            report=digest_of(for_promotion(found.report)),
            passed=found.report.passed,
            override=found.report.override,
            profile=found.profile,
        ),
    )
    record = lineage.checked(record)
    (out / "run.json").write_bytes(canonical(record) + b"\n")
    stops = for_promotion(found.report)
    told = {"gates": stops.gates, "override": [gate.name for gate in stops.failed] if people else []}
    Path(report).write_bytes(msgspec.json.encode(told))


def learn_noise(*, name: str, days: str, features: str, test: str, model: str, watched: str) -> None:
    """What drift is checked by, before the model is held to its gates, whose report names it: the profile of the rows
    that it is tried on, and by that how the newest days differ from each other, of all that a model may be asked about.
    Figures alone; no noise where the days are too few, or have too few rows."""
    from delivery.pipeline.profiling import noise_of, profile_of
    from delivery.registry.bundle import NOISE, PROFILE

    out = Path(watched)
    out.mkdir()
    profile_of(Path(test), Path(model), out / PROFILE)
    if raw := noise_of(name, Path(days), Path(features), Path(model), out / PROFILE):
        (out / NOISE).write_bytes(raw)


def register(
    *,
    experiment: str,
    started_by: str,
    mlflow: str,
    gate: str,
    model: str,
    evidence: str,
    cards: str,
    registered: str,
) -> str:
    """Writes the model into MLflow, if it passed its gates and its data theirs: by what they were found, whatever is
    said of the steps between. Returns the version as `NAME-dev:VERSION`."""
    from delivery.gates.report import Report
    from delivery.pipeline import lineage
    from delivery.pipeline.delivered import variables
    from delivery.pipeline.registering import Tracking
    from delivery.pipeline.registering import register as registered_as
    from delivery.registry.bundle import NOISE
    from delivery.registry.documents import read
    from delivery.registry.gates import USUAL

    pass_gates(gates=gate, what="data")
    folder = Path(evidence)
    record = lineage.load(folder / "run.json")
    report = read((folder / "gates-full.json").read_bytes(), Report, "The gates' report")
    if not report.passed or digest(Path(model).read_bytes()) != report.model:
        raise Refused("The gates' report is of another model, or of one that did not pass. Nothing is registered.")
    files = {"model.onnx": Path(model).read_bytes(), "contract.json": (folder / "contract.json").read_bytes()}
    files |= {name: (folder / name).read_bytes() for name in WITH_MODEL}
    files |= {name: (Path(cards) / name).read_bytes() for name in CARDS}
    if digest(files["profile.json"]) != record.judged.profile:
        raise Refused("The profile is of another run than the record. Nothing is registered.")
    files |= {NOISE: (folder / NOISE).read_bytes()} if (folder / NOISE).exists() else {}
    if (digest(files[NOISE]) if NOISE in files else None) != report.facts.get(USUAL):
        raise Refused("The noise is another than the gates' report names. Nothing is registered.")
    told = {"experiment": experiment or record.model, "started_by": started_by}
    found = registered_as(Tracking.of(variables(mlflow, os.environ)), record, report, files, **told)
    said = {"name": found.name, "version": found.version, "author": found.author, "model": record.outputs.model}
    Path(registered).write_text(json.dumps(said, indent=2) + "\n")
    return f"{found.name}:{found.version}"


STEPS: Final[Mapping[str, Callable[..., str | None]]] = {
    **{"ingest": ingest, "validate": validate, "pass_gates": pass_gates, "deidentify": deidentify, "split": split},
    **{"train": train, "fetch_production": fetch_production, "learn_noise": learn_noise, "evaluate": evaluate},
    "register": register,
}
