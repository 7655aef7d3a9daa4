"""Files that are not as their writers make them: left out, told, and the end of no check."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from msgspec import structs

from delivery.monitoring.alerting.documents import read_state
from delivery.monitoring.daily import __main__ as daily
from delivery.monitoring.daily import files, predictions, settings, span
from delivery.monitoring.daily import labels as labels_of
from delivery.monitoring.daily.files import Unread
from delivery.monitoring.daily.places import Odd, Place
from delivery.registry.refused import Refused
from tests.delivery.monitoring.daily.test_windows import figure, looked
from tests.delivery.monitoring.daily.world import (
    ARTIFACTS,
    DAY,
    END,
    LABELS,
    NAME,
    PHI,
    World,
    asked,
    came,
    labels,
    log,
)

pytestmark = [pytest.mark.data]

REPORTS: Final = f"reports/model={NAME}/"
HOUR = timedelta(hours=1)
NOON: Final = END - DAY / 2


def of_the_log(rows: int = 4) -> pa.Table:
    return log(asked(rows, 1), np.full(rows, NOON.timestamp()))


def packed(table: pa.Table, **options: Any) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table, out, **options)
    content: bytes = out.getvalue().to_pybytes()
    return content


def with_column(name: str, values: Any) -> bytes:
    return packed(of_the_log().append_column(name, values))


ODD: Final[Mapping[str, Callable[[], bytes]]] = {
    "no Parquet": lambda: b"PAR1 MRN-4711",
    "nothing": lambda: b"",
    "a folder of numbers": lambda: packed(pa.table({"MRN-4711": [1]})),
    "no moments": lambda: packed(of_the_log().drop_columns("at")),
    "moments that are words": lambda: packed(of_the_log().drop_columns("at").append_column("at", [["MRN-4711"] * 4])),
    "more rows than a server writes": lambda: packed(pa.table({"at": pa.array(np.zeros(60_000, np.int8))})),
    "lists": lambda: with_column("input.age_2", [[[4711.0]] * 4]),
    "a long text in each row": lambda: with_column("input.note", [["MRN-4711" * 1000] * 4]),
    "a text that is none": lambda: with_column(
        "input.note", pa.chunked_array([pa.Array.from_buffers(pa.string(), 4, text_of(b"\xff\xfe4711"))])
    ),
    "a name twice": lambda: with_column("input.AGE", [[4711.0] * 4]),
    "what rows are known by": lambda: with_column("input._parapet_request", [[4711] * 4]),
    "what another's name begins with": lambda: with_column("at.note", [["MRN-4711"] * 4]),
    "bytes": lambda: with_column("input.note", pa.chunked_array([pa.array([b"4711"] * 4, pa.binary(4))])),
}


def text_of(raw: bytes) -> list[Any]:
    """The buffers of a column with this in each of four rows."""
    ends = np.arange(5, dtype=np.int32) * len(raw)
    return [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(raw * 4)]


@pytest.mark.parametrize("what", ODD)
def test_what_no_server_writes_is_not_read_and_nothing_of_it_told(what: str) -> None:
    with pytest.raises(Unread) as unread:
        predictions._opened(ODD[what]())
    assert "4711" not in str(unread.value)
    assert unread.value.__cause__ is None


def test_files_of_the_log_that_are_none_are_left_out_and_the_rest_is_judged(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.serve(asked(60, 34), files=1)
    for number, made in enumerate(ODD.values()):
        world.log_bytes(made(), NOON.timestamp(), f"{number:032x}", NOON + HOUR)
    check, text = looked(world)
    assert (check.rows, figure(text, "files_unread")) == (60, len(ODD))
    assert [each for each in check.columns.values() if each.drifted] == []
    *notes, all_ = (each for each in check.notes if "left out" in each)
    of_one = "The file of the log of version 3 that begins 2026-11-29 15:00:00 is left out: "
    assert [each.startswith(of_one) for each in notes] == [True] * 3
    assert all_ == f"{len(ODD)} files are left out in all, or in part."
    said = capfd.readouterr()
    assert f"{len(ODD)} files left out" in said.out
    assert "4711" not in said.out + said.err + text + "".join(check.notes)


def test_what_a_file_says_of_itself_is_looked_at_before_any_of_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some kilobytes that unpack to more than there is memory."""
    raw = packed(
        pa.table({"at": pa.array(np.zeros(50_000)), "input.a": pa.array(np.zeros(50_000))}), compression="zstd"
    )
    assert len(raw) < 5_000
    assert files.table(raw, 50_000, lambda name: True).num_rows == 50_000

    def unpacks(*_: Any, **__: Any) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(pq.ParquetFile, "read", unpacks)
    with pytest.raises(Unread, match="more than 49,999 rows"):
        files.table(raw, 49_999, lambda name: True)
    for limit, says in (("UNPACKED", "before it is compressed"), ("COLUMNS", "too many"), ("GROUPS", "too many")):
        with monkeypatch.context() as less:
            less.setattr(files, limit, 0)
            with pytest.raises(Unread, match=says):
                files.table(raw, 50_000, lambda name: True)
            with pytest.raises(Unread, match=says):
                files.rows_of(raw, 50_000)


