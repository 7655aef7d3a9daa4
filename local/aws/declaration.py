"""The model of a type's declaration: `types/<service>.yaml`, documented in README.md."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from local.aws import cache

FOLDER = Path(__file__).with_name("types")

Expression = str | bool | int | float | list[Any] | None
"""A JMESPath expression over the context (see `expression.py`); anything but a text stands for itself."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Call(_Strict):
    """One API call. `arguments` (`with:`) maps a member of the request, dotted where nested, to an expression."""

    call: str
    service: str | None = None
    when: Expression = True
    arguments: dict[str, Expression] = Field(default_factory=dict, alias="with")
    ignore: list[str] = []
    paginate: bool = False
    retry: list[str] = []
    region: Expression = None
    """Where to call, if not where the resource lives."""


class Step(Call):
    """A call that changes something.

    `fill` adds the resource's own properties to the request where a member has their name (under `into:`, if
    given): true, false, or the properties to take. `send: changed` leaves out those that did not change.
    `each` repeats the call for every element of a list, known to its expressions as `item`.
    `save` (`as:`) keeps the response in the context under a name, for the steps after it.
    `properties` says which changes make an update step run, where the filled ones do not say it all.
    """

    each: Expression = None
    fill: bool | list[str] | None = None
    into: str = ""
    send: str | None = None
    properties: list[str] = []
    save: str | None = Field(None, alias="as")
    value: dict[str, Expression] = Field(default_factory=dict, alias="set")


class Read(Call):
    """A call that tells what there is.

    `answer` leads from the response to the object whose members are the properties; nothing there, `absent` being
    true of it, or an error in `gone`, mean that the thing does not exist. `value` (`set:`) gives properties by
    expression; `only` limits those that are taken by name.
    """

    answer: str = "@"
    gone: list[str] = []
    absent: Expression = None
    only: list[str] | None = None
    value: dict[str, Expression] = Field(default_factory=dict, alias="set")


