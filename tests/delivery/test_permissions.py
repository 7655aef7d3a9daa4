"""Who may do what: the table of needs, and how a request is judged by it, over a pretended database."""

import asyncio
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import chain, product
from typing import Any

import pytest
import yaml

from parapet_mlflow.gate.caller import EDIT, MANAGE, READ, Asking, Caller, Grant, asking, counts
from parapet_mlflow.gate.permissions import BESIDE, OPEN, TIERS, Permissions
from parapet_mlflow.gate.reading import ALIASES, Asked
from parapet_mlflow.gate.routes import ROUTES, Route, Shape, load, messages
from tests.delivery.world import MODEL, OTHERS, RUN, TRACE, UNKNOWN, Pretended, ask, experiment, refused

IDENTIFIER = re.compile(r"(?:.*_)?(?:id|ids|uuid|name|names|alias|version|source|overrides|username|pattern|path)")
"""Fields that may name something which is somebody's."""
FREE: dict[str, str] = yaml.load(ROUTES.read_text(), yaml.CSafeLoader)["free"]
RESOURCES = {"experiment", "experiment-name", "file", "dataset", "model", "version", "source", "granted", *TIERS}


def fields(shape: Shape, within: str = "", deep: int = 0) -> Iterator[str]:
    """Every field of a route, and those of the messages within."""
    for name, kind in shape.items():
        told = messages().get(kind.partition(" @")[0].strip("[]"))
        if isinstance(told, dict) and deep < 6:
            yield from fields(told, f"{within}{name}.", deep + 1)
        else:
            yield within + name


def test_each_need_is_of_a_kind_that_is_judged_and_of_a_field_that_is_there() -> None:
    for route in load():
        assert route.needs, route.name
        for need in route.needs:
            assert not need.field or need.field in set(fields(route.shape)), (route.name, need)
            if need.permission in (*OPEN, "ADMINISTRATOR"):
                assert not need.resource
            elif need.permission == "SELF":
                assert need.resource == "user"
            elif need.permission == "STAGE":
                assert need.resource == "model"
            elif need.permission in BESIDE:
                assert need.resource in ("trace", "assessment")
            else:
                assert need.permission in ("READ", "EDIT", "MANAGE", "LOAD"), (route.name, need)
                assert need.resource in RESOURCES, (route.name, need)


def test_each_field_that_names_something_has_a_need_or_a_reason_for_none() -> None:
    used = set()
    for route in load():
        needed = {need.field for need in route.needs}
        if any(need.permission == "ADMINISTRATOR" for need in route.needs):
            continue
        for name in fields(route.shape):
            if not IDENTIFIER.fullmatch(name.rpartition(".")[2]) or name in needed or ALIASES.get(name) in needed:
                continue
            reasons = [entry for entry in FREE if fnmatchcase(f"{route.name} {name}", entry)]
            assert reasons, (
                f"{route.name}: {name} has no need. Give it one in routes.yaml, or say under `free` why not."
            )
            used.update(reasons)
    idle = sorted(set(FREE) - used)
    assert not idle, "these reasons are for nothing"


@pytest.mark.parametrize("name", ["sepsis-staging", "sepsis-prod"])
def test_the_names_that_promotions_make_are_for_who_promotes(name: str) -> None:
    """Whoever makes one first owns it: the model could not be promoted, or would be pointed at by somebody else."""
    owned = Grant("registered_model", "sepsis-dev", "MANAGE")
    world = Pretended({"carol": [owned], "mia": [owned]}, promoters=("mia",))
    for who, refuses in (("carol", True), ("mia", False), ("root", False)):
        assert refused(world, who, "registered-models/create", name=name) == refuses
        assert refused(world, who, "registered-models/rename", name="sepsis-dev", new_name=name) == refuses
    for other in ("sepsis-dev", "sepsis", "sepsis-prod-2", "prod"):
        assert not refused(world, "carol", "registered-models/create", name=other)
        assert not refused(world, "carol", "registered-models/rename", name="sepsis-dev", new_name=other)
    edited = Pretended({"carol": [Grant("registered_model", name, "EDIT")], "mia": [owned]}, promoters=("mia",))
    for request in ({"new_name": "away"}, {"new_name": f"{name}-2"}):  # no command of the ledger would find it again
        assert refused(edited, "carol", "registered-models/rename", name=name, **request)
    told = ask(world, "carol", "registered-models/create", name=name)
    assert told
    assert "are made by promotions" in told.message


