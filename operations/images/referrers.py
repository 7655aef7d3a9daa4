"""What is attached to an image: artefacts of its repository that refer to it by its digest (OCI 1.1, `subject`).

ECR tells them by the referrers API (since June 2024); a registry that does not keeps a list of them under a tag, and
`crane` writes it (OCI Distribution Specification 1.1, "Listing Referrers" and "Referrers Tag Schema"). Each has a tag
of its own beside that, made of its digest: tags never move there, and what has none is forgotten by the repository's
rules (`foundation.registry.FORGET_UNTAGGED`), of which AWS does not say that they spare what refers to an image.
"""

import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from operations.images import layouts
from operations.images.registry import Pusher
from operations.refused import Refused

EMPTY: Final = "application/vnd.oci.empty.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
SECONDS: Final = 30


@dataclass(frozen=True)
class Repository:
    """A repository of a registry, with what reads and writes there."""

    pusher: Pusher
    crane: Path
    name: str

    @property
    def reference(self) -> str:
        return f"{self.pusher.host}/{self.name}"

    def attach(
        self, subject: str, kind: str, content: bytes, short: str, annotations: Mapping[str, str] | None = None
    ) -> str:
        """Attaches content of a media type to what has the digest `subject`; returns the artefact's digest.

        The same content makes the same artefact, and one that is there is left. `short`: what its tag ends with.
        """
        manifest = self.manifest(subject)
        referred = {
            "mediaType": json.loads(manifest).get("mediaType", layouts.MANIFEST),
            "digest": subject,
            "size": len(manifest),
        }
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            digest = layouts.close(
                folder,
                {
                    "artifactType": kind,
                    "config": {"mediaType": EMPTY, **layouts.blob(folder, b"{}")},
                    "layers": [{"mediaType": kind, **layouts.blob(folder, content)}],
                    "subject": referred,
                    **({"annotations": dict(annotations)} if annotations else {}),
                },
            )
            if digest not in self._listed(subject):
                self.pusher.run(str(self.crane), "push", str(folder), f"{self.reference}:{tag(subject, digest, short)}")
        return digest

    def attached(self, subject: str, kind: str) -> Iterator[tuple[str, bytes]]:
        """Digest and content of each artefact of a type that refers to `subject`, and says so itself."""
        for digest in self._listed(subject):
            manifest = json.loads(self.manifest(digest))
            layers = manifest.get("layers") or []
            if (
                manifest.get("artifactType") == kind
                and (manifest.get("subject") or {}).get("digest") == subject
                and len(layers) == 1
            ):
                held = str(layers[0]["digest"])
                yield digest, _exactly(held, self.pusher.read(str(self.crane), "blob", f"{self.reference}@{held}"))

    def manifest(self, digest: str) -> bytes:
        return _exactly(digest, self.pusher.read(str(self.crane), "manifest", f"{self.reference}@{digest}"))

    def _listed(self, subject: str) -> list[str]:
        index = self._index(f"referrers/{subject}")
        if index is None:
            index = self._index(f"manifests/{subject.replace(':', '-')}") or {}
        return sorted(str(each["digest"]) for each in index.get("manifests") or [])

    def _index(self, path: str) -> dict[str, Any] | None:
        """A list of artefacts, all its pages; None where the registry has no such thing."""
        address: str | None = f"{_scheme(self.pusher.host)}://{self.pusher.host}/v2/{self.name}/{path}"
        found: list[Any] = []
        while address:
            headers = {"Accept": INDEX, "Authorization": f"Basic {self.pusher.login}"}
            try:
                asked = urllib.request.Request(address, headers=headers)  # noqa: S310 (the registry's own)
                with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310
                    found += json.loads(answer.read()).get("manifests") or []
                    address = _next(address, answer.headers.get("Link", ""))
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                raise Refused(
                    f"{self.reference} does not tell what refers to its images: it answers {error.code} "
                    f"{error.reason} to {path}. May whoever runs this read that repository?"
                ) from None
            except (OSError, ValueError) as error:
                raise Refused(
                    f"{self.reference} does not tell what refers to its images: {error}. Try again."
                ) from None
        return {"manifests": found}


def tag(subject: str, digest: str, short: str) -> str:
    """The tag of what is attached: by what it refers to, and what it is."""
    return f"{prefix(subject)}{_hex(digest)[:32]}.{short}"


def prefix(subject: str) -> str:
    """What the tags begin with of all that is attached to one image."""
    return f"sha256-{_hex(subject)[:32]}."


def _hex(digest: str) -> str:
    return digest.partition(":")[2]


def _exactly(digest: str, content: bytes) -> bytes:
    if layouts.digest(content) != digest:
        raise Refused(f"What the registry gave for {digest} is {layouts.digest(content)}: it was altered on the way.")
    return content


def _scheme(host: str) -> str:
    """As crane has it: only a registry on this machine is asked without TLS."""
    return "http" if host.partition(":")[0] in ("127.0.0.1", "localhost") else "https"


def _next(address: str, link: str) -> str | None:
    """The next page (RFC 8288), of the same registry."""
    target, _, relation = link.partition(";")
    if 'rel="next"' not in relation:
        return None
    return urljoin(address, target.strip().strip("<>"))