class Part(_Strict):
    """Properties that have their own calls. `write` runs after the create, and on a change of one of them."""

    properties: list[str]
    read: list[Read] = []
    write: list[Step] = []
    always: bool = False

    @field_validator("read", "write", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


class Tags(_Strict):
    """How a service tags: members of the create request, and where there are none, or on a change, calls."""

    create: dict[str, Expression] = {}
    answer: Expression = None
    read: list[Read] = []
    write: list[Step] = []

    _lists = field_validator("read", "write", mode="before")(
        lambda value: [value] if isinstance(value, dict) else value  # type: ignore[arg-type]
    )


class Autoname(_Strict):
    """A name made up from the resource's own where the program gives none.

    `max` is the provider's own; what AWS takes is among the constraints, and here only where no schema tells of it.
    """

    property: str = "name"
    max: int = 255
    separator: str = "-"
    lower: bool = False
    start: str = ""
    end: Expression = None
    base: str = ""
    random: bool = True


class Rule(_Strict):
    """A requirement that no schema states: `unless` must hold, or `message` is reported at `property`."""

    property: str = ""
    when: Expression = True
    unless: Expression
    message: str


class ResourceType(_Strict):
    """One resource type; README.md describes every key."""

    like: str | None = None
    service: str = ""
    cfn: str | None = Field(None, alias="schema")
    vars: dict[str, Any] = {}
    id: Expression = None
    imports: str | None = Field(None, alias="import")
    import_set: dict[str, Expression] = {}
    taken: Read | None = None
    found: Read | None = None
    siblings: Read | None = None
    create: list[Step] = []
    read: list[Read] = []
    update: list[Step] = []
    delete: list[Step] = []
    parts: list[Part] = []
    tags: Tags | bool | None = None
    ready: Expression = None
    names: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    reset: dict[str, Any] = {}
    imported: dict[str, Any] = {}
    hashes: dict[str, str] = {}
    replaces: list[str] = []
    replaces_when: dict[str, str] = {}
    filled: list[str] = []
    alike: dict[str, str] = {}
    updates: list[str] = []
    local: list[str] = []
    computed: list[str] = []
    secret: list[str] = []
    ordered: list[str] = []
    autoname: Autoname | bool | None = None
    constraints: dict[str, dict[str, Any] | None] = {}
    conflicts: list[list[str]] = []
    one_of: list[list[str]] = []
    needs: dict[str, list[str]] = {}
    rules: list[Rule] = []
    delete_rules: list[Rule] = []
    explain: dict[str, str] = {}
    value: dict[str, Expression] = Field(default_factory=dict, alias="set")
    recorded: bool = False
    stays: bool = False
    """The local API has no call that removes it: it goes from the state alone."""
    alone: Expression = None
    delete_before_replace: bool = False

    _lists = field_validator("create", "read", "update", "delete", mode="before")(
        lambda value: [value] if isinstance(value, dict) else value  # type: ignore[arg-type]
    )


class Function(Read):
    """A data source: a read whose arguments come from `in`, with the id of its result."""

    call: str = ""
    id: Expression = None
    names: dict[str, str] = {}
    many: bool = False
    missing: str = "no match was found"
    secret: list[str] = []
    also: list[Step] = []
    """Further calls, each known to `set` under its `as`; what is not there is nothing."""


class ServiceFile(_Strict):
    """One file of `types/`: the declarations of an SDK module, and what its types share."""

    service: str
    tags: Tags | None = None
    shared: dict[str, Any] = {}
    """A place for YAML anchors."""
    types: dict[str, ResourceType] = {}
    functions: dict[str, Function] = {}


class DeclarationError(Exception):
    """A declaration that cannot be used: the file, the key and what is wrong with it."""


@functools.cache
def service_file(name: str) -> ServiceFile:
    """One file's declarations, by the file's name without its ending."""
    path = FOLDER / f"{name}.yaml"
    try:
        return ServiceFile.model_validate(_content(path))
    except (ValidationError, yaml.YAMLError) as error:
        raise DeclarationError(f"{path.name}: {error}") from error


def _content(path: Path) -> Any:
    # JSON is read twenty times as fast.
    kept = cache.folder() / "declarations" / f"{path.stem}.{cache.digest(path)}.json"
    try:
        return json.loads(kept.read_text())
    except (OSError, ValueError):
        content = yaml.load(path.read_text(), yaml.CSafeLoader)
        text = json.dumps(content, default=str)
        if json.loads(text) == content:
            cache.write(kept, text)
        return content


def files_of(module: str) -> list[Path]:
    """The files that declare one SDK module (`ec2`): `ec2.yaml`, and `ec2_*.yaml` where it is a large one."""
    return [path for path in [FOLDER / f"{module}.yaml", *sorted(FOLDER.glob(f"{module}_*.yaml"))] if path.exists()]


def module_of(token: str) -> str:
    """The SDK module of a token."""
    return token.split(":")[1].split("/")[0]


@functools.cache
def resource_type(token: str) -> ResourceType | None:
    """A type's declaration with the service's shared parts filled in, or None where it is not declared."""
    for file in map(service_file, [path.stem for path in files_of(module_of(token))]):
        declared = file.types.get(token)
        if declared is not None and declared.like:
            own = {name: getattr(declared, name) for name in declared.model_fields_set}
            model = resource_type(declared.like)
            if model is None:
                raise DeclarationError(f"{token} is like {declared.like}, which is not declared")
            return model.model_copy(update=own)
        if declared is not None:
            tags = file.tags if declared.tags in (None, True) else declared.tags
            return declared.model_copy(update={"service": declared.service or file.service, "tags": tags or None})
    return None


@functools.cache
def function(token: str) -> Function | None:
    """A data source's declaration, or None where it is not declared."""
    for file in map(service_file, [path.stem for path in files_of(module_of(token))]):
        declared = file.functions.get(token)
        if declared is not None:
            return declared.model_copy(update={"service": declared.service or file.service})
    return None


def declared_tokens() -> dict[str, ResourceType]:
    """Every declared resource type."""
    files = [service_file(path.stem) for path in sorted(FOLDER.glob("*.yaml"))]
    found = {token: resource_type(token) for file in files for token in file.types}
    return {token: one for token, one in found.items() if one is not None}
