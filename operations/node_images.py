"""The release of the nodes' images: which is pinned, which AWS recommends, and moving the pin (docs/patching.md)."""

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from cluster import versions
from operations.account.access import code, told
from operations.refused import Refused

PINS: Final = Path(versions.__file__).with_name("versions.yaml")
IMAGES: Final = ("x86_64/standard", "x86_64/nvidia", "arm64/standard", "arm64/nvidia")
"""The images that a stack's nodes may have, by processor and kind."""
RELEASE: Final = re.compile(r"(?P<kubernetes>\d+\.\d+\.\d+)-(?P<date>\d{8})")


@dataclass(frozen=True)
class Pin:
    """What is pinned for a version of Kubernetes, and what AWS recommends for it."""

    kubernetes: str
    pinned: str
    recommended: str

    @property
    def behind(self) -> int:
        """Days from the pinned release to the recommended one."""
        return max((_date(self.recommended) - _date(self.pinned)).days, 0)

    def __str__(self) -> str:
        if not self.behind:
            return f"Kubernetes {self.kubernetes}: {self.pinned}, as AWS recommends"
        return (
            f"Kubernetes {self.kubernetes}: {self.pinned}; AWS recommends {self.recommended}, {self.behind} days newer"
        )


def _date(release: str) -> datetime.date:
    return datetime.datetime.strptime(release.rpartition("-")[2], "%Y%m%d").date()


def pins(client: Callable[[], Any]) -> Iterator[Pin]:
    """Of every version that is pinned, asked with the boto3 client of SSM that `client` makes. Raises `Refused`."""
    with told():
        ssm = client()
        for kubernetes, pinned in versions.VERSIONS.items():
            yield Pin(kubernetes, pinned.nodes, _recommended(ssm, kubernetes))


def _recommended(ssm: Any, kubernetes: str) -> str:
    """The newest release that all images have: AWS publishes them one after the other.

    Source: Amazon EKS User Guide, "Retrieve recommended Amazon Linux AMI IDs".
    """
    return min((_release(ssm, kubernetes, image) for image in IMAGES), key=_date)


def _release(ssm: Any, kubernetes: str, image: str) -> str:
    name = f"/aws/service/eks/optimized-ami/{kubernetes}/amazon-linux-2023/{image}/recommended/release_version"
    try:
        value = str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if code(error) != "ParameterNotFound":
            raise
        raise Refused(f"AWS does not tell {name}: choose another --region, or move the pin by hand.") from None
    if not RELEASE.fullmatch(value):
        raise Refused(f"{name} is {value!r}; a release such as 1.36.3-20260903 was expected. Move the pin by hand.")
    return value


def moved(text: str, pin: Pin) -> str:
    """`versions.yaml` with the pin on the recommended release, and with nothing else changed."""
    block = re.compile(
        rf'(^"{re.escape(pin.kubernetes)}":\n(?:(?:  .*|\s*#.*)\n)*?  nodes: ){re.escape(pin.pinned)}$', re.M
    )
    changed, count = block.subn(rf"\g<1>{pin.recommended}", text)
    if count != 1:
        raise Refused(f"{PINS.name} does not say nodes: {pin.pinned} for {pin.kubernetes}. Move the pin by hand.")
    return changed
