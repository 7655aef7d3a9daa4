"""What the program is told: one file of JSON, refused by the place of what is wrong in it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from delivery.registry.documents import Digest, Environment, Name, Version, read
from delivery.registry.refused import Refused

PLACE: Final = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9][A-Za-z0-9=._/-]{0,500}\Z"
Owner = Annotated[str, Meta(pattern=r"^([0-9]{12})?\Z")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the file."""


class Model(Section, frozen=True):
    """The version that serves, as its server is told it."""

    name: Name
    version: Version
    digest: Digest
    """Of its signed manifest."""
    stage: Environment
    keys: Annotated[list[str], Meta(min_length=1)]
    """Public keys, PEM or DER, one of which signed it."""
    source: Annotated[str, Meta(pattern=PLACE)]
    bucket_owner: Owner = ""

    @property
    def told(self) -> str:
        return f"{self.name}@{self.version}"


class Place(Section, frozen=True):
    """A part of a bucket."""

    place: Annotated[str, Meta(pattern=PLACE)]
    bucket_owner: Owner = ""
    """The account that the bucket must be of."""
    key_arn: str = ""
    """The KMS key that is named with each object that is put."""


class Metrics(Section, frozen=True):
    """Where the outcome can be asked for, and for how long: until that long has gone by and it was asked so often, and
    no longer than `most_seconds`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 9464
    seconds: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    times: Annotated[int, Meta(ge=0, le=100)] = 0
    """0 where nobody needs to ask."""
    most_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class Settings(Section, frozen=True):
    """The whole file."""

    model: Model
    predictions: Place
    labels: Place
    reports: Place
    runs: Place | None = None
    """Where the pipeline leaves how its runs went; of a check that was made before, it is not said."""
    window_seconds: Annotated[int, Meta(ge=10, le=31 * 86400)] = 86400
    memory_bytes: Annotated[int, Meta(ge=1 << 30, le=1 << 40)] = 4 << 30
    """What its pod may have at most; all that a check takes is a part of it."""
    metrics: Metrics = Metrics()

    @property
    def window(self) -> timedelta:
        """How long a window is, where every check comes in its time."""
        return timedelta(seconds=self.window_seconds)

    @property
    def opens_with(self) -> int:
        """Bytes for the process that opens files (`opening.py`): of 6 GiB 2, four times what a file may hold."""
        return self.memory_bytes // 3

    @property
    def works_with(self) -> int:
        """Bytes for the check itself: what is left."""
        return self.memory_bytes - self.opens_with


def load(path: Path) -> Settings:
    """Raises Refused."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Refused(f"The configuration {path} cannot be read: {error.strerror}.") from None
    return read(raw, Settings, f"The configuration {path}")
