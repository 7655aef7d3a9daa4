"""A stack's registry filled from its makers': two registries on this machine, and ECR's API over one of them."""

import gzip
import io
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.exceptions import JsonRESTError
from moto.ecr.models import ECRBackend
from moto.ecr.responses import ECRResponse

from cluster import images
from cluster.images import IMAGES, Image
from local import registry, toolchain
from local.aws.api import images as ecr
from local.workspace import Workspace
from operations.images import Registry, State, attesting, build, building, charts, lock, mirror, plan, planning
from operations.images.registry import Pusher
from operations.refused import Refused

pytestmark = [pytest.mark.server]

OTHER = f"sha256:{'b' * 64}"
INDEX = json.dumps(
    {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"platform": {"os": "linux", "architecture": "s390x"}}],
    }
)


OWN = [each for each in images.IMAGES.values() if each.built]


class World:
    """A maker's registry, a stack's, and ECR's API."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack, self.maker = Workspace(home=home / "stack"), Workspace(home=home / "maker")
        self.crane = toolchain.ensure_crane(self.stack)
        toolchain.ensure_crane(self.maker)
        self.at = {each: registry.at(each, registry.ensure(each)[0]) for each in (self.stack, self.maker)}
        self.images = [
            Image(
                name=f"maker/{name}",
                tag="1.0",
                source=f"{self.at[self.maker].address}/{name}",
                platforms=("linux/amd64",),
            )
            for name in ("one", "two")
        ]
        self.digests = {each.name: self.publish(each) for each in self.images}
        self.lock_file = home / "images.lock.yaml"
        self.said: list[str] = []
        self.registry = Registry("parapet-test", "us-east-1", "123456789012")
        for module in (images, planning, building):
            monkeypatch.setattr(module, "IMAGES", {each.name: each for each in self.images})
        monkeypatch.setenv("PARAPET_HOME", str(self.stack.home))

    def publish(self, image: Image, content: str = "first") -> str:
        return self.at[self.maker].push_stand_in(image.name.partition("/")[2], image.tag, f"{image.name} {content}")

    def make_repositories(self) -> None:
        for each in self.images:
            boto3.client("ecr", "us-east-1").create_repository(repositoryName=f"parapet-test/{each.name}")

    def mirror(self) -> None:
        mirror(self.registry, self.lock_file, self.crane, self.said.append)

    def states(self) -> list[State]:
        return [row.state for row in plan(self.registry, self.lock_file)]

    def held(self, image: Image) -> str | None:
        return self.at[self.stack].digest(f"parapet-test/{image.name}", image.tag)

    def close(self) -> None:
        for each in (self.stack, self.maker):
            registry.forget(each)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for owner, name in (
        (ECRBackend, "list_images"),
        (ECRBackend, "_get_repository"),
        (ECRResponse, "get_authorization_token"),
    ):
        monkeypatch.setattr(owner, name, getattr(ecr, name.removeprefix("_")))
    with mock_aws():
        world = World(tmp_path, monkeypatch)
        try:
            yield world
        finally:
            world.close()


def test_from_nothing_to_a_full_registry_in_the_documented_order(world: World) -> None:
    assert world.states() == [State.UNKNOWN] * 2
    with pytest.raises(Refused) as refused:
        world.mirror()
    assert str(refused.value).splitlines() == [
        f"{each.tagged}: there is no repository parapet-test/{each.name}. `pulumi up` makes it and stops; "
        "then run this again."
        for each in world.images
    ]
    assert lock.read(world.lock_file) == {each.tagged: world.digests[each.name] for each in world.images}
    assert world.states() == [State.NO_REPOSITORY] * 2
    world.make_repositories()
    assert world.states() == [State.MISSING] * 2
    world.mirror()
    assert world.states() == [State.THERE] * 2
    assert [world.held(each) for each in world.images] == [world.digests[each.name] for each in world.images]


def test_a_second_mirror_copies_what_is_missing_alone(world: World) -> None:
    world.make_repositories()
    world.mirror()
    first, second = world.images
    world.at[world.stack].delete(f"parapet-test/{second.name}", second.tag)
    world.said.clear()
    world.mirror()
    assert world.said == [f"{first.tagged} is there.", f"{second.tagged} was copied from {second.source}."]


def test_a_tag_that_its_maker_moved_is_still_mirrored_by_the_locked_digest(world: World) -> None:
    world.make_repositories()
    first = world.images[0]
    lock.add(world.lock_file, first, world.digests[first.name])
    repository = first.name.partition("/")[2]
    world.at[world.maker].delete(repository, first.tag)
    assert world.publish(first, "moved") != world.digests[first.name]
    world.mirror()
    assert world.held(first) == world.digests[first.name]


def test_a_registry_that_holds_another_image_under_the_tag_is_left_and_named(world: World) -> None:
    world.make_repositories()
    first = world.images[0]
    held = world.at[world.stack].push_stand_in(f"parapet-test/{first.name}", first.tag, "somebody's own")
    with pytest.raises(Refused) as refused:
        world.mirror()
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{first.tagged} in the registry is {held}, and the lock says {world.digests[first.name]}.")
    assert world.states() == [State.OTHER, State.THERE], "the others are mirrored all the same"
    assert world.held(first) == held


def test_an_image_for_other_machines_alone_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.make_repositories()
    monkeypatch.setattr(Pusher, "run", lambda _, *command: INDEX if command[1] == "manifest" else OTHER)
    with pytest.raises(Refused, match=r"one:1\.0 has nothing for linux/amd64"):
        world.mirror()
    assert not world.lock_file.exists()


def test_a_chart_that_is_on_a_web_server_alone_is_packed_and_is_what_the_lock_says_from_then_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = Image(name="charts/maker/demo", tag="1.0.0", source="https://maker.test/stable")
    world.images[:] = [chart]
    for module in (images, planning):
        monkeypatch.setattr(module, "IMAGES", {chart.name: chart})
    served = {"https://maker.test/stable/demo-1.0.0.tgz": chart_archive("first")}
    monkeypatch.setattr(charts.urllib.request, "urlopen", lambda url, timeout: io.BytesIO(served[url]))
    world.make_repositories()
    world.mirror()
    assert world.states() == [State.THERE]
    assert lock.read(world.lock_file) == {chart.tagged: world.held(chart)}

    world.at[world.stack].delete("parapet-test/charts/maker/demo", "1.0.0")
    served.update(dict.fromkeys(served, chart_archive("another")))
    with pytest.raises(Refused, match=r"demo:1\.0\.0 at https://maker\.test/stable makes .*not what was reviewed"):
        world.mirror()
    assert world.states() == [State.MISSING]


@pytest.mark.parametrize(
    "content", [b"", b"<html>", gzip.compress(b"no archive")], ids=["nothing", "a page", "no archive"]
)
def test_what_is_no_chart_is_not_taken(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^what was read is no chart"):
        charts.lay_out(content, tmp_path)


def chart_archive(content: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for name, text in {"Chart.yaml": "name: demo\nversion: 1.0.0\n", "values.yaml": content}.items():
            member = tarfile.TarInfo(f"demo/{name}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def of_a_maker(definition: str) -> bytes:
    """What a maker has of a version."""
    made = io.BytesIO()
    files = {"README.md": "Kinds.\n", "manifests/crds/one-crd.yaml": definition}
    files |= {"manifests/crds/kustomization.yaml": "resources: [one-crd.yaml]\n", "other/two-crd.yaml": "kind: Other\n"}
    with zipfile.ZipFile(made, "w") as packed:
        for name, text in files.items():
            packed.writestr(f"kinds-1.0.0/{name}", text)
    return made.getvalue()


def test_definitions_in_no_chart_are_packed_if_they_are_those_of_the_listed_sum(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = Image(
        name="charts/maker/kinds-crd",
        tag="1.0.0",
        source="https://maker.test/tags",
        sum="h1:V8CXd/A9xr/EtlkRqRAP0Z7guUBuQflGzS82aOIzR1Y=",
        folder="manifests/crds",
    )
    world.images[:] = [chart]
    for each in (images, planning):
        monkeypatch.setattr(each, "IMAGES", {chart.name: chart})
    served = {"https://maker.test/tags/v1.0.0.zip": of_a_maker("kind: CustomResourceDefinition\n")}
    monkeypatch.setattr(charts.urllib.request, "urlopen", lambda url, timeout: io.BytesIO(served[url]))
    world.make_repositories()
    world.mirror()
    assert world.states() == [State.THERE]
    archive = charts.download(chart)
    assert archive == charts.pack(chart, {"one-crd.yaml": b"kind: CustomResourceDefinition\n"})
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        assert packed.getnames() == ["kinds-crd/Chart.yaml", "kinds-crd/crds/one-crd.yaml"]
    assert sha256(archive).hexdigest() == "51c550c387848a10318c22cbbe3db8d16cdb417b5a99454ad97ec7da0bca8c39", (
        "on whatever machine, by whatever zlib"
    )

    served.update(dict.fromkeys(served, of_a_maker("kind: Another\n")))
    with pytest.raises(Refused, match=r"v1\.0\.0 have the sum h1:.*not what was reviewed"):
        charts.download(chart)
    served.update(dict.fromkeys(served, b"<html>"))
    with pytest.raises(Refused, match=r"has no archive of v1\.0\.0"):
        charts.download(chart)


def test_the_definitions_of_the_list_are_those_that_the_local_stack_runs_on(tmp_path: Path) -> None:
    here = Workspace(home=tmp_path)
    toolchain.ensure(here)
    packed = [each for each in images.IMAGES.values() if each.sum]
    assert packed
    for image in packed:
        files = (here.sources / image.name).iterdir()
        found = {each.name: each.read_bytes() for each in files if charts.is_definition(each.name)}
        assert charts.total(found) == image.sum


def test_a_maker_s_registry_that_does_not_answer_is_named(world: World) -> None:
    world.make_repositories()
    registry.forget(world.maker)
    with pytest.raises(Refused, match=r"`crane digest` failed: .*connection refused"):
        world.mirror()


def test_credentials_of_another_account_are_refused_before_anything_is_written(world: World) -> None:
    elsewhere = Registry("parapet-test", "us-east-1", "999988887777")
    with pytest.raises(Refused, match=r"of the account 123456789012 .*, and parapet:allowedAccountId is 999988887777"):
        mirror(elsewhere, world.lock_file, world.crane, world.said.append)
    assert not world.lock_file.exists()


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_a_token_that_expires_on_the_way_is_one_line_and_the_next_run_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    world.make_repositories()
    asked: list[str] = []

    def expire(backend: ECRBackend, *more: Any, **named: Any) -> Any:
        asked.append("")
        if len(asked) > 3:  # past the look at what is missing
            raise JsonRESTError(code, "The security token included in the request is expired")
        return ecr.list_images(backend, *more, **named)

    with monkeypatch.context() as patched:
        patched.setattr(ECRBackend, "list_images", expire)
        with pytest.raises(
            Refused, match=r"^The AWS session has expired \(ListImages\)\. Sign in .* it goes on where it "
        ):
            world.mirror()
    world.mirror()
    assert world.states() == [State.THERE] * 2


def test_where_nothing_builds_one_line_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(world.stack.home))
    with pytest.raises(
        Refused,
        match=f"^{re.escape(building.NO_BUILDER)}$",
    ):
        build(world.registry, world.lock_file, world.crane, world.said.append)


@pytest.mark.parametrize("image", OWN, ids=lambda each: each.name)
def test_what_goes_into_an_image_from_elsewhere_is_named_by_digest_in_its_dockerfile(image: Image) -> None:
    """So that it was reviewed, and that another one makes another tag."""
    text = (images.ROOT / image.built / "Dockerfile").read_text()
    named = dict(re.findall(r"^ARG (\w+)=?(.*)$", text, re.MULTILINE))
    assert re.search(r"@sha256:[0-9a-f]{64}$", named["BASE"])
    sums = {name: value for name, value in named.items() if name.endswith("_SHA256")}
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in sums.values()), sums
    fetched = re.findall(r"^(?:FROM|ADD) .*", text, re.MULTILINE)
    assert all(re.search(r"^FROM (scratch|\$)|--checksum=sha256:", line) for line in fetched), fetched


def test_steps_of_the_pipeline_find_all_of_ours_that_they_import_in_its_image() -> None:
    with building.context(IMAGES["pipeline"]) as folder:
        rooms = {"pipeline": folder} | {each.name: each for each in (folder / "repository" / "delivery").iterdir()}
        assert "__init__.py" in rooms
        code = "\n".join(file.read_text() for room in rooms.values() if room.is_dir() for file in room.rglob("*.py"))
        asked = set(re.findall(r"^ *(?:from|import) delivery\.(\w+)", code, re.MULTILINE))
        assert {"data", "gates", "registry"} <= asked <= rooms.keys()
        assert not list(folder.rglob("__pycache__"))


def test_the_pipelines_image_has_its_whole_lock_but_for_what_is_source_alone(tmp_path: Path) -> None:
    """By the very program of its Dockerfile."""
    folder = images.ROOT / IMAGES["pipeline"].built
    (program,) = re.findall(r"awk '(.+)' /build", (folder / "Dockerfile").read_text())
    lock = (folder / "requirements.txt").read_text()
    left = subprocess.run(["awk", program], input=lock, capture_output=True, text=True, check=True).stdout
    pins, kept = (re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE) for text in (lock, left))
    assert set(pins) - set(kept) == {"kfp-server-api"}
    hashes, kept_hashes = (re.findall(r"sha256:[0-9a-f]{64}", text) for text in (lock, left))
    of_the_one = re.findall(r"sha256:[0-9a-f]{64}", lock.partition("kfp-server-api==")[2].partition("==")[0])
    assert set(hashes) - set(kept_hashes) == set(of_the_one)


def test_what_lies_in_the_registry_before_the_lock_knows_it_is_taken_by_its_digest_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tag is known before it is built: whoever may push could have been first."""
    image = OWN[0]
    world.images = [image]
    world.make_repositories()
    for module in (images, building):
        monkeypatch.setattr(module, "IMAGES", {image.name: image})
    monkeypatch.setattr(building, "builder_here", lambda: "/usr/bin/docker")
    held = world.at[world.stack].push_stand_in(f"parapet-test/{image.name}", image.tag, "somebody's own")
    for take in ("", OTHER):
        with pytest.raises(Refused) as refused:
            build(world.registry, world.lock_file, world.crane, world.said.append, take)
        said = str(refused.value)
        assert said.startswith(f"{image.tagged} is {held} in the registry already, and images.lock.yaml says nothing")
        assert f"--repository-name parapet-test/{image.name} --image-ids imageTag={image.tag}" in said
        assert said.endswith(f"./parapet images build --take {held}.")
        assert not world.lock_file.exists()
    build(world.registry, world.lock_file, world.crane, world.said.append, held)
    assert lock.read(world.lock_file) == {image.tagged: held}
    build(world.registry, world.lock_file, world.crane, world.said.append)


