"""Which settings hold a secret in plain sight, measured on both kinds of error."""

import base64
import time
from pathlib import Path

import pytest
import yaml

from hipaa import secrets
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.verdict import Outcome

TABLE: dict[str, list[list[str]]] = yaml.safe_load(
    Path(__file__).with_name("secrets_in_plain_sight.yaml").read_text(encoding="utf-8")
)


KINDS = ("holds", "tells")


def test_both_kinds_are_in_the_table() -> None:
    assert min(len(TABLE[kind]) for kind in KINDS) >= 100
    wrong = len(TABLE["missed"]) / len(TABLE["holds"]), len(TABLE["mistaken"]) / len(TABLE["tells"])
    assert max(wrong) < 0.05, "the share of what is still called wrong"


@pytest.mark.parametrize("kind", KINDS)
def test_what_holds_a_secret_is_told_from_what_does_not(kind: str) -> None:
    wrong = [(name, value) for name, value in TABLE[kind] if secrets.is_secret(name, value) is not (kind == "holds")]
    assert wrong == []


def test_what_is_still_called_wrong_is_listed() -> None:
    assert [each for each in TABLE["missed"] if secrets.is_secret(*each)] == []
    assert [each for each in TABLE["mistaken"] if not secrets.is_secret(*each)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_is_read_in_base64_too(kind: str) -> None:
    script = Resource(
        "x", {"script": base64.b64encode("\n".join(v for n, v in TABLE[kind] if not n).encode()).decode()}
    )
    verdict = secrets.of_text(script, "script", "it must not", encoded=True)
    assert verdict.outcome is (Outcome.FAILED if kind == "holds" else Outcome.PASSED)


def test_no_message_has_a_secret() -> None:
    settings = dict(each for each in TABLE["holds"] if each[0])
    resource = Resource("x", {"variables": settings | {"GREETING": Secret("hunter2")}})
    verdicts = secrets.of_settings(resource, "variables", "it must come from elsewhere")
    assert all(verdict.outcome is Outcome.FAILED for verdict in verdicts)
    assert len(verdicts) == len(settings) + 1
    said = " ".join(message for verdict in verdicts for message in verdict.violations)
    values = [value for value in settings.values() if len(value) > 8]
    assert [value for value in [*values, "hunter2"] if value in said] == []


def test_what_is_not_known_hides_no_other() -> None:
    resource = Resource("x", {"variables": {"HOST": UNKNOWN, "DB_PASSWORD": "correct horse"}})
    outcomes = [verdict.outcome for verdict in secrets.of_settings(resource, "variables", "it must not")]
    assert outcomes == [Outcome.UNDECIDED, Outcome.FAILED]


@pytest.mark.parametrize(
    "text",
    ["a=" * 500_000, "://" * 300_000, "--a " * 250_000, "{" * 1_000_000, "curl " * 200_000, "x: y\n" * 200_000],
    ids=lambda text: repr(text[:5]),
)
def test_long_texts_are_read_in_no_time(text: str) -> None:
    started = time.process_time()
    assert not secrets.holds_one(text)
    assert time.process_time() - started < 2, "a pattern that goes back and forth takes minutes"
