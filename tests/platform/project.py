"""Where the program is, and a copy of it to play with."""

import re
from pathlib import Path

from tests.warm import Warm

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = ".venv"


def copy_project(folder: Path, warm: Warm | None = None) -> Path:
    """The program in a folder of its own, so that the engine writes into no committed stack file.

    With a warm Python, the environment that its project names has that for an interpreter.
    """
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "platform"):
        (folder / name).symlink_to(PROJECT / name)
    if warm is None:
        (folder / ENVIRONMENT).symlink_to(PROJECT / ENVIRONMENT)
        return folder
    warm.imports(_imported())
    (folder / ENVIRONMENT / "bin").mkdir(parents=True)
    (folder / ENVIRONMENT / "bin" / "python").symlink_to(warm.python)
    (folder / ENVIRONMENT / "lib").symlink_to(PROJECT / ENVIRONMENT / "lib")
    return folder


def _imported() -> set[str]:
    """The modules of the SDKs that the program takes something from."""
    found = {"pydantic", "yaml"}
    for file in (PROJECT / "platform").rglob("*.py"):
        text = file.read_text()
        found |= {f"pulumi_aws.{name}" for name in re.findall(r"\baws\.([a-z]\w*)\.[A-Z]", text)}
        found |= {f"pulumi_kubernetes.{name}" for name in re.findall(r"\bkubernetes\.([a-z]\w*\.v\d\w*)\.[A-Z]", text)}
    return found
