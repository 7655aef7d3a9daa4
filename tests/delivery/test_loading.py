"""A READ on a registered model loads its versions, and nothing else; over a pretended database."""

from parapet_mlflow.gate.caller import Asking, Grant
from parapet_mlflow.gate.loading import COPIES, Version
from tests.delivery.world import MODEL, OTHERS, RUN, TRACE, Pretended, ask, experiment, refused

VERSION = Version("model", "1", f"models:/{MODEL}", f"mlflow-artifacts:/1/models/{MODEL}/artifacts", RUN, "alice")
LOADED = (
    ("model-versions/get-download-uri", {"name": "model", "version": "1"}),
    ("logged-models/get", {"model_id": MODEL}),
    ("artifacts/list-files", {"path": f"1/models/{MODEL}/artifacts"}),
    ("artifacts/download", {"artifact_path": f"1/models/{MODEL}/artifacts/a/b"}),
)


def test_read_on_a_model_opens_the_files_of_its_versions_and_no_others() -> None:
    bob = [Grant("registered_model", "model", "READ")]
    world = Pretended({"alice": [experiment("MANAGE")], "bob": bob, "carol": []}, registered=[VERSION])
    for name, given in LOADED:
        assert not refused(world, "bob", name, **given), name
        assert refused(world, "carol", name, **given), name
    about = Asking()
    assert ask(world, "bob", "artifacts/download", about, artifact_path=f"1/models/{MODEL}/artifacts/a") is None
    assert about.implied({"experiment"}) == [experiment("READ")]
    world.of["logged-model"]["m-" + "d" * 32] = "1"
    for place in (f"1/{RUN}/artifacts/a", f"1/models/m-{'d' * 32}/artifacts/a", f"1/traces/{TRACE}/artifacts/a"):
        about = Asking()
        assert ask(world, "bob", "artifacts/download", about, artifact_path=place) is not None, place
        assert not about.implied({"experiment"})
    world.grants["carol"] = [*bob, experiment("DENY")]
    for name, given in LOADED:
        assert refused(world, "carol", name, **given), name
    for name in ("artifacts/upload", "artifacts/delete"):
        assert refused(world, "bob", name, artifact_path=f"1/models/{MODEL}/artifacts/a")
    assert refused(world, "bob", "runs/get", run_id=RUN)


def test_a_version_by_its_run_and_one_of_elsewhere() -> None:
    grants = [Grant("registered_model", "model", "MANAGE")]
    world = Pretended({"alice": [*grants, experiment("READ")], "bob": [*grants, experiment("READ", "2")]})
    asked = {"name": "model", "version": "1"}
    for location, may in ((f"runs:/{RUN}/m", True), ("s3://elsewhere/m", False), (f"mlflow-artifacts:/1/{RUN}", False)):
        world.registered = [Version("model", "1", location, location, RUN, "")]
        assert refused(world, "alice", "model-versions/get-download-uri", **asked) != may, location
        assert refused(world, "bob", "model-versions/get-download-uri", **asked), location


def test_a_version_lends_what_its_creator_may_read_for_as_long_as_he_may() -> None:
    bob = [Grant("registered_model", "model", "READ"), Grant("registered_model", "copy", "MANAGE")]
    copy = Version("copy", "1", "models:/model/1", VERSION.location, RUN, "bob")
    world = Pretended({"alice": [experiment("MANAGE")], "bob": bob}, registered=[VERSION, copy])
    world.grants["carol"] = [Grant("registered_model", "copy", "READ")]
    asked = {"name": "copy", "version": "1"}
    create = {"name": "copy", "source": "models:/model/1", "run_id": RUN, "model_id": MODEL}
    for who in ("bob", "carol"):
        assert not refused(world, who, "model-versions/get-download-uri", **asked)
    assert not refused(world, "bob", "model-versions/create", **create)
    assert refused(world, "bob", "model-versions/create", **{**create, "run_id": OTHERS})
    world.grants["bob"] = bob[1:]
    # Nor does it help him to make alice an owner of the copy.
    world.grants["alice"].append(Grant("registered_model", "copy", "MANAGE"))
    for who in ("bob", "carol"):
        assert refused(world, who, "model-versions/get-download-uri", **asked)
        assert refused(world, who, "artifacts/download", artifact_path=f"1/models/{MODEL}/artifacts/a")
    assert refused(world, "bob", "model-versions/create", **create)
    assert not refused(world, "alice", "model-versions/get-download-uri", **asked)


def copy_of(name: str, source: int, number: int) -> Version:
    return Version("copy", str(number), f"models:/{name}/{source}", VERSION.location, RUN, "bob")


def test_however_many_versions_there_are_at_a_place_they_are_asked_for_together() -> None:
    """Anybody makes as many as he likes of what he may read, and copies of them, which lend nothing any more."""
    copies = [copy_of("model", 1, number) for number in range(1, 3_001)]
    copies += [copy_of("copy", number, number + 3_000) for number in range(1, 3_001)]
    bob = [Grant("registered_model", "copy", "MANAGE")]
    world = Pretended({"alice": [experiment("MANAGE")], "bob": bob, "carol": bob}, registered=[VERSION, *copies])
    place = f"1/models/{MODEL}/artifacts/a"
    for who in ("bob", "carol"):
        world.questions = 0
        assert refused(world, who, "artifacts/download", artifact_path=place)
        assert world.questions <= 1 + 2 * COPIES
    world.grants["bob"] = [*bob, Grant("registered_model", "model", "READ")]
    assert not refused(world, "carol", "artifacts/download", artifact_path=place)


def test_copies_of_copies_are_followed_to_an_end() -> None:
    """Two that are copies of each other lend nothing by that."""
    both = [copy_of("copy", 2, 1), copy_of("copy", 1, 2)]
    world = Pretended({"bob": [Grant("registered_model", "copy", "MANAGE")]}, registered=both)
    assert refused(world, "bob", "model-versions/get-download-uri", name="copy", version="1")


def test_a_folder_named_as_anothers_model_is_does_not_make_it_the_copys() -> None:
    like_it = f"mlflow-artifacts:/2/{OTHERS}/artifacts/models/{MODEL}/x"
    grants = [Grant("registered_model", "mine", "MANAGE"), experiment("MANAGE", "2")]
    world = Pretended({"bob": grants}, registered=[Version("mine", "1", like_it, like_it, OTHERS, "bob")])
    create = {"name": "mine", "source": "models:/mine/1"}
    assert not refused(world, "bob", "model-versions/create", **create)
    assert refused(world, "bob", "model-versions/create", **create, model_id=MODEL)
