"""The counts of tries, in the database: all workers and replicas have the same."""

import math
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from parapet_mlflow.login.limits import FORGOTTEN, Begun, Counted, Try
from parapet_mlflow.login.tables import asked

REMEMBERED: Final = 24 * FORGOTTEN
"""Seconds for which a row is there: so long is known who was right."""
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
KNOWN: Final = text("SELECT true FROM parapet_log_in_tries WHERE key = :key")
KNOW: Final = text(
    """
    INSERT INTO parapet_log_in_tries (key, tries, last, until) VALUES (:key, 0, clock_timestamp(), clock_timestamp())
    ON CONFLICT (key) DO UPDATE SET last = clock_timestamp()
    """
)
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

    def begin(self, tried: Try) -> Begun:
        """Counts a try that may be made; of one that may not, nothing is counted. Raises Outage."""
        with asked(), self._engine.connect() as connection, connection.begin() as transaction:
            known = bool(tried.known) and connection.scalar(KNOWN, {"key": tried.known})
            counted: list[Counted] = []
            for each in tried.counts[:1] if known else tried.counts:
                if (tries := connection.scalar(COUNT, {"key": each.key, "forgotten": FORGOTTEN})) is None:
                    wait = _left(connection, each)
                    transaction.rollback()
                    return Begun(wait=wait)
                counted.append(each)
                if pause := each.limit.pause(tries):
                    connection.execute(PAUSE, {"key": each.key, "pause": pause})
                if tries > each.limit.free:
                    break
            connection.execute(CLEAN, {"old": REMEMBERED})
        return Begun(tuple(counted))

    def succeed(self, tried: Try, begun: Begun) -> None:
        """Forgets the first count's tries. Of the others that it was added to it is taken back: a log-in of one's own
        buys no guess at another's. Raises Outage."""
        with asked(), self._engine.begin() as connection:
            connection.execute(FORGET, {"key": tried.counts[0].key})
            for each in begun.counted[1:]:
                connection.execute(TAKE_BACK, {"key": each.key})
            if tried.known:
                connection.execute(KNOW, {"key": tried.known})

    def take_back(self, begun: Begun) -> None:
        """As if it had not been tried. Raises Outage."""
        with asked(), self._engine.begin() as connection:
            for each in begun.counted:
                connection.execute(TAKE_BACK, {"key": each.key})


def _left(connection: Connection, counted: Counted) -> int:
    return max(1, math.ceil(connection.scalar(LEFT, {"key": counted.key}) or 0))
