"""What models are held to: the gates that are declared in the repository, now and before, by their digests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import yaml
from msgspec import Meta, Struct

from delivery.registry.documents import Digest, digest, told
from delivery.registry.refused import Refused

EARLIER: Final = "earlier.yaml"
"""Beside the declared gates: those of before."""


class Earlier(Struct, frozen=True, forbid_unknown_fields=True):
    """Gates that were this repository's, until a change of them that was reviewed."""

    digest: Digest
    until: Annotated[datetime, Meta(tz=True)]


@dataclass(frozen=True)
class Held:
    """The digests of the gates that count, and until when."""

    file: Path
    now: str
    earlier: Mapping[str, datetime]

    def check(self, declared: str, at: datetime) -> None:
        """Raises Refused where a report of these gates does not count at that time."""
        until = self.earlier.get(declared)
        if declared == self.now or (until is not None and at < until):
            return
        raise Refused(
            f"The gate report is of other gates ({declared}) than those of {self.file} ({self.now}). Hold the model to "
            f"these. If the others were declared here until a change that was reviewed, list their digest in "
            f"{self.file.with_name(EARLIER)} with `until`."
        )


def held(file: Path) -> Held:
    """By the file that declares the gates, and the one beside it with those of before. Raises Refused."""
    beside = file.with_name(EARLIER)
    try:
        listed = msgspec.convert(_yaml(beside) or [] if beside.exists() else [], list[Earlier])
    except msgspec.ValidationError as error:
        raise Refused(f"The gates of before in {beside} are not as they must be: {told(error)}.") from None
    return Held(file, digest_of_declared(file), {each.digest: each.until for each in listed})


def digest_of_declared(file: Path) -> str:
    """Of what it says, whatever its comments and its form. Raises Refused."""
    try:
        return digest(msgspec.json.encode(_yaml(file), order="sorted"))
    except TypeError:
        raise Refused(f"The declared gates in {file} have a key that is no word.") from None


def _yaml(file: Path) -> object:
    try:
        return yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise Refused(f"The declared gates {file} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError:
        raise Refused(f"The declared gates {file} cannot be read: it is no YAML.") from None