def repeated(name: str, text: str, rows: int, **more: Any) -> bytes:
    """One text in each row, which the file has once."""
    places = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    return packed(pa.table({name: places, **more}), compression="zstd")


def test_a_text_that_a_file_has_once_and_each_row_again_is_not_written_out_for_each() -> None:
    """A file of some kilobytes was 8 GiB of names of requests, or of one field's categories."""
    rows = 1_200_000
    numbers = {"row": np.zeros(rows, np.int8), "label": np.zeros(rows)}
    long_names = repeated("request_id", "r" * 65, rows, **numbers)
    long_outcomes = repeated("label", "1" * files.TEXT, rows, request_id=["r"] * rows, row=numbers["row"])
    assert max(map(len, (long_names, long_outcomes))) < 1_000_000
    before = pa.total_allocated_bytes()
    for raw, says in ((long_names, "a text of more than 64 bytes"), (long_outcomes, "more than 512 MiB")):
        with pytest.raises(Unread, match=says):
            labels_of._read(raw)
    at = np.full(50_000, NOON.timestamp() * 1e6).astype("datetime64[us]")
    keys = {"request_id": ["r"] * 50_000, "row": np.arange(50_000), "at": pa.array(at, pa.timestamp("us", "UTC"))}
    table = predictions.mapped(predictions._opened(repeated("input.ward", "w" * files.TEXT, 50_000, **keys)))
    assert table.num_rows == 50_000
    assert table.nbytes < 4 << 20
    assert pa.total_allocated_bytes() - before < 64 << 20


def test_a_file_that_was_laid_down_before_its_time_is_left_out(world: World) -> None:
    """Each evening could be arranged for months ahead."""
    world.serve(asked(60, 35), files=1)
    world.log_file(of_the_log(), NOON.timestamp(), "ab", NOON - 3 * DAY)
    check, text = looked(world)
    assert (check.rows, figure(text, "files_unread")) == (60, 1)
    assert any("it was there before its time" in each for each in check.notes)


def test_files_of_many_forms_push_out_none_of_what_servers_write(world: World) -> None:
    before = (END - DAY - HOUR).timestamp()
    for number in range(70):
        table = of_the_log(2).append_column(f"input.other_{number}", [[1.0, 2.0]])
        world.log_file(table, before + number, f"{number:032x}", NOON + HOUR)
    world.serve(asked(60, 36), END, files=1, first=1_000)
    check, text = looked(world)
    assert check.rows == 60 + 2, "whose requests are of one name"
    assert figure(text, "files_unread") == 71 - 8 + 1, "and their rows say other things of the same requests"


def test_an_object_that_cannot_be_opened_is_no_matter_of_rights() -> None:
    class Answers:
        def __init__(self, code: str) -> None:
            self.code = code

        def get_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": self.code, "Message": "MRN-4711"}}, "GetObject")

    told = settings.Place("s3://records/labels/model=readmission")
    for code, kind in (("InvalidRequest", Odd), ("InvalidObjectState", Odd), ("AccessDenied", Refused)):
        for named in (True, False):
            with pytest.raises(Refused) as refused:
                Place.of(Answers(code), told, named).get("MRN48817263_Smith.parquet", 9)
            assert type(refused.value) is kind
            assert ("Smith" in str(refused.value)) == named


LABELLED: Final[Mapping[str, Callable[[], bytes]]] = {
    "words": lambda: packed(pa.table({"request_id": ["request-0"], "row": [0], "label": ["MRN-4711"]})),
    "no Parquet": lambda: b"PAR1 MRN-4711",
    "no outcome": lambda: packed(pa.table({"request_id": ["request-0"], "row": [0]})),
    "lists": lambda: packed(pa.table({"request_id": ["request-0"], "row": [0], "label": [[4711.0]]})),
}


