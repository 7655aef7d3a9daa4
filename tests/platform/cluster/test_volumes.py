"""Where volumes come from, asked of a live API server by each who could bring another's: nobody's data is mounted by
whom it was not given to."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guardrails.volume_rules import BINDER
from cluster.roles import DATA_SCIENTIST, ML_ENGINEER, PLATFORM_OPERATOR
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Grouped, Member, govern, refused

pytestmark = pytest.mark.engine

UID = "0b6e2f5c-0000-4000-8000-000000000000"
VOLUMES = "/api/v1/persistentvolumes"
NOTEBOOKS = manifests.WORKSPACES[0]
DRIVERS = "kube-system/ebs-csi-controller-sa"
CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "case", "namespace": "training"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
VOLUME: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": f"pvc-{UID}", "annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "name": "case",
            "namespace": "training",
            "uid": UID,
        },
        "csi": {
            "driver": "ebs.csi.aws.com",
            "fsType": "ext4",
            "volumeAttributes": {"storage.kubernetes.io/csiProvisionerIdentity": "1700000000000-1-ebs.csi.aws.com"},
            "volumeHandle": "vol-0123456789abcdef0",
        },
        "nodeAffinity": {
            "required": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]}
                        ]
                    }
                ]
            }
        },
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "encrypted",
        "volumeMode": "Filesystem",
    },
}
"""As the provisioner of the pinned driver makes one."""


DEFAULT: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "encrypted", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "ebs.csi.aws.com",
    "volumeBindingMode": "WaitForFirstConsumer",
}


@pytest.fixture(scope="module")
def governed(guarded: Api) -> Api:
    govern(guarded)
    kept = cases.changed(VOLUME, {"/metadata/name": "kept"})
    wait_for(lambda: guarded.apply(kept).done)
    driver = Member.allowed("system:serviceaccount:" + DRIVERS.replace("/", ":"), guarded)
    wait_for(lambda: not driver.patch(f"{VOLUMES}/kept", {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}).done)
    yours = cases.changed(CLAIM, {"/spec/volumeName": "kept"})
    scientist = Member.of(DATA_SCIENTIST, guarded)
    wait_for(lambda: not scientist.create("/api/v1/namespaces/training/persistentvolumeclaims", yours).done)
    return guarded


# Claims


def claims(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"


WHO = [
    (DATA_SCIENTIST, "training"),
    (NOTEBOOKS, "notebooks"),
    (ML_ENGINEER, "pipelines"),
]
OTHERS = {
    "a volume that is there": ({"/spec/volumeName": "kept"}, "names the volume kept"),
    "a class of its own": ({"/spec/storageClassName": "gp2"}, "for the class 'gp2'"),
    "no class at all": ({"/spec/storageClassName": ""}, "for the class ''"),
    "another class, as it was said before": (
        {"/metadata/annotations": {"volume.beta.kubernetes.io/storage-class": "gp2"}},
        "for the class 'gp2'",
    ),
    "a copy by another kind": (
        {"/spec/dataSourceRef": {"apiGroup": "example.com", "kind": "Image", "name": "theirs"}},
        "a copy of what is elsewhere",
    ),
    "other attributes": ({"/spec/volumeAttributesClassName": "fast"}, "a class of attributes"),
    "whatever volume has a label": ({"/spec/selector": {"matchLabels": {"of": "theirs"}}}, "chooses among volumes"),
    "whatever volume there is": ({"/spec/selector": {}}, "chooses among volumes"),
}


@pytest.mark.parametrize("case", OTHERS)
@pytest.mark.parametrize(("role", "namespace"), WHO, ids=[namespace for _, namespace in WHO])
def test_a_claim_is_for_a_new_volume(governed: Api, role: Grouped, namespace: str, case: str) -> None:
    change, says = OTHERS[case]
    claim = cases.changed(CLAIM, {"/metadata/namespace": namespace, **change})
    answer = Member.of(role, governed).create(claims(namespace), claim)
    assert refused(answer, "claims-are-for-new-volumes", says)


@pytest.mark.parametrize("account", ["kube-system/statefulset-controller", "kube-system/ephemeral-volume-controller"])
def test_nor_does_a_controller_claim_another_for_whose_template_says_so(governed: Api, account: str) -> None:
    member = Member.allowed("system:serviceaccount:" + account.replace("/", ":"), governed)
    for change, says in OTHERS.values():
        answer = member.create(claims("training"), cases.changed(CLAIM, change))
        assert refused(answer, "claims-are-for-new-volumes", says)
    assert member.create(claims("training"), CLAIM).done


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"/spec/storageClassName": "encrypted"},
        {"/spec/dataSource": {"kind": "PersistentVolumeClaim", "name": "checkpoints"}},
        {"/spec/dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "monday"}},
    ],
    ids=["new", "of the class", "a copy of one's own", "from a snapshot of one's own"],
)
@pytest.mark.parametrize(("role", "namespace"), WHO, ids=[namespace for _, namespace in WHO])
def test_people_claim_volumes(governed: Api, role: Grouped, namespace: str, change: dict[str, Any]) -> None:
    answer = Member.of(role, governed).create(
        claims(namespace), cases.changed(CLAIM, {"/metadata/namespace": namespace, **change})
    )
    assert answer.done, answer.text


def test_a_claim_that_waits_takes_no_volume_by_hand_and_grows(governed: Api) -> None:
    waiting = cases.changed(CLAIM, {"/metadata/name": "waiting", "/spec/storageClassName": "encrypted"})
    assert governed.apply(waiting).done
    at = f"{claims('training')}/waiting"
    scientist = Member.of(DATA_SCIENTIST, governed)
    binding = {"spec": {"volumeName": "kept"}}
    assert refused(scientist.patch(at, binding), "claims-are-for-new-volumes", "names the volume kept")
    driver = Member.allowed("system:serviceaccount:" + DRIVERS.replace("/", ":"), governed)
    assert refused(driver.patch(at, binding), "claims-are-for-new-volumes")
    assert Member.allowed(BINDER, governed).patch(at, binding).done, "who binds them"
    assert (
        Member.allowed("system:kube-scheduler", governed)
        .patch(at, {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "a"}}})
        .done
    )
    assert scientist.patch(at, {"metadata": {"labels": {"a": "b"}}}).done


def test_a_claim_that_names_no_class_has_one_when_it_is_judged(governed: Api) -> None:
    """The API server puts the default in before it asks any rule, so that `no class at all` is one that says so."""
    driver = cases.changed(DEFAULT, {"/metadata/name": "another", "/metadata/annotations": {}})
    for default, judged_as in ((driver, ""), (DEFAULT, "encrypted")):
        assert governed.apply(default).done
        answer = Member.of(DATA_SCIENTIST, governed).create(claims("training"), CLAIM)
        assert answer.done, answer.text
        assert json.loads(answer.text)["spec"].get("storageClassName", "") == judged_as
    other = cases.changed(DEFAULT, {"/metadata/name": "gp2"})
    assert governed.apply(other).done
    try:
        assert governed.run("delete", "storageclass", "encrypted").done
        says = "for the class 'gp2'"
        wait_for(lambda: says in Member.of(DATA_SCIENTIST, governed).create(claims("training"), CLAIM).text)
        answer = Member.of(DATA_SCIENTIST, governed).create(claims("training"), CLAIM)
        assert refused(answer, "claims-are-for-new-volumes", says)
    finally:
        governed.run("delete", "storageclass", "gp2", "another", "encrypted", "--ignore-not-found")


def test_a_claim_of_before_is_let_go(governed: Api) -> None:
    """A class that this stack does not have, of a volume that is there: what does not change is not asked."""
    old = cases.changed(CLAIM, {"/metadata/name": "old", "/spec/storageClassName": "gp2", "/spec/volumeName": "theirs"})
    assert governed.apply(old).done, "by an administrator"
    protection = Member.allowed("system:serviceaccount:kube-system:pvc-protection-controller", governed)
    assert protection.patch(f"{claims('training')}/old", {"metadata": {"finalizers": None}}).done


# Volumes


UNCLAIMED = {
    "nobody's": (None, "would be whose claim comes first"),
    "of no name": ({"namespace": "training"}, "would be whose claim comes first"),
    "of no namespace": ({"name": "mine"}, "would be whose claim comes first"),
}


@pytest.mark.parametrize("case", UNCLAIMED)
def test_a_volume_that_is_brought_back_says_whose_it_is(governed: Api, case: str) -> None:
    """Any claim of the class might get it otherwise, whoever's data is on it."""
    claim, says = UNCLAIMED[case]
    brought = cases.changed(
        VOLUME,
        {"/metadata/name": "brought", "/spec/persistentVolumeReclaimPolicy": "Retain", "/spec/claimRef": claim},
    )
    if claim is None:
        del brought["spec"]["claimRef"]
    administrator = Member.allowed("an-administrator", governed)
    answer = administrator.create(VOLUMES, brought)
    assert refused(answer, "volumes-are-the-drivers", says), "Say in claimRef" in answer.text
    told = cases.changed(brought, {"/spec/claimRef": {"namespace": "training", "name": "mine"}})
    assert (answer := administrator.create(VOLUMES, told)).done, answer.text


