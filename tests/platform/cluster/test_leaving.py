"""An object that is deleted and held by a finalizer can still be changed; so the guardrails judge what changes it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cluster.guardrails.admission import PREFIX
from cluster.guardrails.object_rules import object_rules
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests, test_object_rules
from tests.platform.cluster.api import Api

pytestmark = pytest.mark.engine

FINALIZER = "example.com/held"
BROKEN_PODS = [
    next(each for each in cases.read() if each.guardrail == rule and not each.admitted) for rule in cases.RULES
]
BROKEN_OBJECTS = {
    rule.name: [each for each in test_object_rules.CASES if each.rule == rule.name and not each.admitted]
    for rule in object_rules(manifests.DOMAIN)
    if not rule.only  # those are asked of all that their writers write, of what is on its way out too
}
# Of these nothing can be made where they are refused, so nothing can be held there.
NONE_IS_ADMITTED = {"the-mesh-is-the-stacks", *test_object_rules.NEVER}
# What a volume is, the API server itself lets nobody change.
NEVER_CHANGES = {"volumes-are-the-drivers"}


def held(manifest: dict[str, Any]) -> dict[str, Any]:
    # A route is called as its host is.
    manifest = json.loads(json.dumps(manifest).replace('"team-readmission.example.com"', '"team-leaving.example.com"'))
    metadata = {**manifest["metadata"], "name": "team-leaving", "finalizers": [FINALIZER]}
    spec = {**manifest["spec"], "replicas": 0} if manifest["kind"] == "Deployment" else manifest["spec"]
    return {**manifest, "metadata": metadata, "spec": spec}


def place(manifest: dict[str, Any]) -> list[str]:
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind = f"{manifest['kind']}.{version}.{group}" if group else manifest["kind"]
    return [f"{kind}/team-leaving", f"--namespace={manifest['metadata']['namespace']}"]


@pytest.fixture
def leaving(meshed: Api) -> Any:
    """Makes an object that is deleted and still there; in the end its finalizer goes, which no rule holds up."""
    made: list[dict[str, Any]] = []

    def leave(manifest: dict[str, Any]) -> None:
        answer = meshed.apply(held(manifest))
        assert answer.done, answer.text
        made.append(manifest)
        answer = meshed.run("delete", *place(manifest), "--wait=false")
        assert answer.done, answer.text
        assert "deletionTimestamp" in json.loads(meshed.run("get", *place(manifest), "-o", "json").text)["metadata"]

    yield leave
    for each in made:
        answer = meshed.run("patch", *place(each), "--type=merge", '--patch={"metadata": {"finalizers": null}}')
        assert answer.done, answer.text
        wait_for(lambda each=each: "NotFound" in meshed.run("get", *place(each), "-o", "json").text)


@pytest.mark.parametrize("rule", sorted(set(BROKEN_OBJECTS) - NONE_IS_ADMITTED - NEVER_CHANGES))
def test_an_object_on_its_way_out_is_not_changed_past_its_rule(
    meshed: Api, leaving: Callable[[dict[str, Any]], None], rule: str
) -> None:
    told = [each.manifest for each in BROKEN_OBJECTS[rule]]
    base = next(each.manifest for each in test_object_rules.CASES if each.rule == rule and each.admitted)
    for broken in told:
        wait_for(lambda broken=broken: f"'{PREFIX}{rule}'" in meshed.apply(broken, dry_run=True).text)
    leaving(base)
    same = [each for each in told if each["metadata"]["namespace"] == base["metadata"]["namespace"]]
    assert same
    for broken in same:
        answer = meshed.apply(held(broken), dry_run=True)
        assert f"ValidatingAdmissionPolicy '{PREFIX}{rule}'" in answer.text, answer.text


def test_a_template_on_its_way_out_is_not_changed_past_any_rule(
    meshed: Api, leaving: Callable[[dict[str, Any]], None]
) -> None:
    for namespace in {each.namespace for each in BROKEN_PODS}:
        leaving(cases.controller("Deployment", cases.compliant_pod(namespace)))
    for case in BROKEN_PODS:
        answer = meshed.apply(held(case.manifest("Deployment")), dry_run=True)
        assert f"ValidatingAdmissionPolicy '{PREFIX}{case.guardrail}'" in answer.text, (case.name, answer.text)


def test_a_pod_on_its_way_out_takes_no_other_image_and_no_debugger(
    meshed: Api, leaving: Callable[[dict[str, Any]], None]
) -> None:
    pod = cases.compliant_pod("mlflow")
    leaving(pod)
    public = f"docker.io/library/busybox@sha256:{'0' * 64}"
    safe = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    image = {"spec": {"containers": [{"name": "main", "image": public}]}}
    debugger = {"spec": {"ephemeralContainers": [{"name": "debugger", "image": public, "securityContext": safe}]}}
    label = {"metadata": {"labels": {"parapet.dev/owner": None}}}
    for patch, subresource in ((image, ()), (debugger, ("--subresource=ephemeralcontainers",)), (label, ())):
        answer = meshed.run("patch", *place(pod), *subresource, "--dry-run=server", f"--patch={json.dumps(patch)}")
        assert f"ValidatingAdmissionPolicy '{PREFIX}" in answer.text, answer.text
