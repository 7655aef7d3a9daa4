"""What the gate reads of MLflow's tables is what MLflow itself tells of them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from parapet_mlflow.configuration import THREADS
from tests.delivery.postgres import PASSWORD, USER, Postgres

MLFLOW = """
import json, os, sys
from parapet_mlflow import configuration
configuration.decide()
os.environ |= {"MLFLOW_AUTH_CONFIG_PATH": sys.argv[1], "MLFLOW_FLASK_SERVER_SECRET_KEY": "any"}
from mlflow.server import auth
from parapet_mlflow import remembered
from parapet_mlflow.gate.caller import REGISTRY, TRACKING, Asking, asking
from parapet_mlflow.gate.world import Database

auth.store.init_db(sys.argv[2])
alice, bob = (auth.store.create_user(name, "a-long-password") for name in ("alice", "bob"))
OWN = (
    ("experiment", "1", "MANAGE"),
    ("experiment", "2", "READ"),
    ("registered_model", "m", "EDIT"),
    ("registered_model", "*", "MANAGE"),
    ("prompt", "p", "READ"),
    ("run", "*", "EDIT"),
)
for grant in OWN:
    auth.store.grant_user_permission("alice", *grant)
role = auth.store.create_role("auditors", "default")
auth.store.add_role_permission(role.id, "experiment", "*", "READ")
auth.store.add_role_permission(role.id, "workspace", "*", "USE")
auth.store.assign_role_to_user(alice.id, role.id)
theirs = auth.store.list_grants
world = Database(auth.store.engine)
remembered.install(world)
told = {}
for name, user in (("alice", alice), ("bob", bob)):
    for types in (("experiment",), ("experiment", "run"), ("registered_model", "prompt"), ("gateway_secret",)):
        about = Asking(world.caller(name, TRACKING | REGISTRY))
        lists = [theirs(user.id, "default", types), auth.store.list_grants(user.id, "default", types)]
        token = asking.set(about)
        lists.append(auth.store.list_grants(user.id, "default", types))
        about.opened.add("7")
        lists.append(auth.store.list_grants(user.id, "default", types))
        asking.reset(token)
        told[f"{name} {' '.join(types)}"] = [sorted(map(list, each)) for each in lists]
assert world.caller("nobody", TRACKING) is None
with auth.store.engine.connect() as other:
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    told["ended"] = other.exec_driver_sql(f"{ended} AND datname = current_database()").scalar()
told["afterwards"] = world.caller("alice", TRACKING).name
several = world.callers(["alice", "bob", "nobody"], TRACKING)
assert sorted(several) == ["alice", "bob"]
for one in (world.caller(name, TRACKING) for name in several):
    assert (one.user, sorted(one.grants)) == (several[one.name].user, sorted(several[one.name].grants)), one.name

from flask import Flask, g
from parapet_mlflow.gate import searches
asked = ["1", "2", "3"]
def searched():
    with Flask("any").test_request_context():
        g.mlflow_authenticated_user = "bob"
        return auth.filter_experiment_ids(asked)
auth.store.grant_user_permission("bob", "experiment", "2", "READ")
auth.sender_is_admin = lambda: None.is_admin
told["theirs"] = searched()
searches.install(world)
searches.install(world)
told["ours"] = searched()
def reads_2():
    return any(pattern == "2" for _, pattern, _ in auth.store.list_grants(alice.id, "default", ("experiment",)))
token = asking.set(Asking(world.caller("alice", TRACKING | REGISTRY)))
auth.store.revoke_user_resource_permission("alice", "experiment", "2")
told["taken meanwhile"] = [reads_2()]
asking.reset(token)
told["taken meanwhile"].append(reads_2())
told["connections"] = auth.store.engine.pool.size(), auth.store.engine.pool._max_overflow
print(json.dumps(told))
"""


@pytest.mark.process
@pytest.mark.xdist_group("mlflow")
def test_grants_are_told_as_mlflow_tells_them_but_for_stars_of_ones_own(
    image: Path, database: Postgres, tmp_path: Path
) -> None:
    name = f"world_{uuid4().hex[:8]}"
    database.sql(f"CREATE DATABASE {name}")
    address, settings = database.uri(name), tmp_path / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = administrator\n"
        f"database_uri = {address}\nauth_cache_ttl_seconds = 60\n"
    )
    asked = [str(image / "bin" / "python"), "-c", MLFLOW, str(settings), address]
    who = {"PGUSER": USER, "PGPASSWORD": PASSWORD}
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, env=os.environ | who)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    # MLflow's filter of a search fails here, and leaves everything in.
    assert (told.pop("theirs"), told.pop("ours")) == (["1", "2", "3"], ["2"])
    # One whose connection has died meanwhile reads on another.
    assert told.pop("ended") >= 1
    assert told.pop("afterwards") == "alice"
    # One request is judged by one view, whatever changes between the gate's check and MLflow's; the next by another.
    assert told.pop("taken meanwhile") == [True, False]
    # A call takes up to three connections; none waits for another's.
    assert sum(told.pop("connections")) == 3 * THREADS
    assert len(told["alice experiment run"][0]) == 5
    for asked_for, (theirs, ours, of_this_request, opened) in told.items():
        own_stars = [["registered_model", "*", "MANAGE"], ["run", "*", "EDIT"]]
        assert ours == [each for each in theirs if each not in own_stars], asked_for
        assert of_this_request == ours, asked_for
        more = [["experiment", "7", "READ"]] if "experiment" in asked_for else []
        assert opened == sorted(ours + more), asked_for
