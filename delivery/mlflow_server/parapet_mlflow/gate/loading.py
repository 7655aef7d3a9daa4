"""READ on a registered model is enough to load it: its versions' files, and no other file of their experiment.

A version lends what its creator may read, for as long as he may: its files are open to the model's readers while the
account that registered it may itself read the experiment that they lie in, or load the version that it was copied from.
So a copy ends with the permission that it was made with. Who registered a version is in MLflow's own column for it
(creators.py); of a version from before, where it is empty, only those may load it who may read its experiment.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from parapet_mlflow.gate import places
from parapet_mlflow.gate.caller import DENY, NOTHING, READ, REGISTRY, TRACKING, Caller

ARTIFACTS = "mlflow-artifacts:/"
"""Before a place, where the registry has it."""
COPIES = 8
"""How many copies of copies are followed."""
Numbered: TypeAlias = tuple[str, str]
"""A version by the name of its model and its number."""


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

    def callers(self, names: Collection[str], types: frozenset[str]) -> dict[str, Caller]: ...
    def experiments(self, kind: str, names: Iterable[str]) -> dict[str, str]: ...
    def versions(self, numbered: Collection[Numbered]) -> dict[Numbered, Version]: ...
    def versions_at(self, places: Sequence[str], names: Sequence[str] | None) -> list[Version]: ...


def of_place(registry: Registry, caller: Caller, place: str) -> bool:
    """Whether the files there are of a version that this account may load."""
    every, names = caller.readable("registered_model")
    if not every and not names:
        return False
    parts = place.split("/")
    above = ["/".join(parts[:length]) for length in range(2, len(parts) + 1)]
    return may_load(registry, caller, registry.versions_at(above, None if every else names))


def of_version(registry: Registry, caller: Caller, name: str, version: str) -> bool:
    """Whether this account may load that version."""
    return may_load(registry, caller, registry.versions([(name, version)]).values())


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


def may_load(registry: Registry, caller: Caller, versions: Iterable[Version]) -> bool:
    """Whether this account may read the files of one of these versions, by a grant on its model.

    Of however many there are, creators and sources are asked for together: twice at most for each copy of a copy.
    """
    readers = {(caller.name, version): caller for version in versions}
    for _ in range(COPIES):
        experiments = _experiments(registry, [version.location for _, version in readers])
        lent = dict[Version, str]()
        for (_, version), reader in readers.items():
            experiment = experiments.get(version.location)
            if experiment is None or (reader.on("registered_model", version.name) or NOTHING) < READ:
                continue
            own = reader.within(experiment)
            if own >= READ:
                return True
            if own != DENY:
                lent[version] = experiment
        creators = registry.callers({version.creator for version in lent}, TRACKING | REGISTRY) if lent else {}
        if any(creators[each.creator].within(lent[each]) >= READ for each in lent if each.creator in creators):
            return True
        named = {each: source for each in lent if (source := places.source(each.source)) and source.name}
        found = registry.versions({(source.name, source.version) for source in named.values()}) if named else {}
        readers = {
            (version.creator, source): creators[version.creator]
            for version, told in named.items()
            # One that was made anew under the same name and number has files of its own.
            if (source := found.get((told.name, told.version))) and source.location == version.location
            if version.creator in creators
        }
    return False


def _experiments(registry: Registry, locations: Iterable[str]) -> dict[str, str]:
    """Whose files these are. Not of files elsewhere, which a client of an earlier server named."""
    runs, found = dict[str, str](), dict[str, str]()
    for location in set(locations):
        if (source := places.source(location)) is None:
            continue
        if source.run_id and location.startswith("runs:"):
            runs[location] = source.run_id
        elif within := places.WITHIN.fullmatch(location.removeprefix(ARTIFACTS)):
            found[location] = within["experiment_id"]
    owners = registry.experiments("run", set(runs.values())) if runs else {}
    return found | {location: owners[run] for location, run in runs.items() if run in owners}


def _named_in(registry: Registry, text: str) -> Version | None:
    source = places.source(text)
    if source is None or not source.name:
        return None
    return registry.versions([(source.name, source.version)]).get((source.name, source.version))
