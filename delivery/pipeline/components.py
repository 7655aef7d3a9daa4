"""The pipeline as Kubeflow has it: which step follows which, and which of them is told which secret.

A component is the source of a function that is written into the compiled pipeline: it calls the code of this room,
which the image holds, and does nothing itself. Nothing is installed while one runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kfp import compiler, dsl, kubernetes

NAME: Final = "readmission"
PLACEHOLDER: Final = "parapet/pipeline:built-from-this-repository"
"""The image of the compiled pipeline that is kept in the repository; a cluster's is compiled with its digest."""
USER: Final = 10001
"""As the platform's other images have it; root is nobody here."""
MEMORY: Final = "4G"
"""DuckDB takes 1 GB at most, whatever the feed's size; the gates hold what is tried on."""


def ingest(intake: str, raw: dsl.Output[dsl.Dataset], manifest: dsl.Output[dsl.Artifact]) -> None:
    from delivery.pipeline import steps

    steps.run("ingest", intake=intake, raw=raw.path, manifest=manifest.path)


def validate(
    raw: dsl.Input[dsl.Dataset],
    accepted: dsl.Output[dsl.Dataset],
    quarantine: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.Artifact],
    gate: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    paths = {"accepted": accepted.path, "quarantine": quarantine.path, "report": report.path, "gate": gate.path}
    steps.run("validate", raw=raw.path, **paths)


def pass_gates(gates: dsl.Input[dsl.Artifact], what: str) -> None:
    from delivery.pipeline import steps

    steps.run("pass_gates", gates=gates.path, what=what)


def deidentify(
    accepted: dsl.Input[dsl.Dataset],
    key_file: str,
    features: dsl.Output[dsl.Dataset],
    cards: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    steps.run("deidentify", accepted=accepted.path, key_file=key_file, features=features.path, cards=cards.path)


def split(
    features: dsl.Input[dsl.Dataset],
    seed: int,
    train: dsl.Output[dsl.Dataset],
    test: dsl.Output[dsl.Dataset],
    counts: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    paths = {"train": train.path, "test": test.path, "counts": counts.path}
    steps.run("split", features=features.path, seed=seed, **paths)


def train(train: dsl.Input[dsl.Dataset], seed: int, model: dsl.Output[dsl.Model]) -> None:
    from delivery.pipeline import steps

    steps.run("train", train=train.path, seed=seed, model=model.path)


def fetch_production(name: str, first: bool, mlflow: str, production: dsl.Output[dsl.Model]) -> None:
    from delivery.pipeline import steps

    steps.run("fetch_production", name=name, first=first, mlflow=mlflow, production=production.path)


def evaluate(
    name: str,
    seed: int,
    code: str,
    image: str,
    gates: str,
    override: str,
    why: str,
    asked_by: str,
    agreed_by: str,
    manifest: dsl.Input[dsl.Artifact],
    features: dsl.Input[dsl.Dataset],
    train: dsl.Input[dsl.Dataset],
    test: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    production: dsl.Input[dsl.Model],
    evidence: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    given = {"manifest": manifest.path, "features": features.path, "train": train.path, "test": test.path}
    given |= {"model": model.path, "production": production.path, "evidence": evidence.path, "report": report.path}
    given |= {"override": override, "why": why, "asked_by": asked_by, "agreed_by": agreed_by}
    steps.run("evaluate", name=name, seed=seed, code=code, image=image, gates=gates, **given)


def register(
    experiment: str,
    started_by: str,
    mlflow: str,
    model: dsl.Input[dsl.Model],
    evidence: dsl.Input[dsl.Artifact],
    cards: dsl.Input[dsl.Artifact],
    registered: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    given = {"model": model.path, "evidence": evidence.path, "cards": cards.path, "registered": registered.path}
    steps.run("register", experiment=experiment, started_by=started_by, mlflow=mlflow, **given)


def pipeline(image: str, tells: str) -> Any:
    """The pipeline of components in this image; `tells` is what a run says of it: its digest, or that it has none."""

    def made(function: Callable[..., None]) -> Any:
        return dsl.component(function, base_image=image, install_kfp_package=False)

    parts = {function.__name__: made(function) for function in COMPONENTS}

    @dsl.pipeline(name=NAME, description="From a hospital's records to a registered model.")
    def readmission(
        intake: str,
        name: str,
        code: str,
        started_by: str,
        key_file: str,
        mlflow: str = "",
        seed: int = 0,
        first: bool = False,
        gates: str = "",
        experiment: str = "",
        override: str = "",
        why: str = "",
        asked_by: str = "",
        agreed_by: str = "",
    ) -> None:
        production = _alone(parts["fetch_production"](name=name, first=first, mlflow=mlflow))
        taken = _alone(parts["ingest"](intake=intake))
        checked = parts["validate"](raw=taken.outputs["raw"])
        sound = parts["pass_gates"](gates=checked.outputs["gate"], what="data")
        sound.set_display_name("data gate")
        known = parts["deidentify"](accepted=checked.outputs["accepted"], key_file=key_file).after(sound, production)
        parted = parts["split"](features=known.outputs["features"], seed=seed)
        trained = parts["train"](train=parted.outputs["train"], seed=seed)
        judged = parts["evaluate"](
            **{"name": name, "seed": seed, "code": code, "image": tells, "gates": gates},
            **{"override": override, "why": why, "asked_by": asked_by, "agreed_by": agreed_by},
            manifest=taken.outputs["manifest"],
            features=known.outputs["features"],
            train=parted.outputs["train"],
            test=parted.outputs["test"],
            model=trained.outputs["model"],
            production=production.outputs["production"],
        )
        good = parts["pass_gates"](gates=judged.outputs["report"], what="model")
        good.set_display_name("model gate")
        kept = _alone(
            parts["register"](
                experiment=experiment,
                started_by=started_by,
                mlflow=mlflow,
                model=trained.outputs["model"],
                evidence=judged.outputs["evidence"],
                cards=known.outputs["cards"],
            )
        ).after(good)
        for each in (production, taken, checked, sound, known, parted, trained, judged, good, kept):
            each.set_cpu_request("1").set_cpu_limit("2").set_memory_request(MEMORY).set_memory_limit(MEMORY)
            kubernetes.set_security_context(each, run_as_user=USER, run_as_group=USER, run_as_non_root=True)

    return readmission


COMPONENTS: Final = (
    *(ingest, validate, pass_gates, deidentify, split),
    *(train, fetch_production, evaluate, register),
)


def _alone(task: Any) -> Any:
    """One whose result depends on the world: never taken from an earlier run."""
    return task.set_caching_options(enable_caching=False)


def compiled(image: str, out: Path, tells: str = "") -> None:
    """Writes the pipeline for clusters; the same bytes for the same image."""
    compiler.Compiler().compile(pipeline(image, tells or image), str(out))
