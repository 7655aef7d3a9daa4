"""What an intake record may be: the columns of contract.yaml, rules over several of them, and both as pandera's schema.

A rule is one Ibis expression, and the same one decides everywhere: in pandera's schema and in the query that puts rows
aside, on DuckDB, Spark or Athena. pandera's own error texts and failure cases hold the values that failed; they are
shown to nobody.
"""

import functools
import math
import operator
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ibis
import ibis.expr.types as ir
import yaml
from ibis.expr.datatypes import DataType, Timestamp

if TYPE_CHECKING:
    from pandera.api.ibis.types import IbisData
    from pandera.ibis import DataFrameSchema

HERE: Final = Path(__file__).parent
BIGGEST: Final = sys.float_info.max
Holds = Callable[[ir.Table], ir.BooleanValue]


@dataclass(frozen=True)
class Rule:
    """Something that holds for each row. `says` is for people and holds no value of anybody's record."""

    name: str
    says: str
    holds: Holds
    """Never null: what is not there breaks no rule but the one that it be there."""


@dataclass(frozen=True)
class Column:
    """A column by contract.yaml."""

    name: str
    type: DataType
    required: bool = False
    within: tuple[float, float] | None = None
    one_of: tuple[str, ...] = ()
    matches: str = ""
    says: str = ""
    longest: int = 0
    unit: str = ""

    @classmethod
    def read(cls, name: str, told: Mapping[str, Any]) -> "Column":
        within = tuple(told["within"]) if "within" in told else None
        kind = ibis.dtype(told["type"])
        rest = {key: value for key, value in told.items() if key not in ("type", "within", "one_of")}
        return cls(name=name, type=kind, within=within, one_of=tuple(told.get("one_of", ())), **rest)

    @property
    def bounds(self) -> tuple[float, float]:
        """What a number may be."""
        return self.within or (-math.inf, math.inf)

    def rules(self) -> list[Rule]:
        """The rules of this column alone."""
        name = self.name
        rules: list[Rule] = []

        def add(kind: str, says: str, holds: Callable[[Any], ir.BooleanValue]) -> None:
            rules.append(Rule(f"{name}.{kind}", says, lambda table: _or_null(holds(table[name]))))

        if self.required:
            rules.append(Rule(f"{name}.required", "there is a value", lambda table: table[name].notnull()))
        if self.type.is_floating():
            # NaN is asked for by name: DuckDB takes a comparison for true where a file's statistics, which leave NaN
            # out, say so. Infinity is not: the test for it that Ibis writes for Spark does not find any.
            add(
                "finite",
                "a number, neither infinite nor NaN",
                lambda column: ~column.isnan() & column.between(-BIGGEST, BIGGEST),
            )
        if self.within:
            low, high = self.within
            add("within", f"from {low:g} to {high:g} {self.unit}".strip(), lambda column: column.between(low, high))
        if self.one_of:
            add("one_of", f"one of {', '.join(self.one_of)}", lambda column: column.isin(self.one_of))
        if self.matches:
            add("matches", self.says, lambda column: column.re_search(self.matches))
        if self.longest:
            add("longest", f"at most {self.longest} characters", lambda column: column.length() <= self.longest)
        return rules


