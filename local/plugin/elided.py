"""Assets as the engine shows those of a state: by their hash, without what they hold.

The framework refuses such a message. Here it becomes a value that can be compared and sent back as it was.
"""

from __future__ import annotations

from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import rpc

_SIGNATURE = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage] # the wire's own word
_ASSETS = {rpc._special_asset_sig, rpc._special_archive_sig}  # pyright: ignore[reportPrivateUsage] # likewise
_CONTENTS = {"path", "text", "uri", "assets"}


class Elided(dict[str, Any]):
    """An asset or archive of which only the hash is known."""


def is_asset(signature: str) -> bool:
    """Whether an object with this signature stands for an asset or an archive."""
    return signature in _ASSETS


def read(value: struct_pb2.Value) -> Any:
    """An asset or archive with its hash, or what is known of it."""
    members = value.struct_value.fields
    known = members["hash"].string_value if "hash" in members else ""
    if not any(name in members and members[name].WhichOneof("kind") != "null_value" for name in _CONTENTS):
        return Elided({_SIGNATURE: members[_SIGNATURE].string_value, "hash": known})
    found = PropertyValue.unmarshal(value).value
    setattr(found, "hash", known)  # noqa: B010 # the framework's classes have no place for it
    return found


def hash_of(value: Any) -> str:
    """The engine's hash of an asset or archive, or nothing where it is not known."""
    return str(value.get("hash", "") if isinstance(value, Elided) else getattr(value, "hash", ""))


def fields(asset: Any) -> dict[str, Any]:
    """The members of an asset or archive as a message has them, its hash among them."""
    is_asset = isinstance(asset, pulumi.Asset)
    signature = rpc._special_asset_sig if is_asset else rpc._special_archive_sig  # pyright: ignore[reportPrivateUsage]
    held = {name: getattr(asset, name) for name in _CONTENTS if getattr(asset, name, None) is not None}
    return {_SIGNATURE: signature, "hash": hash_of(asset), **held}
