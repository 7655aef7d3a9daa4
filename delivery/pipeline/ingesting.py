"""Takes a feed's files as they are: the same bytes under names that tell nothing, and what ties a run to them."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from delivery.data.contract import contract
from delivery.data.dataset import File, Manifest, sha256, stamp
from delivery.data.reading import check_files
from delivery.data.refused import Refused

SCHEME: Final = "s3://"


def ingest(intake: str, out: Path) -> Manifest:
    """Copies the Parquet files of a folder, or below s3://BUCKET/PREFIX, to `out`, with a manifest.

    Their order and names are those of their digests: a file's own name may name a person, and another name of the same
    content is no other data set. Raises Refused where there is none, one is not Parquet, or one is there twice.
    """
    out.mkdir(parents=True, mode=0o700)
    fetched = out / ".fetched"
    try:
        sources = _downloaded(intake, fetched) if intake.startswith(SCHEME) else _local(Path(intake))
        _check(sources, intake)
        digests = {path: sha256(path) for path in sources}
        if twice := sum(times - 1 for times in Counter(digests.values()).values()):
            raise Refused(f"{twice:,} of the files in {intake} have the content of another one. Take them away.")
        listed = []
        for number, path in enumerate(sorted(sources, key=lambda each: digests[each])):
            target = out / f"{contract().name}-{number:05d}.parquet"
            shutil.copyfile(path, target)
            target.chmod(0o600)
            listed.append(File(target.name, pq.read_metadata(target).num_rows, sha256(target)))
        if {file.sha256 for file in listed} != set(digests.values()):
            raise Refused(f"Files in {intake} changed while they were read. Run it again when the feed is complete.")
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    manifest = Manifest(stamp(), sum(file.rows for file in listed), tuple(listed), {})
    if not manifest.rows:
        raise Refused(f"The files in {intake} have no row. Was the feed written to its end?")
    manifest.write(out)
    return manifest


def _check(sources: Sequence[Path], intake: str) -> None:
    """Raises Refused with all that is wrong with the files as such, and tells none by its own name."""
    wrong = []
    for number, path in enumerate(sources, 1):
        try:
            check_files([path])
        except Refused as refused:
            told = f"File {number:,} of {len(sources):,} in {intake}, in the order of their names,"
            wrong.append(str(refused).replace(str(path), told))
    if wrong:
        raise Refused("\n".join(wrong))


def _local(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise Refused(f"{folder} is no folder: name the one with the feed's Parquet files, or s3://BUCKET/PREFIX.")
    if not (found := sorted(folder.glob("*.parquet"))):
        raise Refused(f"{folder} has no *.parquet: name the folder with the feed's files.")
    return found


def _downloaded(place: str, folder: Path) -> list[Path]:
    import boto3  # here: a second that a run over files need not wait

    folder.mkdir(mode=0o700)
    where, s3 = urlsplit(place), boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=where.netloc, Prefix=where.path.strip("/") + "/" * bool(where.path.strip("/"))
    )
    names = [each["Key"] for page in pages for each in page.get("Contents", []) if each["Key"].endswith(".parquet")]
    if not names:
        raise Refused(f"{place} has no object that ends in .parquet.")
    found = [folder / f"{number:05d}.parquet" for number in range(len(names))]
    for name, path in zip(names, found, strict=True):
        s3.download_file(where.netloc, name, str(path))
    return found
