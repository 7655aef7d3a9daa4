"""A part of a bucket: what is listed, read and put there. What S3 says goes no further than its code."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from delivery.monitoring.daily import settings
from delivery.registry.refused import Refused

PATIENCE: Final = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 5, "mode": "standard"})
AT_ONCE: Final = 8
"""Objects that are asked for at a time; the client has ten connections (botocore, `max_pool_connections`)."""
AHEAD: Final = 32
"""Objects that wait to be looked at, at most."""
SMALL: Final = 4 << 20
"""Bytes of one that may wait; the log's are smaller. What is larger is had in its turn, alone."""
KINDS: Final = {".html": "text/html; charset=utf-8", ".json": "application/json"}
"""What a browser is told that it is, by the end of its name."""
THERE: Final = ("PreconditionFailed", "ConditionalRequestConflict")
"""Somebody else was first, or is at it (Amazon S3 API Reference, PutObject, If-None-Match and If-Match)."""
UNOPENED: Final = ("InvalidRequest", "InvalidObjectState")
"""Of one object alone: it was put under a key of somebody's own, or it is archived (the same, GetObject)."""


class Odd(Refused):
    """One object that cannot be had as it is, whatever is done about rights and configuration."""


@dataclass(frozen=True)
class Listed:
    """An object."""

    name: str
    """Below the place."""
    modified: datetime
    size: int = 0
    """Bytes."""


@dataclass(frozen=True)
class Got:
    """What an object held, and what it held by S3's word: who puts another in its place says what it takes away."""

    raw: bytes
    tag: str


@dataclass(frozen=True)
class Place:
    """`s3://BUCKET/PREFIX`, of an account that is named."""

    s3: Any
    told: str
    owner: dict[str, str] = field(default_factory=dict)
    key: dict[str, Any] = field(default_factory=dict)
    named: bool = True
    """Whether names of objects are told: what others call their files may be somebody's name."""

    @classmethod
    def of(cls, s3: Any, told: settings.Place, named: bool = True) -> "Place":
        key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": told.key_arn, "BucketKeyEnabled": True}
        return cls(s3, told.place.rstrip("/"), _owner(told.bucket_owner), key if told.key_arn else {}, named)

    @classmethod
    def of_the_model(cls, s3: Any, told: settings.Model) -> "Place":
        return cls(s3, told.source.rstrip("/"), _owner(told.bucket_owner))

    @classmethod
    def of_the_promoted(cls, s3: Any, told: settings.Model) -> "Place":
        """Where a model's versions are that may serve here, a folder each."""
        return cls(s3, told.source.rstrip("/").rpartition("/")[0], _owner(told.bucket_owner))

    def list(self, below: str = "", after: str = "") -> Iterator[Listed]:
        """In the order of their names, those that come after that one. Raises Refused."""
        bucket, prefix = self._split
        where = {"Bucket": bucket, "Prefix": f"{prefix}/{below}", **self.owner}
        if after:
            where["StartAfter"] = f"{prefix}/{after}"
        try:
            for page in self.s3.get_paginator("list_objects_v2").paginate(**where):
                for each in page.get("Contents", []):
                    yield Listed(each["Key"].removeprefix(f"{prefix}/"), each["LastModified"], each["Size"])
        except (BotoCoreError, ClientError) as error:
            raise self._refused("listed", below, error) from None

    def folders(self, below: str = "", after: str = "") -> Iterator[str]:
        """What stands next in the names of all that is there, up to a slash; of those that come after that name. Raises
        Refused."""
        bucket, prefix = self._split
        where = {"Bucket": bucket, "Prefix": f"{prefix}/{below}", "Delimiter": "/", **self.owner}
        if after:
            where["StartAfter"] = f"{prefix}/{after}"
        try:
            for page in self.s3.get_paginator("list_objects_v2").paginate(**where):
                for each in page.get("CommonPrefixes", []):
                    yield each["Prefix"].removeprefix(f"{prefix}/{below}").rstrip("/")
        except (BotoCoreError, ClientError) as error:
            raise self._refused("listed", below, error) from None

    def get(self, name: str, most: int) -> Got | None:
        """None where it is not there. Raises Refused, and Odd for what is no matter of rights: one of more than `most`
        bytes."""
        bucket, prefix = self._split
        try:
            answer = self.s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}", **self.owner)
            raw: bytes = answer["Body"].read(most + 1)
        except (BotoCoreError, ClientError) as error:
            if _code(error) == "NoSuchKey":
                return None
            refused = self._refused("read", name, error)
            raise (Odd(str(refused)) if _code(error) in UNOPENED else refused) from None
        if len(raw) > most:
            raise Odd(f"{self._called(name)} is longer than {most:,} bytes, which is all that it may have.")
        return Got(raw, answer["ETag"])

    def each(self, listed: Iterable[Listed], most: int) -> "Iterator[tuple[Listed, Callable[[], Got | None]]]":
        """All of these in their order, and by which call each is had, as by `get`: small ones AT_ONCE at a time, before
        they are asked for. A server writes one each minute, of which an answer takes longer to come than to read."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = deque[tuple[Listed, Callable[[], Got | None]]]()
            for one in listed:
                small = one.size <= SMALL
                call = pool.submit(self.get, one.name, most).result if small else partial(self.get, one.name, most)
                waiting.append((one, call))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()

    def put(self, name: str, raw: bytes, instead: str | None = None) -> bool:
        """Whether it was put: where nothing is, or in the place of what has this tag and nothing else. Raises
        Refused."""
        bucket, prefix = self._split
        more = {"IfMatch": instead} if instead else {"IfNoneMatch": "*"}
        if kind := KINDS.get(PurePosixPath(name).suffix):
            more["ContentType"] = kind
        try:
            self.s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=raw, **more, **self.owner, **self.key)
        except (BotoCoreError, ClientError) as error:
            if _code(error) in THERE:
                return False
            raise self._refused("put", name, error) from None
        return True

    @property
    def _split(self) -> tuple[str, str]:
        bucket, _, prefix = self.told.removeprefix("s3://").partition("/")
        return bucket, prefix

    def _called(self, name: str) -> str:
        return f"{self.told}/{name}" if self.named else f"An object of {self.told}"

    def _refused(self, what: str, name: str, error: Exception) -> Refused:
        return Refused(
            f"{self._called(name)} cannot be {what} ({_code(error)}). Look at the rights of the role that runs this, "
            "at the bucket's and its key's policies, and at the configuration."
        )


def _owner(account: str) -> dict[str, str]:
    return {"ExpectedBucketOwner": account} if account else {}


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
