"""`helm.sh/v3:Release`: a chart's objects as one resource, applied, awaited, compared and taken away together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from local.kubernetes.provider import RELEASE, charts, manifests, naming, waiting
from local.kubernetes.provider import diff as differ
from local.kubernetes.provider.cluster import Cluster, NoSuchKind
from local.kubernetes.provider.connection import ApiError, Unreachable
from local.kubernetes.provider.objects import Identity, Kind, Object, annotation, identity_of, part
from local.kubernetes.provider.provider import Provider
from local.plugin import journal, recorded
from local.plugin.checks import Failure, NamingError, Proposal
from local.plugin.failures import Unfinished, UserError
from local.plugin.servicer import name_of
from local.plugin.values import has_unknown

DEADLINE = 300.0
"""Seconds that Helm waits for a release."""
_OBJECTS, _MANIFEST, _DRIFT, _MADE_UP = "__objects", "__manifest", "drifted", "__autonamed"
_OF_RELEASE, _OF_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_UNSUPPORTED = ("postrender", "verify", "reuseValues")


class Releases:
    """The releases of one configured provider; the methods are those of `Provider`."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def check(
        self, urn: str, news: Object, olds: Object, seed: bytes, proposal: Proposal | None
    ) -> tuple[Object, list[Failure]]:
        """The inputs with a name and a namespace."""
        inputs = dict(news)
        failures = [
            Failure(name, "is not supported by the stand-in for the kubernetes provider")
            for name in _UNSUPPORTED
            if inputs.get(name)
        ]
        if not inputs.get("chart"):
            failures.append(Failure("chart", "is required"))
        if not inputs.get("name"):
            kept = olds.get("name") if olds.get(_MADE_UP) else None
            left = self._provider.settings.left.get(urn, journal.Left())
            try:
                inputs["name"] = kept or left.name or naming.automatic_name(name_of(urn)[:44], seed, proposal)
            except NamingError as error:
                failures.append(Failure("name", str(error)))
            inputs[_MADE_UP] = True
        inputs.setdefault("namespace", self._provider.settings.namespace)
        return inputs, failures

    def diff(self, urn: str, state: Object, inputs: Object, old_inputs: Object, ignored: list[str]) -> differ.Diff:
        """What is asked for anew; a release that drifted is brought back."""
        found = [
            one
            for one in differ.changes(old_inputs, inputs, old_inputs)
            if not any(one.path == path or one.path.startswith((f"{path}.", f"{path}[")) for path in ignored)
        ]
        replaces = [one.path for one in found if one.path in ("name", "namespace")]
        same = all(inputs.get(name) == state.get(name) for name in ("name", "namespace"))
        return differ.Diff(found, replaces, bool(replaces) and same)

    def preview_create(self, urn: str, inputs: Object) -> Object:
        """The inputs, once the chart was rendered and the API server has had its say."""
        if self._provider.cluster is None or has_unknown(inputs):
            return inputs
        rendered = self._rendered(inputs)
        for one in rendered.objects if rendered else []:
            try:
                self._there().apply(_marked(one, inputs), naming.field_manager(urn), force=True, dry_run=True)
            except (NoSuchKind, Unreachable):
                continue
            except ApiError as error:
                if error.status not in (403, 404) and "immutable" not in str(error):
                    raise
        return inputs

    def preview_update(self, urn: str, state: Object, inputs: Object, ignored: list[str]) -> Object:
        """As for a create."""
        return self.preview_create(urn, inputs)

    def create(self, urn: str, inputs: Object, seconds: float) -> tuple[str, Object]:
        """Install the release; its id and outputs."""
        identifier = f"{inputs['namespace']}/{inputs['name']}"
        rendered = self._rendered(inputs)
        if rendered is None:
            recorded.note(RELEASE, urn)
            return identifier, {**inputs, "status": _status(inputs, None, 0)}
        journal.begun(urn, inputs["name"] if inputs.get(_MADE_UP) else "")
        journal.made(urn, identifier)
        return identifier, self._bring(urn, identifier, inputs, rendered, [], 1, seconds)

    def update(self, urn: str, state: Object, inputs: Object, ignored: list[str], seconds: float) -> Object:
        """Upgrade the release: apply what is in it now, take away what is not in it any more."""
        rendered = self._rendered(inputs)
        if rendered is None:
            recorded.note(RELEASE, urn)
            return {**inputs, "status": _status(inputs, None, 0)}
        revision = int((state.get("status") or {}).get("revision") or 0) + 1
        identifier = f"{inputs['namespace']}/{inputs['name']}"
        return self._bring(urn, identifier, inputs, rendered, _identities(state), revision, seconds)

    def _bring(
        self,
        urn: str,
        identifier: str,
        inputs: Object,
        rendered: charts.Rendered,
        old: list[Identity],
        revision: int,
        seconds: float,
    ) -> Object:
        cluster, manager = self._there(), naming.field_manager(urn)
        limit = time.monotonic() + (seconds or float(inputs.get("timeout") or 0) or DEADLINE)
        wanted = [_marked(one, inputs) for one in manifests.in_order(rendered.objects)]
        done: list[Object] = []
        try:
            self._make_namespace(inputs, manager)
            for one in [*rendered.definitions, *wanted]:
                self._claim(one, inputs)
                live = self._applied(one, manager, limit)
                done += [one] if one in wanted else []
                if one["kind"] == "CustomResourceDefinition":
                    waiting.until_ready(cluster, live, identity_of(one), self._provider.settings.balances, _left(limit))
                    cluster.discovery.forget()
            self._prune(old, {identity_of(one) for one in wanted}, limit)
            for one in wanted if not inputs.get("skipAwait") else []:
                self._wait(one, limit)
        except (waiting.NotReady, UserError, ApiError) as error:
            if not done and not old:
                raise
            gone_later = [one for one in old if one not in {identity_of(made) for made in done}]
            outputs = _outputs(inputs, rendered, done, gone_later, revision, "failed")
            raise Unfinished(identifier, outputs, f"release {identifier}: {error}") from error
        return _outputs(inputs, rendered, done, [], revision, "deployed")

    def _make_namespace(self, inputs: Object, manager: str) -> None:
        identity = Identity(Kind("v1", "Namespace"), "", str(inputs["namespace"]))
        if inputs.get("createNamespace") and self._there().find(identity) is None:
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": identity.name}}
            self._there().apply(made, manager)

    def _claim(self, one: Object, inputs: Object) -> None:
        """Refuses an object that is another's, as Helm does."""
        live = self._there().find(identity_of(one))
        if live is None or inputs.get("takeOwnership") or one["kind"] == "CustomResourceDefinition":
            return
        owner = (annotation(live, _OF_NAMESPACE), annotation(live, _OF_RELEASE))
        if owner != (inputs["namespace"], inputs["name"]):
            whose = "/".join(owner) if all(owner) else "no release"
            raise UserError(
                f"{identity_of(one)} exists already and belongs to {whose}. Remove it, or set takeOwnership"
            )

    def _applied(self, one: Object, manager: str, limit: float) -> Object:
        while True:
            try:
                return self._there().apply(one, manager, force=True)
            except (NoSuchKind, ApiError) as error:
                # A definition of the release may not be served yet, a webhook of it not be there.
                if isinstance(error, ApiError) and error.status != 404:
                    raise
                if _left(limit) <= 1 or self._there().connection.stopped.wait(0.5):
                    raise

    def _wait(self, one: Object, limit: float) -> None:
        identity = identity_of(one)
        live = self._there().find(identity)
        if live is None:
            raise UserError(f"{identity} was deleted while it was waited for")
        waiting.until_ready(self._there(), live, identity, self._provider.settings.balances, _left(limit))

    def _prune(self, old: Iterable[Identity], kept: set[Identity], limit: float) -> None:
        cluster = self._there()
        going = {}
        for identity in [one for one in old if one not in kept]:
            live = cluster.find(identity)
            if live and annotation(live, "helm.sh/resource-policy") != "keep":
                going[identity] = part(live, "uid")
                cluster.delete(identity, "Foreground")
        for identity, uid in going.items():
            waiting.until_gone(cluster, identity, uid, _left(limit))

    def read(self, urn: str, identifier: str, state: Object, inputs: Object) -> tuple[str, Object, Object]:
        """The release as it is: gone if nothing of it is left, with its drift among the inputs if it was changed."""
        if not state:
            raise UserError("a release made by Helm itself cannot be imported by the stand-in for the provider")
        objects: list[Object] = json.loads(str(state.get(_MANIFEST) or "[]"))
        clean = {key: value for key, value in inputs.items() if key != _DRIFT}
        if not objects:
            return identifier, state, clean
        found = {identity_of(one): self._drift(urn, one) for one in objects}
        if all(what == "gone" for what in found.values()):
            return "", {}, {}
        changed = [f"{identity} is {what}" for identity, what in found.items() if what]
        return identifier, state, {**clean, _DRIFT: changed} if changed else clean

    def _drift(self, urn: str, one: Object) -> str:
        """`gone`, `changed`, or nothing: whether an apply would change the object."""
        cluster = self._there()
        live = cluster.find(identity_of(one))
        if live is None:
            return "gone"
        try:
            wanted = cluster.apply(one, naming.field_manager(urn), force=True, dry_run=True)
        except ApiError:
            return "changed"
        return "" if _content(wanted) == _content(live) else "changed"

    def delete(self, urn: str, identifier: str, state: Object, inputs: Object, seconds: float) -> None:
        """Uninstall: all but what is to be kept, the last first, and the definitions that Helm never removes."""
        try:
            self._prune(reversed(_identities(state)), set(), time.monotonic() + (seconds or DEADLINE))
        except Unreachable:
            if not self._provider.settings.delete_unreachable:
                raise

    def _there(self) -> Cluster:
        return self._provider.there()

    def _rendered(self, inputs: Object) -> charts.Rendered | None:
        """The chart's objects in their namespaces; None where it is not at hand."""
        chart = charts.wanted(inputs)
        source = charts.at_hand(chart)
        if source is None:
            self._there().warn(f"the chart {chart} is not at hand: the release is recorded, and nothing is applied")
            return None
        found = charts.render(chart, source, self._provider.capabilities())
        every = self._provider.located([*found.definitions, *found.objects], chart.namespace)
        count = len(found.definitions)
        return charts.Rendered(every[:count], every[count:], found.name, found.version, found.app_version)


