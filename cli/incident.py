"""`./parapet incident`: a record of what went wrong that nobody can rewrite; by `delivery/`, in its environment."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Refused
from cli.programs import DELIVERY
from local.workspace import ROOT

app = typer.Typer(
    help="Keep the record of an incident, from its first word to the report that is reviewed (runbooks/README.md).",
    no_args_is_help=True,
)
RUNBOOKS = ROOT / "runbooks"


class Severity(StrEnum):
    """Whether somebody is woken."""

    PAGE = "page"
    TICKET = "ticket"


class Boundary(StrEnum):
    """Who answers for it."""

    DATA = "data"
    MODEL = "model"
    PLATFORM = "platform"
    SECURITY = "security"
    CLINICAL = "clinical"


class What(StrEnum):
    """What is told of."""

    DETECTED = "detected"
    SEEN = "seen"
    DECIDED = "decided"
    DONE = "done"
    TOLD = "told"
    KEPT = "kept"
    SEVERITY = "severity"
    MITIGATED = "mitigated"
    RECOVERED = "recovered"
    REVIEWED = "reviewed"


class Audience(StrEnum):
    """Who was told."""

    SECURITY_OFFICIAL = "security-official"
    PRIVACY_OFFICER = "privacy-officer"
    EXECUTIVES = "executives"
    STATUS_PAGE = "status-page"


class Names(StrEnum):
    """By what words may name somebody."""

    NAME = "name"
    DATE = "date"
    AGE = "age"
    NUMBER = "number"
    CONTACT = "contact"
    PLACE = "place"
    HEALTH = "health"
    OTHER = "other"


Incident = Annotated[str, typer.Argument(help="The incident's name.", show_default=False)]
Text = Annotated[str, typer.Option(help="In a sentence or two: nothing about a patient.", show_default=False)]
Account = Annotated[
    str, typer.Option(envvar="MLFLOW_TRACKING_USERNAME", help="Your account in MLflow; AWS says your role.")
]
Folder = Annotated[Path, typer.Option(envvar="PARAPET_RUNBOOKS", help="The folder with runbooks and owners.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]
Out = Annotated[Path | None, typer.Option(help="The report's file, else incident-NAME.md here.")]


@app.command("start")
def start(
    runbook: Annotated[str, typer.Argument(help="What is followed: a file of runbooks/, without .md.")],
    text: Text,
    severity: Annotated[Severity | None, typer.Option(help="Else what the runbook begins as.")] = None,
    boundary: Annotated[Boundary | None, typer.Option(help="Else the runbook's; of runbooks/owners.yaml.")] = None,
    detected: Annotated[
        str | None,
        typer.Option(help="When the first alert or person knew, as the clocks there say: 2026-11-30T20:05-06:00; now."),
    ] = None,
    alert: Annotated[str | None, typer.Option(help="The alert, as its message has it: NAME/MODEL/KIND.")] = None,
    model: Annotated[str | None, typer.Option(help="The model, if it is about one.")] = None,
    version: Annotated[str | None, typer.Option(help="Its version.")] = None,
    name: Annotated[str | None, typer.Option(help="Else RUNBOOK-YYYYMMDD.")] = None,
    account: Account = "",
    runbooks: Folder = RUNBOOKS,
    as_json: AsJson = False,
) -> None:
    """Declare an incident. Of two who do so at once one is told to join the other's."""
    asked = {"runbook": runbook, "text": text, "severity": severity, "detected": detected, "alert": alert}
    asked |= {"model": model, "version": version, "name": name, "account": account, "boundary": boundary}
    _end("start", runbooks, json=as_json, **asked)


