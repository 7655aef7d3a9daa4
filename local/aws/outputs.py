"""A resource's outputs: what the API tells, in the program's own words where it says the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.aws.calls import CallError
from local.aws.diff import is_zero
from local.aws.expression import evaluate
from local.aws.facts import Facts
from local.aws.lifecycle import EMPTY, Resource
from local.aws.nested import left_out
from local.aws.sdk_types import Type


def remembered(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a state has in `__meta`, beside the outputs that a program sees."""
    found: dict[str, Any] = json.loads(state.get("__meta") or "{}")
    return found


def recorded(resource: Resource) -> dict[str, Any]:
    """The outputs of a resource that is kept in the state alone."""
    outputs = {name: value for name, value in resource.state.items() if name in resource.facts.model.outputs}
    outputs = {
        name: value
        for name, value in outputs.items()
        if name not in resource.facts.model.inputs or resource.facts.is_computed(name)
    }
    outputs |= {k: v for k, v in resource.inputs.items() if k in resource.facts.model.outputs or k == "tagsAll"}
    context = resource.context(out=outputs)
    for name, expression in resource.declared.value.items():
        outputs.setdefault(name, evaluate(expression, context))
    return complete(resource, outputs)


def complete(resource: Resource, outputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs with id and Region, and an empty list or map, or a flag that is off, where the SDK promises one."""
    model = resource.facts.model
    outputs["id"] = resource.identifier
    if "region" in model.outputs:
        outputs["region"] = resource.region
    for name, prop in model.outputs.items():
        kind = prop.type[0] if isinstance(prop.type, list) else prop.type
        if outputs.get(name) is None and prop.required and kind in {"list", "map", "bool"}:
            outputs[name] = EMPTY[kind]
    return {key: value for key, value in outputs.items() if value is not None}


def after_write(resource: Resource) -> dict[str, Any]:
    """The outputs after a write: what the API tells, in the program's own words where it says the same.

    What the API answers for an input in another form, or not at all, is remembered by its fingerprint
    (`__meta.echo`), so that a later read can tell a form from a change. What it adds inside of objects, where the
    program left it out, is remembered by its path (`__meta.filled`), and no change later.
    """
    live = resource.read()
    if live is None:
        raise CallError(f"{resource.identifier} is not there right after it was written")
    model, known = resource.facts.model, resource.facts
    outputs = {name: value for name, value in live.items() if name in model.outputs}
    for name, value in resource.state.items():
        if name in model.outputs and name not in outputs and name not in model.inputs:
            outputs[name] = value
    echo: dict[str, str] = {}
    filled: set[str] = set()
    for name in {*model.inputs, "tagsAll"} & {*model.outputs}:
        if name in {"region", "timeouts"}:
            continue
        desired = resource.inputs.get(name)
        if name not in known.covered and name not in {"tags", "tagsAll"}:
            if desired is None and known.is_computed(name):
                desired = resource.state.get(name)
            outputs[name] = desired
        elif desired is not None:
            more = left_out(desired, live.get(name), model.outputs[name].type, model.nested, name)
            filled |= more
            if not resource.comparer.with_filled(more).same(name, desired, live.get(name)):
                echo[name] = _fingerprint(live.get(name))
                _trace(resource, name)
            fuller = name not in echo and _is_fuller(desired, live.get(name))
            told = fuller or (name in resource.declared.alike and name in live and name not in echo)
            outputs[name] = live[name] if told else desired
        elif not known.is_computed(name) and not is_zero(live.get(name)):
            echo[name] = _fingerprint(live.get(name))
            outputs.pop(name, None)
    outputs = complete(resource, outputs)
    meta = {key: value for key, value in {"echo": echo, "filled": sorted(filled)}.items() if value}
    if meta:
        outputs["__meta"] = json.dumps(meta, sort_keys=True)
    return outputs


def after_read(resource: Resource, live: dict[str, Any], state: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """The outputs after a read: forms that were seen before stay as the program wrote them, changes show."""
    known = resource.facts
    echo: dict[str, str] = dict(meta.get("echo", {}))
    outputs = {name: value for name, value in state.items() if name in known.model.outputs}
    for name in {*known.covered, "tags", "tagsAll"} & known.model.outputs.keys():
        value = live.get(name)
        if name in echo and echo[name] == _fingerprint(value):
            continue
        echo.pop(name, None)
        old = state.get(name)
        told_the_same = name in known.model.inputs and old is not None and resource.comparer.same(name, old, value)
        if told_the_same and not _is_fuller(old, value):
            continue
        if value is None:
            outputs.pop(name, None)
        else:
            outputs[name] = value
    for name, value in live.items():
        if name in known.model.outputs and name not in known.model.inputs and name not in echo:
            outputs[name] = value
    outputs = complete(resource, outputs)
    meta = {key: value for key, value in meta.items() if key not in {"echo", "unread"}}
    if echo:
        meta["echo"] = echo
    if meta:
        outputs["__meta"] = json.dumps(meta, sort_keys=True)
    return outputs


def refreshed_inputs(inputs: dict[str, Any], outputs: dict[str, Any], resource: Resource) -> dict[str, Any]:
    """The old inputs with what became of them; nothing that the program did not give is added."""
    result: dict[str, Any] = {}
    comparer = resource.comparer.with_filled(remembered(outputs).get("filled", []))
    for name, value in inputs.items():
        if name.startswith("__") or name == "region" or name not in resource.facts.model.outputs:
            result[name] = value
        elif name in outputs:
            same = comparer.same(name, value, outputs[name])
            result[name] = value if same else _narrowed(value, outputs[name])
    return result


def imported_inputs(resource: Resource, outputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a program that would have made this resource: no defaults, nothing that is not set."""
    declared, known = resource.declared, resource.facts
    inputs: dict[str, Any] = {}
    for name in known.model.inputs:
        value = outputs.get(name)
        default = declared.defaults.get(name)
        chosen = name in declared.defaults and default != value and value is not None
        # A required input that is empty is told all the same.
        told = value is not None and known.model.inputs[name].required
        if is_zero(value) and not chosen and not told:
            continue
        if name in declared.defaults and value == default:
            continue
        if name == "region" and value == resource.site.region:
            continue
        groups = [group for group in [*declared.conflicts, *declared.one_of] if name in group]
        if any(not is_zero(outputs.get(one)) for group in groups for one in group[: group.index(name)]):
            # Of what conflicts the first is what a program should give.
            continue
        inputs[name] = _strip(value, known.model.inputs[name].type, name, known, declared.defaults)
    for name, value in {**declared.defaults, **declared.imported}.items():
        own = name in declared.imported or (not isinstance(value, str) and name in declared.local)
        if name not in inputs and (own or (name in known.model.outputs and name not in known.covered)):
            inputs[name] = outputs[name] = value
    inputs["__defaults"] = list[str]()
    return inputs


def _is_fuller(desired: Any, live: Any) -> bool:
    """Whether the live value holds members that the provider computes and the program left out."""
    if isinstance(desired, dict) and isinstance(live, dict):
        return bool(live.keys() - desired.keys()) or any(_is_fuller(desired[k], live.get(k)) for k in desired)
    if isinstance(desired, list) and isinstance(live, list):
        return len(desired) == len(live) and any(_is_fuller(a, b) for a, b in zip(desired, live, strict=True))
    return False


def _narrowed(old: Any, live: Any) -> Any:
    """The live value, without the members that the old input did not give."""
    if isinstance(old, dict) and isinstance(live, dict):
        return {key: _narrowed(old[key], live[key]) for key in old if key in live}
    return live


def _strip(value: Any, kind: Type, path: str, known: Facts, defaults: Mapping[str, Any]) -> Any:
    """A live value as a program would write it: without members that are not set, unless they are required.

    A member that is off where its default is on was set.
    """
    if isinstance(value, list):
        inner = kind[1] if isinstance(kind, list) else "any"
        return [_strip(item, inner, path, known, defaults) for item in value]
    members = known.model.nested.get(kind[1]) if isinstance(kind, list) and kind[0] == "ref" else None
    if not isinstance(value, dict) or members is None:
        return value
    result: dict[str, Any] = {}
    for key, item in value.items():
        here = f"{path}.{key}"
        if key in members and (members[key].required or not is_zero(item) or defaults.get(here, item) != item):
            result[key] = _strip(item, members[key].type, here, known, defaults)
    return result


def _fingerprint(value: Any) -> str:
    # Nothing said and an empty list are one; a flag that is off was said.
    text = json.dumps(value, sort_keys=True, default=str) if value not in (None, "", [], {}) else ""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _trace(resource: Resource, name: str) -> None:
    """For who writes declarations: which inputs the API gives back in another form, or loses."""
    target = os.environ.get("PARAPET_AWS_TRACE")
    if target:
        with Path(target).open("a") as lines:
            lines.write(f"{resource.token} {name} is not told as it was given\n")