def test_files_of_labels_that_are_none_are_left_out_without_their_names(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    matrix = asked(600, 37)
    world.serve(matrix)
    for number, made in enumerate(LABELLED.values()):
        world.put(PHI, f"labels/model={NAME}/Jane-MRN-4711-{number}.parquet", made(), NOON)
    world.put(PHI, f"labels/model={NAME}/told.parquet", labels(0, came(matrix, 38) == 1), NOON)
    check, text = looked(world)
    assert (figure(text, "outcomes"), figure(text, "outcomes_joined")) == (600, 600)
    assert figure(text, "files_unread") == len(LABELLED)
    assert [each.rows for each in check.tests if each.test == "auroc_binned"] == [600]
    assert any(each.startswith("A file of labels, of 2026-11-29 15:00 is left out: ") for each in check.notes)
    said = capfd.readouterr()
    assert "4711" not in said.out + said.err + text + "".join(check.notes)


def test_days_that_do_not_exist_or_have_not_come_push_out_no_other(world: World) -> None:
    matrix, then = asked(600, 39), END - 10 * DAY
    world.serve(matrix, then)
    world.serve(asked(60, 40), files=1, first=9_000)
    junk = labels(800_000, np.ones(2, bool))
    for number in range(45):
        world.put(PHI, f"labels/model={NAME}/date={2099 + number}-01-01/a.parquet", junk, NOON)
    for day in ("0001-01-01", "9999-12-31", "2026-02-31", "2026-13-01"):
        world.put(PHI, f"labels/model={NAME}/date={day}/a.parquet", junk, NOON)
        world.put(PHI, f"predictions/model={NAME}/version=3/date={day}/120000-ab.parquet", b"", NOON)
    own = f"labels/model={NAME}/date={then - DAY / 2:%Y-%m-%d}/told.parquet"
    world.put(PHI, own, labels(0, came(matrix, 41) == 1), NOON)
    check, text = looked(world)
    assert (figure(text, "outcomes"), figure(text, "outcomes_joined")) == (602, 600)
    assert [each for each in check.tests if each.name == LABELS]


def outcomes_of(world: World, version: str, rows: int, first: int, then: datetime = END - 30 * DAY) -> None:
    """What a version answered a month ago came true otherwise than it had said."""
    matrix = asked(rows, first)
    world.serve(matrix, then, files=1, first=first, version=version)
    random = np.random.default_rng(first).random(rows) < 0.3
    for day in {f"{then - DAY:%Y-%m-%d}", f"{then:%Y-%m-%d}"}:
        world.put(PHI, f"labels/model={NAME}/date={day}/told-{version}.parquet", labels(first, random), NOON)


def test_outcomes_of_the_version_before_tell_that_the_model_is_right_no_more(world: World) -> None:
    """Where versions change sooner than outcomes come, none would ever be of the one that serves."""
    world.serve(asked(900, 52))
    outcomes_of(world, "1", 1_500, 50_000)
    outcomes_of(world, "2", 1_500, 60_000)
    check, text = looked(world)
    assert (figure(text, "outcomes"), figure(text, "outcomes_joined")) == (3_000, 3_000)
    assert check.kind == "quality"
    assert "Outcomes are of versions 1, 2 together: too few are of 3." in check.notes


def test_where_enough_are_of_the_version_that_serves_it_is_judged_by_those_alone(world: World) -> None:
    matrix = asked(900, 53)
    world.serve(matrix)
    outcomes_of(world, "2", 1_500, 60_000)
    world.put(PHI, f"labels/model={NAME}/told.parquet", labels(0, came(matrix, 54) == 1), NOON)
    check, text = looked(world)
    assert (figure(text, "outcomes"), figure(text, "outcomes_joined")) == (2_400, 2_400)
    assert check.kind == "none"
    assert [each.rows for each in check.tests if each.test == "auroc_binned"] == [900]
    assert not [each for each in check.notes if "together" in each]


def test_outcomes_that_are_neither_0_nor_1_hide_no_others(world: World) -> None:
    """Ten of no such kind, and a model that was right no more had no AUROC, and an error that nothing was above."""
    world.serve(asked(60, 56), files=1)
    outcomes_of(world, "3", 1_500, 60_000)
    codes = pa.array([-1e5] * 9 + [-1e9, np.nan, None])
    keys = {"request_id": [f"request-{60_000 + place - place % 2}" for place in range(12)], "row": [0, 1] * 6}
    then = END - 30 * DAY
    name = f"labels/model={NAME}/date={then - DAY:%Y-%m-%d}/unknown.parquet"
    world.put(PHI, name, packed(pa.table({**keys, "label": codes})), NOON + HOUR)
    check, text = looked(world)
    assert check.kind == "quality"
    assert {"auroc_drop_binned", "calibration"} <= {each.test for each in check.tests if each.drifted}
    assert (figure(text, "files_unread"), figure(text, "outcomes_joined")) == (1, 1_500)
    (note,) = (each for each in check.notes if "neither" in each)
    assert note.endswith(" is left out in part: 10 of its outcomes are neither 0 nor 1.")


def test_outcomes_of_which_no_prediction_is_known_are_counted(world: World) -> None:
    world.serve(asked(60, 55), files=1)
    world.put(PHI, f"labels/model={NAME}/told.parquet", labels(700_000, np.ones(40, bool)), NOON)
    check, text = looked(world)
    assert (figure(text, "outcomes"), figure(text, "outcomes_joined")) == (40, 0)
    assert not [each for each in check.tests if each.name == LABELS and each.test.startswith("auroc_b")]


def age(text: str, what: str) -> int:
    (line,) = (each for each in text.splitlines() if each.startswith(f"parapet_monitor_outcomes_{what}_seconds{{"))
    return int(line.split()[-1])


def test_outcomes_that_do_not_come_are_missed_since_the_last_ones_whichever_version_serves(world: World) -> None:
    """Before any came, since the model is asked; a file without any is none. What is due is declared."""
    matrix = asked(400, 81)
    told = []
    for day in range(4):
        end = END + day * DAY
        world.serve(matrix, end, first=1000 * day)
        if day == 1:
            world.put(PHI, f"labels/model={NAME}/some.parquet", labels(1000, came(matrix, 3)), came=end - DAY / 2)
        if day == 2:
            world.put(PHI, f"labels/model={NAME}/none.parquet", labels(0, []), came=end - DAY / 2)
        if day == 3:
            state = read_state(world.get(f"{REPORTS}state.json"))
            world.put(ARTIFACTS, f"{REPORTS}state.json", structs.replace(state, model=f"{NAME}@2").raw)
        told.append(looked(world, end)[1])
    assert [age(text, "age") for text in told] == [27 * 3600, 12 * 3600, 36 * 3600, 60 * 3600]
    assert {age(text, "due") for text in told} == {45 * 86_400}


def test_a_check_that_comes_after_years_of_outcomes_does_not_miss_them(world: World) -> None:
    """One of before wrote nothing down of when they came."""
    for number in (0, 60):
        world.serve(asked(60, 91 + number), END - number * DAY, files=1, first=1_000 * number)
    world.put(PHI, f"labels/model={NAME}/of-before.parquet", labels(0, []), came=END - 9 * DAY)
    assert age(looked(world)[1], "age") == 9 * 86_400


def test_no_letter_that_cannot_be_seen_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """A name of an object could turn the line of a terminal round, or colour it."""
    assert daily._say("a \x1b[31m\u202e name\x07 of\nan object") == 1
    assert capfd.readouterr().err == "parapet: a ?[31m? name? of an object\n"


# What the model's own pod may write beside its rows


def sick(rows: int, seed: int) -> Any:
    """Of whom the check hears."""
    matrix = asked(rows, seed)
    matrix[:, 1] += 25
    return matrix


def test_rows_that_were_there_are_not_put_away_by_a_file_whose_name_sorts_before_them(world: World) -> None:
    """With their requests and calm values it was the one that counted: nothing had drifted, and nobody was told."""
    matrix = sick(600, 41)
    world.serve(matrix)
    at = np.sort(np.linspace((END - DAY).timestamp(), END.timestamp() - 1, 600))
    world.log_file(log(asked(600, 42), at), at[0], "0", END)
    check, text = looked(world)
    assert check.rows == 600
    assert check.columns["heart_rate"].drifted
    assert figure(text, "files_unread") == 1
    (note,) = (each for each in check.notes if "with other values" in each)
    assert note.startswith("600 rows are in the log more than once with other values")


def test_a_row_that_a_server_wrote_again_is_no_contradiction(world: World) -> None:
    at = np.sort(np.linspace((END - DAY).timestamp(), END.timestamp() - 1, 60))
    for number in range(2):
        world.log_file(log(asked(60, 43), at), at[0], f"{number}", END - HOUR)
    check, text = looked(world)
    assert (check.rows, figure(text, "files_unread")) == (60, 0)
    assert not [each for each in check.notes if "with other values" in each]


def test_answers_of_days_long_gone_are_not_written_today(world: World) -> None:
    """Late outcomes found a good model, or a bad one, that never was."""
    then = END - 14 * DAY
    matrix = asked(600, 44)
    world.serve(matrix, then)
    world.serve(asked(60, 45), END, files=1, first=9_000)
    world.put(
        PHI, f"labels/model={NAME}/date={then - DAY:%Y-%m-%d}/1.parquet", labels(0, came(matrix, 7) == 0), END - HOUR
    )
    at = np.sort(np.linspace((then - DAY).timestamp(), then.timestamp() - 1, 600))
    forged = log(matrix, at)
    place = forged.column_names.index("output.readmitted_30d")
    forged = forged.set_column(place, "output.readmitted_30d", pa.array(1 - forged["output.readmitted_30d"].to_numpy()))
    world.log_file(forged, at[0], "0", END - HOUR)
    check, text = looked(world)
    assert figure(text, "outcomes_joined") == 600
    assert "auroc_drop_binned" in {each.test for each in check.tests if each.drifted}
    assert figure(text, "files_unread") == 1
    assert any("1 files of the log came more than 3 days after their time" in each for each in check.notes)


def test_no_column_of_the_log_is_an_outcome(world: World) -> None:
    """A pod said by one how often its own model was right."""
    world.serve(asked(60, 46), files=1)
    at = np.full(600, NOON.timestamp())
    table = log(asked(600, 47), at, 1_000).append_column(f"input.{LABELS}", [np.zeros(600)])
    world.log_file(table, NOON.timestamp(), "ab", NOON + HOUR)
    check, text = looked(world)
    assert (check.rows, figure(text, "files_unread")) == (60, 1)
    assert not [each for each in check.tests if each.test in ("auroc_drop", "brier_rise", "calibration")]


def test_what_the_profile_has_not_is_a_name_and_a_type_and_carries_no_text(world: World) -> None:
    """Two hundred columns of one long text each, in a file of some megabytes, were the end of the check."""
    world.serve(asked(60, 48), files=1)
    table = log(asked(2_000, 49), np.full(2_000, NOON.timestamp()), 1_000)
    for number in range(40):
        note = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_000, np.int32)), pa.array(["n" * 300]))
        table = table.append_column(f"input.note_{number}", note)
    world.log_file(table, NOON.timestamp(), "ab", NOON + HOUR)
    check, text = looked(world)
    assert (check.rows, figure(text, "files_unread")) == (2_060, 0)
    assert check.kind == "schema"
    assert len([each for each in check.tests if each.kind == "schema" and each.drifted]) >= 40


