"""A model brought from its bucket into a folder, before the server starts: what `folder.load` then verifies."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from parapet_serving.bundle.folder import LARGEST_SIGNATURE, PLAIN
from parapet_serving.bundle.manifest import BESIDE, LARGEST_MANIFEST, MANIFEST, SIGNATURE, Manifest, read
from parapet_serving.refusal import Refused

LARGEST: Final = 2**31
"""Bytes of all files together: a manifest that names more fills no node's disk."""


def fetch(source: str, folder: Path, digest: str, owner: str = "") -> None:
    """Makes the folder hold the model of this digest, from `s3://BUCKET/PREFIX`, and nothing else of that place.

    `owner`: the account that the bucket must be of. Asked for are the files that the manifest names and a server needs,
    each as long as it says. Raises Refused for another manifest, and for what cannot be read or written; doing it again
    changes nothing.
    """
    place = _Place(source, owner)
    raw = place.get(MANIFEST, LARGEST_MANIFEST)
    if (found := f"sha256:{sha256(raw).hexdigest()}") != digest:
        raise Refused(f"The model at {source} is {found}, and {digest} was asked for. Name that one, or its place.")
    files = {name: file for name, file in read(raw, Manifest, MANIFEST).files.items() if name not in BESIDE}
    if unknown := [name for name in files if not PLAIN.fullmatch(name) or name in (MANIFEST, SIGNATURE)]:
        raise Refused(f"{MANIFEST} at {source} names the file {unknown[0]!r}. Files are called by plain names.")
    if (size := sum(file.bytes for file in files.values())) > LARGEST:
        raise Refused(f"The model at {source} has {size} bytes. At most {LARGEST} are fetched.")
    _write(folder, MANIFEST, raw)
    _write(folder, SIGNATURE, place.get(SIGNATURE, LARGEST_SIGNATURE))
    for name, file in files.items():
        _write(folder, name, place.get(name, file.bytes))


class _Place:
    """A part of a bucket."""

    def __init__(self, source: str, owner: str) -> None:
        import boto3  # here: half a second, which no other command needs
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self._source, self._errors = source, (BotoCoreError, ClientError)
        self._bucket, _, self._prefix = source.removeprefix("s3://").partition("/")
        patience = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 5, "mode": "standard"})
        self._s3: Any = boto3.client("s3", config=patience)
        self._more = {"ExpectedBucketOwner": owner} if owner else {}

    def get(self, name: str, most: int) -> bytes:
        """A file of at most so many bytes. Raises Refused."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", **self._more)
            content: bytes = answer["Body"].read(most + 1)
        except self._errors as error:
            raise Refused(f"{self._source}/{name} cannot be read: {error}") from None
        if len(content) > most:
            raise Refused(f"{self._source}/{name} is longer than {most} bytes, which is all that it may have.")
        return content


def _write(folder: Path, name: str, content: bytes) -> None:
    draft = folder / f".{name}.new"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as out:
            out.write(content)
        draft.rename(folder / name)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Refused(f"{folder / name} cannot be written: {error.strerror}.") from None
