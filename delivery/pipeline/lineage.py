"""Where a model comes from: all that went into a run and what came out of it, by digests; and how two runs differ."""

import platform
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, structs

from delivery.registry.documents import CHANGED, Digest, Fact, Name, canonical, digest, digest_of, read
from delivery.registry.gates import Override
from delivery.registry.refused import Refused

DELIVERY: Final = Path(__file__).parents[1]
ROOMS: Final = ("data", "gates", "registry", "monitoring", "pipeline")
IMAGE: Final = r"[a-z0-9][a-z0-9._:/-]{0,180}@sha256:[0-9a-f]{64}"
NO_IMAGE: Final = "no-image"
"""Of a run in an environment of the lock, outside a container."""
COMPILED: Final = "pipeline.yaml"


class Inputs(Struct, frozen=True, forbid_unknown_fields=True):
    """What the same model needs the same of."""

    dataset: Digest
    """Of the feed's files, whatever they were called."""
    code: Fact
    """The commit; with `-and-changes` where files of delivery/ were not as in it."""
    sources: Digest
    """Of the files that ran, whatever commit they are of."""
    image: Fact
    environment: Digest
    """Of the lock file."""
    seed: Annotated[int, Meta(ge=0)]
    key: Fact
    """The identifier of the hashes' key, by which people are split; nothing of the key can be told from it."""
    machine: Fact


class Outputs(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows from them, byte for byte."""

    features: Digest
    train: Digest
    test: Digest
    model: Digest
    sbom: Digest


class Judged(Struct, frozen=True, forbid_unknown_fields=True):
    """What the model was held to. Its latency is another in each run, and so is the report's digest."""

    declared: Digest
    """Of what gates.yaml says."""
    reference: Fact
    """The version in production that it was compared with; or `none`, for a first model."""
    contract: Digest
    report: Digest
    passed: bool
    override: Override | None = None
    """What failed and two people let pass."""
    profile: Digest | None = None
    """What its drift is checked by; runs of before have none."""


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """`run.json`."""

    format: Literal["parapet-run/1"]
    model: Name
    inputs: Inputs
    outputs: Outputs
    judged: Judged

    @property
    def digest(self) -> str:
        """Of what went in and what came out: another run of the same has the same, whatever its latency."""
        return digest_of(Made(self.model, self.inputs, self.outputs))


class Made(Struct, frozen=True):
    model: str
    inputs: Inputs
    outputs: Outputs


def load(path: Path) -> Record:
    """From run.json, or the folder of a run. Raises Refused."""
    file = path / "run.json" if path.is_dir() else path
    try:
        return read(file.read_bytes(), Record, f"The record of a run {file}")
    except OSError as error:
        raise Refused(
            f"The record of a run {file} cannot be read: {error.strerror}. Name the folder that "
            "`./parapet pipeline run` wrote, or its run.json; a run that its data gate stopped has none."
        ) from None


def checked(record: Record) -> Record:
    """The same, if its facts are such. Raises Refused."""
    return read(canonical(record), Record, "What a run says of itself")


class Difference(Struct, frozen=True):
    """A fact that two runs do not share."""

    name: str
    first: str
    second: str


class Compared(Struct, frozen=True):
    """How two runs differ: in what went in, and in what came out."""

    inputs: list[Difference]
    outputs: list[Difference]
    same_model: bool

    @property
    def same(self) -> bool:
        return not self.inputs and not self.outputs

    @property
    def explained(self) -> bool:
        """Another model by other inputs is as it should be; another model by the same ones is not."""
        return bool(self.inputs) or not self.outputs


def compare(first: Record, second: Record) -> Compared:
    inputs = _differences(first.inputs, second.inputs)
    if first.inputs.sources == second.inputs.sources:  # another commit that left what runs as it was
        inputs = [each for each in inputs if each.name != "code"]
    return Compared(inputs, _differences(first.outputs, second.outputs), first.outputs.model == second.outputs.model)


def _differences(first: Struct, second: Struct) -> list[Difference]:
    pairs = [(name, getattr(first, name), getattr(second, name)) for name in first.__struct_fields__]
    return [Difference(name, str(one), str(other)) for name, one, other in pairs if one != other]


def code() -> str:
    """The commit that this is, by git. Raises Refused where there is none: a container is told."""
    found = _git("rev-parse", "HEAD")
    if found is None:
        raise Refused("This is no clone of the repository, so that the commit cannot be told. Give it by --code.")
    changed = _git("status", "--porcelain", "--", *ROOMS)
    return f"{found}{CHANGED}" if changed or changed is None else found


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(DELIVERY), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def sources() -> str:
    """The digest of all that a run runs of ours, but for the packages."""
    total = sha256()
    for room in ROOMS:
        files = (each for each in (DELIVERY / room).rglob("*") if each.suffix in (".py", ".yaml") and each.is_file())
        for file in sorted(files):
            if file.name != COMPILED:
                total.update(f"{file.relative_to(DELIVERY).as_posix()} {digest(file.read_bytes())}\n".encode())
    return f"sha256:{total.hexdigest()}"


def machine() -> str:
    return f"{sys.platform}-{platform.machine()}-{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}"


def facts(record: Record) -> dict[str, str]:
    """What a version in MLflow's registry says of itself, as tags."""
    told = {name: str(value) for name, value in structs.asdict(record.inputs).items()}
    told |= {"model": record.outputs.model, "gates": record.judged.report, "run": record.digest}
    told |= {name: getattr(record.judged, name) for name in ("contract", "declared", "reference")}
    told |= {"profile": record.judged.profile} if record.judged.profile else {}
    if passes := record.judged.override:
        told |= {"override": ",".join(passes.gates), "override_reason": passes.reason}
        told |= {"override_asked_by": passes.asked_by, "override_agreed_by": passes.agreed_by}
    return {f"parapet.{name}": value for name, value in told.items()}
