"""What a user sees of a bad setting, from the real engine."""

from pathlib import Path

import pytest

from tests.engine import Engine
from tests.platform.project import copy_project

pytestmark = pytest.mark.engine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def preview(engine: Engine, project: Path, config: str) -> str:
    """What a preview with this stack configuration says before it fails."""
    (engine.home / "state").mkdir(parents=True, exist_ok=True)
    engine.init(project, "bad")
    with (project / "Pulumi.bad.yaml").open("a") as settings:
        settings.write(config)
    run = engine(project, "preview", "--stack", "bad", "--non-interactive")
    assert run.returncode != 0
    return run.stdout + run.stderr


def test_all_bad_settings_are_told_in_one_run_and_without_a_stack_trace(engine: Engine, project: Path) -> None:
    said = preview(
        engine,
        project,
        "config: {parapet:environment: Prod, parapet:zones: 2, parapet:egres: true,"
        " parapet:interfaceEndpoints: [kms, s4]}",
    )
    for line in (
        'parapet:environment is "Prod"; it must be ',
        "parapet:owner is not set; it must be ",
        "parapet:costCenter is not set; it must be ",
        'parapet:zones is "2"; it must be a whole number from 3 to 4.',
        'parapet:interfaceEndpoints[1] is "s4"; it must be one of ',
        "parapet:egres is not a setting; did you mean parapet:egress?",
    ):
        assert line in said, said
    assert "Traceback" not in said
    assert ".py" not in said


def test_a_local_stack_without_a_local_api_is_told_how_to_get_one(engine: Engine, project: Path) -> None:
    said = preview(
        engine,
        project,
        "config: {parapet:environment: local, parapet:owner: me, parapet:costCenter: x, parapet:localAws: true}",
    )
    assert "parapet:localAws is true and AWS_ENDPOINT_URL is not set; it must be the URL of an AWS API" in said
    assert "Traceback" not in said
