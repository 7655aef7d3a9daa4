"""The bytes of a Pulumi asset or archive."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pulumi

_EPOCH = (1980, 1, 1, 0, 0, 0)


def content(value: Any) -> bytes:
    """What an asset or archive holds; an archive that is a folder or a table of assets comes zipped.

    The zip is the same for the same content, so that it can be compared. Texts and bytes are returned as bytes.
    """
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, pulumi.StringAsset):
        return value.text.encode()
    if isinstance(value, pulumi.FileAsset | pulumi.FileArchive):
        path = Path(value.path)
        return _zip(_folder(path)) if path.is_dir() else path.read_bytes()
    if isinstance(value, pulumi.AssetArchive):
        entries: dict[str, bytes] = {}
        for name, inner in value.assets.items():
            if isinstance(inner, pulumi.FileArchive) and Path(inner.path).is_dir():
                entries |= {f"{name}/{below}": data for below, data in _folder(Path(inner.path)).items()}
            else:
                entries[name] = content(inner)
        return _zip(entries)
    raise ValueError(f"a {type(value).__name__} has no content that can be had here: it would have to be downloaded")


def digest(value: Any) -> str:
    """The SHA-256 of what an asset or archive holds, in base64 as Lambda tells it."""
    return base64.b64encode(hashlib.sha256(content(value)).digest()).decode()


def decoded(text: str) -> bytes:
    """The bytes of a base64 text, or of the text itself where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def _folder(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def _zip(entries: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(entries.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return target.getvalue()
