"""People of two workspaces, each in his own name at a live API server: at home everything that a notebook takes, and
nothing at all in another's (45 CFR 164.312(a)(1))."""

from collections.abc import Mapping
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.admission import Admission, AdmissionArgs
from cluster.guardrails.pod_rules import CSI_DRIVER
from cluster.mesh import callers, principal
from cluster.roles import DATA_SCIENTIST, ML_ENGINEER
from local.kubernetes.provider.connection import ApiError
from setting_types.people import MAX_WORKSPACES
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused
from tests.platform.cluster.rights import Right, said
from tests.platform.variants import COLLEAGUE, GUEST, SCIENTIST

NOTEBOOKS, SEPSIS, BENCHMARKS = manifests.WORKSPACES
PLACES = [SEPSIS, BENCHMARKS]
SEPSIS_PEOPLE = "workspace:sepsis"
CORE, STATEFULSETS, JOBS = "/api/v1", "/apis/apps/v1", "/apis/batch/v1"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def pod(namespace: str, **changed: Any) -> dict[str, Any]:
    labels = {space.name: str(space.data_class) for space in manifests.WORKSPACES}
    return cases.changed(cases.compliant_pod(namespace), {DATA_CLASS: labels[namespace], **changed})


DATA_CLASS = "/metadata/labels/parapet.dev~1data-class"


def notebook(namespace: str, name: str = "mine") -> dict[str, Any]:
    """As people write one: a StatefulSet that mounts a claim."""
    disk = {"name": "work", "persistentVolumeClaim": {"claimName": "held"}}
    made = cases.controller("StatefulSet", cases.changed(pod(namespace), {"/spec/volumes": [disk]}))
    made["metadata"]["name"] = name
    return made


def object_of(kind: str, name: str, namespace: str, **said: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **said}


@pytest.fixture(scope="module")
def governed(guarded: Api) -> Api:
    """In each of the two somebody has a notebook that runs, with a claim and a ConfigMap."""
    govern(guarded)
    for place in PLACES:
        runs = pod(place.name)
        runs["metadata"]["name"] = "held"
        answer = guarded.apply(
            runs,
            notebook(place.name, "held"),
            object_of("PersistentVolumeClaim", "held", place.name, spec=CLAIM),
            object_of("ConfigMap", "held", place.name, data={"a": "b"}),
        )
        assert answer.done, answer.text
    return guarded


ATTEMPTS: Mapping[str, tuple[str, str]] = {
    "looks": ("GET", "{core}/pods/held"),
    "lists": ("GET", "{core}/pods"),
    "reads logs": ("GET", "{core}/pods/held/log"),
    "opens a shell": ("POST", "{core}/pods/held/exec?command=sh&stdout=true"),
    "forwards a port": ("POST", "{core}/pods/held/portforward?ports=8888"),
    "ends": ("DELETE", "{core}/pods/held?dryRun=All"),
    "reads configuration": ("GET", "{core}/configmaps/held"),
    "looks for claims": ("GET", "{core}/persistentvolumeclaims"),
    "deletes a claim": ("DELETE", "{core}/persistentvolumeclaims/held?dryRun=All"),
    "takes a notebook away": ("DELETE", "{apps}/statefulsets/held?dryRun=All"),
    "lists notebooks": ("GET", "{apps}/statefulsets"),
}


def attempted(member: Member, place: str, method: str, path: str) -> bool:
    """Whether RBAC lets it through. There is no kubelet here that would do what it is asked for then: that is another
    refusal."""
    spaces = {"core": f"{CORE}/namespaces/{place}", "apps": f"{STATEFULSETS}/namespaces/{place}"}
    try:
        member.connection.request(method, path.format(**spaces))
    except ApiError as error:
        return error.status not in (403, 404)
    return True


