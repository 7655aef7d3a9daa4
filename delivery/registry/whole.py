"""A model is all in the file that is signed."""

from delivery.registry.outside import NoGraph, outside
from delivery.registry.refused import Refused


def whole(raw: bytes, what: str = "model.onnx") -> None:
    """Raises Refused where values of it are in another file. What is no graph at all no server loads."""
    try:
        elsewhere = outside(raw)
    except NoGraph:
        return
    if elsewhere:
        raise Refused(
            f"{what} says that values of it are in another file, which nobody signs and whose path could be any "
            "file's. Save it as one file (onnx.save_model with save_as_external_data=False), and register that."
        )
