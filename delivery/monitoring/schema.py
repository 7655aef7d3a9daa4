"""Whether a window's files have the reference's columns: by name, type and order. What was renamed is found again."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from delivery.monitoring.profile import Held, Type
from delivery.monitoring.reading import Layout, Source, same
from delivery.monitoring.tested import Tested
from delivery.registry.refused import Refused

VALUE: Final = re.compile(r"[^A-Za-z]|.*[0-9]{4}")
"""What begins as no name does, or has a number of four digits in it: a date, a record's number, a measured value."""
NUMBER: Final = re.compile(r"[-+]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)")
DAY: Final = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?")
ALIKE: Final = 0.5
"""Of two names, from which on one is the other's, where several columns came and went."""
PLACE: Final = 0.2
"""What it counts for that they stand in one place."""
Artefact = Callable[[str], bool]
"""Whether a column's numbers are of another type only since some are missing, which pandas writes as broken ones."""


def called(place: int) -> str:
    """A column that the reference has not, by its place: in a file without a line of names its name is somebody's."""
    return f"(column {place + 1})"


def named(names: Sequence[str]) -> None:
    """Raises Refused where half of a reference's names are values: its first line is a row then. They are not told."""
    if list(names) == [str(number) for number in range(len(names))]:
        return
    values = sum(1 for name in names if VALUE.match(name))
    if 2 * values >= len(names):
        raise Refused(
            f"The reference: {values} of its {len(names)} columns are called as a value is, by numbers or dates. If its"
            " first line is a row, write a line of names above it; else rename them."
        )


def no_row(source: Source) -> None:
    """Raises Refused where the first line of a reference is a row: where a name is a day in a column of days, a number
    between a column's own, or two are among their own columns' texts. One may be (`smoker`). They are not told."""
    names = list(source.types)
    if not source.rows or names == [str(number) for number in range(len(names))]:
        return
    asked = {name: _among(source.table[name], kind, _said(name, names)) for name, kind in source.types.items()}
    own = {name: of for name, of in asked.items() if of is not None}
    if not own:
        return
    looked: Any = source.table.aggregate(**{f"c{place}": of for place, of in enumerate(own.values())})
    among = dict(zip(own, looked.to_pyarrow().to_pylist()[0].values(), strict=True))
    texts = sum(bool(is_) for name, is_ in among.items() if source.types[name] == "text")
    others = sum(map(bool, among.values())) - texts
    if others or texts > 1:
        raise Refused(
            f"The reference: {others + texts} of its {len(names)} columns are called by a value of their own. If its "
            "first line is a row, write a line of names above it; else rename them."
        )


def _said(name: str, names: Sequence[str]) -> str:
    """As the line has it: of what is there twice DuckDB numbers the second."""
    before = re.sub(r"_[0-9]{1,3}$", "", name)
    return before if before in names else name


def _among(column: Any, kind: Type, name: str) -> Any:
    """Whether it is one of the column's, for Ibis; None where it cannot be."""
    if kind == "text":
        return (column == name).any()
    if kind in ("integer", "float") and NUMBER.fullmatch(name):
        value = float(name.replace(",", "."))
        return (column.min() <= value) & (column.max() >= value)
    if kind in ("date", "moment") and DAY.fullmatch(name):
        return column.notnull().any()
    return None


def lacks(option: str, column: str, names: Sequence[str]) -> Refused:
    """For a column that is asked for and not there, without the names that are: nobody has looked at the file."""
    return Refused(
        f"{option} {column}: none of the reference's {len(names)} columns is called so. Look at its first line."
    )


def tests(
    reference: Sequence[Held],
    layout: Layout,
    parquet: bool,
    unwanted: frozenset[str],
    artefact: Artefact,
) -> list[Tested]:
    """What differs. `unwanted` are columns that may lack: labels that have not come."""
    wanted = {column.name: column for column in reference}
    lacking = [name for name in wanted if name not in layout.types and name not in unwanted]
    others = [name for name in layout.types if name not in wanted]
    places = {name: place for place, name in enumerate(layout.types)}
    found: list[Tested] = []
    for old, new in _renamed(lacking, others, {name: held.type for name, held in wanted.items()}, layout.types):
        lacking.remove(old)
        others.remove(new)
        as_now = called(places[new])
        found.append(_fact(old, "renamed", f"column {old} is called {as_now} now"))
        found.append(_fact(as_now, "renamed", ""))
    found += [_fact(name, "missing_column", f"column {name} is missing") for name in lacking]
    for name in others:
        known = called(places[name])
        found.append(_fact(known, "new_column", f"{known} is not in the reference"))
    for name, held in wanted.items():
        kind = layout.types.get(name)
        if kind is not None and _changed(held, kind, parquet and layout.parquet, artefact):
            found.append(_fact(name, "type", f"column {name} was {held.type} and is {kind}"))
    common = [name for name in layout.types if name in wanted]
    for name in moved(common, [name for name in wanted if name in layout.types]):
        found.append(_fact(name, "order", f"column {name} is in another place"))
    return found


def _fact(name: str, test: str, says: str) -> Tested:
    return Tested(name, test, "schema", 1.0, 0.0, None, 0, True, certain=True, says=says)


def _changed(held: Held, kind: Type, declared: bool, artefact: Artefact) -> bool:
    if "empty" in (held.type, kind) or held.type == kind:
        return False
    if {held.type, kind} == {"integer", "float"}:
        if held.type == "float":
            return declared and not (held.missing and held.whole)
        return not artefact(held.name)
    if not declared and (held.type == "text" or {held.type, kind} == {"date", "moment"}):
        return False  # a CSV's codes may all be digits by chance, and its moments all at midnight
    return not same(kind, held.type)


def _renamed(
    lacking: Sequence[str], others: Sequence[str], before: Mapping[str, Type], now: Mapping[str, Type]
) -> list[tuple[str, str]]:
    """Pairs of a column that went and one that came, of one type: the likeliest first, each once."""
    alone = len(lacking) == 1 == len(others)
    order_before, order_now = list(before), list(now)
    pairs = [
        (_alike(old, new) + PLACE * (order_before.index(old) == order_now.index(new)), old, new)
        for old in lacking
        for new in others
        if same(now[new], before[old])
    ]
    found: list[tuple[str, str]] = []
    for likeness, old, new in sorted(pairs, reverse=True):
        free = all(old != one and new != other for one, other in found)
        if free and (alone or likeness >= ALIKE):
            found.append((old, new))
    return found


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def moved(now: Sequence[str], before: Sequence[str]) -> list[str]:
    """The fewest columns whose move makes the one order of the other."""
    place = {name: at for at, name in enumerate(before)}
    none: list[str] = []
    best: list[list[str]] = []  # for each column, the longest row of columns in their order that ends with it
    for name in now:
        longest = max((row for row in best if place[row[-1]] < place[name]), key=len, default=none)
        best.append([*longest, name])
    kept = set(max(best, key=len, default=none))
    return [name for name in now if name not in kept]
