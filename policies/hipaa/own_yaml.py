"""The pack's own files: read by libyaml where PyYAML was built with it, ten times as quick, and at each preview.

What comes from elsewhere is read by PyYAML itself, which takes any text.
"""

from __future__ import annotations

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
