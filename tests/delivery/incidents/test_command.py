"""`./parapet incident`: what a user types and gets; and what a kill leaves."""

import json
import re
import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import incident
from cli.__main__ import app
from cli.programs import Packages
from delivery.incidents import entry, every, owners
from delivery.incidents.desk import AUDIT as VARIABLE
from delivery.incidents.desk import Desk
from delivery.incidents.entry import What
from delivery.incidents.reading import reading
from delivery.incidents.record import Record
from delivery.registry import chain
from tests.delivery.incidents.in_process import program, typed
from tests.delivery.incidents.world import NAME, WHY
from tests.delivery.registry.killed import decided
from tests.delivery.registry.world import AUDIT, World

ANSWERS = {"serves": "The version before, as its canary shows.", "told": "The wards were told by their desk."}
OVER = ("--text", "It is over now.")


@pytest.fixture
def shell(s3: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of somebody on duty."""
    for name, value in {
        VARIABLE: AUDIT,
        "PARAPET_RUNBOOKS": str(folder),
        "MLFLOW_TRACKING_USERNAME": "mia",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Packages, "_ran", program)


def done(*words: str) -> str:
    status, said = typed("incident", *words)
    assert status == 0, said
    return said


def refused(*words: str, ends: int = 1) -> str:
    status, said = typed("incident", *words)
    assert status == ends, said
    return said


@pytest.mark.data
def test_an_incident_is_declared_followed_closed_and_looked_at(shell: None, tmp_path: Path, s3: Any) -> None:
    name = json.loads(done("start", NAME, "--text", WHY, "--json"))["name"]
    (tmp_path / "trail.json").write_bytes(b"{}")
    kept = ("--what", "kept", "--place", "s3://audit/1.json", "--file", "trail.json")
    assert f"{name}: entry 2, kept at 20" in done("log", name, "--text", "The trail of this hour.", *kept)
    done("log", name, "--text", "All is as it was before.", "--what", "recovered")
    assert "serves: Which version serves, and what shows that it is well?" in refused("close", name, *OVER)
    answers = [word for each in ANSWERS.items() for word in ("--answer", "=".join(each))]
    (report := tmp_path / f"incident-{name}.md").write_text("Written by hand.")
    assert "people may have written into it" in refused("close", name, *OVER, *answers)
    report.unlink()
    assert f"The report to review: incident-{name}.md" in done("close", name, *OVER, *answers)
    assert "| Who was told that it is over? | The wards were told by their desk. |" in report.read_text()
    assert "people may have written into it" in refused("report", name)
    assert done("report", name, "--out", "again.md").strip() == "again.md"
    assert done("report", name, "--out", "without.md", "--without", "2", "--without", "4").strip() == "without.md"
    (without, whole) = ((tmp_path / file).read_text() for file in ("without.md", "again.md"))
    for words in ("The trail of this hour.", "The wards were told by their desk."):
        assert (words in whole, words in without) == (True, False)
    assert "the last sha256:" in whole
    assert next(line for line in whole.splitlines() if line.startswith("| Record")) in without
    assert f"{name}: closed, page, Machine learning; detected" in done("list")
    shown = json.loads(done("show", name, "--json"))
    assert [each["what"] for each in shown["entries"]] == ["declared", "kept", "recovered", "closed"]
    assert shown["entries"][1]["evidence"]["digest"].startswith("sha256:44136fa3")
    assert f"{name}: 4 entries, each follows the one before, none missing" in done("verify")
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{name}/00000002.json", Body=b"{}")
    said = refused("verify", ends=3)
    assert "forked: entry 2 was written 2 times" in said
    assert "does not hold, and nothing more is written into it" in done("list")
    assert "All is as it was before." in done("show", name)
    assert done("report", name, "--out", "broken.md")
    known = said.rpartition("--known ")[2].split()[0]
    assert "forked: entry 2" in done("verify", "--known", known), "it is told, and ends with 0"
    for number in (9, 9, 3):
        s3.put_object(Bucket=AUDIT, Key=f"incidents/{name}/{number:08d}.json", Body=b"{}")
        said = refused("verify", "--known", known, ends=3)
        known = said.rpartition("--known ")[2].split()[0]


@pytest.mark.data
def test_what_names_somebody_is_struck_and_a_stray_object_is_told_of(shell: None, tmp_path: Path, s3: Any) -> None:
    done("start", NAME, "--text", "Smith called, and calls fail.", "--name", "struck")
    said = done("strike", "struck", "1", "--kind", "name", "--reason", "By the privacy officer's word.")
    assert "struck: entry 1 is struck: `show`, `close` and `report` leave its words out." in said
    assert "Smith" not in done("show", "struck") + done("show", "struck", "--json")
    done("report", "struck", "--out", "struck.md")
    assert "Smith" not in (drafted := (tmp_path / "struck.md").read_text())
    counted = "1 entry is struck, and shown without words: 1 by mia (entry 2 says why)"
    assert f"**{counted}.**" in drafted
    assert f"; {counted}" in done("list")
    assert f"    {counted}." in done("show", "struck").splitlines()[:3]
    assert json.loads(done("list", "--json"))[0]["struck"] == [{"entry": 1, "by": "mia", "said": 2}]
    again = refused("strike", "struck", "2", "--kind", "name", "--reason", "By nobody's word at all.")
    assert "Entry 2 says why another one's words are left out, and nothing takes that away" in again
    assert "The text has 3 characters" in refused("strike", "struck", "1", "--kind", "name", "--reason", "So.")
    done("report", "struck", "--out", "left.md", "--without", "2")
    assert f"**{counted}.** Besides, who drafted this left out the words of 2." in (tmp_path / "left.md").read_text()
    assert "struck has no entry 7" in refused(
        "strike", "struck", "7", "--kind", "name", "--reason", "By a slip of mine."
    )
    for name in ("struck", "to-come"):
        s3.put_object(Bucket=AUDIT, Key=f"incidents/{name}/00000003.json", Body=b"By hand.")
    said = done("log", "struck", "--text", "Only one ward is concerned.")
    assert "struck: entry 4, done" in said
    assert "what is none of it, and is gone past: foreign: entry 3 is none of the record's" in said
    listed = done("list")
    assert "struck: open, page, Machine learning" in listed
    assert "There is no incident to-come; what lies under its name is none of its record." in listed
    assert "foreign: entry 3" in done("show", "struck")
    refused("verify", "struck", ends=3)


@pytest.mark.data
def test_what_somebody_puts_for_one_record_keeps_nobody_from_the_others(
    shell: None, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor from what was there of it. It lies there for six years, whatever is done."""
    for name in ("filled", "sound"):
        done("start", NAME, "--text", WHY, "--name", name)
    first = s3.get_object(Bucket=AUDIT, Key="incidents/sound/00000001.json")["Body"].read()
    wrong = json.loads(first)
    wrong |= {"incident": "no-day", "about": {**wrong["about"], "detected": "2026-02-31T18:00:00Z"}}
    by_hand = json.dumps(wrong, sort_keys=True, separators=(",", ":")).encode()
    for name in ("no-day", "forged\u2028sound: closed"):
        s3.put_object(Bucket=AUDIT, Key=f"incidents/{name}/00000001.json", Body=by_hand)
    for number in range(5):
        s3.put_object(Bucket=AUDIT, Key=f"incidents/filled/!{number}\u202e", Body=b"")
    monkeypatch.setattr(chain, "MOST", 5)
    said = done("list")
    assert "There is no incident no-day; what lies under its name is none of its record." in said
    assert "The record of filled does not hold" in said
    assert "sound: open, page" in said
    said += refused("verify", ends=3)
    assert "sound: 1 entries, each follows the one before" in said
    assert "no-day does not hold:\n    foreign: entry 1 is none of the record's" in said
    assert "filled does not hold:\n    filled: s3://" in said
    assert "incidents/ does not hold:\n    foreign: 'forged" in said
    said += done("show", "filled") + done("report", "filled", "--out", "filled.md")
    assert WHY in said
    assert "\u202e" not in said
    assert not any(line.startswith("sound: closed") for line in said.splitlines())
    known = [each["known"] for each in json.loads(refused("verify", "--json", ends=3)) if each["findings"]]
    assert "each follows" in done("verify", *(word for each in known for word in ("--known", each)))
    monkeypatch.setattr(every, "SECONDS", -1.0)
    assert re.search(r"parapet: (\d+) of \1 names were not looked at within", done("list"))
    assert re.search(r"unread: (\d+) of \1 names were not looked at within", refused("verify", ends=3))


@pytest.mark.data
def test_what_cannot_be_is_refused_in_words(shell: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused("start", NAME, "--text", "Patient 8123456 has called twice.")
    assert "The text has a number of six digits or more" in said
    assert "8123456" not in said
    for words, says in (
        (("start", NAME, "--text", WHY, "--name", "Jane Doe"), "That is no incident's name"),
        (("start", NAME, "--text", WHY, "--detected", "noon"), "--detected is a time with its zone"),
        (("start", NAME, "--text", WHY, "--alert", "0815"), "is not as it must be"),
        (("start", NAME, "--text", WHY, "--detected", "0001-01-01T00:00:00+14:00"), "of this century"),
        (("verify", "none"), "There is no incident none; there are: none yet"),
        (("log", "none", "--text", WHY), "There is no incident none; there are: none yet"),
        (("log", "none", "--text", WHY, "--file", "trail.json"), "give by --place where the file is kept"),
        (("close", "none", *OVER, "--answer", "serves"), "An answer is NAME=TEXT"),
    ):
        assert says in refused(*words), words
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    assert "give by --account the name" in refused("start", NAME, "--text", WHY)
    monkeypatch.setenv(VARIABLE, "another-bucket")
    assert "Until then write down with pen and paper" in refused("start", NAME, "--text", WHY, "--account", "mia")


def test_the_command_takes_what_a_record_does() -> None:
    """It may not import `delivery/`, and says it again."""
    own = {entry.What.DECLARED, entry.What.CLOSED, entry.What.STRUCK}
    for typed_, written in (
        (incident.Severity, entry.Severity),
        (incident.Boundary, owners.Boundary),
        (incident.Audience, owners.Audience),
        (incident.Names, entry.Names),
    ):
        assert [*typed_] == [*written], typed_
    assert [*incident.What] == [each for each in entry.What if each not in own], "those have commands of their own"


@pytest.mark.process
def test_after_a_kill_at_each_write_the_record_verifies_and_the_same_command_goes_on(
    folder: Path, reachable: World, tmp_path: Path
) -> None:
    incident, desk = "killed", Desk.of(folder, "mia")
    text = {"text": "It is over, as far as we see.", "account": "mia", "json": True, "runbooks": str(folder)}
    nothing = ("severity", "detected", "alert", "model", "version", "boundary", "happened", "told", "place", "file")
    out = str(tmp_path / "report.md")
    asked: list[dict[str, Any]] = [
        {"step": "start", "runbook": NAME, "name": incident},
        {"step": "log", "incident": incident, "what": What.RECOVERED},
        {"step": "close", "incident": incident, "answers": ANSWERS, "out": out},
    ]
    for number, each in enumerate(asked):
        for writes in count():
            told = {**dict.fromkeys(nothing), **text, **each}
            status = decided(told, reachable.variables, writes, "incidents")
            kept = Record(desk.s3, desk.audit, incident).kept()
            assert not reading(incident, kept).found
            if status == 0:
                assert (len(kept), writes) == (number + 1, 1), "one write, which is there or not"
                break
            assert (status, len(kept)) == (-signal.SIGKILL, number)
    assert Path(out).exists()


@pytest.mark.data
def test_at_a_terminal_each_answer_is_looked_at_when_it_is_typed_and_kept_until_the_end(
    shell: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who types a quarter of an hour loses none of it: neither to a date in the last answer nor to a session's end."""
    monkeypatch.setattr(incident, "at_a_terminal", lambda: True)
    done("start", NAME, "--text", WHY, "--name", "typed", "--alert", "ModelDrift/readmission/data")
    words = ["incident", "close", "typed", *OVER]
    typing = CliRunner().invoke(app, words, input=f"{ANSWERS['serves']}\nBy noon\nShe came on 14 March.\n")
    assert typing.exit_code == 1, "the session ended while the second was asked for again"
    file = tmp_path / "incident-typed.answers"
    assert json.loads(file.read_text()) == {"serves": ANSWERS["serves"]}
    assert file.stat().st_mode & 0o777 == 0o600
    early = CliRunner().invoke(app, words, input=f"{ANSWERS['told']}\n")
    assert early.exit_code == 1, "nobody has said that it is recovered"
    assert json.loads(file.read_text()) == ANSWERS
    done("log", "typed", "--text", "All is as it was before.", "--what", "recovered")
    assert CliRunner().invoke(app, words).exit_code == 0
    assert not file.exists()
