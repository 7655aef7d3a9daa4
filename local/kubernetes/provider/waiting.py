"""Waiting until an object is ready or gone, and what to tell when the time is over."""

from __future__ import annotations

import time
from typing import Any

from local.kubernetes.provider.cluster import Cluster
from local.kubernetes.provider.connection import ApiError, Cancelled
from local.kubernetes.provider.objects import SKIP_AWAIT, TIMEOUT, Identity, Object, annotation, part, switched_on
from local.kubernetes.provider.readiness import Failed, Site, conditions, missing

DEADLINE = 600.0
"""Seconds, where neither `customTimeouts` nor the annotation says otherwise (the official provider's)."""
_EVENTS = 5


class NotReady(Exception):
    """The time is over, or waiting is no use. `live` is the object as it was last seen, None where it is gone."""

    def __init__(self, reason: str, live: Object | None) -> None:
        super().__init__(reason)
        self.live = live


def deadline(manifest: Object, custom: float) -> float:
    """How many seconds to wait: `customTimeouts` first, then the annotation."""
    given = annotation(manifest, TIMEOUT)
    return custom or (float(given) if given.isdigit() else 0) or DEADLINE


def until_ready(cluster: Cluster, live: Object, identity: Identity, balances: bool, seconds: float) -> Object:
    """The object once it is ready. NotReady says what it lacks, with its conditions and the latest events."""
    if switched_on(live, SKIP_AWAIT):
        return live
    site = Site(cluster.connection, balances)
    start, pause = time.monotonic(), 0.05
    while True:
        try:
            lacks = missing(live, site)
        except Failed as error:
            raise NotReady(_told(cluster, identity, live, str(error)), live) from error
        if not lacks:
            return live
        waited = time.monotonic() - start
        if waited + pause > seconds:
            reason = f"after {seconds:g} s {', '.join(lacks)}"
            raise NotReady(_told(cluster, identity, live, reason), live)
        _sleep(cluster, pause)
        pause = min(pause * 1.3, 1.0)
        found = cluster.find(identity)
        if found is None:
            raise NotReady(f"{identity} was deleted while it was waited for", None)
        live = found


def until_gone(cluster: Cluster, identity: Identity, uid: Any, seconds: float) -> None:
    """Returns when the object is not there any more, or another of its name is."""
    start, pause = time.monotonic(), 0.02
    while True:
        live = cluster.find(identity)
        if live is None or (uid and part(live, "uid") != uid):
            return
        if time.monotonic() - start + pause > seconds:
            holders = part(live, "finalizers") or []
            held = f" Its finalizers are {', '.join(holders)}: who set them has not finished." if holders else ""
            reason = f"is still there {seconds:g} s after its deletion.{held}"
            raise NotReady(_told(cluster, identity, live, reason), live)
        _sleep(cluster, pause)
        pause = min(pause * 1.3, 1.0)


def _sleep(cluster: Cluster, seconds: float) -> None:
    if cluster.connection.stopped.wait(seconds):
        raise Cancelled


def _told(cluster: Cluster, identity: Identity, live: Object, reason: str) -> str:
    lines = [f"{identity}: {reason}"]
    lines += [f"condition {line}" for line in conditions(live)]
    lines += [f"event {line}" for line in _events(cluster, identity, live)]
    return "\n  ".join(lines)


def _events(cluster: Cluster, identity: Identity, live: Object) -> list[str]:
    """The latest warnings about the object and what is named after it, as its pods are; or any events of theirs."""
    try:
        found = cluster.connection.get(f"/api/v1/namespaces/{identity.namespace or 'default'}/events")["items"]
    except (ApiError, KeyError):
        return []
    about = [one for one in found if _concerns(one.get("involvedObject") or {}, identity, live)]
    chosen = [one for one in about if one.get("type") == "Warning"] or about
    chosen.sort(key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    return [
        f"{(one.get('involvedObject') or {}).get('kind')} {(one.get('involvedObject') or {}).get('name')}: "
        f"{one.get('reason')}: {one.get('message')}"
        for one in chosen[-_EVENTS:]
    ]


def _concerns(about: dict[str, Any], identity: Identity, live: Object) -> bool:
    return about.get("uid") == part(live, "uid") or str(about.get("name", "")).startswith(f"{identity.name}-")
