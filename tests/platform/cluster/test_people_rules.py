"""What people may not write although their role lets them write the kind, asked of a live API server in their name."""

import itertools
import json
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.admission import PREFIX
from cluster.guardrails.people_rules import AUTHORITIES
from cluster.mesh_webhooks import AUTHORITY, REVOKED
from cluster.roles import DATA_SCIENTIST, ML_ENGINEER, ROLES, Role
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Grouped, Member, found, govern, refused

pytestmark = pytest.mark.engine
CORE = "/api/v1/namespaces"
NOTEBOOKS = manifests.WORKSPACES[0]


@pytest.fixture(scope="module")
def governed(guarded: Api) -> Api:
    return govern(guarded)


@pytest.fixture(scope="module")
def scientist(governed: Api) -> Member:
    return Member.of(DATA_SCIENTIST, governed)


def whatever_rbac_says(api: Api, group: str, *arguments: str, given: dict[str, Any] | None = None) -> Answer:
    """What a member is told whom RBAC lets do everything."""
    who = ("--as=someone", f"--as-group={group}", "--as-group=system:masters", "--dry-run=server")
    return api.run(*arguments, *who, stdin=json.dumps(given) if given else None)


# Pods, and what they belong to


@pytest.mark.parametrize("group", [*(role.group for role in ROLES), "parapet:later"])
def test_nobody_makes_a_pod_by_hand(governed: Api, group: str) -> None:
    pod = cases.compliant_pod("training")
    answer = whatever_rbac_says(governed, group, "create", "--filename=-", given=pod)
    assert refused(answer, "people-make-no-bare-pods", "Make a Job, a Deployment or a StatefulSet")
    assert governed.apply(pod, dry_run=True).done, "a controller makes the same one"


@pytest.mark.parametrize(
    ("role", "kind", "namespace", "collection"),
    [
        (DATA_SCIENTIST, "Job", "training", "batch/v1/namespaces/training/jobs"),
        (NOTEBOOKS, "StatefulSet", "notebooks", "apps/v1/namespaces/notebooks/statefulsets"),
        (ML_ENGINEER, "Job", "training", "batch/v1/namespaces/training/jobs"),
        (ML_ENGINEER, "CronJob", "pipelines", "batch/v1/namespaces/pipelines/cronjobs"),
        (ML_ENGINEER, "Deployment", "serving", "apps/v1/namespaces/serving/deployments"),
    ],
)
def test_people_make_controllers_that_belong_to_nobody(
    governed: Api, role: Grouped, kind: str, namespace: str, collection: str
) -> None:
    member, made = Member.of(role, governed), cases.controller(kind, cases.compliant_pod(namespace))
    answer = member.apply(f"/apis/{collection}", made)
    assert answer.done, answer.text
    forged = cases.changed(made, {"/metadata/ownerReferences": [_owner("apps/v1", "Deployment", "other")]})
    answer = member.apply(f"/apis/{collection}", forged)
    assert refused(answer, "owners-are-the-controllers", "it would belong to Deployment other")


def _owner(version: str, kind: str, name: str, uid: str = "0b6e2f5c-0000-4000-8000-000000000000") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}


@pytest.mark.parametrize(
    ("role", "namespace", "resource", "manifest"),
    [
        (DATA_SCIENTIST, "training", "configmaps", {"kind": "ConfigMap"}),
        (DATA_SCIENTIST, "training", "services", {"kind": "Service", "spec": {"clusterIP": "None"}}),
        (
            NOTEBOOKS,
            "notebooks",
            "persistentvolumeclaims",
            {
                "kind": "PersistentVolumeClaim",
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            },
        ),
        (ML_ENGINEER, "pipelines", "configmaps", {"kind": "ConfigMap"}),
    ],
)
def test_nor_does_anything_else_of_theirs(
    governed: Api, role: Grouped, namespace: str, resource: str, manifest: dict[str, Any]
) -> None:
    made = {"apiVersion": "v1", "metadata": {"name": "case", "namespace": namespace}, **manifest}
    forged = cases.changed(made, {"/metadata/ownerReferences": [_owner("v1", "ConfigMap", "kube-root-ca.crt")]})
    member = Member.of(role, governed)
    assert member.apply(f"{CORE}/{namespace}/{resource}", made).done
    assert refused(member.apply(f"{CORE}/{namespace}/{resource}", forged), "owners-are-the-controllers")


