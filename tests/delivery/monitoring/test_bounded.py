"""Files whose headers lie: some kilobytes that unpack to gigabytes, in what a check reads and in what people give."""

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.monitoring import bounded as bounding
from delivery.monitoring import lines
from delivery.monitoring.bounded import bounded
from delivery.monitoring.daily import __main__ as daily
from delivery.monitoring.daily import opening, predictions, settings
from delivery.monitoring.daily.files import Unread
from delivery.monitoring.daily.opening import Opener

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
MIB = 1 << 20
LITTLE = 256 * MIB
KEYS = ("request_id", "row", "at")


def varint(number: int, size: int = 0) -> bytes:
    """As Thrift's compact protocol writes it, longer than need be where a size is asked for."""
    number, out = number << 1, bytearray()
    while number > 127 or len(out) + 1 < size:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def bomb(text_bytes: int) -> bytes:
    """One row, whose text unpacks to this, in a file whose footer says 100 bytes."""
    told = {"request_id": ["a"], "row": [0], "at": [0], "input.note": pa.array(["\0" * text_bytes], pa.large_string())}
    out = pa.BufferOutputStream()
    pq.write_table(pa.table(told), out, compression="zstd", use_dictionary=False, write_statistics=False)
    raw = bytes(out.getvalue().to_pybytes())
    group = pq.ParquetFile(pa.BufferReader(raw)).metadata.row_group(0)
    for size in (group.column(3).total_uncompressed_size, group.total_byte_size):
        written = varint(size)
        at = raw.index(written, len(raw) - 8 - int.from_bytes(raw[-8:-4], "little"))
        raw = raw[:at] + varint(100, len(written)) + raw[at + len(written) :]
    return raw


def whole() -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"request_id": ["a"], "row": [0], "at": [0], "input.note": ["a"]}), out)
    return bytes(out.getvalue().to_pybytes())


def test_a_file_that_unpacks_to_more_than_it_says_is_left_out_and_the_next_one_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It had two gigabytes of a check's own memory, of 20 KB, and a pod is killed without a word."""
    raw, opener = bomb(100 * MIB), Opener(160 * MIB)
    assert len(raw) < 50_000
    assert pq.ParquetFile(pa.BufferReader(raw)).metadata.row_group(0).column(3).total_uncompressed_size == 100
    monkeypatch.setattr(predictions, "OPENER", opener)
    try:
        with pytest.raises(Unread, match=r"^it takes more than 160 MiB of memory or 60 seconds to open$"):
            predictions._opened(raw)
        assert opener.table(whole(), 1, KEYS, ("input.",)).num_columns == 4
        assert opener.rows_of(raw, 1) == 1
    finally:
        opener.close()


