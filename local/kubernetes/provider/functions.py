"""Functions that the SDK calls: what the client-side YAML and chart classes are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.kubernetes.provider import charts, manifests
from local.plugin.failures import UserError

if TYPE_CHECKING:
    from local.kubernetes.provider.provider import Provider


def invoke(provider: Provider, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a function, by its token."""
    if token == "kubernetes:yaml:decode":  # noqa: S105 (a function's name)
        found = manifests.decode(str(arguments.get("text") or ""), "the manifest")
        namespace = str(arguments.get("defaultNamespace") or "")
        return {"result": provider.located(found, namespace) if namespace else found}
    if token == "kubernetes:helm:template":  # noqa: S105 (likewise)
        return {"result": _template(provider, json.loads(str(arguments.get("jsonOpts") or "{}")))}
    raise UserError(f"the stand-in for the kubernetes provider has no function {token}; use the official plugin for it")


def _template(provider: Provider, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    fetch = options.get("fetch_opts") or {}
    chart = charts.Wanted(
        chart=str(options.get("chart") or options.get("path") or ""),
        release=str(options.get("release_name") or ""),
        namespace=str(options.get("namespace") or provider.settings.namespace),
        version=str(options.get("version") or fetch.get("version") or ""),
        repo=str(fetch.get("repo") or options.get("repo") or ""),
        values=options.get("values") or {},
        with_definitions=not options.get("skip_crd_rendering"),
    )
    source = charts.at_hand(chart)
    if source is None:
        provider.warn(f"the chart {chart} is not at hand: nothing of it is applied")
        return []
    rendered = charts.render(chart, source, provider.capabilities())
    return provider.located([*rendered.definitions, *rendered.objects], chart.namespace)
