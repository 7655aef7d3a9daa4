"""`./parapet nodes`: how old the pinned image of the nodes is."""

import boto3
from botocore.exceptions import BotoCoreError

from cli.output import Refused
from operations import node_images


def tell(region: str, *, write: bool) -> None:
    """One line for each version of Kubernetes; with `write` the pin moves where it is behind."""
    try:
        found = list(node_images.pins(boto3.client("ssm", region_name=region)))
    except (node_images.NotKnown, BotoCoreError) as error:
        raise Refused(str(error)) from None
    for pin in found:
        print(pin)
        if write and pin.behind:
            node_images.PINS.write_text(node_images.moved(node_images.PINS.read_text(), pin))
