"""What a promotion writes is what the inference server takes."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from delivery.registry.documents import Environment
from delivery.registry.promotion import Outcome
from delivery.registry.signing import KmsKey
from parapet_serving.bundle import folder
from parapet_serving.refusal import Refused
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import AUTHOR, FACTS, MODEL, World
from tests.delivery.serving.bundles import Bundle

GRAPH = b"stands for a graph; nobody loads it here"


@pytest.fixture
def promoted(world: World, pretended: Pretended, tmp_path: Path) -> Outcome:
    bundle = Bundle(tmp_path / "made", GRAPH)
    bundle.write()
    files = {name: (bundle.model / name).read_bytes() for name in ("model.onnx", "contract.json")}
    pretended.register(f"{MODEL}-dev", AUTHOR, files, FACTS)
    report = world.report(GRAPH, contract=files["contract.json"])
    return world.promote(GRAPH, Environment.STAGING, report=report)


def fetched(world: World, place: str, into: Path) -> Path:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    into.mkdir()
    for each in world.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]:
        body = world.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        (into / each["Key"].rpartition("/")[2]).write_bytes(body)
    return into


def test_the_server_takes_what_was_promoted_and_nothing_else(world: World, promoted: Outcome, tmp_path: Path) -> None:
    model = fetched(world, promoted.place, tmp_path / "model")
    public = tmp_path / "key.pem"
    key: KmsKey = world.desk().key
    public.write_bytes(key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    release = promoted.served.release
    found = folder.load(model, [public], MODEL, release.version, release.manifest)
    assert found.model == GRAPH
    assert found.manifest.facts["dataset"] == FACTS["parapet.dataset"]
    assert found.manifest.facts["decision"] == promoted.served.begun.digest
    (model / "model.onnx").write_bytes(b"another")
    with pytest.raises(Refused):
        folder.load(model, [public], MODEL, release.version, release.manifest)
