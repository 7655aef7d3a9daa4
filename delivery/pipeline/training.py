"""Trees by LightGBM, and the same as a graph of ONNX: the same bytes for the same rows, seed and packages."""

from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import pyarrow.parquet as pq
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from delivery.pipeline.declared import TENSOR, Matrix, inputs, matrix
from delivery.pipeline.scoring import Graph
from delivery.pipeline.settings import settings
from delivery.pipeline.splitting import LABEL
from delivery.registry.refused import Refused

OPSET: Final = 15
NEAR: Final = 1e-5
"""How far the graph's probabilities may be from those of the trees that it was made of."""
TRIED: Final = 10_000
FEATURES: Final = "features"


def train(table: Path, seed: int) -> bytes:
    """The graph. Raises Refused where the rows have one outcome only."""
    rows = pq.read_table(table)
    label = rows[LABEL].to_numpy().astype(np.float64)
    if len(np.unique(label)) < 2:
        raise Refused(f"All {label.size:,} rows to train on have the same outcome: nothing can be learnt of them.")
    taken = matrix(rows, inputs())
    told = settings().trees
    data = lightgbm.Dataset(taken.astype(np.float64), label, free_raw_data=False)
    trees = lightgbm.train(told.parameters | {"seed": seed}, data, num_boost_round=told.rounds)
    graph = _graph(trees, taken.shape[1])
    _same(trees, graph, taken[:TRIED])
    return graph


def _graph(trees: Any, fields: int) -> bytes:
    kinds = [(FEATURES, FloatTensorType([None, fields]))]
    made = convert_lightgbm(trees, name="readmission", initial_types=kinds, zipmap=False, target_opset=OPSET)
    opsets = sorted((each.domain, each.version) for each in made.opset_import)
    del made.opset_import[:]  # they come out of a set, in another order by each process' hashes
    for domain, version in opsets:
        made.opset_import.add(domain=domain, version=version)
    raw: bytes = made.SerializeToString(deterministic=True)
    return raw


def _same(trees: Any, graph: bytes, taken: Matrix) -> None:
    apart = np.abs(Graph(graph, TENSOR, 1).scores(taken) - trees.predict(taken.astype(np.float64))).max()
    if not apart <= NEAR:
        raise AssertionError(f"the graph is {apart:g} from its trees")
