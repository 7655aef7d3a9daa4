"""What models are held to: the gates that are declared in the repository, now and before, by their digests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from delivery.registry.documents import Digest, Word, digest, told
from delivery.registry.gates import BEFORE, UNMEASURED, Gate, Report
from delivery.registry.refused import Refused

EARLIER: Final = "earlier.yaml"
"""Beside the declared gates: those of before. What each of them said is kept in the folder `earlier` there."""
Bounds = tuple[float | None, float | None]
"""The least that is enough, and the most."""


class Earlier(Struct, frozen=True, forbid_unknown_fields=True):
    """Gates that were this repository's, until a change of them that was reviewed."""

    digest: Digest
    until: Annotated[datetime, Meta(tz=True)]


class Declared(Struct, frozen=True):
    """Of a declared gate, what a report must say of it; the rest is for who measures."""

    name: Word
    severity: Literal["stop", "warn"]
    minimum: float | None = None
    maximum: float | None = None


class Former(Struct, frozen=True, forbid_unknown_fields=True):
    """A form of reports that was given up."""

    report: Literal["parapet-gates/1"]
    until: Annotated[datetime, Meta(tz=True)]


class Watched(Struct, frozen=True, forbid_unknown_fields=True):
    """That what goes to production comes with what its drift is checked by, and that this was approved."""

    profile: Literal["required"]
    since: Annotated[datetime, Meta(tz=True)]
    """Of versions that come to staging from then on; those of before go on as they did."""


@dataclass(frozen=True)
class Held:
    """The gates that count, by the digest of what declares them, and until when."""

    file: Path
    now: str
    earlier: Mapping[str, datetime]
    bounds: Mapping[str, Mapping[str, Bounds]]
    """Those that stop a model, of the gates of now and of each of before whose file is kept."""
    former: datetime | None = None
    """Until when a report of the form of before counts, and an approval that names no stack."""
    watched: datetime | None = None
    """From when on what comes to staging needs a report that names its profile, and its noise if any, to go on to
    production; None: never."""

    def check(self, report: Report, at: datetime) -> None:
        """Raises Refused where a report of these gates does not count at that time, or has others than these."""
        if report.format == BEFORE and (self.former is None or at >= self.former):
            raise Refused(
                f"The gate report is of the form {BEFORE}, which says nothing of the contract, of what the model was "
                "made of and compared with. Hold the model to its gates anew. If something was decided by it before "
                f"that form was given up, list in {self.file.with_name(EARLIER)}: {{report: {BEFORE}, until: ...}}."
            )
        until = self.earlier.get(report.declared)
        if report.declared != self.now and (until is None or at >= until):
            raise Refused(
                f"The gate report is of other gates ({report.declared}) than those of {self.file} ({self.now}). Hold "
                "the model to these. If the others were declared here until a change that was reviewed, list their "
                f"digest in {self.file.with_name(EARLIER)} with `until`, and keep what they said in "
                f"{kept(self.file, report.declared)}."
            )
        if report.declared not in self.bounds:
            raise Refused(
                f"The gate report is of gates of before ({report.declared}), and what they said is not kept: nobody "
                "can tell whether all of them are in it. Put that file into "
                f"{kept(self.file, report.declared)}, as `git log` has it."
            )
        if wrong := _unlike(report.gates, self.bounds[report.declared]):
            raise Refused(
                "The gate report has not just the gates that are declared:\n"
                + "\n".join(f"    {each}" for each in wrong)
                + "\nHold the model to all of them: `./parapet model gate`."
            )


def _unlike(listed: list[Gate], declared: Mapping[str, Bounds]) -> list[str]:
    """How a report's gates differ from those that are declared. One that was not measured has failed, and says so by
    another name (`delivery/gates/report.py`)."""
    found, wrong = dict[str, Bounds](), list[str]()
    for gate in listed:
        name, bounds = gate.name, (gate.minimum, gate.maximum)
        if name not in declared and name.endswith(UNMEASURED) and bounds == (1, None) and not gate.passed:
            name = name.removesuffix(UNMEASURED)
            bounds = declared.get(name, bounds)
        if name in found:
            wrong.append(f"{name} is there twice")
        elif name not in declared:
            wrong.append(f"{name} is not declared")
        elif bounds != declared[name]:
            wrong.append(f"{name} must be {_said(declared[name])}, and is held to {_said(bounds)}")
        found[name] = bounds
    return [*wrong, *(f"{name} is declared, and lacks" for name in declared if name not in found)]


def _said(bounds: Bounds) -> str:
    pairs = zip(("at least", "at most"), bounds, strict=True)
    return " and ".join(f"{sign} {bound:g}" for sign, bound in pairs if bound is not None) or "nothing"


def held(file: Path) -> Held:
    """By the file that declares the gates, the one beside it with those of before, and what is kept of these. Raises
    Refused."""
    beside = file.with_name(EARLIER)
    try:
        said = msgspec.convert(_yaml(beside) or [] if beside.exists() else [], list[dict[str, object]])
        listed = msgspec.convert([each for each in said if not {"report", "profile"} & each.keys()], list[Earlier])
        former = msgspec.convert([each for each in said if "report" in each], list[Former])
        watched = msgspec.convert([each for each in said if "profile" in each], list[Watched])
    except msgspec.ValidationError as error:
        raise Refused(f"The gates of before in {beside} are not as they must be: {told(error)}.") from None
    now = digest_of_declared(file)
    bounds = {now: _stopping(file)}
    for each in listed:
        if (before := kept(file, each.digest)).exists():
            if (other := digest_of_declared(before)) != each.digest:
                raise Refused(f"What is kept in {before} says something else than its name: its digest is {other}.")
            bounds[each.digest] = _stopping(before)
    return Held(
        file,
        now,
        {each.digest: each.until for each in listed},
        bounds,
        max((each.until for each in former), default=None),
        min((each.since for each in watched), default=None),
    )


def kept(file: Path, declared: str) -> Path:
    """Where what gates of this digest said is kept, beside those of now."""
    return file.parent / "earlier" / f"{declared.removeprefix('sha256:')}.yaml"


def digest_of_declared(file: Path) -> str:
    """Of what it says, whatever its comments and its form. Raises Refused."""
    try:
        return digest(msgspec.json.encode(_yaml(file), order="sorted"))
    except TypeError:
        raise Refused(f"The declared gates in {file} have a key that is no word.") from None


def _stopping(file: Path) -> dict[str, Bounds]:
    """The bounds of the gates that stop a model, by their names. Raises Refused."""
    said: Any = _yaml(file)
    try:
        listed = msgspec.convert(said["gates"] if isinstance(said, dict) else None, list[Declared])
    except (KeyError, msgspec.ValidationError) as error:
        why = told(error) if isinstance(error, msgspec.ValidationError) else "it has none"
        raise Refused(f"The declared gates in {file} are not as they must be: {why}.") from None
    return {each.name: (each.minimum, each.maximum) for each in listed if each.severity == "stop"}


def _yaml(file: Path) -> object:
    try:
        return yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise Refused(f"The declared gates {file} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError:
        raise Refused(f"The declared gates {file} cannot be read: it is no YAML.") from None
