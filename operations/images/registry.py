"""A stack's registry, as ECR's own API and its OCI side show it."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cluster.images import Image
from operations.images.failures import ImagesFailed

EXPIRED = ("ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId")


@dataclass(frozen=True)
class Registry:
    """The repositories of one stack in an account's registry."""

    stack: str
    """What their names begin with."""
    region: str
    account: str
    """The account that it must be in, empty for that of the credentials."""

    def repository(self, image: Image) -> str:
        return f"{self.stack}/{image.name}"

    def digests(self, image: Image) -> dict[str, str] | None:
        """The digests of what the image's repository holds, by tag; None where there is no repository."""
        try:
            pages = self._client("ecr").get_paginator("list_images").paginate(repositoryName=self.repository(image))
            found = [each for page in pages for each in page["imageIds"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "RepositoryNotFoundException":
                return None
            raise self._refused(error) from None
        except BotoCoreError as error:
            raise ImagesFailed(f"The registry cannot be asked: {error}") from None
        return {each["imageTag"]: each["imageDigest"] for each in found if "imageTag" in each}

    @contextmanager
    def signed_in(self) -> Iterator["Pusher"]:
        """What may push into it, for as long as the context lasts. The password is in a folder of its own meanwhile."""
        try:
            account = self._client("sts").get_caller_identity()["Account"]
            if self.account and account != self.account:
                raise ImagesFailed(
                    f"The credentials are of the account {account}, and parapet:allowedAccountId is {self.account}. "
                    "Sign in to that account, then run this again."
                )
            (token,) = self._client("ecr").get_authorization_token()["authorizationData"]
        except ClientError as error:
            raise self._refused(error) from None
        except BotoCoreError as error:
            raise ImagesFailed(f"AWS cannot be asked: {error}") from None
        host = re.sub(r"^https?://", "", token["proxyEndpoint"])
        with tempfile.TemporaryDirectory() as folder:
            config = _users_own()
            config["auths"] = {**config.get("auths", {}), host: {"auth": token["authorizationToken"]}}
            (Path(folder) / "config.json").write_text(json.dumps(config))
            yield Pusher(host, {**os.environ, "DOCKER_CONFIG": folder})

    def _client(self, service: Literal["ecr", "sts"]) -> Any:
        return boto3.client(service, region_name=self.region)

    def _refused(self, error: ClientError) -> ImagesFailed:
        told = error.response["Error"]
        if told["Code"] in EXPIRED:
            return ImagesFailed(f"AWS takes the credentials no more ({told['Code']}). Sign in, then run this again.")
        return ImagesFailed(f"AWS refused {error.operation_name}: {told.get('Message') or told['Code']}")


@dataclass(frozen=True)
class Pusher:
    """An address to push to, and the variables with which a client may."""

    host: str
    environment: Mapping[str, str]

    def run(self, *command: str) -> str:
        """What the command says; raises ImagesFailed with its last line where it fails."""
        done = subprocess.run(
            command, capture_output=True, text=True, env=dict(self.environment), stdin=subprocess.DEVNULL
        )
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
            raise ImagesFailed(f"`{Path(command[0]).name} {command[1]}` failed: {words}")
        return done.stdout.strip()


def _users_own() -> dict[str, Any]:
    """The user's own Docker configuration, by which the makers' registries may know him."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        found = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
