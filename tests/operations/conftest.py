"""A local AWS API that the shell's variables lead to, and a stack's files in a folder of their own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import stack_settings
from operations.stack_settings import StackFile
from tests.local.aws.conftest import LocalAws, local_aws, moto  # noqa: F401
from tests.platform.project import PROJECT

ACCOUNT = "123456789012"
STACK = f"""# What this stack is for.
config:
  parapet:environment: real  # kept as it is
  parapet:owner: platform@hospital.org
  parapet:costCenter: "7"
  parapet:allowedAccountId: "{ACCOUNT}"
  parapet:clusterAdministrators:
    - arn:aws:iam::{ACCOUNT}:role/deployer
"""


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:  # noqa: F811
    """An empty account; the shell's credentials are those of its owner."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return local_aws


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., StackFile]:
    """Writes a stack's file and reads it."""
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)

    def write(text: str = STACK, name: str = "real") -> StackFile:
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)
        return stack_settings.read(tmp_path, name)

    return write
