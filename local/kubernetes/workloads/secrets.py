"""The volumes that the Secrets Store CSI driver mounts on EKS, written here into files by the same description.

The driver's AWS provider reads a SecretProviderClass; so does this, from the same API, and the secrets from the local
AWS API. A secret that was rotated is written anew at the next look.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from local.files import write_private
from local.workspace import LOCAL_REGION


class SecretFiles:
    """Keeps the files of secrets what the local AWS API says."""

    def __init__(self, endpoint: str) -> None:
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        self._client = boto3.client("secretsmanager", region_name=LOCAL_REGION, endpoint_url=endpoint, config=config)
        self._versions: dict[Path, str] = {}

    def write(self, provider_class: Mapping[str, Any], folder: Path) -> None:
        """Writes every secret of the class that changed into `folder`.

        Raises botocore's errors where a secret is not there.
        """
        for each in yaml.safe_load(provider_class["spec"]["parameters"]["objects"]):
            file = folder / (each.get("objectAlias") or each["objectName"].replace("/", "_"))
            found = self._client.get_secret_value(SecretId=each["objectName"])
            if self._versions.get(file) == found["VersionId"] and file.exists():
                continue
            write_private(file, found["SecretString"].encode())
            self._versions[file] = found["VersionId"]
