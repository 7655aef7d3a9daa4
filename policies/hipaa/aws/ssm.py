"""AWS Systems Manager: parameters that keep secrets as secrets, and documents that are nobody else's."""

from __future__ import annotations

from typing import Any

from hipaa import secrets
from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource, Secret, secrets_read, show
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, not_applicable, violation

PARAMETER = "aws:ssm/parameter:Parameter"
DOCUMENT = "aws:ssm/document:Document"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _parameter(name: str, type_: str = "String", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_} | more


@rule(
    "ssm-parameter-keeps-secrets-encrypted",
    on=PARAMETER,
    severity=HIGH,
    fix="Set type=SecureString and key_id to a customer managed key, or keep the value in Secrets Manager.",
    sound=[
        _parameter("/records/db/password", "SecureString"),
        _parameter("/records/db/host", value="db.internal"),
        _parameter("/records/db/secret-arn", value="arn:aws:secretsmanager:us-east-1:111122223333:secret:db"),
        _parameter("/records/password-policy/length", value="14"),
        _parameter("/records/tokenizer/pad-token", value="<pad>"),
        _parameter("/records/db/password", value="arn:aws:secretsmanager:us-east-1:111122223333:secret:db"),
        _parameter("/records/db/host", value=Secret("db.internal")),
    ],
    unsound=[
        _parameter("/records/db/password", value="correct horse"),
        _parameter("DB_PASSWORD", "StringList", value="a,b"),
        _parameter("/records/stripe/api-key", insecureValue="correct horse"),
        _parameter("records.private_key"),
        _parameter("/records/token", value=Secret("made-up-1234")),
        _parameter("/records/db/url", value="postgresql://app:correct-horse@db.internal/app"),
        _parameter("/records/settings", "StringList", value="glpat-0123456789abcdefghij,x"),
    ],
)
def parameter_keeps_secrets_encrypted(parameter: Resource) -> Verdict:
    """A parameter that is a password, a key or a token, by its name or its value, is a SecureString.

    A String is read by whoever may read parameters, without a key, and stands in the history of its changes.
    """
    if parameter.at("type") == "SecureString":
        return Verdict()
    name = str(parameter.at("name") or parameter.name)
    # The provider keeps each value as a secret, whatever it is: that alone says nothing.
    with secrets_read():
        value = parameter.at("value") or parameter.at("insecureValue")
    if not (secrets.names_one(name) if value is None else secrets.is_secret(name, str(value))):
        return Verdict()
    return violation(
        f"`type` of {name[:80]!r}, which is a secret, is {show(parameter.at('type'))}; it must be 'SecureString'"
    )


@rule(
    "ssm-parameter-encrypts-with-cmk",
    on=PARAMETER,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set key_id to the ARN of a customer managed key.",
    sound=[_parameter("/a", "SecureString", keyId=_KEY), _parameter("/a", value="1")],
    unsound=[_parameter("/a", "SecureString"), _parameter("/a", "SecureString", keyId="alias/aws/ssm")],
)
def parameter_encrypts_with_cmk(parameter: Properties) -> Verdict:
    """A SecureString is under a customer managed key."""
    if parameter.at("type") != "SecureString":
        return not_applicable("the parameter is no SecureString")
    return parameter.require("keyId", OWN_KEY)


@rule(
    "ssm-document-is-not-public",
    on=DOCUMENT,
    severity=CRITICAL,
    fix="Leave permissions out, or list account ids in it; never All.",
    sound=[
        {"documentType": "Command", "content": "{}"},
        {"content": "{}", "permissions": {"type": "Share", "accountIds": "111122223333,444455556666"}},
    ],
    unsound=[
        {"content": "{}", "permissions": {"type": "Share", "accountIds": "All"}},
        {"content": "{}", "permissions": {"type": "Share", "accountIds": "111122223333, all"}},
    ],
)
def document_is_not_public(document: Properties) -> Verdict:
    """A document is shared with accounts that are named, never with all of AWS: it tells how machines are kept."""
    for name in ("accountIds", "account_ids"):
        shared = str(document.at(f"permissions.{name}", "")).lower()
        if "all" in (account.strip() for account in shared.split(",")):
            return violation("`permissions` shares the document with all of AWS; it must list account ids")
    return Verdict()
