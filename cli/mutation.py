"""`./parapet policies mutate`: the stack that is weakened, and what is told of it."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from cli.output import Refused
from hipaa.mutation.graph import Planned, UnusableGraph, read
from hipaa.mutation.score import Score
from hipaa.mutation.survivors import Kind
from local.aws import sdk_types
from local.workspace import ROOT

EVERY_OPTION = Path(__file__).with_name("every_option.yaml")
AWS = "aws:"


def own_stack() -> tuple[Planned, ...]:
    """This clone's program with every option on, under mocks: it needs no tools, and nobody is asked."""
    from cluster.images import IMAGES, LOCK
    from local import planned

    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    settings = {
        name: each["default"] for name, each in declared.items() if isinstance(each, dict) and "default" in each
    }
    settings |= yaml.safe_load(EVERY_OPTION.read_text())
    digests = {image.tagged: f"sha256:{sha256(image.name.encode()).hexdigest()}" for image in IMAGES.values()}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}
    return read(planned.state(ROOT / "__main__.py", texts, digests, LOCK))


def stack_of(file: Path) -> tuple[Planned, ...]:
    """The stack in a state or in a preview. Raises Refused where the file holds none."""
    try:
        return read(json.loads(file.read_text()))
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Refused(f"{file} is not JSON: {error}.") from None
    except UnusableGraph as error:
        raise Refused(f"{file}: {error}.") from None


@cache
def is_needed(type_: str, path: str) -> bool:
    """Whether the AWS provider takes no resource of a type without this property, as its SDK says."""
    model = _model(type_)
    if model is None:
        return False
    properties: dict[str, sdk_types.Property] | None = model.inputs
    kind: Any = None
    needed = False
    for part in path.split("."):
        if properties is not None:
            if part not in properties:
                return False
            kind, needed, properties = properties[part].type, properties[part].required, None
        elif isinstance(kind, list) and kind[0] in ("list", "map"):
            kind, needed = kind[1], False
        else:
            return False
        if isinstance(kind, list) and kind[0] == "ref":
            properties = model.nested.get(kind[1])
    return needed


@cache
def _model(type_: str) -> sdk_types.ResourceModel | None:
    return sdk_types.resource_model(type_) if type_.startswith(AWS) else None


def lines(measured: Score) -> Iterator[str]:
    """The score for people: by mutator, then what no rule speaks of and why."""
    yield f"{'':14} {'caught':>7} {'hole':>7} {'not asked':>10} {'no weaker':>10}"
    for mutator, counted in measured.by("mutator").items():
        caught, hole, asked, weaker = (counted.get(each, 0) for each in ("caught", *reversed(Kind)))
        yield f"{mutator:14} {caught:7} {hole:7} {asked:10} {weaker:10}"
    survived: Counter[tuple[str, str]] = Counter()
    for one in measured.judged:
        if one.reason:
            survived[str(one.reason.kind), one.reason.reason] += 1
    for (kind, reason), times in sorted(survived.items(), key=lambda each: (each[0][0], -each[1])):
        yield f"{kind:10} {times:6}  {reason}"
    unexplained = Counter(
        (one.mutant.resource.type, one.mutant.property or "the resource", one.mutant.mutator)
        for one in measured.judged
        if not one.rules and not one.reason
    )
    for (type_, path, mutator), times in unexplained.most_common():
        yield f"{'hole':10} {times:6}  {mutator} {type_} {path}"
    yield f"mutants {len(measured.judged)}"
    yield f"score {measured.score:.1f}% (by mandatory rules {measured.mandatory:.1f}%)"
    yield f"of all that is weaker, asked for or not: {measured.strict:.1f}%"
