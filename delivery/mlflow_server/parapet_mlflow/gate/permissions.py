"""The gate's own check of who may do what, beside MLflow's: both must agree to let a request pass.

What each route needs stands in routes.yaml, as `PERMISSION RESOURCE FIELD`. What a field names is followed to what owns
it: a run, trace, logged model or file to its experiment, a version to its model, a dataset to all of its experiments.
All that is named must be allowed; what is not there is refused as what is another's, so that no answer tells which.

    NOTHING            not even an account
    ACCOUNT            any account
    SHOWN              any account: the answer has only what the caller may read (searches.py), beside another need too
    SELF user          the account itself, or an administrator
    ADMINISTRATOR      an administrator
    READ EDIT MANAGE   that permission, or a higher one
    LOAD               READ, or READ on a registered model that has these files as a version (loading.py)
    NEW                not there yet, or of what is named beside it: a trace of that experiment, or an assessment of
                       that trace
    STAGE              any account, for a name that no promotion makes: those of NAME-staging and NAME-prod are for who
                       promotes, and for an administrator
    MADE               there, of what is named beside it, or made by the same request: an assessment
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

import anyio.to_thread

from parapet_mlflow.gate import loading
from parapet_mlflow.gate.caller import EVERY, LEVELS, NOTHING, READ, REGISTRY, TRACKING, Asking, Caller, asking
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import Refusal, invalid
from parapet_mlflow.gate.routes import Need

OPEN = ("NOTHING", "ACCOUNT", "SHOWN")
"""What any account has."""
GIVEN = ("trace.trace_info.trace_id",)
"""What is not optional, though MLflow takes an empty one: all that is made without an id would be one and the same."""
BESIDE = ("NEW", "MADE")
GRANTED = ("experiment", "registered_model", "prompt")
"""What can be shared by a call; the rest of MLflow's types is for roles."""
TIERS = {"run": "run", "trace": "trace", "logged-model": "logged_model"}
"""Resources of an experiment, and MLflow's type for a role's grants on all of them."""
IN_PLACES = {"run": "run_id", "trace": "trace_id", "logged-model": "model_id"}
"""What a place may have in it."""
REGISTERED = ("model", "version", "source", "granted")
"""Resources of the registry, whose grants are read for them."""
PROMOTERS = "PARAPET_PROMOTERS"
"""The variable with the accounts that promote models, with spaces between."""
STAGES = ("-staging", "-prod")
"""How names of registered models end that promotions make (delivery/registry): whoever makes one first owns it."""
CHANGES_GRANTS = ("registered-models/rename",)
"""After which MLflow reads them again for its answer."""
SHARING = "See docs/sharing.md."


class World(loading.Registry, Protocol):
    """What the database tells. Everything is asked for by exact name."""

    def caller(self, name: str, types: frozenset[str]) -> Caller | None: ...
    def experiments(self, kind: str, names: Iterable[str]) -> dict[str, str]: ...
    def experiment_named(self, name: str) -> str | None: ...
    def experiments_of_dataset(self, dataset: str) -> list[str]: ...
    def family(self, name: str) -> str: ...
    def traces_of_assessments(self, names: Iterable[str]) -> dict[str, str]: ...


class Permissions:
    """Decides on one request after another; keeps nothing of a caller."""

    def __init__(self, world: World, promoters: Collection[str] = ()) -> None:
        self._world, self._promoters = world, promoters

    async def allowed(self, user: str | None, asked: Asked) -> Refusal | None:
        """Why this account may not do what it asks; None where it may.

        Afterwards MLflow's check of the same request, in this task, finds the grants that were read here.
        """
        # Whatever a request before this one on the same connection left: tasks take their context from each other.
        asking.set(about := Asking())
        if asked.route.is_free:
            return None
        if not asked.route.needs:  # which nobody decided on
            return _refused(Need("ADMINISTRATOR"))
        if user is None:
            return Refusal(401, "UNAUTHENTICATED", "Sign in first.")
        about.searches = any(need.permission == "SHOWN" for need in asked.route.needs)
        if not about.searches and all(
            need.permission in OPEN or _is_self(need, user, asked) for need in asked.route.needs
        ):
            return None
        return await anyio.to_thread.run_sync(self.decide, user, asked, about)

    def decide(self, user: str, asked: Asked, about: Asking) -> Refusal | None:
        """The same, with the database asked in this thread."""
        needs = [need for need in asked.route.needs if need.permission not in OPEN]
        registry = about.searches or any(need.resource in REGISTERED for need in needs)
        caller = self._world.caller(user, TRACKING | REGISTRY if registry else TRACKING)
        if asked.route.name not in CHANGES_GRANTS:
            about.caller = caller
        if caller is None:
            return Refusal(403, "PERMISSION_DENIED", "Permission denied: this account is not there any more.")
        judged = _Judged(self._world, caller, asked, about, promotes=caller.name in self._promoters)
        for number, need in enumerate(needs):
            values = tuple(dict.fromkeys(told(asked, need.field)))
            if need.resource == "granted" and EVERY in values:
                return invalid(
                    f"{need.field} is a pattern. Name one thing, or let an administrator give a role. {SHARING}"
                )
            # The first is what is acted on; of an administrator's request MLflow itself says that it is missing.
            first = number == 0 and bool(need.field) and not caller.administers
            if not values and asked.empty is None and (first or need.field in GIVEN):
                return invalid(f"{need.field} is missing. Give it.")
            if not judged.meets(need, values):
                return _refused(need)
        return None


