"""Where the alerts of a namespace go: an AlertmanagerConfig of the Prometheus Operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hipaa.aws.advice import PROPOSED_AUDIT
from hipaa.resource import Properties, Resource
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Verdict, not_applicable, violation

ROUTES = tuple(f"kubernetes:monitoring.coreos.com/{version}:AlertmanagerConfig" for version in ("v1beta1", "v1alpha1"))
_PAGER: dict[str, Any] = {"name": "on-call", "pagerdutyConfigs": [{"sendResolved": True}]}
_NULL: dict[str, Any] = {"name": "null"}


def _routed(receivers: list[dict[str, Any]], receiver: str, *routes: str) -> dict[str, Any]:
    children = {"routes": [{"receiver": each} for each in routes]} if routes else {}
    return {"spec": {"route": {"receiver": receiver} | children, "receivers": receivers}}


@rule(
    "alert-route-tells-someone",
    on=ROUTES,
    severity=MEDIUM,
    advisory="164.308(a)(6)(ii) asks that incidents be answered; who is told of them may be by another way",
    proposed=PROPOSED_AUDIT,
    fix="Give a receiver that the route leads to an integration: a pager's, a mail's, a webhook's.",
    sound=[
        _routed([_PAGER], "on-call"),
        _routed([_NULL, _PAGER], "null", "on-call"),
        {"spec": {"inhibitRules": []}},
        Resource(ROUTES[1], _routed([_PAGER], "on-call")),
    ],
    unsound=[
        _routed([_NULL], "null"),
        _routed([_NULL, _PAGER], "null"),
        _routed([{"name": "on-call", "emailConfigs": []}], "on-call"),
    ],
)
def alert_route_tells_someone(config: Properties) -> Verdict:
    """A route of alerts leads to a receiver that tells someone: one without an integration takes them and is silent."""
    if "route" not in config.object("spec"):
        return not_applicable("it routes no alert")
    told = {str(name) for name in _receivers(config.object("spec.route"))}
    for each in config.objects("spec.receivers"):
        if str(each.at("name")) in told and any(name.endswith("Configs") and each.listed(name) for name in each):
            return Verdict()
    return violation("no receiver that `spec.route` leads to has an integration; one must")


def _receivers(route: Properties) -> Iterator[object]:
    """The receivers that a route and those below it lead to."""
    waiting = [route]
    while waiting:
        each = waiting.pop()
        yield each.at("receiver", "")
        waiting += each.objects("routes")