def test_what_changes_something_needs_more_than_an_account() -> None:
    makes = {"experiments/create", "registered-models/create"}
    searches = {route.name for route in load() if route.name.endswith(("search", "search-runs"))}
    for route in load():
        if route.method != "GET" and all(need.permission in OPEN for need in route.needs):
            assert route.name in makes | searches, route.name


@pytest.mark.parametrize(
    ("name", "level", "given"),
    [
        ("experiments/get", READ, {"experiment_id": "1"}),
        ("experiments/get-by-name", READ, {"experiment_name": "alices"}),
        ("experiments/update", EDIT, {"experiment_id": "1"}),
        ("experiments/delete", MANAGE, {"experiment_id": "1"}),
        ("runs/get", READ, {"run_id": RUN}),
        ("runs/set-tag", EDIT, {"run_id": RUN}),
        ("runs/delete", MANAGE, {"run_id": RUN}),
        ("runs/log-batch", EDIT, {"run_id": RUN, "metrics": [{"model_id": MODEL}]}),
        ("artifacts/download", READ, {"artifact_path": f"1/{RUN}/artifacts/a"}),
        ("artifacts/upload", EDIT, {"artifact_path": f"1/models/{MODEL}/artifacts/a"}),
        ("artifacts/delete", MANAGE, {"artifact_path": f"1/traces/{TRACE}/artifacts/a"}),
        ("logged-models/get", READ, {"model_id": MODEL}),
        ("traces/get", READ, {"trace_id": TRACE}),
        ("assessments/create", EDIT, {"trace_id": TRACE}),
        ("datasets/get", READ, {"dataset_id": "d-1"}),
        ("datasets/add-experiments", MANAGE, {"dataset_id": "d-1", "experiment_ids": ["2"]}),
        ("datasets/remove-experiments", MANAGE, {"dataset_id": "d-1", "experiment_ids": ["1"]}),
        ("users/permissions/grant", MANAGE, {"resource_type": "experiment", "resource_id": "1"}),
    ],
)
def test_a_permission_is_enough_and_a_lower_one_is_not(name: str, level: int, given: dict[str, Any]) -> None:
    ranks = {"READ": READ, "EDIT": EDIT, "MANAGE": MANAGE}
    for told, rank in ranks.items():
        world = Pretended({"carol": [experiment(told), experiment("MANAGE", "2")]})
        assert refused(world, "carol", name, **given) == (rank < level), told
    for none in ([], [experiment("MANAGE", "2")], [experiment("MANAGE"), experiment("DENY")]):
        assert refused(Pretended({"carol": none}), "carol", name, **given)
    assert not refused(Pretended(), "root", name, **given)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("runs/log-batch", {"run_id": OTHERS, "metrics": [{}, {"model_id": MODEL}]}),
        ("runs/log-batch", {"run_id": OTHERS, "metrics": [{"run_id": RUN}]}),
        ("runs/log-inputs", {"run_id": OTHERS, "models": [{"model_id": MODEL}]}),
        ("metrics/get-history-bulk", {"run_id": [OTHERS, RUN]}),
        ("traces/link-to-run", {"run_id": OTHERS, "trace_ids": [TRACE]}),
        ("datasets/get", {"dataset_id": "d-2"}),
        ("datasets/get", {"dataset_id": "d-3"}),
        ("datasets/add-experiments", {"dataset_id": "d-2", "experiment_ids": ["1"]}),
        ("traces/search", {"locations": [{"mlflow_experiment": {"experiment_id": each}} for each in ("2", "1")]}),
        ("runs/get", {"run_id": UNKNOWN}),
        ("artifacts/download", {"artifact_path": f"2/{RUN}/artifacts/a"}),
        ("logged-models/create", {"experiment_id": "2", "source_run_id": RUN}),
        ("model-versions/create", {"name": "mine", "source": f"runs:/{RUN}/m"}),
        ("model-versions/create", {"name": "mine", "source": f"runs:/{OTHERS}/m", "model_id": MODEL}),
        ("users/permissions/grant", {"resource_type": "experiment", "resource_id": "1"}),
        ("users/permissions/grant", {"resource_type": "workspace", "resource_id": "default"}),
        ("users/get", {"username": "alice"}),
        ("users/list", {}),
        ("roles/list", {"workspace": ["default"]}),
        ("roles/get", {"role_id": 1}),
    ],
)
def test_one_thing_of_another_is_enough_to_refuse_it_all(name: str, given: dict[str, Any]) -> None:
    bob = [experiment("MANAGE", "2"), Grant("registered_model", "mine", "MANAGE")]
    assert refused(Pretended({"bob": bob}), "bob", name, **given)


