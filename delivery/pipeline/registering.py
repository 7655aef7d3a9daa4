"""Writes a model that passed its gates into MLflow: a run with what it was made of, and a version of NAME-dev, last."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from delivery.pipeline.lineage import Record, facts
from delivery.registry.bundle import NOISE
from delivery.registry.desk import registered
from delivery.registry.documents import ACCOUNT, Environment, digest
from delivery.registry.mlflow import Mlflow, Version
from delivery.registry.refused import Gone, Refused
from delivery.registry.rules import STARTED_BY

if TYPE_CHECKING:  # it brings pandera and Ibis, which fetching a model need not wait for
    from delivery.gates.report import Report as Full

FILES: Final = "/api/2.0/mlflow-artifacts/artifacts"
MODEL: Final = ("model.onnx", "contract.json")
VARYING: Final = ("parapet.gates", "parapet.override", "parapet.profile", "parapet.noise")
"""Tags that another run of the same has otherwise: its latency is another, and so is its report. The sums of a profile,
and of what is learnt by it, are made by several threads, and may differ in their last digit."""
DIGEST: Final = 36
"""Characters of a data set's digest, which is what MLflow takes; the tag `parapet.dataset` has all of it."""
VARIABLES: Final = {
    "MLFLOW_TRACKING_URI": "the address of MLflow",
    "MLFLOW_TRACKING_USERNAME": "the pipeline's account in MLflow",
    "MLFLOW_TRACKING_PASSWORD": "its password",
}
AUTHORITY: Final = "MLFLOW_TRACKING_SERVER_CERT_PATH"


