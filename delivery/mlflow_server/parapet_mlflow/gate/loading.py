"""READ on a registered model is enough to load it: its versions' files, and no other file of their experiment.

A version lends what its creator may read, for as long as he may: its files are open to the model's readers while the
account that registered it may itself read the experiment that they lie in, or load the version that it was copied from.
So a copy ends with the permission that it was made with. Who registered a version is in MLflow's own column for it
(creators.py); of a version from before, where it is empty, only those may load it who may read its experiment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from parapet_mlflow.gate import places
from parapet_mlflow.gate.caller import DENY, NOTHING, READ, REGISTRY, TRACKING, Caller

ARTIFACTS = "mlflow-artifacts:/"
"""Before a place, where the registry has it."""
COPIES = 8
"""How many copies of copies are followed."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model, as the registry has it."""

    name: str
    version: str
    source: str
    location: str
    """Where its files are: `mlflow-artifacts:/EXPERIMENT/...` or `runs:/RUN/...`."""
    run: str
    creator: str


class Registry(Protocol):
    """What the database tells of versions, and of those who made them."""

    def caller(self, name: str, types: frozenset[str]) -> Caller | None: ...
    def experiments(self, kind: str, names: Iterable[str]) -> dict[str, str]: ...
    def version(self, name: str, version: str) -> Version | None: ...
    def versions_at(self, places: Sequence[str], names: Sequence[str] | None) -> list[Version]: ...


def of_place(registry: Registry, caller: Caller, place: str) -> bool:
    """Whether the files there are of a version that this account may load."""
    every, names = caller.readable("registered_model")
    if not every and not names:
        return False
    parts = place.split("/")
    above = ["/".join(parts[:length]) for length in range(2, len(parts) + 1)]
    return any(may_load(registry, caller, version) for version in registry.versions_at(above, None if every else names))


def of_version(registry: Registry, caller: Caller, name: str, version: str) -> bool:
    """Whether this account may load that version."""
    found = registry.version(name, version)
    return found is not None and may_load(registry, caller, found)


def of_source(registry: Registry, caller: Caller, text: str) -> bool:
    """Whether this account may make a version of this source."""
    if text in places.PLACEHOLDERS:
        return True
    if (source := places.source(text)) is None:
        return False
    if source.name:
        return of_version(registry, caller, source.name, source.version)
    kind, name = ("run", source.run_id) if source.run_id else ("logged-model", source.model_id)
    experiment = registry.experiments(kind, [name]).get(name)
    return experiment is not None and caller.within(experiment) >= READ


def is_of_source(registry: Registry, kind: str, names: Iterable[str], text: str) -> bool:
    """Whether the run and model that a copy names are those of the version that it is a copy of."""
    if (found := _named_in(registry, text)) is None:
        return False
    place = places.WITHIN.fullmatch(found.location.removeprefix(ARTIFACTS))
    return set(names) <= {found.run if kind == "run" else place and place["model_id"]}


def may_load(registry: Registry, caller: Caller, version: Version, copies: int = COPIES) -> bool:
    """Whether this account may read the files of that version, by a grant on its model."""
    if (caller.on("registered_model", version.name) or NOTHING) < READ:
        return False
    if (experiment := _experiment(registry, version.location)) is None:
        return False
    own = caller.within(experiment)
    if own >= READ or own == DENY:
        return own != DENY
    creator = registry.caller(version.creator, TRACKING | REGISTRY) if version.creator and copies else None
    if creator is None:
        return False
    if creator.within(experiment) >= READ:
        return True
    source = _named_in(registry, version.source)
    # One that was made anew under the same name and number has files of its own.
    return (
        source is not None and source.location == version.location and may_load(registry, creator, source, copies - 1)
    )


def _experiment(registry: Registry, location: str) -> str | None:
    """Whose files these are; None for files elsewhere, which a client of an earlier server named."""
    if (source := places.source(location)) is None:
        return None
    if source.run_id and location.startswith("runs:"):
        return registry.experiments("run", [source.run_id]).get(source.run_id)
    found = places.WITHIN.fullmatch(location.removeprefix(ARTIFACTS))
    return found["experiment_id"] if found else None


def _named_in(registry: Registry, text: str) -> Version | None:
    source = places.source(text)
    return registry.version(source.name, source.version) if source and source.name else None
