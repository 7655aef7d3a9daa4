"""Which images are built from this repository."""

from collections.abc import Mapping
from typing import Any, Final

SOURCES: Final = {"mlflow": "mlflow_server", "serving": "serving"}
"""The folder of `delivery/` that an image is built from, by the image's name."""


def name_of(reference: str) -> str:
    """The name in a reference such as `REGISTRY/mlflow@sha256:...`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def ours(pod: Mapping[str, Any]) -> str:
    """The name of the first such image of a pod's containers; empty where it has none. `pod`: its specification."""
    return next((name for each in pod["containers"] if (name := name_of(each["image"])) in SOURCES), "")