@pytest.mark.engine
@pytest.mark.parametrize("what", ATTEMPTS)
@pytest.mark.parametrize(("own", "other"), [PLACES, PLACES[::-1]], ids=["one", "the other"])
def test_one_does_at_home_what_he_does_in_no_other_workspace(governed: Api, own: Any, other: Any, what: str) -> None:
    member = Member.of(own, governed)
    assert attempted(member, own.name, *ATTEMPTS[what])
    assert not attempted(member, other.name, *ATTEMPTS[what])


@pytest.mark.engine
@pytest.mark.parametrize("what", ATTEMPTS)
@pytest.mark.parametrize("role", [DATA_SCIENTIST, ML_ENGINEER], ids=lambda role: role.name)
def test_no_role_that_many_have_opens_a_workspace(governed: Api, role: Any, what: str) -> None:
    assert not attempted(Member.of(role, governed), SEPSIS.name, *ATTEMPTS[what])


@pytest.mark.engine
def test_one_makes_at_home_what_he_makes_in_no_other_workspace(governed: Api) -> None:
    member = Member.of(SEPSIS, governed)
    for place in PLACES:
        name, core = place.name, f"{CORE}/namespaces/{place.name}"
        job = cases.controller("Job", pod(name))
        for path, made in (
            (f"{STATEFULSETS}/namespaces/{name}/statefulsets", notebook(name)),
            (f"{JOBS}/namespaces/{name}/jobs", job),
            (f"{core}/persistentvolumeclaims", object_of("PersistentVolumeClaim", "mine", name, spec=CLAIM)),
            (f"{core}/configmaps", object_of("ConfigMap", "mine", name)),
        ):
            answer = member.apply(path, made)
            assert answer.done is (place is SEPSIS), answer.text
            assert answer.done or "cannot patch resource" in answer.text
        # A notebook that runs gets another label, or mounts another claim, by its template alone.
        relabelled = {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}
        answer = member.patch(f"{STATEFULSETS}/namespaces/{name}/statefulsets/held", relabelled)
        assert answer.done is (place is SEPSIS), answer.text
        answer = member.patch(f"{core}/pods/held", {"metadata": {"labels": {"a": "b"}}})
        assert "cannot patch resource" in answer.text


@pytest.mark.engine
def test_nobody_is_another_workspaces_account(governed: Api) -> None:
    """An account is of its namespace, and so is the part of the bucket that its role opens."""
    member = Member.of(SEPSIS, governed)
    job = cases.controller("Job", pod(SEPSIS.name, **{"/spec/serviceAccountName": "trainer"}))
    answer = member.apply(f"{JOBS}/namespaces/{SEPSIS.name}/jobs", job)
    assert refused(answer, "one-identity-a-namespace", "service account trainer is not for sepsis")
    made = {each["metadata"]["name"] for each in governed.items("serviceaccounts", f"--namespace={SEPSIS.name}")}
    assert made == {"default", "notebook"}


