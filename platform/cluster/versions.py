"""What is pinned for a version of Kubernetes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml


@dataclass(frozen=True)
class Versions:
    """The versions that go together with one version of Kubernetes."""

    kubernetes: str
    nodes: str
    """The release of the node images, for managed node groups."""
    add_ons: dict[str, str]

    @property
    def ami_alias(self) -> str:
        """The same node images, as Karpenter names them (Karpenter, NodeClasses, spec.amiSelectorTerms)."""
        return f"al2023@v{self.nodes.rpartition('-')[2]}"


VERSIONS: Final = {
    kubernetes: Versions(kubernetes, **pinned)
    for kubernetes, pinned in yaml.load((Path(__file__).parent / "versions.yaml").read_text(), yaml.CSafeLoader).items()
}
