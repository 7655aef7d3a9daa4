"""AWS Secrets Manager, one resource at a time: keys, recovery, values. `secretsmanager_companions` has the rest."""

from __future__ import annotations

from hipaa.aws.advice import OWN_KEY_IS_MORE, WHAT_IS_GIVEN_IS_ENCRYPTED
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, at_least, not_applicable, violation

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type token
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105 - a type token

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_OF_RDS = {"name": "rds!db-1a2b3c4d"}

OF_A_SERVICE = not_applicable("an AWS service owns the secret, and sets what it has")


def is_of_a_service(secret: Resource) -> bool:
    """Whether an AWS service made the secret for a resource of its own.

    Its name then begins with the service's ("Secrets managed by other services", AWS Secrets Manager User Guide); a
    program that imports it can change little of it.
    """
    return "!" in str(secret.known("name") or "")


@rule(
    "secret-encrypts-with-cmk",
    on=SECRET,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key, in each Region that the secret is replicated to as well.",
    sound=[
        {"kmsKeyId": _KEY},
        {"name": UNKNOWN, "kmsKeyId": _KEY, "replicas": [{"region": "us-west-2", "kmsKeyId": _KEY}]},
        _OF_RDS,
    ],
    unsound=[
        {},
        {"kmsKeyId": "alias/aws/secretsmanager"},
        {"kmsKeyId": _KEY, "replicas": [{"region": "us-west-2"}]},
        {"kmsKeyId": UNKNOWN, "replicas": [UNKNOWN, {"region": "us-west-2"}]},
    ],
)
def secret_encrypts_with_cmk(secret: Resource) -> Verdict:
    """A secret and its replicas are encrypted with customer managed keys.

    The service's own key lets whoever may read secrets read this one, and no other account may be let in.
    """
    if is_of_a_service(secret):
        return OF_A_SERVICE
    return all_of(
        secret.require("kmsKeyId", OWN_KEY),
        secret.each("replicas", lambda replica: replica.require("kmsKeyId", OWN_KEY)),
    )


@rule(
    "secret-can-be-recovered",
    on=SECRET,
    severity=MEDIUM,
    advisory="what a secret was can be set anew by whoever it opens something to; days to recover it are quicker",
    fix="Leave recovery_window_in_days out (30 days), or set it to 7 or more.",
    sound=[{}, {"recoveryWindowInDays": 7}, {"recoveryWindowInDays": 30}, _OF_RDS],
    unsound=[{"recoveryWindowInDays": 0}],
)
def secret_can_be_recovered(secret: Resource) -> Verdict:
    """A secret that is deleted can be had back for a week or longer.

    What it opens may be closed for ever without it: an encrypted backup, an account elsewhere.
    """
    if is_of_a_service(secret):
        return OF_A_SERVICE
    return secret.require("recoveryWindowInDays", at_least(7, "days"), default=30)


@rule(
    "secret-value-stays-out-of-state",
    on=SECRET_VERSION,
    severity=CRITICAL,
    advisory=WHAT_IS_GIVEN_IS_ENCRYPTED,
    fix="Leave secret_string and secret_binary out: let AWS generate the value, or write it with secret_string_wo.",
    sound=[{"secretId": "records"}, {"secretId": "records", "secretStringWo": "{}", "secretStringWoVersion": 1}],
    unsound=[
        {"secretId": "records", "secretString": "correct horse"},
        {"secretId": "records", "secretString": UNKNOWN},
        {"secretId": "records", "secretBinary": "Y29ycmVjdCBob3JzZQ=="},
    ],
)
def secret_value_stays_out_of_state(version: Properties) -> Verdict:
    """A program gives a secret no value that its state would keep.

    Whoever may read the state, its backups and its history reads the secret there, past its key and its policy; and
    what a program wrote, a rotation is undone by. A write-only value is kept nowhere.
    """
    # Whether there is a value is all that is asked: it is never read.
    return all_of(
        *(
            violation(f"`{version.where(name)}` is set; the value must come from AWS or be write-only")
            for name in ("secretString", "secretBinary")
            if name in version
        )
    )
