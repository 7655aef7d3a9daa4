"""Persistent volumes: what they are of, and how they are reached."""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes.objects import each_object, of_kind
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, rule
from hipaa.verdict import Verdict, violation

PERSISTENT_VOLUME = of_kind("PersistentVolume", "core/v1")


def _volume(**spec: Any) -> dict[str, Any]:
    return {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]} | spec}


def _efs(**csi: Any) -> dict[str, Any]:
    return {"csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-0123456789abcdef0"} | csi}


@rule(
    "persistent-volume-stays-off-the-host",
    on=PERSISTENT_VOLUME,
    severity=CRITICAL,
    fix="Use a volume of a CSI driver; for disks of the node itself, a `local` one of the static provisioner.",
    sound=[
        {},
        _volume(csi={"driver": "ebs.csi.aws.com", "volumeHandle": "vol-0123456789abcdef0"}),
        _volume(local={"path": "/mnt/disks/nvme1"}),
    ],
    unsound=[
        _volume(hostPath={"path": "/"}),
        _volume(hostPath={"path": "/mnt/data", "type": "DirectoryOrCreate"}),
        Resource(PERSISTENT_VOLUME[1], _volume(hostPath={"path": "/var"})),
        Resource(PERSISTENT_VOLUME[2], {"items": [_volume(hostPath={"path": "/var"})]}),
    ],
)
def persistent_volume_stays_off_the_host(volume: Resource) -> Verdict:
    """A persistent volume is no directory of a node.

    Whoever claims it has what lies there, of the node and of other pods, whatever level his namespace is held to.
    """

    def is_apart(one: Properties) -> Verdict:
        spec = one.at("spec")
        if not isinstance(spec, Properties) or spec.at("hostPath") is None:
            return Verdict()
        return violation(f"`{spec.where('hostPath')}` is set; it must be a volume of a driver")

    return each_object(volume, is_apart)


_TLS_OF_NFS = ("xprtsec=tls", "xprtsec=mtls", "sec=krb5p")


@rule(
    "persistent-volume-is-mounted-by-tls",
    on=PERSISTENT_VOLUME,
    severity=HIGH,
    fix="Use the EFS driver, which mounts by TLS unless encryptInTransit says no; or mount options xprtsec=mtls.",
    sound=[
        {},
        _volume(**_efs()),
        _volume(**_efs(volumeAttributes={"encryptInTransit": "true"}), mountOptions=["tls", "iam"]),
        _volume(nfs={"server": "files.internal", "path": "/"}, mountOptions=["nfsvers=4.2", "xprtsec=mtls"]),
        _volume(nfs={"server": "files.internal", "path": "/"}, mountOptions=["sec=krb5p"]),
    ],
    unsound=[
        _volume(nfs={"server": "files.internal", "path": "/"}),
        _volume(nfs={"server": "fs-0123456789abcdef0.efs.us-east-1.amazonaws.com", "path": "/"}),
        _volume(nfs={"server": "files.internal", "path": "/"}, mountOptions=["sec=krb5"]),
        _volume(**_efs(volumeAttributes={"encryptInTransit": "false"})),
        Resource(PERSISTENT_VOLUME[2], {"items": [_volume(nfs={"server": "files.internal", "path": "/"})]}),
    ],
)
def persistent_volume_is_mounted_by_tls(volume: Resource) -> Verdict:
    """What a persistent volume of the network holds goes there and back encrypted.

    NFS by itself is plain text between the node and the server.
    """

    def is_encrypted(one: Properties) -> Verdict:
        options = one.listed("spec.mountOptions")
        if one.at("spec.nfs") is not None and not any(said in options for said in _TLS_OF_NFS):
            return violation(f"`{one.where('spec.nfs')}` is mounted in plain text; it must be by TLS")
        attributes = one.object("spec.csi.volumeAttributes")
        if str(attributes.get("encryptInTransit")).lower() == "false":
            return violation("the attribute encryptInTransit is 'false'; it must be left out, which means true")
        return Verdict()

    return each_object(volume, is_encrypted)
