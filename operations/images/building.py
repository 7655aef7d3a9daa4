"""The images of this repository, built and pushed with what the machine has for it."""

import hashlib
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.images import IMAGES, ROOT, Image
from operations.images import lock
from operations.images.failures import ImagesFailed
from operations.images.registry import Pusher, Registry

BUILDERS = ("docker", "podman", "buildah")
BASE = "docker.io/library/python:3.13-slim-bookworm"
RDS_CA = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
"""Amazon RDS User Guide, "Using SSL/TLS to encrypt a connection to a DB instance or cluster"."""


@dataclass(frozen=True)
class Ingredients:
    """What goes into an image from elsewhere; each is looked up where it is empty."""

    base: str = ""
    """The base image with its digest."""
    rds_ca_sha256: str = ""
    """The checksum of the bundle of RDS's authorities."""


def build(
    registry: Registry,
    lock_file: Path,
    crane: Path,
    say: Callable[[str], None],
    ingredients: Ingredients = Ingredients(),
) -> None:
    """Builds each image that the registry lacks, pushes it under its tag, and writes its digest into the lock.

    Raises ImagesFailed where nothing builds here, where the registry has no repository, or where a step fails.
    """
    builder = next((found for name in BUILDERS if (found := shutil.which(name))), None)
    if builder is None:
        raise ImagesFailed(f"Nothing on the PATH builds images: install one of {', '.join(BUILDERS)}.")
    for image in (each for each in IMAGES.values() if each.built):
        held = registry.digests(image)
        if held is None:
            raise ImagesFailed(
                f"There is no repository {registry.repository(image)}. `pulumi up` makes it and stops; "
                "then run this again."
            )
        with registry.signed_in() as pusher:
            if image.tag in held:
                say(f"{image.tagged} is there.")
                digest = held[image.tag]
            else:
                digest = _build(Path(builder), image, registry, pusher, crane, say, ingredients)
        lock.add(lock_file, image, digest)
        say(f"{image.tagged} is {digest}: written to {lock_file.name}.")


def _build(
    builder: Path,
    image: Image,
    registry: Registry,
    pusher: Pusher,
    crane: Path,
    say: Callable[[str], None],
    given: Ingredients,
) -> str:
    base = given.base or f"{BASE}@{pusher.run(str(crane), 'digest', BASE)}"
    if "@sha256:" not in base:
        raise ImagesFailed(f"The base image {base} has no digest; name it by NAME@sha256:...")
    checksum = given.rds_ca_sha256 or _checksum(RDS_CA)
    say(f"Building {image.tagged} with {builder.name}, on {base}, with RDS's authorities of sha256 {checksum} ...")
    target = f"{pusher.host}/{registry.repository(image)}:{image.tag}"
    arguments = [f"--build-arg={name}={value}" for name, value in (("BASE", base), ("RDS_CA_SHA256", checksum))]
    arguments.append(f"--platform={image.platforms[0]}")
    with _context(ROOT / image.built) as folder:
        if builder.name == "docker":
            output = f"--output=type=registry,name={target},rewrite-timestamp=true"
            arguments.append("--build-arg=SOURCE_DATE_EPOCH=0")
            pusher.run(str(builder), "buildx", "build", *arguments, output, str(folder))
        else:
            pusher.run(str(builder), "build", *arguments, "--timestamp=0", f"--tag={target}", str(folder))
            pusher.run(str(builder), "push", target)
    return pusher.run(str(crane), "digest", target)


@contextmanager
def _context(folder: Path) -> Iterator[Path]:
    """A copy, without what was compiled meanwhile."""
    with tempfile.TemporaryDirectory() as copy:
        yield shutil.copytree(folder, Path(copy) / "context", ignore=shutil.ignore_patterns("__pycache__"))


def _checksum(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (an address of this module's)
            return hashlib.sha256(answer.read()).hexdigest()
    except OSError as error:
        raise ImagesFailed(f"{url} cannot be read ({error}): name the bundle's checksum by --rds-ca-sha256.") from None
