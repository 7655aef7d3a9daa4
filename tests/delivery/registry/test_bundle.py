"""What a promotion writes is what the inference server takes."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from delivery.registry.bundle import Manifest, manifest
from delivery.registry.documents import Environment, digest, read
from delivery.registry.promotion import Outcome
from delivery.registry.refused import Refused as NotTaken
from delivery.registry.signing import KmsKey
from parapet_serving.bundle import folder
from parapet_serving.refusal import Refused
from tests.delivery.registry import profiles
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import AUTHOR, FACTS, MODEL, World
from tests.delivery.serving.bundles import Bundle, canonical

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


PROFILE = profiles.raw(profiles.profile(canonical(Bundle(Path(), GRAPH).declared())))


def with_profile(world: World, pretended: Pretended, tmp_path: Path, **tags: str) -> Outcome:
    """To staging, of a version that the pipeline registered with a profile, unless tags say otherwise."""
    bundle = Bundle(tmp_path / "made", GRAPH)
    bundle.write()
    files = {name: (bundle.model / name).read_bytes() for name in ("model.onnx", "contract.json")}
    told = FACTS | {"parapet.profile": digest(PROFILE)} | tags
    pretended.register(f"{MODEL}-dev", AUTHOR, {**files, "profile.json": PROFILE}, told)
    return world.promote(GRAPH, Environment.STAGING, report=world.report(GRAPH, contract=files["contract.json"]))


def test_a_profile_goes_with_its_model_signed_and_no_server_needs_it(
    world: World, pretended: Pretended, tmp_path: Path
) -> None:
    staging = with_profile(world, pretended, tmp_path)
    contract = (tmp_path / "made" / "model" / "contract.json").read_bytes()
    promoted = world.promote(GRAPH, Environment.PROD, report=world.report(GRAPH, contract=contract))
    for outcome in (staging, promoted):
        begun = outcome.served.begun
        assert (begun.digests["profile"], begun.sizes["profile"]) == (digest(PROFILE), len(PROFILE))
    model = fetched(world, promoted.place, tmp_path / "model")
    assert (model / "profile.json").read_bytes() == PROFILE
    signed = read((model / "manifest.json").read_bytes(), Manifest, "the manifest")
    assert signed.files["profile.json"].sha256 == digest(PROFILE)
    assert "profile" not in signed.facts
    assert world.desk().verified(MODEL)[1] == []
    public = tmp_path / "key.pem"
    key: KmsKey = world.desk().key
    public.write_bytes(key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    release = promoted.served.release
    for there in (True, False):
        if not there:
            (model / "profile.json").unlink()
        assert folder.load(model, [public], MODEL, release.version, release.manifest).model == GRAPH
    (model / "profile.json").write_bytes(b"another")
    with pytest.raises(Refused, match=r"profile.json is longer|its digest is another"):
        folder.load(model, [public], MODEL, release.version, release.manifest)


def test_what_was_decided_without_a_profile_is_signed_as_it_was(promoted: Outcome) -> None:
    begun = promoted.served.begun
    told = json.loads(manifest(begun, "1"))
    assert set(told["files"]) == {"model.onnx", "contract.json"}
    assert set(begun.sizes) == {"model", "contract"}
    assert "profile" not in json.dumps(told)


def test_another_profile_than_the_one_that_was_registered_is_not_promoted(
    world: World, pretended: Pretended, tmp_path: Path
) -> None:
    with pytest.raises(NotTaken, match=r"has other tags than the decision that took it: profile"):
        with_profile(world, pretended, tmp_path, **{"parapet.profile": digest(b"another")})
