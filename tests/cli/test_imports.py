"""What a command waits for before it does anything."""

import subprocess
import sys

import pytest

from local.workspace import ROOT

SECONDS = {"boto3", "pulumi", "pulumi_aws", "pulumi_kubernetes", "cluster", "foundation"}
"""Packages that take from half a second to several to import."""


@pytest.mark.process
@pytest.mark.parametrize("module", ["cli.__main__", "cli.status", "cli.mlflow"])
def test_a_shell_that_asks_for_its_exports_waits_for_no_other_command(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(set(sys.modules) & {SECONDS!r}))"
    told = subprocess.run([sys.executable, "-P", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


@pytest.mark.process
def test_who_reads_settings_and_lists_of_the_stack_waits_for_none_of_its_resources() -> None:
    """The engine's own program imports the rest, and says which setting is wrong."""
    late = {"boto3", "cluster.cluster", "foundation.foundation", "pulumi_aws.ec2.vpc", "settings"}
    script = f"import sys, cli.stack; print(*sorted(set(sys.modules) & {late!r}))"
    told = subprocess.run([sys.executable, "-P", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


@pytest.mark.process
def test_who_asks_the_contract_for_its_columns_does_not_wait_for_what_judges_tables() -> None:
    """Gates, checks of drift and most steps of the pipeline; of `./parapet data`, only what is to judge waits."""
    script = "import sys, delivery.gates.declared; print(*sorted(set(sys.modules) & {'pandas', 'pandera'}))"
    told = subprocess.run([sys.executable, "-P", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
