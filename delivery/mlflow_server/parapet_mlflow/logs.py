"""What a process writes about itself holds no value of a request: words that stand in a program, and where.

MLflow logs pieces of parameters that were too long, names of files, SQL with what was put into it; so do the libraries
under it, and each new version will in other places. So no message is looked at for what may be in it. One passes if it
is a constant of the function that logs it, without its arguments. Of any other, of a warning and of an exception, the
place in the program is told, and the exception's type.
"""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final, TextIO

WITHHELD: Final = "words that were made of values, which are left out"
_LOGGING: Final = (logging.__file__, __file__)
_DEEPEST: Final = 60
"""Places of one traceback that are told: what calls itself without end fails with a thousand."""
_WIDEST: Final = 8
"""Exceptions of one chain, or group, that are told."""


def install() -> None:
    """For all that this process writes from now on, by whichever library. Doing it again adds nothing."""
    logging.setLogRecordFactory(_record)
    warnings.showwarning = _warn
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda told: say(told.exc_value or told.exc_type, "ignored")
    threading.excepthook = lambda told: say(told.exc_value or told.exc_type, "uncaught in a thread")


def told(error: BaseException) -> str:
    """An exception with what caused it, as types and places."""
    return "\n".join(line for one in _chain(error) for line in _lines(one))


def say(error: BaseException | type[BaseException], how: str) -> None:
    """Writes it to standard error, after words that hold no value."""
    words = told(error) if isinstance(error, BaseException) else error.__name__
    print(f"{how}: {words}", file=sys.stderr, flush=True)


def _record(
    name: str,
    level: int,
    path: str,
    line: int,
    message: Any,
    _values: Any,
    info: Any,
    function: str | None = None,
    _stack: str | None = None,
    **more: Any,
) -> logging.LogRecord:
    error = info[1] if info else None
    if not _is_constant(message):
        message = f"{_place(path)}:{line} {function}: {WITHHELD}"
        if level >= logging.ERROR and error is None:
            # Often the message was the exception's.
            error = sys.exc_info()[1]
    made = logging.LogRecord(name, level, path, line, message, (), None, function, None, **more)
    if error is not None:
        # Formatters write this down as it is, and look at no exception then.
        made.exc_text = told(error)
    return made


def _is_constant(message: Any) -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame and frame.f_code.co_filename in _LOGGING:
        frame = frame.f_back
    return isinstance(message, str) and frame is not None and message in frame.f_code.co_consts


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"{_place(filename)}:{lineno}: {category.__name__}", file=file or sys.stderr, flush=True)


def _uncaught(_type: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    say(error, "uncaught")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """What caused it comes last."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _WIDEST:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        # A group's own, of whatever kind of group.
        waiting += [each for each in getattr(one, "exceptions", ()) if isinstance(each, BaseException)]
        waiting += [each for each in (one.__cause__, one.__context__) if each is not None]


def _lines(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    places, trace = list[str](), error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"  {_place(code.co_filename)}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    yield from places[-_DEEPEST:]


def _place(path: str) -> str:
    """A file of a library from its name on."""
    return path.rpartition(f"site-packages{os.sep}")[2]
