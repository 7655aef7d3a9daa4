"""The whole stack as a state, with no engine, no cloud and no cluster: what the program asks for under Pulumi's mocks.

It has the form of `pulumi stack export`. A chart is not rendered: its objects are not there.
"""

import os
import runpy
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor

from local.mocked import Recorder, Watching, record

PROJECT = "parapet"
STACK = "pulumi:pulumi:Stack"


class _Keeping(Watching):
    """Keeps each resource as the engine's state has it."""

    def __init__(self, recorder: Recorder, kept: list[dict[str, Any]]) -> None:
        super().__init__(recorder)
        self._kept = kept

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it, with the types of all that it is in; the SDK's mocks leave out all but the last."""
        around = parent.split("::")[2] if parent else ""
        whole = type_ if around in ("", STACK) else f"{around}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{whole}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        answer = super().RegisterResource(request)
        self._kept.append(
            {
                "urn": answer.urn,
                "type": request.type,
                "custom": request.custom,
                "id": answer.id,
                "inputs": json_format.MessageToDict(request.object),
                "outputs": json_format.MessageToDict(answer.object),
                "propertyDependencies": {
                    name: list(found.urns) for name, found in request.propertyDependencies.items()
                },
            }
        )
        return answer


def state(program: Path, settings: Mapping[str, str], digests: Mapping[str, str], lock: str) -> dict[str, Any]:
    """What the program asks for with these settings.

    Args:
        digests: of the images, by NAME:TAG; they are in the registry and in the stack's lock.
        lock: the environment variable by which the program finds its lock.
    """
    kept: list[dict[str, Any]] = []
    monitor: Callable[[Recorder], MockMonitor] = lambda recorder: _Keeping(recorder, kept)  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.lock.yaml"
        file.write_text(yaml.safe_dump(dict(digests)))
        before = os.environ.get(lock)
        os.environ[lock] = str(file)

        def make() -> None:
            pulumi.runtime.set_all_config({f"{PROJECT}:{name}": value for name, value in settings.items()})
            runpy.run_path(str(program))

        try:
            record(make, Recorder(registry=digests), monitor)
        finally:
            os.environ.pop(lock)
            if before is not None:
                os.environ[lock] = before
    return {"version": 3, "deployment": {"resources": kept}}
