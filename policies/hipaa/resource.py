"""Resources as a rule sees them: plain properties, read one at a time.

Nothing here knows Pulumi's SDKs. A value that the engine cannot know before the update is `UNKNOWN`; reading it
raises `UnknownValue`, so a rule that does not read it is still decided. A secret is wrapped in `Secret`: a rule
reads through it, a message never shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from hipaa.sdk import MAPS, Words, as_written, words_of
from hipaa.verdict import Requirement, Verdict, all_of, undecided, violation

if TYPE_CHECKING:
    from hipaa.place import Place


class _Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that a message must not show."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


class UnknownValue(Exception):
    """A property that a rule read is not known before the update.

    `path` names the property, from the resource down: `rules.0.cidrBlocks`.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Properties(Mapping[str, Any]):
    """A read-only view of an object's properties, named as the provider names them (camelCase).

    Reading returns plain scalars, `Items` for lists, and `Properties` for nested objects. A path that a message tells
    is in the words that the user wrote: `words` turns the provider's into them.

    Raises:
        UnknownValue: when the value read is not known yet.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        path: str = "",
        secret: bool = False,
        words: Words = as_written,
    ) -> None:
        self._values = values
        self._path = path
        self._secret = secret
        self._words = words

    def __getitem__(self, name: str) -> Any:
        words = as_written if name in MAPS else self._words
        return _read(self._values[name], self._at(name), self._secret, words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        """Whether the property is there, known or not: its value is not read."""
        return name in self._values

    def at(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path (`rule.status`, `rules.0.id`), or `default` where nothing is set."""
        value: Any = self
        for part in path.split("."):
            if isinstance(value, Properties):
                value = value.get(part)
            elif isinstance(value, Items):
                value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
            else:
                value = None
        return default if value is None else value

    def objects(self, path: str) -> list[Properties]:
        """The nested objects at a path: a list of them, a single one, or none."""
        return [item for item in self._items(path) if isinstance(item, Properties)]

    def texts(self, path: str) -> list[str]:
        """The strings at a path: of a list, or a single one, or none."""
        return [item for item in self._items(path) if isinstance(item, str)]

    def each(self, path: str, check: Callable[[Any], Verdict]) -> Verdict:
        """The verdict over all items at a path, each judged by itself: what is unknown in one hides no other.

        Never raises for an unknown value, nor for a text or a number where the check wants an object: that is a
        violation. No items are no violation.
        """
        try:
            items = self._items(path)
        except UnknownValue as unknown:
            return undecided(unknown.path)
        verdicts = []
        for index in range(len(items)):
            item: Any = None
            try:
                item = items[index]
                verdicts.append(check(item))
            except UnknownValue as unknown:
                verdicts.append(undecided(unknown.path))
            except (AttributeError, TypeError):
                if isinstance(item, Properties):
                    raise  # the rule broke
                verdicts.append(violation(f"`{self._at(path)}` has {show(item)}, which the provider does not take"))
        return all_of(*verdicts)

    def listed(self, path: str) -> Sequence[Any]:
        """The items at a path, one alone as a list of it; none where nothing is set.

        Raises:
            UnknownValue: when the list is not known yet; an item that is not is read later.
        """
        return self._items(path)

    def object(self, path: str) -> Properties:
        """The object at a path; an empty one where nothing is set, or no object."""
        value = self.at(path)
        return value if isinstance(value, Properties) else Properties({}, self._at(path), self._secret, self._words)

    def each_object(self, path: str, check: Callable[[Properties], Verdict]) -> Verdict:
        """As `each`, for what must be a list of objects: an item that is none is a violation."""

        def checked(item: Any) -> Verdict:
            if isinstance(item, Properties):
                return check(item)
            return violation(f"`{self.where(path)}` has {show(item)}, which is no object")

        return self.each(path, checked)

    def texts_within(self) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Each text in it that is known and no secret, however deep: the way to it, what it is called, the text.

        A text is called as its property is; `value` as what is beside it says (`key`, `name`), or as it belongs to.
        """
        return _texts(self._values, (), "")

    def way(self, names: Sequence[str]) -> str:
        """A way of `texts_within` as a message tells it."""
        return ".".join(self._words(name) for name in names)

    def _items(self, path: str) -> Sequence[Any]:
        value = self.at(path)
        if value is None:
            return ()
        return value if isinstance(value, Items) else (value,)

    def require(self, path: str, requirement: Requirement, default: Any = None) -> Verdict:
        """Whether the value at `path` meets the requirement; `default` is what the provider assumes when it is not set.

        Never raises for an unknown value: the verdict is then undecided. The message names the property, its value
        (unless it is secret) and what is required.
        """
        where = self._at(path)
        try:
            with secrets_read() as secrets:
                value = self.at(path)
        except UnknownValue as unknown:
            return undecided(unknown.path)
        if _is_met(requirement, default if value is None else value):
            return Verdict()
        shown = "a secret value" if secrets else show(value)
        assumed = f" (which means {show(default)})" if value is None and default is not None else ""
        return violation(f"`{where}` is {shown}{assumed}; it must be {requirement.text}")

    def where(self, name: str) -> str:
        """The path of one of its properties, from the resource down, in the user's words."""
        return self._at(name)

    def _at(self, name: str) -> str:
        name = self._words(name)
        return f"{self._path}.{name}" if self._path else name


_BESIDE = ("key", "name", "headerName", "parameterKey", "Name", "Key")


