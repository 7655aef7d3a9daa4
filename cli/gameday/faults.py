"""All faults."""

from typing import Final

from cli.gameday import bad_model, certificate, drifted_data, nodes, stopped_trail
from cli.gameday.fault import Fault
from cli.output import Refused

FAULTS: Final[tuple[Fault, ...]] = (
    *(stopped_trail.FAULT, nodes.DEAD, nodes.FULL_DISK, certificate.FAULT),
    *(drifted_data.FAULT, bad_model.FAULT),
)


def of(name: str) -> Fault:
    """Raises Refused where there is none of this name."""
    for each in FAULTS:
        if each.name == name:
            return each
    raise Refused(f"There is no fault {name!r}; there are {', '.join(each.name for each in FAULTS)}.")
