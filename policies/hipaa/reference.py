"""What a rule is, for a reader: as data, and as a page made of that and of nothing else."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from hipaa import catalogue, reasons, spelling
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Example, Profile, Rule

_LEAD = """# The rules of the policy pack

Written by `./parapet policies write` from the rules themselves; a change belongs there. A rule is mandatory where its
violation breaks the Security Rule, and advice where it is good practice. `hipaa-nprm-2025` is a proposal and no law."""


def entry(rule: Rule) -> dict[str, Any]:
    """All that a rule tells of itself."""
    law = catalogue.load()
    return {
        "name": rule.name,
        "title": rule.title,
        "why": why(rule),
        "severity": rule.severity.value,
        "levels": {profile.value: rule.level(profile).value for profile in Profile},
        "advisory": rule.advisory,
        "reason": reasons.reason(rule),
        "proposed": rule.proposed,
        "scope": rule.scope,
        "on": list(rule.on),
        "looks_at": sorted(rule.looks_at - set(rule.on)),
        "specifications": {citation: law.specifications[citation].title for citation in law.citations(rule.name)},
        "fix": rule.fix,
        "remedy": dict(rule.remedy),
        "parameters": [
            {"name": each.name, "text": each.text, "default": each.default, "allowed": each.allowed}
            for each in rule.parameters
        ],
        "module": rule.check.__module__,
    }


def why(rule: Rule) -> str:
    """What a rule's docstring says below its title, on one line a paragraph."""
    below = inspect.cleandoc(rule.check.__doc__ or "").partition("\n\n")[2]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in below.split("\n\n") if paragraph.strip())


def page(rule: Rule) -> str:
    """A rule's page, in Markdown."""
    told = entry(rule)
    lines = [f"# {rule.name}", "", told["title"]]
    if told["why"]:
        lines += ["", told["why"]]
    lines += ["", f"- **Severity:** {told['severity']}", f"- **Level:** {_level(rule)}"]
    if rule.proposed:
        lines.append(f"- **In `{Profile.PROPOSAL.value}`, a proposal:** mandatory: {rule.proposed}.")
    cited = "; ".join(f"{citation} {title}" for citation, title in told["specifications"].items())
    lines += [f"- **Serves:** {cited}", f"- **Is about:** {_types(rule.on)}"]
    if told["looks_at"]:
        lines.append(f"- **Looks at, beside it:** {_types(told['looks_at'])}")
    lines.append(f"- **To mend it:** {rule.fix}")
    if names := spelling.of_the_provider(rule, rule.fix):
        listed = ", ".join(f"`{name}`" for name in names)
        lines.append(f"- **Outside Python,** and in the examples below: {listed}.")
    if rule.remedy:
        lines.append(f"- **With the level `remediate`:** sets `{json.dumps(dict(rule.remedy))}`.")
    for each in rule.parameters:
        lines.append(f"- **Parameter `{each.name}`:** {each.text}: {each.allowed}; else {_plain(each.default)}.")
    for heading, examples in (("Sound", rule.sound), ("Unsound", rule.unsound)):
        lines += ["", f"## {heading}", "", "```json", _example(rule, examples), "```"]
    return "\n".join(lines) + "\n"


def index(rules: Iterable[Rule]) -> str:
    """The page of all rules, by service."""
    lines = [_LEAD]
    by_module = sorted(rules, key=lambda rule: (_service(rule), rule.name))
    for service, members in groupby(by_module, key=_service):
        lines += ["", f"## {service}", "", "| rule | level | severity | |", "|---|---|---|---|"]
        for rule in members:
            level = f"{rule.level().value}{'; mandatory as proposed' if rule.proposed else ''}"
            lines.append(f"| [{rule.name}]({rule.name}.md) | {level} | {rule.severity.value} | {rule.title} |")
    return "\n".join(lines) + "\n"


def pages(rules: Sequence[Rule]) -> dict[str, str]:
    """Every page by the name of its file."""
    return {"README.md": index(rules)} | {f"{rule.name}.md": page(rule) for rule in rules}


def levels(profile: Profile, rules: Iterable[Rule]) -> dict[str, str]:
    """A policy configuration for a profile: what is otherwise there than the pack has it by itself."""
    return {rule.name: rule.level(profile).value for rule in rules if rule.level(profile) is not rule.level()}


def _service(rule: Rule) -> str:
    """`hipaa.aws.rds_companions` is `aws: rds companions`."""
    _, provider, *parts = rule.check.__module__.split(".")
    return f"{provider}: {' '.join(parts).replace('_', ' ')}" if parts else provider.replace("_", " ")


def _level(rule: Rule) -> str:
    return f"{rule.level().value}, for {reasons.reason(rule)}."


def _types(types: Iterable[str]) -> str:
    given = sorted(types)
    shown = ", ".join(f"`{type_}`" for type_ in given[:6])
    return shown if len(given) <= 6 else f"{shown} and {len(given) - 6} more"


def _example(rule: Rule, examples: Sequence[Example]) -> str:
    """The shortest of several, as the provider names things; a resource of another type with its type."""
    shown = [json.dumps(_plain(_of(rule, example)), indent=1, ensure_ascii=False) for example in examples]
    # An empty object shows nothing where there is another.
    return min(shown, key=lambda text: (len(text) < 4, len(text)))


def _of(rule: Rule, example: Example) -> Any:
    if isinstance(example, Resource):
        return {"type": example.type, "properties": example._values}
    if isinstance(example, Mapping):
        return example
    return [_of(rule, resource) for resource in example]


def _plain(value: Any) -> Any:
    if value is UNKNOWN:
        return "(known after the update)"
    if isinstance(value, Secret):
        return "(a secret)"
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
