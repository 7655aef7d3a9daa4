"""The counts of tries, in the database: all workers and replicas have the same."""

import math
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from parapet_mlflow.login.limits import FORGOTTEN, Counted, Limit

# One statement counts and decides, so that of many tries at once each is the only one at its number.
COUNT: Final = text(
    """
    INSERT INTO parapet_log_in_tries AS t (key, tries, last, until)
    VALUES (:key, 1, clock_timestamp(), clock_timestamp())
    ON CONFLICT (key) DO UPDATE SET
        tries = CASE WHEN t.last < clock_timestamp() - make_interval(secs => :forgotten) THEN 1 ELSE t.tries + 1 END,
        last = clock_timestamp()
    WHERE t.until <= clock_timestamp()
    RETURNING tries
    """
)
PAUSE: Final = text(
    "UPDATE parapet_log_in_tries SET until = clock_timestamp() + make_interval(secs => :pause) WHERE key = :key"
)
LEFT: Final = text("SELECT extract(epoch FROM until - clock_timestamp()) FROM parapet_log_in_tries WHERE key = :key")
FORGET: Final = text("DELETE FROM parapet_log_in_tries WHERE key = :key")
TAKE_BACK: Final = text(
    "UPDATE parapet_log_in_tries SET tries = greatest(tries - 1, 0), until = clock_timestamp() WHERE key = :key"
)
CLEAN: Final = text(
    """
    DELETE FROM parapet_log_in_tries WHERE key IN (
        SELECT key FROM parapet_log_in_tries WHERE last < clock_timestamp() - make_interval(secs => :old)
        LIMIT 100 FOR UPDATE SKIP LOCKED)
    """
)


class Tries:
    """A try counts before it is made, and no longer once it was right: a hundred at once are a hundred tries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, counted: tuple[Counted, ...]) -> int:
        """Counts a try that may be made, and returns 0; else the seconds until one may be, and nothing is counted."""
        with self._engine.connect() as connection, connection.begin() as transaction:
            for each in counted:
                if wait := _begin(connection, each.key, each.limit):
                    transaction.rollback()
                    return wait
            connection.execute(CLEAN, {"old": 24 * FORGOTTEN})
        return 0

    def succeed(self, address: Counted, name: Counted) -> None:
        """Forgets the name's tries. The address's are one less: a log-in of one's own buys no guess at another's."""
        with self._engine.begin() as connection:
            connection.execute(TAKE_BACK, {"key": address.key})
            connection.execute(FORGET, {"key": name.key})


def _begin(connection: Connection, key: str, limit: Limit) -> int:
    tries = connection.scalar(COUNT, {"key": key, "forgotten": FORGOTTEN})
    if tries is None:
        left = connection.scalar(LEFT, {"key": key})
        return max(1, math.ceil(left or 0))
    if pause := limit.pause(tries):
        connection.execute(PAUSE, {"key": key, "pause": pause})
    return 0
