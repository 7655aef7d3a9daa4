"""AWS Systems Manager: parameters that keep secrets as secrets, and documents that are nobody else's."""

from __future__ import annotations

import re

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, not_applicable, violation

PARAMETER = "aws:ssm/parameter:Parameter"
DOCUMENT = "aws:ssm/document:Document"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# The last word of a name says what the value is: db/password is one, password-policy/length and secret-arn are none.
_SECRET_NAME = re.compile(
    r"(?i)(^|[/_.-])(pass(word|wd|phrase)?|pwd|secret|secret[_-]?key|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|auth[_-]?token|api[_-]?token|access[_-]?token|refresh[_-]?token|bearer[_-]?token)$"
)


def _parameter(name: str, type_: str = "String", **more: str) -> dict[str, str]:
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
    ],
    unsound=[
        _parameter("/records/db/password", value="correct horse"),
        _parameter("DB_PASSWORD", "StringList", value="a,b"),
        _parameter("/records/stripe/api-key", insecureValue="correct horse"),
        _parameter("records.private_key"),
    ],
)
def parameter_keeps_secrets_encrypted(parameter: Resource) -> Verdict:
    """A parameter whose name says that it is a password, a key or a token is a SecureString."""
    if parameter.at("type") == "SecureString":
        return Verdict()
    says = _SECRET_NAME.search(str(parameter.at("name") or parameter.name))
    if says:
        return violation(f"`type` is not 'SecureString', and the name ends with {says[2]!r}")
    return Verdict()


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