@dataclass(frozen=True)
class Tracking(Mlflow):
    """MLflow, as the pipeline's account."""

    NEEDS: ClassVar[str] = (
        "A pipeline needs EDIT on its experiment and on NAME-dev, which it makes where they are not there, and READ on "
        "NAME-prod: `./parapet mlflow share`."
    )

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """By the variables that MLflow's clients read. Raises Refused where one lacks."""
        told = {name: variables.get(name, "") for name in (*VARIABLES, AUTHORITY)}
        if missing := [f"    {name}: {what}" for name, what in VARIABLES.items() if not told[name]]:
            said = "\n".join(missing)
            raise Refused(
                f"These variables are not set:\n{said}\nOn the local stack `./parapet env --credentials` exports them."
            )
        url, account, password = (told[name] for name in VARIABLES)
        return cls(url.rstrip("/"), (account, password), told[AUTHORITY] or None)

    def experiment(self, name: str) -> str:
        """Its id; made where there is none that the account may see."""
        found = self._asked("GET", "experiments/get-by-name", taken="PERMISSION_DENIED", experiment_name=name)
        if found is not None:
            return str(found["experiment"]["experiment_id"])
        made = self._asked("POST", "experiments/create", taken="RESOURCE_ALREADY_EXISTS", name=name)
        if made is None:
            raise Refused(
                f"MLflow has an experiment {name} that {self.account[0]} may not write into. Ask its owner for EDIT "
                "(`./parapet mlflow share`), or name another by --experiment."
            )
        return str(made["experiment_id"])

    def start(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        told = self._asked(
            "POST", "runs/create", experiment_id=experiment, run_name=name, start_time=_now(), tags=_listed(tags)
        )
        return str(_there(told)["run"]["info"]["run_id"])

    def end(self, run: str, status: str) -> None:
        self._asked("POST", "runs/update", run_id=run, status=status, end_time=_now())

    def log(self, run: str, metrics: Mapping[str, float], params: Mapping[str, str]) -> None:
        listed = [{"key": key, "value": value, "timestamp": _now(), "step": 0} for key, value in metrics.items()]
        self._asked("POST", "runs/log-batch", run_id=run, metrics=listed, params=_listed(params))

    def used(self, run: str, name: str, digest: str, context: str) -> None:
        """That the run used this data set; of where it lies nothing is said."""
        told = {"name": name, "digest": digest, "source_type": "parapet", "source": "{}"}
        tags = [{"key": "mlflow.data.context", "value": context}]
        self._asked("POST", "runs/log-inputs", run_id=run, datasets=[{"dataset": told, "tags": tags}])

    def model(self, experiment: str, run: str, files: Mapping[str, bytes]) -> str:
        """A logged model of these files; returns its id."""
        told = self._asked("POST", "logged-models", experiment_id=experiment, name="model", source_run_id=run)
        made = str(_there(told)["model"]["info"]["model_id"])
        for name, raw in files.items():
            answer = self._send("PUT", f"{FILES}/{experiment}/models/{made}/artifacts/{name}", data=raw)
            if not answer.ok:
                raise Refused(
                    f"MLflow does not take {name} ({answer.status_code}). Look at its log, then run it again."
                )
        self._asked("PATCH", f"logged-models/{made}", model_id=made, status="LOGGED_MODEL_READY")
        return made

    def add(self, name: str, model: str, run: str, tags: Mapping[str, str]) -> str:
        """A version of a registered model, with all its tags from its first moment on; returns which one."""
        source = {"source": f"models:/{model}", "model_id": model, "run_id": run}
        told = self._asked("POST", "model-versions/create", name=name, tags=_listed(tags), **source)
        return str(_there(told)["model_version"]["version"])


def starter(account: str) -> str:
    """The same, if it is an account. Raises Refused."""
    if re.fullmatch(ACCOUNT, account):
        return account
    raise Refused(
        "Who started the pipeline is not said, or is no account in MLflow: at most 100 of letters, digits and ._@+-. "
        "Say it by `started_by`: they approve no model of it."
    )


def register(
    tracking: Tracking, record: Record, report: "Full", files: Mapping[str, bytes], *, experiment: str, started_by: str
) -> Version:
    """The version of this run in NAME-dev: the one that this account has registered already, or a new one. Nothing
    counts until it is.

    `files` are model.onnx, contract.json and what goes with them. `started_by` is a person's account, as they said, or
    the one that registers. Raises Refused.
    """
    started_by = starter(started_by)
    name = registered(record.model, Environment.DEV)
    tracking.ensure(name)
    tags = facts(record) | {STARTED_BY: started_by}
    tags |= {"parapet.noise": digest(files[NOISE])} if NOISE in files else {}
    if found := [each for each in tracking.versions(name) if _is_this(tracking, each, tags, files)]:
        return found[-1]
    place = tracking.experiment(experiment)
    run = tracking.start(place, f"{record.model} {record.outputs.model[7:19]}", tags)
    try:
        measured = {gate.name: gate.value for gate in report.gates if gate.value is not None}
        tracking.log(run, measured, {key.removeprefix("parapet."): value for key, value in tags.items()})
        tracking.used(run, "intake", record.inputs.dataset[7:][:DIGEST], "source")
        for part in ("train", "test"):
            tracking.used(run, part, getattr(record.outputs, part)[7:][:DIGEST], part)
        made = tracking.model(place, run, files)
        tracking.end(run, "FINISHED")
        version = tracking.add(name, made, run, tags)
    except Refused:
        tracking.end(run, "FAILED")
        raise
    return tracking.version(name, version)


def _is_this(tracking: Tracking, version: Version, tags: Mapping[str, str], files: Mapping[str, bytes]) -> bool:
    """Whether a version is what would be registered now. Whoever may write into NAME-dev sets any tag: who registered
    it is the server's word, and what it holds is looked at."""
    same = {name: value for name, value in tags.items() if name != STARTED_BY and not name.startswith(VARYING)}
    if version.author != tracking.account[0] or not same.items() <= version.tags.items():
        return False
    try:
        return all(tracking.file(version, name) == files[name] for name in MODEL)
    except Gone:
        return False


def in_production(tracking: Tracking, model: str, *, first: bool) -> tuple[str, dict[str, bytes]]:
    """What serves in production, and which version it is; nothing and `none` for a first model, which is said.

    MLflow tells nobody whether there is a model that they may not read: to be compared with nothing must be meant.
    Raises Refused where it is not, or where there is one.
    """
    name = registered(model, Environment.PROD)
    version = tracking.alias(name) if tracking.tags(name) is not None else None
    if version is None and not first:
        raise Refused(
            f"MLflow shows {tracking.account[0]} no version of {name} that serves, to compare with. If this is the "
            "first model, say so by --first; else ask its owner for READ on it: `./parapet mlflow share`."
        )
    if version is not None and first:
        raise Refused(f"{name} has version {version} in production: this is not the first. Leave --first out.")
    if version is None:
        return "none", {}
    found = tracking.version(name, version)
    return f"{name}:{version}", {each: tracking.file(found, each) for each in MODEL}


def _there(told: dict[str, Any] | None) -> dict[str, Any]:
    if told is None:
        raise Refused("MLflow lost what it was just told. Look at its log, then run it again.")
    return told


def _listed(told: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in told.items()]


def _now() -> int:
    return int(time.time() * 1000)