def test_what_has_an_owner_keeps_it(governed: Api, scientist: Member) -> None:
    anchor = wait_for(lambda: found(governed, "configmap", "kube-root-ca.crt", "training"))
    owned = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "owned",
            "namespace": "training",
            "ownerReferences": [_owner("v1", "ConfigMap", "kube-root-ca.crt", anchor["metadata"]["uid"])],
        },
    }
    assert governed.apply(owned).done
    at = f"{CORE}/training/configmaps/owned"
    assert scientist.patch(at, {"data": {"a": "b"}}).done
    orphaned = scientist.patch(at, {"metadata": {"ownerReferences": None}})
    assert refused(orphaned, "owners-are-the-controllers", "it would belong to nothing")


def test_a_pipeline_is_started_by_hand_by_whoever_may_change_it(governed: Api, scientist: Member) -> None:
    nightly = cases.controller("CronJob", cases.compliant_pod("pipelines"))
    nightly["metadata"]["name"] = "nightly"
    nightly["spec"]["suspend"] = True
    assert governed.apply(nightly).done
    who = ("--as=someone", f"--as-group={ML_ENGINEER.group}", "--dry-run=server")
    answer = governed.run("create", "job", "now", "--from=cronjob/nightly", "--namespace=pipelines", *who)
    assert answer.done, answer.text
    forged = cases.controller("Job", cases.compliant_pod("training"))
    forged["metadata"]["ownerReferences"] = [_owner("batch/v1", "CronJob", "nightly")]
    answer = scientist.apply("/apis/batch/v1/namespaces/training/jobs", forged)
    assert refused(answer, "owners-are-the-controllers")


# Training on several nodes


@pytest.mark.parametrize("role", [DATA_SCIENTIST, ML_ENGINEER], ids=lambda role: role.name)
def test_the_workers_of_a_job_find_each_other_without_a_token(governed: Api, role: Role) -> None:
    member = Member.of(role, governed)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "case", "namespace": "training"},
        "spec": {"clusterIP": "None", "selector": {"app": "case"}, "ports": [{"port": 29500}]},
    }
    job = cases.controller("Job", cases.compliant_pod("training"))
    job["spec"] |= {"completionMode": "Indexed", "completions": 4, "parallelism": 4}
    job["spec"]["template"]["spec"] |= {"subdomain": "case", "automountServiceAccountToken": False}
    for path, each in (
        (f"{CORE}/training/services", service),
        ("/apis/batch/v1/namespaces/training/jobs", job),
    ):
        answer = member.apply(path, each)
        assert answer.done, answer.text
    for spec in ({}, {"type": "ClusterIP"}):
        stands = {**service, "spec": {"ports": [{"port": 80}], **spec}}
        answer = member.apply(f"{CORE}/training/services", stands)
        assert refused(answer, "training-is-headless", "Set clusterIP: None")


# Whom pods trust


@pytest.fixture(scope="module")
def anchored(governed: Api) -> Api:
    istiod = ("--as=system:serviceaccount:istio-system:istiod", "--as-group=system:masters")
    for namespace, name in itertools.product(("serving", "notebooks"), (AUTHORITY, REVOKED)):
        if not found(governed, "configmap", name, namespace):
            made = governed.run("create", "configmap", name, f"--namespace={namespace}", *istiod)
            assert made.done, made.text
    return governed


@pytest.mark.parametrize(("role", "namespace"), [(ML_ENGINEER, "serving"), (NOTEBOOKS, "notebooks")])
@pytest.mark.parametrize("name", AUTHORITIES)
def test_nobody_says_whose_certificates_pods_trust(anchored: Api, role: Grouped, namespace: str, name: str) -> None:
    member, at = Member.of(role, anchored), f"{CORE}/{namespace}/configmaps"
    wait_for(lambda: found(anchored, "configmap", name, namespace))
    for answer in (member.patch(f"{at}/{name}", {"data": {"ca.crt": "x"}}), member.delete(f"{at}/{name}")):
        assert refused(answer, "authorities-are-the-controllers")
    mine = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": namespace}}
    assert member.apply(at, mine).done
    assert member.create(at, {**mine, "metadata": {"generateName": "mine-"}}).done


@pytest.mark.parametrize(
    ("who", "name", "trusted"),
    [
        ("an-administrator", "kube-root-ca.crt", False),
        ("an-administrator", "istio-ca-root-cert", False),
        ("system:serviceaccount:karpenter:karpenter", "kube-root-ca.crt", False),
        ("system:serviceaccount:istio-system:istiod", "kube-root-ca.crt", False),
        ("system:serviceaccount:kube-system:root-ca-cert-publisher", "istio-ca-root-cert", False),
        ("system:serviceaccount:kube-system:root-ca-cert-publisher", "kube-root-ca.crt", True),
        ("system:serviceaccount:istio-system:istiod", "istio-ca-root-cert", True),
    ],
)
def test_nor_does_an_administrator_or_another_controller(anchored: Api, who: str, name: str, trusted: bool) -> None:
    wait_for(lambda: found(anchored, "configmap", name, "serving"))
    patch = ("--type=merge", "--patch", '{"data": {"added": "x"}}', "--dry-run=server")
    answer = anchored.run(
        *("patch", "configmap", name, "--namespace=serving", f"--as={who}", "--as-group=system:masters", *patch)
    )
    # An account of a chart may write no ConfigMap but its own, whatever its name.
    own = "controllers-start-nothing-else" if who.startswith("system:serviceaccount:") else ""
    assert answer.done if trusted else refused(answer, "authorities-are-the-controllers", or_by=own), answer.text


