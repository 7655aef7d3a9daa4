"""What the engine asks of a provider, over plain values: check, diff, create, read, update, delete."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.kubernetes.provider import diff as differ
from local.kubernetes.provider import manifests, naming, waiting
from local.kubernetes.provider.charts import Capabilities
from local.kubernetes.provider.cluster import Cluster, NoSuchKind
from local.kubernetes.provider.configuration import Settings
from local.kubernetes.provider.connection import ApiError, Unreachable
from local.kubernetes.provider.normal import DEFINITION, normal
from local.kubernetes.provider.objects import (
    AUTONAMED,
    FIELD_MANAGER,
    FORCE,
    PROPAGATION,
    Identity,
    Kind,
    Object,
    annotation,
    holds,
    identity_of,
    is_patch,
    kind_of,
    kind_of_token,
    owners,
    part,
    split_id,
    switched_on,
)
from local.kubernetes.provider.schema import NOTHING
from local.plugin import journal
from local.plugin.checks import Failure, NamingError, Proposal
from local.plugin.failures import Unfinished, UserError
from local.plugin.servicer import name_of, token_of
from local.plugin.values import UNKNOWN, has_unknown

MANAGER = "__fieldManager"
INITIAL = "__initialApiVersion"
_ORDER_PATIENCE = 30.0  # seconds for what another resource of the program makes meanwhile: a namespace, a kind
_SERVERS_OWN = ("creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "uid")


class Provider:
    """The stand-in for one configured `kubernetes` provider. Without a cluster, nothing is known yet."""

    def __init__(self, settings: Settings, cluster: Cluster | None, warn: Callable[[str], None]) -> None:
        self.settings = settings
        self.cluster = cluster
        self.warn = warn
        self._scopes: dict[tuple[str, str], bool] = {}

    def require_cluster(self) -> None:
        """Raises UserError where the cluster is known and does not answer."""
        try:
            if self.cluster is not None:
                self.cluster.version()
        except Unreachable as error:
            raise UserError(f"configured Kubernetes cluster is unreachable: {error}") from None

    def capabilities(self) -> Capabilities:
        """What charts may ask of the cluster."""
        if self.cluster is None:
            return Capabilities()
        try:
            return Capabilities(self.cluster.version(), self.cluster.discovery.every())
        except Unreachable:
            return Capabilities()

    def located(self, objects: list[Object], namespace: str) -> list[Object]:
        """Objects of one manifest, in the namespace where they name none and their kind has one."""
        for one in objects:
            if kind_of(one) == DEFINITION:
                self._learn(one)
        scopes = {identity_of(one): self.namespaced(kind_of(one)) for one in objects}
        return manifests.located(objects, namespace, scopes)

    # Check and diff

    def check(
        self, urn: str, news: Object, olds: Object, seed: bytes, proposal: Proposal | None
    ) -> tuple[Object, list[Failure]]:
        """The inputs with their kind, name and namespace; and what is wrong with them."""
        token = token_of(urn)
        stated = kind_of_token(token)
        inputs = {"apiVersion": stated.api_version, "kind": stated.kind, **news}
        patch = is_patch(token, inputs)
        kind = kind_of(inputs) if UNKNOWN not in (inputs["apiVersion"], inputs["kind"]) else stated
        inputs = normal(inputs, kind)
        failures = _unusable(inputs, kind)
        metadata = inputs.get("metadata", {})
        if failures or not isinstance(metadata, dict):
            return inputs, failures
        inputs["metadata"] = dict(metadata)
        if "name" not in metadata:
            if patch:
                return inputs, [Failure("metadata.name", "is required: a patch is of an object that has a name")]
            try:
                self._name(inputs, olds, urn, seed, proposal)
            except NamingError as error:
                failures.append(Failure("metadata.name", str(error)))
        if kind == DEFINITION:
            self._learn(inputs)
        self._place(inputs, kind)
        return inputs, failures

    def _name(self, inputs: Object, olds: Object, urn: str, seed: bytes, proposal: Proposal | None) -> None:
        metadata = inputs["metadata"]
        if annotation(olds, AUTONAMED) and part(olds, "name"):
            metadata["name"] = part(olds, "name")
        elif (left := self.settings.left.get(urn)) and left.name:
            metadata["name"] = left.name
        else:
            metadata["name"] = naming.automatic_name(name_of(urn), seed, proposal)
        given = metadata.get("annotations") or {}
        if isinstance(given, dict):
            metadata["annotations"] = {**given, AUTONAMED: "true"}

    def _learn(self, definition: Object) -> None:
        """A kind that this program defines: whether it has namespaces is known before the server knows it."""
        spec = definition.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("names"), dict):
            name = (str(spec.get("group")), str(spec["names"].get("kind")))
            self._scopes[name] = spec.get("scope") == "Namespaced"

    def _place(self, inputs: Object, kind: Kind) -> None:
        namespaced = self.namespaced(kind)
        metadata = inputs["metadata"]
        if namespaced is False:
            metadata.pop("namespace", None)
        elif namespaced and not metadata.get("namespace"):
            metadata["namespace"] = self.settings.namespace

    def namespaced(self, kind: Kind) -> bool | None:
        """Whether a kind lives in namespaces, None where nobody knows yet."""
        known = self._scopes.get((kind.group, kind.kind))
        if known is not None or self.cluster is None:
            return known
        try:
            served = self.cluster.discovery.served(kind)
        except (Unreachable, ApiError):
            return None
        return served.namespaced if served else None

    def diff(self, urn: str, state: Object, inputs: Object, old_inputs: Object, ignored: list[str]) -> differ.Diff:
        """What an update would change."""
        kind = kind_of(inputs)
        schema = NOTHING
        if self.cluster and _lists_differ(old_inputs, inputs):
            schema = self.cluster.schemas.of(kind)
        found = [
            one
            for one in differ.changes(old_inputs, inputs, state, schema)
            if not any(_covers(path, one.path) for path in ignored)
        ]
        fixed = not (self.settings.mutable_secrets if kind.kind == "Secret" else self.settings.mutable_config_maps)
        replaces = differ.replaced(found, kind, old_inputs, fixed, is_patch(token_of(urn), inputs))
        return differ.Diff(found, replaces, bool(replaces) and differ.deletes_first(inputs, state))

    # Create, read, update, delete

    def _manager(self, urn: str, inputs: Mapping[str, Any], state: Mapping[str, Any]) -> str:
        return annotation(inputs, FIELD_MANAGER) or str(state.get(MANAGER) or naming.field_manager(urn))

    def _forced(self, inputs: Mapping[str, Any]) -> bool:
        return self.settings.patch_force or switched_on(inputs, FORCE)

    def there(self) -> Cluster:
        """The cluster, or an error while it is not known."""
        if self.cluster is None:
            raise UserError("the provider's kubeconfig is not known yet")
        return self.cluster

    def preview_create(self, urn: str, inputs: Object) -> Object:
        """The outputs of a create that is not made; the API server's validation and admission have their say."""
        if self.cluster is None or has_unknown(inputs) or is_patch(token_of(urn), inputs):
            return inputs
        manager = self._manager(urn, inputs, {})
        try:
            live = self.cluster.find(identity_of(inputs))
            if live and not self._ours(live, manager):
                raise UserError(_taken(identity_of(inputs)))
            made = self.cluster.apply(inputs, manager, force=bool(live) or self._forced(inputs), dry_run=True)
        except (NoSuchKind, Unreachable, ApiError) as error:
            if _tolerable(error, replacing=True):
                return inputs
            raise
        return _previewed(made)

    def create(self, urn: str, inputs: Object, seconds: float) -> tuple[str, Object]:
        """Make the object; its id and outputs. Unfinished once it is there but not ready in time."""
        cluster = self.there()
        inputs = self._placed_late(inputs)
        identity, manager = identity_of(inputs), self._manager(urn, inputs, {})
        patience = waiting.deadline(inputs, seconds)
        left = self.settings.left.get(urn)
        if left and left.id:
            self._clear(urn, left.id, inputs, seconds)
        live = self._found_for_create(identity, patience)
        if live and not left and not is_patch(token_of(urn), inputs) and not self._ours(live, manager):
            raise UserError(_taken(identity))
        journal.begun(urn, part(inputs, "name") if annotation(inputs, AUTONAMED) else "")
        try:
            made = self._applied_in_order(inputs, manager, min(patience, _ORDER_PATIENCE))
        except Exception:
            if not left:
                journal.refused(urn)
            raise
        journal.made(urn, identity.id)
        return identity.id, self._ready(cluster, identity, made, manager, patience, inputs)

    def _clear(self, urn: str, identifier: str, inputs: Object, seconds: float) -> None:
        """What a killed run made goes, where it has another name now or cannot become what is wanted."""
        namespace, name = split_id(identifier)
        identity, manager = Identity(kind_of(inputs), namespace, name), self._manager(urn, inputs, {})
        live = self.there().find(identity)
        stays = identity == identity_of(inputs) and self._can_become(inputs, manager)
        if live and not stays:
            self.delete(urn, identifier, _outputs(live, manager, inputs), {}, seconds)

    def _can_become(self, inputs: Object, manager: str) -> bool:
        try:
            self.there().apply(inputs, manager, force=True, dry_run=True)
        except ApiError as error:
            return not (error.status == 422 and "immutable" in str(error))
        return True

    def _found_for_create(self, identity: Identity, patience: float) -> Object | None:
        cluster = self.there()
        live = cluster.find(identity)
        if live and part(live, "deletionTimestamp"):
            waiting.until_gone(cluster, identity, part(live, "uid"), patience)
            return None
        return live

    def _ours(self, live: Object, manager: str) -> bool:
        """Whether it is to be taken for this resource's own: a run made it, or the settings say so."""
        return self.settings.upsert or manager in owners(live)

    def _placed_late(self, inputs: Object) -> Object:
        """Inputs with the namespace that `check` could not know to be needed."""
        inputs = copy.deepcopy(inputs)
        if not part(inputs, "namespace") and self.namespaced(kind_of(inputs)):
            inputs.setdefault("metadata", {})["namespace"] = self.settings.namespace
        return inputs

    def _applied_in_order(self, inputs: Object, manager: str, patience: float) -> Object:
        """Applied, given time for the namespace or the kind that the program makes at the same time."""
        cluster = self.there()
        limit, pause = time.monotonic() + patience, 0.1
        while True:
            try:
                return cluster.apply(self._placed_late(inputs), manager, force=self._forced(inputs))
            except (NoSuchKind, ApiError) as error:
                waited_for = isinstance(error, NoSuchKind) or error.status == 404
                if not waited_for or time.monotonic() + pause > limit or cluster.connection.stopped.wait(pause):
                    raise
                pause = min(pause * 2, 3)

    def _ready(
        self, cluster: Cluster, identity: Identity, made: Object, manager: str, patience: float, inputs: Object
    ) -> Object:
        try:
            live = waiting.until_ready(cluster, made, identity, self.settings.balances, patience)
        except waiting.NotReady as error:
            raise Unfinished(identity.id, _outputs(error.live or made, manager, inputs), str(error)) from error
        if identity.kind == DEFINITION:
            cluster.discovery.forget()
            cluster.schemas.forget()
        return _outputs(live, manager, inputs)

    def read(self, urn: str, identifier: str, state: Object, inputs: Object) -> tuple[str, Object, Object]:
        """Id, outputs and inputs of a live object; an empty id where it is gone."""
        token = token_of(urn)
        known = inputs or state
        kind = kind_of(known) if known.get("kind") else self._kind_to_read(token)
        namespace, name = split_id(identifier)
        if not namespace and self.namespaced(kind):
            namespace = part(known, "namespace") or self.settings.namespace
        identity = Identity(kind, namespace, name)
        try:
            live = self.there().find(identity)
        except Unreachable:
            if self.settings.delete_unreachable:
                return "", {}, {}
            if self.settings.skip_update_unreachable:
                return identifier, state, inputs
            raise
        if live is None:
            return "", {}, {}
        manager = self._manager(urn, known, state)
        outputs = _outputs(live, manager, inputs)
        if not inputs:
            return identity.id, outputs, _as_inputs(live)
        schema = self.there().schemas.of(kind)
        return identifier, outputs, differ.drift(inputs, state, outputs, schema)

    def _kind_to_read(self, token: str) -> Kind:
        kind = kind_of_token(token)
        patched = Kind(kind.api_version, kind.kind.removesuffix("Patch"))
        if patched == kind or self.there().discovery.served(kind):
            return kind
        return patched

    def preview_update(self, urn: str, state: Object, inputs: Object, ignored: list[str]) -> Object:
        """The outputs of an update that is not made, as the API server would have them."""
        if self.cluster is None or has_unknown(inputs):
            return inputs
        manager = self._manager(urn, inputs, state)
        try:
            wanted = self._without_ignored(inputs, manager, ignored)
            made = self.cluster.apply(wanted, manager, force=self._forced(inputs), dry_run=True)
        except (NoSuchKind, Unreachable, ApiError) as error:
            if _tolerable(error, replacing=False):
                return inputs
            raise
        return _previewed(made)

    def update(self, urn: str, state: Object, inputs: Object, ignored: list[str], seconds: float) -> Object:
        """Bring the live object to its inputs; Unfinished where it is not ready in time."""
        cluster = self.there()
        inputs = self._placed_late(inputs)
        manager = self._manager(urn, inputs, state)
        wanted = self._without_ignored(inputs, manager, ignored)
        made = cluster.apply(wanted, manager, force=self._forced(inputs))
        patience = waiting.deadline(inputs, seconds)
        return self._ready(cluster, identity_of(inputs), made, manager, patience, inputs)

    def _without_ignored(self, inputs: Object, manager: str, ignored: list[str]) -> Object:
        """Inputs in which what is ignored is left to whoever holds it, or stays as it is."""
        paths = [path.split(".") for path in ignored if re.fullmatch(r"[\w$-]+(\.[\w$-]+)*", path)]
        if not paths:
            return inputs
        live = self.there().find(identity_of(inputs))
        wanted = copy.deepcopy(inputs)
        for path in paths if live else []:
            assert live is not None
            held = owners(live)
            mine = any(holds(fields, path) for fields in held.pop(manager, []))
            others = any(holds(fields, path) for sets in held.values() for fields in sets)
            _set(wanted, path, None if others and not mine else _get(live, path))
        return wanted

    def delete(self, urn: str, identifier: str, state: Object, inputs: Object, seconds: float) -> None:
        """Remove the live object and wait until it is gone; a patch only lets go of its fields."""
        known = {**inputs, **state}
        kind = kind_of(known)
        namespace, name = split_id(identifier)
        identity = Identity(kind, namespace or part(state, "namespace") or "", name)
        try:
            if is_patch(token_of(urn), known):
                self._let_go(identity, self._manager(urn, inputs, state))
                return
            propagation = annotation(inputs, PROPAGATION).capitalize() or "Foreground"
            cluster = self.there()
            if cluster.delete(identity, propagation):
                uid = part(state, "uid")
                waiting.until_gone(cluster, identity, uid, waiting.deadline(inputs, seconds))
        except Unreachable:
            if not self.settings.delete_unreachable:
                raise

    def _let_go(self, identity: Identity, manager: str) -> None:
        if self.there().find(identity) is None:
            return
        metadata = {"name": identity.name} | ({"namespace": identity.namespace} if identity.namespace else {})
        empty = {"apiVersion": identity.kind.api_version, "kind": identity.kind.kind, "metadata": metadata}
        try:
            self.there().apply(empty, manager)
        except ApiError as error:
            if error.status != 422:
                raise
            raise UserError(
                f"{identity}: the patch holds a field that the object needs, so it cannot be taken away: {error}. "
                "Let another manager take the field over first, or keep it with retain_on_delete"
            ) from error


