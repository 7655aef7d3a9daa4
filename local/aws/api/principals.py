"""Policies that name a role or user who does not exist are refused, in the words of each service.

A service turns the ARN of a principal into its unique id when the policy is saved, and finds none. Source: IAM User
Guide, "AWS JSON policy elements: Principal"; each service's API reference, errors of the calls below.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.models import IAMBackend, Role, iam_backends
from moto.kms.models import Key, KmsBackend
from moto.s3.exceptions import S3ClientError
from moto.s3.models import S3Backend
from moto.secretsmanager.exceptions import SecretsManagerClientError
from moto.secretsmanager.models import SecretsManagerBackend

from local.aws.api.mending import replace

NAMED = re.compile(r"arn:(aws[\w-]*):(?:iam::(\d{12}):(role|user)/|sts::(\d{12}):(assumed-role)/)(.+)")
UNIQUE_ID = re.compile(r"A(?:ROA|IDA)[A-Z0-9]{16,}")
"""What stands in a policy for a principal that has gone."""


def missing(policy: str | bytes | None, account: str) -> str | None:
    """The first principal of this account that a policy names and that does not exist.

    Of other accounts nothing is known here, and a text that is no policy is the service's own to refuse.
    """
    return next((each for each in _named(policy) if not _exists(each, account)), None)


def _named(policy: str | bytes | None) -> Iterator[str]:
    try:
        document = json.loads(policy or "{}")
    except ValueError:
        return
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element) if isinstance(statement, dict) else None
            who = principals.get("AWS", []) if isinstance(principals, dict) else []
            yield from map(str, who if isinstance(who, list) else [who])


def _exists(principal: str, account: str) -> bool:
    if UNIQUE_ID.fullmatch(principal):
        return False
    found = NAMED.fullmatch(principal)
    if found is None or account != (found[2] or found[4]):
        return True
    backend = iam_backends[account][found[1]]
    if found[3] == "user":
        return any(user.arn == principal for user in backend.users.values())
    if found[5]:
        return any(role.name == found[6].partition("/")[0] for role in backend.roles.values())
    return any(role.arn == principal for role in backend.roles.values())


_create_key, _put_key_policy = KmsBackend.create_key, KmsBackend.put_key_policy
_put_bucket_policy = S3Backend.put_bucket_policy
_put_resource_policy = SecretsManagerBackend.put_resource_policy
_create_role, _update_trust = IAMBackend.create_role, IAMBackend.update_assume_role_policy


def _checked(policy: str | bytes | None, account: str, refusal: Callable[[str], Exception]) -> None:
    if who := missing(policy, account):
        raise refusal(who)


def _of_key(_: str) -> Exception:
    words = "Policy contains a statement with one or more invalid principals."
    return JsonRESTError("MalformedPolicyDocumentException", words)


def _of_role(who: str) -> Exception:
    return MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{who}"')


def create_key(backend: KmsBackend, policy: str | None, *more: Any, **named: Any) -> Key:
    """Make a key whose policy names only those who exist."""
    _checked(policy, backend.account_id, _of_key)
    return _create_key(backend, policy, *more, **named)


def put_key_policy(backend: KmsBackend, key_id: str, policy: str) -> None:
    """Set a key's policy, which names only those who exist."""
    _checked(policy, backend.account_id, _of_key)
    _put_key_policy(backend, key_id, policy)


def put_bucket_policy(backend: S3Backend, bucket_name: str, policy: bytes) -> None:
    """Set a bucket's policy, which names only those who exist."""
    _checked(policy, backend.account_id, lambda _: S3ClientError("MalformedPolicy", "Invalid principal in policy"))
    _put_bucket_policy(backend, bucket_name, policy)


def put_resource_policy(backend: SecretsManagerBackend, secret_id: str, policy: str) -> tuple[str, str]:
    """Set a secret's policy, which names only those who exist."""
    words = "This resource policy contains an unsupported principal."
    _checked(
        policy,
        backend.account_id,
        lambda _: SecretsManagerClientError("MalformedPolicyDocumentException", words),
    )
    return _put_resource_policy(backend, secret_id, policy)


def create_role(
    backend: IAMBackend, role_name: str, assume_role_policy_document: str, *more: Any, **named: Any
) -> Role:
    """Make a role that trusts only those who exist."""
    _checked(assume_role_policy_document, backend.account_id, _of_role)
    return _create_role(backend, role_name, assume_role_policy_document, *more, **named)


def update_assume_role_policy(backend: IAMBackend, role_name: str, policy_document: str) -> None:
    """Set a role's trust policy, which names only those who exist."""
    _checked(policy_document, backend.account_id, _of_role)
    _update_trust(backend, role_name, policy_document)


def mend() -> None:
    """moto takes any principal."""
    replace(KmsBackend, "create_key", create_key)
    replace(KmsBackend, "put_key_policy", put_key_policy)
    replace(S3Backend, "put_bucket_policy", put_bucket_policy)
    replace(SecretsManagerBackend, "put_resource_policy", put_resource_policy)
    replace(IAMBackend, "create_role", create_role)
    replace(IAMBackend, "update_assume_role_policy", update_assume_role_policy)
