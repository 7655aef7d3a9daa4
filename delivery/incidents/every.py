"""All records, one after another, within a time: whoever may write into one may begin ten thousand."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, TypeVar

AT_ONCE: Final = 4
"""Records that are read at a time; the objects of each are eight at a time."""
FEW: Final = 100
"""Records that are read by name. Of more the newest come first: what somebody fills the names with lies there for
years, and most incidents that anybody asks for are of these days."""
SECONDS: Final = 180.0
"""For so long they are read: 10,000 of one object each take less, where S3 answers in 20 ms."""

T = TypeVar("T")


def each(
    names: Sequence[str], newest: Callable[[str], datetime | None], ask: Callable[[str], T]
) -> Iterator[tuple[str, T]]:
    """What is found of each as it comes; of those that the time does not reach, nothing. Raises what `ask` raises."""
    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        if len(names) > FEW:
            when = dict(_within(pool, newest, names, begun + SECONDS / 3))
            none = datetime.min.replace(tzinfo=UTC)
            names = sorted(names, key=lambda name: when.get(name) or none, reverse=True)
        yield from _within(pool, ask, names, begun + SECONDS)


def _within(
    pool: ThreadPoolExecutor, ask: Callable[[str], T], names: Iterable[str], until: float
) -> Iterator[tuple[str, T]]:
    waiting = deque[tuple[str, Future[T]]]()
    for name in names:
        if time.monotonic() > until:
            break
        waiting.append((name, pool.submit(ask, name)))
        if len(waiting) >= AT_ONCE:
            first, told = waiting.popleft()
            yield first, told.result()
    for first, told in waiting:
        yield first, told.result()
