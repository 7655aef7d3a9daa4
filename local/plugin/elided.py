"""Assets as the engine shows those of a state: by their hash, without what they hold.

The framework refuses such a message. Here it becomes a value that can be compared and sent back as it was.
"""

from __future__ import annotations

from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import rpc

_SIGNATURE = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage] # the wire's own word
_ASSETS = {rpc._special_asset_sig, rpc._special_archive_sig}  # pyright: ignore[reportPrivateUsage] # likewise
_CONTENTS = {"path", "text", "uri", "assets"}
_MARK = "__elided"

Path = tuple[str, ...]


class Elided(dict[str, Any]):
    """An asset or archive of which only the hash is known."""


def readable(struct: struct_pb2.Struct) -> tuple[struct_pb2.Struct, dict[Path, str]]:
    """A copy of the message that the framework can read, and the hashes of its assets by path."""
    copy = struct_pb2.Struct()
    copy.CopyFrom(struct)
    hashes: dict[Path, str] = {}

    def walk(value: struct_pb2.Value, path: Path) -> None:
        if value.HasField("list_value"):
            for item in value.list_value.values:
                walk(item, path)
        elif value.HasField("struct_value"):
            fields = value.struct_value.fields
            if _SIGNATURE in fields and fields[_SIGNATURE].string_value in _ASSETS:
                hashes[path] = fields["hash"].string_value if "hash" in fields else ""
                if not any(name in fields and fields[name].WhichOneof("kind") != "null_value" for name in _CONTENTS):
                    fields[_MARK].CopyFrom(fields[_SIGNATURE])
                    del fields[_SIGNATURE]
            else:
                # What is secret has its path, not one of its own.
                secret = _SIGNATURE in fields
                for name in list(fields):
                    walk(fields[name], path if secret else (*path, name))

    for name in list(copy.fields):
        walk(copy.fields[name], (name,))
    return copy, hashes


def restored(value: dict[str, Any]) -> dict[str, Any]:
    """An object as it was read, as what it stands for."""
    if _MARK not in value:
        return value
    return Elided({_SIGNATURE: value[_MARK], "hash": value.get("hash", "")})


def hash_of(value: Any) -> str:
    """The engine's hash of an asset or archive, or nothing where it is not known."""
    return str(value.get("hash", "") if isinstance(value, Elided) else getattr(value, "hash", ""))


def fields(asset: Any) -> dict[str, Any]:
    """The members of an asset or archive as a message has them, its hash among them."""
    is_asset = isinstance(asset, pulumi.Asset)
    signature = rpc._special_asset_sig if is_asset else rpc._special_archive_sig  # pyright: ignore[reportPrivateUsage]
    held = {name: getattr(asset, name) for name in _CONTENTS if getattr(asset, name, None) is not None}
    return {_SIGNATURE: signature, "hash": hash_of(asset), **held}
