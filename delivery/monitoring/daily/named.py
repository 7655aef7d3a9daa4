"""Files held against what a model that serves was tried on, which is asked for by its name: for people, at any time."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from msgspec import structs

from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.daily import predictions, staging
from delivery.monitoring.found import Check
from delivery.monitoring.profile import Profile
from delivery.monitoring.reading import source
from delivery.monitoring.running import engine
from delivery.monitoring.sound import sound
from delivery.registry import watched
from delivery.registry.bundle import PROFILE, part
from delivery.registry.desk import Desk
from delivery.registry.documents import Environment, digest, read
from delivery.registry.refused import Refused


def serving(desk: Desk, reference: str) -> tuple[str, Profile]:
    """NAME@VERSION of what serves by NAME or NAME@ENVIRONMENT, in production unless it is said, and its profile: the
    one of the ledger. Raises Refused."""
    name, _, said = reference.partition("@")
    where = Environment(said or Environment.PROD)
    served = desk.state(name).serving(where)
    if served is None:
        raise Refused(
            f"There is no file {reference}, and no model {name} serves in {where}. `./parapet model list` tells which "
            "do; name another environment as in readmission@staging."
        )
    version, known = served.release.version, served.begun.digests.get(part(PROFILE))
    if known is None:
        raise Refused(
            f"{name} version {version} in {where} was promoted without a profile, as all were once: give the files "
            "that it was tried on, or promote what the pipeline registers now."
        )
    raw = desk.bundles.file(name, where, version, PROFILE) or b""
    place = f"{desk.bundles.place(name, where, version)}/{PROFILE}"
    if digest(raw) != known:
        raise Refused(f"{place} is not the one that was decided on: its digest is another. Who put it there?")
    profile = read(raw, Profile, place)
    sound(profile, place, watched.ANEW)
    return f"{name}@{version}", profile


def checked(model: str, profile: Profile, files: Sequence[Path], answers: str | None, outcomes: str | None) -> Check:
    """Holds the files against it: tables, or files of its prediction log. `answers` and `outcomes` are what the columns
    of those are called here, where it is not as in the profile. Raises Refused."""
    with tempfile.TemporaryDirectory(prefix="parapet-named-") as work, engine() as connection:
        held = _called(profile, answers, outcomes)
        window = source(connection, _as_asked(connection, files, Path(work)), "window", profile_types(held))
        notes = []
        for asked, option in ((answers, "--predictions"), (outcomes, "--labels")):
            if asked and asked not in window.types:
                raise Refused(f"{option} {asked}: no column of the files is called so.")
        if held.predictions not in window.types:
            notes.append("There are no predictions in the files: name their column by --predictions.")
            held = _without(held)
        found = check(Reference(held), window)
    return structs.replace(found, model=model, reference=profile.digest, notes=[*notes, *found.notes])


def _called(profile: Profile, answers: str | None, outcomes: str | None) -> Profile:
    """The same, with these names."""
    names = {profile.predictions: answers, profile.labels: outcomes}
    columns = [structs.replace(each, name=names.get(each.name) or each.name) for each in profile.columns]
    if len({each.name.casefold() for each in columns}) < len(columns):
        raise Refused("--predictions and --labels name columns that are the model's own fields, or the same one.")
    told = {"predictions": answers or profile.predictions, "labels": outcomes or profile.labels}
    return structs.replace(profile, columns=columns, **told)


def _without(profile: Profile) -> Profile:
    """The fields alone."""
    own = (profile.predictions, profile.labels)
    columns = [each for each in profile.columns if each.name not in own]
    return structs.replace(profile, columns=columns, predictions=None, labels=None, scores=None)


def _as_asked(connection: Backend, files: Sequence[Path], work: Path) -> Sequence[Path]:
    """Files of the log as the profile has their columns, each row once; others as they are."""
    logged = [each for each in files if _is_logged(each)]
    if len(logged) < len(files):
        return files
    staged, left = staging.staged(
        (predictions.mapped(predictions.opened(each, str(each))) for each in files), work, "log"
    )
    if left:
        raise Refused(f"The files of the log have more than {staging.FORMS} forms. Who writes them? Give those of one.")
    tables, _ = staging.once(connection, staged) if staged else ([], 0)
    return staging.written(connection, tables, work, "window") or files


def _is_logged(file: Path) -> bool:
    try:
        names = pq.read_schema(file).names
    except (pa.ArrowException, OSError, ValueError):
        return False
    return set(predictions.WRITTEN) <= set(names) and any(each.startswith(predictions.INPUT) for each in names)
