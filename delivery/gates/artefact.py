"""Gates over the model as a thing: its size and speed, the licences in it, and what it takes."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from delivery.gates.measured import NAN, Measured, unmeasured
from delivery.gates.reading import LABEL, PATIENT, RECORD, as_numbers
from delivery.registry.refused import Refused

FEWEST_REQUESTS: Final = 1000
"""Of which ten are slower than the 99th percentile."""
NAMES_TOLD: Final = 10


def size(model: Path) -> Measured:
    """Bytes."""
    count = model.stat().st_size
    return Measured(float(count) if count else NAN, 0, says="" if count else "the file is empty")


def latency(seconds: NDArray[np.float64]) -> Measured:
    """The 99th percentile, of a time that was measured."""
    if seconds.size < FEWEST_REQUESTS:
        return unmeasured(f"{seconds.size:,} requests, of {FEWEST_REQUESTS:,} or more", seconds.size)
    if not (np.isfinite(seconds) & (seconds >= 0)).all():
        return unmeasured("there are times that are none", seconds.size)
    return Measured(float(np.quantile(seconds, 0.99, method="inverted_cdf")), seconds.size)


def licence(sbom: Path, allowed: Sequence[str]) -> Measured:
    """Components of a CycloneDX list whose licence is not allowed or not said. Raises Refused for another document."""
    told = _json(sbom)
    if told.get("bomFormat") != "CycloneDX" or not isinstance(told.get("components"), list):
        raise Refused(f"{sbom} is no list of components in CycloneDX's JSON.")
    if not told["components"]:
        return unmeasured("the list has no component")
    try:
        wrong = [str(each["name"]) for each in told["components"] if not _allowed(each.get("licenses", []), allowed)]
    except (AttributeError, KeyError, TypeError):
        raise Refused(f"{sbom} has a component or a licence that is not as CycloneDX has it.") from None
    says = ", ".join(wrong[:NAMES_TOLD]) + (", ..." if len(wrong) > NAMES_TOLD else "")
    return Measured(float(len(wrong)), 0, says=says)


def signature(declared: Path, table: pa.Table) -> Measured:
    """Inputs of the model's contract.json that no feature is, or whose rows here it does not take."""
    inputs = _json(declared).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(each, dict) and "name" in each for each in inputs):
        raise Refused(f"{declared} is no contract of a model: it has no list `inputs` with names.")
    if not inputs:
        return unmeasured("the contract has no input")
    names = [each["name"] for each in inputs]
    wrong = [f"{name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})]
    wrong += [trouble for each in inputs if (trouble := _trouble(each, table))]
    return Measured(float(len(wrong)), table.num_rows, says="; ".join(wrong))


def _trouble(told: Mapping[str, Any], table: pa.Table) -> str:
    name, kind = str(told["name"]), told.get("kind")
    if name not in table.column_names:
        return f"{name} is no feature"
    if name in (LABEL, PATIENT, RECORD):
        return f"{name} is the outcome or a key, which no model may see"
    column = table[name]
    fits = {
        "number": pa.types.is_floating(column.type) or pa.types.is_integer(column.type),
        "integer": pa.types.is_integer(column.type),
        "boolean": pa.types.is_boolean(column.type),
        "category": pa.types.is_string(column.type),
    }
    if not fits.get(str(kind), False):
        return f"{name} is of another kind than the feature"
    if column.null_count and not told.get("nullable", False):
        return f"{name} may be missing, and the model takes it only with a value"
    there = column.drop_null()
    if kind == "category":
        taken = pc.is_in(there, value_set=pa.array(told.get("categories", []), pa.string())).to_numpy()
    else:
        numbers = as_numbers(there)
        low, high = (told.get(end) for end in ("minimum", "maximum"))
        taken = np.isfinite(numbers)
        taken &= numbers >= (-np.inf if low is None else low)
        taken &= numbers <= (np.inf if high is None else high)
    return "" if taken.all() else f"{name} has {np.count_nonzero(~taken):,} values that the model does not take"


def _allowed(licences: Sequence[Mapping[str, Any]], allowed: Sequence[str]) -> bool:
    """All that are said are allowed, and one is said. Of alternatives one is enough; brackets are taken as they are."""
    said = [each.get("expression") or each["license"].get("id") or "" for each in licences]
    return bool(said) and all(_expression(each, allowed) for each in said)


def _expression(said: str, allowed: Sequence[str]) -> bool:
    if said in allowed:
        return True
    if re.search(r"[()]", said):
        return False
    return any(all(part in allowed for part in each.split(" AND ")) for each in said.split(" OR "))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise Refused(f"{path} cannot be read as JSON.") from None
    if not isinstance(told, dict):
        raise Refused(f"{path} is no JSON object.")
    return told
