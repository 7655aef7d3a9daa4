"""What a process writes about itself: constant words and places, whoever writes and of whatever."""

import subprocess
import sys
import textwrap

import pytest

from local.images import DELIVERY

IMAGE = DELIVERY / "mlflow_server"
MARK = "Jane-Doe-1234567"
HEAD = f"""
import logging, sys, threading, warnings
from parapet_mlflow import logs
logs.install()
logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
log = logging.getLogger("somebody.elses")
MARK = "-".join({MARK.split("-")})
"""


def written(program: str) -> str:
    """All that a program writes."""
    source = HEAD + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=IMAGE)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ('log.warning("A tag of %s is too long: %r", MARK, MARK)', "A tag of %s is too long: %r"),
        ('log.warning("The tag %(tag)s is too long", {"tag": MARK})', "The tag %(tag)s is too long"),
        ('log.warning("A plain text")', "WARNING somebody.elses: A plain text"),
        ('log.warning("100 %")', "100 %"),
        ('log.warning(f"A tag of {MARK}")', "<string>:8 <module>: words that were made of values"),
        ('log.warning("A tag of " + MARK)', "left out"),
        ("log.warning(ValueError(MARK))", "left out"),
        ("log.warning(MARK)", "left out"),
        ('log.log(50, "%s" % MARK, stack_info=True)', "left out"),
        ('logging.warning("%s", MARK)', "WARNING root: %s"),
        ('logging.LoggerAdapter(log, {"a": MARK}).warning("A plain text")', "A plain text"),
        ("warnings.warn(f'about {MARK}')", "<string>:8: UserWarning"),
        ("logging.captureWarnings(True); warnings.warn(f'about {MARK}')", "left out"),
        ("raise ValueError(MARK)", "uncaught: builtins.ValueError\n  <string>:8 <module>"),
        ("t = threading.Thread(target=lambda: int(MARK)); t.start(); t.join()", "in a thread: builtins.ValueError"),
        ("class A:\n    def __del__(self): int(MARK)\nA()", "ignored: builtins.ValueError"),
        ('log.error("It failed", exc_info=ValueError(MARK))', "It failed\nbuiltins.ValueError"),
        ('raise ExceptionGroup(MARK, [KeyError(MARK)])', "ExceptionGroup\n  <string>:8 <module>\nbuiltins.KeyError"),
    ],
)  # fmt: skip
def test_only_constant_words_and_places_are_written(program: str, words: str) -> None:
    told = written(program)
    assert words in told
    assert MARK not in told


def test_an_exception_is_told_with_its_cause_by_type_and_place() -> None:
    told = written(
        """
        def inner():
            raise KeyError(MARK)
        try:
            try:
                inner()
            except KeyError as error:
                raise RuntimeError(f"{MARK}: {error}") from error
        except RuntimeError as error:
            log.error(f"It was {error}")
        """
    )
    assert MARK not in told
    assert "builtins.RuntimeError\n  <string>:15 <module>\nbuiltins.KeyError\n  <string>:13 <module>\n" in told
    assert "<string>:10 inner" in told


def test_what_calls_itself_without_end_is_cut_short() -> None:
    told = written("def f(): f()\nf()")
    assert "RecursionError" in told
    assert len(told.splitlines()) < 80
