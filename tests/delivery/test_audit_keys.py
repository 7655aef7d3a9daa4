"""The keys of the audit trail come from a file."""

from pathlib import Path

import pytest

from parapet_mlflow.refusal import Refused
from parapet_mlflow.secret_files import SecretFiles
from tests.delivery.mlflow import AUDIT_KEY

OLD = AUDIT_KEY[::-1]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name in ("admin", "flask"):
        (tmp_path / name).write_text(f"the-{name}")
    (tmp_path / "audit-key").write_text(f"{AUDIT_KEY}\n{OLD}\n")
    return tmp_path


def test_another_key_is_a_new_start_and_there_must_be_one(secrets: Path) -> None:
    files = SecretFiles(secrets)
    before = files.fingerprint()
    (secrets / "audit-key").write_text(OLD)
    assert files.fingerprint() != before
    (secrets / "audit-key").unlink()
    for asked in (files.audit_keys, files.fingerprint):
        with pytest.raises(Refused, match="audit-key cannot be read"):
            asked()


def test_a_key_that_could_be_guessed_is_none(secrets: Path) -> None:
    (secrets / "audit-key").write_text(f"{AUDIT_KEY}\nshort")
    with pytest.raises(Refused, match=r"Line 2 of the secret .* less than 32 characters"):
        SecretFiles(secrets).audit_keys()
