"""What the stack makes where people write is nobody's but the stack's, whatever their role lets them write."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.stacks_objects import NAMES
from cluster.labels import MANAGED
from cluster.roles import ML_ENGINEER, PLATFORM_OPERATOR, ROLES, WORKSPACE
from tests.cluster import wait_for
from tests.platform.cluster import manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Grouped, Member, govern, refused
from tests.platform.mocked import run_program
from tests.platform.variants import MANY

RULE = "the-stacks-objects-are-the-stacks"
PLURALS = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
HERE = (ns.PIPELINES.name, ns.MONITORING.name)
WRITES = {"create", "update", "patch", "delete"}


def plural(kind: str) -> str:
    return PLURALS.get(kind, kind.lower() + "s")


def group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    """All that a stack with everything makes in namespaces."""
    return [each for each in manifests.objects(run_program(**MANY).made) if "namespace" in each["metadata"]]


def written() -> Iterator[tuple[str, str, str]]:
    """The API groups, kinds and namespaces of what people may write by their roles."""
    grants = [(each, each.namespaces) for role in ROLES for each in role.grants]
    grants += [(each, tuple(space.name for space in manifests.SPACES)) for each in WORKSPACE if each.name == "work"]
    for grant, namespaces in grants:
        for rule in grant.rules:
            if WRITES & set(rule["verbs"]):
                yield from (
                    (name, resource, where)
                    for name in rule["apiGroups"]
                    for resource in rule["resources"]
                    for where in namespaces
                )


def test_all_of_it_has_the_stacks_label(made: list[dict[str, Any]]) -> None:
    """But for what is somebody else's, of which the stack writes a word: an account of Kubernetes' own, the mesh's
    certificates (the guardrail authorities-are-the-controllers) and a quota whose namespace nobody else writes in."""
    others = {
        (each["kind"], each["metadata"]["name"])
        for each in made
        if MANAGED.items() - each["metadata"].get("labels", {}).items()
    }
    assert others <= {("ServiceAccount", "default"), ("ConfigMap", "istio-ca-root-cert"), ("ResourceQuota", "quota")}


def test_what_people_could_make_before_the_stack_does_is_held_by_its_name(made: list[dict[str, Any]]) -> None:
    may = set(written())
    reached = {
        f"{plural(each['kind'])} {each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in made
        if each["metadata"]["namespace"] != ns.MODELS.name  # `models-are-the-stacks` holds all of it
        and (group(each["apiVersion"]), plural(each["kind"]), each["metadata"]["namespace"]) in may
    }
    assert reached == set(NAMES)


def config_map(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": {"defaultPipelineRoot": "s3://phi/features/x"},
    }


@pytest.fixture(scope="module")
def governed(guarded: Api) -> Iterator[Api]:
    """With a ConfigMap of the stack's and a team's where the tests look."""
    govern(guarded)
    for namespace in HERE:
        answer = guarded.apply(config_map(namespace, "the-stacks", **MANAGED), config_map(namespace, "a-teams"))
        assert answer.done, answer.text
    engineer = Member.of(ML_ENGINEER, guarded)
    wait_for(lambda: not engineer.delete("/api/v1/namespaces/pipelines/configmaps/the-stacks").done)
    yield guarded
    for namespace in HERE:
        guarded.run("delete", "configmap", "the-stacks", "a-teams", f"--namespace={namespace}", "--wait=false")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("role", "namespace"),
    [(ML_ENGINEER, ns.PIPELINES.name), (PLATFORM_OPERATOR, ns.MONITORING.name)],
    ids=["ml-engineer", "platform-operator"],
)
def test_people_neither_change_nor_end_nor_claim_it(governed: Api, role: Grouped, namespace: str) -> None:
    member, at = Member.of(role, governed), f"/api/v1/namespaces/{namespace}/configmaps"
    theirs = f"{at}/the-stacks"
    unlabelled: dict[str, Any] = {"metadata": {"labels": dict.fromkeys(MANAGED)}}
    for answer in (
        member.patch(theirs, {"data": {"defaultPipelineRoot": "s3://phi/deidentified/x"}}),
        member.patch(theirs, unlabelled),
        member.delete(theirs),
        member.create(at, config_map(namespace, "claimed", **MANAGED)),
        member.patch(f"{at}/a-teams", {"metadata": {"labels": MANAGED}}),
    ):
        assert refused(answer, RULE, "is the stack's")
    assert (answer := member.patch(f"{at}/a-teams", {"data": {"own": "x"}})).done, answer.text
    assert (answer := member.delete(f"{at}/a-teams")).done, answer.text
    assert (answer := member.create(at, config_map(namespace, "mine"))).done, answer.text


@pytest.mark.engine
def test_a_name_of_the_stacks_is_not_taken_before_the_stack_is_there(governed: Api) -> None:
    """Here nothing is called so: whoever made one now would have his own fields in what the stack writes later."""
    engineer, at = Member.of(ML_ENGINEER, governed), "/api/v1/namespaces/pipelines/configmaps"
    taken = config_map("pipelines", "kfp-launcher")
    assert refused(engineer.create(at, taken), RULE, "configmaps pipelines/kfp-launcher is the stack's")
    assert refused(engineer.apply(at, taken), RULE)
    # Elsewhere it is a name like any other, and the stack's own hand makes it here.
    notebooks = manifests.WORKSPACES[0]
    where = notebooks.namespace.name
    elsewhere = Member.of(notebooks, governed).create(
        f"/api/v1/namespaces/{where}/configmaps", config_map(where, "kfp-launcher")
    )
    assert elsewhere.done, elsewhere.text
    answer = governed.apply(config_map("pipelines", "kfp-launcher", **MANAGED), dry_run=True)
    assert answer.done, answer.text


@pytest.mark.engine
def test_a_pod_of_the_stacks_is_restarted_all_the_same(governed: Api) -> None:
    """Of its label people are told nothing: who may delete a pod does, and who made it makes another."""
    member = Member.of(PLATFORM_OPERATOR, governed)
    answer = member.delete(f"/api/v1/namespaces/{ns.MONITORING.name}/pods/none")
    assert "not found" in answer.text, answer.text
    assert RULE not in json.dumps(answer.text)