class _Judged:
    """One request's needs, one after the other."""

    def __init__(self, world: World, caller: Caller, asked: Asked, about: Asking, *, promotes: bool) -> None:
        self._promotes = promotes
        self._world, self._caller, self._asked, self._about = world, caller, asked, about
        self._has_source = any(need.resource == "source" for need in asked.route.needs)

    def meets(self, need: Need, values: tuple[str, ...]) -> bool:
        """Whether all that the field names is allowed; a field that is not given names nothing."""
        if need.permission in BESIDE:
            return not values or self._is_beside(need, values)
        if self._caller.administers or need.permission == "ADMINISTRATOR":
            return self._caller.administers
        if need.permission == "STAGE":
            return self._promotes or not any(value.endswith(STAGES) for value in values)
        if need.permission == "SELF":
            return all(value == self._caller.name for value in values)
        level = READ if need.permission == "LOAD" else LEVELS[need.permission]
        return not values or self._has(need, values, level)

    def _has(self, need: Need, values: tuple[str, ...], level: int) -> bool:
        match need.resource:
            case "experiment":
                return all(self._caller.within(value) >= level for value in values)
            case "run" | "trace" | "logged-model" as kind:
                return self._on_children(need, kind, values, level)
            case "file":
                return self._on_file(need, level)
            case "experiment-name":
                # Where there is none, MLflow says so: a client asks before it creates one.
                found = [self._world.experiment_named(value) for value in values]
                return all(self._caller.within(experiment) >= level for experiment in found if experiment)
            case "dataset":
                return all(self._on_dataset(value, level) for value in values)
            case "model":
                return all(self._on_model(value) >= level for value in values)
            case "version":
                name = str(self._asked.fields.get("name", ""))
                return all(loading.of_version(self._world, self._caller, name, value) for value in values)
            case "source":
                return all(loading.of_source(self._world, self._caller, value) for value in values)
            case "granted":
                kind = str(self._asked.fields.get("resource_type", ""))
                return kind in GRANTED and all((self._caller.on(kind, value) or NOTHING) >= level for value in values)
        raise KeyError(need.resource)

    def _on_children(self, need: Need, kind: str, values: tuple[str, ...], level: int) -> bool:
        source = next(iter(told(self._asked, "source")), "") if self._has_source else ""
        if source and loading.is_of_source(self._world, kind, values, source):
            return True
        found = self._world.experiments(kind, values)
        if len(found) < len(values):
            return False
        short = [value for value in values if self._caller.within(found[value], TIERS[kind]) < level]
        if need.permission != "LOAD":
            return not short
        return all(self._opened(found[value], f"{found[value]}/models/{value}/artifacts") for value in short)

    def _on_file(self, need: Need, level: int) -> bool:
        within = self._asked.within
        if (experiment := within.get("experiment_id")) is None:
            return False
        kind, owner = next((kind, within[name]) for kind, name in IN_PLACES.items() if name in within)
        if self._world.experiments(kind, [owner]).get(owner) != experiment:
            return False
        if self._caller.within(experiment, TIERS[kind]) >= level:
            return True
        return need.permission == "LOAD" and self._opened(experiment, self._asked.place)

    def _opened(self, experiment: str, place: str) -> bool:
        """Whether a READ on a model opens this place, which MLflow's own check is then told for this request alone."""
        caller = self._world.caller(self._caller.name, TRACKING | REGISTRY)
        if caller is None or not loading.of_place(self._world, caller, place):
            return False
        self._about.opened.add(experiment)
        return True

    def _on_model(self, name: str) -> int:
        return self._caller.on(self._world.family(name), name) or NOTHING

    def _on_dataset(self, dataset: str, level: int) -> bool:
        experiments = self._world.experiments_of_dataset(dataset)
        return bool(experiments) and all(self._caller.within(experiment) >= level for experiment in experiments)

    def _is_beside(self, need: Need, values: tuple[str, ...]) -> bool:
        owners = self._named_by("experiment" if need.resource == "trace" else "trace")
        if need.resource == "trace":
            found = self._world.experiments("trace", values)
        else:
            found = self._world.traces_of_assessments(values)
        if need.permission == "MADE" and not set(values) <= found.keys() | self._named_by(need.resource, "NEW"):
            return False
        return set(found.values()) <= owners

    def _named_by(self, resource: str, *permissions: str) -> set[str]:
        """All that the request names of this kind, by needs of these permissions, or of any."""
        needs = [need for need in self._asked.route.needs if need.resource == resource]
        return {
            value
            for need in needs
            if not permissions or need.permission in permissions
            for value in told(self._asked, need.field)
        }


def told(asked: Asked, field: str) -> Iterator[str]:
    """All that a field names, through the messages and lists that it lies in."""
    return (str(value) for value in asked.named(field) if value != "") if field else iter(())


def _is_self(need: Need, user: str, asked: Asked) -> bool:
    return need.permission == "SELF" and all(value == user for value in told(asked, need.field))


def _refused(need: Need) -> Refusal:
    """Says what was needed, and never whether what was named is there."""
    if need.permission in BESIDE:
        return Refusal(
            403, "PERMISSION_DENIED", f"{need.field} is not yours to write: it is of something else. Use a new one."
        )
    if need.permission in ("ADMINISTRATOR", "SELF"):
        return Refusal(403, "PERMISSION_DENIED", "Permission denied: this is for an administrator.")
    if need.permission == "STAGE":
        return Refusal(
            403,
            "PERMISSION_DENIED",
            f"Permission denied: names that end in {' or '.join(STAGES)} are made by promotions. An account that "
            "promotes is one of the setting mlflowUsers with `promotes`; an administrator can make them too.",
        )
    permission = "READ" if need.permission == "LOAD" else need.permission
    return Refusal(
        403,
        "PERMISSION_DENIED",
        f"Permission denied: {permission} is needed on the {need.resource} of {need.field}. {SHARING}",
    )
