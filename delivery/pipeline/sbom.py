"""What a model is made with: the packages of this environment as CycloneDX, and whether they are those of the lock."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from delivery.registry.refused import Refused

HERE: Final = Path(__file__).parent
LOCK: Final = HERE / "requirements.txt"
COMMAND: Final = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--no-validate", "--of", "JSON")


def sbom() -> bytes:
    """The same bytes for the same packages. Raises Refused where one of them is not what the lock has."""
    done = subprocess.run([sys.executable, *COMMAND], capture_output=True)
    if done.returncode:
        raise Refused(
            f"cyclonedx-py, which lists the packages, ended with {done.returncode}. Make the environment anew."
        )
    told = json.loads(done.stdout)
    check_locked({each["name"]: each["version"] for each in told["components"]})
    told["components"] = [concluded(each) for each in told["components"]]
    return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"


def check_locked(found: Mapping[str, str]) -> None:
    """Raises Refused for packages that are not the lock's."""
    listed = locked()
    strange = [f"{name} {version}" for name, version in found.items() if version not in listed.get(normal(name), ())]
    if strange:
        raise Refused(
            f"These packages are not those of {LOCK.name}: {', '.join(sorted(strange))}. What a model was made with "
            "could not be told. Run it in the environment of the lock."
        )


@cache
def locked() -> Mapping[str, frozenset[str]]:
    """The versions of each package in the lock: of some, one for each of several Pythons."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK.read_text(), re.MULTILINE)
    return {normal(name): frozenset(v for n, v in pins if normal(n) == normal(name)) for name, _ in pins}


@cache
def _listed() -> Mapping[str, Any]:
    told: Mapping[str, Any] = yaml.safe_load((HERE / "licences.yaml").read_text())
    return told


def licences() -> Mapping[str, str]:
    """Of the packages that say none by SPDX, as it was found."""
    told: Mapping[str, str] = _listed()["concluded"]
    return told


def said() -> list[str]:
    """The packages that say it themselves."""
    told: list[str] = _listed()["said"]
    return told


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def identified(component: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The licences that a package says by SPDX; a classifier beside them only says the same less exactly."""
    return [each for each in component.get("licenses", []) if "expression" in each or "id" in each.get("license", {})]


def concluded(component: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the licence that we found where it says none by SPDX, and marked as that."""
    found = identified(component)
    if not found and (name := licences().get(normal(component["name"]))):
        found = [{"expression": name, "acknowledgement": "concluded"}]
    return {**component, "licenses": found} if found else component
