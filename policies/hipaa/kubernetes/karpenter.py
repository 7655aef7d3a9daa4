"""Karpenter's node classes: nodes that the cluster itself has made are held to what launch templates are held to.

Of Karpenter 1.14 ("NodeClasses" of its documentation), whose defaults are named where they matter.
"""

from __future__ import annotations

from typing import Any

from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties
from hipaa.rule import HIGH, rule
from hipaa.verdict import Verdict, at_most, is_, violation

NODE_CLASS = ("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "kubernetes:karpenter.k8s.aws/v1beta1:EC2NodeClass")
_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _metadata(**options: Any) -> dict[str, Any]:
    return {"spec": {"metadataOptions": options}}


def _volume(**ebs: Any) -> dict[str, Any]:
    return {"spec": {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "rootVolume": True, "ebs": ebs}]}}


@rule(
    "node-class-requires-imdsv2",
    on=NODE_CLASS,
    severity=HIGH,
    fix="Require tokens for the metadata and one hop at the most, or leave these options out.",
    sound=[
        {"spec": {}},
        _metadata(httpTokens="required", httpPutResponseHopLimit=1),
        _metadata(httpEndpoint="disabled", httpTokens="optional"),
    ],
    unsound=[
        _metadata(httpTokens="optional"),
        _metadata(httpTokens="required", httpPutResponseHopLimit=2),
    ],
)
def node_class_requires_imdsv2(node_class: Properties) -> Verdict:
    """A node gives its role's credentials only to IMDSv2 requests, and to none of its pods.

    Where nothing is said, Karpenter asks for both itself.
    """
    options = node_class.object("spec.metadataOptions")
    if options.at("httpEndpoint") == "disabled":
        return Verdict()
    tokens = options.require("httpTokens", is_("required"), default="required")
    hops = options.require("httpPutResponseHopLimit", at_most(1), default=1)
    return Verdict(violations=tokens.violations + hops.violations, unknown=tokens.unknown + hops.unknown)


@rule(
    "node-class-encrypts-its-volumes",
    on=NODE_CLASS,
    severity=HIGH,
    fix="Set ebs.encrypted to true for each volume, and its key to one of your own, or map no volume.",
    sound=[
        {"spec": {}},
        _volume(encrypted=True, kmsKeyID=_KEY),
        _volume(volumeSize="100Gi", encrypted=True),
    ],
    unsound=[
        _volume(encrypted=False, kmsKeyID=_KEY),
        _volume(volumeSize="100Gi"),
        _volume(encrypted=True, kmsKeyID="alias/aws/ebs"),
    ],
)
def node_class_encrypts_its_volumes(node_class: Properties) -> Verdict:
    """Each volume of a node is encrypted, under a key of one's own where it names one.

    Where no volume is named, Karpenter makes an encrypted one; one that is named is encrypted where it says so.
    """

    def encrypted(mapping: Properties) -> Verdict:
        if mapping.at("ebs") is None:
            return violation(f"`{mapping.where('ebs')}` is not set; it must be, with encrypted true")
        verdict = mapping.require("ebs.encrypted", is_(True))
        if mapping.at("ebs.kmsKeyID") is None:
            return verdict
        key = mapping.require("ebs.kmsKeyID", OWN_KEY)
        return Verdict(violations=verdict.violations + key.violations, unknown=verdict.unknown + key.unknown)

    return node_class.each_object("spec.blockDeviceMappings", encrypted)


@rule(
    "node-class-gives-no-public-address",
    on=NODE_CLASS,
    severity=HIGH,
    fix="Set associatePublicIPAddress to false.",
    sound=[{"spec": {}}, {"spec": {"associatePublicIPAddress": False}}],
    unsound=[{"spec": {"associatePublicIPAddress": True}}],
)
def node_class_gives_no_public_address(node_class: Properties) -> Verdict:
    """A node has no public address. Where nothing is said its subnet decides, which has a rule of its own."""
    return node_class.require("spec.associatePublicIPAddress", is_(False), default=False)
