"""Components whose children are objects: `yaml/v2:ConfigGroup`, `yaml/v2:ConfigFile` and `helm.sh/v4:Chart`."""

from __future__ import annotations

import asyncio
import copy
import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pulumi
from pulumi.provider.experimental import provider as framework
from pulumi.provider.experimental.property_value import PropertyValue, ResourceReference

from local.kubernetes.provider import charts, manifests, secrecy
from local.kubernetes.provider.normal import SECRET
from local.kubernetes.provider.objects import SKIP_AWAIT, Object, annotation, identity_of, kind_of, part
from local.plugin import recorded
from local.plugin.failures import UserError
from local.plugin.values import has_unknown, secret_texts, unmarshal

if TYPE_CHECKING:
    from local.kubernetes.provider.provider import Provider

CHART = "kubernetes:helm.sh/v4:Chart"
KEEP = "helm.sh/resource-policy"
_UNSUPPORTED = {"postRenderer": "rendering through another program", "verify": "verifying a signature"}


class Components(framework.Provider):
    """Makes components for one engine; `provider` is there once it is configured."""

    def __init__(self, provider: Callable[[], Provider]) -> None:
        self._provider = provider

    async def construct(self, request: framework.ConstructRequest) -> framework.ConstructResponse:
        """Register the component and its children; each is a resource of its own."""
        contents = _CONTENTS.get(request.resource_type)
        if contents is None:
            raise UserError(f"the stand-in for the kubernetes provider has no component {request.resource_type}")
        provider = self._provider()
        # A preview of single objects goes on without the cluster, one of these does not: so it is with the official
        # plugin (provider/pkg/provider/provider_construct.go).
        await asyncio.to_thread(provider.require_cluster)
        inputs, secrets = unmarshal(PropertyValue.marshal_map(request.inputs), nulls=True)
        component = pulumi.ComponentResource(request.resource_type, request.name, {}, request.options)
        urn = await component.urn.future() or ""
        children: list[pulumi.CustomResource] = []
        # A preview may not know yet what opens a registry; the one on this machine is open.
        if has_unknown({name: value for name, value in inputs.items() if name != "repositoryOpts"}):
            pulumi.warn("an input is not known yet, so that nothing of it is shown", component)
        else:
            objects = await asyncio.to_thread(contents, provider, request.name, urn, inputs)
            if objects is None:
                pulumi.warn(
                    f"the chart {charts.wanted(inputs)} is not at hand: it is recorded, and nothing of it is applied",
                    component,
                )
            prefix = str(inputs.get("resourcePrefix") or request.name)
            children = _register(
                objects or [], prefix, component, bool(inputs.get("skipAwait")), secret_texts(inputs, secrets)
            )
        references = [PropertyValue(await _reference(child)) for child in children]
        component.register_outputs({})
        return framework.ConstructResponse(urn, {"resources": PropertyValue(references)}, {})


async def _reference(child: pulumi.CustomResource) -> ResourceReference:
    return ResourceReference(await child.urn.future() or "", PropertyValue(await child.id.future() or ""), None)


def _register(
    objects: list[Object], prefix: str, parent: pulumi.Resource, skip_await: bool, texts: set[str]
) -> list[pulumi.CustomResource]:
    made: dict[int, pulumi.CustomResource] = {}
    for one in manifests.in_order(objects):
        identity = identity_of(one)
        name = f"{prefix}:{identity.id}"
        options = pulumi.ResourceOptions(
            parent=parent,
            depends_on=[made[id(other)] for other in manifests.before(one, objects) if id(other) in made],
            retain_on_delete=annotation(one, KEEP) == "keep" or None,
        )
        made[id(one)] = pulumi.CustomResource(_token(one), name, _properties(one, skip_await, texts), options)
    return list(made.values())


def _token(one: Object) -> str:
    kind = kind_of(one)
    version = kind.api_version if kind.group else f"core/{kind.api_version}"
    return f"kubernetes:{version}:{kind.kind}"


def _properties(one: Object, skip_await: bool, texts: set[str]) -> Mapping[str, Any]:
    found = copy.deepcopy(one)
    if skip_await:
        found["metadata"]["annotations"] = {**(part(one, "annotations") or {}), SKIP_AWAIT: "true"}
    is_secret = kind_of(one) == SECRET
    # What a secret value was written into is secret too.
    hidden = {form for text in texts for form in (text, *secrecy.recoded(text)) if len(form) > 2}
    return {
        key: pulumi.Output.secret(value) if is_secret and key in ("data", "stringData") else _covered(value, hidden)
        for key, value in found.items()
    }


def _covered(value: Any, hidden: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _covered(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [_covered(item, hidden) for item in value]
    shown = isinstance(value, str) and any(text in value for text in hidden)
    return pulumi.Output.secret(value) if shown else value


# What is in them


def _chart(provider: Provider, name: str, urn: str, inputs: Mapping[str, Any]) -> list[Object] | None:
    for setting, what in _UNSUPPORTED.items():
        if inputs.get(setting):
            raise UserError(f"{setting} is not supported by the stand-in for the kubernetes provider: {what}")
    given = {"name": name, "namespace": provider.settings.namespace, **{k: v for k, v in inputs.items() if v}}
    chart = charts.wanted(given)
    source = charts.at_hand(chart)
    if source is None:
        if not pulumi.runtime.is_dry_run():
            recorded.note(CHART, urn)
        return None
    rendered = charts.render(chart, source, provider.capabilities())
    return provider.located([*rendered.definitions, *rendered.objects], chart.namespace)


def _group(provider: Provider, name: str, urn: str, inputs: Mapping[str, Any]) -> list[Object]:
    files = inputs.get("files") or []
    found = [one for file in ([files] if isinstance(files, str) else files) for one in _files(str(file))]
    found += manifests.decode(str(inputs.get("yaml") or ""), f"yaml of {name}")
    found += manifests.expanded(inputs.get("objs") or [], f"objs of {name}")
    return provider.located(found, provider.settings.namespace)


def _file(provider: Provider, name: str, urn: str, inputs: Mapping[str, Any]) -> list[Object]:
    return provider.located(list(_files(str(inputs.get("file") or ""))), provider.settings.namespace)


def _files(pattern: str) -> list[Object]:
    if urlsplit(pattern).scheme in ("http", "https"):
        raise UserError(
            f"{pattern}: the stand-in reads no manifest over the network, which may change under the same address. "
            "Keep it beside the program"
        )
    # As the program wrote it: relative or absolute.
    names = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
    found: list[Object] = []
    for name in names:
        try:
            found += manifests.decode(Path(name).read_text(), name)
        except OSError as error:
            raise UserError(f"{name} cannot be read: {error.strerror}") from error
    return found


_CONTENTS: Mapping[str, Callable[[Any, str, str, Mapping[str, Any]], list[Object] | None]] = {
    CHART: _chart,
    "kubernetes:yaml/v2:ConfigGroup": _group,
    "kubernetes:yaml/v2:ConfigFile": _file,
}
