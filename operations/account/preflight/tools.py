"""Whether the machine has what a `pulumi up` starts."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from operations.account.preflight.finding import Finding, Stack, ok, to_do
from operations.images.building import NO_BUILDER, builder_here

ABOUT: Final = "tools"
AWS: Final = {1: (1, 27, 160), 2: (2, 12, 3)}
"""By major version, the oldest AWS CLI that Amazon EKS asks for (Amazon EKS User Guide, prerequisites): the Kubernetes
provider calls its `eks get-token`."""


def check(_: Stack) -> Iterator[Finding]:
    sdk = metadata.version("pulumi")
    wanted = _parsed(sdk)
    pulumi = _version("pulumi", "version")
    if pulumi is None:
        yield to_do(ABOUT, f"pulumi is not on the PATH: install {sdk} (https://www.pulumi.com/docs/install/)")
    elif wanted and pulumi < wanted:
        yield to_do(ABOUT, f"pulumi is {_shown(pulumi)}, older than the SDK's {sdk}: install that one or a newer")
    else:
        yield ok(ABOUT, f"pulumi {_shown(pulumi)}")
    aws = _version("aws", "--version")
    if aws is None or aws < AWS.get(aws[0], max(AWS.values())):
        found = "not on the PATH" if aws is None else _shown(aws)
        oldest = _shown(AWS[2])
        yield to_do(ABOUT, f"the AWS CLI is {found}: install {oldest} or newer, where the cluster's token comes from")
    else:
        yield ok(ABOUT, f"aws {_shown(aws)}")
    builder = builder_here()
    yield ok(ABOUT, f"{Path(builder).name} builds images") if builder else to_do(ABOUT, NO_BUILDER)


def _version(command: str, argument: str) -> tuple[int, ...] | None:
    """The version that a program tells, or None where it is not there or does not run."""
    found = shutil.which(command)
    if found is None:
        return None
    try:
        said = subprocess.run([found, argument], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _parsed(said.stdout + said.stderr)


def _parsed(text: str) -> tuple[int, ...] | None:
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else None


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
