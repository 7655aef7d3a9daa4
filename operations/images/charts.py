"""Helm charts as artefacts of a registry, as `helm push` makes them."""

import io
import json
import struct
import tarfile
import urllib.request
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from cluster.images import Image
from operations.images import layouts
from operations.refused import Refused

# Helm, "Use OCI-based registries", Helm chart manifest.
CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
STORED: Final = 0xFFFF
"""Bytes of a block that is not compressed, at most (RFC 1951, 3.2.4)."""
CONTENT: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def is_archive(image: Image) -> bool:
    """Whether it is a chart that its maker has in no registry, only as an archive on a web server."""
    return image.source.startswith("https://")


def download(image: Image) -> bytes:
    """The archive of such a chart; raises Refused where it cannot be had."""
    if image.sum:
        return pack(image, _definitions(image, _read(f"{image.source}/v{image.tag}.zip")))
    return _read(f"{image.source}/{image.name.rpartition('/')[2]}-{image.tag}.tgz")


def pack(image: Image, definitions: Mapping[str, bytes]) -> bytes:
    """The archive of a chart of these definitions, by the names of their files: the same bytes for the same files."""
    name = image.name.rpartition("/")[2]
    about = yaml.safe_dump({"apiVersion": "v2", "name": name, "version": image.tag, "appVersion": image.tag})
    files = {"Chart.yaml": about.encode()} | {f"crds/{file}": definitions[file] for file in sorted(definitions)}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as packed:
        for file, content in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return _stored(made.getvalue())


def _stored(content: bytes) -> bytes:
    """A file of gzip (RFC 1952) with its content as it is: compressed it has other bytes by other versions of zlib, and
    the lock, which machines share, has one digest."""
    blocks = []
    for at in range(0, len(content), STORED):
        block = content[at : at + STORED]
        last = at + STORED >= len(content)
        blocks.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    head, tail = b"\x1f\x8b\x08" + bytes(6) + b"\xff", struct.pack("<II", zlib.crc32(content), len(content))
    return b"".join([head, *blocks, tail])


def is_definition(file: str) -> bool:
    """Whether a file of such a folder is a definition: beside them lies what puts them together."""
    return file.endswith("-crd.yaml")


def total(definitions: Mapping[str, bytes]) -> str:
    """The hash of files by their names (golang.org/x/mod/sumdb/dirhash, Hash1)."""
    lines = "".join(f"{sha256(definitions[file]).hexdigest()}  {file}\n" for file in sorted(definitions))
    return f"h1:{b64encode(sha256(lines.encode()).digest()).decode()}"


def _definitions(image: Image, archive: bytes) -> dict[str, bytes]:
    """Those of a maker's archive; raises Refused for others than the list's."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            inside = {PurePosixPath(name): opened.read(name) for name in opened.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise Refused(f"{image.source} has no archive of v{image.tag}: {error}") from None
    # Below a folder that is called by the version.
    found = {
        path.name: content
        for path, content in inside.items()
        if path.parts[1:-1] == PurePosixPath(image.folder).parts and is_definition(path.name)
    }
    if total(found) != image.sum:
        raise Refused(
            f"The definitions of {image.source} at v{image.tag} have the sum {total(found)}, and the list of images "
            f"says {image.sum}: they are not what was reviewed. See what changed; write their sum into "
            "platform/cluster/images.yaml to take them in."
        )
    return found


def _read(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (the list's own, and https)
            content: bytes = answer.read()
            return content
    except OSError as error:
        raise Refused(f"{url} cannot be read: {error}") from None


def lay_out(archive: bytes, folder: Path) -> str:
    """Writes an OCI image layout of a chart's archive, the same for the same archive; returns the artefact's digest.

    Raises Refused for what is no chart.
    """
    config = layouts.blob(folder, json.dumps(_about(archive), sort_keys=True, default=str).encode())
    layers = [{"mediaType": CONTENT, **layouts.blob(folder, archive)}]
    return layouts.close(folder, {"config": {"mediaType": CONFIG, **config}, "layers": layers})


def _about(archive: bytes) -> Mapping[str, Any]:
    """What its Chart.yaml says."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
            (name,) = [each for each in opened.getnames() if each.count("/") == 1 and each.endswith("/Chart.yaml")]
            file = opened.extractfile(name)
            found = yaml.safe_load(file.read()) if file else None
    except (tarfile.TarError, OSError, ValueError, yaml.YAMLError) as error:
        raise Refused(f"what was read is no chart: {error}") from None
    if not isinstance(found, dict):
        raise Refused("what was read is no chart: its Chart.yaml says nothing")
    return found
