"""A model that answers, whatever runs it, and what it has to answer before anybody may ask it."""

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from parapet_serving.bundle.manifest import Case
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.refusal import Refused, Wrong


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
            row = [contract.number(field, case.inputs[field.name], 0) for field in contract.inputs]
            matrix = np.array([row], np.float32)
            contract.check(matrix)
        except Wrong as wrong:
            raise Refused(f"contract.json: known case {number} is outside the contract. {wrong.text}.") from None
        told = model.predict(matrix)
        for name, expected in case.outputs.items():
            if not abs(float(told[name][0]) - expected) <= case.tolerance:  # NaN is near nothing
                raise Refused(
                    f"Known case {number}: {name} is further than {case.tolerance:g} from what it must be. "
                    "This is not the model that was registered, or this machine computes otherwise."
                )


def seconds(model: Model, contract: Contract, case: Case, rows: int) -> float:
    """How long the model takes for so many rows: the best of three, the first being for warming up."""
    row = [contract.number(field, case.inputs[field.name], 0) for field in contract.inputs]
    matrix = np.array([row] * rows, np.float32)
    taken = []
    for _ in range(4):
        begun = time.perf_counter()
        model.predict(matrix)
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])
