"""One caller is no more of what judges see than all others together."""

from collections import Counter
from collections.abc import Iterable

from parapet_serving.telling.judged import ALONE, CALLERS, FIRST, FLOOR, MOST, PERIOD, Judged


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counted(judged: Judged, clock: Clock, calls: Iterable[tuple[float, str, int]]) -> Counter[str]:
    """What counts of each caller's: at these seconds, in order."""
    begun, found = clock.now, Counter[str]()
    for at, caller, much in sorted(calls):
        clock.now = begun + at
        found[caller] += judged.take(caller, much)
    return found


def steadily(caller: str, per_second: float, seconds: float, much: int = 1) -> list[tuple[float, str, int]]:
    return [(number / per_second, caller, much) for number in range(int(seconds * per_second))]


def test_who_asks_alone_is_all_that_is_seen() -> None:
    clock = Clock()
    found = counted(Judged(clock), clock, steadily("alone", 50, 60))
    assert found["alone"] >= 50 * (60 - FIRST - 1)
    assert counted(Judged(clock), clock, steadily("alone", 1, 60, 4096))["alone"] >= MOST * 5


def test_who_floods_is_at_most_a_half() -> None:
    clock = Clock()
    calls = [*steadily("ward", 20, 300), *steadily("flood", 500, 300)]
    found = counted(Judged(clock), clock, calls)
    assert found["ward"] == 6000, "what the others ask is all there"
    assert found["flood"] <= found["ward"] * 1.1


def test_who_comes_first_is_not_alone() -> None:
    """A new version's pods have just started where it is judged."""
    clock = Clock()
    judged = Judged(clock)
    assert judged.take("flood", 4096) == FLOOR
    assert judged.take("ward") == 1
    clock.now += FIRST + 1
    assert judged.take("flood", 4096) <= FLOOR


def test_rows_are_no_other_way_to_flood() -> None:
    clock = Clock()
    calls = [*steadily("ward", 20, 100), *steadily("flood", 5, 100, 4096)]
    found = counted(Judged(clock), clock, calls)
    assert found["ward"] == 2000
    assert found["flood"] <= found["ward"] * 1.1


def test_callers_who_ask_alike_are_all_seen() -> None:
    clock = Clock()
    calls = [call for place, who in enumerate("abc") for call in steadily(who, 10 + place / 100, 100)]
    found = counted(Judged(clock), clock, calls)
    assert sum(found.values()) > 0.99 * len(calls)


def test_one_call_of_another_hides_nobody() -> None:
    """Else who asks once would be all that is seen afterwards."""
    clock = Clock()
    judged = Judged(clock)
    counted(judged, clock, steadily("ward", 100, 60))
    clock.now += PERIOD
    assert judged.take("flood") == 1
    found = counted(judged, clock, [*steadily("ward", 100, 30), *steadily("flood", 500, 30)])
    assert found["ward"] == 3000
    assert found["flood"] <= found["ward"] * 1.5
    clock.now += PERIOD
    after = counted(judged, clock, steadily("ward", 100, 2 * ALONE))
    assert after["ward"] > 100 * (ALONE - PERIOD), "and nobody waits long to be alone again"
    assert after["ward"] >= FLOOR * 2 * ALONE / PERIOD


def test_who_asks_seldom_is_seen_beside_who_asks_much() -> None:
    clock = Clock()
    found = counted(Judged(clock), clock, [*steadily("much", 50, 300), *steadily("seldom", 0.1, 300)])
    assert found["seldom"] == 30
    assert found["much"] >= FLOOR * 300 / PERIOD * 0.9


def test_callers_without_end_take_no_room_without_end() -> None:
    clock = Clock()
    judged = Judged(clock)
    for number in range(CALLERS + 1000):
        judged.take(str(number))
    assert len(judged._of) == CALLERS
