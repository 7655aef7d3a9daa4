"""`./parapet policies`: what the policy pack asks for, of whom, and which risks were accepted."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Refused, note, results
from local.workspace import Workspace

# The pack's rules take a moment to import: each command does that by itself.

app = typer.Typer(help="What the policy pack asks for, of whom, and which risks were accepted.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


@app.command("list")
def list_rules(
    about: Annotated[str, typer.Option(help="Only rules about types with this in their names.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tell every rule, with its level and severity."""
    import hipaa
    from hipaa import reference

    found = [rule for rule in hipaa.rules() if any(about.casefold() in type_.casefold() for type_ in rule.on)]
    if as_json:
        _print_json({"rules": [reference.entry(rule) for rule in found]})
        return
    width = max((len(rule.name) for rule in found), default=0)
    for rule in found:
        _print(f"{rule.name:{width}}  {rule.level():9}  {rule.severity:8}  {rule.title}")
    note(f"{len(found)} rules; ./parapet policies explain RULE tells more of one.")


@app.command("explain")
def explain(
    name: Annotated[str, typer.Argument(help="The rule's name.", show_default=False)], as_json: AsJson = False
) -> None:
    """Tell what a rule asks for, why, how to mend what breaks it, and what of it can be set."""
    import difflib

    import hipaa
    from hipaa import reference

    rules = {rule.name: rule for rule in hipaa.rules()}
    if name not in rules:
        near = difflib.get_close_matches(name, rules, n=3) or ["./parapet policies list"]
        raise Refused(f"There is no rule {name!r}. Near it: {', '.join(near)}.")
    if as_json:
        _print_json(reference.entry(rules[name]))
    else:
        _print(reference.page(rules[name]))


@app.command("coverage")
def coverage(as_json: AsJson = False) -> None:
    """Tell what serves each specification of the Security Rule, and what answers to the lists of checks of others."""
    from hipaa import catalogue
    from hipaa.coverage import load

    specifications, lists = catalogue.load().specifications, load()
    if as_json:
        told = [item.model_dump(mode="json") for item in specifications.values()]
        others = {key: checklist.model_dump(mode="json") for key, checklist in lists.items()}
        _print_json({"specifications": told, "lists": others})
        return
    for citation, item in specifications.items():
        served = [
            f"{len(names)} {kind}"
            for kind, names in (("rules", item.rules), ("live checks", item.live), ("documents", item.documents))
            if names
        ]
        # A standard without any is met by its specifications, where it has some.
        by_its_own = citation in {each.standard for each in specifications.values()}
        otherwise = item.uncovered or ("by its specifications" if by_its_own else "nothing yet")
        _print(f"{citation:24} {item.title:58} {', '.join(served) or otherwise}")
    for key, checklist in lists.items():
        counted = ", ".join(f"{count} {how}" for how, count in checklist.counted().items())
        _print(f"{key:24} {len(checklist.rows)} checks: {counted}")


@app.command("profile")
def profile(name: Annotated[str, typer.Argument(help="hipaa-2013 or hipaa-nprm-2025.", show_default=False)]) -> None:
    """Write a policy configuration that holds to a profile, for `--policy-pack-config`; add your own to it."""
    import hipaa
    from hipaa import reference
    from hipaa.rule import Profile

    if name not in set(Profile):
        raise Refused(f"There is no profile {name!r}; there are {', '.join(Profile)}.")
    note(f"{name}: {Profile(name).text}.")
    _print_json(reference.levels(Profile(name), hipaa.rules()))


@app.command("check-waivers")
def check_waivers(
    file: Annotated[Path | None, typer.Option(help="The waivers; else those of policies/.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell of each accepted risk whether it holds, and until when. Ends with 1 where one has expired or is too broad.

    Whether one is still needed only a preview tells: `waivers-are-used` fails there.
    """
    from hipaa.waivers import DO_NOT_HOLD, UnusableWaivers, load

    path = file or Workspace().policies / "waivers.yaml"
    if not path.exists():
        raise Refused(f"There is no file {path}.")
    try:
        waivers = load(path)
    except UnusableWaivers as error:
        raise Refused(str(error)) from None
    today = datetime.now(UTC).date()
    told = [waiver.model_dump(mode="json") | {"state": waiver.state(today)} for waiver in waivers]
    if as_json:
        _print_json({"waivers": told})
    else:
        for each in told:
            _print(f"{each['state']:16} {each['expires']}  {each['rule']}  {each['urn']}")
        note(f"{len(told)} waivers.")
    raise typer.Exit(int(any(each["state"] in DO_NOT_HOLD for each in told)))


@app.command("mutate")
def mutate(
    file: Annotated[
        Path | None,
        typer.Option(help="Your stack: what `pulumi stack export` or `pulumi preview --json` writes."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Weaken every property of a sound stack, one at a time, and tell which rule speaks of it; a minute or two.

    Without a file it is this clone's own stack, with every option on, and nothing is asked of anybody.
    """
    import time

    from cli import mutation
    from hipaa.mutation import survivors
    from hipaa.mutation.score import measure

    begun = time.monotonic()
    try:
        measured = measure(mutation.stack_of(file) if file else mutation.own_stack(), mutation.is_needed)
    except survivors.UnusableSurvivors as error:
        raise Refused(str(error)) from None
    seconds = time.monotonic() - begun
    if as_json:
        _print_json({**measured.told(), "seconds": round(seconds, 1)})
        return
    for line in mutation.lines(measured):
        _print(line)
    note(f"It took {seconds:.0f} s; --json tells each change.")


@app.command("write")
def write_pages() -> None:
    """Write the reference pages of docs/policies, one a rule, from the rules themselves."""
    import hipaa
    from hipaa import reference

    folder = Workspace().root / "docs" / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    pages = reference.pages(hipaa.rules())
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    note(f"{len(pages)} pages in docs/policies.")


def _print(text: str) -> None:
    results.print(text, markup=False)


def _print_json(told: dict[str, Any]) -> None:
    results.print(json.dumps(told, indent=2, ensure_ascii=False), markup=False)
