"""Between the engine's property values and plain Python values, keeping apart which of them are secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pulumi
from google.protobuf import struct_pb2
from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime import rpc

from local.plugin.elided import fields, hash_of, readable, restored

Path = tuple[str, ...]
"""Object keys from the top. Elements of a list share the path of the list: they may change places."""


class _Unknown:
    """A value that is known only once something else was created."""

    def __repr__(self) -> str:
        return "<unknown>"

    def __deepcopy__(self, _: object) -> _Unknown:
        return self


UNKNOWN: Final = _Unknown()

# The wire's words for an unknown flag, number, text, list, asset, archive and object. The framework neither reads nor
# writes them: it takes them for texts.
_SENTINELS: Final = {
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    rpc.UNKNOWN,
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}


def has_unknown(value: Any) -> bool:
    """Whether any part of a plain value is unknown."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def unmarshal(struct: struct_pb2.Struct, *, nulls: bool = False) -> tuple[dict[str, Any], set[Path]]:
    """A message's properties as plain values, and the paths of those that are secret.

    Members that are null are left out, unless `nulls` below the top mean something (a chart's default taken away).
    """
    secrets: set[Path] = set()

    def walk(value: PropertyValue, path: Path) -> Any:
        if value.is_secret:
            secrets.add(path)
        inner = value.value
        if isinstance(inner, Computed) or (isinstance(inner, str) and inner in _SENTINELS):
            return UNKNOWN
        if isinstance(inner, Mapping):
            found = {key: walk(item, (*path, key)) for key, item in inner.items()}
            return restored({key: item for key, item in found.items() if nulls or item is not None})
        if isinstance(inner, pulumi.Asset | pulumi.Archive):
            setattr(inner, "hash", hashes.get(path, ""))  # noqa: B010 # the framework's classes have no place for it
        if isinstance(inner, Sequence) and not isinstance(inner, str):
            return [walk(item, path) for item in inner]
        if isinstance(inner, float) and not isinstance(inner, bool) and inner.is_integer() and abs(inner) < 2**53:
            return int(inner)
        return inner

    copy, hashes = readable(struct)
    plain = {key: walk(item, (key,)) for key, item in PropertyValue.unmarshal_map(copy).items()}
    return {key: item for key, item in plain.items() if item is not None}, secrets


def marshal(values: Mapping[str, Any], secrets: Iterable[Path] = (), *, nulls: bool = False) -> struct_pb2.Struct:
    """Plain values as a message's properties; what lies at or below a secret path goes out as secret.

    `nulls`: as in `unmarshal`.
    """
    secret_paths = set(secrets)

    def walk(value: Any, path: Path) -> PropertyValue:
        if isinstance(value, pulumi.Asset | pulumi.Archive) and hash_of(value):
            value = fields(value)
        if isinstance(value, dict):
            inner: Any = {key: walk(item, (*path, key)) for key, item in value.items() if nulls or item is not None}
        elif isinstance(value, (list, tuple)):
            inner = [walk(item, path) for item in value]
        elif value is UNKNOWN:
            inner = rpc.UNKNOWN
        elif isinstance(value, int) and not isinstance(value, bool):
            inner = float(value)
        else:
            inner = value
        # An object with a secret inside may have become a text.
        within = isinstance(value, str) and any(one[: len(path)] == path for one in secret_paths)
        return PropertyValue(inner, is_secret=within or path in secret_paths)

    return PropertyValue.marshal_map(
        {key: walk(item, (key,)) for key, item in values.items() if item is not None},
    )


def secret_texts(values: Mapping[str, Any], secrets: Iterable[Path]) -> set[str]:
    """Every text or number at a secret path, for taking them out of messages."""
    found: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) > 2:
            found.add(str(value))
        elif isinstance(value, pulumi.StringAsset):
            found.add(value.text)

    for path in secrets:
        here: Any = values
        for key in path:
            here = here.get(key) if isinstance(here, dict) else here
        collect(here)
    return found


def scrub(text: str, secrets: Iterable[str]) -> str:
    """A message without the secret texts that the API may have echoed."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text
