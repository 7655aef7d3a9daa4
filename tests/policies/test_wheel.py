"""The pack as a wheel: all of it, of the version that the engine shows, and at work in a pack of one's own."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from google.protobuf.empty_pb2 import Empty

import hipaa
from hipaa import signals
from tests.policies.harness import PACK, analyze, copy_of_pack, served

pytestmark = pytest.mark.pack

OWN = """
from pathlib import Path
from hipaa.pack import serve

serve(Path(__file__).with_name("waivers.yaml"))
"""


def test_its_requirements_are_those_of_the_pack() -> None:
    project = tomllib.loads((PACK / "pyproject.toml").read_text())["project"]
    lines = (PACK / "requirements.in").read_text().splitlines()
    assert project["dependencies"] == [line for line in lines if line and not line.startswith("#")]


def test_a_pack_of_ones_own_takes_it(tmp_path: Path) -> None:
    source = copy_of_pack(tmp_path / "source")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    version = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())["version"]
    assert wheel.name == f"parapet_hipaa-{version}-py3-none-any.whl"
    own = tmp_path / "own"
    own.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(own)  # what an installer does with a wheel of Python alone
    (own / "__main__.py").write_text(OWN)
    with served(own) as pack:
        info = pack.GetAnalyzerInfo(Empty())
        response = analyze(pack, "aws:kms/key:Key", {"enableKeyRotation": False})
    assert (info.name, info.version) == ("hipaa", version)
    own = [signals.EVERY_TYPE_IS_JUDGED, signals.CONFIGURATION_WEAKENS_NO_RULE]
    assert [policy.name for policy in info.policies] == [*(rule.name for rule in hipaa.rules()), *own]
    assert "kms-key-rotates" in {diagnostic.policyName for diagnostic in response.diagnostics}
    assert signals.WAIVERS_ARE_CURRENT not in {policy.name for policy in info.policies}, "it has no waivers"