def test_the_texts_of_a_file_are_bounded_over_all_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNPACKED", 1 << 20)
    rows = 2_000
    note = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["n" * 300]))
    for columns, taken in ((1, True), (2, False)):
        raw = packed(pa.table({f"input.note_{number}": note for number in range(columns)}), compression="zstd")
        if taken:
            assert files.table(raw, rows, lambda _: True).num_rows == rows
        else:
            with pytest.raises(Unread, match="texts of more than 1 MiB"):
                files.table(raw, rows, lambda _: True)


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_outcomes_are_read_in_whatever_encoding_a_job_writes(encoding: str) -> None:
    """Spark's and DuckDB's second version of Parquet writes deltas of texts, and was left out as an OSError."""
    told = {"request_id": [f"request-{number}" for number in range(50)], "row": [0] * 50, "label": [1.0, 0.0] * 25}
    raw = packed(pa.table(told), use_dictionary=False, column_encoding={"request_id": encoding})
    assert labels_of._read(raw)["_parapet_request"].to_pylist() == told["request_id"]


@pytest.mark.parametrize("bound", ["FILES", "LISTED"])
def test_of_more_files_than_one_look_opens_the_newest_days_are_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """A million of one byte were the end of each day's check, and not a word told."""
    world.serve(asked(60, 50), END - DAY, files=6, first=5_000)
    world.serve(asked(60, 51), END, files=6)
    monkeypatch.setattr(*((span, bound, 4) if bound == "FILES" else (predictions, bound, 8)))
    check, text = looked(world)
    assert check.rows == (40 if bound == "FILES" else 60)
    assert figure(text, "files_unread") == 1
    (note,) = (each for each in check.notes if "more files than are looked at" in each)
    assert "none of the days before it" in note


def test_of_more_days_than_there_are_those_of_a_window_are_taken_for_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "MOST", 5)
    for number in range(9):
        world.put(PHI, f"predictions/model={NAME}/version=3/date=2026-02-3{number}/x", b"", END)
    world.serve(asked(60, 52), files=1)
    check, _ = looked(world)
    assert check.rows == 60
