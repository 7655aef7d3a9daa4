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


def ingest(
    intake: str,
    run: str,
    runs: str,
    late_after: int,
    raw: dsl.Output[dsl.Dataset],
    manifest: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    told = {"run": run, "runs": runs, "late_after": late_after}
    steps.run("ingest", intake=intake, raw=raw.path, manifest=manifest.path, **told)


def validate(
    run: str,
    runs: str,
    raw: dsl.Input[dsl.Dataset],
    accepted: dsl.Output[dsl.Dataset],
    quarantine: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.Artifact],
    gate: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    paths = {"accepted": accepted.path, "quarantine": quarantine.path, "report": report.path, "gate": gate.path}
    steps.run("validate", run=run, runs=runs, raw=raw.path, **paths)


def pass_gates(run: str, runs: str, gates: dsl.Input[dsl.Artifact], what: str) -> None:
    from delivery.pipeline import steps

    steps.run("pass_gates", run=run, runs=runs, gates=gates.path, what=what)


def deidentify(
    run: str,
    runs: str,
    accepted: dsl.Input[dsl.Dataset],
    key_file: str,
    features: dsl.Output[dsl.Dataset],
    cards: dsl.Output[dsl.Artifact],
    days: dsl.Output[dsl.Dataset],
) -> None:
    from delivery.pipeline import steps

    paths = {"accepted": accepted.path, "features": features.path, "cards": cards.path, "days": days.path}
    steps.run("deidentify", run=run, runs=runs, key_file=key_file, **paths)


def split(
    run: str,
    runs: str,
    features: dsl.Input[dsl.Dataset],
    seed: int,
    train: dsl.Output[dsl.Dataset],
    test: dsl.Output[dsl.Dataset],
    counts: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    paths = {"train": train.path, "test": test.path, "counts": counts.path}
    steps.run("split", run=run, runs=runs, features=features.path, seed=seed, **paths)


def train(run: str, runs: str, train: dsl.Input[dsl.Dataset], seed: int, model: dsl.Output[dsl.Model]) -> None:
    from delivery.pipeline import steps

    steps.run("train", run=run, runs=runs, train=train.path, seed=seed, model=model.path)


def fetch_production(
    run: str, runs: str, name: str, first: bool, mlflow: str, production: dsl.Output[dsl.Model]
) -> None:
    from delivery.pipeline import steps

    given = {"name": name, "first": first, "mlflow": mlflow, "production": production.path}
    steps.run("fetch_production", run=run, runs=runs, **given)


def evaluate(
    run: str,
    runs: str,
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
    watched: dsl.Input[dsl.Artifact],
    evidence: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    given = {"manifest": manifest.path, "features": features.path, "train": train.path, "test": test.path}
    given |= {"model": model.path, "production": production.path, "evidence": evidence.path, "report": report.path}
    given |= {"override": override, "why": why, "asked_by": asked_by, "agreed_by": agreed_by}
    given |= {"watched": watched.path}
    steps.run("evaluate", run=run, runs=runs, name=name, seed=seed, code=code, image=image, gates=gates, **given)


def learn_noise(
    run: str,
    runs: str,
    name: str,
    days: dsl.Input[dsl.Dataset],
    features: dsl.Input[dsl.Dataset],
    test: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    watched: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    given = {"days": days.path, "features": features.path, "test": test.path, "model": model.path}
    steps.run("learn_noise", run=run, runs=runs, name=name, watched=watched.path, **given)


def register(
    run: str,
    runs: str,
    experiment: str,
    started_by: str,
    mlflow: str,
    gate: dsl.Input[dsl.Artifact],
    model: dsl.Input[dsl.Model],
    evidence: dsl.Input[dsl.Artifact],
    cards: dsl.Input[dsl.Artifact],
    registered: dsl.Output[dsl.Artifact],
) -> None:
    from delivery.pipeline import steps

    given = {"gate": gate.path, "model": model.path, "evidence": evidence.path, "cards": cards.path}
    given |= {"registered": registered.path, "run": run, "runs": runs}
    steps.run("register", experiment=experiment, started_by=started_by, mlflow=mlflow, **given)


def pipeline(image: str, tells: str, run: str = dsl.PIPELINE_JOB_ID_PLACEHOLDER) -> Any:
    """The pipeline of components in this image; `tells` is what a run says of it: its digest, or that it has none.

    `run` is what a run is called: on a cluster as Kubeflow calls it.
    """

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
        runs: str = "",
        late_after: int = 0,
    ) -> None:
        told: dict[str, Any] = {"run": run, "runs": runs}
        production = _alone(parts["fetch_production"](name=name, first=first, mlflow=mlflow, **told))
        taken = _alone(parts["ingest"](intake=intake, late_after=late_after, **told))
        checked = parts["validate"](raw=taken.outputs["raw"], **told)
        sound = parts["pass_gates"](gates=checked.outputs["gate"], what="data", **told)
        sound.set_display_name("data gate")
        known = parts["deidentify"](accepted=checked.outputs["accepted"], key_file=key_file, **told)
        known = known.after(sound, production)
        parted = parts["split"](features=known.outputs["features"], seed=seed, **told)
        trained = parts["train"](train=parted.outputs["train"], seed=seed, **told)
        usual = parts["learn_noise"](
            **told,
            name=name,
            days=known.outputs["days"],
            features=known.outputs["features"],
            test=parted.outputs["test"],
            model=trained.outputs["model"],
        )
        judged = parts["evaluate"](
            **told,
            **{"name": name, "seed": seed, "code": code, "image": tells, "gates": gates},
            **{"override": override, "why": why, "asked_by": asked_by, "agreed_by": agreed_by},
            manifest=taken.outputs["manifest"],
            features=known.outputs["features"],
            train=parted.outputs["train"],
            test=parted.outputs["test"],
            model=trained.outputs["model"],
            production=production.outputs["production"],
            watched=usual.outputs["watched"],
        )
        good = parts["pass_gates"](gates=judged.outputs["report"], what="model", **told)
        good.set_display_name("model gate")
        kept = _alone(
            parts["register"](
                **told,
                experiment=experiment,
                started_by=started_by,
                mlflow=mlflow,
                gate=checked.outputs["gate"],
                model=trained.outputs["model"],
                evidence=judged.outputs["evidence"],
                cards=known.outputs["cards"],
            )
        ).after(good)
        for each in (production, taken, checked, sound, known, parted, trained, usual, judged, good, kept):
            each.set_cpu_request("1").set_cpu_limit("2").set_memory_request(MEMORY).set_memory_limit(MEMORY)
            kubernetes.set_security_context(each, run_as_user=USER, run_as_group=USER, run_as_non_root=True)

    return readmission


COMPONENTS: Final = (
    *(ingest, validate, pass_gates, deidentify, split),
    *(train, fetch_production, learn_noise, evaluate, register),
)


def _alone(task: Any) -> Any:
    """One whose result depends on the world: never taken from an earlier run."""
    return task.set_caching_options(enable_caching=False)


def compiled(image: str, out: Path, tells: str = "") -> None:
    """Writes the pipeline for clusters; the same bytes for the same image."""
    compiler.Compiler().compile(pipeline(image, tells or image), str(out))
