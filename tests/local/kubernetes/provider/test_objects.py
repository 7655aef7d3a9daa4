"""What a user does with objects of any kind, through the real engine, looked at with kubectl."""

from __future__ import annotations

import json
from typing import Any

from local.plugin import journal
from tests.cluster import CLUSTER

from .conftest import Stack
from .programs import DEFINITION, GADGET, OLD, PLAIN, SERVICE, SETTINGS, WEB

pytestmark = CLUSTER


def test_a_second_update_changes_nothing_and_destroy_leaves_nothing(stack: Stack) -> None:
    stack.program(WEB + SERVICE + SETTINGS)
    journalled = stack.folder / "journal"
    said = stack.run("preview")
    assert stack.gone("deployment", "web"), said
    stack.up(PARAPET_CREATED=str(journalled))
    assert stack.live("deployment", "web")["status"]["availableReplicas"] == 2
    resources = stack.resources()
    settings = resources["Settings"]["id"]
    assert settings.startswith(f"{stack.namespace}/settings-")
    assert stack.live("configmap", settings.split("/")[1])["data"] == {"a": "1"}
    made = {urn: left.id for urn, left in journal.read(journalled).items()}
    objects = {one["urn"]: one["id"] for one in resources.values() if one["type"].startswith("kubernetes:")}
    assert objects == made
    stack.unchanged()
    stack.destroy()
    assert stack.cluster.run("get", "namespace", stack.namespace, "--output=json").returncode


def test_what_a_run_made_that_was_killed_before_its_state_was_written_is_taken_over(stack: Stack) -> None:
    """What can become what is wanted now stays, and the rest is made anew; nothing is there twice."""
    made = stack.folder / "journal"
    stack.program(WEB + SERVICE + SETTINGS)
    stack.up(PARAPET_CREATED=str(made))
    before = stack.resources()
    stack.engine.forget(stack.folder)
    stack.program((WEB + SERVICE + SETTINGS).replace('"app": "web"', '"app": "other"'))
    stack.up(PARAPET_UNFINISHED=str(made))
    after = stack.resources()
    assert after["Settings"]["id"] == before["Settings"]["id"], "the name that was made up for it"

    def identity(name: str, resources: dict[str, Any]) -> str:
        return str(resources[name]["outputs"]["metadata"]["uid"])

    assert identity("Settings", after) == identity("Settings", before)
    assert identity("web", after) != identity("web", before), "a Deployment's selector cannot be changed"
    there = stack.cluster.get("configmaps", f"--namespace={stack.namespace}")["items"]
    assert [one for one in there if one["metadata"]["name"].startswith("settings-")] == [
        stack.live("configmap", after["Settings"]["id"].split("/")[1])
    ]
    stack.unchanged()


def test_a_refresh_shows_what_was_edited_by_hand_and_an_update_says_who_holds_it(stack: Stack) -> None:
    stack.program(WEB)
    stack.up()
    stack.cluster.kubectl("set", "image", "deployment/web", "web=web:2", f"--namespace={stack.namespace}")
    said = stack.refresh()
    assert 'image: "web:1" => "web:2"' in said
    refused = stack.run("preview", ok=False)
    assert 'containers[name="web"].image ("kubectl-set"' in refused
    assert "pulumi.com/patchForce" in refused
    forced = '"namespace": NAMESPACE, "annotations": {"pulumi.com/patchForce": "true"}'
    stack.program(WEB.replace('"namespace": NAMESPACE', forced))
    stack.up()
    assert stack.live("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"
    stack.unchanged()


def test_what_another_added_is_no_drift_and_stays(stack: Stack) -> None:
    stack.program(WEB)
    stack.up()
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]}}}}
    at = ("deployment", "web", f"--namespace={stack.namespace}")
    stack.cluster.kubectl("patch", *at, f"--patch={json.dumps(sidecar)}")
    stack.cluster.kubectl("annotate", *at, "team=blue")
    stack.refresh()
    stack.run("preview", "--expect-no-changes")
    stack.program(WEB.replace("web:1", "web:2"))
    stack.up()
    live = stack.live("deployment", "web")
    assert {one["image"] for one in live["spec"]["template"]["spec"]["containers"]} == {"web:2", "proxy:1"}
    assert live["metadata"]["annotations"]["team"] == "blue"


def test_what_leaves_the_program_leaves_the_object(stack: Stack) -> None:
    stack.program(PLAIN)
    stack.up()
    stack.program(PLAIN.replace(', "b": "2"', ""))
    assert 'b: "2"' in stack.run("preview", "--diff")
    stack.up()
    assert stack.live("service", "plain")["metadata"]["labels"] == {"a": "1"}
    stack.unchanged()


def test_what_cannot_change_is_replaced_and_one_of_a_fixed_name_is_deleted_first(stack: Stack) -> None:
    code = """
k.core.v1.ConfigMap("free", metadata={"namespace": NAMESPACE}, data={"a": "1"}, opts=within)
k.core.v1.ConfigMap("fixed", metadata={"name": "fixed", "namespace": NAMESPACE}, data={"a": "1"}, opts=within)
"""
    stack.program(code + WEB)
    stack.up()
    free, uid = stack.resources()["free"]["id"], stack.live("deployment", "web")["metadata"]["uid"]
    stack.program((code + WEB).replace('"a": "1"', '"a": "2"').replace('"app": "web"', '"app": "other"'))
    stack.run("preview")
    stack.up()
    after = stack.resources()["free"]["id"]
    assert after != free
    assert stack.gone("configmap", free.split("/")[1])
    assert stack.live("configmap", "fixed")["data"] == {"a": "2"}
    assert stack.live("deployment", "web")["metadata"]["uid"] != uid
    stack.unchanged()


