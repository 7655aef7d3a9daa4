"""docs/access.yaml is the whole truth: every verb on every kind that a live API server knows, in every namespace, for
each role of people and each service account that the stack or its charts make.

RBAC's objects are read from the server and spelt out; a sample is asked of the server itself.
"""

import json
from collections.abc import Iterable
from typing import Any
from zlib import crc32

import pytest
import yaml

from cluster import namespaces as ns
from local.kubernetes.control_plane.definitions import PERMISSIONS
from local.workspace import Workspace
from tests.platform.cluster import charts, manifests, rights
from tests.platform.cluster.api import Api
from tests.platform.cluster.charts import Helm
from tests.platform.cluster.rights import EVERYBODYS, GROUPS, Right, Server
from tests.platform.mocked import run_program
from tests.platform.variants import MANY

pytestmark = pytest.mark.engine

OF_RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount")
DEFAULTS = {f"{namespace}/default" for namespace in (*ns.EVERY, *(each.name for each in manifests.SPACES))}
SAMPLE = 12
"""Rights of each subject, and as many that it lacks, of which the server is asked."""


@pytest.fixture(scope="module")
def made(helm: Helm) -> list[dict[str, Any]]:
    """All accounts, roles and bindings of a stack whose nodes come and go, its charts' too."""
    found = [each for each in manifests.objects(run_program(**MANY).made) if each["kind"] in OF_RBAC]
    for chart in charts.every().values():
        for each in (each for each in helm.render(chart) if each["kind"] in OF_RBAC):
            if not each["kind"].startswith("Cluster"):
                each["metadata"].setdefault("namespace", chart.namespace)
            found.append(each)
    return found


@pytest.fixture(scope="module")
def accounts(made: list[dict[str, Any]]) -> set[str]:
    """All of them, by `namespace/name`."""
    own = [each["metadata"] for each in made if each["kind"] == "ServiceAccount"]
    return {f"{each['namespace']}/{each['name']}" for each in own} | DEFAULTS


@pytest.fixture(scope="module")
def server(meshed: Api, workspace: Workspace, made: list[dict[str, Any]]) -> Server:
    crds = [yaml.safe_load(file.read_text()) for file in (workspace.sources / "crds" / "karpenter").glob("*.yaml")]
    assert crds
    stacks = manifests.objects(run_program(**MANY).made)
    crds += [each for each in stacks if each["kind"] == "CustomResourceDefinition"]
    answer = meshed.apply(*crds, *made)
    assert answer.done, answer.text
    waited = meshed.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    assert waited.done, waited.text
    return Server.of(meshed)


def _wrong(server: Server, who: str) -> dict[str, list[str]]:
    said = rights.said(who)
    holds = server.rights(*rights.subjects(who), *EVERYBODYS)
    return {
        "may, and the table does not say so": _listed(holds - said),
        "may not, and the table says so": _listed(said - holds),
    }


def _listed(found: Iterable[Right]) -> list[str]:
    """One line for each verb and kind."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for each in sorted(found):
        places.setdefault((each.verb, each.kind, each.name), []).append(each.place)
    return [f"{verb} {kind} {name} in {', '.join(where)}" for (verb, kind, name), where in places.items()]


NOTHING: dict[str, list[str]] = {"may, and the table does not say so": [], "may not, and the table says so": []}


@pytest.mark.parametrize("role", GROUPS)
def test_a_role_may_what_the_table_says_and_nothing_else(server: Server, role: str) -> None:
    assert (wrong := _wrong(server, role)) == NOTHING, json.dumps(wrong, indent=1)


def test_an_account_may_what_the_table_says_and_nothing_else(server: Server, accounts: set[str]) -> None:
    wrong = {each: found for each in sorted(accounts) if (found := _wrong(server, each)) != NOTHING}
    assert wrong == {}, json.dumps(wrong, indent=1)


def test_somebody_decided_on_each_kind(server: Server) -> None:
    decided = {kind for line in rights.table() for kind in line["to"]}
    assert {each.name for each in server.kinds} - decided == set(), "kinds of which docs/access.yaml says nothing"


def test_the_table_speaks_of_what_is_there(server: Server, accounts: set[str]) -> None:
    kinds = {each.name: each for each in server.kinds}
    for line in rights.table():
        assert set(line["do"]) <= {*rights.VERBS, *rights.STRANGE}, line
        assert set(line["may"]) <= {*map(rights.named, GROUPS), *accounts, rights.EVERYBODY, rights.ACCOUNTS}, line
        assert set(line["in"]) <= {*rights.PLACES, rights.A_WORKSPACE, rights.CLUSTER, "every"}, line
        unknown = {each for each in line["to"] if each not in kinds and not each.startswith("/")}
        assert unknown == set(), line
        in_cluster = {each for each in line["to"] if each.startswith("/") or not kinds[each].namespaced}
        assert (line["in"] == [rights.CLUSTER]) == (in_cluster == set(line["to"])), line


def test_no_line_refuses_what_another_gives() -> None:
    """Of the roles: those that a line does not name may not, whatever another says."""
    said = {role: rights.said(role) for role in GROUPS}
    for line in rights.table():
        people = {who for who in GROUPS if rights.named(who) in line["may"]}
        if people or not line["may"]:
            others = GROUPS.keys() - people
            assert {who for who in others if said[who] & set(rights.asked(line, who))} == set(), line


def test_whoever_is_bound_is_in_the_table(server: Server, accounts: set[str]) -> None:
    known = {subject for who in (*GROUPS, *accounts) for subject in rights.subjects(who)}
    own = {("User", f"parapet:{part}") for part in PERMISSIONS}
    unknown = {each for each in server.rules if not each[1].startswith("system:")} - known - own
    assert unknown == set()
    apart = f"system:serviceaccount:{ns.KUBE_SYSTEM}:"
    strange = {each for each in server.rules if each[1].startswith("system:serviceaccount:")} - known
    assert {each for each in strange if not each[1].startswith(apart)} == set()


def test_the_server_says_the_same(server: Server, accounts: set[str]) -> None:
    wrong = []
    for who in (*GROUPS, *sorted(accounts - DEFAULTS), "default/default"):
        holds = server.rights(*rights.subjects(who), *EVERYBODYS)
        others = {
            Right(verb, kind.name, place)
            for kind in server.kinds
            for verb in rights.VERBS
            for place in (rights.PLACES if kind.namespaced else (rights.CLUSTER,))
        }
        user, groups = ("someone", [GROUPS[who]]) if who in GROUPS else rights.account(who)
        for may, each in (*((True, each) for each in _few(holds)), *((False, each) for each in _few(others - holds))):
            if server.says(user, groups, each) != may:
                wrong.append((who, may, each))
    assert wrong == []


def _few(found: set[Right]) -> list[Right]:
    """The same ones each time, of all sorts."""
    asked = [each for each in found if not each.kind.startswith("/")]
    return sorted(asked, key=lambda each: crc32(repr(each).encode()))[:SAMPLE]
