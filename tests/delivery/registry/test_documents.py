"""What somebody else wrote is a document only where all that reads it can go on with it."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import product
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from delivery.incidents.entry import Entry as Told
from delivery.registry.approval import Approval
from delivery.registry.documents import INSTANT, LINE, moment
from delivery.registry.entry import Signed

YEARS = (1999, 2000, 2023, 2024, 2100, 2400, 2999)
FORGING = ("\n", "\r", "\x1b[2J", "\u2028", "\u202e", "\u200b", "\x00", "\x9b")
AT = "2026-11-30T18:00:00Z"
TOLD: dict[str, Any] = {
    **{"format": "parapet-incident/1", "incident": "i", "sequence": 1, "previous": None, "at": AT, "happened": AT},
    "who": {"account": "mia", "role": "arn:aws:sts::123456789012:assumed-role/on-call/mia"},
    **{"what": "declared", "text": "Calls fail.", "severity": "page", "offset": "-05:00"},
    "about": {
        **{"runbook": "data-drift", "text": f"sha256:{'0' * 64}", "boundary": "model", "team": "Machine learning"},
        **{"detected": AT, "alert": "ModelDrift", "model": "sepsis", "version": "7"},
    },
    "evidence": {"place": "s3://audit/1.json", "digest": None},
    "answers": {"serves": "The version of before."},
    "strikes": {"entry": 1, "names": "name"},
}


def test_an_instant_is_a_time_that_is_one() -> None:
    """A document with another one made whatever read it fail: each command, for all records, for six years."""
    for year, month, day in product(YEARS, range(14), range(33)):
        text = f"{year:04}-{month:02}-{day:02}T18:00:00Z"
        try:
            datetime(year, month, day)
        except ValueError:
            real = False
        else:
            real = year >= 2000
        assert bool(re.search(INSTANT, text)) is real, text
    for time in ("00:00:00", "23:59:59"):
        assert moment(f"2024-02-29T{time}Z")
        assert re.search(INSTANT, f"2024-02-29T{time}Z")
    for text in (
        *("24:00:00", "23:60:00", "23:59:60", "23:59:61"),
        *("2026-11-30T18:00:00Z\n", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-30T18:00:0\u0660Z"),
    ):
        assert not re.search(INSTANT, text if "T" in text else f"2026-11-30T{text}Z"), text


def leaves(told: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(told, dict):
        for name, each in told.items():
            yield from leaves(each, (*where, name))
    elif told is not None:
        yield where, told


def with_(told: Any, where: tuple[Any, ...], value: Any) -> Any:
    if not where:
        return value
    return {**told, where[0]: with_(told[where[0]], where[1:], value)}


def test_no_part_of_an_entry_makes_a_command_fail_or_another_line() -> None:
    msgspec.convert(TOLD, Told)
    for where, value in leaves(TOLD):
        wrong: list[Any] = [10**9, 10**4299] if isinstance(value, int) else [value + each for each in FORGING]
        wrong += [value[:2] + each + value[2:] for each in FORGING] if isinstance(value, str) else []
        wrong += ["2026-02-31T18:00:00Z", "0001-01-01T00:00:00Z"] if value == AT else []
        for each in wrong:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(with_(TOLD, where, each), Told)


def texts(of: inspect.Type) -> Iterator[str | None]:
    """The pattern of each text in a document."""
    if isinstance(of, inspect.StrType):
        yield of.pattern
    elif isinstance(of, inspect.StructType):
        for each in of.fields:
            yield from texts(each.type)
    elif isinstance(of, inspect.UnionType):
        for kind in of.types:
            yield from texts(kind)
    elif isinstance(of, inspect.DictType):
        yield from (*texts(of.key_type), *texts(of.value_type))
    elif isinstance(of, inspect.ListType):
        yield from texts(of.item_type)


@pytest.mark.parametrize(("kind", "signatures"), [(Told, 0), (Signed, 2), (Approval, 1)])
def test_each_text_that_is_kept_for_years_is_of_one_line_to_its_end(kind: type, signatures: int) -> None:
    """A `$` is before a newline at the end too. Signatures are base64, looked at where they are read, shown nowhere."""
    patterns = list(texts(inspect.type_info(kind)))
    assert len(patterns) > 3
    free = [each for each in patterns if not each or not (each.startswith("^") and each.endswith(r"\Z"))]
    assert free == [None] * signatures


def test_what_the_commands_would_write_is_read_again() -> None:
    for code in range(0x3000):
        if (each := chr(code)).isprintable():
            assert re.search(LINE, f"A {each} B"), hex(code)
