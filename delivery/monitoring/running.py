"""Checks of files, on DuckDB under a folder that goes with it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ibis.backends.duckdb import Backend

from delivery.data.engine import connected
from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.found import Check
from delivery.monitoring.profile import Profile, is_profile, read_profile, write
from delivery.monitoring.profiling import profiled
from delivery.monitoring.reading import READING_FAILS, source
from delivery.monitoring.sound import sound
from delivery.registry.refused import Refused


@contextmanager
def engine() -> Iterator[Backend]:
    """Raises Refused for what the engine says of files: its words may hold values."""
    with tempfile.TemporaryDirectory(prefix="parapet-drift-") as folder, connected(Path(folder)) as connection:
        try:
            yield connection
        except READING_FAILS as error:
            raise Refused(
                f"The files cannot be read to their end ({type(error).__name__}): one is damaged, or the disk is full."
            ) from None


def check_files(
    reference: Sequence[Path],
    current: Sequence[Path],
    predictions: str | None = None,
    labels: str | None = None,
    by: str | None = None,
    digest: str | None = None,
) -> Check:
    """Holds the current files against the reference's, or against its profile, which must be the one of `digest` where
    that is given. Raises Refused."""
    with engine() as connection:
        if len(reference) == 1 and is_profile(reference[0]):
            held = Reference(_for(_meant(reference[0], digest), predictions, labels))
        elif digest:
            raise Refused("--digest is of a profile: give one as --reference, or leave it out.")
        else:
            held = Reference.of(source(connection, reference, "reference"), predictions, labels)
        window = source(connection, current, "window", profile_types(held.profile))
        return check(held, window, by)


def load(path: Path) -> Profile:
    """Raises Refused for another document, and for one that does not hang together."""
    profile = read_profile(path)
    sound(profile, f"The profile {path}")
    return profile


def _meant(path: Path, digest: str | None) -> Profile:
    profile = load(path)
    if digest and profile.digest != digest:
        raise Refused(
            f"The profile {path} has the digest {profile.digest}, and not {digest}: fetch the one that was made."
        )
    return profile


def _for(profile: Profile, predictions: str | None, labels: str | None) -> Profile:
    """Raises Refused where the profile was made for other columns."""
    for asked, made, option in (
        (predictions, profile.predictions, "--predictions"),
        (labels, profile.labels, "--labels"),
    ):
        if asked is not None and asked != made:
            raise Refused(
                f"{option} {asked}: the profile was made with {made or 'none'}. Make it anew by "
                f"`./parapet drift profile ... {option} {asked}`."
            )
    return profile


def profile_files(files: Sequence[Path], out: Path, predictions: str | None, labels: str | None) -> Profile:
    """Writes the profile of these files. Raises Refused."""
    with engine() as connection:
        made = profiled(source(connection, files, "reference"), predictions, labels)
    sound(made, "The profile")
    write(made, out)
    return made
