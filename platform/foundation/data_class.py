"""The classes of data. Each has one encryption key, and each resource that holds data belongs to one class."""

from enum import StrEnum
from typing import Final


class DataClass(StrEnum):
    """What a resource holds, as its `DataClass` tag says it and as its encryption key is named."""

    PHI = "phi"
    """Electronic protected health information: datasets, features, predictions that name a person."""
    ARTIFACTS = "artifacts"
    """Models, container images and the metadata of experiments."""
    LOGS = "logs"
    """Records of activity: flow logs, query logs, audit trails."""
    SECRETS = "secrets"
    """Passwords, tokens and private keys."""
    CLUSTER = "cluster"
    """The disks and the control plane's own state of the Kubernetes cluster."""


TAG: Final = "DataClass"
NO_DATA: Final = "none"
"""The tag's value on a resource that holds no data, such as a subnet or a role."""


def tags(data_class: DataClass) -> dict[str, str]:
    """The tags of a resource that holds data of this class. The provider adds owner, environment and cost center."""
    return {TAG: data_class.value}
