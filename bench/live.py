"""What `up --live` costs from nothing, over a plain `up`: a new home for each, all programs built; at most 1.5 times.

python -m bench.live [RUNS]
"""

import os
import sys
import tempfile
from pathlib import Path

from bench.pairs import once, tell

MOST = 1.5
LIVE, PLAIN = ("./parapet", "up", "--live"), ("./parapet", "up")


def run(command: tuple[str, ...]) -> float:
    """Seconds of one `up` from nothing; the stack goes down after it, uncounted."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PARAPET_HOME": str(Path(folder) / ".parapet")}
        try:
            return once(command, environment)
        finally:
            once(["./parapet", "down"], environment)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    tell("up --live", [(run(LIVE), run(PLAIN)) for _ in range(runs)], MOST, " ".join(LIVE), " ".join(PLAIN))


if __name__ == "__main__":
    main()
