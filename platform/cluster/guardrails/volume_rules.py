"""Where volumes come from: the driver makes a new one for each claim, which gets no other.

A volume that is there may hold what somebody else has stored, and one of another kind is a path of the node, or a disk
that nobody encrypts. Of what is there already, no more is judged than what changes.
"""

from typing import Final

from cluster import namespaces as ns
from cluster import storage_class
from cluster.guardrails.account_rules import PREFIX
from cluster.guardrails.callers import DEPLOYS
from cluster.guardrails.object_rule import SPEC, ObjectRule, foreign
from cluster.guardrails.rule import Check, cel

DRIVER: Final = "ebs.csi.aws.com"
BINDER: Final = f"{PREFIX}{ns.KUBE_SYSTEM}:persistent-volume-binder"
"""Kubernetes' controller that says which volume is a claim's. The scheduler, which may too, is nobody's account."""
OLDER_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
"""An annotation that comes before the field, to this day."""
SOURCES: Final = {"PersistentVolumeClaim": "", "VolumeSnapshot": "snapshot.storage.k8s.io"}
"""What a volume may be a copy of, in the claim's own namespace, and the API group of each."""
_OF_A_VOLUME: Final = (
    *("accessModes", "capacity", "claimRef", "csi", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy"),
    *("storageClassName", "volumeAttributesClassName", "volumeMode"),
)
"""Its fields but for the sources of other kinds."""
_OF_THE_DRIVER: Final = ("driver", "fsType", "readOnly", "volumeAttributes", "volumeHandle")
"""Without references to Secrets, which the driver would read."""
_WHO: Final = "request.userInfo.username"
_OTHERS: Final = f"!({DEPLOYS}) && {_WHO} != {cel(BINDER)}"
_OLD: Final = "(request.operation == 'UPDATE' ? dyn(oldObject).spec : {})"
_NEW: Final = "request.operation != 'UPDATE'"
_ASK: Final = f"Ask for it by a PersistentVolumeClaim of the class {storage_class.NAME}: {DRIVER} makes it."


def volume_rules() -> tuple[ObjectRule, ...]:
    """The rules over volumes, the claims for them, and their snapshots."""
    return (_volumes(), _owners(), _claims(), _snapshots())


def _same(field: str) -> str:
    """Of what is made, too: it does not say the field."""
    return f"dyn(object).spec[?'{field}'] == {_OLD}[?'{field}']"


def _kept(field: str) -> str:
    return f"request.operation == 'UPDATE' && {_same(field)}"


def _volumes() -> ObjectRule:
    """Whoever makes one: an administrator who brings one back says the same of it as the driver does."""
    return ObjectRule(
        name="volumes-are-the-drivers",
        group="",
        resources=("persistentvolumes",),
        variables={
            **SPEC,
            "csi": "variables.spec.?csi.orValue({})",
            "kinds": foreign("variables.spec", _OF_A_VOLUME),
            "words": foreign("variables.csi", _OF_THE_DRIVER),
            "class": "variables.spec.?storageClassName.orValue('')",
        },
        checks=(
            Check(
                holds="variables.kinds == '' && has(variables.spec.csi)",
                found="\"the volume is of the kind \" + (variables.kinds == '' ? 'none' : variables.kinds)",
                fix=_ASK,
            ),
            Check(
                holds=f"!has(variables.spec.csi) || variables.csi.driver == {cel(DRIVER)}"
                " && variables.csi.volumeHandle.matches('^vol-[0-9a-f]{8,17}$')",
                found='"the volume is " + variables.csi.volumeHandle + " of " + variables.csi.driver',
                fix=_ASK,
            ),
            Check(
                holds="variables.words == ''",
                found='"the driver would be told " + variables.words',
                fix=f"Leave it out: {DRIVER} needs no Secret.",
            ),
            Check(
                holds=f"variables.class == {cel(storage_class.NAME)} || {_kept('storageClassName')}",
                found='"the volume is of the class \'" + variables.class + "\'"',
                fix=_ASK,
            ),
            Check(
                holds=f"size(variables.spec.?mountOptions.orValue([])) == 0 || {_kept('mountOptions')}",
                found='"it would be mounted with " + variables.spec.mountOptions.join(", ")',
                fix="Leave mountOptions out.",
            ),
            Check(
                # Of the driver's too, which makes it for the claim that asked. What is nobody's, the binder frees.
                holds="['namespace', 'name'].all(k, variables.spec.?claimRef[?k].orValue('') != '')"
                f" || {_kept('claimRef')} || {_WHO} == {cel(BINDER)}",
                found='"it would be whose claim comes first"',
                fix="Say in claimRef, by namespace and name, whose claim it is for.",
            ),
            Check(
                holds=f"has(variables.spec.nodeAffinity) || {_kept('nodeAffinity')}",
                found='"the volume does not say in which zone it is"',
                fix="Say it in nodeAffinity, by topology.kubernetes.io/zone, as the driver does.",
            ),
        ),
    )


def _owners() -> ObjectRule:
    """The driver's account may make volumes: for the claim that asked, whose UID its name is, and to go with it."""
    return ObjectRule(
        name="volumes-stay-with-their-claims",
        group="",
        resources=("persistentvolumes",),
        only=_OTHERS,
        variables={**SPEC, "owner": "variables.spec.?claimRef.?uid.orValue('')"},
        checks=(
            Check(
                holds=f"{_kept('claimRef')} || {_NEW} && variables.owner != ''"
                " && object.metadata.name == 'pvc-' + variables.owner",
                found='request.userInfo.username + " would say whose the volume is"',
                fix="Leave claimRef as it is: a volume is made for one claim, and goes with it.",
            ),
            Check(
                holds=f"{_kept('persistentVolumeReclaimPolicy')}"
                f" || {_NEW} && variables.spec.persistentVolumeReclaimPolicy == 'Delete'",
                found='"the volume would be kept: " + variables.spec.persistentVolumeReclaimPolicy',
                fix="Leave persistentVolumeReclaimPolicy at Delete: what outlives its claim is there for another.",
            ),
        ),
    )


def _claims() -> ObjectRule:
    """Also of the controllers that make claims by somebody's template. Where a claim says no class, the API server has
    put the default in by now."""
    # The core group is an empty string, or null.
    source = (
        "variables.spec.{0}.kind in {1} && (variables.spec.{0}.?apiGroup.orValue('') == {1}[variables.spec.{0}.kind]"
        " || {1}[variables.spec.{0}.kind] == '' && variables.spec.{0}.?apiGroup.orValue(null) == null)"
    )
    known = "{" + ", ".join(f"{cel(kind)}: {cel(group)}" for kind, group in SOURCES.items()) + "}"
    kinds = " && ".join(
        f"(!has(variables.spec.{each}) || {source.format(each, known)})" for each in ("dataSource", "dataSourceRef")
    )
    annotation = f"dyn(object).metadata.?annotations[?{cel(OLDER_CLASS)}]"
    return ObjectRule(
        name="claims-are-for-new-volumes",
        group="",
        resources=("persistentvolumeclaims",),
        only=_OTHERS,
        variables={
            **SPEC,
            "class": f"variables.spec.?storageClassName.orValue({cel(storage_class.NAME)})",
            "older": f"{annotation}.orValue({cel(storage_class.NAME)})",
        },
        checks=(
            Check(
                holds=f"variables.spec.?volumeName.orValue('') == '' || {_kept('volumeName')}",
                found='"the claim names the volume " + variables.spec.volumeName',
                fix="Leave volumeName out: each claim gets a volume of its own.",
            ),
            Check(
                # With one it gets no new volume at all, but one that is there.
                holds=f"!has(variables.spec.selector) || {_kept('selector')}",
                found='"the claim chooses among volumes that are there"',
                fix="Leave selector out: each claim gets a volume of its own.",
            ),
            Check(
                holds=f"[variables.class, dyn(variables.older)].all(c, c == {cel(storage_class.NAME)})"
                f" || {_kept('storageClassName')}"
                f" && {annotation} == dyn(oldObject).metadata.?annotations[?{cel(OLDER_CLASS)}]",
                found='"the claim is for the class \'" + (variables.older =='
                f' {cel(storage_class.NAME)} ? string(variables.class) : string(variables.older)) + "\'"',
                fix=f"Leave storageClassName out, or say {storage_class.NAME}: its volumes are encrypted.",
            ),
            Check(
                holds=f"{_same('dataSource')} && {_same('dataSourceRef')}"
                f" || !has(variables.spec.?dataSourceRef.namespace) && {kinds}",
                found='"the claim is for a copy of what is elsewhere"',
                fix="Copy a claim or a snapshot of this namespace, or leave dataSource and dataSourceRef out.",
            ),
            Check(
                holds=_same("volumeAttributesClassName"),
                found='"the claim names a class of attributes"',
                fix="Leave volumeAttributesClassName as it is.",
            ),
        ),
    )


def _snapshots() -> ObjectRule:
    """A content that names a snapshot which is there already is a copy of whoever's volume that was."""
    ref = "dyn({0}).spec.volumeSnapshotRef.{1}"
    return ObjectRule(
        name="snapshots-are-of-claims",
        group="*",
        resources=("volumesnapshotcontents", "volumegroupsnapshotcontents"),
        only=f"!({DEPLOYS})",
        variables={"source": "dyn(object).spec.source"},
        checks=(
            Check(
                holds=f"{_kept('source')} || {_NEW} && variables.source.all(k, k in ['volumeHandle', 'volumeHandles'])",
                found='"the content is of a snapshot that is there already"',
                fix="Take a new one by a VolumeSnapshot of a claim.",
            ),
            Check(
                holds=f"{_NEW} || !has(dyn(object).spec.volumeSnapshotRef)"
                f" || {ref.format('object', 'namespace')} == {ref.format('oldObject', 'namespace')}",
                found='"the snapshot would go to another namespace"',
                fix="Leave volumeSnapshotRef as it is.",
            ),
        ),
    )