def test_a_name_is_compared_literally_and_a_star_is_for_roles() -> None:
    for name in ("10", "01", " 1", "*"):
        assert refused(Pretended({"bob": [experiment("MANAGE", "1")]}), "bob", "experiments/get", experiment_id=name)
    assert counts("*", role_is_own=False)
    assert not counts("*", role_is_own=True)
    assert not refused(Pretended({"bob": [experiment("READ", "*")]}), "bob", "runs/get", run_id=RUN)
    assert refused(Pretended({"bob": [experiment("READ", "*"), experiment("DENY")]}), "bob", "runs/get", run_id=RUN)
    everyone = ask(Pretended(), "root", "users/permissions/grant", resource_type="experiment", resource_id="*")
    assert everyone is not None
    assert everyone.status == 400


def test_a_prompts_grant_is_for_the_prompt() -> None:
    world = Pretended({"bob": [Grant("registered_model", "p", "MANAGE")]}, prompts=("p",))
    assert refused(world, "bob", "registered-models/get", name="p")
    world.grants["bob"] = [Grant("prompt", "p", "READ")]
    assert not refused(world, "bob", "registered-models/get", name="p")


def test_a_role_may_say_otherwise_of_runs_than_of_their_experiment() -> None:
    denied = Pretended({"bob": [experiment("MANAGE"), Grant("run", "*", "DENY")]})
    assert refused(denied, "bob", "runs/get", run_id=RUN)
    assert not refused(denied, "bob", "experiments/get", experiment_id="1")
    assert not refused(
        Pretended({"bob": [experiment("READ"), Grant("run", "*", "EDIT")]}), "bob", "runs/set-tag", run_id=RUN
    )
    assert refused(Pretended({"bob": [Grant("run", "*", "EDIT")]}), "bob", "runs/set-tag", run_id=RUN)


def test_a_trace_is_started_under_a_new_id_or_within_its_own_experiment() -> None:
    world = Pretended({"alice": [experiment("MANAGE")], "bob": [experiment("MANAGE", "2")]})

    def start(who: str, trace: str, in_: str, **more: Any) -> bool:
        info = {"trace_id": trace, "trace_location": {"mlflow_experiment": {"experiment_id": in_}}, **more}
        return refused(world, who, "traces/start", trace={"trace_info": info})

    assert not start("bob", "tr-new", "2")
    assert not start("alice", TRACE, "1")
    assert start("bob", TRACE, "2")
    assert start("root", TRACE, "2"), "an administrator has no reason to either"
    for taken in ({"assessment_id": "a-1"}, {"overrides": "a-1"}, {"overrides": "a-2"}, {"trace_id": TRACE}):
        assert start("bob", "tr-new", "2", assessments=[taken]), taken
    assert not start("bob", "tr-new", "2", assessments=[{"assessment_id": "a-2"}, {"overrides": "a-2"}])
    assert not start("alice", TRACE, "1", assessments=[{"assessment_id": "a-1"}])
    assert not start("bob", "tr-new", "2", assessments=[{"assessment_id": "a-2"}])
    for nobodys in ({}, {"trace_id": ""}):
        info = {"trace_location": {"mlflow_experiment": {"experiment_id": "2"}}, **nobodys}
        why = ask(world, "bob", "traces/start", trace={"trace_info": info})
        assert why is not None
        assert (why.status, "trace_id is missing" in why.message) == (400, True)