def test_nor_does_an_administrator_free_one_for_anybody(governed: Api) -> None:
    administrator = Member.allowed("an-administrator", governed)
    answer = administrator.patch(f"{VOLUMES}/kept", {"spec": {"claimRef": None}})
    assert refused(answer, "volumes-are-the-drivers", "would be whose claim comes first")
    other = {"spec": {"claimRef": {"name": "restored", "uid": None}}}
    assert (answer := administrator.patch(f"{VOLUMES}/kept", other)).done, answer.text


def test_one_that_is_free_is_let_go_and_told_whose_it_is(governed: Api) -> None:
    """As Kubernetes' binder may leave one."""
    assert governed.apply(cases.changed(VOLUME, {"/metadata/name": "free"})).done
    freed = ("--type=merge", '--patch={"spec": {"claimRef": null}}', f"--as={BINDER}", "--as-group=system:masters")
    assert (answer := governed.run("patch", "persistentvolume", "free", *freed)).done, answer.text
    administrator = Member.allowed("an-administrator", governed)
    try:
        for patch in (
            {"metadata": {"labels": {"a": "b"}}},
            {"spec": {"claimRef": {"namespace": "training", "name": "mine"}}},
        ):
            assert (answer := administrator.patch(f"{VOLUMES}/free", patch)).done, answer.text
    finally:
        governed.run("delete", "persistentvolume", "free", "--wait=false")


