"""What was taken and let go is there for the next request, and is not had from the system again."""

import subprocess
import sys

from local.workspace import ROOT

PROGRAM = """
import resource, sys
import numpy as np
from parapet_serving import memory

def taken():
    return [np.ones(3_600_000, np.uint8) for _ in range(4)]  # as for a file of the prediction log

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep":
    assert memory.keep()
taken()
before = faults()
for _ in range(20):
    taken()
print(faults() - before)
"""


def faults(how: str) -> int:
    environment = {"PYTHONPATH": str(ROOT / "delivery" / "serving")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_page_is_had_once() -> None:
    assert faults("keep") < 1_000 < 10_000 < faults("as it likes")
