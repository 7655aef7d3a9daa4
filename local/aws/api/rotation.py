"""Secrets: their rotation runs the steps of a function that is run here, and a managed one has a new password made."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from moto.awslambda.models import LambdaBackend
from moto.awslambda.utils import get_backend
from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from local.aws.api import functions
from local.aws.api.mending import replace

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FORBIDDEN = "/@\"' "
"""Characters that RDS leaves out. Source: Amazon RDS User Guide, "Password management with AWS Secrets Manager"."""

_rotate_secret = SecretsManagerBackend.rotate_secret
_update_secret_version_stage = SecretsManagerBackend.update_secret_version_stage


def credentials(backend: SecretsManagerBackend, username: str) -> str:
    """A managed secret's value with a new password, of the service's own generator, as JSON."""
    made = backend.get_random_password(32, FORBIDDEN, False, False, False, False, False, True)
    return json.dumps({"username": username, "password": json.loads(made)["RandomPassword"]})


def rotate_secret(
    backend: SecretsManagerBackend,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: dict[str, Any] | None = None,
    rotate_immediately: bool = True,
) -> str:
    """Rotates by the secret's function or its owning service, before it answers; AWS goes on after its answer.

    A step that fails ends the rotation and leaves its version pending, as on AWS: the next call tries that version
    again, and says so. Source: AWS Secrets Manager API Reference, "RotateSecret".
    """
    secret = backend.secrets.get(secret_id)
    if not isinstance(secret, FakeSecret) or secret.is_deleted():  # which is refused there
        return _rotate_secret(backend, secret_id, client_request_token, rotation_lambda_arn, rotation_rules)
    arn = rotation_lambda_arn or secret.rotation_lambda_arn
    if secret.owning_service:
        _set_rules(secret, "", rotation_rules)
        if rotate_immediately:
            _renew(backend, secret)
        return secret.to_short_dict()
    if not (arn and secret.versions and _runs(backend, arn)):
        # Nothing runs such a function here: a rotation that began would leave the secret without its value.
        at_once = rotate_immediately and not arn
        return _rotate_secret(backend, secret_id, client_request_token, arn or None, rotation_rules, at_once)
    _set_rules(secret, arn, rotation_rules)
    if left := _pending(secret):
        _take_steps(backend, secret, left, STEPS)
        raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")
    token = client_request_token or str(uuid4())
    version: dict[str, Any] = {"createdate": int(time.time()), "version_id": token, "version_stages": [PENDING]}
    if not rotate_immediately:
        version["secret_string"] = secret.versions[str(secret.default_version_id)].get("secret_string")
    secret.remove_version_stages_from_old_versions([PENDING])
    secret.versions[token] = version
    if rotate_immediately:
        _take_steps(backend, secret, token, STEPS)
    else:
        _take_steps(backend, secret, token, ["testSecret"])
        del secret.versions[token]
    return secret.to_short_dict()


def _runs(backend: SecretsManagerBackend, arn: str) -> bool:
    try:
        return functions.runs(_functions(backend).get_function(arn))
    except Exception:  # moto has a kind for each service; that it is not there is told by the call that follows
        return False


def _functions(backend: SecretsManagerBackend) -> LambdaBackend:
    return get_backend(backend.account_id, backend.region_name)


def _set_rules(secret: FakeSecret, arn: str, rules: Mapping[str, Any] | None) -> None:
    secret.rotation_requested, secret.rotation_lambda_arn = True, arn
    if rules:
        secret.auto_rotate_after_days = rules.get("AutomaticallyAfterDays", 0)
    secret.rotation_enabled = secret.auto_rotate_after_days > 0
    if secret.rotation_enabled:
        secret.next_rotation_date = int(time.time()) + secret.auto_rotate_after_days * 86400


def _renew(backend: SecretsManagerBackend, secret: FakeSecret) -> None:
    held = json.loads(secret.versions[str(secret.default_version_id)]["secret_string"])
    no_binary: Any = None  # what moto's own caller passes, though it is declared as a text
    backend.put_secret_value(secret.arn, credentials(backend, held["username"]), no_binary, str(uuid4()), [CURRENT])
    secret.last_rotation_date = int(time.time())


def _pending(secret: FakeSecret) -> str | None:
    """The version of a rotation that did not come to its end."""
    for token, version in secret.versions.items():
        if PENDING in version["version_stages"] and CURRENT not in version["version_stages"]:
            return token
    return None


def _take_steps(backend: SecretsManagerBackend, secret: FakeSecret, token: str, steps: Sequence[str]) -> None:
    for step in steps:
        event = {"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}
        headers: dict[str, str] = {}
        told = _functions(backend).invoke(secret.rotation_lambda_arn, None, json.dumps(event), {}, headers)
        if "x-amz-function-error" in headers:
            print(f"The rotation of {secret.name} failed in {step}: {told!r}", file=sys.stderr, flush=True)
            return
    secret.last_rotation_date = int(time.time())


def update_secret_version_stage(
    backend: SecretsManagerBackend,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str,
    move_to_version_id: str,
) -> tuple[str, str]:
    """Moves a label; the version that becomes the current one is what a plain read gets."""
    told = _update_secret_version_stage(backend, secret_id, version_stage, remove_from_version_id, move_to_version_id)
    secret = backend.secrets.get(secret_id)
    if version_stage == CURRENT and move_to_version_id and isinstance(secret, FakeSecret):
        secret.set_default_version_id(move_to_version_id)
    return told


def mend() -> None:
    """moto forgets a secret's function when a rotation does not name it, goes on after a step that failed, gives a
    managed secret no new value, and reads on the version that was current before its label moved.
    """
    replace(SecretsManagerBackend, "rotate_secret", rotate_secret)
    replace(SecretsManagerBackend, "update_secret_version_stage", update_secret_version_stage)