@pytest.mark.parametrize("role", [DATA_SCIENTIST, ML_ENGINEER, PLATFORM_OPERATOR, NOTEBOOKS])
def test_no_person_makes_a_volume(governed: Api, role: Grouped) -> None:
    answer = Member.of(role, governed).create(VOLUMES, VOLUME)
    assert 'cannot create resource "persistentvolumes"' in answer.text


UNLIKE_THE_DRIVERS = {
    "another's claim": ({"/metadata/name": "pvc-1"}, "would say whose the volume is"),
    "nobody's yet": ({"/spec/claimRef": {"name": "mine", "namespace": "training"}}, "would say whose the volume is"),
    "one that stays": ({"/spec/persistentVolumeReclaimPolicy": "Retain"}, "would be kept: Retain"),
}


@pytest.mark.parametrize("case", UNLIKE_THE_DRIVERS)
def test_the_driver_makes_volumes_for_who_asked_alone(governed: Api, case: str) -> None:
    change, says = UNLIKE_THE_DRIVERS[case]
    driver = Member.allowed("system:serviceaccount:" + DRIVERS.replace("/", ":"), governed)
    answer = driver.create(VOLUMES, cases.changed(VOLUME, change))
    assert refused(answer, "volumes-stay-with-their-claims", says)
    assert driver.create(VOLUMES, VOLUME).done
    assert governed.apply(cases.changed(VOLUME, change), dry_run=True).done, "an administrator brings one back"


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"spec": {"claimRef": {"namespace": "pipelines"}}}, "would say whose the volume is"),
        ({"spec": {"claimRef": None}}, "whose"),
        ({"spec": {"persistentVolumeReclaimPolicy": "Retain"}}, "would be kept: Retain"),
    ],
)
def test_a_volume_that_is_there_changes_hands_by_nobody(governed: Api, patch: dict[str, Any], says: str) -> None:
    for who in (f"system:serviceaccount:{DRIVERS.replace('/', ':')}", "system:serviceaccount:istio-system:istiod"):
        answer = Member.allowed(who, governed).patch(f"{VOLUMES}/kept", patch)
        assert refused(answer, "volumes-stay-with-their-claims", says, or_by="volumes-are-the-drivers")
    assert Member.allowed(BINDER, governed).patch(f"{VOLUMES}/kept", patch).done, "who frees and binds"


