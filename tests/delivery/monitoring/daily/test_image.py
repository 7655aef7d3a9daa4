"""That the image in which checks run has all that the daily check takes to run."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml

from mlops.monitoring.check_pod import COMMAND
from tests.platform.project import PROJECT

ENTRY = yaml.safe_load((PROJECT / "platform" / "cluster" / "images.yaml").read_text())["pipeline"]
LAID = [*ENTRY["beside"], ENTRY["built"]]
"""The parts of the repository that are in it."""
LOCKED = {
    found[1].replace("_", "-")
    for found in re.finditer(r"^([a-z0-9._-]+)==", (PROJECT / ENTRY["built"] / "requirements.txt").read_text(), re.M)
}
DISTRIBUTIONS = packages_distributions()


def file_of(module: str) -> Path | None:
    at = PROJECT / Path(*module.split("."))
    return next((each for each in (at / "__init__.py", at.with_suffix(".py")) if each.is_file()), None)


def imported(file: Path) -> Iterator[str]:
    """Every module that it names, and each name that it takes from one, which may be a module too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file} imports by dots"
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def reached() -> tuple[set[Path], set[str]]:
    """The files of ours that the program may come to load, and the packages of others."""
    *_, program = COMMAND
    files, others, left = set[Path](), set[str](), [program, f"{program}.__main__"]
    while left:
        module = left.pop()
        if module.partition(".")[0] != "delivery":
            others.add(module.partition(".")[0])
        elif (file := file_of(module)) and file not in files:
            files.add(file)
            parents = module.split(".")[:-1]
            left += [*imported(file), *(".".join(parents[:many]) for many in range(1, len(parents) + 1))]
    return files, others - set(sys.stdlib_module_names)


def test_what_it_is_made_of_is_in_the_image() -> None:
    files, _ = reached()
    assert len(files) > 40
    places = [PROJECT / each for each in LAID]
    assert [each for each in files if not any(each == place or place in each.parents for place in places)] == []


def test_what_it_imports_of_others_is_in_the_images_lock() -> None:
    _, others = reached()
    assert {"duckdb", "boto3", "msgspec"} <= others
    lacking = {
        name
        for name in others
        if not {each.lower().replace("_", "-") for each in DISTRIBUTIONS.get(name, [name])} & LOCKED
    }
    assert lacking == set()
