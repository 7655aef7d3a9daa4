"""A real OCI registry on a loopback port, in the place of ECR's: `crane registry serve`.

It holds manifests in memory, so that each start is filled anew (`fill`). What is pushed there is described by the OCI
Distribution Specification.
"""

import hashlib
import http.client
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import processes
from local.processes import Record
from local.workspace import Workspace

__all__ = ["ECR", "NAME", "Registry", "at", "ensure", "forget", "of", "running", "stand_in_digest"]

NAME = "registry"
ECR = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>.+))?"
)
"""A reference to what is in ECR, whose place this one takes."""
STAND_IN = "dev.parapet.stand-in-for"
"""The label of an image that is made here, since its maker's registry is not reached: what it stands for."""
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
KINDS = ", ".join(
    (
        MANIFEST,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


def running(workspace: Workspace) -> Record | None:
    return processes.read(workspace.run, NAME)


def ensure(workspace: Workspace) -> tuple[Record, bool]:
    """The running registry, or a new and empty one; the second value tells whether it is new. Raises StartFailed."""
    if record := running(workspace):
        return record, False
    port = processes.choose_port(None, preferred=workspace.registry_port)
    registry = Registry(port, _folder(workspace))
    registry.folder.mkdir(parents=True, exist_ok=True)
    record = processes.start(
        NAME,
        [str(workspace.bin / "crane"), "registry", "serve", f"--address=127.0.0.1:{port}", f"--disk={registry.folder}"],
        port=port,
        folder=workspace.run,
        log=workspace.logs / f"{NAME}.log",
        ready=registry.answers,
    )
    (workspace.home / "registry.port").write_text(str(port))
    return record, True


def forget(workspace: Workspace) -> Record | None:
    """Ends the registry and throws away what it held; returns what was ended."""
    record = running(workspace)
    if record:
        processes.stop(workspace.run, record)
    shutil.rmtree(_folder(workspace), ignore_errors=True)
    return record


def of(workspace: Workspace) -> "Registry | None":
    """The running one."""
    record = running(workspace)
    return at(workspace, record) if record else None


def at(workspace: Workspace, record: Record) -> "Registry":
    """The one that runs there."""
    return Registry(record.port, _folder(workspace))


def _folder(workspace: Workspace) -> Path:
    return workspace.home / "registry"


@dataclass(frozen=True)
class Registry:
    """A registry of this machine; `repository` is a name without its address, such as `parapet-local/istio/pilot`.

    All raise OSError where it does not answer.
    """

    port: int
    folder: Path
    """Where it keeps layers and configurations: a file for each, ALGORITHM/HEX, never written again."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            return self._ask("GET", "/v2/")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def tags(self, repository: str) -> list[str]:
        status, _, body = self._ask("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(body).get("tags") or []) if status == 200 else []

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of what a tag or a digest names, None where there is no such image."""
        status, headers, _ = self._ask("HEAD", f"/v2/{repository}/manifests/{reference}")
        return headers.get("docker-content-digest") if status == 200 else None

    def manifest(self, repository: str, reference: str) -> str:
        return self._ask("GET", f"/v2/{repository}/manifests/{reference}")[2].decode()

    def delete(self, repository: str, reference: str) -> None:
        """Takes an image away, by its tag or its digest."""
        self._ask("DELETE", f"/v2/{repository}/manifests/{reference}")

    def push_stand_in(self, repository: str, tag: str, source: str) -> str:
        """Makes sure of a stand-in under the tag, and returns its digest; another image there is left, and returned."""
        if (found := self.digest(repository, tag)) is not None:
            return found
        config, manifest = stand_in(source)
        blob = _digest(config)
        status, _, said = self._ask("POST", f"/v2/{repository}/blobs/uploads/?digest={blob}", config)
        if status != 201:
            raise self._refusal(repository, tag, said)
        return self._name(repository, tag, MANIFEST, manifest)

    def push(self, layout: Path, repository: str, tag: str) -> str:
        """Makes sure of the image of an OCI layout under the tag, and returns the digest of what is there.

        Its layers are linked to where the registry keeps them: an upload reads and writes hundreds of megabytes, and
        the registry holds each in memory meanwhile. What it answers of them it has summed up before.
        """
        if (found := self.digest(repository, tag)) is not None:
            return found
        blobs = layout / "blobs"
        (described,) = json.loads((layout / "index.json").read_text())["manifests"]
        manifest = (blobs / _place(described["digest"])).read_bytes()
        image = json.loads(manifest)
        for each in (image["config"], *image["layers"]):
            _link(blobs / _place(each["digest"]), self.folder / _place(each["digest"]))
        return self._name(repository, tag, described["mediaType"], manifest)

    def _name(self, repository: str, tag: str, kind: str, manifest: bytes) -> str:
        """Has the tag name an image whose layers are there; returns its digest."""
        status, _, said = self._ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": kind})
        if status != 201:
            raise self._refusal(repository, tag, said)
        return _digest(manifest)

    def _refusal(self, repository: str, tag: str, said: bytes) -> OSError:
        return OSError(
            f"the registry at {self.address} did not take {repository}:{tag}: {said.decode(errors='replace')}"
        )

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"Accept": KINDS, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def stand_in(source: str) -> tuple[bytes, bytes]:
    """Configuration and manifest of an image without any layer that says what it stands for; always the same bytes."""
    config: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {STAND_IN: source}},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    made = json.dumps(config, sort_keys=True).encode()
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": _digest(made), "size": len(made)},
        "layers": [],
    }
    return made, json.dumps(manifest, sort_keys=True).encode()


def stand_in_digest(source: str) -> str:
    """The digest of the stand-in for an image."""
    return _digest(stand_in(source)[1])


def _place(digest: str) -> Path:
    """Where a folder of blobs has one, here and in a layout alike."""
    algorithm, _, hexadecimal = digest.partition(":")
    return Path(algorithm, hexadecimal)


def _link(source: Path, target: Path) -> None:
    """Makes sure of a file that is never written again: the same one, or a copy where it lies on another disk."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        draft = target.with_name(f"{target.name}.new")
        shutil.copyfile(source, draft)
        draft.rename(target)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
