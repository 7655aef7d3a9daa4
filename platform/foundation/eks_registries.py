"""Whose registries EKS's own images are in (eks_registries.yaml)."""

from pathlib import Path
from typing import Final

import pulumi
import yaml

_BY_ACCOUNT: Final[dict[str, list[str]]] = yaml.load(
    (Path(__file__).parent / "eks_registries.yaml").read_text(), yaml.CSafeLoader
)
ACCOUNTS: Final = tuple(sorted(_BY_ACCOUNT))
"""Of all Regions."""
BY_REGION: Final = {region: account for account, regions in _BY_ACCOUNT.items() for region in regions}


def eks_registry(region: str) -> str:
    """The account in this Region; raises `pulumi.RunError` where it is not known."""
    try:
        return BY_REGION[region]
    except KeyError:
        raise pulumi.RunError(
            f"parapet:region is {region}, and whose registry EKS's images are in there is not known. Look it up in the "
            'Amazon EKS User Guide ("View Amazon container image registries for Amazon EKS add-ons") and add it to '
            "platform/foundation/eks_registries.yaml."
        ) from None
