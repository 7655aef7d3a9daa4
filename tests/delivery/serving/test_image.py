"""The server's image is built as MLflow's is."""

import re
from pathlib import Path

from cluster.images import IMAGES
from local.images import DELIVERY

FROM_CONTEXT = re.compile(r"^COPY (?:--chmod=\d+ )?(?!--from)(\S+) ", re.MULTILINE)


def dockerfile(name: str) -> str:
    return (DELIVERY / name / "Dockerfile").read_text()


def test_both_images_have_one_base() -> None:
    bases = [re.findall(r"^ARG BASE=(\S+@sha256:[0-9a-f]{64})$", dockerfile(name), re.MULTILINE) for name in
             ("serving", "mlflow_server")]  # fmt: skip
    assert bases[0] == bases[1]
    assert len(bases[0]) == 1


def test_what_it_copies_is_there_and_what_is_there_is_copied() -> None:
    told = dockerfile("serving")
    copied = {each.replace("${LOCK}", "requirements.txt") for each in FROM_CONTEXT.findall(told)}
    beside = {"Dockerfile", "README.md", "requirements.in", "shared.in", "gpu"}  # of the last, its lock
    assert copied == {each.name for each in Path(DELIVERY / "serving").iterdir()} - beside - {"__pycache__"}


def test_another_image_of_it_has_another_lock_of_the_same_folder() -> None:
    (default,) = re.findall(r"^ARG LOCK=(.*)$", dockerfile("serving"), re.MULTILINE)
    assert default == "requirements.txt"
    locks = {image.name: image.lock for image in IMAGES.values() if image.built == "delivery/serving"}
    assert locks == {"serving": "", "serving-gpu": "gpu/requirements.txt"}
    assert all((DELIVERY / "serving" / lock).is_file() for lock in locks.values() if lock)


def test_its_packages_are_wheels_with_hashes() -> None:
    assert "--only-binary :all: --require-hashes" in dockerfile("serving")
    lock = (DELIVERY / "serving" / "requirements.txt").read_text()
    pinned = re.findall(r"^[a-z0-9][\w.\[\]-]*==[^\\\n]*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 20