def test_the_driver_says_that_a_volume_has_grown(governed: Api) -> None:
    driver = Member.allowed("system:serviceaccount:" + DRIVERS.replace("/", ":"), governed)
    answer = driver.patch(f"{VOLUMES}/kept", {"spec": {"capacity": {"storage": "2Gi"}}})
    assert answer.done, answer.text


# Snapshots


@pytest.fixture(scope="module")
def snapshotted(governed: Api) -> Iterator[Api]:
    """With the kind of a content that the snapshots' controller would bring, as far as the rule reads it."""
    group, plural = "snapshot.storage.k8s.io", "volumesnapshotcontents"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {
                "api-approved.kubernetes.io": "https://github.com/kubernetes-csi/external-snapshotter/pull/814"
            },
        },
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"plural": plural, "kind": "VolumeSnapshotContent"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    answer = governed.apply(crd)
    assert answer.done, answer.text
    assert governed.run("wait", "--for=condition=Established", f"crd/{plural}.{group}", "--timeout=60s").done
    wait_for(lambda: governed.apply(content({"volumeHandle": "vol-0123456789abcdef0"})).done)
    yield governed
    # Others ask the same server for its kinds.
    governed.run("delete", f"crd/{plural}.{group}", "--timeout=60s")


def content(source: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": "case"},
        "spec": {"source": source, "volumeSnapshotRef": {"name": "case", "namespace": "training"}},
    }


def test_a_snapshot_is_of_a_claim_and_stays_where_that_was(snapshotted: Api) -> None:
    at = "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents"
    new = cases.changed(content({"volumeHandle": "vol-1"}), {"/metadata/name": "new"})
    theirs = cases.changed(content({"snapshotHandle": "snap-1"}), {"/metadata/name": "new"})
    for name in ("kube-system:ebs-csi-controller-sa", "kube-system:snapshot-controller"):
        member = Member.allowed(f"system:serviceaccount:{name}", snapshotted)
        assert refused(member.create(at, theirs), "snapshots-are-of-claims", "a snapshot that is there already")
        assert member.create(at, new).done
        moved = member.patch(f"{at}/case", {"spec": {"volumeSnapshotRef": {"namespace": "notebooks"}}})
        assert refused(moved, "snapshots-are-of-claims", "would go to another namespace")
        other = member.patch(f"{at}/case", {"spec": {"source": {"volumeHandle": None, "snapshotHandle": "snap-1"}}})
        assert refused(other, "snapshots-are-of-claims", "a snapshot that is there already")
        assert member.patch(f"{at}/case", {"spec": {"volumeSnapshotRef": {"uid": UID}}}).done
