"""Reviews of the recorded runs."""

from collections.abc import Callable

import pytest

import compliance
from compliance import Review
from tests.compliance.small_pack import CATALOGUE, FIXTURES, NOON, RULES


@pytest.fixture
def recorded() -> Callable[..., Review]:
    """The review of a recorded log."""

    def review(name: str, **options: object) -> Review:
        options = {"rules": RULES, "catalogue": CATALOGUE, "generated_at": NOON} | options
        return compliance.review(FIXTURES / f"{name}.jsonl", **options)  # type: ignore[arg-type]

    return review
