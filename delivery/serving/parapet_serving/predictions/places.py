"""Where files of the prediction log are put: a folder, or a bucket."""

import os
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from parapet_serving.settings import PredictionLog


class Place(Protocol):
    """Takes whole files."""

    def put(self, name: str, content: bytes) -> None:
        """A file of this name, a path of folders in it; whole or not at all. Raises Exception, of whatever kind."""


class Folder:
    """A local folder, which must be there: a volume that is not mounted is not written beside."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, content: bytes) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError(self._root)
        file = self._root / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.new")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            draft.rename(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


class Bucket:
    """S3, each object encrypted with the key that is named, and never in the place of another: who may only add there
    has to say so (Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets")."""

    def __init__(self, settings: PredictionLog) -> None:
        import boto3  # here: it takes half a second and 30 MB, which a folder does not need
        from botocore.config import Config
        from botocore.exceptions import ClientError

        self._error = ClientError
        self._bucket, _, self._prefix = settings.place.removeprefix("s3://").partition("/")
        patience = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2, "mode": "standard"})
        self._s3: Any = boto3.client("s3", config=patience)
        self._more = {
            **{"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.key_arn, "BucketKeyEnabled": True},
            "IfNoneMatch": "*",
        }
        if settings.bucket_owner:
            self._more["ExpectedBucketOwner"] = settings.bucket_owner

    def put(self, name: str, content: bytes) -> None:
        key = str(PurePosixPath(self._prefix) / name)
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256", **self._more)
        except self._error as error:
            # A name is given once, so that what is there is this file: its answer was lost on the way.
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise


def place(settings: PredictionLog) -> Place:
    """As the settings say."""
    return Bucket(settings) if settings.place.startswith("s3://") else Folder(Path(settings.place))
