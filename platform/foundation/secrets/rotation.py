"""The function that gives secrets their first value and rotates them; AWS Lambda runs it, with nothing but boto3.

No answer, log line or error of it holds a value. Each step may be repeated: Secrets Manager does so when one failed
(AWS Secrets Manager User Guide, "Lambda rotation functions").

A value that ends with a newline is a list, the one in use first: a rotation puts another before those that were there.
That the value says so itself leaves nothing beside it by which the old ones could be lost.
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

FIRST_VALUE: Final = "firstValue"
CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
END: Final = "\n"
"""Ends each value of a list."""


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """One step for one secret. Raises boto3's error, or `ValueError` for a step or a value that is not as it should be.

    Secrets Manager sends SecretId, Step and ClientRequestToken; whoever makes a secret sends SecretId, the step
    `firstValue`, Length, in characters, and KeepOld, whether old values stay.
    """
    import boto3  # Lambda has it; the stack's program, which takes the step's name from here, does not

    secrets = boto3.client("secretsmanager")
    secret, step = event["SecretId"], event["Step"]
    if step == FIRST_VALUE:
        _first(secrets, secret, int(event["Length"]), END if event["KeepOld"] else "")
    elif step in STEPS:
        STEPS[step](secrets, secret, event["ClientRequestToken"])
    else:
        raise ValueError(f"Step is {step!r}; it must be one of {', '.join((FIRST_VALUE, *STEPS))}")
    return {"SecretId": secret, "Step": step}


def _first(secrets: Any, secret: str, length: int, end: str) -> None:
    if _version(secrets, secret, CURRENT):
        return
    # Of two that run at once, the second is refused by the token that both have.
    token = str(uuid5(NAMESPACE_URL, secret))
    try:
        value = _random(secrets, length) + end
        secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=value)
    except secrets.exceptions.ResourceExistsException:
        return


def _create(secrets: Any, secret: str, token: str) -> None:
    try:
        secrets.get_secret_value(SecretId=secret, VersionId=token, VersionStage=PENDING)
    except secrets.exceptions.ResourceNotFoundException:
        value = _next(secrets, _value(secrets, secret, VersionStage=CURRENT))
        secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=value, VersionStages=[PENDING])


def _set(_secrets: Any, _secret: str, _token: str) -> None:
    """Nothing else holds the value: whoever uses it reads it from the secret."""


def _test(secrets: Any, secret: str, token: str) -> None:
    # Where a rotation is set up without being begun, Secrets Manager tries this step with a version of its own making:
    # that the value is another than the current one is not asked.
    value = _value(secrets, secret, VersionId=token, VersionStage=PENDING)
    if not _may_follow(value, _value(secrets, secret, VersionStage=CURRENT)):
        raise ValueError(
            f"The pending value of {secret} is not as long as the current one, not of letters and digits, or without "
            "the old values that it should have"
        )


def _finish(secrets: Any, secret: str, token: str) -> None:
    current = _version(secrets, secret, CURRENT)
    if current != token:
        secrets.update_secret_version_stage(
            SecretId=secret, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
        )


STEPS: Final[dict[str, Callable[[Any, str, str], None]]] = {
    "createSecret": _create,
    "setSecret": _set,
    "testSecret": _test,
    "finishSecret": _finish,
}


def _version(secrets: Any, secret: str, stage: str) -> str | None:
    """The version that has a stage, without looking at its value."""
    versions = secrets.describe_secret(SecretId=secret).get("VersionIdsToStages", {})
    return next((version for version, stages in versions.items() if stage in stages), None)


def _value(secrets: Any, secret: str, **which: str) -> str:
    value: str = secrets.get_secret_value(SecretId=secret, **which)["SecretString"]
    return value


def _next(secrets: Any, current: str) -> str:
    first, end, _ = current.partition(END)
    return _random(secrets, len(first)) + (end + current if end else "")


def _may_follow(value: str, current: str) -> bool:
    length = len(current.partition(END)[0])
    kept = value.endswith(current) if END in current else END not in value
    return kept and all(each.isalnum() and len(each) == length for each in value.splitlines())


def _random(secrets: Any, length: int) -> str:
    # Letters and digits need no quotes in an ini file, a URL or a shell.
    made = secrets.get_random_password(PasswordLength=length, ExcludePunctuation=True, RequireEachIncludedType=True)
    value: str = made["RandomPassword"]
    return value
