"""A secret that a step reads itself, with its pod's own role, from AWS Secrets Manager.

Kubeflow's extension for Kubernetes mounts a cluster's Secrets into steps, and no volume of a driver (kfp-kubernetes
2.17.3, `KubernetesExecutorConfig`). A cluster's Secret is whoever's may start pods in the namespace, and the platform
mounts none.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from delivery.registry.refused import Refused

ARN: Final = re.compile(r"arn:aws(-[a-z]+)*:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:[\w/+=.@-]+")

PEM: Final = "-----BEGIN "


def is_secret(place: str) -> bool:
    """Whether it is a secret's ARN, and not a path."""
    return place.startswith("arn:")


def read(arn: str) -> bytes:
    """Its current value. Raises Refused."""
    import boto3  # here: half a second, which no other step needs
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    if not (named := ARN.fullmatch(arn)):
        raise Refused(f"{arn} is no secret of AWS Secrets Manager: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME.")
    patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 5, "mode": "standard"})
    secrets: Any = boto3.client("secretsmanager", region_name=named["region"], config=patience)
    try:
        told = secrets.get_secret_value(SecretId=arn)
    except ClientError as error:
        why = error.response["Error"]["Code"]
    except BotoCoreError as error:
        why = type(error).__name__
    else:
        return bytes(told["SecretBinary"] if "SecretBinary" in told else told["SecretString"].encode())
    raise Refused(f"The secret {arn} cannot be read ({why}). Give it to the namespace: the setting workloadSecrets.")


@contextmanager
def as_file(place: str) -> Iterator[Path]:
    """The file itself; of a secret, its value at a path in memory that is there for this long. Raises Refused."""
    if not is_secret(place):
        yield Path(place)
        return
    number = _in_memory(read(place))
    try:
        yield _at(number)
    finally:
        os.close(number)


def variables(secret: str, own: Mapping[str, str]) -> Mapping[str, str]:
    """What tells of the account in MLflow: the process's own variables, or a secret that is an object of JSON with the
    same names, in which an authority is the certificate itself. Raises Refused."""
    if not secret:
        return own
    try:
        told = msgspec.json.decode(read(secret), type=dict[str, str])
    except msgspec.DecodeError:
        raise Refused(
            f"The secret {secret} is no object of JSON with names and texts, as MLFLOW_TRACKING_URI."
        ) from None
    # Certificates are read by their path, for as long as the step runs.
    return told | {name: str(_at(_in_memory(pem.encode()))) for name, pem in told.items() if pem.startswith(PEM)}


def _in_memory(content: bytes) -> int:
    number = os.memfd_create("parapet", os.MFD_CLOEXEC)
    os.write(number, content)
    return number


def _at(number: int) -> Path:
    return Path(f"/proc/self/fd/{number}")
