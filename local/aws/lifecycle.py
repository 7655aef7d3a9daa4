"""Carries out a declaration: the calls that make, read, change and remove one resource."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from local.aws import calls
from local.aws.calls import ApiError, CallError, Cancelled, Recovered, wait_until
from local.aws.configuration import Site
from local.aws.convert import ConversionError, from_api, member_for, place, take
from local.aws.declaration import Call, Part, Read, ResourceType, Step, Tags
from local.aws.diff import Comparer
from local.aws.expression import ExpressionError, evaluate, holds
from local.aws.facts import Facts, request_shape
from local.plugin import journal

READY_SECONDS = 600
RETRY_SECONDS = 60
EMPTY: dict[str, Any] = {"list": [], "map": {}, "str": "", "bool": False}
"""What stands for nothing, by kind of type."""

FAILURES = (ApiError, CallError, Cancelled, ConversionError, ExpressionError, LookupError)
"""What can stop a resource half-way; whatever it was, what exists by then must not be lost."""

_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_EXISTS = re.compile(r"Exist|Duplicate|Already|Conflict|InUse", re.IGNORECASE)
_DONE = re.compile(r"AlreadyExist|Duplicate|AlreadyAssociated", re.IGNORECASE)
_GONE = re.compile(r"NotFound|NoSuch|NotAttached|DoesNotExist", re.IGNORECASE)


class HalfMade(Exception):
    """A create or update that failed once the thing existed: its id, and what of it was not carried out."""

    def __init__(self, identifier: str, reason: Exception, missing: set[str], next_step: int | None) -> None:
        super().__init__(str(reason))
        self.identifier = identifier
        self.reason = reason
        self.missing = missing
        self.next_step = next_step


@dataclass
class Resource:
    """One resource at work: its declaration, where it lives, and the values that its expressions see."""

    token: str
    declared: ResourceType
    facts: Facts
    site: Site
    region: str
    comparer: Comparer
    inputs: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    urn: str = ""
    identifier: str | None = None
    begun_before: bool = False
    """Whether a run that was killed may have made it already."""
    patience: float = READY_SECONDS
    """How many seconds it may take to get ready."""
    lost: Callable[[], str | None] | None = None
    """Tells, while a create is under way, what a try that was answered with an error has made."""
    changed: set[str] = field(default_factory=set)
    saved: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    """What a read has found so far: an import has no inputs that could say it."""

    def context(self, **more: Any) -> dict[str, Any]:
        """What an expression can name."""
        added, removed = self._elements()
        return {
            "id": self.identifier,
            "in": {**self.told, **self.inputs},
            "state": self.state,
            "tags": self.inputs.get("tagsAll") or {},
            "region": self.region,
            "account": self.site.account,
            "partition": self.site.partition(self.region),
            "changed": dict.fromkeys(self.changed, True),
            "added": added,
            "removed": removed,
            **self.declared.vars,
            **self.saved,
            **more,
        }

    def _elements(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Elements of changed lists and entries of changed maps that are new, and those that are no more."""
        added: dict[str, Any] = {}
        removed: dict[str, Any] = {}
        for name in self.changed:
            new, old = self.inputs.get(name), self.state.get(name)
            if isinstance(new or old, list):
                same = self.comparer.same_item
                added[name] = [one for one in new or [] if not any(same(name, one, other) for other in old or [])]
                removed[name] = [one for one in old or [] if not any(same(name, other, one) for other in new or [])]
            elif isinstance(new or old, dict):
                before, after = old or {}, new or {}
                added[name] = {key: value for key, value in after.items() if before.get(key) != value}
                removed[name] = {key: value for key, value in before.items() if key not in after}
        return added, removed

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other resource that shares its `alone` is at work: their calls read, then write one thing."""
        shared = evaluate(self.declared.alone, self.context()) if self.declared.alone is not None else None
        with _LOCKS[f"{self.declared.service} {self.region} {shared}"] if shared is not None else nullcontext():
            yield

    # Making and changing

    def create(self, first: int = 0) -> None:
        """Make the thing, from the given create step on; HalfMade once it exists but is not whole."""
        self.changed = {name for name, value in self.inputs.items() if value is not None}
        taken = self.declared.taken
        fresh = first == 0 and not self.begun_before
        if taken and fresh and holds(taken.when, self.context()) and self._answer(taken) is not None:
            raise CallError(f"{taken.call}: it exists already; `pulumi import` takes it into the stack")
        steps = list(enumerate(self.declared.create))[first:]
        for number, step in steps:
            if self.identifier is None and not holds(step.when, self.context()):
                continue
            try:
                answer = self._make(step, number)
            except ApiError as error:
                # The first try was carried out all the same: it was answered with an error, or nobody heard the answer.
                ours = (error.retried or self.begun_before) and _EXISTS.search(error.code)
                if self.identifier is not None or not ours:
                    if self.identifier is not None:
                        raise HalfMade(self.identifier, error, self._apart(), number) from error
                    raise
                answer = (self._answer(self.declared.found) if self.declared.found else None) or {}
                if not self.begun_before and not self._would_make(number, answer):
                    raise
            except FAILURES as error:
                if self.identifier is not None:
                    raise HalfMade(self.identifier, error, self._apart(), number) from error
                raise
            if self.identifier is None and not step.save:
                found = evaluate(self.declared.id, self.context(answer=answer))
                if found is not None:
                    self.identifier = str(found)
                    self.state["id"] = self.identifier
                    journal.made(self.urn, self.identifier)
        if self.identifier is None:
            raise CallError(f"{self.token}: no create step gave it an identifier at {self.declared.id}")
        self._parts(self.declared.parts, self._is_wanted)
        self._tags(at_create=True)
        self._ready()

    def _make(self, step: Step, number: int) -> dict[str, Any]:
        """A create step; one that no token and no name keeps from making two things looks for what it may have made."""
        siblings = self.declared.siblings
        if siblings is None or self.identifier is not None:
            return self._step(step, f"create.{number}")

        def there() -> set[str]:
            return set((self._answer(siblings) or {}).get("ids") or [])

        def lost() -> str | None:
            return next((one for one in sorted(there() - before) if self._would_make(number, {}, one)), None)

        # One at a time, so that what is new can be nobody else's.
        with _LOCKS[f"{self.token} {self.region}"]:
            before = there()
            self.lost = lost
            try:
                return self._step(step, f"create.{number}")
            except Recovered as made:
                self.identifier = self.state["id"] = made.identifier
                journal.made(self.urn, made.identifier)
                return {}
            finally:
                self.lost = None

    def _would_make(self, number: int, answer: dict[str, Any], identifier: str | None = None) -> bool:
        """Whether what exists is as a create step would have made it: somebody else's may have the name, too."""
        own = identifier or evaluate(self.declared.id, self.context(answer=answer))
        saved, self.identifier = self.identifier, own
        try:
            live = self.read() if self.identifier is not None else {}
        finally:
            self.identifier = saved
        tags = {"tagsAll"} if isinstance(self.declared.tags, Tags) and self.declared.tags.create else set[str]()
        told = {*self.facts.fills.get(f"create.{number}", []), *tags} & (live or {}).keys()
        plain = {name for name in told if name in tags or isinstance(self.inputs.get(name), str | int | float)}
        return live is not None and all(self.comparer.same(n, self.inputs.get(n, {}), live[n]) for n in plain)

    def update(self) -> None:
        """Carry out what changed; HalfMade with the properties that were not reached."""
        assert self.identifier is not None
        left = set(self.changed)
        try:
            for number, step in enumerate(self.declared.update):
                about = {*step.properties, *self.facts.fills.get(f"update.{number}", []), *_mentioned(step)}
                if about & self.changed or ("*" in about and self.changed - {"tags", "tagsAll"}):
                    self._step(step, f"update.{number}")
                    left -= about
        except FAILURES as error:
            raise HalfMade(self.identifier, error, left, None) from error
        self._parts(self.declared.parts, self._is_changed)
        self._tags(at_create=False)
        self._ready()

    def delete(self) -> None:
        """Remove the thing; one that is gone already is removed."""
        for rule in self.declared.delete_rules:
            if holds(rule.when, self.context()) and not holds(rule.unless, self.context()):
                reason = evaluate(f"f'{rule.message}'", self.context()) or rule.message
                raise CallError(f"{self.identifier} {reason}")
        gone = {code for read in self.declared.read for code in read.gone}
        for step in self.declared.delete:
            try:
                self._step(step, "delete")
            except ApiError as error:
                if error.code not in gone and not (error.retried and _GONE.search(error.code)):
                    raise

    def _is_changed(self, part: Part) -> bool:
        return bool(set(part.properties) & self.changed)

    def _parts(self, parts: Iterable[Part], wanted: Callable[[Part], bool]) -> None:
        assert self.identifier is not None
        waiting = [(number, part) for number, part in enumerate(parts) if wanted(part)]
        for position, (number, part) in enumerate(waiting):
            try:
                for at, step in enumerate(part.write):
                    self._step(step, f"part{number}", at)
            except FAILURES as error:
                missing = {name for _, one in waiting[position:] for name in one.properties}
                raise HalfMade(self.identifier, error, missing | {"tags", "tagsAll"}, None) from error

    def _apart(self) -> set[str]:
        return {name for part in self.declared.parts if part.write for name in part.properties}

    def _is_wanted(self, part: Part) -> bool:
        return part.always or any(self.inputs.get(name) is not None for name in part.properties)

    def _tags(self, *, at_create: bool) -> None:
        tags = self.declared.tags
        if not tags or isinstance(tags, bool) or self.identifier is None:
            return
        if at_create and (tags.create or not self.inputs.get("tagsAll")):
            return
        if "tagsAll" in self.changed:
            try:
                for step in tags.write:
                    self._step(step, "tags")
            except FAILURES as error:
                raise HalfMade(self.identifier, error, {"tags", "tagsAll"}, None) from error

    def _ready(self) -> None:
        if self.declared.ready is None:
            return
        assert self.identifier is not None

        def done() -> bool:
            answer = self._answer(self.declared.read[0])
            return answer is not None and holds(self.declared.ready, self.context(answer=answer))

        try:
            wait_until(done, self.site.api, self.identifier, self.patience)
        except FAILURES as error:
            raise HalfMade(self.identifier, error, set(), None) from error

    # One call

    def _step(self, step: Step, kind: str, at: int | None = None) -> dict[str, Any]:
        if not holds(step.when, self.context()):
            return {}
        items = [None] if step.each is None else evaluate(step.each, self.context()) or []
        answer: dict[str, Any] = {}
        for item in items:
            context = self.context(item=item)
            request = self._request(step, kind if at is None else f"{kind}.{at}", context)
            answer = self._call(step, request)
            for name, expression in step.value.items():
                self.state[name] = evaluate(expression, {**context, "answer": answer})
        if step.save:
            self.saved[step.save] = answer
        return answer

    def _call(self, call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
        service = call.service or self.declared.service
        region = str(evaluate(call.region, self.context()) or self.region)
        api, end = self.site.api, time.monotonic() + RETRY_SECONDS
        while True:
            try:
                lost = self.lost if isinstance(call, Step) else None
                return api.call(service, region, call.call, request, paginate=call.paginate, lost=lost)
            except ApiError as error:
                # The try before was carried out though its answer was an error.
                done = isinstance(call, Step) and self.identifier is not None and error.retried
                if error.code in call.ignore or (done and _DONE.search(error.code)):
                    return {}
                if error.code not in call.retry or time.monotonic() > end:
                    raise
            api.stopped.wait(1)

    def _request(self, step: Step, key: str, context: Mapping[str, Any]) -> dict[str, Any]:
        service = step.service or self.declared.service
        request: dict[str, Any] = {}
        names = self.declared.names
        partial = (step.send or _sends(step.call)) == "changed" and key.startswith("update")
        for name in self.facts.fills.get(key, []):
            value = self.inputs.get(name)
            if partial and name not in self.changed:
                continue
            if value is None and key.startswith(("update", "part")) and name in self.changed:
                value = self._unset(name)
            if value is not None:
                shape = request_shape(service, step)
                member = member_for(name, names, shape.members)
                target = request
                for inner in filter(None, step.into.split(".")):
                    target = target.setdefault(inner, {})
                place(target, str(member), value, shape, name, names)
        arguments = dict(step.arguments)
        tags = self.declared.tags
        making = key.startswith("create") and self.identifier is None
        if making and isinstance(tags, Tags) and self.inputs.get("tagsAll"):
            shape = calls.operation_model(service, step.call).input_shape
            members = shape.members if shape else {}
            arguments |= {path: one for path, one in tags.create.items() if path.split(".")[0] in members}
        return self._arguments(service, step.call, arguments, context, request)

    def _unset(self, name: str) -> Any:
        """What stands for a property that the program no longer gives."""
        if name in self.declared.reset:
            return self.declared.reset[name]
        kind = self.facts.model.inputs[name].type
        return EMPTY.get(kind[0] if isinstance(kind, list) else kind)

    def _arguments(
        self,
        service: str,
        call: str,
        arguments: Mapping[str, Any],
        context: Mapping[str, Any],
        request: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        request = request if request is not None else {}
        shape = calls.operation_model(service, call).input_shape
        for member, expression in arguments.items():
            value = evaluate(expression, context)
            if value is not None and shape is not None:
                path = expression[3:] if isinstance(expression, str) and expression.startswith("in.") else ""
                place(request, member, value, shape, path, self.declared.names)
        return request

    # Reading

    def _answer(self, read: Read) -> dict[str, Any] | None:
        """The object that a read finds, with the whole answer in the context; None where there is none."""
        context = self.context()
        if not holds(read.when, context):
            return {}
        request = self._arguments(read.service or self.declared.service, read.call, read.arguments, context)
        try:
            whole = self._call(read, request)
        except ApiError as error:
            if error.code in read.gone:
                return None
            raise
        answer = evaluate(read.answer, {**context, **whole}) if read.answer != "@" else whole
        if answer is None or answer == []:
            return None
        if isinstance(answer, list):
            answer = answer[0]
        if not isinstance(answer, dict):
            answer = {"value": answer}
        if read.absent is not None and holds(read.absent, {**context, **answer, "answer": answer}):
            return None
        return answer

    def read(self) -> dict[str, Any] | None:
        """The live properties that the API tells, by their names in the SDK; None where the thing is gone."""
        try:
            return self._read()
        finally:
            self.told = {}

    def _read(self) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        self.told = found
        first: dict[str, Any] = {}
        apart = {name for part in self.declared.parts if part.read for name in part.properties}
        for number, read in enumerate(self.declared.read):
            answer = self._answer(read)
            if answer is None:
                if number == 0:
                    return None
                continue
            first = first or answer
            self.saved["first"] = first
            names = [name for name in self.facts.model.outputs if name not in apart]
            self._take(found, read, answer, read.only if read.only is not None else names)
        for part in self.declared.parts:
            for read in part.read:
                answer = self._answer(read)
                if answer is not None:
                    self._take(found, read, answer, read.only if read.only is not None else part.properties)
        self._set(found, self.declared.value, {"answer": first, "out": found})
        self._live_tags(found, first)
        return found

    def _take(self, found: dict[str, Any], read: Read, answer: dict[str, Any], names: Iterable[str]) -> None:
        model = self.facts.model
        for name in names:
            if name not in model.outputs or name in read.value or name in {"tags", "tagsAll", "region"}:
                continue
            value = take(answer, name, self.declared.names)
            if value is not None and name in self.facts.covered:
                found[name] = from_api(value, model.outputs[name].type, model.nested, name, self.declared.names)
        self._set(found, read.value, {**answer, "answer": answer, "out": found})

    def _set(self, found: dict[str, Any], values: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        model = self.facts.model
        for name, expression in values.items():
            value = evaluate(expression, {**more, **self.context(), "answer": more["answer"]})
            kind = model.outputs[name].type if name in model.outputs else "any"
            converted = from_api(value, kind, model.nested, name, self.declared.names)
            if converted is not None:
                found[name] = converted

    def _live_tags(self, found: dict[str, Any], first: dict[str, Any]) -> None:
        tags = self.declared.tags
        if not tags or isinstance(tags, bool) or "tagsAll" not in self.facts.model.outputs:
            return
        value: Any = None
        if tags.read:
            saved, self.state = self.state, {**self.state, **found}
            answer = self._answer(tags.read[0])
            self.state = saved
            if answer is None and "tagsAll" in self.state:
                # The API holds the resource and knows nothing of its tags: those that were written stand.
                found |= {name: self.state[name] for name in ("tags", "tagsAll") if name in self.state}
                return
            value = evaluate(tags.answer, answer) if answer and tags.answer else answer
        elif tags.answer is not None:
            value = evaluate(tags.answer, first)
        live = from_api(value or {}, ["map", "str"], {}) or {}
        rules = self.site.tags
        found["tagsAll"] = rules.live(live)
        found["tags"] = rules.own(found["tagsAll"], self.inputs.get("tags") or self.state.get("tags") or {})


def _mentioned(step: Step) -> set[str]:
    texts = [text for text in [*step.arguments.values(), step.each, step.when] if isinstance(text, str)]
    return {name for text in texts for name in re.findall(r"\b(?:in|added|removed|changed)\.(\w+)", text)}


def _sends(call: str) -> str:
    """Calls that put a whole thing in place take all properties; those that modify it, the changed ones."""
    return "all" if call.startswith(("put_", "set_", "create_", "update_")) else "changed"