def test_files_that_take_long_take_no_more_than_a_share_of_the_hour_together_and_end_no_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After twenty of 20 KB a check was refused, looked at nothing, and came back to the same files for a week; and
    sixty that each took 55 seconds had its hour."""
    clock = [0.0]
    monkeypatch.setattr(opening, "monotonic", lambda: clock[0])
    opener = Opener(seconds=60, together=100)
    ends = opening.pa.ipc.open_stream

    def long(*given: Any) -> Any:
        clock[0] += 25
        return ends(*given)

    monkeypatch.setattr(opening.pa.ipc, "open_stream", long)
    try:
        assert [opener.table(whole(), 1, KEYS).num_rows for _ in range(4)] == [1] * 4
        for _ in range(30):
            with pytest.raises(Unread, match=r"^the files before it took the 100 seconds that all may take to open$"):
                opener.table(whole(), 1, KEYS)
    finally:
        opener.close()


def test_however_many_files_end_the_process_the_next_one_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that ends before it has read the file."""

    def dead(_: Opener) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["false"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.wait()
        return process

    opener = Opener()
    with monkeypatch.context() as ends:
        ends.setattr(Opener, "_begun", dead)
        for _ in range(25):
            with pytest.raises(Unread, match="60 seconds to open"):
                opener.table(whole(), 1, KEYS)
    try:
        assert opener.table(whole(), 1, KEYS).num_rows == 1
    finally:
        opener.close()


def takes() -> int:
    return len(bytearray(LITTLE))


def waits() -> int:
    time.sleep(60)
    return 0


def dies() -> int:
    os.write(2, b"MRN-4711: terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.kill(os.getpid(), signal.SIGTERM)
    return 0


@pytest.mark.parametrize(("work", "why"), [(takes, "MemoryError"), (waits, "SIGKILL"), (dies, "SIGTERM")])
def test_what_takes_the_machine_ends_with_one_line(
    capfd: pytest.CaptureFixture[str], work: Callable[[], int], why: str
) -> None:
    assert bounded(work, LITTLE, 0.5 if work is waits else 60) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("parapet: What was given took more than 256 MiB of memory or ")
    assert f"({why})" in said.err
    assert said.err.count("\n") == 1
    assert "4711" not in said.err


def test_what_keeps_to_it_answers_as_it_would(capfd: pytest.CaptureFixture[str]) -> None:
    def works() -> int:
        print("found")
        os.write(2, b"parapet: no\n")
        return 3

    assert bounded(works) == 3
    assert capfd.readouterr() == ("found\n", "parapet: no\n")


def test_a_packed_line_of_gigabytes_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = tmp_path / "rows.csv.gz", list[int]()
    with gzip.open(path, "wb", 1) as file:
        file.write(b"a,b\n" + b"x" * (16 * MIB))
    plain = gzip.GzipFile.read1

    def counted(self: gzip.GzipFile, size: int = -1) -> bytes:
        asked.append(len(found := plain(self, size)))
        return found

    monkeypatch.setattr(gzip.GzipFile, "read1", counted)
    assert lines.uneven(path) is None
    assert 0 < sum(asked) < 2 * lines.LONGEST


def test_a_file_is_opened_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[dict[str, str]]()

    def popen(_: Sequence[str], *, env: dict[str, str], **__: Any) -> None:
        begun.append(env)
        raise OSError

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "no")
    monkeypatch.setattr(opening.subprocess, "Popen", popen)
    with pytest.raises(OSError, match=r"^$"):
        Opener().rows_of(b"", 1)
    assert not [name for name in begun[0] if name.startswith("AWS")]


@pytest.mark.skipif("sys.platform != 'linux'", reason="of Linux' limits")
def test_what_opens_a_file_can_open_nothing_else_and_still_reads_each_form(tmp_path: Path) -> None:
    """It had its pod's token within reach, and whoever gives credentials for that: they were not in its environment,
    and no more."""
    opener = Opener()
    try:
        assert opener.table(whole(), 1, KEYS).num_rows == 1
        assert opener._process
        limits = Path(f"/proc/{opener._process.pid}/limits").read_text()
        assert re.search(r"^Max open files +0 +0 ", limits, re.MULTILINE)
        rows = {
            "request_id": ["a", "b"] * 500,
            "row": pa.array([0, None] * 500, pa.int64()),
            "at": pa.array([0, 1] * 500, pa.timestamp("us", "UTC")),
            "input.day": pa.array([0, 1] * 500, pa.date32()),
            "input.ward": pa.array(["icu", None] * 500).dictionary_encode(),
            "input.sure": [True, None] * 500,
        }
        for codec in ("none", "snappy", "gzip", "brotli", "lz4", "zstd"):
            for version in ("1.0", "2.0"):
                out = pa.BufferOutputStream()
                pq.write_table(pa.table(rows), out, compression=codec, data_page_version=version)
                assert opener.table(out.getvalue().to_pybytes(), 1000, KEYS, ("input.",)).num_rows == 1000
        with pytest.raises(Unread, match="ArrowInvalid"):
            opener.table(b"PAR1 nothing", 1, KEYS)
    finally:
        opener.close()


def test_another_answer_than_was_asked_for_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may be no longer what was begun."""
    opener = Opener()
    for told in ("table", -1, 2, "1", [1], None):
        monkeypatch.setattr(Opener, "_told", lambda *_, told=told: told)
        with pytest.raises(Unread, match="another answer"):
            opener.rows_of(b"", 1)
        with pytest.raises(Unread, match="another answer"):
            opener.table(b"", 1, KEYS)
    monkeypatch.setattr(Opener, "_told", lambda *_: pa.table({"row": [0, 1]}))
    with pytest.raises(Unread, match="another answer"):
        opener.table(b"", 1, KEYS)


LOOKS = """
import subprocess
LOOK = f"print(b'TOKEN=' in open('/proc/{os.getpid()}/environ', 'rb').read())"
def looks():
    found = subprocess.run([sys.executable, "-Ic", LOOK], capture_output=True, text=True)
    return found.stdout or found.stderr.splitlines()[-1].partition(":")[0]
print(looks(), end="")
unreadable()
print(looks())
"""


@pytest.mark.skipif("sys.platform != 'linux'", reason="of Linux' processes")
def test_what_a_check_starts_cannot_look_into_it() -> None:
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}  # root may look at all
    python = getattr(sys, "_base_executable", sys.executable)
    program = Path(bounding.__file__).read_text() + LOOKS
    told = subprocess.run(
        [python, "-Ic", program], env={"TOKEN": "of its pod"}, cwd="/", capture_output=True, text=True, **nobody
    )
    assert (told.stdout, told.stderr) == ("True\nPermissionError\n", "")


@pytest.mark.parametrize("pod", [1 << 30, 4 << 30, (6 << 30) + 1])
def test_check_and_opener_together_have_what_their_pod_has(pod: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was four and two gigabytes, of a pod's four."""
    done = list[int]()
    monkeypatch.setattr(daily, "limit", done.append)
    monkeypatch.setattr(daily, "unreadable", lambda: done.append(0))
    monkeypatch.setattr(daily, "OPENER", opener := Opener())
    place = settings.Place("s3://bucket/here")
    model = settings.Model("readmission", "3", "", settings.Environment.PROD, [], "s3://bucket/here")
    with daily._alone(settings.Settings(model, place, place, place, memory_bytes=pod)):
        assert done == [0, pod - opener.memory]
        assert pod // 4 < opener.memory < pod // 2


def test_a_check_that_is_not_through_in_time_says_so_and_tells_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pod was killed, and not a word told of outcomes and the pipeline."""
    program = """
import sys, time, types
from delivery.monitoring.daily import __main__ as daily
daily.LOOKS_SECONDS = 1
daily.settings.load = lambda _: types.SimpleNamespace(
    model=types.SimpleNamespace(name="readmission"), works_with=4 << 30, opens_with=2 << 30,
    window=None, runs=None, metrics=None)
daily.span.ending = lambda *_: None
daily.boto3.client = lambda *_, **__: None
daily.checked = lambda *_: time.sleep(60)
daily.answering.answer = lambda text, _: print(text)
sys.exit(daily.main(["x"], daily._alone))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, cwd=ROOT)
    assert told.returncode == 1
    assert told.stderr.startswith("parapet: It looked for drift for 1 seconds, and was not through: ")
    assert 'parapet_monitor_time_seconds{model="readmission"}' in told.stdout
