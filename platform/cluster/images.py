"""The images of the charts: mirrored into the stack's own registry, which is the only one that pods may come from.

The private subnets have no way to the makers' registries, and what is mirrored has been scanned.
"""

from typing import Final

ISTIO_VERSION: Final = "1.31.4"
"""The release whose API module, `istio.io/api` v1.31.4, holds the CRDs that the tests validate against."""
DEVICE_PLUGIN_VERSION: Final = "0.17.4"
DCGM_IMAGE_TAG: Final = "4.5.3-4.8.2-distroless"

PROXY: Final = f"istio/proxyv2:{ISTIO_VERSION}"
PILOT: Final = f"istio/pilot:{ISTIO_VERSION}"
CNI: Final = f"istio/install-cni:{ISTIO_VERSION}"
DEVICE_PLUGIN: Final = f"nvidia/k8s-device-plugin:v{DEVICE_PLUGIN_VERSION}"
DCGM_EXPORTER: Final = f"nvidia/dcgm-exporter:{DCGM_IMAGE_TAG}"
KARPENTER: Final = "karpenter/controller"
"""Its chart knows the tag."""
MLFLOW: Final = "mlflow"
"""Built from this repository."""

REPOSITORIES: Final = tuple(
    sorted(image.partition(":")[0] for image in (PROXY, PILOT, CNI, DEVICE_PLUGIN, DCGM_EXPORTER, KARPENTER, MLFLOW))
)
"""All that pods run but the add-ons, whose images EKS brings along: what the stack's own registry has room for."""


def prefix(registry: str) -> str:
    """What an image's reference starts with; the slash keeps out `registry.example.com.attacker.example`."""
    return f"{registry.rstrip('/')}/"
