"""The command line where nothing runs yet: what it tells, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import stack, status, summary
from cli.output import Refused
from cli.plugins import AwsPlugin
from local.workspace import FOREIGN, Workspace, exports

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(home=tmp_path / ".parapet")


def _run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PARAPET_HOME": str(home), "COLUMNS": "200"} | variables
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *arguments],
        env=environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
    )


def test_status_of_nothing_has_all_its_keys(tmp_path: Path) -> None:
    told = _run(tmp_path / ".parapet", "status", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {
        "aws_endpoint_url": None,
        "kubernetes_url": None,
        "kubeconfig": None,
        "mlflow_url": None,
        "live": None,
        "load_balancer_address": None,
        "toolchain_bin": None,
        "stack": "local",
        "resources": 0,
        "models": [],
        "review": None,
    }


def test_status_makes_nothing(tmp_path: Path) -> None:
    _run(tmp_path / ".parapet", "status")
    assert not (tmp_path / ".parapet").exists()


def test_status_of_a_stack_on_an_account_says_where_to_look(workspace: Workspace) -> None:
    """And not that nothing runs, which it cannot know."""
    with pytest.raises(Refused, match=r"(?s)'prod' is of a real account.*\./parapet tunnel --stack prod\n") as refused:
        status.tell(workspace, "prod", as_json=True)
    assert "Before you are on call" in str(refused.value)
    assert "## Before you are on call" in (ROOT / "runbooks" / "README.md").read_text()


def test_the_exports_lead_to_this_stack_and_to_nothing_of_the_users(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status, "prepare_tools", lambda *_: None)
    status.print_exports(workspace, AwsPlugin.STAND_IN)
    script = capsys.readouterr().out + "\nenv"
    mine = {
        "AWS_PROFILE": "hospital",
        "KUBECONFIG": "/home/me/.kube/production",
        "HELM_KUBECONTEXT": "production",
        "AWS_SESSION_TOKEN": "real",
        "PULUMI_ACCESS_TOKEN": "real",
        "PATH": "/usr/bin:/bin",
    }
    shell = subprocess.run(["sh", "-c", script], env=mine, capture_output=True, text=True, check=True)
    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    assert not set(FOREIGN) & set(variables)
    assert variables["PULUMI_HOME"].startswith(str(workspace.home))
    assert variables["PULUMI_BACKEND_URL"] == f"file://{workspace.state}?metadata=skip"
    assert variables["KUBECONFIG"] == str(workspace.home / "kubernetes" / "kubeconfig")
    assert variables["KUBECACHEDIR"].startswith(str(workspace.home))
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert variables["PATH"] == f"{workspace.bin}:/usr/bin:/bin"


def test_a_cluster_of_the_users_own_is_what_the_exports_lead_to(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAPET_KUBECONFIG", str(tmp_path / "mine"))
    assert exports(workspace, None)["KUBECONFIG"] == str(tmp_path / "mine")


def test_a_kubeconfig_that_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    told = _run(tmp_path / ".parapet", "status", PARAPET_KUBECONFIG=str(tmp_path / "missing"))
    assert told.returncode == 1
    assert f"PARAPET_KUBECONFIG={tmp_path / 'missing'}" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_home_with_spaces_and_quotes_survives_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status, "prepare_tools", lambda *_: None)
    odd = Workspace(home=tmp_path / 'it\'s a "home" $HOME')
    status.print_exports(odd, AwsPlugin.STAND_IN)
    script = capsys.readouterr().out + '\nprintf %s "$PULUMI_HOME"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == str(odd.pulumi_home("stand-in"))


def test_a_stack_that_is_not_there_is_refused_with_those_that_are(workspace: Workspace) -> None:
    with pytest.raises(Refused, match=r"no stack 'lokal'.*: local\."):
        stack.check_stack(workspace, "lokal")


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_a_stack_that_means_a_real_account_is_refused_with_the_command_for_it(workspace: Workspace, name: str) -> None:
    told = f"account preflight --stack {name}`, .* `pulumi up --stack {name} --policy-pack policies`"
    with pytest.raises(Refused, match=told):
        stack.check_stack(workspace, name)


@pytest.mark.process
def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    told = _run(tmp_path / ".parapet", "down")
    assert told.returncode == 0, told.stderr
    assert "Nothing that Parapet started is running" in told.stderr


@pytest.mark.process
def test_a_tool_build_that_fails_is_one_message(tmp_path: Path) -> None:
    """No Go, no wheel, no engine: what a machine like that is told, and that nothing half-made is left."""
    empty = tmp_path / "bin"
    empty.mkdir()
    told = _run(
        tmp_path / ".parapet",
        "up",
        PATH=str(empty),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS="",
    )
    assert told.returncode == 1
    assert "needs Go" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / ".parapet" / "bin" / "pulumi").exists()


def test_recorded_only_types_are_counted_once_a_resource(workspace: Workspace) -> None:
    workspace.home.mkdir()
    workspace.recorded.write_text("aws:b:B urn:1\naws:a:A urn:2\naws:a:A urn:3\naws:a:A urn:3\n")
    assert summary.recorded(workspace) == ["2 aws:a:A", "1 aws:b:B"]
