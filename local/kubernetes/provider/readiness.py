"""When an object is ready: one function a kind, as the official provider and `kubectl rollout status` see it.

Each says what is still missing, nothing once the object is ready, and raises Failed for what no waiting mends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from local.kubernetes.provider.connection import Connection
from local.kubernetes.provider.objects import WAIT_FOR, Object, annotation, kind_of, part

Missing = Iterator[str]


class Failed(Exception):
    """An object that will not become ready by waiting."""


class Site(NamedTuple):
    """Where the object lives, for those whose readiness is another object's. `balances`: something gives
    Services a load balancer, as a cluster of the user's own may, and a stack with live controllers does."""

    connection: Connection
    balances: bool


def missing(live: Object, site: Site) -> list[str]:
    """What is still missing, as parts of a sentence."""
    wanted = annotation(live, WAIT_FOR)
    if wanted:
        return list(_waited_for(live, wanted))
    kind = kind_of(live)
    check = _CHECKS.get((kind.group, kind.kind))
    return list(check(live, site)) if check else []


def conditions(live: Object) -> list[str]:
    """The conditions in the status of an object, one line each."""
    return [
        f"{one.get('type')}={one.get('status')}"
        + (f" {one['reason']}" if one.get("reason") else "")
        + (f": {one['message']}" if one.get("message") else "")
        for one in _status(live).get("conditions") or []
    ]


