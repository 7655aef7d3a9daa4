"""Every runbook has the same sections, and names no command, option, call, file or alert that there is not.

What of them runs is run in `tests/delivery/incidents/test_runbooks.py` and `tests/e2e/test_the_runbooks.py`.
"""

import json
import os
import re
import subprocess
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from delivery.incidents import runbooks
from delivery.incidents.owners import Boundary, owners
from delivery.incidents.runbooks import Runbook
from delivery.monitoring.alerting.declared import KINDS, declared
from hipaa import catalogue
from mlops.monitoring import owners as mlops_owners
from mlops.monitoring import routes, rules
from tests.docs.checked import described, unknown_of_aws, unknown_of_parapet, unknown_of_pulumi
from tests.docs.guide import ROOT, Block, blocks, commands

FOLDER = ROOT / "runbooks"
NAMES = runbooks.names(FOLDER)
TEXTS = {each: (FOLDER / f"{each}.md").read_text() for each in (*NAMES, "README", "communication", "review")}
BLOCKS: dict[str, list[Block]] = {name: blocks(text) for name, text in TEXTS.items()}
COMMANDS = {
    name: [words for block in found for words in commands(block.body) if words] for name, found in BLOCKS.items()
}
ALL = sorted({tuple(words) for found in COMMANDS.values() for words in found})
OTHERS = {"kubectl", "grep", "head", "tail", "openssl", "sed", "date", "jq"}
KUBECTL = {"get", "create", "delete", "cordon", "uncordon", "argo"}
YEAR = 2025
"""Of the first events that any stack of these may have."""
EACH_HAS = 5
"""Blocks: it begins, it goes back or on, it keeps, it tells, it ends."""


def book(name: str) -> Runbook:
    return runbooks.runbook(FOLDER, name)


def of(program: str) -> list[list[str]]:
    return [list(words) for words in ALL if words[0] == program]


def slugs(text: str) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_what_the_platform_can_meet_has_a_runbook() -> None:
    assert [
        *("audit-trail-stopped", "data-drift", "degraded-model", "expired-waiver-or-certificate", "failed-canary"),
        *("leaked-credential", "lost-node-or-region", "phi-in-logs", "pipeline-stopped", "schema-break"),
    ] == NAMES
    assert [name for name in NAMES if f"]({name}.md)" not in TEXTS["README"]] == []


def test_every_alert_leads_to_a_runbook_that_names_it() -> None:
    assert {each.runbook for each in rules.ALERTS} <= set(NAMES)
    for name in NAMES:
        assert book(name).front.alerts == sorted({each.name for each in rules.ALERTS if each.runbook == name}), name


def test_the_stack_and_the_record_read_the_same_owners() -> None:
    ours, routed = owners(FOLDER / "owners.yaml"), mlops_owners.owners(FOLDER)
    assert ours.read_at == routed.read_at
    for each in routed.owners:
        own = ours.of(Boundary(each.boundary))
        for field in ("team", "page", "ticket", "again_after"):
            assert getattr(own, field) == getattr(each, field), field


def test_what_drift_may_be_leads_to_a_runbook() -> None:
    kinds = declared().kinds
    assert {kinds.of(kind).runbook for kind in KINDS} <= set(NAMES)


def test_who_is_paged_for_days_reads_what_ends_it() -> None:
    """A page of what checks found goes on after the mend, and nothing takes an acknowledgement."""
    section = TEXTS["README"].partition("## While a page goes on")[2].partition("\n## ")[0]
    assert declared().calm == 3
    assert "after three checks in a row" in section
    assert routes.HELD_AGAIN == "4h"
    assert section.count("every four hours") == len({"MonitorDead", "ModelDrift"})
    assert "`accepted`" in section
    paged = sorted({each.runbook for each in rules.ALERTS if each.name == rules.DRIFT})
    assert [name for name in paged if "](README.md#while-a-page-goes-on)" not in TEXTS[name]] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_all_sections_with_an_owner_and_commands(name: str) -> None:
    found = book(name)  # which refuses another order of sections, an empty one, and one that asks nothing at its end
    assert owners(FOLDER / "owners.yaml").of(found.front.boundary).reach
    assert f"`{found.front.boundary}`" in found.sections["Owner and boundary"]
    assert found.sections["Severity"].startswith(("`page`", "`ticket`"))
    assert found.sections["Rollback"].count("```sh") >= 1
    assert re.search(r"^1\. ", found.sections["Decision tree"], re.MULTILINE)
    assert "communication.md#" in found.sections["Communication"] or name in ("data-drift", "failed-canary")
    assert "](review.md)" in found.sections["Review"]
    assert found.review
    assert len(BLOCKS[name]) >= EACH_HAS


