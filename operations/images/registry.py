"""A stack's registry, as ECR's own API and its OCI side show it."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

from botocore.exceptions import ClientError

from cluster.images import Image
from operations.account.access import Access, code, open_account, told
from operations.refused import Refused

BESIDE = ("contexts", "cli-plugins", "buildx")
"""What Docker looks for beside its configuration: how to reach its daemon, and with what to build."""


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
        ecr = self.access.client("ecr")
        with told():
            try:
                pages = ecr.get_paginator("list_images").paginate(repositoryName=self.repository(image))
                found = [each for page in pages for each in page["imageIds"]]
            except ClientError as error:
                if code(error) == "RepositoryNotFoundException":
                    return None
                raise
        return {each["imageTag"]: each["imageDigest"] for each in found if "imageTag" in each}

    @cached_property
    def access(self) -> Access:
        """Whose it is, is looked at before anything is asked of it."""
        return open_account(self.region, self.account)

    @contextmanager
    def signed_in(self) -> Iterator["Pusher"]:
        """What may push into it, for as long as the context lasts. The password is in a folder of its own meanwhile."""
        with told():
            (token,) = self.access.client("ecr").get_authorization_token()["authorizationData"]
        host = re.sub(r"^https?://", "", token["proxyEndpoint"])
        with tempfile.TemporaryDirectory() as folder:
            config = _with_login(_users_own(), host, token["authorizationToken"])
            (Path(folder) / "config.json").write_text(json.dumps(config))
            for kept in BESIDE:
                if (_users_folder() / kept).exists():
                    (Path(folder) / kept).symlink_to(_users_folder() / kept)
            yield Pusher(host, {**os.environ, "DOCKER_CONFIG": folder}, token["authorizationToken"])


@dataclass(frozen=True)
class Pusher:
    """An address to push to, and the variables with which a client may."""

    host: str
    environment: Mapping[str, str]

    login: str
    """Of HTTP's Basic scheme: name and password, in base64."""

    def run(self, *command: str) -> str:
        """What the command says; raises Refused with its last line where it fails."""
        return self.read(*command).decode(errors="replace").strip()

    def read(self, *command: str) -> bytes:
        """The same, byte for byte."""
        done = subprocess.run(command, capture_output=True, env=dict(self.environment), stdin=subprocess.DEVNULL)
        if done.returncode:
            raise _failed(command, done.stderr.strip() or done.stdout.strip())
        return done.stdout

    @contextmanager
    def stream(self, *command: str) -> Iterator[IO[bytes]]:
        """What the command says, while it says it; raises Refused at the end where it fails."""
        with tempfile.TemporaryFile() as errors:
            running = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=dict(self.environment)
            )
            said = cast("IO[bytes]", running.stdout)
            try:
                with said:
                    yield said
                    while said.read(1 << 20):  # whoever writes an archive must not find it closed before its padding
                        pass
            except BaseException as error:
                # What ended too early was misread because of that.
                if isinstance(error, Refused) and _ended(running):
                    errors.seek(0)
                    raise _failed(command, errors.read().strip()) from None
                running.kill()
                raise
            finally:
                status = running.wait()
            if status:
                errors.seek(0)
                raise _failed(command, errors.read().strip())


def _ended(running: subprocess.Popen[bytes]) -> bool:
    """Whether it failed by itself."""
    try:
        return running.wait(timeout=1) > 0
    except subprocess.TimeoutExpired:
        return False


def _failed(command: Sequence[str], said: bytes) -> Refused:
    words = (said.decode(errors="replace") or "it says nothing").splitlines()[-1]
    return Refused(f"`{Path(command[0]).name} {command[1]}` failed: {words}")


def _with_login(config: Mapping[str, Any], host: str, login: str) -> dict[str, Any]:
    """A Docker configuration that also opens `host`.

    A `credsStore` is asked for every host, and its empty answer would be taken in place of the login (docker/cli,
    cli/config/credentials, `nativeStore.Get`): it stays for those that the configuration names.
    """
    auths, store = config.get("auths") or {}, config.get("credsStore")
    helpers = {**(dict.fromkeys(auths, store) if store else {}), **(config.get("credHelpers") or {})}
    helpers.pop(host, None)
    rest = {key: value for key, value in config.items() if key != "credsStore"}
    return {**rest, "auths": {**auths, host: {"auth": login}}, "credHelpers": helpers}


def _users_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker").absolute()


def _users_own() -> dict[str, Any]:
    """The user's own Docker configuration, by which the makers' registries may know him."""
    try:
        found = json.loads((_users_folder() / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
