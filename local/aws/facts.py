"""Everything known of a resource type before it is used, in one place and kept on disk between runs.

The sources (the SDK, AWS's schemas, botocore's models, the declaration) take a second to read for a large type and
never change between two runs, so what follows from them is written to a cache named by their versions.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from botocore.model import MapShape, StructureShape

from local.aws import cache, calls, constraints, sdk_types
from local.aws.convert import answer_shape, member_for
from local.aws.declaration import Read, ResourceType, Step, files_of, module_of, resource_type
from local.aws.sdk_types import Property, ResourceModel

_JSON = {
    "policy", "policyDocument", "assumeRolePolicy", "accessPolicy", "eventPattern", "redrivePolicy",
    "redriveAllowPolicy", "deliveryPolicy", "filterPolicy", "dashboardBody",
}  # fmt: skip
"""Texts that the provider checks to be JSON, by name: neither source says so of them."""


@dataclass
class Facts:
    """A resource type as the stand-in knows it.

    `fills` lists, for each create and update step (by position), the properties that it takes by name. `covered`
    are the properties that reading the resource tells; all others are kept as the program gave them.
    """

    model: ResourceModel
    constraints: dict[str, dict[str, Any]] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    covered: list[str] = field(default_factory=list)
    fills: dict[str, list[str]] = field(default_factory=dict)

    def is_computed(self, name: str) -> bool:
        """Whether the provider fills an input that the program leaves out (the SDK's output is never absent)."""
        output = self.model.outputs.get(name)
        return output is not None and output.required


@functools.cache
def facts(token: str) -> Facts | None:
    """What is known of a declared type; None for one that the SDK or the declarations lack."""
    declared = resource_type(token)
    if declared is None or token not in sdk_types.tokens():
        return None
    modules = tuple(sorted({module_of(token), module_of(declared.like or token)}))
    path = _cache_folder(modules) / f"{token.replace(':', '.').replace('/', '.')}.json"
    try:
        return _load(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = _derive(token, declared)
    cache.write(path, json.dumps(asdict(found)))
    return found


@functools.cache
def _cache_folder(modules: tuple[str, ...]) -> Path:
    files = [path for module in modules for path in files_of(module)]
    key = hashlib.sha256("".join([*_sources(), *map(cache.digest, files)]).encode())
    return cache.folder() / key.hexdigest()[:16]


@functools.cache
def _sources() -> list[str]:
    versions = [version(package) for package in ("pulumi_aws", "cfn-lint", "botocore")]
    return versions + [cache.digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))]


def _load(data: dict[str, Any]) -> Facts:
    model = data["model"]
    properties = {part: {name: Property(**one) for name, one in model[part].items()} for part in ("inputs", "outputs")}
    nested = {ref: {name: Property(**one) for name, one in members.items()} for ref, members in model["nested"].items()}
    return Facts(
        ResourceModel(model["token"], properties["inputs"], properties["outputs"], nested, model["secret_outputs"]),
        data["constraints"],
        data["replaces"],
        data["covered"],
        data["fills"],
    )


def _derive(token: str, declared: ResourceType) -> Facts:
    model = sdk_types.resource_model(token)
    assert model is not None
    for name in declared.filled:
        if "." not in name:
            model.outputs[name].required = True
    result = Facts(model)
    if declared.recorded and not declared.create:
        result.covered = []
    replaces = {name for name, one in model.inputs.items() if one.replaces} | {"region"} & model.inputs.keys()
    if declared.cfn:
        result.constraints, fixed = constraints.from_cloudformation(
            declared.cfn, model.inputs, model.nested, declared.names
        )
        replaces |= fixed
    for kind, steps in _steps(declared).items():
        for position, step in enumerate(steps):
            taken = _fills(declared, model, step, kind)
            result.fills[f"{kind}.{position}"] = taken
            if kind in {"create", "update"} or kind.startswith("part"):
                _constrain(result, declared, model, step, taken)
    changeable = _changeable(declared, result.fills)
    if not declared.recorded:
        replaces |= {name for name in model.inputs if name not in changeable}
    # What the id is made of cannot change under it.
    identity = re.findall(r"\bin\.(\w+)", declared.id) if isinstance(declared.id, str) else []
    replaces |= {*declared.replaces, *identity}
    replaces -= {*declared.updates, *declared.local, "tags", "tagsAll", "timeouts"} - set(declared.replaces)
    result.replaces = sorted(replaces)
    for name in _JSON & model.inputs.keys():
        if model.inputs[name].type == "str":
            result.constraints[name] = {"json": True, **result.constraints.get(name, {})}
    for name, one in model.inputs.items():
        known = result.constraints.get(name, {})
        # The provider checks that an ARN is one, where AWS's own schema may say no more than that it is a text.
        if name.endswith("Arn") and one.type == "str" and not {"patterns", "enum"} & known.keys():
            result.constraints[name] = {**known, "patterns": ["^arn:"]}
    for path, own in declared.constraints.items():
        if own is None:
            result.constraints.pop(path, None)
        else:
            result.constraints[path] = own
    result.covered = _covered(declared, model)
    return result


