"""`python -m hipaa`: what the pack asks for, for whoever has the pack and not the repository around it."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import hipaa
from hipaa import reference, waivers
from hipaa.rule import Profile


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the status to end with: 1 where waivers do not hold, 2 where the command cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m hipaa", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="each rule, with its level and severity")
    commands.add_parser("explain", help="all of one rule").add_argument("rule")
    commands.add_parser("profile", help="a policy configuration that holds to it").add_argument(
        "name", choices=[*Profile]
    )
    commands.add_parser("check-waivers", help="whether each accepted risk holds").add_argument("file", type=Path)
    asked = parser.parse_args(arguments)
    match asked.command:
        case "list":
            print("\n".join(f"{rule.name}  {rule.level()}  {rule.severity}  {rule.title}" for rule in hipaa.rules()))
        case "explain":
            return _explain(asked.rule)
        case "profile":
            print(json.dumps(reference.levels(Profile(asked.name), hipaa.rules()), indent=2))
        case _:
            return _check(asked.file)
    return 0


def _explain(name: str) -> int:
    rules = {rule.name: rule for rule in hipaa.rules()}
    if name not in rules:
        near = ", ".join(difflib.get_close_matches(name, rules, n=3)) or "see `python -m hipaa list`"
        print(f"There is no rule {name!r}. Near it: {near}.", file=sys.stderr)
        return 2
    print(reference.page(rules[name]))
    return 0


def _check(file: Path) -> int:
    if not file.exists():
        print(f"There is no file {file}.", file=sys.stderr)
        return 2
    try:
        accepted = waivers.load(file)
    except waivers.UnusableWaivers as error:
        print(error, file=sys.stderr)
        return 2
    today = datetime.now(UTC).date()
    for waiver in accepted:
        print(f"{waiver.state(today):16} {waiver.expires}  {waiver.rule}  {waiver.urn}")
    return int(any(waiver.state(today) in waivers.DO_NOT_HOLD for waiver in accepted))


if __name__ == "__main__":
    sys.exit(main())
