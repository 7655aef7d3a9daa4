"""Kubernetes storage classes: how the volumes of those who ask for one are made."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.resource import Properties
from hipaa.rule import HIGH, rule
from hipaa.verdict import Requirement, Verdict, all_of, not_applicable, violation

STORAGE_CLASS = ("kubernetes:storage.k8s.io/v1:StorageClass", "kubernetes:storage.k8s.io/v1beta1:StorageClass")

_EBS = ("ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com", "kubernetes.io/aws-ebs")
_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

_REQUIRED = {
    "encrypted": Requirement("'true'", lambda value: str(value).lower() == "true"),
    "kmsKeyId": Requirement("a customer managed key", lambda key: bool(key) and not str(key).endswith("alias/aws/ebs")),
}


def _class(provisioner: str, **parameters: Any) -> dict[str, Any]:
    return {"provisioner": provisioner, "parameters": parameters}


@rule(
    "storage-class-encrypts",
    on=STORAGE_CLASS,
    severity=HIGH,
    fix="Set the parameter 'encrypted' to 'true'.",
    sound=[
        _class(_EBS[0], type="gp3", encrypted="true"),
        _class(_EBS[2], Encrypted="True"),
        _class("efs.csi.aws.com", provisioningMode="efs-ap"),
    ],
    unsound=[{"provisioner": _EBS[0]}, _class(_EBS[0], type="gp3"), _class(_EBS[1], encrypted="false", kmsKeyId=_KEY)],
)
def storage_class_encrypts(class_: Properties) -> Verdict:
    """A storage class makes EBS volumes that are encrypted: the driver does not encrypt them unless told."""
    return _requires(class_, "encrypted")


@rule(
    "storage-class-encrypts-with-cmk",
    on=STORAGE_CLASS,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set the parameters 'encrypted' to 'true' and 'kmsKeyId' to the ARN of a customer managed key.",
    sound=[
        _class(_EBS[0], type="gp3", encrypted="true", kmsKeyId=_KEY),
        _class(_EBS[2], Encrypted="True", kmskeyid=_KEY),
        _class("efs.csi.aws.com", provisioningMode="efs-ap"),
        {"provisioner": "kubernetes.io/no-provisioner"},
    ],
    unsound=[
        {"provisioner": _EBS[0]},
        _class(_EBS[0], type="gp3"),
        _class(_EBS[0], encrypted="false", kmsKeyId=_KEY),
        _class(_EBS[1], encrypted="true"),
        _class(_EBS[2], encrypted="true", kmsKeyId="alias/aws/ebs"),
    ],
)
def storage_class_encrypts_with_cmk(class_: Properties) -> Verdict:
    """A storage class makes EBS volumes that are encrypted with a customer managed key.

    A claim names a class and never a key: what the class leaves out, nobody can add.
    """
    return _requires(class_, *_REQUIRED)


def _requires(class_: Properties, *wanted: str) -> Verdict:
    if class_.get("provisioner") not in _EBS:
        return not_applicable("the class makes no EBS volume")
    parameters = class_.object("parameters")
    # The driver reads the names of parameters without regard to case.
    names = {str(name).lower(): name for name in parameters}
    return all_of(
        *(
            violation(f"the parameter {name!r} is not {_REQUIRED[name].text}")
            for name in wanted
            if not _REQUIRED[name].met(parameters.get(names.get(name.lower(), name)))
        )
    )
