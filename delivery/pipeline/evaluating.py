"""What the gates look at, made of a model and of what it is tried on; and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from delivery.data.injections import Injection, inject
from delivery.gates.declared import Declared, Fairness, GroupsJudged, declared
from delivery.gates.evaluating import Evidence, evaluate
from delivery.gates.quality import figure
from delivery.gates.reading import predictions
from delivery.gates.report import Report, for_promotion, overridden
from delivery.pipeline import declared as contracts
from delivery.pipeline.sbom import sbom
from delivery.pipeline.scoring import Graph
from delivery.pipeline.settings import settings
from delivery.pipeline.splitting import LABEL
from delivery.registry.bundle import BESIDE, part
from delivery.registry.documents import canonical, digest
from delivery.registry.gates import USUAL, WATCHED, Override
from delivery.registry.refused import Refused

KEYS: Final = ("record_key", "patient_key")
CONTRACT, SBOM = "contract.json", "sbom.json"
REPORT, FULL = "gates.json", "gates-full.json"
MEASURES: Final = {"auroc": "AUROC", "recall": "Recall", "brier": "Brier score", "ece": "Calibration error"}
BEFORE: Final = "stays_in_year_before"
MOST_BEFORE: Final = 5


@dataclass(frozen=True)
class Evaluated:
    """What was written, and what the gates said."""

    report: Report
    contract: bytes
    sbom: bytes
    profile: str
    """The digest of the profile that drift is checked by."""
    noise: str | None
    """Likewise; None where there is none."""


def evaluated(
    model: Path,
    train: Path,
    test: Path,
    production: Path,
    gates: Path,
    seed: int,
    watched: Path,
    out: Path,
    facts: Mapping[str, str],
    passes: Override | None = None,
) -> Evaluated:
    """Writes to `out` the predictions, latencies, packages, contract, the gates' reports, and what is in `watched`: the
    profile that drift is checked by, and the noise where there is one.

    `production` has the model to compare with (model.onnx, contract.json), or nothing, for a first model: then it is
    compared with the outcome's rate by the stays of the year before. `facts` are what the version is made of. `passes`
    are the gates that two people let pass.
    Raises Refused for a production model that cannot be asked of these features, and where not just these failed.
    """
    told = declared(gates)
    out.mkdir(parents=True, exist_ok=True)
    seen, rows = pq.read_table(train), pq.read_table(test)
    taken = contracts.inputs()
    graph = Graph(model.read_bytes(), contracts.TENSOR, contracts.output().column)
    matrix = contracts.matrix(rows, taken)
    scores = graph.scores(matrix)
    tables = {
        "candidate": _predicted(rows, scores, told),
        "reference": _predicted(rows, reference(production, seen, rows), told),
        "latency": pa.table({"seconds": graph.seconds(matrix, settings().requests)}),
    }
    for kind, amount in settings().injected.items():
        faulty = _with_fault(rows, Injection(kind, amount), seed)
        tables[f"injected-{kind}"] = _predicted(faulty, graph.scores(contracts.matrix(faulty, taken)), told)
    files = {name: out / f"{name}.parquet" for name in tables}
    for name, path in files.items():
        pq.write_table(tables[name], path, compression="zstd")
    packages = sbom()
    (out / SBOM).write_bytes(packages)
    measures = _measures(files["candidate"], told)
    contract = canonical(_contract(graph, contracts.matrix(seen, taken), taken, measures))
    (out / CONTRACT).write_bytes(contract)
    # The report names both: who approves by it approves of what drift is checked by.
    checked_by = {name: (watched / name).read_bytes() for name in BESIDE if (watched / name).exists()}
    for name, raw in checked_by.items():
        (out / name).write_bytes(raw)
    digests = {part(name): digest(raw) for name, raw in checked_by.items()}
    evidence = Evidence(
        model,
        injected={kind: files[f"injected-{kind}"] for kind in settings().injected},
        **{name: files[name] for name in ("candidate", "reference", "latency")},
        **{"train": train, "test": test, "sbom": out / SBOM, "contract": out / CONTRACT},
        **{"production": production, "facts": {**facts, **digests}},
    )
    report = evaluate(evidence, gates=gates)
    if passes:
        report = overridden(report, passes)
    (out / FULL).write_bytes(canonical(report) + b"\n")
    (out / REPORT).write_bytes(canonical(for_promotion(report)) + b"\n")
    return Evaluated(report, contract, packages, digests[WATCHED], digests.get(USUAL))


def _predicted(rows: pa.Table, scores: NDArray[np.float64], told: Declared) -> pa.Table:
    groups = sorted({gate.by for gate in told.gates if isinstance(gate, Fairness | GroupsJudged)})
    columns: dict[str, Any] = {name: rows[name] for name in (*KEYS, *groups)}
    return pa.table({**columns, "label": rows[LABEL], "score": scores})


def reference(production: Path, seen: pa.Table, rows: pa.Table) -> NDArray[np.float64]:
    """What the model in `production` says of these rows; without one, the rates that `seen` has. Raises Refused."""
    file = production / "model.onnx"
    if not file.exists():
        return _by_stays_before(seen, rows)
    told = contracts.read_declared((production / CONTRACT).read_bytes())
    (asked, *others) = told.outputs
    if others:
        raise Refused(f"The model in production answers {len(told.outputs)} things; which one to compare with?")
    return Graph(file.read_bytes(), asked.tensor, asked.column).scores(contracts.matrix(rows, told.inputs))


def _by_stays_before(seen: pa.Table, rows: pa.Table) -> NDArray[np.float64]:
    """What a nurse can do without a model: the outcome's rate by the stays of the year before, as training has it."""
    before, asked = (np.minimum(table[BEFORE].to_numpy().astype(np.int64), MOST_BEFORE) for table in (seen, rows))
    label = seen[LABEL].to_numpy().astype(np.float64)
    counted = np.bincount(before, minlength=MOST_BEFORE + 1)
    summed = np.bincount(before, label, MOST_BEFORE + 1)
    rate: NDArray[np.float64] = np.where(counted > 0, summed / np.maximum(counted, 1), label.mean())[asked]
    return rate


