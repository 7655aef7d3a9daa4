"""HIPAA's Security Rule as rules over Pulumi resources: `rules()` are all of them, `hipaa.catalogue` is the law."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from hipaa.rule import Rule

# The adapter needs pulumi-policy, without which rules must be readable; what measures the rules holds none.
_WITHOUT_RULES = ("hipaa.pack", "hipaa.mutation")


class UnusableRules(Exception):
    """The rules cannot be used: which module, and what is wrong with it."""


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of every module of this package, ordered by name.

    Raises:
        UnusableRules: when a module cannot be imported, or two rules have one name.
    """
    found: dict[str, Rule] = {}
    for info in pkgutil.walk_packages(__path__, f"{__name__}."):
        if info.name.startswith(_WITHOUT_RULES):
            continue
        try:
            module = importlib.import_module(info.name)
        except Exception as error:
            raise UnusableRules(f"{info.name} cannot be imported: {type(error).__name__}: {error}") from error
        for value in vars(module).values():
            if isinstance(value, Rule) and value.check.__module__ == module.__name__:
                if value.name in found:
                    raise UnusableRules(f"two rules are named {value.name!r}: the second is in {module.__name__}")
                found[value.name] = value
    return tuple(found[name] for name in sorted(found))
