"""Between the engine's property values and plain Python values, keeping apart which of them are secret."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

import pulumi
from google.protobuf import struct_pb2
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import rpc

from local.plugin import elided

Path = tuple[str, ...]
"""Object keys from the top. Elements of a list share the path of the list: they may change places."""


class _Unknown:
    """A value that is known only once something else was created."""

    def __repr__(self) -> str:
        return "<unknown>"

    def __deepcopy__(self, _: object) -> _Unknown:
        return self


UNKNOWN: Final = _Unknown()

# What an object that is none says it is: these are the wire's own words.
_SIGNATURE: Final = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]
_SECRET: Final = rpc._special_secret_sig  # pyright: ignore[reportPrivateUsage]
_OUTPUT: Final = rpc._special_output_value_sig  # pyright: ignore[reportPrivateUsage]

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


def unmarshal(
    struct: struct_pb2.Struct, *, nulls: bool = False, only: Container[str] | None = None
) -> tuple[dict[str, Any], set[Path]]:
    """A message's properties (`only` these, where told) as plain values, and the paths of those that are secret.

    Members that are null are left out, unless `nulls` below the top mean something (a chart's default taken away).
    """
    secrets: set[Path] = set()

    def walk(value: struct_pb2.Value, path: Path) -> Any:
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            return UNKNOWN if value.string_value in _SENTINELS else value.string_value
        if kind == "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        if kind == "bool_value":
            return value.bool_value
        if kind == "list_value":
            return [walk(item, path) for item in value.list_value.values]
        return walk_object(value, path) if kind == "struct_value" else None

    def walk_object(value: struct_pb2.Value, path: Path) -> Any:
        members = value.struct_value.fields
        signature = members[_SIGNATURE].string_value if _SIGNATURE in members else ""
        if not signature:
            found = {key: walk(item, (*path, key)) for key, item in members.items()}
            return found if nulls else {key: item for key, item in found.items() if item is not None}
        if signature in (_SECRET, _OUTPUT):
            if signature == _SECRET or ("secret" in members and members["secret"].bool_value):
                secrets.add(path)
            return walk(members["value"], path) if "value" in members else UNKNOWN
        return elided.read(value) if elided.is_asset(signature) else PropertyValue.unmarshal(value).value

    plain = {key: walk(item, (key,)) for key, item in struct.fields.items() if only is None or key in only}
    return {key: item for key, item in plain.items() if item is not None}, secrets


def marshal(values: Mapping[str, Any], secrets: Iterable[Path] = (), *, nulls: bool = False) -> struct_pb2.Struct:
    """Plain values as a message's properties; what lies at or below a secret path goes out as secret.

    `nulls`: as in `unmarshal`.
    """
    secret_paths = set(secrets)

    def write(target: struct_pb2.Value, value: Any, path: Path) -> None:
        if secret_paths and is_secret(value, path):
            target.struct_value.fields[_SIGNATURE].string_value = _SECRET
            target = target.struct_value.fields["value"]
        if isinstance(value, pulumi.Asset | pulumi.Archive) and elided.hash_of(value):
            value = elided.fields(value)
        if isinstance(value, str):
            target.string_value = value
        elif isinstance(value, bool):
            target.bool_value = value
        elif isinstance(value, int | float):
            target.number_value = value
        elif isinstance(value, dict):
            target.struct_value.SetInParent()
            for key, item in value.items():
                if nulls or item is not None:
                    write(target.struct_value.fields[key], item, (*path, key))
        elif isinstance(value, (list, tuple)):
            target.list_value.SetInParent()
            for item in value:
                write(target.list_value.values.add(), item, path)
        elif value is UNKNOWN:
            target.string_value = rpc.UNKNOWN
        else:
            target.CopyFrom(PropertyValue(value).marshal())

    def is_secret(value: Any, path: Path) -> bool:
        # An object with a secret inside may have become a text.
        within = isinstance(value, str) and any(one[: len(path)] == path for one in secret_paths)
        return within or path in secret_paths

    found = struct_pb2.Struct()
    for key, item in values.items():
        if item is not None:
            write(found.fields[key], item, (key,))
    return found


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