@dataclass(frozen=True)
class Contract:
    """The contract of a kind of record, in one version of it."""

    name: str
    version: str
    key: str
    columns: Mapping[str, Column]
    rules: tuple[Rule, ...]

    def differences(self, table: ir.Table) -> list[str]:
        """How a table's columns and their types differ from the contract's, in words; empty where they do not."""
        found = table.schema()
        lacking = [f"column {name} is missing" for name in self.columns if name not in found]
        others = [
            f"{_called(name, number)} is not in the contract"
            for number, name in enumerate(found, 1)
            if name not in self.columns
        ]
        wrong = [
            f"column {name} is of type {_plain(found[name])}; the contract says {_plain(column.type)}"
            for name, column in self.columns.items()
            if name in found and not _same(found[name], column.type)
        ]
        return lacking + others + wrong

    def schema(self) -> "DataFrameSchema":
        """The same, for pandera: columns and their types, no others, the rules, and a key that no two rows share.

        The rules are one check of the frame: a check of a column sees each null as sound, and a check of its own for
        each rule reads the data as often as there are rules.
        """
        import pandera.ibis as pandera  # here: half a second, and most programs ask the contract for its columns alone

        columns = {name: pandera.Column(column.type, nullable=True) for name, column in self.columns.items()}
        rules = pandera.Check(self._check, name="rules", ignore_na=False)
        return pandera.DataFrameSchema(columns, checks=[rules], strict=True, unique=[self.key], name=self.name)

    def _check(self, data: "IbisData") -> ir.BooleanValue:
        return self.holds_by_row(data.table)

    def holds_by_row(self, table: ir.Table) -> ir.BooleanValue:
        """Whether a row breaks no rule."""
        held: ir.BooleanValue = functools.reduce(operator.and_, (rule.holds(table) for rule in self.rules))
        return held

    def broken_by_row(self, table: ir.Table) -> Any:
        """The names of the rules that a row breaks, in the contract's order.

        By way of a text, since Athena filters no arrays; no name has a space in it.
        """
        first, *others = (ibis.ifelse(rule.holds(table), "", f"{rule.name} ") for rule in self.rules)
        named: Any = first
        named = named.concat(*others)
        broken: Any = ibis.ifelse(named == "", ibis.literal([], type="array<string>"), named.rstrip().split(" "))
        return broken

    def holds(self, table: ir.Table) -> bool:
        """Whether pandera finds nothing amiss in this table. Its reasons are left with it: they hold values."""
        from pandera.errors import SchemaErrors  # here: see `schema`

        if self.differences(table):
            return False
        if not table.count().execute():  # of no row, "all" is null to a database, and to pandera a failure
            return True
        times = {name: table[name].cast(column.type) for name, column in self.columns.items() if _is_time(column.type)}
        table = table.mutate(**times)
        try:
            self.schema().validate(table, lazy=True)
        except SchemaErrors:
            return False
        return True


@functools.cache
def contract() -> Contract:
    """The contract of intake records, in the version that this code keeps."""
    told = yaml.safe_load((HERE / "contract.yaml").read_text())
    columns = {name: Column.read(name, each) for name, each in told["columns"].items()}
    alone = [rule for column in columns.values() for rule in column.rules()]
    together = _rules_together(columns, told["days_until_received"], told["oldest_age"])
    return Contract(told["name"], told["version"], told["key"], columns, (*alone, *together))


def _rules_together(columns: Mapping[str, Column], days: int, oldest: int) -> list[Rule]:
    """Rules over more than one column of a row."""

    def rule(name: str, says: str, holds: Holds) -> Rule:
        return Rule(name, says, lambda table: _or_null(holds(table)))

    units = [
        rule(f"{name}.unit", f"a value has its unit, {column.unit}", _has_its_unit(name))
        for name, column in columns.items()
        if f"{name}_unit" in columns
    ]
    return [
        *units,
        rule("diastolic_bp.below", "below the systolic pressure", lambda t: t.diastolic_bp < t.systolic_bp),
        rule("discharged_at.after", "not before admission", lambda t: t.discharged_at >= t.admitted_at),
        rule("received_at.after", "not before discharge", lambda t: t.received_at >= t.discharged_at),
        rule(
            "received_at.in_time",
            f"within {days} days of discharge",
            lambda t: t.received_at <= t.discharged_at + ibis.interval(days=days),
        ),
        rule(
            "birth_date.age",
            f"born before admission, and not more than {oldest} years before it",
            lambda t: (t.admitted_at.date() >= t.birth_date) & (t.admitted_at.year() - t.birth_date.year() <= oldest),
        ),
    ]


def _or_null(held: ir.BooleanValue) -> ir.BooleanValue:
    """What cannot be judged, since there is no value, is not broken."""
    return held.fill_null(ibis.literal(True))


def _has_its_unit(name: str) -> Holds:
    return lambda table: table[name].isnull() | table[f"{name}_unit"].notnull()


def _is_time(kind: DataType) -> bool:
    return isinstance(kind, Timestamp)


def _same(found: DataType, wanted: DataType) -> bool:
    """Whether a column's type is the contract's. How fine its times are is the engine's: Spark does not say it."""
    if isinstance(found, Timestamp) and isinstance(wanted, Timestamp):
        return found.timezone == wanted.timezone
    return found.copy(nullable=True) == wanted.copy(nullable=True)


def _plain(kind: DataType) -> str:
    """A type in a word. Fields of a structure have names of their own, which are not told."""
    return type(kind).__name__.lower() if kind.is_nested() else str(kind.copy(nullable=True))


def _called(name: str, number: int) -> str:
    """A column that nobody knows, by its name where that is a word: a table that was turned has people's."""
    word = re.fullmatch("[a-z][a-z0-9_]{0,40}", name)
    return f"column {name}" if word else f"column number {number}, whose name is no word,"
