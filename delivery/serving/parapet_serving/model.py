"""A model that answers, whatever runs it, and what it has to answer before anybody may ask it."""

import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from parapet_serving.bundle.manifest import Case
from parapet_serving.contract import Contract, Matrix, Outputs, bounds
from parapet_serving.refusal import Refused, Wrong

FAR: Final = 1e6
"""How far from 0 a field is tried that has no bound."""


class Model(Protocol):
    """One of these is asked by one thread at a time."""

    def predict(self, matrix: Matrix) -> Outputs:
        """For a matrix that the contract allows."""


def answered(model: Model, contract: Contract, cases: Sequence[Case]) -> None:
    """Asks the model its known cases. Raises Refused for the first that it answers otherwise."""
    for number, case in enumerate(cases):
        if case.inputs.keys() != contract.places.keys() or case.outputs.keys() != {o.name for o in contract.outputs}:
            raise Refused(f"contract.json: known case {number} has other fields than the contract.")
        try:
            matrix = np.array([_row(contract, case)], np.float32)
            contract.check(matrix)
        except Wrong as wrong:
            raise Refused(f"contract.json: known case {number} is outside the contract. {wrong.text}.") from None
        if name := _otherwise(case, {name: column[0] for name, column in model.predict(matrix).items()}):
            raise Refused(
                f"Known case {number}: {name} is further than {case.tolerance:g} from what it must be. "
                "This is not the model that was registered, or this machine computes otherwise."
            )


def independent(model: Model, contract: Contract, cases: Sequence[Case], rows: int) -> None:
    """Asks the model its known cases among others, up to so many rows, before them and behind them: requests that are
    there together are asked together, and what one asks must change no other's answer. Raises Refused."""
    known = np.array([_row(contract, case) for case in cases], np.float32)
    others = _lawful(contract, max(rows - len(known), 1))
    for among in (others[:1], others):
        for at, parts in ((0, (known, among)), (len(among), (among, known))):
            try:
                told = model.predict(np.concatenate(parts))
            except Exception as error:
                what = f"{type(error).__name__} for {len(among)} rows that the contract allows, and known cases"
                raise Refused(f"model.onnx fails with {what}. It must answer whatever the contract allows.") from None
            for number, case in enumerate(cases):
                if name := _otherwise(case, {name: column[at + number] for name, column in told.items()}):
                    raise Refused(
                        f"Known case {number}: {name} is another one when others are asked with it. Each row must be "
                        "for itself: no operation of model.onnx may go over rows, as a mean over the first axis does."
                    )


def _otherwise(case: Case, told: Mapping[str, np.float32]) -> str | None:
    """The first output that is further from what it must be than it may be."""
    for name, expected in case.outputs.items():
        if not abs(float(told[name]) - expected) <= case.tolerance:  # NaN is near nothing
            return name
    return None


def _row(contract: Contract, case: Case) -> list[float]:
    return [contract.number(field, case.inputs[field.name], 0) for field in contract.inputs]


def _lawful(contract: Contract, rows: int) -> Matrix:
    """Rows that the contract allows, the same each time."""
    low, high = np.array([bounds(field) for field in contract.inputs]).T
    low, high = np.clip(-FAR, low, high), np.clip(FAR, low, high)
    drawn = low + np.random.default_rng(0).random((rows, len(low))) * (high - low)
    whole = [field.kind != "number" for field in contract.inputs]
    drawn[:, whole] = np.ceil(drawn[:, whole])
    matrix: Matrix = np.minimum(drawn, high).astype(np.float32)
    return matrix


def seconds(model: Model, contract: Contract, case: Case, rows: int) -> float:
    """How long the model takes for so many rows: the best of three, the first being for warming up."""
    matrix = np.array([_row(contract, case)] * rows, np.float32)
    taken = []
    for _ in range(4):
        begun = time.perf_counter()
        model.predict(matrix)
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])
