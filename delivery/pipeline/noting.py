"""What a step leaves of itself, for who looks whether models come: that it began, and how it ended
(`delivery/monitoring/runs.py`)."""

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from delivery.monitoring.runs import RUN, Event, Said, Word
from delivery.registry.documents import canonical
from delivery.registry.refused import Refused

SCHEME: Final = "s3://"
PLACE: Final = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9][A-Za-z0-9=._/-]{0,500}"


def placed(place: str) -> str:
    """The same, if it is a place for what steps leave: empty for nowhere. Raises Refused."""
    if not place or Path(place).is_absolute() or re.fullmatch(PLACE, place):
        return place
    raise Refused(f"{place!r} is no place for what is told of a run: s3://BUCKET/runs/model=NAME, or a folder.")


@dataclass(frozen=True)
class Notes:
    """Of one step of a run."""

    place: str
    """`s3://BUCKET/PREFIX`, a folder, or empty: then nothing is left."""
    run: str
    step: str

    def begin(self, late_after: int = 0) -> None:
        """Raises Refused where it cannot be written: better now than a model of which nobody hears when it fails."""
        if self.place:
            self._write(Word.BEGUN, late_after=late_after)

    def end(self, word: Word, why: str = "", registered: str = "") -> None:
        """What is done stays done where it cannot be written; after a while the run is then told as killed."""
        if not self.place:
            return
        try:
            self._write(word, why=why, registered=registered)
        except Refused as refused:
            print(f"parapet: {refused}", file=sys.stderr, flush=True)

    def _write(self, word: Word, why: str = "", registered: str = "", late_after: int = 0) -> None:
        if not re.fullmatch(RUN, self.run):
            raise Refused(f"{self.run!r} is no name of a run: at most 64 letters, digits, - and _.")
        said = Said("parapet-run-step/1", self.run, self.step, word, why, registered, late_after)
        name = Event(datetime.now(UTC), self.run, self.step, word).name
        if self.place.startswith(SCHEME):
            _put(placed(self.place), name, canonical(said))
        else:
            _add(Path(placed(self.place)), name, canonical(said))


def _put(place: str, name: str, raw: bytes) -> None:
    import boto3  # here: half a second, which a run that is told nowhere need not wait

    from delivery.monitoring.daily.places import PATIENCE, Place

    Place(boto3.client("s3", config=PATIENCE), place.rstrip("/")).put(name, raw)


def _add(folder: Path, name: str, raw: bytes) -> None:
    """Whole or not at all, and never in the place of another."""
    draft = folder / f".{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(raw)
        draft.rename(folder / name)
    except OSError as error:
        raise Refused(f"What is told of the run cannot be written to {folder}: {error.strerror}.") from None