def test_what_is_acted_on_is_named_whatever_else_is() -> None:
    world = Pretended({"bob": [experiment("MANAGE", "2")]})
    for nothing in ({}, {"experiment_id": ""}):
        why = ask(world, "bob", "logged-models/create", source_run_id=OTHERS, **nothing)
        assert why is not None
        assert (why.status, "experiment_id is missing" in why.message) == (400, True)


def test_what_a_request_left_is_not_the_next_ones() -> None:
    """A connection's next request, sent before the first was answered, is a task made by the first."""
    world, left = Pretended({"bob": []}), Asking(opened={"1"})

    async def told(name: str, **given: Any) -> Asking | None:
        asking.set(left)
        route = next(each for each in load() if each.name == name)
        await Permissions(world).allowed("bob", Asked(route, route.paths[0], given))
        return asking.get()

    for name, given in (("experiments/search", {}), ("users/get", {"username": "bob"}), ("health", {})):
        about = asyncio.run(told(name, **given))
        assert about is not None
        assert not about.opened, name


def test_a_search_knows_what_may_be_read() -> None:
    def readable(*grants: Grant, administers: bool = False) -> tuple[bool, tuple[str, ...]]:
        return Caller("bob", 1, administers, frozenset(), grants).readable("experiment")

    others = (experiment("NO_PERMISSIONS", "2"), Grant("prompt", "3", "READ"))
    assert readable(experiment("READ"), *others) == (False, ("1",))
    assert readable(experiment("READ", "*"), experiment("DENY"), experiment("EDIT", "2")) == (True, ("1",))
    assert readable(experiment("DENY", "*"), experiment("READ")) == (False, ())
    assert readable(experiment("DENY"), administers=True) == (True, ())


def test_experiments_whose_traces_one_may_change_are_those_by_which_a_trace_is_judged() -> None:
    levels = ("DENY", "NO_PERMISSIONS", "READ", "EDIT", "MANAGE")
    grants = [(), *((experiment(each),) for each in levels), *((experiment(each, "*"),) for each in levels)]
    of_traces = [(), *((Grant("trace", "*", each),) for each in levels)]
    for some in product(grants, grants, of_traces):
        caller = Caller("bob", 1, False, frozenset(), tuple(chain(*some)))
        for kind, level in product(("", "trace"), (READ, EDIT)):
            every, names = caller.experiments_with(kind, level)
            for number in ("1", "2"):
                assert (every != (number in names)) == (caller.within(number, kind) >= level), (some, kind, level)


def test_what_a_request_has_read_is_not_read_again() -> None:
    world, about = Pretended({"bob": [experiment("READ"), Grant("run", "*", "READ")]}), Asking()
    assert ask(world, "bob", "runs/get", about, run_id=RUN) is None
    assert about.told(hash("bob"), {"experiment", "workspace"}) == [experiment("READ")]
    assert about.told(hash("bob"), {"registered_model"}) is None
    assert about.told(hash("alice"), {"experiment"}) is None


def test_a_request_that_names_nothing_and_one_of_nobody_are_refused() -> None:
    world = Pretended({"bob": []})
    told = ask(world, "bob", "runs/get")
    assert told is not None
    assert (told.status, "run_id" in told.message) == (400, True)
    assert (ask(world, None, "runs/get", run_id=RUN) or told).status == 401
    assert (ask(world, "nobody", "runs/get", run_id=RUN) or told).status == 403
    assert ask(world, None, "health") is None
    assert ask(world, "bob", "experiments/search") is None
    assert ask(world, "bob", "users/get", username="bob") is None


def test_no_refusal_has_a_value_in_it() -> None:
    world = Pretended({"bob": []})
    for route in load():
        given = dict.fromkeys(route.shape, "Jane-Doe")
        if route.group == "files":
            continue
        told = (
            Permissions(world).decide("bob", Asked(route, route.paths[0], given), Asking()) if _judged(route) else None
        )
        assert told is None or "Jane" not in told.message


def _judged(route: Route) -> bool:
    return any(need.permission not in OPEN for need in route.needs)
