"""How far people stand out: what an attacker finds who knows some things of a person, against what the card says."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.data.card import card, markdown
from delivery.data.dataset import Manifest
from delivery.data.deidentification import deidentify
from delivery.data.generating import generate
from delivery.data.keys import Key
from delivery.data.risk import risk
from delivery.data.safe_harbor import safe_harbor
from tests.examples import examples

SECRET = bytes(32)
KNOWN = ("age", "sex", "race_ethnicity", "zip3", "admitted_year")


def test_who_knows_what_may_be_known_finds_as_many_people_as_the_card_says(tmp_path: Path) -> None:
    """The attack: from the register of the whole hospital, with names, each person is looked for among the features."""
    manifest = generate(3000, 9, tmp_path / "intake")
    (tmp_path / "key").write_bytes(SECRET)
    done = deidentify(manifest.paths(tmp_path / "intake"), tmp_path / "key", tmp_path / "features")
    table = pq.read_table(done.manifest.paths(tmp_path / "features")).to_pylist()
    looks = defaultdict(set)
    for row in table:
        looks[tuple(row[name] for name in KNOWN)].add(row["patient_key"])
    key, found = Key(SECRET), set()
    for person in pq.read_table(manifest.paths(tmp_path / "intake")).to_pylist():
        day, born = person["admitted_at"].date(), person["birth_date"]
        age = min(day.year - born.year - ((day.month, day.day) < (born.month, born.day)), 90)
        zip3 = person["zip_code"][:3]
        area = "000" if zip3 in safe_harbor().zip3_of_few else zip3
        matching = looks[age, person["sex"], person["race_ethnicity"], area, day.year]
        hashed = key.hashed("subject", person["mrn"])
        assert hashed in matching
        if len(matching) == 1:
            found.add(hashed)
    told = done.card.risks[0]
    assert told.quasi_identifiers == KNOWN
    assert told.alone == len(found) > 0
    assert told.k == min(map(len, looks.values()))
    assert told.people == len({row["patient_key"] for row in table})


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefghijklmnopqr"), st.integers(20, 22), st.sampled_from(["female", "male"])),
    max_size=60,
)


@settings(max_examples=examples(10), deadline=None)
@given(ROWS, st.lists(st.sampled_from([None, True, False]), min_size=60, max_size=60))
def test_the_figures_are_what_counting_by_hand_gives(rows: list[Any], outcomes: list[bool | None]) -> None:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    person, age, sex = (list(each) for each in columns)
    outcome = outcomes[: len(rows)]
    table = pa.table(
        {
            "patient_key": pa.array(person, pa.string()),
            "age": pa.array(age, pa.int64()),
            "sex": pa.array(sex, pa.string()),
            "diagnosis_1": pa.array(["I10"] * len(rows), pa.string()),
            "readmitted_30d": pa.array(outcome, pa.bool_()),
        }
    )
    told = risk(ibis.memtable(table), ("age", "sex"))
    people, values = defaultdict(set), defaultdict(set)
    for who, years, what, came in zip(person, age, sex, outcome, strict=True):
        people[years, what].add(who)
        values[years, what].add(came)
    sizes = [len(each) for each in people.values()]
    assert (told.people, told.classes, told.k) == (len(set(person)), len(people), min(sizes, default=0))
    assert told.alone == len({who for each in people.values() if len(each) == 1 for who in each})
    assert told.in_small_classes == len({who for each in people.values() if len(each) < 11 for who in each})
    assert told.average == pytest.approx(len(sizes) / sum(sizes) if sizes else 0)
    fewest = min((len(each) for each in values.values()), default=0)
    assert told.diversity == {"diagnosis_1": min(1, len(rows)), "readmitted_30d": fewest}


def test_small_cells_are_counted_and_not_shown_nor_to_be_had_from_the_rest() -> None:
    """Of 43 people, 3 are of unknown sex and 12 male: with the whole and the female ones, 3 would be 43 - 28 - 12."""
    sexes = ["female"] * 28 + ["male"] * 12 + ["unknown"] * 3
    feature = {each.name: None for each in safe_harbor().features}
    rows = [
        feature | {"patient_key": f"{nth:02d}", "sex": sex, "race_ethnicity": "white", "payer": "other", "age": 50,
                   "admitted_year": 2024, "zip3": "021", "arrival_mode": "emergency", "diagnosis_1": "I10",
                   "readmitted_30d": False}
        for nth, sex in enumerate(sexes)
    ]  # fmt: skip
    kinds = {name: pa.int64() if name in ("age", "admitted_year") else pa.string() for name in feature}
    kinds["readmitted_30d"] = pa.bool_()
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))
    told = card(ibis.memtable(table), Manifest("features/1.0.0", 43, (), {"contract": "x", "key": "y", "files": []}))
    shown = {group.value: group.people for group in told.groups if group.feature == "sex"}
    assert shown == {"female": 28, "male": None, "unknown": None}
    assert told.small_cells["sex"] == 1
    assert told.small_cells["payer"] == 0
    assert "| unknown | not shown |" in markdown(told)