@app.command("log")
def log(
    incident: Incident,
    text: Text,
    what: Annotated[What, typer.Option(help="What it tells of.")] = What.DONE,
    happened: Annotated[str | None, typer.Option(help="When it came to pass, with its zone; else now.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="With --what severity: what it is from now on.")] = None,
    told: Annotated[Audience | None, typer.Option(help="With --what told: whom.")] = None,
    place: Annotated[str | None, typer.Option(help="With --what kept: where the evidence is.")] = None,
    file: Annotated[Path | None, typer.Option(help="A copy of it here, for its digest.")] = None,
    account: Account = "",
    runbooks: Folder = RUNBOOKS,
    as_json: AsJson = False,
) -> None:
    """Add what was seen, decided or done; and when it was mitigated, and all as before."""
    asked = {"incident": incident, "what": what, "text": text, "happened": happened, "severity": severity}
    asked |= {"told": told, "place": place, "file": str(file) if file else None, "account": account}
    _end("log", runbooks, json=as_json, **asked)


@app.command("keep")
def keep(
    incident: Incident,
    file: Annotated[Path, typer.Argument(help="The file: nothing about a patient may be in it.", show_default=False)],
    text: Text,
    account: Account = "",
    runbooks: Folder = RUNBOOKS,
    as_json: AsJson = False,
) -> None:
    """Put a file into the audit bucket, where nobody alters it for years, and say so in the record."""
    asked = {"incident": incident, "file": str(file), "text": text, "account": account}
    _end("keep", runbooks, json=as_json, **asked)


@app.command("strike")
def strike(
    incident: Incident,
    number: Annotated[int, typer.Argument(min=1, help="The entry's, as `show` has it.", show_default=False)],
    names: Annotated[Names, typer.Option("--kind", help="What its words may tell of somebody.", show_default=False)],
    reason: Annotated[str, typer.Option(help="By whose word: it names nobody, and is not struck.", show_default=False)],
    account: Account = "",
    runbooks: Folder = RUNBOOKS,
    as_json: AsJson = False,
) -> None:
    """Leave out the words of an entry that may name somebody, wherever the record is shown. What is written stays."""
    asked = {"incident": incident, "number": number, "names": names, "reason": reason, "account": account}
    _end("strike", runbooks, json=as_json, **asked)


@app.command("close")
def close(
    incident: Incident,
    text: Text,
    answer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="To what the runbook asks; a terminal is asked for what lacks."),
    ] = None,
    out: Out = None,
    account: Account = "",
    runbooks: Folder = RUNBOOKS,
    as_json: AsJson = False,
) -> None:
    """End an incident by what its runbook asks for, and draft the report that is reviewed."""
    answers, typed = _answers(answer or []), Path(f"incident-{incident}.answers")
    if at_a_terminal():
        answers |= _typed(incident, answers, typed, runbooks)
    asked = {"incident": incident, "text": text, "answers": answers, "account": account}
    try:
        _end("close", runbooks, json=as_json, out=str(out) if out else None, **asked)
    except typer.Exit as end:
        if not end.exit_code:
            typed.unlink(missing_ok=True)
        raise


@app.command("report")
def draft_report(
    incident: Incident,
    out: Out = None,
    without: Annotated[
        list[int] | None, typer.Option(help="The number of an entry whose words may name somebody: they stay out.")
    ] = None,
    runbooks: Folder = RUNBOOKS,
) -> None:
    """Write the report of what the record has by now."""
    _end("report", runbooks, incident=incident, out=str(out) if out else None, without=without or [])


After = Annotated[str, typer.Option(help="Those alone whose names come after this one, of more than are told at once.")]


@app.command("list")
def tell_incidents(after: After = "", runbooks: Folder = RUNBOOKS, as_json: AsJson = False) -> None:
    """Tell which incidents there were, and which are open."""
    _end("list", runbooks, after=after, json=as_json)


@app.command("show")
def tell_incident(incident: Incident, runbooks: Folder = RUNBOOKS, as_json: AsJson = False) -> None:
    """Tell all that the record of one has."""
    _end("show", runbooks, incident=incident, json=as_json)


@app.command("verify")
def verify(
    incident: Annotated[str, typer.Argument(help="The incident's name; without one, all.")] = "",
    known: Annotated[
        list[str] | None,
        typer.Option(help="What it said of a record that somebody looked into: with that alone it ends with 0."),
    ] = None,
    after: After = "",
    runbooks: Folder = RUNBOOKS,
    as_json: AsJson = False,
) -> None:
    """Look for what was edited, dropped, reordered or written twice, or might not follow; then it ends with 3."""
    _end("verify", runbooks, incident=incident, known=known or [], after=after, json=as_json)


def at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _typed(incident: str, given: Mapping[str, str], file: Path, runbooks: Path) -> dict[str, str]:
    """What lacks, asked for until it would be taken, and kept in a file of the user's own until the incident is closed:
    a session that ends must not take a quarter of an hour of typing with it."""
    about = {"incident": incident, "runbooks": str(runbooks)}
    status, said = DELIVERY.told("delivery.incidents", step="asks", **about)
    if status:
        raise typer.Exit(status)
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    for name, question in json.loads(said).items():
        while name not in given and name not in kept:
            text = typer.prompt(f"{name}: {question}\n", err=True)
            if not DELIVERY.told("delivery.incidents", step="answer", name=name, text=text, **about)[0]:
                kept[name] = text
                file.touch(mode=0o600)
                file.write_text(json.dumps(kept))
    return kept


def _answers(given: list[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not sign or name in told:
            raise Refused("An answer is NAME=TEXT, and each name is answered once.")
        told[name] = text
    return told


def _end(step: str, runbooks: Path, **asked: Any) -> None:
    raise typer.Exit(DELIVERY.run("delivery.incidents", step=step, runbooks=str(runbooks), **asked))