def test_a_kind_is_made_and_used_in_one_program(stack: Stack) -> None:
    stack.program(DEFINITION + GADGET)
    stack.run("preview")
    stack.up()
    name = stack.resources()["gadget"]["id"].split("/")[1]
    assert stack.live("gadgets.tests.parapet.dev", name)["spec"] == {"size": 1, "tags": ["a", "b"]}
    stack.unchanged()
    # The order of a set means nothing.
    stack.program(DEFINITION + GADGET.replace('["a", "b"]', '["b", "a"]'))
    stack.run("preview", "--expect-no-changes")
    stack.program(DEFINITION + GADGET.replace('["a", "b"]', '["b", "c"]'))
    stack.up()
    assert stack.live("gadgets.tests.parapet.dev", name)["spec"]["tags"] == ["b", "c"]
    stack.destroy()


def test_an_object_that_exists_is_refused_unless_the_provider_may_take_it_over(stack: Stack) -> None:
    stack.cluster.kubectl("create", "namespace", stack.namespace)
    stack.cluster.kubectl("create", "configmap", "old", "--from-literal=a=1", f"--namespace={stack.namespace}")
    code = 'k.core.v1.ConfigMap("old", metadata={"name": "old", "namespace": NAMESPACE}, data={"a": "1", "b": "2"})'
    stack.program(code, namespace=False)
    for said in (stack.run("preview", ok=False), stack.up(ok=False)):
        assert f"ConfigMap {stack.namespace}/old already exists" in said
        assert "pulumi import" in said
    stack.up(PULUMI_K8S_UPSERT_EXISTING_OBJECTS="true")
    assert stack.live("configmap", "old")["data"] == {"a": "1", "b": "2"}


def test_a_create_that_a_killed_run_made_is_taken_for_its_own(stack: Stack) -> None:
    stack.program(WEB)
    stack.up()
    resources = stack.resources()
    uid = stack.live("deployment", "web")["metadata"]["uid"]
    stack.run("state", "delete", resources["web"]["urn"], "--yes")
    stack.up()
    assert stack.live("deployment", "web")["metadata"]["uid"] == uid
    assert stack.resources()["web"]["id"] == f"{stack.namespace}/web"


def test_an_object_is_got_by_its_id_and_imported(stack: Stack) -> None:
    stack.cluster.kubectl("create", "namespace", stack.namespace)
    stack.cluster.kubectl("create", "configmap", "old", "--from-literal=a=1", f"--namespace={stack.namespace}")
    stack.program('pulumi.export("a", k.core.v1.ConfigMap.get("old", f"{NAMESPACE}/old").data)', namespace=False)
    assert '"1"' in stack.up()
    stack.program("", namespace=False)
    stack.up()
    old = ("kubernetes:core/v1:ConfigMap", "mine", f"{stack.namespace}/old")
    stack.run("import", *old, "--yes", "--generate-code=false")
    stack.program("keep = pulumi.ResourceOptions(protect=True)" + OLD, namespace=False)
    stack.run("preview", "--expect-no-changes")
    missing = stack.run("import", "kubernetes:core/v1:ConfigMap", "no", "default/none", "--yes", ok=False)
    assert "does not exist" in missing


def test_a_patch_holds_its_fields_only_and_lets_go_of_them(stack: Stack) -> None:
    stack.cluster.kubectl("create", "namespace", stack.namespace)
    labelled = '{"name": NAMESPACE, "labels": {"team": "blue"}}'
    stack.program(f'k.core.v1.NamespacePatch("label", metadata={labelled})', namespace=False)
    stack.up()
    assert stack.cluster.get("namespace", stack.namespace)["metadata"]["labels"]["team"] == "blue"
    stack.unchanged()
    stack.destroy()
    assert "team" not in stack.cluster.get("namespace", stack.namespace)["metadata"]["labels"]


def test_an_ignored_field_stays_with_who_holds_it(stack: Stack) -> None:
    options = 'pulumi.ResourceOptions(depends_on=[space], ignore_changes=["spec.replicas"])'
    ignoring = WEB.replace("opts=within", f"opts={options}")
    stack.program(ignoring)
    stack.up()
    stack.cluster.kubectl("scale", "deployment/web", "--replicas=3", f"--namespace={stack.namespace}")
    stack.refresh()
    stack.program(ignoring.replace("web:1", "web:2"))
    stack.up()
    live = stack.live("deployment", "web")
    assert live["spec"]["replicas"] == 3
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


def test_an_object_that_was_deleted_by_hand_is_made_again(stack: Stack) -> None:
    stack.program(SERVICE.replace('"selector": {"app": "web"}, ', ""))
    stack.up()
    stack.cluster.kubectl("delete", "service", "web", f"--namespace={stack.namespace}")
    stack.refresh()
    stack.up()
    assert stack.live("service", "web")
    stack.cluster.kubectl("delete", "service", "web", f"--namespace={stack.namespace}")
    stack.destroy()
