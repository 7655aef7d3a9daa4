"""Two commands in turn, A B A B ..., so that a machine whose speed drifts slows both alike."""

import os
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def running_stack() -> Iterator[dict[str, str]]:
    """The environment of a stack that is up in a home of its own, and goes down in the end."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PARAPET_HOME": str(Path(folder) / ".parapet")}
        try:
            once(["./parapet", "up"], environment)
            yield in_shell(environment)
        finally:
            once(["./parapet", "down"], environment)


def in_shell(environment: dict[str, str], *options: str) -> dict[str, str]:
    """The environment of a shell that evaluated `./parapet env OPTIONS`."""
    script = f'eval "$({shlex.join(["./parapet", "env", *options])})" && env -0'
    told = subprocess.run(["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    return dict(entry.split("=", 1) for entry in told.stdout.decode().split("\0") if entry)


def once(command: Sequence[str], environment: dict[str, str]) -> float:
    """Wall-clock seconds of one run. Raises CalledProcessError, with what was said, where it fails."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - begun


def compare(name: str, ours: Sequence[str], floor: Sequence[str], *, most: float, runs: int = 7) -> None:
    """Measures pairs, after one that is not counted, and tells their ratio."""
    with running_stack() as environment:
        once(ours, environment), once(floor, environment)
        pairs = [(once(ours, environment), once(floor, environment)) for _ in range(runs)]
    tell(name, pairs, most, " ".join(ours), " ".join(floor))


def tell(name: str, pairs: Sequence[tuple[float, float]], most: float, ours: str, floor: str) -> None:
    """Prints the median of the ratios, the limit it is held to, and the median seconds of either side."""
    ratios = sorted(a / b for a, b in pairs)
    print(
        f"{name}: {statistics.median(ratios):.2f} "
        f"(at most {most}; {len(pairs)} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    print(f"  {ours}: median {statistics.median(a for a, _ in pairs):.2f} s")
    print(f"  {floor}: median {statistics.median(b for _, b in pairs):.2f} s")