@pytest.mark.engine
def test_a_workspace_is_held_as_every_namespace_of_workloads_is(governed: Api) -> None:
    member, jobs = Member.of(SEPSIS, governed), f"{JOBS}/namespaces/{SEPSIS.name}/jobs"
    gpu = {
        "/spec/containers/0/resources/limits/nvidia.com~1gpu": 1,
        "/spec/tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    }
    answer = member.apply(jobs, cases.controller("Job", pod(SEPSIS.name, **gpu)))
    assert refused(answer, "gpus-in-gpu-namespaces", "GPUs are to be had in training, serving, models, notebooks.")
    answer = member.apply(jobs, cases.controller("Job", pod(SEPSIS.name, **{DATA_CLASS: "artifacts"})))
    assert refused(answer, "owner-and-data-class", "where the namespace is for phi")
    answer = member.apply(jobs, cases.controller("Job", pod(SEPSIS.name, **{"/spec/priorityClassName": "training"})))
    assert refused(answer, "priority-by-purpose", "training is not for this namespace")
    for fine in ("notebooks", "batch"):
        answer = member.apply(jobs, cases.controller("Job", pod(SEPSIS.name, **{"/spec/priorityClassName": fine})))
        assert answer.done, answer.text
    trains = cases.controller("Job", pod(NOTEBOOKS.name, **gpu))
    answer = Member.of(NOTEBOOKS, governed).apply(f"{JOBS}/namespaces/{NOTEBOOKS.name}/jobs", trains)
    assert answer.done, answer.text
    (quota,) = governed.items("resourcequotas", f"--namespace={SEPSIS.name}")
    assert quota["spec"]["hard"]["requests.nvidia.com/gpu"] == "0"
    assert governed.items("limitranges", f"--namespace={SEPSIS.name}")


@pytest.mark.engine
def test_a_job_has_the_secrets_of_its_namespace_as_files(governed: Api) -> None:
    """No variable holds them and no Kubernetes Secret, and nobody writes what says which they are."""
    attributes = {"secretProviderClass": "secrets"}
    volume = {"name": "secrets", "csi": {"driver": CSI_DRIVER, "readOnly": True, "volumeAttributes": attributes}}
    mount = {"name": "secrets", "mountPath": "/mnt/secrets", "readOnly": True}
    mounted = {"/spec/volumes": [volume], "/spec/containers/0/volumeMounts": [mount]}
    for member, place in ((Member.of(SEPSIS, governed), "sepsis"), (Member.of(DATA_SCIENTIST, governed), "training")):
        job = cases.controller("Job", cases.changed(cases.compliant_pod(place), mounted))
        answer = member.apply(f"{JOBS}/namespaces/{place}/jobs", job)
        assert answer.done, answer.text
        for verb in ("get", "create", "patch"):
            right = Right(verb, "secretproviderclasses.secrets-store.csi.x-k8s.io", place)
            assert right not in said(SEPSIS_PEOPLE) | said("data-scientist")


@pytest.mark.engine
def test_the_api_server_takes_the_rules_of_as_many_workspaces_as_there_may_be(guarded: Api) -> None:
    """It counts beforehand what an expression may cost, and each names all namespaces."""
    most = [SEPSIS.model_copy(update={"name": f"w{place:02}{'x' * 17}"}).namespace for place in range(MAX_WORKSPACES)]
    args = AdmissionArgs(stack=manifests.STACK, domain=manifests.DOMAIN, webhooks=True, workspaces=most)
    made = manifests.objects(manifests.record(lambda: Admission("test", args)))
    answer = guarded.apply(*(each for each in made if each["kind"] == "ValidatingAdmissionPolicy"), dry_run=True)
    assert answer.done, answer.text


def test_each_comes_in_by_one_entry_with_the_groups_of_all_that_is_his() -> None:
    made = manifests.record(lambda: manifests.access(data_scientist=[SCIENTIST, COLLEAGUE]))
    entries = {
        each.inputs["principalArn"]: each.inputs["kubernetesGroups"]
        for each in made
        if each.type == "aws:eks/accessEntry:AccessEntry"
    }
    assert entries == {
        SCIENTIST: ["parapet:data-scientists", "parapet:workspace:notebooks"],
        COLLEAGUE: ["parapet:data-scientists", "parapet:workspace:notebooks", "parapet:workspace:sepsis"],
        GUEST: ["parapet:workspace:benchmarks"],
    }
    assert len([each for each in made if each.type == "aws:eks/accessEntry:AccessEntry"]) == len(entries)


def test_a_stack_without_workspaces_has_neither_their_roles_nor_a_notebook() -> None:
    assert "notebooks" not in ns.EVERY
    names = {
        each.inputs["metadata"]["name"]
        for each in manifests.record(lambda: manifests.access(()))
        if "rbac" in each.type
    }
    assert names
    assert not [name for name in names if "workspace" in name]


def test_a_workspace_calls_mlflow_and_nobody_calls_it() -> None:
    account = principal(SEPSIS.name, "notebook")
    assert [each.namespace for each in callers(manifests.SPACES) if account in each.principals] == ["mlflow"]
    assert not [each for each in callers(manifests.SPACES) if each.namespace == SEPSIS.name]