def _marked(one: Object, inputs: Mapping[str, Any]) -> Object:
    """The object with the marks by which Helm knows a release's own."""
    metadata = one.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    own = {_OF_RELEASE: str(inputs["name"]), _OF_NAMESPACE: str(inputs["namespace"])}
    return {
        **one,
        "metadata": {**metadata, "labels": labels, "annotations": {**(metadata.get("annotations") or {}), **own}},
    }


def _outputs(
    inputs: Object, rendered: charts.Rendered, done: list[Object], more: list[Identity], revision: int, word: str
) -> Object:
    names: dict[str, list[str]] = {}
    for one in done:
        identity = identity_of(one)
        names.setdefault(f"{identity.kind.kind}.{identity.kind.api_version}", []).append(identity.id)
    identities = [*more, *(identity_of(one) for one in done)]
    return {
        **inputs,
        "status": _status(inputs, rendered, revision, word),
        "resourceNames": names,
        _OBJECTS: [[*one.kind, one.namespace, one.name] for one in identities],
        _MANIFEST: json.dumps(done),
    }


def _status(inputs: Object, rendered: charts.Rendered | None, revision: int, word: str = "recorded") -> Object:
    return {
        "name": inputs.get("name"),
        "namespace": inputs.get("namespace"),
        "revision": revision,
        "status": word,
        "chart": rendered.name if rendered else inputs.get("chart"),
        "version": rendered.version if rendered else inputs.get("version"),
        "appVersion": rendered.app_version if rendered else None,
    }


def _identities(state: Object) -> list[Identity]:
    return [Identity(Kind(one[0], one[1]), one[2], one[3]) for one in state.get(_OBJECTS) or []]


def _content(live: Object) -> Object:
    metadata = {
        key: value
        for key, value in live.get("metadata", {}).items()
        if key not in ("managedFields", "resourceVersion", "generation")
    }
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def _left(limit: float) -> float:
    return max(limit - time.monotonic(), 0.1)
