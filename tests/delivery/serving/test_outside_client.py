"""A client of the Open Inference Protocol that others wrote gets its predictions: Triton's."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.delivery.serving.bundles import NAME, RECORD, expected, row
from tests.delivery.serving.served import PATIENCE, Served

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

CLIENT = Path(__file__).with_name("outside_client.py")


def test_it_asks_by_bytes_and_by_json(served: Served, outside: Path) -> None:
    full = {**RECORD, "glucose": 110.0}
    command = [str(outside / "bin" / "python"), "-P", str(CLIENT), served.url, served.token(), NAME]
    done = subprocess.run([*command, json.dumps([row(full)] * 3)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sorted(told) == ["bytes, all", "bytes, named", "json, all", "json, named"]
    for answers in told.values():
        assert answers == pytest.approx([expected(full)] * 3, abs=1e-5)
