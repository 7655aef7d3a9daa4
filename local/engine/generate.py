"""The Python program that makes what `pulumi import` imported."""

import json
import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.engine.pcl import Block, Call, Reference, read

_INDENT = "    "
_MAPS = {"tags", "tagsAll", "labels", "annotations", "matchLabels", "variables", "data", "stringData", "parameters"}
"""Properties whose members are the user's own words: nothing else in the notation tells a map from an object."""
_ASSETS = {
    "fileAsset": "pulumi.FileAsset",
    "stringAsset": "pulumi.StringAsset",
    "remoteAsset": "pulumi.RemoteAsset",
    "fileArchive": "pulumi.FileArchive",
    "remoteArchive": "pulumi.RemoteArchive",
    "assetArchive": "pulumi.AssetArchive",
    "secret": "pulumi.Output.secret",
}


def program(sources: Mapping[str, str]) -> str:
    """Python for the resources of a program in the engine's notation; NotRead where it is more than an import's."""
    resources = [block for text in sources.values() for block in read(text) if block.kind == "resource"]
    packages = sorted({block.labels[1].split(":")[0] for block in resources})
    heading = ["import pulumi", *(f"import pulumi_{_word(one)} as {_word(one)}" for one in packages)]
    return "\n".join(heading) + "\n\n" + "\n".join(_resource(block) for block in resources)


def _resource(block: Block) -> str:
    name, token = block.labels
    package, module, kind = token.split(":")
    folders = [one for one in module.split("/")[: 1 if package == "aws" else None] if one not in {"", "index"}]
    logical = block.attributes.pop("__logicalName", name)
    arguments = [f"{_snake(key)}={_value(value, 1, key)}" for key, value in block.attributes.items()]
    options = [
        f"{_snake(key)}={_value(value, 1)}"
        for one in block.blocks
        if one.kind == "options"
        for key, value in one.attributes.items()
    ]
    if options:
        arguments.append(f"opts=pulumi.ResourceOptions({', '.join(options)})")
    call = ".".join([_word(package), *map(_word, folders), kind])
    return f"{_word(name)} = {call}({f',{chr(10)}{_INDENT}'.join([_quoted(logical), *arguments])})\n"


def _value(value: Any, depth: int, of: str = "") -> str:
    match value:
        case Reference():
            first, *rest = value.path
            return _word(first) + "".join(f".{_snake(one)}" if isinstance(one, str) else f"[{one}]" for one in rest)
        case Call():
            inner = ", ".join(_value(one, depth) for one in value.arguments)
            return f"{_ASSETS.get(value.name, _snake(value.name))}({inner})"
        case dict():
            items = (
                f"{_quoted(key if of in _MAPS else _key(key))}: {_value(item, depth + 1, key)}"
                for key, item in value.items()
            )
            return _many("{", items, "}", depth)
        case list():
            return _many("[", (_value(item, depth + 1) for item in value), "]", depth)
        case str():
            return _quoted(value)
        case _:
            return repr(value)


def _many(start: str, items: Iterator[str], end: str, depth: int) -> str:
    inner = "".join(f"\n{_INDENT * (depth + 1)}{item}," for item in items)
    return f"{start}{inner}\n{_INDENT * depth}{end}" if inner else start + end


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(key: str) -> str:
    """A member's name in Python; what is no member's name (a tag's, say) stays."""
    return _snake(key) if re.fullmatch(r"[a-z][A-Za-z0-9]*", key) else key


def _snake(name: str) -> str:
    """The SDK's name for a property: `kmsKeyId` is `kms_key_id`, `cidrBlocks` is `cidr_blocks`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    return _word(parted.lower())


def _word(name: str) -> str:
    word = re.sub(r"\W", "_", name)
    return f"{word}_" if keyword.iskeyword(word) else word
