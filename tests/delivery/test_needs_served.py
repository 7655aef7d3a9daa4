"""What a served MLflow lets whom do: each route of the table, asked by a stranger, a reader and the owner."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from parapet_mlflow.gate.permissions import OPEN
from parapet_mlflow.gate.routes import load
from tests.delivery import lawful
from tests.delivery.mlflow import ALICE, BOB, Mlflow
from tests.delivery.teams import Team, Who, kinds, made, requests_about, seen, send, share

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]


def test_no_route_gives_a_stranger_anything_of_a_team_or_changes_it(shared: Mlflow, alices: Team) -> None:
    before, passed = seen(shared, alices), []
    for route, sent in requests_about(alices):
        answer = send(shared, BOB, sent)
        if kinds(route) <= set(OPEN):
            continue
        if answer.status_code != 403:
            passed.append((route.name, answer.status_code, answer.text[:200]))
        assert not [word for word in alices.identifiers if word in answer.text], route.name
    assert not passed
    assert seen(shared, alices) == before


def mixed(own: Team, others: Team) -> Iterator[tuple[str, lawful.Request]]:
    """Each request of the first team's, with one of what it names the other's."""
    theirs = others.fields()
    for route, sent in requests_about(own):
        for need in route.needs:
            *within, last = need.field.split(".")
            value = theirs.get(last.removesuffix("s"))
            if value is None or value == own.fields()[last.removesuffix("s")]:
                continue
            name = f"{route.name} {need.field}"
            if last in route.in_path:
                yield name, replace(sent, path=sent.path.replace(str(own.fields()[last]), value))
            elif not route.document:
                fields = json.loads(json.dumps(sent.fields))
                if put(fields, [*within, last], value):
                    yield name, sent.with_fields(fields)


def put(fields: Any, path: list[str], value: str) -> bool:
    """Puts it there, into one place of those that there are."""
    if isinstance(fields, list):
        return any(put(each, path, value) for each in reversed(fields))
    if not isinstance(fields, dict) or path[0] not in fields:
        return False
    if path[1:]:
        return put(fields[path[0]], path[1:], value)
    fields[path[0]] = [*fields[path[0]][1:], value] if isinstance(fields[path[0]], list) else value
    return True


def test_one_thing_of_another_among_ones_own_is_refused(shared: Mlflow, alices: Team) -> None:
    own, before, passed = made(shared, BOB), seen(shared, alices), []
    every = list(mixed(own, alices))
    assert {"traces/start trace.trace_info.trace_id", "runs/log-batch metrics.model_id"} <= {name for name, _ in every}
    for name, sent in every:
        answer = send(shared, BOB, sent)
        if answer.status_code not in (400, 403):
            passed.append((name, answer.status_code, answer.text[:300]))
    assert not passed
    assert seen(shared, alices) == before


def test_what_is_searched_shows_a_stranger_nothing_of_a_team(shared: Mlflow, alices: Team) -> None:
    before = seen(shared, alices)
    for route in load():
        if "SHOWN" not in kinds(route):
            continue
        given = {"max_results": 100, "experiment_ids": [alices.experiment], "filter": ""}
        fields: dict[str, Any] = {name: value for name, value in given.items() if name in route.shape}
        bare = lawful.Request(route.method, route.paths[0]).with_fields(fields)
        if route.document:
            bare = lawful.Request(route.method, route.path)
            bare = bare.with_fields(lawful.documents.request(route.document, fields))
        theirs, own = send(shared, BOB, bare), send(shared, ALICE, bare)
        assert not [word for word in alices.identifiers if word in theirs.text], route.name
        assert own.ok, (route.name, own.text)
        if route.name != "registered-models/search":
            assert [word for word in alices.identifiers if word in own.text], (route.name, own.text)
    assert seen(shared, alices) == before


def test_a_reader_reads_and_changes_nothing(shared: Mlflow, alices: Team, carol: Who) -> None:
    share(shared, alices, carol, "READ", "experiment", "registered_model", "prompt")
    before = seen(shared, alices)
    for route, sent in requests_about(alices):
        if kinds(route) <= set(OPEN):
            continue
        status = send(shared, carol, sent).status_code
        if kinds(route) - set(OPEN) <= {"READ", "LOAD"}:
            assert status not in (401, 403), route.name
        else:
            assert status == 403, route.name
    assert seen(shared, alices) == before


def test_the_owner_is_refused_nothing_of_his_own(shared: Mlflow) -> None:
    """Both checks, MLflow's own and the gate's, let through what the table says."""
    team, spare, taken = made(shared, ALICE), made(shared, ALICE), set[str]()
    takes = re.compile(r".*/(delete|delete-alias|rename|remove-experiments|revoke|permissions/(update|delete))")
    for route, sent in requests_about(team):
        if "ADMINISTRATOR" in kinds(route) or route.name == "users/update-password":
            continue
        if takes.fullmatch(route.name):
            # The others still need theirs; an experiment takes all with it.
            what = route.needs[0].resource
            if taken & {what, "experiment", "granted"}:
                spare, taken = made(shared, ALICE), set()
            taken.add(what)
            sent = {other.name: request for other, request in requests_about(spare)}[route.name]
        answer = send(shared, ALICE, sent)
        assert answer.status_code not in (401, 403), (route.name, answer.text)