def told_to_build(world: World, image: Image, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a builder is told first that writes it down, and pushes nothing."""
    world.images = [image]
    world.make_repositories()
    monkeypatch.setattr(building, "IMAGES", {image.name: image})
    told = world.stack.home / "told"
    builder = world.stack.home / "podman"
    builder.write_text(f'#!/bin/sh\necho "$*" >> {told}\n')
    builder.chmod(0o755)
    monkeypatch.setenv("PATH", f"{world.stack.home}:/usr/bin:/bin")
    monkeypatch.setattr(building, "BUILDERS", ("podman",))
    with pytest.raises(Refused):
        build(world.registry, world.lock_file, world.crane, world.said.append)
    return told.read_text().splitlines()[0]


def test_a_build_takes_nothing_but_what_the_dockerfile_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    image = OWN[0]
    command = told_to_build(world, image, monkeypatch)
    assert command.startswith(f"build --platform={image.platforms[0]} --timestamp=0 --tag=")
    assert "--build-arg" not in command


def test_an_image_of_another_lock_is_built_with_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (image,) = (each for each in OWN if each.lock)
    assert f" --build-arg=LOCK={image.lock} " in told_to_build(world, image, monkeypatch)


def test_what_a_stack_does_not_ask_for_is_neither_planned_nor_built_nor_verified(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a repository where the settings ask for it: `pulumi up` makes that, and ends there."""
    one, two = world.images
    for module in (images, planning, building, attesting):
        monkeypatch.setattr(
            module, "IMAGES", {one.name: one, two.name: replace(two, source="", built="x", optional=True)}
        )
    monkeypatch.setattr(building, "builder_here", lambda: "/usr/bin/docker")
    boto3.client("ecr", "us-east-1").create_repository(repositoryName=f"parapet-test/{one.name}")
    assert world.states() == [State.UNKNOWN]
    build(world.registry, world.lock_file, world.crane, world.said.append)
    assert not [each for each in world.said if two.name in each]
    monkeypatch.setattr(attesting.signing, "key", lambda *_: None)
    attesting.verify(world.registry, world.lock_file, world.crane, "key", world.said.append)
    boto3.client("ecr", "us-east-1").create_repository(repositoryName=f"parapet-test/{two.name}")
    assert world.states() == [State.UNKNOWN] * 2
    with pytest.raises(Refused, match=f"{two.tagged}: it is not in the registry"):
        attesting.verify(world.registry, world.lock_file, world.crane, "key", world.said.append)


def test_a_docker_that_cannot_build_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, status in (("docker", 1), ("podman", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert building.builder_here() == str(tmp_path / "podman")


def test_docker_is_told_not_to_unpack_what_it_builds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    image = OWN[0]
    world.images = [image]
    world.make_repositories()
    monkeypatch.setattr(building, "IMAGES", {image.name: image})
    told, docker = world.stack.home / "told", world.stack.home / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*" >> {told}\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{world.stack.home}:/usr/bin:/bin")
    with pytest.raises(Refused):  # this builder pushes nothing
        build(world.registry, world.lock_file, world.crane, world.said.append)
    version, command = told.read_text().splitlines()
    assert version == "buildx version"
    assert command.startswith("buildx build ")
    assert ",rewrite-timestamp=true,unpack=false " in command


def test_a_login_is_found_whatever_the_user_keeps_his_own_in(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is asked for every host would answer in the login's place; contexts and builders lie beside it."""
    own = {
        "credsStore": "desktop",
        "auths": {"nvcr.io": {}},
        "credHelpers": {"gcr.io": "gcloud"},
        "currentContext": "rootless",
    }
    (tmp_path / "config.json").write_text(json.dumps(own))
    (tmp_path / "contexts").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with world.registry.signed_in() as pusher:
        folder = Path(pusher.environment["DOCKER_CONFIG"])
        config = json.loads((folder / "config.json").read_text())
        assert "credsStore" not in config
        assert config["credHelpers"] == {"nvcr.io": "desktop", "gcr.io": "gcloud"}
        assert config["auths"][pusher.host]["auth"]
        assert config["currentContext"] == "rootless"
        assert (folder / "contexts").resolve() == tmp_path / "contexts"
        assert not (folder / "buildx").exists()
    assert json.loads((tmp_path / "config.json").read_text()) == own


def test_a_reviewed_digest_is_never_overwritten(tmp_path: Path) -> None:
    file, image = tmp_path / "images.lock.yaml", next(iter(images.IMAGES.values()))
    reviewed = f"sha256:{'a' * 64}"
    lock.add(file, image, reviewed)
    lock.add(file, image, reviewed)
    with pytest.raises(Refused, match=f"^{re.escape(image.tagged)} is {OTHER} in the registry, and .* says {reviewed}"):
        lock.add(file, image, OTHER)
    assert lock.read(file) == {image.tagged: reviewed}
