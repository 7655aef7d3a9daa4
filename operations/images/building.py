"""The images of this repository, built and pushed with what the machine has for it."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.images import IMAGES, ROOT, Image
from operations.images import lock, signing
from operations.images.attesting import attest
from operations.images.referrers import Repository
from operations.images.registry import Pusher, Registry
from operations.images.signing import Key
from operations.refused import Refused

BUILDERS = ("docker", "podman", "buildah")
PROBE = f"sha256:{'0' * 64}"
"""The digest of nothing."""
NO_BUILDER = f"Nothing on the PATH builds images: install one of {', '.join(BUILDERS)} (docker with buildx)."


def builder_here() -> str | None:
    """The first program on the PATH that builds images; a docker without buildx does not."""
    return next((found for name in BUILDERS if (found := shutil.which(name)) and _builds(name, found)), None)


def _builds(name: str, program: str) -> bool:
    return name != "docker" or not subprocess.run([program, "buildx", "version"], capture_output=True).returncode


def build(
    registry: Registry,
    lock_file: Path,
    crane: Path,
    say: Callable[[str], None],
    take: str = "",
    key_named: str = "",
) -> None:
    """Builds each image that the registry lacks, pushes it under its tag, and writes its digest into the lock.

    Each has its bill of materials attached, and both are signed by the key of that name (`attesting`): what could not
    be is not written into the lock. What lies in the registry already under a tag of which the lock says nothing is
    not taken into it, unless `take` is its digest: whoever may push knows the tag beforehand. Raises Refused for it,
    and where nothing builds here, where the registry has no repository, or where a step fails.
    """
    builder = builder_here()
    if builder is None:
        raise Refused(NO_BUILDER)
    key = signing.key(key_named, registry.access) if key_named else None
    for image in (each for each in IMAGES.values() if each.built):
        held = registry.digests(image)
        if held is None and image.optional:
            continue  # the stack did not ask for it
        if held is None:
            raise Refused(
                f"There is no repository {registry.repository(image)}. `pulumi up` makes it and stops; "
                "then run this again."
            )
        with registry.signed_in() as pusher:
            if image.tag in held:
                digest = held[image.tag]
                # Before anything is signed: a signature over somebody's own image would hold wherever it is copied to.
                locked = lock.agrees(lock_file, image, digest)
                if not locked and digest != take:
                    raise Refused(_found(image, digest, f"{pusher.host}/{registry.repository(image)}", lock_file))
                say(f"{image.tagged} is there.")
            else:
                if key:
                    key.sign(PROBE)  # one that does not sign is told before minutes of a build, and a push
                digest = _build(Path(builder), image, registry, pusher, crane, say)
            _attest(image, digest, Repository(pusher, crane, registry.repository(image)), key, lock_file, say)
        lock.add(lock_file, image, digest)
        say(f"{image.tagged} is {digest}: written to {lock_file.name}.")


def _found(image: Image, digest: str, repository: str, lock_file: Path) -> str:
    return (
        f"{image.tagged} is {digest} in the registry already, and {lock_file.name} says nothing of it: whoever may "
        f"push could have put it there. See when it came and by whom (aws ecr describe-images --repository-name "
        f"{repository.partition('/')[2]} --image-ids imageTag={image.tag}; PutImage in CloudTrail), and what is in it "
        f"(crane export {repository}@{digest}). Delete it there to have it built anew, or, if it is yours, take it: "
        f"./parapet images build --take {digest}."
    )


def _attest(
    image: Image, digest: str, repository: Repository, key: Key | None, lock_file: Path, say: Callable[[str], None]
) -> None:
    try:
        attest(image, digest, repository, key, say)
    except Refused as error:
        if image.tagged in lock.read(lock_file):
            raise
        raise Refused(
            f"{error}\n{image.tagged} is {digest} in the registry now, and not in {lock_file.name}. When that is "
            f"mended, go on: ./parapet images build --take {digest}."
        ) from None


def _build(
    builder: Path,
    image: Image,
    registry: Registry,
    pusher: Pusher,
    crane: Path,
    say: Callable[[str], None],
) -> str:
    say(f"Building {image.tagged} with {builder.name} ...")
    target = f"{pusher.host}/{registry.repository(image)}:{image.tag}"
    # What it is built from is named by digest in its Dockerfile.
    arguments = [f"--platform={image.platforms[0]}", *([f"--build-arg=LOCK={image.lock}"] if image.lock else [])]
    with context(image) as folder:
        if builder.name == "docker":
            # Where the daemon keeps images in containerd it would unpack this one, and refuses to where times are
            # rewritten (docker/buildx #2733). Nobody needs it here.
            output = f"--output=type=registry,name={target},rewrite-timestamp=true,unpack=false"
            arguments.append("--build-arg=SOURCE_DATE_EPOCH=0")
            pusher.run(str(builder), "buildx", "build", *arguments, output, str(folder))
        else:
            pusher.run(str(builder), "build", *arguments, "--timestamp=0", f"--tag={target}", str(folder))
            pusher.run(str(builder), "push", target)
    return pusher.run(str(crane), "digest", target)


@contextmanager
def context(image: Image) -> Iterator[Path]:
    """A copy of what an image is built from, without what was compiled meanwhile."""
    without = shutil.ignore_patterns("__pycache__")
    with tempfile.TemporaryDirectory() as copy:
        laid = shutil.copytree(ROOT / image.built, Path(copy) / "context", ignore=without)
        for path in image.beside:
            target = laid / "repository" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / path).is_dir():
                shutil.copytree(ROOT / path, target, ignore=without)
            else:
                shutil.copyfile(ROOT / path, target)
        yield laid
