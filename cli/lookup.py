"""`./parapet mlflow lookup`: a privacy officer finds what the audit trail has about a name."""

import sys
from typing import Annotated

import typer

from cli.output import Refused

VARIABLE = "PARAPET_AUDIT_SECRET"
Names = Annotated[list[str] | None, typer.Argument(help="The names; without any, a line each on standard input.")]
Secret = Annotated[
    str, typer.Option(envvar=VARIABLE, help="The ARN of the secret: the stack's output mlflowAuditKeySecretArn.")
]


def lookup(names: Names = None, secret: Secret = "") -> None:
    """Tell what names are called in MLflow's audit trail: a line for each key and name (docs/audit-trail.md)."""
    if len(parts := secret.split(":")) != 7 or parts[2] != "secretsmanager":
        raise Refused(
            f"--secret, or {VARIABLE}, is {secret or 'not given'}; it must be the ARN of a secret: "
            "`pulumi stack output mlflowAuditKeySecretArn`."
        )
    wanted = [name for name in names or sys.stdin.read().splitlines() if name]
    if not wanted:
        raise Refused("Give names, as arguments or a line each on standard input.")
    from parapet_mlflow.audit.key import Key

    keys = [Key(line) for line in _value(secret, parts[3]).split()]
    for name in wanted:
        for key in keys:
            # As it is: what is printed for people would be wrapped, and words in brackets taken for styles.
            sys.stdout.write(f"{key.digest(name)}\t{name}\n")


def _value(secret: str, region: str) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        secrets = boto3.client("secretsmanager", region_name=region)
        value: str = secrets.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"]
    except ClientError as error:
        raise Refused(
            f"Secrets Manager gives no key ({error.response['Error']['Code']}). Sign in to AWS as one of the roles in "
            "parapet:privacyOfficers."
        ) from None
    except BotoCoreError as error:
        raise Refused(f"Secrets Manager cannot be asked: {error}") from None
    return value
