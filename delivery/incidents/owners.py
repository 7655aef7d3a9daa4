"""Who answers for which part of the platform: `runbooks/owners.yaml`, a file that changes by review."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta, Struct

from delivery.registry.documents import LINE, told
from delivery.registry.refused import Refused


class Boundary(StrEnum):
    """What an alert or an incident is of."""

    DATA = "data"
    MODEL = "model"
    PLATFORM = "platform"
    SECURITY = "security"
    CLINICAL = "clinical"


class Audience(StrEnum):
    """Who is told of an incident besides those who end it."""

    SECURITY_OFFICIAL = "security-official"
    PRIVACY_OFFICER = "privacy-officer"
    EXECUTIVES = "executives"
    STATUS_PAGE = "status-page"


Words = Annotated[str, Meta(min_length=3, max_length=80, pattern=LINE)]
Receiver = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}\Z")]


class Owner(Struct, frozen=True, forbid_unknown_fields=True):
    """The team that answers for a boundary."""

    boundary: Boundary
    team: Words
    reach: Words
    """Where a person reaches them."""
    page: Receiver
    """Alertmanager's, that wakes somebody."""
    ticket: Receiver
    again_after: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,2}[smh]\Z")]
    """After which a page that is not over is told again; a duration of Prometheus'."""


class Owners(Struct, frozen=True, forbid_unknown_fields=True):
    """All of the file."""

    read_at: Annotated[str, Meta(pattern=r"^https://[A-Za-z0-9._~:/@%+=-]+/\Z")]
    """What comes before `runbooks/NAME.md` where people read it in a browser."""
    owners: list[Owner]
    officers: dict[Audience, Words]

    def of(self, boundary: Boundary) -> Owner:
        return next(each for each in self.owners if each.boundary == boundary)


def owners(file: Path) -> Owners:
    """Each boundary with its one owner. Raises Refused."""
    try:
        found = msgspec.convert(yaml.safe_load(file.read_text()), Owners)
    except OSError as error:
        raise Refused(f"The owners' file {file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        detail = told(error) if isinstance(error, msgspec.ValidationError) else "it is no YAML"
        raise Refused(f"The owners' file {file} is not as it must be: {detail}.") from None
    named = Counter(each.boundary for each in found.owners)
    for boundary in Boundary:
        if named[boundary] != 1:
            raise Refused(
                f"The owners' file {file} has {boundary} {named[boundary]} times; each boundary has one owner."
            )
    if missing := [each for each in Audience if each not in found.officers]:
        raise Refused(f"The owners' file {file} names nobody as {', '.join(missing)} under `officers`.")
    return found
