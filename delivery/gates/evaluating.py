"""Holds a model to its gates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from delivery.data.dataset import sha256
from delivery.gates import artefact, quality, tables
from delivery.gates.declared import (
    GATES,
    Artefact,
    Bad,
    Declared,
    Fairness,
    Gate,
    Good,
    GroupsJudged,
    Licence,
    Nulls,
    Robustness,
    Volume,
    Whole,
    Worse,
    declared,
)
from delivery.gates.measured import Measured, unmeasured
from delivery.gates.measures import Sample
from delivery.gates.reading import features, predictions, seconds
from delivery.gates.report import Report, outcome
from delivery.registry.gates import Reference
from delivery.registry.held import digest_of_declared
from delivery.registry.refused import Refused


@dataclass(frozen=True)
class Evidence:
    """What the gates look at. A gate fails whose file is not given."""

    model: Path
    candidate: Path | None = None
    reference: Path | None = None
    """Predictions of the model in production on the same records; for the first one, of whatever serves today."""
    train: Path | None = None
    test: Path | None = None
    latency: Path | None = None
    sbom: Path | None = None
    contract: Path | None = None
    injected: Mapping[str, Path] = field(default_factory=dict)
    """The candidate's predictions where a fault was injected, by its kind."""
    production: Path | None = None
    """A folder with the files of the model that `reference` are the predictions of; without them none served."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the version is made of: its data set, code, image and environment; and the profile of its rows and
    its noise, if it has them."""

    @property
    def files(self) -> Mapping[str, Path]:
        names = ("candidate", "reference", "train", "test", "latency", "sbom", "contract")
        given: dict[str, Path | None] = {name: getattr(self, name) for name in names}
        given |= {f"injected.{kind}": path for kind, path in self.injected.items()}
        return {name: path for name, path in given.items() if path is not None}


def evaluate(evidence: Evidence, year: int | None = None, gates: Path = GATES) -> Report:
    """The report of all gates in `gates`. Raises Refused where one of the files is none of its kind."""
    told = declared(gates)
    looking = _Looking(told, evidence, year or date.today().year)
    for path in (evidence.model, *evidence.files.values()):
        if not path.is_file():
            raise Refused(f"{path} is not there, or no file.")
    return Report(
        "parapet-gates-full/2",
        facts=dict(evidence.facts),
        reference=_reference(evidence.production),
        model=_digest(evidence.model),
        declared=digest_of_declared(gates),
        inputs={name: _digest(path) for name, path in evidence.files.items()},
        gates=[outcome(gate, looking.at(gate)) for gate in told.gates],
    )


def _reference(folder: Path | None) -> Reference | None:
    if folder is None or not (folder / "model.onnx").exists():
        return None
    if not (folder / "contract.json").exists():
        raise Refused(f"{folder} has a model.onnx and no contract.json: give both of what serves in production.")
    return Reference(*(_digest(folder / name) for name in ("model.onnx", "contract.json")))


class _Lacking(Exception):
    """A file is not given."""


@dataclass(frozen=True)
class _Looking:
    """The files, each read once."""

    told: Declared
    evidence: Evidence
    year: int

    def at(self, gate: Gate) -> Measured:
        try:
            return self._at(gate)
        except _Lacking as lacking:
            return unmeasured(f"nothing was given to look at: {lacking}")

    def _at(self, gate: Gate) -> Measured:
        plan, own = self.told.bootstrap, self.evidence
        match gate:
            case Nulls():
                return tables.nulls(gate, (self.train, self.test))
            case Volume():
                return tables.volume(gate, self.train if gate.table == "train" else self.test)
            case Whole():
                return self._whole(gate)
            case Good() | Bad():
                return quality.figure(gate.kind, self.candidate, plan)
            case Worse():
                return quality.worse(gate.measure, self.candidate, self.reference, plan)
            case Fairness():
                return quality.fairness(gate, self.candidate, plan)
            case GroupsJudged():
                return quality.groups_judged(gate, self.candidate)
            case Robustness():
                faulty = self._predictions(own.injected.get(gate.injection), f"injected {gate.injection}")
                return quality.robustness(gate.measure, self.candidate, faulty, plan)
            case Licence():
                return artefact.licence(_given(own.sbom, "sbom"), gate.allowed)
            case Artefact(kind="size"):
                return artefact.size(own.model)
            case Artefact(kind="latency"):
                return artefact.latency(seconds(_given(own.latency, "latency")))
            case Artefact():
                return artefact.signature(_given(own.contract, "contract"), self.test)

    def _whole(self, gate: Whole) -> Measured:
        match gate.kind:
            case "ranges":
                return tables.ranges((self.train, self.test), self.year)
            case "duplicates":
                return tables.duplicates((self.train, self.test))
            case "leakage":
                return tables.leakage(self.train, self.test)
            case "patients_in_both":
                return tables.patients_in_both(self.train, self.test)
            case "freshness":
                return tables.freshness((self.train, self.test), self.year)

    @cached_property
    def candidate(self) -> Sample:
        return self._predictions(self.evidence.candidate, "candidate")

    @cached_property
    def reference(self) -> Sample:
        return self._predictions(self.evidence.reference, "reference")

    @cached_property
    def train(self) -> pa.Table:
        return features(_given(self.evidence.train, "train"))

    @cached_property
    def test(self) -> pa.Table:
        return features(_given(self.evidence.test, "test"))

    def _predictions(self, path: Path | None, what: str) -> Sample:
        groups = sorted({gate.by for gate in self.told.gates if isinstance(gate, Fairness | GroupsJudged)})
        return predictions(_given(path, what), self.told.operating_point, groups)


def _given(path: Path | None, what: str) -> Path:
    if path is None:
        raise _Lacking(what)
    return path


def _digest(path: Path) -> str:
    return f"sha256:{sha256(path)}"