def _status(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("status") or {}


def _spec(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("spec") or {}


def _condition(live: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = [one for one in _status(live).get("conditions") or [] if one.get("type") == name]
    return found[0] if found else {}


def _is(live: Mapping[str, Any], name: str) -> bool:
    return bool(_condition(live, name).get("status") == "True")


def _unseen(live: Mapping[str, Any]) -> Missing:
    if int(_status(live).get("observedGeneration") or 0) < int(part(live, "generation") or 0):
        yield "its controller has not seen the last change"


def _deployment(live: Object, site: Site) -> Missing:
    if _spec(live).get("paused"):
        return
    stuck = _condition(live, "Progressing")
    yield from (unseen := list(_unseen(live)))
    if not unseen and stuck.get("reason") == "ProgressDeadlineExceeded":
        raise Failed("its rollout makes no progress")
    wanted, status = int(_spec(live).get("replicas", 1)), _status(live)
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    if updated < wanted:
        yield f"{updated} of {wanted} replicas are updated"
    if int(status.get("replicas") or 0) > updated:
        yield f"{int(status.get('replicas') or 0) - updated} old replicas are still there"
    if available < wanted:
        yield f"{available} of {wanted} replicas are available"


def _stateful_set(live: Object, site: Site) -> Missing:
    yield from _unseen(live)
    spec, status = _spec(live), _status(live)
    wanted, ready = int(spec.get("replicas", 1)), int(status.get("readyReplicas") or 0)
    strategy = spec.get("updateStrategy") or {}
    if ready < wanted:
        yield f"{ready} of {wanted} replicas are ready"
    if strategy.get("type") == "RollingUpdate":
        updated = int(status.get("updatedReplicas") or 0)
        wanted_updated = wanted - int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
        if status.get("updateRevision") != status.get("currentRevision") and updated < wanted_updated:
            yield f"{updated} of {wanted_updated} replicas are updated"


def _daemon_set(live: Object, site: Site) -> Missing:
    yield from _unseen(live)
    status = _status(live)
    wanted, available = int(status.get("desiredNumberScheduled") or 0), int(status.get("numberAvailable") or 0)
    updated = int(status.get("updatedNumberScheduled") or 0)
    if (_spec(live).get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        yield f"{updated} of {wanted} pods are updated"
    if available < wanted:
        yield f"{available} of {wanted} pods are available"


def _job(live: Object, site: Site) -> Missing:
    if _is(live, "Failed"):
        raise Failed("it failed")
    if not (_is(live, "Complete") or _spec(live).get("suspend")):
        yield f"{int(_status(live).get('succeeded') or 0)} of {_spec(live).get('completions') or 1} pods have succeeded"


def _pod(live: Object, site: Site) -> Missing:
    phase = _status(live).get("phase")
    if phase == "Failed":
        raise Failed("it failed")
    if phase != "Succeeded" and not _is(live, "Ready"):
        yield f"it is {phase or 'not scheduled'} and not ready"


def _claim(live: Object, site: Site) -> Missing:
    phase = _status(live).get("phase")
    if phase == "Bound":
        return
    name = _spec(live).get("storageClassName")
    found = site.connection.find(f"/apis/storage.k8s.io/v1/storageclasses/{quote(name, safe='')}") if name else None
    # Such a claim is bound when a pod uses it, which may come after it.
    if not (found and found.get("volumeBindingMode") == "WaitForFirstConsumer"):
        yield f"it is {phase or 'Pending'}, not Bound"


def _volume(live: Object, site: Site) -> Missing:
    if _status(live).get("phase") not in ("Available", "Bound"):
        yield f"it is {_status(live).get('phase') or 'Pending'}"


def _service(live: Object, site: Site) -> Missing:
    spec = _spec(live)
    if spec.get("type") == "LoadBalancer":
        yield from _balanced(live, site)
    headless = spec.get("clusterIP") == "None"
    if spec.get("type") == "ExternalName" or headless or not spec.get("selector"):
        return
    path = f"/apis/discovery.k8s.io/v1/namespaces/{part(live, 'namespace')}/endpointslices"
    slices = site.connection.get(path, {"labelSelector": f"kubernetes.io/service-name={part(live, 'name')}"})
    endpoints = [point for one in slices.get("items", []) for point in one.get("endpoints") or []]
    if not any((point.get("conditions") or {}).get("ready", True) for point in endpoints):
        yield f"its selector finds {'no ready pod' if endpoints else 'no pod'}"


def _ingress(live: Object, site: Site) -> Missing:
    yield from _balanced(live, site)


def _balanced(live: Object, site: Site) -> Missing:
    if site.balances and not (_status(live).get("loadBalancer") or {}).get("ingress"):
        yield "it has no load balancer's address"


def _definition(live: Object, site: Site) -> Missing:
    names = _condition(live, "NamesAccepted")
    if names.get("status") == "False" and names.get("reason") != "NotAccepted":
        raise Failed(f"its names are not accepted: {names.get('message')}")
    if not _is(live, "Established"):
        yield "it is not established"


def _namespace(live: Object, site: Site) -> Missing:
    if _status(live).get("phase") != "Active":
        yield f"it is {_status(live).get('phase') or 'not active'}"


def _quota(live: Object, site: Site) -> Missing:
    if _status(live).get("hard") is None and _spec(live).get("hard"):
        yield "its use is not counted yet"


def _replication_controller(live: Object, site: Site) -> Missing:
    wanted, available = int(_spec(live).get("replicas", 1)), int(_status(live).get("availableReplicas") or 0)
    if available < wanted:
        yield f"{available} of {wanted} replicas are available"


def _secret(live: Object, site: Site) -> Missing:
    if live.get("type") == "kubernetes.io/service-account-token" and not (live.get("data") or {}).get("token"):
        yield "it has no token"


def _api_service(live: Object, site: Site) -> Missing:
    if not _is(live, "Available"):
        yield "it is not available"


_CHECKS: Mapping[tuple[str, str], Callable[[Object, Site], Missing]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "ReplicationController"): _replication_controller,
    ("", "ResourceQuota"): _quota,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("networking.k8s.io", "Ingress"): _ingress,
}


def _waited_for(live: Object, wanted: str) -> Missing:
    """`condition=NAME[=VALUE]` or `jsonpath={.a.b}[=VALUE]`, as `kubectl wait --for` takes them."""
    how, _, what = wanted.partition("=")
    name, _, value = what.partition("=")
    if how == "condition" and name:
        if str(_condition(live, name).get("status")).lower() != (value or "True").lower():
            yield f"its condition {name} is {_condition(live, name).get('status', 'not there')}"
    elif how == "jsonpath" and name.startswith("{.") and name.endswith("}") and "[" not in name:
        here: Any = live
        for key in re.split(r"(?<!\\)\.", name[2:-1]):
            here = here.get(key.replace("\\.", ".")) if isinstance(here, Mapping) else None
        if here is None or (value and str(here) != value):
            yield f"{name} is {here}"
    else:
        raise Failed(
            f"its annotation {WAIT_FOR} is {wanted!r}; the stand-in takes condition=NAME[=VALUE] and "
            "jsonpath={.path.of.members}[=VALUE]"
        )