def _steps(declared: ResourceType) -> dict[str, list[Step]]:
    parts = {f"part{number}": part.write for number, part in enumerate(declared.parts)}
    return {"create": declared.create, "update": declared.update, **parts}


def _fills(declared: ResourceType, model: ResourceModel, step: Step, kind: str) -> list[str]:
    """The properties that a step takes by name."""
    fill = step.fill if step.fill is not None else kind in {"create", "update"}
    if fill is False:
        return []
    shape = request_shape(step.service or declared.service, step)
    members = shape.members if isinstance(shape, StructureShape) else {}
    apart = {name for part in declared.parts if part.write for name in part.properties}
    taken_apart = apart if kind == "create" else set()
    wanted = fill if isinstance(fill, list) else [n for n in model.inputs if n not in taken_apart]
    explicit = {name.split(".")[0] for name in step.arguments} if not step.into else set()
    found = []
    for name in wanted:
        if name in {"tags", "region", "timeouts", *declared.local}:
            continue
        member = member_for(name, declared.names, members)
        if member is not None and (member not in explicit or "." in member):
            found.append(name)
        elif isinstance(fill, list):
            raise LookupError(f"{model.token}: {step.call} has no member for {name}: it has {', '.join(members)}")
    return found


def request_shape(service: str, step: Step) -> Any:
    """The shape that a step fills: the request, or what lies at `into` in it."""
    shape: Any = calls.operation_model(service, step.call).input_shape
    for name in filter(None, step.into.split(".")):
        shape = shape.members[name]
    return shape


def _constrain(result: Facts, declared: ResourceType, model: ResourceModel, step: Step, taken: list[str]) -> None:
    service = step.service or declared.service
    properties = {name: model.inputs[name] for name in taken}
    own = constraints.from_shape(request_shape(service, step), properties, model.nested, declared.names)
    root = calls.operation_model(service, step.call).input_shape
    # `with: {Status: in.status}` says as much as a name does.
    for member, expression in step.arguments.items():
        if isinstance(expression, str) and expression.startswith("in.") and expression[3:] in model.inputs:
            name, shape = expression[3:], root
            for part in member.split("."):
                shape = shape.members.get(part) if isinstance(shape, StructureShape) else None
            if shape is not None:
                wrapper = StructureShapeView({name: shape})
                own |= constraints.from_shape(wrapper, {name: model.inputs[name]}, model.nested, declared.names)
    for path, constraint in own.items():
        known = result.constraints.get(path)
        result.constraints[path] = constraints.merge(known, constraint) if known else constraint


class StructureShapeView(StructureShape):  # type: ignore[misc]
    """A structure made of given members."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._own = members

    @property
    def members(self) -> dict[str, Any]:
        """The given members."""
        return self._own


def _changeable(declared: ResourceType, fills: dict[str, list[str]]) -> set[str]:
    """The inputs that some step after the create takes."""
    found = {name for kind, names in fills.items() if kind.startswith("update") for name in names}
    for step in declared.update:
        found |= {*step.properties, *_mentioned(step)}
    for part in declared.parts:
        found |= set(part.properties)
    return found


def _mentioned(step: Step) -> set[str]:
    texts = [text for text in [*step.arguments.values(), step.each, step.when] if isinstance(text, str)]
    return {name for text in texts for name in re.findall(r"\b(?:in|added|removed|changed)\.(\w+)", text)}


def _covered(declared: ResourceType, model: ResourceModel) -> list[str]:
    """The properties that the declared reads tell, as far as the shapes of their answers say."""
    found = set(declared.value)
    reads: list[tuple[Read, list[str] | None]] = [(read, read.only) for read in declared.read]
    for part in declared.parts:
        reads += [(read, read.only if read.only is not None else part.properties) for read in part.read]
    taken_apart = {name for part in declared.parts if part.read for name in part.properties}
    for read, only in reads:
        found |= set(read.value)
        shape: Any = calls.operation_model(read.service or declared.service, read.call).output_shape
        shape = answer_shape(shape, read.answer)
        if isinstance(shape, StructureShape):
            for name in model.outputs if only is None else only:
                if only is None and name in taken_apart:
                    continue
                if member_for(name, declared.names, shape.members):
                    found.add(name)
        elif isinstance(shape, MapShape):
            # A map of attributes does not say which there are.
            found |= set(only or [])
    return sorted((found & model.outputs.keys()) - set(declared.local) | (found & set(declared.value)))
