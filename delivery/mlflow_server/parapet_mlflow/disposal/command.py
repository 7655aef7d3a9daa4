"""`parapet-mlflow gc`: its arguments, and one line that says what became of it."""

import argparse
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn

from parapet_mlflow.garbage import spare
from parapet_mlflow.refusal import Refused

KINDS: Final = ("experiments", "runs", "models", "traces")
_AGE = re.compile(r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"gc: {message}. See README.md in this image's folder.")


def gc(arguments: Sequence[str]) -> int:
    """Removes for good what was deleted long enough ago, with its files, and prints the report.

    Returns 1 where something could not be removed: it is tried again the next time. Raises Refused.
    """
    asked = parse(arguments)
    from parapet_mlflow import artifacts, database, schema

    database.install()
    database.check(asked.backend_store_uri)
    schema.verify(asked.backend_store_uri)
    artifacts.check(asked.artifacts_destination)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    from parapet_mlflow.disposal import garbage, sweep
    from parapet_mlflow.disposal.bucket import Bucket
    from parapet_mlflow.disposal.report import Report

    spare()
    keep = {kind: asked.keep.get(kind, asked.older_than) for kind in KINDS}
    report = Report(keep, asked.old_versions_days)
    store, bucket = (
        SqlAlchemyStore(asked.backend_store_uri, asked.artifacts_destination),
        Bucket(asked.artifacts_destination),
    )
    only = garbage.Only(asked.experiment_ids, asked.run_ids, asked.logged_model_ids)
    try:
        garbage.collect(store, bucket, keep, only, report)
        if not only.some_alone:
            sweep.sweep(store, bucket, keep, only, report)
    finally:
        print(report.line(), flush=True)
    return 1 if report.failed else 0


def age(text: str) -> int:
    """Milliseconds of a time such as `90d` or `1d12h`."""
    if not text or not (found := _AGE.fullmatch(text)):
        raise argparse.ArgumentTypeError(f"{text} is no time. Write one like 90d, 12h or 1d12h")
    return int(
        timedelta(**{unit: int(told) for unit, told in found.groupdict().items() if told}) / timedelta(milliseconds=1)
    )


def _kept(text: str) -> tuple[str, int]:
    kind, _, told = text.partition("=")
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"{kind} is no kind that is kept. There are {', '.join(KINDS)}")
    return kind, age(told)


def _ids(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def parse(arguments: Sequence[str]) -> Any:
    """Raises Refused, with what is wrong."""
    parser = _Parser(prog="gc", add_help=False, allow_abbrev=False)
    parser.add_argument("--backend-store-uri", required=True)
    parser.add_argument("--artifacts-destination", required=True)
    parser.add_argument("--older-than", type=age, default=0)
    parser.add_argument("--keep", type=_kept, action="append", default=[])
    parser.add_argument("--old-versions-days", type=int)
    for name in ("--experiment-ids", "--run-ids", "--logged-model-ids"):
        parser.add_argument(name, type=_ids, default=frozenset())
    asked = parser.parse_args(list(arguments))
    asked.keep = dict(asked.keep)
    if not all(number.isdigit() for number in asked.experiment_ids):
        raise Refused("gc: --experiment-ids has something that is no number. Write them like 1,2.")
    return asked