@pytest.mark.parametrize("name", NAMES)
def test_an_incident_of_a_runbook_begins_keeps_evidence_and_ends_by_commands_in_it(name: str) -> None:
    sections = {title: blocks(text) for title, text in book(name).sections.items()}
    said = {
        title: " ".join(each.body for each in found if each.info == "sh record") for title, found in sections.items()
    }
    assert f"./parapet incident start {name} " in said["First ten minutes"]
    assert re.search("--what kept|incident keep ", said["Evidence"])
    assert "./parapet incident close" in said["When to close"]
    assert any("incident log" in said[title] for title in ("Rollback", "Communication"))


def test_what_all_have_in_common_stands_once() -> None:
    """The clock of notices and the messages: who changes one changes all."""
    for name in NAMES:
        assert not re.search(r"164\.40[468]|60 (calendar )?days after|\b500\b|> \*\*", TEXTS[name]), name
    text = TEXTS["communication"]
    for says in ("164.404(b)", "**60 calendar days**", "164.406", "**more than 500**", "164.408(b)", "**500 or more**"):
        assert text.count(says) == 1, says
    for audience in ("clinical staff", "the privacy officer", "executives"):
        assert f"## To {audience}" in text
    assert "## On the status page" in text
    assert len(runbooks.every_review(FOLDER)) >= 8


def test_every_block_says_what_is_done_with_it() -> None:
    infos = {block.info for found in BLOCKS.values() for block in found}
    assert {each for each in infos if not each.startswith("sh mends ")} == {"sh", "sh local", "sh record"}
    assert {words[0] for words in ALL} - OTHERS == {"./parapet", "aws", "pulumi"}
    assert {words[1] for words in ALL if words[0] == "kubectl"} <= KUBECTL


@pytest.mark.parametrize("words", of("./parapet"), ids=described)
def test_a_command_of_parapets_is_there_with_its_options(words: list[str]) -> None:
    assert unknown_of_parapet(words) is None


@pytest.mark.parametrize("words", of("aws"), ids=described)
def test_a_call_of_aws_is_there_with_its_parameters(words: list[str]) -> None:
    assert unknown_of_aws(words) is None


@pytest.mark.parametrize("words", of("aws"), ids=described)
def test_a_call_of_aws_is_of_a_time_that_was_and_of_files_that_are_there(words: list[str]) -> None:
    """A query of one second of 1970 finds nothing, which is then what is written down."""
    for option, value in pairwise(words):
        if re.fullmatch(r"--(start|end)-time", option):
            assert value == "SUBSTITUTED" or datetime.fromisoformat(value).year >= YEAR, value
        if value.startswith("file://"):
            json.loads((ROOT / value.removeprefix("file://")).read_text())
    if words[1:3] == ["logs", "start-query"]:
        assert "filter" in words[words.index("--query-string") + 1], "it is of one person or thing"
    if words[1:3] == ["rds", "restore-db-instance-to-point-in-time"]:
        assert {"--db-subnet-group-name", "--vpc-security-group-ids", "--no-publicly-accessible"} <= set(words)


def test_policies_that_are_handed_along_deny_and_have_what_is_put_in() -> None:
    """As `sed` puts it in; and each is named by a runbook."""
    for file in (FOLDER / "files").iterdir():
        told = json.loads(file.read_text())
        assert any(f"runbooks/files/{file.name}" in text for text in TEXTS.values()), file
        if told["Version"] == "2012-10-17":
            assert {each["Effect"] for each in told["Statement"]} == {"Deny"}
    for words in of("sed"):
        _, script, name = words
        _, what, _, _ = script.split("/")
        assert f'"{what}"' in (ROOT / name).read_text(), script
    audit, mask = json.loads((FOLDER / "files" / "mask.json").read_text())["Statement"]
    assert audit["DataIdentifier"] == mask["DataIdentifier"], "AWS takes no others"


