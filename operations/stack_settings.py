"""A stack's settings, read from its files as the engine would hand them to the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import yaml

from operations.refused import Refused
from setting_types import NAMESPACE

if TYPE_CHECKING:
    from settings import Settings

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, where PyYAML was built with it: `Pulumi.yaml` has hundreds of lines, and a command reads it often."""


@dataclass(frozen=True)
class StackFile:
    """`Pulumi.<name>.yaml` and what Pulumi.yaml declares beside it."""

    name: str
    path: Path
    text: str
    content: Mapping[str, Any]
    """The whole of the file."""
    values: Mapping[str, str]
    """The settings by their names without namespace, defaults included; a secret has its default, or none."""
    secrets: frozenset[str]

    def settings(self) -> Settings:
        """Raises `pulumi.RunError` with one line for each bad setting."""
        from settings import Settings  # and with it all of EC2, a second that no reading of names should wait for

        return Settings.parse(self.values, self.secrets)


def read(root: Path, name: str) -> StackFile:
    """The stack called `name`; raises `Refused` where there is none."""
    path = root / f"Pulumi.{name}.yaml"
    declared = _mapping(root / "Pulumi.yaml").get("config") or {}
    if not path.exists():
        known = ", ".join(sorted(each.name.split(".")[1] for each in root.glob("Pulumi.*.yaml")))
        raise Refused(f"There is no stack {name!r} (no {path.name}). The stacks are {known}.")
    content = _mapping(path)
    prefix = f"{NAMESPACE}:"
    given = {key.removeprefix(prefix): value for key, value in (content.get("config") or {}).items() if _ours(key)}
    secrets = frozenset(key for key, value in given.items() if isinstance(value, dict) and set(value) == {"secure"})
    defaults = {key: each["default"] for key, each in declared.items() if ":" not in key and "default" in each}
    told = {key: value for key, value in given.items() if key not in secrets}
    values = {key: _text(value) for key, value in {**defaults, **told}.items()}
    return StackFile(name, path, path.read_text(), content, values, secrets)


def _ours(key: str) -> bool:
    return key.startswith(f"{NAMESPACE}:")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text(), _LOADER) or {}  # noqa: S506 (a safe one)
    except (OSError, yaml.YAMLError) as error:
        raise Refused(f"{path.name} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise Refused(f"{path.name} is no mapping of settings.")
    return found


def checked(stack: StackFile) -> Settings:
    """The settings; raises `Refused` with one line for each bad one."""
    try:
        return stack.settings()
    except pulumi.RunError as error:
        raise Refused(str(error)) from None