def _unusable(inputs: Object, kind: Kind) -> list[Failure]:
    if kind.kind.endswith("List") and "items" in inputs:
        return [Failure("", f"{kind} is a list, which is not created itself: name what is in it, each by its kind")]
    if part(inputs, "generateName"):
        return [Failure("metadata.generateName", "is not for server-side apply: leave the name away for a made up one")]
    return []


def _taken(identity: Identity) -> str:
    return (
        f"{identity} already exists, and this resource did not make it. If it was renamed in the program, give it an "
        "alias of its old name; to manage it from now on, use `pulumi import`; to hold only some of its fields, use a "
        "Patch resource; to take over whatever exists, set upsertExistingObjects on the provider"
    )


def _tolerable(error: Exception, replacing: bool) -> bool:
    """Whether a dry run failed for a reason that may be gone when the time comes."""
    if isinstance(error, NoSuchKind | Unreachable):
        return True
    assert isinstance(error, ApiError)
    if error.status == 404:
        return True  # its namespace is yet to come
    if error.status == 403:
        return "cannot patch resource" in str(error) or "cannot get resource" in str(error)
    if error.status == 422 and replacing:
        return "immutable" in str(error)  # it takes the place of what is deleted before
    return error.status == 400 and "dry run" in str(error)


def _outputs(live: Object, manager: str, inputs: Mapping[str, Any]) -> Object:
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key != "managedFields"}
    initial = inputs.get("apiVersion") or live.get("apiVersion")
    return {**live, "metadata": metadata, MANAGER: manager, INITIAL: initial}


def _previewed(made: Object) -> Object:
    metadata = {
        key: value
        for key, value in made.get("metadata", {}).items()
        if key not in ("managedFields", "uid", "resourceVersion", "creationTimestamp")
    }
    return {**{key: value for key, value in made.items() if key != "status"}, "metadata": metadata}


def _as_inputs(live: Object) -> Object:
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key not in _SERVERS_OWN}
    notes = {
        key: value
        for key, value in (metadata.pop("annotations", None) or {}).items()
        if key not in ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")
    }
    metadata |= {"annotations": notes} if notes else {}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def _lists_differ(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return any(_lists_differ(old[key], new[key]) for key in old if key in new)
    return isinstance(old, list) and isinstance(new, list) and old != new


def _covers(ignored: str, path: str) -> bool:
    pattern = re.escape(ignored).replace(r"\[\*\]", r"\[\d+\]").replace(r"\*", r"[^.\[]+")
    return re.match(rf"{pattern}($|[.\[])", path) is not None


def _get(value: Any, path: list[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _set(value: Any, path: list[str], new: Any) -> None:
    for key in path[:-1]:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        if new is None:
            value.pop(path[-1], None)
        else:
            value[path[-1]] = new
