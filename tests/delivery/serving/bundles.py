"""A signed model for tests: readmission within thirty days, made up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from parapet_serving.bundle.manifest import Card, Case, Declared, File, Input, Manifest, Output, canonical

NAME, VERSION, TENSOR, OUTPUT = "readmission", "7", "features", "probability"
WARDS = ["surgery", "medicine", "cardiology"]
NUMBERS = {
    "heart_rate": ("1/min", 20, 300),
    "systolic_pressure": ("mmHg", 40, 300),
    "temperature": ("Cel", 30, 45),
    "glucose": ("mg/dL", 10, 1000),
    "creatinine": ("mg/dL", 0, 30),
    "sodium": ("mmol/L", 100, 180),
    "potassium": ("mmol/L", 1, 10),
    "hemoglobin": ("g/dL", 2, 25),
    "oxygen_saturation": ("%", 40, 100),
    "respiratory_rate": ("1/min", 4, 80),
    "weight": ("kg", 1, 400),
    "length_of_stay": ("d", 0, 365),
}
COUNTS = {"age": ("a", 18, 90), "medications": ("1", 0, 60), "admissions": ("1", 0, 100)}
INPUTS = [
    *(Input(name, "integer", unit=unit, minimum=low, maximum=high) for name, (unit, low, high) in COUNTS.items()),
    *(
        Input(name, "number", unit=unit, minimum=low, maximum=high, nullable=name in ("glucose", "creatinine"))
        for name, (unit, low, high) in NUMBERS.items()
    ),
    Input("emergency", "boolean", nullable=True),
    Input("ward", "category", categories=WARDS),
    Input("score", "number", description="of no unit and no range"),
]
RECORD: Mapping[str, Any] = {
    **{"age": 71, "medications": 9, "admissions": 2, "heart_rate": 88.0, "systolic_pressure": 131.5},
    **{"temperature": 37.2, "glucose": None, "creatinine": 1.1, "sodium": 139.0, "potassium": 4.2, "hemoglobin": 12.5},
    **{"oxygen_saturation": 96.0, "respiratory_rate": 18.0, "weight": 80.5, "length_of_stay": 6.0},
    **{"emergency": True, "ward": "medicine", "score": -3.5},
}
"""A record that the contract allows; its fields are in the contract's order."""


def row(record: Mapping[str, Any] = RECORD) -> list[float | None]:
    """The same as a row of the matrix."""
    stands_for = {"medicine": 1.0, "surgery": 0.0, "cardiology": 2.0, True: 1.0, False: 0.0, None: None}
    return [
        stands_for[value] if isinstance(value, str | bool) or value is None else float(value)
        for value in record.values()
    ]


def expected(record: Mapping[str, Any] = RECORD, bias: float = -1.0) -> float:
    """What the graph of `graph.py` makes of it."""
    first, last, columns = -0.03, 0.05, len(INPUTS)
    weights = [first + (last - first) * place / (columns - 1) for place in range(columns)]
    summed = bias + sum(weight * (value or 0.0) for weight, value in zip(weights, row(record), strict=True))
    return 1 / (1 + math.exp(-summed))


@dataclass
class Bundle:
    """A folder under construction; `write` makes it as it should be, and takes what a test wants otherwise."""

    folder: Path
    graph: bytes
    inputs: list[Input] = field(default_factory=lambda: list(INPUTS))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    answer: float = field(default_factory=expected)

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def public_key(self) -> Path:
        return self.folder / "key.der"

    def declared(self) -> Declared:
        case = Case(dict(RECORD), {OUTPUT: self.answer})
        card = Card(
            "Readmission within 30 days", "A list for discharge nurses.", ["Not for children."], {"AUROC": "0.7"}
        )
        return Declared(self.inputs, [Output(OUTPUT, "probabilities")], [case], card)

    def write(
        self,
        *,
        name: str = NAME,
        version: str = VERSION,
        files: Mapping[str, bytes] | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> str:
        """Returns the manifest's digest. `files` are beside the two that every model has, or in their place."""
        content = {"model.onnx": self.graph, "contract.json": canonical(self.declared()), **(files or {})}
        listed = {each: File(f"sha256:{sha256(raw).hexdigest()}", len(raw)) for each, raw in content.items()}
        manifest = canonical(
            Manifest("parapet-model/1", name, version, listed, {"dataset": "sha256:1234", **(facts or {})})
        )
        self.model.mkdir(parents=True, exist_ok=True)
        for each, raw in content.items():
            if "/" not in each and each != "..":
                (self.model / each).write_bytes(raw)
        return self.sign(manifest)

    def sign(self, manifest: bytes) -> str:
        """As KMS does with ECC_NIST_P256, ECDSA_SHA_256 and the message itself. Returns the manifest's digest."""
        (self.model / "manifest.json").write_bytes(manifest)
        (self.model / "manifest.sig").write_bytes(self.key.sign(manifest, ec.ECDSA(SHA256())))
        self.public_key.write_bytes(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        return f"sha256:{sha256(manifest).hexdigest()}"
