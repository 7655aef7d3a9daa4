"""Other makers' images and charts, copied by digest into a stack's registry."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from cluster.images import Image
from operations.images import charts, lock, referrers
from operations.images.planning import Row, State, plan
from operations.images.registry import Pusher, Registry
from operations.refused import Refused

LISTS = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def mirror(registry: Registry, lock_file: Path, crane: Path, say: Callable[[str], None], built_in: str = "") -> None:
    """Makes the registry hold every image by the lock's digest; a digest that the lock lacks is looked up first.

    What is there is left, so that a second run goes on. `built_in`: the registry and prefix of another stack, from
    which an image that is built is copied too. Raises Refused, when all was tried, with a line for each image that
    is not there: where the registry has another image under a tag, nothing is changed, since its tags never move.
    """
    with registry.signed_in() as pusher:
        _look_up(plan(registry, lock_file), lock_file, pusher, crane, say)
        failed = []
        for row in plan(registry, lock_file):
            try:
                _bring(row, registry, pusher, crane, say, built_in)
            except Refused as error:
                failed.append(str(error))
    if failed:
        raise Refused("\n".join(failed))


def _look_up(rows: list[Row], lock_file: Path, pusher: Pusher, crane: Path, say: Callable[[str], None]) -> None:
    for row in rows:
        image = row.image
        if row.state is not State.UNKNOWN or image.built:
            continue
        if charts.is_archive(image):
            with tempfile.TemporaryDirectory() as folder:
                digest = charts.lay_out(charts.download(image), Path(folder))
        else:
            digest = pusher.run(str(crane), "digest", f"{image.source}:{image.tag}")
            _require_platforms(image, digest, pusher, crane)
        lock.add(lock_file, image, digest)
        say(f"{image.tagged} is {digest} at {image.source}: written to {lock_file.name}.")


def _require_platforms(image: Image, digest: str, pusher: Pusher, crane: Path) -> None:
    manifest = json.loads(pusher.run(str(crane), "manifest", f"{image.source}@{digest}"))
    if manifest.get("mediaType") not in LISTS:
        return  # one image, for one platform; its own configuration says which, and a node says the rest
    offered = {f"{each['platform']['os']}/{each['platform']['architecture']}" for each in manifest["manifests"]}
    if lacking := set(image.platforms) - offered:
        raise Refused(f"{image.source}:{image.tag} has nothing for {', '.join(sorted(lacking))}")


def _bring(
    row: Row, registry: Registry, pusher: Pusher, crane: Path, say: Callable[[str], None], built_in: str
) -> None:
    image = row.image
    match row.state:
        case State.THERE:
            say(f"{image.tagged} is there.")
            if image.built and built_in:
                _bring_attached(row.locked, f"{built_in}/{image.name}", registry.repository(image), pusher, crane)
        case State.UNKNOWN:
            raise Refused(f"{image.tagged} was not built yet: ./parapet images build.")
        case State.NO_REPOSITORY:
            raise Refused(
                f"{image.tagged}: there is no repository {registry.repository(image)}. `pulumi up` makes it and stops; "
                "then run this again."
            )
        case State.OTHER:
            raise Refused(
                f"{image.tagged} in the registry is {row.held}, and the lock says {row.locked}. A tag never moves: "
                "see which of the two was meant; delete the image there, or take its digest into the lock."
            )
        case State.MISSING:
            source = image.source or (f"{built_in}/{image.name}" if built_in else "")
            if not source:
                raise Refused(
                    f"{image.tagged} is built, and not in this registry: ./parapet images build, "
                    "or name the registry that has it (--built-in)."
                )
            target = f"{pusher.host}/{registry.repository(image)}:{image.tag}"
            if charts.is_archive(image):
                _push_archive(row, target, pusher, crane)
            else:
                pusher.run(str(crane), "copy", f"{source}@{row.locked}", target)
            if image.built:
                _bring_attached(row.locked, source, registry.repository(image), pusher, crane)
            say(f"{image.tagged} was copied from {source}.")


def _bring_attached(digest: str, source: str, repository: str, pusher: Pusher, crane: Path) -> None:
    """Copies what is attached to an image, and to that: the copies are the same artefacts, and say the same."""
    target = f"{pusher.host}/{repository}"
    offered, there = (set(pusher.run(str(crane), "ls", each).split()) for each in (source, target))
    for each in sorted(tag for tag in offered if tag.startswith(referrers.prefix(digest))):
        if each not in there:
            pusher.run(str(crane), "copy", f"{source}:{each}", f"{target}:{each}")
        _bring_attached(pusher.run(str(crane), "digest", f"{source}:{each}"), source, repository, pusher, crane)


def _push_archive(row: Row, target: str, pusher: Pusher, crane: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        digest = charts.lay_out(charts.download(row.image), Path(folder))
        if digest != row.locked:
            raise Refused(
                f"{row.image.tagged} at {row.image.source} makes {digest} now, and the lock says {row.locked}: it is "
                "not what was reviewed. See what changed; take its line out of the lock to take it in."
            )
        pusher.run(str(crane), "push", folder, target)
