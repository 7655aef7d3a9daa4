"""YAML: the pack's own files are read by libyaml where PyYAML has it, ten times as quick, and at each preview.

What comes from elsewhere is read by PyYAML itself, which takes any text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

import hipaa

if TYPE_CHECKING:
    Loader = yaml.SafeLoader
else:
    Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(name: str) -> Any:
    """What a file of the package says."""
    return yaml.load(resources.files(hipaa).joinpath(name).read_text(encoding="utf-8"), Loader)  # noqa: S506 (a safe one)


class NoKeyTwice(yaml.constructor.SafeConstructor):
    """Mixed into a loader, it refuses a mapping that repeats a key: the plain one silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key, count in Counter(filter(_is_hashable, keys)).items() if count > 1]:
            raise yaml.YAMLError(f"{node.start_mark}: {twice[0]} is there twice")
        return super().construct_mapping(node, deep=deep)


def _is_hashable(key: object) -> bool:
    return isinstance(key, Hashable)
