"""Grafana's dashboards as JSON, as far as ours need it: a few kinds of panels, queries of Prometheus, two variables.

Plain functions, and not Grafana's builders (grafana-foundation-sdk), which each run of the engine would import. The
tests hold each dashboard against their types.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

SCHEMA: Final = 39
"""Of Grafana 10.4; later ones read it, and make it theirs."""
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
WIDTH: Final = 24
"""Of Grafana's grid."""
COLOURS: Final = ("green", "orange", "red")

Kind = Literal["timeseries", "stat", "table", "state-timeline"]


@dataclass(frozen=True)
class Query:
    """One question, and what each answer is called: labels in double braces."""

    expression: str
    called: str
    now: bool = False
    """Of this moment alone, and not over the time that is looked at."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel. `bounds` are values from which on it is orange, and red; or, where it falls, below which."""

    title: str
    says: str
    """What it shows, in a sentence: Grafana shows it beside the title."""
    queries: Sequence[Query]
    kind: Kind = "timeseries"
    unit: str = "short"
    bounds: tuple[float, ...] = ()
    falls: bool = False
    least: float | None = 0
    most: float | None = None
    width: int = 12
    height: int = 8


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard."""

    uid: str
    """By which links find it; it never changes."""
    title: str
    says: str
    panels: Sequence[Panel]
    models: str = ""
    """The series whose label `model` one chooses from; empty for one that is of no model."""
    since: str = "now-24h"
    tags: Sequence[str] = field(default=("parapet",))


def written(board: Board) -> str:
    """The JSON that Grafana imports."""
    return json.dumps(document(board), indent=1) + "\n"


def document(board: Board) -> dict[str, Any]:
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.says,
        "tags": list(board.tags),
        "schemaVersion": SCHEMA,
        "timezone": "utc",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": board.since, "to": "now"},
        "templating": {"list": _variables(board)},
        "annotations": {"list": []},
        "panels": _laid(board.panels),
    }


def _variables(board: Board) -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
    if not board.models:
        return [source]
    model = {
        "name": "model",
        "label": "Model",
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values({board.models}, model)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "hide": 0,
    }
    return [source, model]


def _laid(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """From left to right, and on a new line where one does not fit."""
    placed: list[dict[str, Any]] = []
    x = y = high = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y, high = 0, y + high, 0
        placed.append(_panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, high = x + panel.width, max(high, panel.height)
    return placed


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(query, "ABCDEFGH"[at], panel) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(query: Query, letter: str, panel: Panel) -> dict[str, Any]:
    now = query.now or panel.kind in ("stat", "table")
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": query.expression,
        "legendFormat": query.called,
        "instant": now,
        "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _field(panel: Panel) -> dict[str, Any]:
    colours = COLOURS[: len(panel.bounds) + 1]
    colours = tuple(reversed(colours)) if panel.falls else colours
    steps = [{"color": colour, "value": value} for colour, value in zip(colours, (None, *panel.bounds), strict=True)]
    return {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind != "timeseries" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
        **({} if panel.least is None else {"min": panel.least}),
        **({} if panel.most is None else {"max": panel.most}),
        **({"custom": {"thresholdsStyle": {"mode": "line"}}} if panel.kind == "timeseries" and panel.bounds else {}),
    }


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        return {
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if panel.kind == "stat":
        reduced = {"calcs": ["lastNotNull"], "values": False}
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none", "textMode": "auto"}
    if panel.kind == "state-timeline":
        return {"showValue": "never", "mergeValues": True, "legend": {"displayMode": "list", "placement": "bottom"}}
    return {"showHeader": True}