@pytest.mark.parametrize("name", AUTHORITIES)
def test_who_installs_notes_on_one_that_it_is_waited_for_and_closes_none(anchored: Api, name: str) -> None:
    wait_for(lambda: found(anchored, "configmap", name, "serving"))
    noted = {"metadata": {"annotations": {"pulumi.com/waitFor": "jsonpath={.data}"}}}
    at = f"{CORE}/serving/configmaps"
    deployer = Member.allowed("an-administrator", anchored)
    assert (answer := deployer.patch(f"{at}/{name}", noted)).done, answer.text
    assert refused(deployer.patch(f"{at}/{name}", {"immutable": True}), "authorities-are-the-controllers")
    assert refused(Member.of(ML_ENGINEER, anchored).patch(f"{at}/{name}", noted), "authorities-are-the-controllers")
    # Before its controller has been there, it says nothing.
    early = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}
    made = anchored.run("create", "--filename=-", "--dry-run=server", stdin=json.dumps(early))
    assert made.done or "already exists" in made.text, made.text
    early |= {"data": {"ca.crt": "x"}}
    refusal = anchored.run("create", "--filename=-", "--dry-run=server", stdin=json.dumps(early))
    assert refused(refusal, "authorities-are-the-controllers")


def test_a_namespace_comes_and_goes_with_its_authorities(governed: Api) -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "short-lived", "labels": _labels(governed, ns.PIPELINES.name)},
    }
    assert governed.apply(namespace).done
    wait_for(lambda: found(governed, "configmap", "kube-root-ca.crt", "short-lived"))
    answer = governed.run("delete", "namespace", "short-lived", "--timeout=60s")
    assert answer.done, answer.text


def _labels(api: Api, namespace: str) -> dict[str, str]:
    labels: dict[str, str] = json.loads(api.run("get", "namespace", namespace, "--output=json").text)["metadata"][
        "labels"
    ]
    return {key: value for key, value in labels.items() if key != ns.NAME_LABEL}


# Budgets


def budget(namespace: str, **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "case", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": "case"}}, **spec},
    }


@pytest.mark.parametrize(
    "spec", [{"maxUnavailable": 0}, {"maxUnavailable": "0%"}, {"maxUnavailable": "00%"}, {"minAvailable": "100%"}]
)
def test_a_teams_budget_lets_a_node_be_emptied(guarded: Api, spec: dict[str, object]) -> None:
    answer = guarded.apply(budget("serving", **spec), dry_run=True)
    assert f"ValidatingAdmissionPolicy '{PREFIX}disruption-budgets-let-go'" in answer.text, answer.text


@pytest.mark.parametrize(
    ("namespace", "spec"),
    [
        ("serving", {"maxUnavailable": 1}),
        ("serving", {"maxUnavailable": "10%"}),
        ("serving", {"minAvailable": 2}),
        ("ingress", {"minAvailable": 1}),
        ("mlflow", {"minAvailable": "50%"}),
    ],
)
def test_a_budget_that_lets_pods_go_is_admitted(guarded: Api, namespace: str, spec: dict[str, object]) -> None:
    answer = guarded.apply(budget(namespace, **spec), dry_run=True)
    assert answer.done, answer.text


# Proxies


@pytest.mark.parametrize("door", ["exec?command=id&stdout=true&", "attach?stdout=true&"])
@pytest.mark.parametrize("container", ["istio-proxy", "istio-validation", "istio-init"])
def test_nobody_gets_into_the_proxy_of_a_pod(governed: Api, door: str, container: str) -> None:
    """A workspace's person may come into its pods, and with the proxy's key would be past what is asked of them."""
    path = "/api/v1/namespaces/notebooks/pods/case"
    who = ("--as=a-scientist", "--as-group=system:masters", "--as-group=parapet:workspace:notebooks")
    answer = governed.run("get", f"--raw={path}/{door}container={container}", *who)
    assert refused(answer, "proxies-are-nobodys-shell", f"the container {container} is the mesh's")
    for own in ("container=work", "x=y"):
        answer = governed.run("get", f"--raw={path}/{door}{own}", *who)
        assert "ValidatingAdmissionPolicy" not in answer.text, answer.text
