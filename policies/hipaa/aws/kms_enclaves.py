"""AWS KMS keys for AWS Nitro Enclaves: they decrypt for the code that was measured, and for nobody beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hipaa.aws.kms import KEY
from hipaa.iam.document import NONE, Document, document
from hipaa.iam.judging import answer
from hipaa.iam.strangers import Asker, insiders, named
from hipaa.iam.witness import Steps, Witness, allowed
from hipaa.resource import Properties
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Verdict, all_of, not_applicable, undecided

# What takes an attestation document: "Cryptographic attestation support in AWS KMS", AWS KMS Developer Guide, read on
# 2026-11-30.
_USE = ("kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:DeriveSharedSecret")
_ATTESTATION = "kms:recipientattestation:"
_THIS_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _allow(action: str = "kms:Decrypt", **more: Any) -> dict[str, Any]:
    role = {"AWS": "arn:aws:iam::111122223333:role/enclave"}
    return {"Effect": "Allow", "Principal": role, "Action": action, "Resource": "*"} | more


def _attested(operator: str = "StringEqualsIgnoreCase", key: str = "ImageSha384") -> dict[str, Any]:
    return {"Condition": {operator: {f"kms:RecipientAttestation:{key}": "1a2b3c"}}}


def _key(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})} | more


_UNATTESTED = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DeriveSharedSecret"],
    "Resource": "*",
    "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": "1a2b3c"}},
}


@rule(
    "kms-key-for-enclaves-asks-for-attestation",
    on=KEY,
    severity=MEDIUM,
    advisory="the Rule asks nobody for an enclave; who may use the key is bounded by its principals as well",
    fix="Add a condition on kms:RecipientAttestation:ImageSha384 to each Allow of kms:Decrypt and its like, or a Deny.",
    sound=[
        _key(_allow(**_attested())),
        _key(_allow(**_attested(key="PCR0")), _allow("kms:Describe*")),
        _key(_allow(), _UNATTESTED, description="of the enclave"),
        _key(_allow(), description="of the ward"),
    ],
    unsound=[
        _key(_allow(), description="of the Enclave"),
        _key(_allow(), tags={"for": "enclaves"}),
        _key(_allow(**_attested()), _allow("kms:GenerateDataKey*")),
        _key(_allow(**_attested("StringEqualsIgnoreCaseIfExists"))),
        _key(_allow(**_attested()), _allow("kms:*", Principal={"AWS": "arn:aws:iam::111122223333:root"})),
    ],
)
def key_for_enclaves_asks_for_attestation(key: Properties) -> Verdict:
    """A key for an enclave is used by the image that its policy measures, and by nobody without a measurement.

    A key is for an enclave where its policy asks for attestation, or its description or tags say so.
    """
    found = document(key)
    told = f"{key.get('description') or ''} {_texts(key.get('tags'))}".lower()
    if _ATTESTATION not in found.text.lower() and "enclave" not in told:
        return not_applicable("nothing says that the key is for an enclave")
    if found is NONE:
        return not_applicable("no policy is set here")
    return all_of(answer(found, key.where("policy"), _without_measurement), *map(undecided, found.unknown))


def _texts(tags: Any) -> str:
    return " ".join(f"{name} {tags[name]}" for name in tags) if isinstance(tags, Properties) else ""


def _without_measurement(found: Document) -> Witness | None:
    steps = Steps()
    for asker in (*named(found), *insiders(found)):
        bare = Asker(
            replace(asker.caller, kind=f"{asker.caller.kind}, without attestation"),
            asker.keys,
            {**asker.families, _ATTESTATION: (None,)},
        )
        for action in _USE:
            if witness := allowed(found, bare, action, _THIS_KEY, steps):
                return replace(witness, thing="the key itself")
    return None
