"""The one list of images, and the lock that says by which digest each is run."""

import re
from dataclasses import replace
from pathlib import Path

import pulumi
import pytest
import yaml

from cluster import images
from cluster.images import IMAGES, LOCK, SERVING_GPU
from foundation.registry import require
from tests.images import DIGESTS
from tests.platform.stacks import stack


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "images.lock.yaml"
    monkeypatch.setenv(LOCK, str(file))
    return file


def test_every_image_says_where_it_comes_from_and_what_it_runs_on() -> None:
    for image in IMAGES.values():
        assert bool(image.source) is not bool(image.built), image
        assert ("linux/amd64" in image.platforms) is not image.is_chart
        assert not image.source.endswith("/latest")
        assert image.tag not in ("", "latest")


def test_without_a_lock_each_image_has_a_digest_that_no_image_has(lock: Path) -> None:
    """So that the first run comes as far as the registry, without which nothing can be built, and ends there."""
    digests = images.locked()
    assert list(digests) == [image.tagged for image in IMAGES.values() if not image.optional]
    assert len(set(digests.values())) == len(digests)
    assert all(re.fullmatch(r"sha256:0{48}[0-9a-f]{16}", digest) for digest in digests.values())
    with pytest.raises(SystemExit):
        require(replace(stack(), images=digests), dict.fromkeys(digests, ""))


def test_what_a_registry_holds_and_no_lock_has_is_told_as_such(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        require(replace(stack(), images=images.locked()), DIGESTS)
    told = capsys.readouterr().err
    assert f" is {DIGESTS[images.PILOT]}, and the lock does not have it yet\n" in told
    assert "0000" not in told


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "latest",
        f"sha256:{'0' * 64}",
        f"sha256:{'0' * 48}{'a' * 16}",
        f"sha256:{'0' * 63}",
        f"sha256:{'A' * 64}",
        f"sha512:{'a' * 64}",
        7,
    ],
)
def test_what_is_no_digest_is_refused_and_all_zeros_are_none(lock: Path, digest: object) -> None:
    lock.write_text(yaml.safe_dump({**DIGESTS, images.PILOT: digest}))
    with pytest.raises(pulumi.RunError, match=rf"gives {images.PILOT} the digest {digest!r}; it must be sha256"):
        images.locked()


@pytest.mark.parametrize("text", ["[", "- a list", "a word"])
def test_a_lock_that_cannot_be_read_is_refused(lock: Path, text: str) -> None:
    lock.write_text(text)
    with pytest.raises(pulumi.RunError, match=r"images\.lock\.yaml .*Write it anew"):
        images.locked()


def test_the_digest_of_another_tag_counts_for_nothing(lock: Path) -> None:
    old = {**DIGESTS, "istio/pilot:1.0.0": DIGESTS[images.PILOT]}
    del old[images.PILOT]
    lock.write_text(yaml.safe_dump(old))
    assert images.locked()[images.PILOT] != DIGESTS[images.PILOT]
    lock.write_text(yaml.safe_dump({**old, **DIGESTS}))
    assert images.locked([SERVING_GPU, *images.PIPELINES]) == DIGESTS


def test_what_not_every_stack_has_is_asked_for_by_the_stack_that_wants_it(lock: Path) -> None:
    lock.write_text(yaml.safe_dump(DIGESTS))
    assert {*DIGESTS} - {*images.locked()} == {SERVING_GPU, *images.PIPELINES}


def test_what_is_built_has_another_tag_when_anything_that_goes_in_changes(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "code.py").write_text("1")
    first = images.content(tmp_path)
    (tmp_path / "README.md").write_text("not in the image")
    assert images.content(tmp_path) == first
    (tmp_path / "package" / "code.py").write_text("2")
    assert images.content(tmp_path) != first


def test_what_is_laid_beside_it_is_of_what_it_is_built_from(tmp_path: Path) -> None:
    built, beside, single = (tmp_path / name for name in ("built", "beside", "single.py"))
    for folder in (built, beside):
        folder.mkdir()
    for file in (built / "code.py", beside / "code.py", single):
        file.write_text("1")
    tags = {images.content(built), images.content(built, [beside]), images.content(built, [beside, single])}
    (beside / "code.py").write_text("2")
    tags |= {images.content(built, [beside, single])}
    single.write_text("2")
    tags |= {images.content(built, [beside, single])}
    assert len(tags) == 5
