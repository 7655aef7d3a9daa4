"""What one stack chose: the profile that its policy configuration comes to, and where it goes another way."""

from collections.abc import Mapping, Sequence
from typing import Any

from compliance.model import Choice, Deviation, Enforcement
from compliance.rules import Levels, levels_of
from hipaa.configured import lowered
from hipaa.rule import Profile, Rule
from hipaa.signals import OWN_LEVELS


def choice_of(rules: Sequence[Rule], config: Mapping[str, Any]) -> Choice:
    """The profile that a `--policy-pack-config` is nearest to, the law in doubt, and what is otherwise than there."""
    levels = levels_of(config)
    parameters = {rule.name: _parameters(config.get(rule.name)) for rule in rules}
    # What nobody may lower unseen is no rule, and in no profile: what holds waivers to their terms, for one.
    every = levels.get("all", Enforcement.MANDATORY)
    own = {name: levels.get(name, every).value for name in OWN_LEVELS}
    beside = tuple(Deviation(rule=name, level=Enforcement(own[name])) for name in sorted(lowered(own)))
    found = {profile: _deviations(rules, profile, levels, parameters) + beside for profile in Profile}
    profile = min(Profile, key=lambda profile: len(found[profile]))
    return Choice(profile=profile.value, text=profile.text, deviations=found[profile])


def _parameters(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): item for name, item in value.items() if name != "enforcementLevel"}


def _deviations(
    rules: Sequence[Rule], profile: Profile, levels: Levels, parameters: Mapping[str, dict[str, Any]]
) -> tuple[Deviation, ...]:
    found = []
    for rule in sorted(rules, key=lambda rule: rule.name):
        level = levels.get(rule.name, levels.get("all", Enforcement(rule.level().value)))
        if level.value != rule.level(profile).value or parameters[rule.name]:
            found.append(Deviation(rule=rule.name, level=level, parameters=parameters[rule.name]))
    return tuple(found)
