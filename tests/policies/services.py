"""Rules by the module that they stand in: what holds for each is asked of a service's rules at once, and told by name.

A test for each of thousands of examples would take longer to be counted than to be run.
"""

from collections import defaultdict
from collections.abc import Mapping

import pytest

import hipaa
from hipaa.rule import Rule


def by_service() -> Mapping[str, tuple[Rule, ...]]:
    """The rules of each module, by its name without the package's."""
    found = defaultdict[str, list[Rule]](list)
    for rule in hipaa.rules():
        found[rule.check.__module__.removeprefix("hipaa.")].append(rule)
    return {name: tuple(rules) for name, rules in found.items()}


every_service = pytest.mark.parametrize("rules", by_service().values(), ids=by_service().keys())
