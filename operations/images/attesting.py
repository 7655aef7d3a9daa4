"""What each image of this repository has beside it in a registry: its bill of materials, and signatures of both."""

from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.images import IMAGES, Image
from operations.images import lock, sbom, signing
from operations.images.referrers import Repository
from operations.images.registry import Registry
from operations.images.signing import Key
from operations.refused import Refused


def attest(image: Image, digest: str, repository: Repository, key: Key | None, say: Callable[[str], None]) -> None:
    """Attaches a bill of materials to an image, and signs both; what is there already, and good, is left.

    Without a key it tells that nothing is signed. Raises Refused where a step fails; another run goes on from there.
    """
    bill = _bill_there(digest, repository, key)
    if not bill:
        bill = repository.attach(digest, sbom.TYPE, sbom.read(image, digest, repository), "sbom")
        say(f"{image.tagged} has its SBOM beside it: {bill}.")
    if key is None:
        say(f"{image.tagged} is NOT SIGNED: no key was named. {signing.HOW} Then run this again.")
        return
    for what, subject in ((image.tagged, digest), (f"The SBOM of {image.tagged}", bill)):
        if _unsigned(repository, subject, key):
            made = repository.attach(subject, signing.TYPE, key.sign(subject), "signature", signing.ANNOTATIONS)
            say(f"{what} is signed by {key.name}: {made}.")


def _bill_there(digest: str, repository: Repository, key: Key | None) -> str:
    """The bill of an image that is attached; where there is a key, only one that it signed: whoever may push could have
    put another there, to have it signed."""
    for bill, content in repository.attached(digest, sbom.TYPE):
        if sbom.image_of(content) == digest and not (key and _unsigned(repository, bill, key)):
            return bill
    return ""


def bill_of(registry: Registry, lock_file: Path, crane: Path, name: str) -> bytes:
    """The bill of materials of an image in a stack's registry, read anew from its file system. Raises Refused."""
    (image,) = own(name)
    held = (registry.digests(image) or {}).get(image.tag, "")
    if why := next(_wrong_image(held, lock.read(lock_file).get(image.tagged, "")), ""):
        raise Refused(f"{image.tagged}: {why}")
    with registry.signed_in() as pusher:
        return sbom.read(image, held, Repository(pusher, crane, registry.repository(image)))


def verify(registry: Registry, lock_file: Path, crane: Path, named: str, say: Callable[[str], None]) -> None:
    """Verifies every image of this repository in a stack's registry by a key's name: that it is the lock's, that it and
    its bill of materials are signed, and that the bill is of this image.

    Raises Refused with a line for each thing that is wrong.
    """
    if not named:
        raise Refused(f"By which key are the images to be signed? {signing.HOW} A file of a public key does, too.")
    key = signing.key(named, registry.access)
    locked = lock.read(lock_file)
    wrong: list[str] = []
    with registry.signed_in() as pusher:
        for image in own():
            digests = registry.digests(image)
            if digests is None and image.optional:
                continue  # the stack did not ask for it
            held = (digests or {}).get(image.tag, "")
            repository = Repository(pusher, crane, registry.repository(image))
            found = list(_wrong(held, locked.get(image.tagged, ""), repository, key))
            wrong += [f"{image.tagged}: {each}" for each in found]
            if not found:
                say(f"{image.tagged} is {held}: signed by {key.name}, and its SBOM too.")
    if wrong:
        raise Refused("\n".join(wrong))


def own(only: str = "") -> list[Image]:
    """The images that are built from this repository, or the one of that name; raises Refused for another's."""
    found = [each for each in IMAGES.values() if each.built]
    if only and only not in (each.name for each in found):
        raise Refused(f"{only} is not built from this repository. What is: {', '.join(each.name for each in found)}.")
    return [each for each in found if only in ("", each.name)]


def _wrong(held: str, locked: str, repository: Repository, key: Key) -> Iterator[str]:
    if why := next(_wrong_image(held, locked), ""):
        yield why
        return
    try:
        if why := _unsigned(repository, held, key):
            yield f"it is not signed by {key.name}: {why}. Sign it: ./parapet images build --key KEY."
        yield from _wrong_bills(repository, held, key)
    except Refused as error:
        yield str(error)


def _wrong_image(held: str, locked: str) -> Iterator[str]:
    if not held:
        yield "it is not in the registry. Build it: ./parapet images build."
    elif not locked:
        yield f"it is {held} in the registry, and the lock says nothing of it. See whose it is: ./parapet images build."
    elif held != locked:
        yield (
            f"it is {held} in the registry, and the lock says {locked}: it was altered under its tag. See who "
            "pushed it (PutImage in CloudTrail), and delete it there."
        )


def _wrong_bills(repository: Repository, digest: str, key: Key) -> Iterator[str]:
    """Nothing where one of those attached is good: whoever may push can add others."""
    wrong = []
    for bill, content in repository.attached(digest, sbom.TYPE):
        of = sbom.image_of(content)
        if of != digest:
            wrong.append(f"its SBOM {bill} is that of another image, {of}" if of else f"its SBOM {bill} is none")
        elif why := _unsigned(repository, bill, key):
            wrong.append(f"its SBOM {bill} is not signed by {key.name}: {why}")
        else:
            return
    yield from (f"{each}. Attach its own: ./parapet images build --key KEY." for each in wrong)
    if not wrong:
        yield "it has no SBOM. Attach it: ./parapet images build --key KEY."


def _unsigned(repository: Repository, subject: str, key: Key) -> str:
    """Why no signature that is attached is the key's; empty where one is."""
    wrong = [key.amiss(bundle, subject) for _, bundle in repository.attached(subject, signing.TYPE)]
    return "" if "" in wrong else ", ".join(sorted(set(wrong))) or "it has no signature"
