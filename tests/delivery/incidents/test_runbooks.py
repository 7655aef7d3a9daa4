"""What a runbook tells to type about its record, models and records of a feed is typed, from its start to its end."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from cli.programs import Packages
from delivery.incidents import runbooks
from delivery.incidents.desk import Desk
from delivery.incidents.entry import What
from tests.delivery.incidents.in_process import program, typed
from tests.delivery.incidents.world import REPOSITORY
from tests.delivery.registry.conftest import pretended  # noqa: F401 (fixture)
from tests.delivery.registry.conftest import world as registry  # noqa: F401 (fixture)
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import AUTHOR, FACTS, MODEL, World
from tests.docs.guide import blocks, commands

pytestmark = pytest.mark.data
NAMES = runbooks.names(REPOSITORY)
BACK_TWICE = [name for name in NAMES if (REPOSITORY / f"{name}.md").read_text().count("model rollback ") > 1]
FINDS = 3
"""How a check ends that found something."""
CHECKS = (["data", "validate"], ["drift", "check"])
SERVES = "3"
"""The version that somebody puts in."""


@pytest.fixture
def shell(
    registry: World,  # noqa: F811
    pretended: Pretended,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """Of somebody on duty: a model that had three versions, and a feed in which some records break their contract."""
    pretended.register(f"{MODEL}-dev", AUTHOR, {"model.onnx": b"three", "contract.json": b"{}"}, FACTS)
    own = {"MLFLOW_TRACKING_USERNAME": "mia", "PARAPET_APPROVERS": str(registry.approvers)}
    own |= {"PARAPET_GATES": str(registry.declared), "PARAPET_RUNBOOKS": str(REPOSITORY)}
    for name, value in (registry.variables | own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Packages, "_ran", program)
    return registry


def prepare(text: str, registry: World, folder: Path) -> None:  # noqa: F811
    """What a runbook of such commands finds."""
    if "model rollback" in text:
        for model, version in ((b"one", "1"), (b"two", "2"), (b"three", "3")):
            registry.through(model, version)
    if "intake/" in text:
        status, said = typed("data", "generate", "--rows", "40", "--out", "intake", "--inject", "schema:0.2")
        assert status == 0, said
    if "today.csv" in text:
        for file, first in (("reference.csv", 0), ("today.csv", 50)):
            rows = [f"{first + number % 40}" for number in range(200)]
            (folder / file).write_text("\n".join(["heart_rate", *rows]) + "\n")
    for kept in re.findall(r"incident keep \S+ (\S+)", text):
        (folder / kept).write_bytes(b"{}")
    if "evidence/" in text:
        (folder / "evidence").mkdir()
        (folder / "evidence" / "stream.gz").write_bytes(b"")


def filled(words: list[str], incident: str) -> list[str]:
    """As a shell would, with what a person puts in."""
    found = []
    for word in words:
        names = sorted(Path.cwd().glob(word)) if "*" in word else []
        word = word.replace("$INCIDENT", incident).replace("VERSION", SERVES)
        found += [str(each.relative_to(Path.cwd())) for each in names] or [word]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_incident_goes_by_its_runbook_from_start_to_end(
    name: str,
    shell: World,
    tmp_path: Path,
) -> None:
    text = (REPOSITORY / f"{name}.md").read_text()
    prepare("".join(block.body for block in blocks(text) if block.info == "sh record"), shell, tmp_path)
    incident = f"{name}-{datetime.now():%Y%m%d}"
    assert f"\nINCIDENT={name}-YYYYMMDD\n" in text
    for block in blocks(text):
        if block.info != "sh record":
            continue
        for words in commands(block.body):
            if words:
                status, said = typed(*filled(words[1:], incident))
                assert status == (FINDS if words[1:3] in CHECKS else 0), f"{' '.join(words)}\n{said}"
    desk = Desk.of(REPOSITORY, "mia")
    made = desk.entries(incident)
    assert not desk.examine(incident)[1]
    assert {each.what for each in made} >= {What.DECLARED, What.KEPT, What.RECOVERED}
    assert (made[-1].what, made[-1].answers.keys()) == (What.CLOSED, runbooks.runbook(REPOSITORY, name).closes.keys())
    report = (tmp_path / f"incident-{incident}.md").read_text()
    assert "(changed since)" not in report
    if "model rollback" in text:
        assert "rollback to prod done, version 2" in typed("model", "history", MODEL)[1]


@pytest.mark.parametrize("name", BACK_TWICE)
def test_who_types_every_rollback_of_a_runbook_goes_back_by_one(name: str, shell: World) -> None:
    """From its top to its end, also those of an account: who is woken does not choose."""
    text = (REPOSITORY / f"{name}.md").read_text()
    prepare("model rollback", shell, shell.folder)
    ended = []
    for block in blocks(text):
        for words in commands(block.body):
            if words[1:3] == ["model", "rollback"]:
                without = words[1 : words.index("--stack")] if "--stack" in words else words[1:]
                ended.append(typed(*[word.replace("VERSION", SERVES) for word in without])[0])
    assert sorted(ended) == [0] + [1] * (len(ended) - 1)
    assert "rollback to prod done, version 1" not in typed("model", "history", MODEL)[1]
