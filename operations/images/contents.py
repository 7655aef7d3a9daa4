"""What is installed in an image, by what the installers left in its file system."""

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO, Final

from operations.refused import Refused

RELEASE: Final = ("etc/os-release", "usr/lib/os-release")
STATUS: Final = "var/lib/dpkg/status"
READ: Final = (
    *RELEASE,
    STATUS,
    "var/lib/dpkg/status.d/*",  # one file a package, where there is no dpkg in the image
    "var/lib/dpkg/info/*.md5sums",
    "*/include/python3.*/patchlevel.h",
    "*.dist-info/METADATA",
    "*.dist-info/RECORD",
)
INSTALLED: Final = "install ok installed"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution of Python's, or a package of Debian's."""

    name: str
    version: str
    place: str
    """The file that says that it is there."""
    licences: tuple[str, ...] = ()
    """As it names them: SPDX expressions, or words of its own. Debian's status names none."""
    architecture: str = ""
    """Of a package of Debian's; empty for Python's."""
    source: str = ""
    """What a package of Debian's is built from, where that is called otherwise."""
    files: str = ""
    """Where the hashes of its files are listed."""
    files_hash: str = ""
    """The SHA-256 of that list."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    release: Mapping[str, str]
    """What os-release says: ID, VERSION_ID."""
    python: tuple[Package, ...]
    debian: tuple[Package, ...]
    interpreters: tuple[Package, ...]
    """Pythons that were built where they are, as those of Docker's base images: no installer tells of them."""


def read(archive: IO[bytes]) -> Contents:
    """Reads a file system, as a tar archive of it streams by; what is found is in the order of names and places.

    Raises Refused for what is no such archive, and for a file that says what is installed but cannot be read.
    """
    files = _files(archive)
    release = next((files[each] for each in RELEASE if each in files), b"")
    return Contents(
        release=_release(release), python=_python(files), debian=_debian(files), interpreters=_interpreters(files)
    )


def _files(archive: IO[bytes]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=archive, mode="r|") as opened:
            for member in opened:
                path = str(PurePosixPath("/", member.name)).lstrip("/")
                if not any(fnmatchcase(path, pattern) for pattern in READ):
                    continue
                if member.islnk():
                    target = str(PurePosixPath("/", member.linkname)).lstrip("/")
                    if target not in found:
                        raise Refused(f"/{path} is another name of /{target} there, which cannot be read with it.")
                    found[path] = found[target]
                elif file := opened.extractfile(member) if member.isfile() else None:
                    found[path] = file.read()
    except tarfile.TarError as error:
        raise Refused(f"what was read is no file system of an image: {error}") from None
    return found


def _release(content: bytes) -> dict[str, str]:
    pairs = (line.partition("=") for line in content.decode(errors="replace").splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _python(files: Mapping[str, bytes]) -> tuple[Package, ...]:
    found = []
    for path in files:
        if path.endswith(".dist-info/METADATA"):
            said = _headers(files[path])
            listed = f"{path.removesuffix('METADATA')}RECORD"
            found.append(
                Package(
                    name=_required(said, "Name", path),
                    version=_required(said, "Version", path),
                    place=path,
                    licences=_licences(said),
                    files=listed if listed in files else "",
                    files_hash=_hash(files, listed),
                )
            )
    return tuple(sorted(found, key=lambda each: (each.name.lower(), each.place)))


def _licences(said: Message) -> tuple[str, ...]:
    """By the newest way that a distribution knows to tell (Core metadata specifications, License-Expression)."""
    if expression := said.get("License-Expression", "").strip():
        return (expression,)
    # Before that field, some have the whole text of a licence here.
    if (words := said.get("License", "").strip()) and words.upper() != "UNKNOWN" and "\n" not in words:
        return (words,)
    named = (each.rpartition(" :: ")[2] for each in said.get_all("Classifier", []) if each.startswith("License ::"))
    return tuple(sorted({each for each in named if each != "OSI Approved"}))


def _interpreters(files: Mapping[str, bytes]) -> tuple[Package, ...]:
    found = []
    for path in sorted(files):
        # Below /usr/ itself they are Debian's.
        if path.endswith("/patchlevel.h") and not path.startswith("usr/include/"):
            said = re.search(rb'^#define PY_VERSION\s+"(?P<version>[^"]+)"', files[path], re.MULTILINE)
            if said:
                found.append(Package(name="python", version=said["version"].decode(), place=path))
    return tuple(found)


def _debian(files: Mapping[str, bytes]) -> tuple[Package, ...]:
    found = []
    for place, said in _stanzas(files):
        if said.get("Status", INSTALLED) != INSTALLED:
            continue
        name, architecture = _required(said, "Package", place), said.get("Architecture", "")
        lists = (f"var/lib/dpkg/info/{each}.md5sums" for each in (name, f"{name}:{architecture}"))
        listed = next((each for each in lists if each in files), "")
        found.append(
            Package(
                name=name,
                version=_required(said, "Version", place),
                place=place,
                architecture=architecture,
                source=said.get("Source", ""),
                files=listed,
                files_hash=_hash(files, listed),
            )
        )
    return tuple(sorted(found, key=lambda each: (each.name, each.architecture, each.version)))


def _stanzas(files: Mapping[str, bytes]) -> Iterator[tuple[str, Message]]:
    for place in files:
        single = place.startswith(f"{STATUS}.d/") and not place.endswith(".md5sums")
        if place == STATUS or single:
            for stanza in files[place].decode(errors="replace").split("\n\n"):
                if stanza.strip():
                    yield place, _headers(stanza.strip("\n").encode())


def _hash(files: Mapping[str, bytes], path: str) -> str:
    return sha256(files[path]).hexdigest() if path in files else ""


def _headers(content: bytes) -> Message:
    return Parser().parsestr(content.decode(errors="replace"), headersonly=True)


def _required(said: Message, field: str, path: str) -> str:
    value = said.get(field, "").strip()
    if not value:
        raise Refused(f"/{path} says no {field} of what it stands for: the image's list of parts would be a wrong one.")
    return str(value)
