"""A model that serves: its signed bundle, its prediction log as the server writes it, its labels, in three buckets."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto.s3.models import s3_backends
from numpy.typing import NDArray

from delivery.monitoring.running import profile_files
from delivery.registry.bundle import File, Manifest
from delivery.registry.documents import canonical, digest
from parapet_serving.bundle.manifest import Declared, Input, Output
from parapet_serving.contract import Contract
from parapet_serving.predictions.rows import Rows

NAME, VERSION, OWNER = "readmission", "3", "123456789012"
ARTIFACTS, PHI = "models-of-the-hospital", "records-of-the-hospital"
PREDICTIONS, LABELS = "output.readmitted_30d", "label.readmitted_30d"
WARDS = ["surgery", "medicine", "cardiology"]
END = datetime(2026, 11, 30, 3, tzinfo=UTC)
DAY = timedelta(days=1)
INPUTS = [
    Input("age", "integer", minimum=18, maximum=90),
    Input("heart_rate", "number", minimum=0, maximum=1000),
    Input("temperature", "number", minimum=0, maximum=1000),
    Input("sodium", "number", minimum=0, maximum=1000, nullable=True),
    Input("emergency", "boolean"),
    Input("sex", "category", categories=["F", "M"]),
    Input("ward", "category", categories=WARDS, nullable=True),
]
DECLARED = Declared(INPUTS, [Output("readmitted_30d", "probabilities")], [])
CONTRACT_FILE = msgspec.json.encode(DECLARED)
"""Without known cases, which a check does not ask for."""
CONTRACT = Contract.of(Declared(INPUTS, [Output("readmitted_30d", "probabilities")], [None]))  # type: ignore[list-item]
Matrix = NDArray[np.float32]


def asked(rows: int, seed: int) -> Matrix:
    """As patients of this hospital are."""
    draw = np.random.default_rng(seed)
    columns = [
        draw.integers(18, 91, rows),
        draw.normal(84, 14, rows).round(),
        draw.normal(37, 0.6, rows).round(1),
        np.where(draw.random(rows) < 0.05, np.nan, draw.normal(139, 4, rows).round(1)),
        draw.random(rows) < 0.4,
        draw.integers(0, 2, rows),
        np.where(draw.random(rows) < 0.02, np.nan, draw.choice(3, rows, p=[0.5, 0.3, 0.2])),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def answered(matrix: Matrix) -> NDArray[np.float32]:
    """The model's own answer."""
    sodium = np.nan_to_num(matrix[:, 3], nan=139.0)
    logit = -1.2 + 0.03 * (matrix[:, 0] - 55) + 0.03 * (matrix[:, 1] - 84) + 0.1 * (139 - sodium) + 0.5 * matrix[:, 4]
    found: NDArray[np.float32] = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return found


def came(matrix: Matrix, seed: int) -> NDArray[np.float64]:
    """What became of them, as often as the model says."""
    found: NDArray[np.float64] = (np.random.default_rng(seed).random(len(matrix)) < answered(matrix)).astype(np.float64)
    return found


def log(matrix: Matrix, at: NDArray[np.float64], first: int = 0, caller: str = "caller") -> pa.Table:
    """As a server writes it: a request for each two rows, known by its number."""
    rows, answers = Rows(CONTRACT, len(matrix)), answered(matrix)
    for place in range(0, len(matrix), 2):
        part = slice(place, place + 2)
        about = (float(at[place]), f"request-{first + place}", None, None, caller, None)
        rows.add(about, matrix[part], {"readmitted_30d": answers[part]})
    return rows.table("key")