def _with_fault(rows: pa.Table, injection: Injection, seed: int) -> pa.Table:
    """The same rows with a fault of `./parapet data generate --inject`, which changes columns that are features too."""
    touched = ("heart_rate", "respiratory_rate", "creatinine", LABEL)
    columns = {name: rows[name].cast(pa.float64(), safe=False).to_numpy().copy() for name in touched[:-1]}
    columns[LABEL] = rows[LABEL].cast(pa.int8()).cast(pa.float64()).to_numpy().copy()
    columns["record_id"] = np.arange(rows.num_rows)
    inject([injection], seed, 0, columns)
    for name in touched:
        place, kind = rows.column_names.index(name), rows[name].type
        values = pa.array(columns[name] == 1) if name == LABEL else pa.array(columns[name], kind, from_pandas=True)
        rows = rows.set_column(place, name, values)
    return rows


def _measures(candidate: Path, told: Declared) -> Mapping[str, str]:
    """Of the model's card, with their intervals."""
    sample = predictions(candidate, told.operating_point, ())
    made = {}
    for name, title in MEASURES.items():
        found = figure(name, sample, told.bootstrap)
        if found.point is not None:
            made[title] = f"{found.point:.3f} ({found.low:.3f} to {found.high:.3f})"
    return made | {"Tried on": f"{sample.rows:,} stays of {np.unique(sample.patient).size:,} people"}


def _contract(
    graph: Graph, seen: contracts.Matrix, taken: Sequence[contracts.Input], measures: Mapping[str, str]
) -> contracts.Declared:
    cases = []
    for record in contracts.records(seen, taken):
        (score,) = graph.scores(contracts.row(record, taken))
        cases.append(contracts.Case(record, {contracts.OUTPUT: float(score)}))
    told = settings().card
    card = contracts.Card(told.title, told.purpose, list(told.limits), dict(measures))
    return contracts.Declared(list(taken), [contracts.output()], cases, card)
