"""`./parapet nodes`: how old the pinned image of the nodes is."""

import boto3

from operations import node_images


def tell(region: str, *, write: bool) -> None:
    """One line for each version of Kubernetes; with `write` the pin moves where it is behind."""
    for pin in list(node_images.pins(lambda: boto3.client("ssm", region_name=region))):
        print(pin)
        if write and pin.behind:
            node_images.PINS.write_text(node_images.moved(node_images.PINS.read_text(), pin))
