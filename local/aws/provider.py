"""What the engine asks of a provider, over plain values: check, diff, create, read, update, delete, invoke."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from local.aws import VERSION, archive, functions, names
from local.aws import outputs as outputs_of
from local.aws.check import Checker
from local.aws.configuration import Site
from local.aws.declaration import ResourceType, resource_type
from local.aws.diff import Change, Comparer, replaced_by
from local.aws.expression import evaluate, holds
from local.aws.facts import Facts, facts
from local.aws.lifecycle import FAILURES, HalfMade, Resource
from local.aws.nested import fill_in, filled_up, keep, segments
from local.aws.sdk_types import tokens
from local.plugin import journal, recorded
from local.plugin.checks import Failure, NamingError, Proposal
from local.plugin.failures import Unfinished, UserError
from local.plugin.servicer import name_of
from local.plugin.values import UNKNOWN, has_unknown
from local.plugin.values import Path as SecretPath


@dataclass(frozen=True)
class DiffResult:
    """The changes, which properties make a replacement necessary, and its order."""

    changes: list[Change]
    replaces: list[str]
    delete_first: bool


def _known(token: str) -> tuple[ResourceType, Facts]:
    declared, known = resource_type(token), facts(token)
    if declared is None or known is None:
        if token not in tokens():
            raise UserError(f"pulumi_aws {VERSION} has no resource type {token}")
        raise UserError(
            f"{token} is not declared in the stand-in for the aws provider, so it cannot be provisioned here. "
            "Declare it (local/aws/README.md says how) or use the official plugin"
        )
    return declared, known


def _read_what_was_not(resource: Resource) -> None:
    """Steps name what the API tells of a resource: a state that was written without asking is completed first."""
    if outputs_of.remembered(resource.state).get("unread"):
        resource.state = {**(resource.read() or {}), **resource.state}


def _made_up(resource: Resource) -> str:
    """The name that the program did not give, if it has one."""
    rule = names.rule_for(resource.declared, resource.facts)
    return (
        str(resource.inputs[rule.property]) if rule and rule.property in resource.inputs.get("__defaults", ()) else ""
    )


def _with_all_tags(ignored: list[str]) -> list[str]:
    """Who ignores a tag ignores it wherever the tags are."""
    return ignored + [f"tagsAll{one[len('tags') :]}" for one in ignored if re.match(r"tags(?!\w)", one)]


class Provider:
    """The stand-in for one configured `aws` provider."""

    def __init__(self, site: Site) -> None:
        self.site = site

    # Check and diff

    def check(
        self,
        token: str,
        urn: str,
        news: dict[str, Any],
        olds: Mapping[str, Any],
        secrets: set[SecretPath],
        seed: bytes,
        proposal: Proposal | None,
    ) -> tuple[dict[str, Any], list[Failure]]:
        """The inputs with defaults, automatic names and merged tags; and all that is wrong with them."""
        try:
            declared, known = _known(token)
        except UserError as error:
            return news, [Failure("", str(error))]
        checker = Checker(declared, known, secrets)
        given = {key: value for key, value in news.items() if key != "__defaults"}
        self._defaults(declared, known, urn, given, olds, seed, proposal, checker)
        inputs = checker.check(given)
        checker.requirements(inputs)
        if "tagsAll" in known.model.outputs:
            inputs["tagsAll"] = self.site.tags.all_tags(inputs.get("tags"))
        return inputs, checker.failures

    def _defaults(
        self,
        declared: ResourceType,
        known: Facts,
        urn: str,
        inputs: dict[str, Any],
        olds: Mapping[str, Any],
        seed: bytes,
        proposal: Proposal | None,
        checker: Checker,
    ) -> None:
        defaulted = []
        for name, value in declared.defaults.items():
            if "." in name:
                fill_in(inputs, name.split("."), value)
                continue
            rivals = [one for group in declared.conflicts if name in group for one in group if one != name]
            if name not in inputs and value is not None and not any(one in inputs for one in rivals):
                inputs[name] = value
                defaulted.append(name)
        for name, asset in declared.hashes.items():
            if name not in inputs and isinstance(inputs.get(asset), pulumi.Asset | pulumi.Archive):
                inputs[name] = archive.digest(inputs[asset])
                defaulted.append(name)
        rule = names.rule_for(declared, known)
        if rule and inputs.get(rule.property) in (None, "") and not inputs.get(f"{rule.property}Prefix"):
            left = self.site.left.get(urn)
            if rule.property in olds.get("__defaults", []) and olds.get(rule.property):
                inputs[rule.property] = olds[rule.property]
            elif left and left.name:
                inputs[rule.property] = left.name
            else:
                try:
                    inputs[rule.property] = names.automatic_name(rule, name_of(urn), seed, inputs, proposal)
                except NamingError as error:
                    checker.failures.append(Failure(rule.property, str(error)))
            defaulted.append(rule.property)
        if rule and isinstance(prefix := inputs.get(f"{rule.property}Prefix"), str):
            most = names.longest_prefix(rule, known, inputs)
            if len(prefix) > most:
                reason = f"is {prefix!r}, but must be {most} characters at most: the provider adds {names.UNIQUE}"
                checker.failures.append(Failure(f"{rule.property}Prefix", reason))
        inputs["__defaults"] = sorted(defaulted)

    def diff(
        self,
        token: str,
        state: Mapping[str, Any],
        inputs: Mapping[str, Any],
        old_inputs: Mapping[str, Any],
        ignored: list[str],
    ) -> DiffResult:
        """What an update would change, by the live state that the last read left."""
        declared, known = _known(token)
        ignored = _with_all_tags(ignored)
        changes = self._comparer(declared, known).changes(state, inputs, old_inputs, ignored)
        follows = "region" in known.model.inputs and "region" not in {*inputs, *ignored}
        if follows and state.get("region") not in (None, self.site.region):
            changes.append(Change("region", "update"))
        replaces = sorted(
            {
                one.property
                for one in changes
                if replaced_by(one, known.replaces, inputs.get(one.property), state.get(one.property))
                or holds(declared.replaces_when.get(one.property), {"in": inputs, "state": state})
            }
        )
        rule = names.rule_for(declared, known)
        delete_first = declared.delete_before_replace or (bool(replaces) and self._keeps_id(declared, inputs, state))
        if rule and replaces and rule.property in inputs:
            # Two things cannot have one name; one that was made up differs.
            fixed = rule.property not in inputs.get("__defaults", [])
            delete_first |= fixed and inputs[rule.property] == state.get(rule.property)
        return DiffResult(changes, replaces, delete_first)

    def _keeps_id(self, declared: ResourceType, inputs: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
        """Whether what replaces a resource would have its id, so that removing the old one removes the new."""
        here, there = (one.get("region") or self.site.region for one in (inputs, state))
        if not isinstance(declared.id, str) or "answer" in declared.id or here != there:
            return False
        parts = {name: inputs.get(name) for name in re.findall(r"\bin\.(\w+)", declared.id)}
        if not parts or has_unknown(parts):
            return False
        context = {"in": parts, "region": self.site.region, "account": self.site.account}
        return bool(evaluate(declared.id, {**context, **declared.vars}) == state.get("id"))

    def _comparer(self, declared: ResourceType, known: Facts) -> Comparer:
        hashed = frozenset(declared.hashes.values())
        return Comparer(known, frozenset(declared.ordered), frozenset(declared.filled), declared.alike, hashed)

    # Create, read, update, delete

    def _resource(self, token: str, inputs: dict[str, Any], state: dict[str, Any]) -> Resource:
        declared, known = _known(token)
        region = inputs.get("region") or state.get("region") or self.site.region
        return Resource(
            token, declared, known, self.site, region, self._comparer(declared, known), dict(inputs), dict(state)
        )

    def preview_create(self, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The outputs of a create that was not made: inputs echoed, what is computed unknown."""
        declared, known = _known(token)
        outputs: dict[str, Any] = {}
        for name, prop in known.model.outputs.items():
            if name in inputs:
                outputs[name] = copy.deepcopy(inputs[name])
            elif prop.required:
                outputs[name] = UNKNOWN
        for path in declared.filled:
            if "." in path:
                fill_in(outputs, path.split("."), UNKNOWN)
        if "region" in known.model.outputs:
            outputs["region"] = inputs.get("region") or self.site.region
        if "tagsAll" in inputs:
            outputs["tagsAll"] = inputs["tagsAll"]
        return outputs

    def create(self, token: str, urn: str, inputs: dict[str, Any], patience: float = 0) -> tuple[str, dict[str, Any]]:
        """Make the resource; its id and outputs. Unfinished once it exists but is not whole.

        `patience` is how many seconds it may take to get ready; 0 leaves that to the provider.
        """
        resource = self._resource(token, inputs, {})
        if resource.declared.recorded:
            return self._record(resource, urn)
        left = self.site.left.get(urn)
        if left and left.id and (kept := self._taken_over(token, urn, left.id, inputs, patience)):
            return kept
        resource.patience = patience or resource.patience
        resource.urn = urn
        resource.begun_before = left is not None
        self._prefix_name(resource, urn)
        journal.begun(urn, _made_up(resource))
        try:
            with resource.alone():
                resource.create()
        except HalfMade as error:
            raise self._unfinished(resource, error) from error
        except Exception:
            if not left:
                journal.refused(urn)
            raise
        assert resource.identifier is not None
        return resource.identifier, self._written(resource)

    def _taken_over(
        self, token: str, urn: str, identifier: str, inputs: dict[str, Any], patience: float
    ) -> tuple[str, dict[str, Any]] | None:
        """What a killed run made, brought to what is wanted now; None where it is gone or must be another."""
        identifier, state, found = self.read(token, identifier, {}, inputs)
        if not identifier:
            return None
        if self.diff(token, state, inputs, found, []).replaces:
            self.delete(token, identifier, state, found)
            return None
        journal.made(urn, identifier)
        return identifier, self.update(token, urn, identifier, state, inputs, found, [], patience)

    def _written(self, resource: Resource) -> dict[str, Any]:
        try:
            return outputs_of.after_write(resource)
        except FAILURES as error:
            assert resource.identifier is not None
            raise self._unfinished(resource, HalfMade(resource.identifier, error, set(), None)) from error

    def _prefix_name(self, resource: Resource, urn: str) -> None:
        """The provider turns `namePrefix` into a name of its own making."""
        rule = names.rule_for(resource.declared, resource.facts)
        prefix = resource.inputs.get(f"{rule.property}Prefix") if rule else None
        if rule and prefix and rule.property not in resource.inputs:
            unique = hashlib.sha256(urn.encode() + os.urandom(8)).hexdigest()
            resource.inputs[rule.property] = names.prefixed_name(rule, prefix, resource.inputs, unique)

    def _record(self, resource: Resource, urn: str) -> tuple[str, dict[str, Any]]:
        """Keep in the state alone what the local API cannot hold, under an id that follows from the URN."""
        made_up = hashlib.sha256(urn.encode()).hexdigest()
        resource.saved = {"digest": made_up[:17], "name": name_of(urn)}
        identifier = str(evaluate(resource.declared.id, resource.context()) or made_up[:17])
        resource.identifier = identifier
        recorded.note(resource.token, urn)
        return identifier, outputs_of.recorded(resource)

    def _unfinished(self, resource: Resource, error: HalfMade) -> Unfinished:
        """What to keep of a resource that was not finished, so that the next update goes on with it."""
        done = {name: value for name, value in resource.inputs.items() if name not in error.missing}
        meta: dict[str, Any] = {"next": error.next_step} if error.next_step is not None else {}
        try:
            live = resource.read() or {}
        except Exception:
            # A run that was stopped can ask nothing more. What is computed, such as an ARN, is not known then.
            meta["unread"] = True
            live = {name: value for name, value in done.items() if name in resource.facts.covered}
        kept = {
            name: value
            for name, value in done.items()
            if name in resource.facts.model.outputs and name not in resource.facts.covered
        }
        known = {name: value for name, value in resource.state.items() if name in resource.facts.model.outputs}
        outputs = outputs_of.complete(resource, {**known, **kept, **live})
        if meta:
            outputs["__meta"] = json.dumps(meta)
        return Unfinished(error.identifier, outputs, str(error.reason))

    def read(
        self, token: str, identifier: str, state: dict[str, Any], inputs: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Id, outputs and inputs of a live resource; an empty id where it is gone.

        Without a state (import, `get`) the id says which resource it is, in the form that the provider imports.
        """
        declared, known = _known(token)
        # `get` is given the program's own arguments both as inputs and as state.
        importing = not inputs or state == inputs
        if importing and declared.imports:
            found = re.fullmatch(declared.imports, identifier)
            if found is None and not state:
                raise UserError(f"{identifier!r} is not an id of {token}: it has the form {declared.imports}")
            parts: dict[str, Any] = dict(found.groupdict()) if found else {}
            parts |= {name: evaluate(form, parts) for name, form in declared.import_set.items() if found}
            parts = {k: v for k, v in parts.items() if k in {*known.model.inputs, *known.model.outputs}}
            state = {**{key: value for key, value in parts.items() if value is not None}, **state}
        resource = self._resource(token, inputs, state)
        resource.inputs = {**{k: v for k, v in state.items() if k in known.model.inputs}, **inputs}
        resource.identifier = identifier
        if declared.recorded:
            outputs = {**state, "id": identifier} if state else {}
            return (identifier if state else ""), outputs, inputs
        live = resource.read()
        if live is None:
            return "", {}, {}
        meta = outputs_of.remembered(state)
        outputs = outputs_of.after_read(resource, live, state, meta)
        if importing and declared.imports and declared.id is not None:
            canonical = evaluate(declared.id, resource.context(answer={}, **{"in": {**outputs}}))
            identifier = resource.identifier = str(canonical) if canonical else identifier
            outputs["id"] = identifier
        new_inputs = (
            outputs_of.imported_inputs(resource, outputs)
            if importing
            else outputs_of.refreshed_inputs(inputs, outputs, resource)
        )
        return identifier, outputs, new_inputs

    def preview_update(self, token: str, state: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        """The outputs of an update that was not made: what is computed stays as it is."""
        declared, known = _known(token)
        outputs = dict(state)
        filled = {*declared.filled, *outputs_of.remembered(state).get("filled", [])}
        for name, value in inputs.items():
            if name in known.model.outputs or name == "tagsAll":
                outputs[name] = filled_up(value, state.get(name), filled, name)
        for name in declared.computed:
            if name not in inputs and name in known.model.outputs:
                outputs[name] = UNKNOWN
        for name in known.model.inputs:
            if name in outputs and name not in inputs and not known.is_computed(name):
                del outputs[name]
        outputs.pop("__meta", None)
        return outputs

    def update(
        self,
        token: str,
        urn: str,
        identifier: str,
        state: dict[str, Any],
        inputs: dict[str, Any],
        old_inputs: dict[str, Any],
        ignored: list[str],
        patience: float = 0,
    ) -> dict[str, Any]:
        """Bring the live resource to its inputs; Unfinished where that stopped half-way. `patience`: as in `create`."""
        resource = self._resource(token, inputs, state)
        resource.patience = patience or resource.patience
        resource.identifier = identifier
        ignored = _with_all_tags(ignored)
        # The engine gives the old input for an ignored property; the live value is what must stay.
        resource.inputs = copy.deepcopy(resource.inputs)
        for path in map(segments, ignored):
            if path[0] in resource.inputs or len(path) > 1:
                keep(resource.inputs, state, path)
        if resource.declared.recorded:
            return outputs_of.recorded(resource)
        changes = resource.comparer.changes(state, resource.inputs, old_inputs, ignored)
        resource.changed = {one.property for one in changes}
        if "tags" in resource.changed:
            resource.changed.add("tagsAll")
        first = outputs_of.remembered(state).get("next")
        try:
            with resource.alone():
                _read_what_was_not(resource)
                if first is not None:
                    resource.create(first)
                else:
                    resource.update()
        except HalfMade as error:
            raise self._unfinished(resource, error) from error
        return self._written(resource)

    def delete(self, token: str, identifier: str, state: dict[str, Any], inputs: dict[str, Any]) -> None:
        """Remove the live resource; nothing to do where it is gone."""
        resource = self._resource(token, {**state, **inputs}, state)
        resource.identifier = identifier
        if not resource.declared.recorded:
            with resource.alone():
                _read_what_was_not(resource)
                resource.delete()

    def invoke(self, token: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
        """The result of a data source, or what is wrong with its arguments."""
        return functions.invoke(token, arguments, self.site)