def test_nothing_is_deleted_before_it_is_kept() -> None:
    """Who runs a block runs all of it; and who runs a page runs it from its top to its end."""
    for name, found in BLOCKS.items():
        bodies = [block.body for block in found]
        deletes = [at for at, body in enumerate(bodies) if re.search(r"aws logs delete-log-(stream|group)", body)]
        keeps = [at for at, body in enumerate(bodies) if "--what kept" in body]
        assert all(at > min(keeps) for at in deletes), name
        for at in deletes:
            assert len([words for words in commands(bodies[at]) if words]) == 1, name


ENDS = [block for block in BLOCKS["lost-node-or-region"] if "terminate-instances" in block.body]


@pytest.mark.process
@pytest.mark.parametrize(
    ("reasons", "ended"),
    [
        ({"KubeletReady": "i-0a", "NodeStatusUnknown": "i-0b"}, "i-0b"),
        # The one that comes in its place, before its network is there, and before it was ever heard.
        ({"KubeletReady": "i-0a", "KubeletNotReady": "i-0c", "NodeStatusNeverUpdated": "i-0d"}, None),
        ({"KubeletReady": "i-0a"}, None),
    ],
)
def test_a_block_that_ends_a_dead_node_ends_no_other_and_nothing_where_there_is_none(
    tmp_path: Path, reasons: dict[str, str], ended: str | None
) -> None:
    (block,) = (each for each in ENDS if each.info == "sh mends dead-node")
    assert '{.status.conditions[?(@.type=="Ready")].reason} {.spec.providerID}' in block.body
    nodes = "".join(f"{reason} aws:///us-east-1a/{instance}\n" for reason, instance in reasons.items())
    status, called = ran(tmp_path, block, nodes)
    assert called == (["ec2", "terminate-instances", "--instance-ids", ended] if ended else [])
    assert (status == 0) == bool(ended)


@pytest.mark.process
def test_a_block_that_ends_a_node_whose_disk_is_full_ends_nothing_where_there_is_none(tmp_path: Path) -> None:
    (block,) = (each for each in ENDS if each.info == "sh mends full-disk")
    status, called = ran(tmp_path, block, "False aws:///us-east-1a/i-0a\n")
    assert status != 0
    assert called == []


def ran(folder: Path, block: Block, nodes: str) -> tuple[int, list[str]]:
    """How it ends where kubectl says this of nodes, and what aws was asked."""
    (folder / "nodes").write_text(nodes)
    for name, script in (("kubectl", f"cat '{folder}/nodes'"), ("aws", f"printf '%s\\n' \"$@\" > '{folder}/asked'")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o700)
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", block.body], env={"PATH": path}, capture_output=True, timeout=20)
    asked = folder / "asked"
    return done.returncode, asked.read_text().split() if asked.exists() else []


@pytest.mark.engine
@pytest.mark.parametrize("words", of("pulumi"), ids=described)
def test_a_command_of_the_engines_is_there_with_its_options(words: list[str], tools: Path) -> None:
    assert unknown_of_pulumi(words, tools) is None


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_link_leads_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", TEXTS[name]):
        file = FOLDER / target if target else FOLDER / f"{name}.md"
        assert file.exists(), target
        assert not anchor or anchor in slugs(file.read_text()), f"{target}#{anchor}"


def test_the_law_knows_which_documents_serve_it() -> None:
    served = catalogue.load().specifications
    assert "runbooks/README.md" in served["164.308(a)(6)(ii)"].documents
    named = {document for each in served.values() for document in each.documents}
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []


def test_a_message_and_a_placeholder_name_nobody() -> None:
    for name, text in TEXTS.items():
        assert not re.search(r"[\w.]+@(?!example\.org)[\w.]+\.\w+", text), name
