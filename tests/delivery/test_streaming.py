"""Large files through the server: in pieces, with nothing of them on its disk, and little in its memory."""

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.delivery.conftest import client
from tests.delivery.mlflow import ALICE, BUCKET, Mlflow
from tests.delivery.test_disposal import API, PROXY, ask, experiment

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

MIB = 2**20
SIZE = 300 * MIB


class Watched(threading.Thread):
    """The most that a server's processes had in memory, and that lay in its folder for files, beyond the beginning."""

    def __init__(self, mlflow: Mlflow) -> None:
        super().__init__(daemon=True)
        assert mlflow.process
        self._folder, process = mlflow.temporary, psutil.Process(mlflow.process.pid)
        self._processes = process.children(recursive=True)
        self._begun, self._lay = self._memory(), self._files()
        self.memory = self.disk = 0
        self._ended = threading.Event()

    def _memory(self) -> int:
        return sum(each.memory_info().rss for each in self._processes)

    def _files(self) -> int:
        return sum(size(each) for each in self._folder.rglob("*"))

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self.memory = max(self.memory, self._memory() - self._begun)
            self.disk = max(self.disk, self._files() - self._lay)

    def end(self) -> None:
        self._ended.set()
        self.join()


def size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() and "prometheus" not in file.parts else 0
    except FileNotFoundError:
        return 0


def zeros(length: int) -> Iterator[bytes]:
    for _ in range(length // MIB):
        yield bytes(MIB)


def new_run(mlflow: Mlflow) -> tuple[str, str]:
    of = experiment(mlflow)
    run = str(ask(mlflow, "POST", f"{API}/runs/create", experiment_id=of)["run"]["info"]["run_id"])
    return run, f"{of}/{run}/artifacts/large.bin"


def test_a_large_file_passes_through(shared: Mlflow) -> None:
    run, place = new_run(shared)
    watched = Watched(shared)
    watched.start()
    assert shared.call("PUT", f"{PROXY}/{place}", ALICE, data=zeros(SIZE)).ok
    s3 = client(shared.endpoint, "s3")
    assert s3.head_object(Bucket=BUCKET, Key=f"{shared.prefix}/{place}")["ContentLength"] == SIZE
    for path in (f"{PROXY}/{place}", f"/get-artifact?run_id={run}&path=large.bin"):
        with requests.get(shared.url + path, auth=ALICE, stream=True, timeout=60) as answer:
            assert answer.ok
            assert (answer.headers["content-length"], answer.headers["x-content-type-options"]) == (
                str(SIZE),
                "nosniff",
            )
            assert "attachment" in answer.headers["content-disposition"]
            time.sleep(0.5)  # a client that is slower than S3
            assert sum(len(piece) for piece in answer.iter_content(MIB)) == SIZE
    watched.end()
    assert watched.disk < MIB
    assert watched.memory < 150 * MIB


def test_bytes_arrive_as_they_were_sent(shared: Mlflow) -> None:
    run, place = new_run(shared)
    body = b"".join(hashlib.sha256(bytes([number % 256])).digest() for number in range(2**19 + 1))
    pieces = [body[start : start + 999_983] for start in range(0, len(body), 999_983)]
    assert shared.call("PUT", f"{PROXY}/{place}", ALICE, data=iter(pieces)).ok
    of_flask = f"/get-artifact?run_id={run}&path=large.bin"
    for path in (f"{PROXY}/{place}", of_flask):
        assert shared.call("GET", path, ALICE).content == body
        part = shared.call("GET", path, ALICE, headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, body[5:10])
        assert part.headers["content-range"] == f"bytes 5-9/{len(body)}"
    for path in (f"{PROXY}/{place}x", f"{of_flask}x"):
        assert shared.call("GET", path, ALICE).status_code == 404


def test_an_upload_whose_client_goes_away_leaves_nothing(shared: Mlflow) -> None:
    _, place = new_run(shared)

    def breaks_off() -> Iterator[bytes]:
        yield from zeros(24 * MIB)
        raise InterruptedError

    with pytest.raises(requests.ConnectionError):
        shared.call("PUT", f"{PROXY}/{place}", ALICE, data=breaks_off())
    s3 = client(shared.endpoint, "s3")
    key = f"{shared.prefix}/{place}"

    def begun() -> bool:
        return key in {each["Key"] for each in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())}

    for _ in range(100):
        if not begun():
            break
        time.sleep(0.1)
    assert not begun()
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 0
