"""The guide to the first account names no command, option, setting or AWS call that there is not.

What of it runs without an account is run in `tests/e2e/test_the_first_account.py`.
"""

import re
from itertools import chain
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.__main__ import app
from tests.docs.checked import SYSTEM, described, options, unknown_of_aws, unknown_of_parapet, unknown_of_pulumi
from tests.docs.guide import GUIDE, ROOT, Block, blocks, commands, says, settings

TEXT = GUIDE.read_text()
BLOCKS = blocks(TEXT)
COMMANDS = [words for block in BLOCKS for words in commands(block.body) if words]


def of(program: str) -> list[list[str]]:
    return [words for words in COMMANDS if words[0] == program]


def test_every_shell_block_says_what_is_done_with_it() -> None:
    assert {block.info for block in BLOCKS} <= {"sh", "sh local", "sh as-local", "sh account", "sh engine"}
    assert sum(block.is_run for block in BLOCKS) >= 4


def test_every_command_that_is_run_is_held_to_what_the_guide_says_it_prints() -> None:
    silent = [block for block in BLOCKS if block.info != "sh" and not block.printed]
    # What a client of MLflow tells of a run is MLflow's own.
    assert [block.body.split()[0] for block in silent] == ["python"]


def test_every_program_is_one_that_the_guide_is_checked_for() -> None:
    assert {words[0] for words in COMMANDS} - SYSTEM <= {"./parapet", "pulumi", "aws"}


@pytest.mark.parametrize("words", of("./parapet"), ids=described)
def test_a_command_of_parapets_is_there_with_its_options(words: list[str]) -> None:
    assert unknown_of_parapet(words) is None


@pytest.mark.parametrize("words", of("aws"), ids=described)
def test_a_call_of_aws_is_there_with_its_parameters(words: list[str]) -> None:
    assert unknown_of_aws(words) is None


@pytest.mark.engine
@pytest.mark.parametrize("words", of("pulumi"), ids=described)
def test_a_command_of_the_engines_is_there_with_its_options(words: list[str], tools: Path) -> None:
    assert unknown_of_pulumi(words, tools) is None


def test_there_is_one_order_and_nobody_picks_resources_by_hand() -> None:
    phases = [
        "./parapet account bootstrap",
        "./parapet account preflight",
        "pulumi up",
        "./parapet images mirror",
        "./parapet images build",
        "pulumi up",
    ]
    told = iter(described(words) for words in COMMANDS if "--offline" not in words)
    assert [each for each in phases if not any(words.startswith(each) for words in told)] == []
    readme = [words for block in blocks((ROOT / "README.md").read_text()) for words in commands(block.body)]
    assert [
        words for words in [*COMMANDS, *readme] if {"--target", "-t", "--exclude"} & {*options(words), *words}
    ] == []


def test_every_setting_that_is_set_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    given = [words for words in of("pulumi") if words[1:3] == ["config", "set"]]
    names = {next(word for word in words[3:] if not word.startswith("--")).partition("[")[0] for words in given}
    names |= {name.removeprefix("parapet:") for name in yaml.safe_load(settings(TEXT))["config"]}
    assert "allowedAccountId" in names
    assert names - set(declared) == set()


def test_every_file_that_is_linked_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert [target for target in targets if not (GUIDE.parent / target).exists()] == []


def test_the_readme_leads_to_the_guide_and_says_none_of_it_again() -> None:
    section = (ROOT / "README.md").read_text().partition("## From local to a real account\n")[2].partition("\n## ")[0]
    assert "](docs/first-account.md)" in section
    assert blocks(section) == []


def test_every_message_of_the_table_is_one_that_the_program_tells() -> None:
    """The first column quotes what is fixed of a message; an f-string has the rest."""
    rows = re.findall(r"^\| (`.*?) \|", TEXT.partition("## When it says no")[2], re.MULTILINE)
    quoted = list(chain.from_iterable(re.findall(r"`([^`]+)`", row) for row in rows))
    assert len(quoted) >= 10
    folders = ("operations", "cli", "platform", "local")
    sources = (file.read_text() for folder in folders for file in (ROOT / folder).rglob("*.py"))
    said = joined("\n".join(sources))
    assert [words for words in quoted if words not in said] == []


def joined(source: str) -> str:
    """Strings that a line break splits, put together again."""
    return re.sub(r'"\s*\n\s*f?"', "", source)


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        ("./parapet cost --stacks dev", "--stacks"),
        ("./parapet costs", "costs"),
        ("./parapet account", "a command"),
    ],
)
def test_a_wrong_command_would_be_found(words: str, unknown: str) -> None:
    assert unknown_of_parapet(words.split()) == unknown


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        ("aws kms schedule-key-deletion --key-id K --pending-window 7", "--pending-window"),
        ("aws kms delete-key --key-id K", "delete-key"),
        ("aws kmss delete-key", "kmss"),
        ("aws kms schedule-key-deletion --key-id K --pending-window-in-days 7 --region R", None),
    ],
)
def test_a_wrong_call_would_be_found(words: str, unknown: str | None) -> None:
    assert unknown_of_aws(words.split()) == unknown


def test_a_block_is_read_with_what_it_prints() -> None:
    (one, two) = blocks("```sh local\na\n```\n\n```text\nb ... c\n```\n\n```sh\nd\n```\n")
    assert one == Block("sh local", "a\n", "b ... c\n")
    assert two == Block("sh", "d\n", "")
    assert says("x\nb 1 2  c\n", one.printed) is None
    assert says("x\nb 1 2\n", one.printed) == "b ... c"


def test_commands_are_taken_apart() -> None:
    body = 'A=1 pulumi login "$(aws sts get-caller-identity)" > file && \\\n  ./parapet status # as ever\n'
    assert list(commands(body)) == [
        ["aws", "sts", "get-caller-identity"],
        ["pulumi", "login", "SUBSTITUTED"],
        ["./parapet", "status"],
    ]


def test_the_port_of_the_guides_tunnel_is_one_that_the_command_takes() -> None:
    (port,) = [words[words.index("--port") + 1] for words in COMMANDS if "tunnel" in words and "--port" in words]
    told = CliRunner().invoke(app, ["tunnel", "--stack", "local", "--port", port])
    assert "no tunnel is needed" in str(told.exception)