def written(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    repeated = [each.name for each in table.schema if not pa.types.is_floating(each.type)]
    pq.write_table(table, out, compression="snappy", use_dictionary=repeated, write_statistics=False)
    content: bytes = out.getvalue().to_pybytes()
    return content


def labels(first: int, outcome: Any) -> bytes:
    """Of the requests from `first` on, of two rows each."""
    places = np.arange(len(outcome))
    table = pa.table(
        {
            "request_id": [f"request-{first + place - place % 2}" for place in places],
            "row": (places % 2).astype(np.int32),
            "label": pa.array(outcome, pa.bool_()),
        }
    )
    return written(table)


def reference(folder: Path, rows: int = 6000) -> bytes:
    """The profile of what the model was tried on."""
    matrix = asked(rows, 1)
    table = log(matrix, np.zeros(rows))
    columns = {}
    for name in table.column_names:
        if name.startswith(("input.", "output.")):
            column = table[name]
            known = pa.types.is_dictionary(column.type)
            columns[name.removeprefix("input.")] = column.cast(column.type.value_type) if known else column
    pq.write_table(pa.table({**columns, LABELS: came(matrix, 2)}), folder / "reference.parquet")
    profile_files([folder / "reference.parquet"], folder / "profile.json", PREDICTIONS, LABELS)
    return (folder / "profile.json").read_bytes().strip()


@dataclass
class World:
    """What a check finds."""

    s3: Any
    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    digest: str = ""

    @property
    def bundle(self) -> str:
        return f"models/{NAME}/prod/{VERSION}"

    def put(self, bucket: str, name: str, raw: bytes, came: datetime | None = None) -> None:
        """As if it came at this moment, which S3's own clock tells."""
        self.s3.put_object(Bucket=bucket, Key=name, Body=raw)
        if came:
            s3_backends[OWNER]["aws"].buckets[bucket].keys[name].last_modified = came.replace(tzinfo=None)

    def get(self, name: str) -> bytes:
        raw: bytes = self.s3.get_object(Bucket=ARTIFACTS, Key=name)["Body"].read()
        return raw

    def names(self, below: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=below).get("Contents", [])
        return sorted(each["Key"].removeprefix(below) for each in found)

    def promote(self, files: dict[str, bytes]) -> None:
        """The bundle, signed; the model nobody here looks at."""
        every = {"model.onnx": b"graph", "contract.json": CONTRACT_FILE, **files}
        listed = {name: File(digest(raw), len(raw)) for name, raw in every.items()}
        manifest = canonical(Manifest("parapet-model/1", NAME, VERSION, listed, {}))
        every |= {"manifest.json": manifest, "manifest.sig": self.key.sign(manifest, ec.ECDSA(SHA256()))}
        for name, raw in every.items():
            self.put(ARTIFACTS, f"{self.bundle}/{name}", raw)
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "key.pem").write_bytes(public)
        self.digest = digest(manifest)

    def serve(
        self, matrix: Matrix, end: datetime = END, files: int = 4, first: int = 0, version: str = VERSION
    ) -> None:
        """A day that ends then, in so many files of the log."""
        at = np.sort(np.linspace((end - DAY).timestamp(), end.timestamp() - 1, len(matrix)))
        for part in np.array_split(np.arange(0, len(matrix), 2), files):
            rows = slice(int(part[0]), int(part[-1]) + 2)
            table, id_ = log(matrix[rows], at[rows], first + int(part[0])), f"{first + part[0]:032x}"
            self.log_file(table, float(at[part[0]]), id_, version=version)

    def log_file(
        self, table: pa.Table, at: float, id_: str, came: datetime | None = None, version: str = VERSION
    ) -> str:
        """Half a minute after its last row, where it is not said."""
        last = datetime.fromtimestamp(pc.max(table["at"]).cast(pa.int64()).as_py() / 1e6, UTC)
        return self.log_bytes(written(table), at, id_, came or last + timedelta(seconds=30), version)

    def log_bytes(self, raw: bytes, at: float, id_: str, came: datetime, version: str = VERSION) -> str:
        begun = datetime.fromtimestamp(at, UTC)
        name = f"predictions/model={NAME}/version={version}/date={begun:%Y-%m-%d}/{begun:%H%M%S}-{id_}.parquet"
        self.put(PHI, name, raw, came)
        if version != VERSION:
            self.put(ARTIFACTS, f"models/{NAME}/prod/{version}/manifest.sig", b"")
        return name

    def configuration(self, **changed: Any) -> Path:
        told = {
            "model": {
                **{"name": NAME, "version": VERSION, "digest": self.digest, "stage": "prod"},
                **{"keys": [str(self.folder / "key.pem")], "source": f"s3://{ARTIFACTS}/{self.bundle}"},
                "bucketOwner": OWNER,
            },
            "predictions": {"place": f"s3://{PHI}/predictions/model={NAME}", "bucketOwner": OWNER},
            "labels": {"place": f"s3://{PHI}/labels/model={NAME}", "bucketOwner": OWNER},
            "reports": {"place": f"s3://{ARTIFACTS}/reports/model={NAME}", "bucketOwner": OWNER},
            "windowSeconds": 86400,
            "metrics": {"host": "127.0.0.1", "port": 0, "seconds": 0},
        }
        file = self.folder / "configuration.json"
        file.write_text(json.dumps({**told, **changed}))
        return file
