"""The bucket of the artifacts: what lies under a place, and its deletion."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import boto3

from parapet_mlflow.artifacts import ENDPOINT, OWNER

SCHEME: Final = "mlflow-artifacts"
"""Of the addresses of what is kept here. Others are of a place that is not ours to delete in."""


class NotDeleted(Exception):
    """S3 kept some objects. Their rows must stay."""


@dataclass(frozen=True)
class Lying:
    """What lies under a place."""

    files: int
    newest: datetime | None


class Bucket:
    """Places in it are relative to the destination of the artifacts: `1/traces/tr-...`."""

    def __init__(self, destination: str) -> None:
        place = urlsplit(destination)
        self._name, self._prefix = place.netloc, place.path.strip("/")
        self._owner = {"ExpectedBucketOwner": owner} if (owner := os.environ.get(OWNER)) else {}

    @cached_property
    def _client(self) -> Any:
        return boto3.client("s3", endpoint_url=os.environ.get(ENDPOINT))

    def folders(self, place: str) -> Iterator[str]:
        """The names of the folders right under a place."""
        prefix = self._key(place)
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            for each in page.get("CommonPrefixes", []):
                yield each["Prefix"].removeprefix(prefix).rstrip("/")

    def lying(self, place: str) -> Lying:
        times = [
            each["LastModified"] for page in self._pages(Prefix=self._key(place)) for each in page.get("Contents", [])
        ]
        return Lying(len(times), max(times, default=None))

    def delete(self, place: str) -> int:
        """Deletes all that lies under a place; returns how many files. Raises NotDeleted."""
        if not place.strip("/"):
            raise ValueError("the whole bucket is no place")
        gone = 0
        for page in self._pages(Prefix=self._key(place)):
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if not keys:
                continue
            told = self._client.delete_objects(
                Bucket=self._name, Delete={"Objects": keys, "Quiet": True}, **self._owner
            )
            if told.get("Errors"):
                raise NotDeleted
            gone += len(keys)
        return gone

    def _key(self, place: str) -> str:
        # With its end: `1` is not the beginning of `10`.
        return "".join(f"{part}/" for part in (self._prefix, place.strip("/")) if part)

    def _pages(self, **what: str) -> Iterator[Any]:
        # A page is read before its objects are deleted; the next is found by a key, not by a number.
        yield from self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, **what, **self._owner)


def place_of(address: str) -> str | None:
    """Where an address of MLflow's lies in the bucket; None where it is elsewhere."""
    told = urlsplit(address)
    if told.scheme != SCHEME or told.netloc or not told.path.strip("/"):
        return None
    return told.path.strip("/")
