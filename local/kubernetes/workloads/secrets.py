"""The volumes that the Secrets Store CSI driver mounts on EKS, written here into files by the same description.

The driver's AWS provider reads a SecretProviderClass; so does this, from the same API, and the secrets from the local
AWS API, with the role that the pod's service account has there. A secret that was rotated is written anew at the next
look.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import yaml
from botocore.config import Config

from local.aws.changes import Watched
from local.files import write_private
from local.workspace import LOCAL_REGION

AGENT = "/moto-api/parapet/pod-identity"
"""Where the local API answers as a node's Pod Identity agent does; namespace and service account stand behind it."""


def agent(endpoint: str, namespace: str, service_account: str) -> str:
    """Where a pod's credentials are asked for."""
    return f"{endpoint}{AGENT}/{namespace}/{service_account}"


class SecretFiles:
    """Keeps the files of secrets what the local AWS API says."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._versions: dict[Path, str] = {}
        self._mounted: dict[Path, tuple[object, Watched[list[Path]]]] = {}
        """By folder: what is read there and by whom, and the files that were written."""

    def write(self, provider_class: Mapping[str, Any], service_account: str, folder: Path) -> None:
        """Writes every secret of the class that changed into `folder`, as the pod's service account reads it.

        Raises botocore's errors where a secret is not there or the role may not read it, and LookupError where the
        service account has no role.
        """
        read = (service_account, provider_class["spec"])
        before, written = self._mounted.get(folder, (None, None))
        if written is None or before != read:
            written = Watched(self._endpoint, lambda: self._write(provider_class, service_account, folder))
            self._mounted[folder] = read, written
        if not all(file.exists() for file in written.told()):
            del self._mounted[folder]
            self._write(provider_class, service_account, folder)

    def _write(self, provider_class: Mapping[str, Any], service_account: str, folder: Path) -> list[Path]:
        client, files = self._client(provider_class["metadata"]["namespace"], service_account), list[Path]()
        for each in yaml.safe_load(provider_class["spec"]["parameters"]["objects"]):
            file = folder / (each.get("objectAlias") or each["objectName"].replace("/", "_"))
            files.append(file)
            found = client.get_secret_value(SecretId=each["objectName"])
            if self._versions.get(file) == found["VersionId"] and file.exists():
                continue
            write_private(file, found["SecretString"].encode())
            self._versions[file] = found["VersionId"]
        return files

    def _client(self, namespace: str, service_account: str) -> Any:
        told = _credentials(agent(self._endpoint, namespace, service_account))
        if told["AccessKeyId"] not in self._clients:
            config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
            self._clients = {
                told["AccessKeyId"]: boto3.client(
                    "secretsmanager",
                    region_name=LOCAL_REGION,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=told["AccessKeyId"],
                    aws_secret_access_key=told["SecretAccessKey"],
                    aws_session_token=told["Token"],
                    config=config,
                )
            }
        return self._clients[told["AccessKeyId"]]


def _credentials(address: str) -> Mapping[str, str]:
    try:
        with urlopen(address, timeout=5) as answer:  # noqa: S310 (a loopback address)
            told: Mapping[str, str] = json.load(answer)
            return told
    except HTTPError as error:
        raise LookupError(json.load(error)["message"]) from None
