"""What the language host is started with: the engine waits for it two or three times in each run."""

import subprocess
import sys

SAYS = """
import sys
from local.engine import protocol
protocol.alone()
import local.engine.host
print(*sorted(name for name in sys.modules if name.startswith("pulumi.")))
"""


def test_the_host_imports_the_protocol_and_not_the_sdk() -> None:
    told = subprocess.run([sys.executable, "-P", "-c", SAYS], capture_output=True, text=True, check=True)
    loaded = told.stdout.split()
    assert "pulumi.runtime.proto.language_pb2" in loaded
    assert [name for name in loaded if not name.startswith("pulumi.runtime.proto")] == ["pulumi.runtime"]