def _texts(value: Any, way: tuple[str, ...], called: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if isinstance(value, str):
        yield way, called, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name in ("value", "Value"):
                beside = next((value[each] for each in _BESIDE if isinstance(value.get(each), str)), None)
                yield from _texts(inner, (*way, name), beside or f"{called} {name}")
            elif inner is not None and not isinstance(inner, bool | int | float):
                yield from _texts(inner, (*way, name), name)
    elif isinstance(value, Sequence):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*way, str(place)), called)


class Items(Sequence[Any]):
    """A read-only view of a list without its nulls, which say nothing; each item is read when it is asked for.

    A path tells an item's place in the whole list.

    Raises:
        UnknownValue: when the item read is not known yet.
    """

    def __init__(self, values: Sequence[Any], path: str, secret: bool, words: Words = as_written) -> None:
        self._values = values
        self._path = path
        self._secret = secret
        self._words = words
        self._places: Sequence[int] = range(len(values))
        if any(map(_is_null, values)):
            self._places = [place for place, value in enumerate(values) if not _is_null(value)]

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        place = self._places[index]
        return _read(self._values[place], f"{self._path}.{place}", self._secret, self._words)

    def __len__(self) -> int:
        return len(self._places)


def provided(type_: str) -> str:
    """A type by the name that its provider has for it.

    A `CustomResource` of Kubernetes takes any kind by its API version and name. Kinds of the group without a name
    (`v1`, `ConfigMap`) are called otherwise than the provider's own of the same kind, and are the same objects.
    """
    start = "kubernetes:v1:"
    return f"kubernetes:core/v1:{type_.removeprefix(start)}" if type_.startswith(start) else type_


class Resource(Properties):
    """One resource: its type token, name and URN, its properties, and where they come from.

    `sources` names, for a property, the URNs of the resources whose outputs it was made from: known even while the
    property's value is not.
    """

    def __init__(
        self,
        type_: str,
        properties: Mapping[str, Any] | None = None,
        *,
        name: str = "example",
        urn: str | None = None,
        sources: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(properties or {}, words=words_of(type_))
        self.type = provided(type_)
        self.name = name
        self.urn = urn or f"urn:pulumi:example::example::{type_}::{name}"
        self.sources = {key: tuple(urns) for key, urns in (sources or {}).items()}
        self.place: Place | None = None
        """Where it is made; None where nobody said, which is anywhere."""
        self.noted: dict[tuple[str, ...], Any] = {}
        """What one rule has found in it that others look for too; it is only read, and so it stays true."""

    def __repr__(self) -> str:
        return f"Resource({self.type!r}, name={self.name!r})"

    def known(self, path: str) -> Any:
        """The value at a path, or None when it is not set or not known yet."""
        try:
            return self.at(path)
        except UnknownValue:
            return None

    def is_set_by_program(self, name: str) -> bool:
        """Whether the program gave this property a value, as far as the outputs tell.

        A property that is unknown and made from no other resource is one that the provider will report back.
        """
        return name in self and (self.known(name) is not None or bool(self.sources.get(name)))


def _is_met(requirement: Requirement, value: Any) -> bool:
    try:
        return requirement.met(value)
    except (AttributeError, TypeError, ValueError):  # not of the kind that is required
        return False


def show(value: Any) -> str:
    """A value as a message shows it, cut where it is long; never what is plainly a secret, kept as one or not."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Items):
        return "empty" if not value else f"a list of {len(value)}"
    if isinstance(value, Properties):
        return "an object"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        from hipaa.secrets import holds_one  # it reads resources itself

        if holds_one(value):
            return "a text with a secret in it"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class Reading:
    """What was read so far: the paths of secrets, so that what is said afterwards can withhold them, and the last path.

    The last is what a rule was reading when it broke.
    """

    __slots__ = ("last", "secrets")

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.last = ""


PLAIN = frozenset({str, bool, int, float, type(None)})
"""Types of values that hold no others. To ask of an abstract class takes longer, and most values are of these."""
_READING: ContextVar[Reading | None] = ContextVar("reading", default=None)


class _Noting:
    """By a generator it would take three times as long, a million times in a big stack."""

    __slots__ = ("_around", "_noted", "_token")

    def _begin(self) -> Reading:
        self._noted, self._around = Reading(), _READING.get()
        self._token = _READING.set(self._noted)
        return self._noted

    def __exit__(self, *_: object) -> None:
        _READING.reset(self._token)
        if self._around is not None and self._noted.last:
            self._around.last = self._noted.last


class reading(_Noting):  # noqa: N801 (a context)
    """Notes what is read inside."""

    __slots__ = ()

    def __enter__(self) -> Reading:
        return self._begin()


class secrets_read(_Noting):  # noqa: N801 (a context)
    """The paths of the secrets that are read inside; who is around is not told of them."""

    __slots__ = ()

    def __enter__(self) -> list[str]:
        return self._begin().secrets


def read_secrets(paths: Sequence[str]) -> None:
    """Notes secrets that somebody read before, and whose content is looked at again."""
    if (noted := _READING.get()) is not None:
        noted.secrets.extend(paths)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, Secret) and _is_null(value.value))


def _read(value: Any, path: str, secret: bool, words: Words) -> Any:
    if isinstance(value, Secret):
        return _read(value.value, path, True, words)
    if (noted := _READING.get()) is not None:
        noted.last = path
        if secret:
            noted.secrets.append(path)
    if type(value) in PLAIN:
        return value
    if value is UNKNOWN:
        raise UnknownValue(path)
    if isinstance(value, Mapping):
        return Properties(value, path, secret, words)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Items(value, path, secret, words)
    return value
