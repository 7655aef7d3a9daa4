"""The instances of EKS's node groups, which moto does not launch: a place in a group has one, until that is ended.

Amazon EKS User Guide, "Managed node groups": their Auto Scaling group brings another in the place of one that ends.
"""

from collections.abc import Container, Iterator
from hashlib import sha256
from itertools import count
from typing import Final

ENDED: Final = "parapet.dev/ended"
"""Tag of an instance that was ended: what EC2 has of it from then on."""


def instances(group_arn: str, desired: int, ended: Container[str]) -> Iterator[str]:
    """The ids of a group's instances, a place in it after the other; a group that is made again has others."""
    for place in range(desired):
        ids = (_instance(group_arn, place, launch) for launch in count())
        yield next(each for each in ids if each not in ended)


def _instance(group_arn: str, place: int, launch: int) -> str:
    of = f"{group_arn} {place}" + (f" {launch}" if launch else "")
    return "i-" + sha256(of.encode()).hexdigest()[:17]
