"""The setting `models` in a stack's file, written by a command."""

import pytest
import yaml

from mlops.serving.model import Model
from mlops.serving.model_service import proven
from operations.model_settings import changed
from operations.refused import Refused
from tests.platform.cluster.ledgers import Signer
from tests.platform.project import PROJECT

DIGEST = f"sha256:{'a' * 64}"
ENTRY = {"name": "readmission", "version": "8", "digest": DIGEST}
FILE = """\
# What this stack is for.
config:
  parapet:environment: prod  # kept as it is
  parapet:costCenter: "0007"
  parapet:models:
    # Asked by the wards.
    - name: readmission
      version: "7"  # found good in March
      digest: sha256:old
      published: true
    - {name: sepsis, version: "1", digest: "sha256:other"}
  parapet:gpuGroups:
    - name: inference
      instanceTypes: [g6.xlarge, g6.2xlarge]
encryptionsalt: v1:HR1D6XKaQbw=:v1:4iX3U27RzSxM3EUv:Ilo/BJkw0VZ3+Dpbvc5J89AHD6+MYQ==
"""


def test_a_models_entry_changes_and_no_other_line() -> None:
    text, before = changed(FILE, ENTRY)
    assert before is not None
    assert (before["version"], before["published"]) == ("7", True)
    lines, was = text.splitlines(), FILE.splitlines()
    assert [line for line in was if line not in lines] == [
        '      version: "7"  # found good in March',
        "      digest: sha256:old",
    ]
    assert len(lines) == len(was)
    (model, other) = yaml.safe_load(text)["config"]["parapet:models"]
    assert model == ENTRY | {"published": True}
    assert other["name"] == "sepsis"


def test_it_is_written_once() -> None:
    text, _ = changed(FILE, ENTRY)
    assert changed(text, ENTRY)[0] == text


@pytest.mark.parametrize(
    ("models", "left"),
    [
        ("", []),
        ("  parapet:models: []\n", []),
        ('  parapet:models: \'[{"name": "sepsis"}]\'\n', [{"name": "sepsis"}]),
        ("  parapet:models:\n    - name: sepsis\n", [{"name": "sepsis"}]),
    ],
    ids=["no such setting", "an empty list", "a list as text", "another model"],
)
def test_a_new_model_comes_after_the_others(models: str, left: list[dict[str, str]]) -> None:
    text, before = changed(f"config:\n  parapet:zones: 3\n{models}", ENTRY)
    assert before is None
    assert yaml.safe_load(text)["config"] == {"parapet:zones": 3, "parapet:models": [*left, ENTRY]}


def test_a_file_without_settings_gets_them() -> None:
    assert yaml.safe_load(changed("", ENTRY)[0]) == {"config": {"parapet:models": [ENTRY]}}


@pytest.mark.parametrize("name", sorted(file.name for file in PROJECT.glob("Pulumi.*.yaml")))
def test_a_committed_stacks_file_keeps_its_lines(name: str) -> None:
    text = (PROJECT / name).read_text()
    made, _ = changed(text, ENTRY)
    assert [line for line in text.splitlines() if line not in made.splitlines()] == []


@pytest.mark.parametrize("models", ["7", "[a]", "{readmission: 7}"])
def test_another_kind_of_setting_is_refused(models: str) -> None:
    with pytest.raises(Refused, match="parapet:models is no list of objects"):
        changed(f"config: {{parapet:models: {models}}}", ENTRY)


def test_what_proves_that_a_version_served_before_is_written_as_it_was_signed() -> None:
    """And goes where it is of another one."""
    signer = Signer()
    returned = signer.rollback("readmission", "prod", "8", DIGEST)
    text, _ = changed(FILE, ENTRY | {"returnsTo": returned})
    (entry, _) = yaml.safe_load(text)["config"]["parapet:models"]
    model = Model.model_validate(entry)
    assert model.returning
    proven(model, signer.pem)
    later, was = changed(text, ENTRY | {"version": "9", "returnsTo": None})
    assert was is not None
    assert was["returnsTo"] == returned
    assert "returnsTo" not in later
    assert "returnsTo" not in changed("config: {}", ENTRY | {"returnsTo": None})[0]
