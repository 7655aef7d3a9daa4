"""Where the figures of the synthetic records come from."""

from collections.abc import Iterator
from typing import Any

from delivery.data.figures import figures

FIGURES = {name: section for name, section in figures().items() if name != "sources"}


def _without_origin(path: str, told: Any) -> Iterator[str]:
    """Sections with a number in them that say neither a source nor that they are assumed."""
    if not isinstance(told, dict):
        yield path
    elif not {"source", "assumed"} & set(told):
        for name, inner in told.items():
            yield from _without_origin(f"{path}.{name}", inner)


def _sources(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        if "source" in told:
            yield told["source"]
        for inner in told.values():
            yield from _sources(inner)


def test_each_figure_has_a_source_or_says_that_it_is_assumed() -> None:
    assert [path for name, section in FIGURES.items() for path in _without_origin(name, section)] == []


def test_each_source_that_is_named_is_spelled_out_and_the_other_way_round() -> None:
    named = set(_sources(FIGURES)) | {
        key for key in figures()["sources"] if any(key in text for text in _assumptions(FIGURES))
    }
    assert named == set(figures()["sources"])


def _assumptions(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        if told.get("assumed"):
            yield str(told["assumed"])
        for inner in told.values():
            yield from _assumptions(inner)
