"""Each container of the platform's own images knows its AWS Region by what its pod says, and by nothing else."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from local import images
from local.kubernetes.workloads.sources import SOURCES, name_of
from tests.platform.mocked import run_program
from tests.platform.variants import MANY

ASK = """
import json, os, sys
import boto3
found = {}
for name, variables in json.load(sys.stdin).items():
    os.environ.clear()
    os.environ.update(variables)
    session = boto3.Session()
    found[name] = [session.client(each).meta.region_name for each in ("logs", "kms", "secretsmanager", "s3")]
json.dump(found, sys.stdout)
"""
"""Every client that code of an image makes asks its session, and in this order: one without a Region makes none but of
S3, to which it speaks by the name of another."""
ELSEWHERE = "eu-central-1"


def containers(said: Any) -> Iterator[dict[str, Any]]:
    """Those of every pod that something describes."""
    if isinstance(said, dict):
        for name, part in said.items():
            if name in ("containers", "initContainers") and isinstance(part, list):
                yield from part
            else:
                yield from containers(part)
    elif isinstance(said, list):
        for part in said:
            yield from containers(part)


@pytest.mark.parametrize("name", SOURCES)
def test_its_clients_speak_to_the_stacks_region(name: str) -> None:
    made = [each.inputs for each in run_program(**MANY).made if each.type.startswith("kubernetes:")]
    # Where the image's own program runs: a container may take a file of it, and asks nobody.
    own = [each for each in containers(made) if str(each.get("command", [""])[0]).startswith("parapet-")]
    found = [each for each in own if name_of(str(each["image"])) == name]
    assert found
    told = {
        f"{index} {each['name']}": {
            variable["name"]: str(variable["value"]).replace("us-east-1", ELSEWHERE) for variable in each["env"]
        }
        for index, each in enumerate(found)
    }
    python = images.environment(SOURCES[name]) / "bin" / "python"
    done = subprocess.run(
        [python, "-I", "-c", ASK], input=json.dumps(told), env={}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {each: [ELSEWHERE] * 4 for each in told}
