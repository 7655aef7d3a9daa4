"""The images that the stack runs and the charts that it installs: mirrored into its own registry, and taken from there.

The private subnets have no way to the makers' registries, and what is mirrored has been scanned. A chart is an
artefact of a registry like an image (Helm, "Use OCI-based registries"). images.yaml lists them; the lock says by which
digest each is run, so that what was reviewed is what runs.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

from foundation.registry import NOT_LOCKED, not_locked

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = "PARAPET_IMAGES_LOCK"
"""Names another lock than the project's own; a local stack has one of what its own registry holds."""
DIGEST: Final = re.compile(rf"(?!{NOT_LOCKED})sha256:[0-9a-f]{{64}}")
"""Of an image. So many zeros stand for one that nobody knows yet, and in examples, and name none."""
CHARTS: Final = "charts/"
"""What the names of charts begin with."""
NOT_IN_IMAGE: Final = frozenset({".md", ".in"})
"""What files end in that an image has nothing of."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image, or a chart, under its name and tag in the stack's registry."""

    name: str
    tag: str
    source: str = ""
    """Where its maker publishes it, under the same tag; empty for one that is built from this repository. A chart's may
    be an https:// folder of archives."""
    built: str = ""
    """The folder of this repository that it is built from; empty for another maker's."""
    beside: tuple[str, ...] = ()
    """What else of this repository it is built from: where the folder is, under `repository/`, by its path."""
    lock: str = ""
    """In that folder, what it is built by; empty for requirements.txt."""
    optional: bool = False
    """Whether it is there only in stacks that ask for it."""
    platforms: tuple[str, ...] = ()
    """What it has to run on; a chart runs on nothing."""
    capabilities: tuple[float, ...] = ()
    """The compute capabilities of GPUs that it has code for; none for one that asks for no GPU."""
    sum: str = ""
    """Of a chart that is packed of definitions alone: their hash, as go.sum has that of a module's files."""
    folder: str = ""
    """Where in their maker's archive they are."""

    def computes_on(self, capability: float) -> bool:
        """Whether a GPU of this compute capability runs its code: that for one runs on a later one of the same major
        version, and on no other (NVIDIA, CUDA C++ Programming Guide, "Binary Compatibility")."""
        return any(int(each) == int(capability) and each <= capability for each in self.capabilities)

    @property
    def is_chart(self) -> bool:
        return self.name.startswith(CHARTS)

    @property
    def tagged(self) -> str:
        return f"{self.name}:{self.tag}"


def content(folder: Path, beside: Collection[Path] = ()) -> str:
    """A tag for what is built from a folder: another one as soon as anything that goes into the image changes."""
    total = sha256()
    for at in (folder, *beside):
        for file in sorted(at.rglob("*")) if at.is_dir() else (at,):
            if file.is_file() and "__pycache__" not in file.parts and file.suffix not in NOT_IN_IMAGE:
                name = file.relative_to(at if at == folder else at.parent)
                total.update(f"{name} {file.stat().st_size} ".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def _read(name: str, entry: Mapping[str, Any]) -> Image:
    beside = tuple(entry.get("beside", ()))
    tag = entry["tag"] if "tag" in entry else content(ROOT / entry["built"], [ROOT / each for each in beside])
    return Image(
        name=name,
        tag=tag,
        source=entry.get("source", ""),
        built=entry.get("built", ""),
        beside=beside,
        lock=entry.get("lock", ""),
        optional=entry.get("optional", False),
        platforms=tuple(entry.get("platforms", ())),
        capabilities=tuple(entry.get("capabilities", ())),
        sum=entry.get("sum", ""),
        folder=entry.get("folder", ""),
    )


IMAGES: Final = {
    name: _read(name, entry)
    for name, entry in yaml.load((Path(__file__).parent / "images.yaml").read_text(), yaml.CSafeLoader).items()
}
"""By name: all that pods run but the add-ons, whose images EKS brings along, and all charts."""

KFP_API: Final = IMAGES["kubeflow/kfp-api-server"].tagged
KFP_AGENT: Final = IMAGES["kubeflow/kfp-persistence-agent"].tagged
KFP_DRIVER: Final = IMAGES["kubeflow/kfp-driver"].tagged
KFP_LAUNCHER: Final = IMAGES["kubeflow/kfp-launcher"].tagged
METADATA_STORE: Final = IMAGES["kubeflow/ml-metadata-store-server"].tagged
WORKFLOW_CONTROLLER: Final = IMAGES["argo/workflow-controller"].tagged
ARGOEXEC: Final = IMAGES["argo/argoexec"].tagged
PIPELINE: Final = IMAGES["pipeline"].tagged
PIPELINES: Final = (
    *(KFP_API, KFP_AGENT, KFP_DRIVER, KFP_LAUNCHER, METADATA_STORE, WORKFLOW_CONTROLLER, ARGOEXEC),
    PIPELINE,
)
"""Those of Kubeflow Pipelines, where a stack has it, and what its steps run in."""
ROLLOUTS: Final = IMAGES["argo/argo-rollouts"].tagged
PROXY: Final = IMAGES["istio/proxyv2"].tagged
PILOT: Final = IMAGES["istio/pilot"].tagged
CNI: Final = IMAGES["istio/install-cni"].tagged
DEVICE_PLUGIN: Final = IMAGES["nvidia/k8s-device-plugin"].tagged
DCGM_EXPORTER: Final = IMAGES["nvidia/dcgm-exporter"].tagged
KARPENTER: Final = IMAGES["karpenter/controller"].tagged
PROMETHEUS: Final = IMAGES["prometheus/prometheus"].tagged
ALERTMANAGER: Final = IMAGES["prometheus/alertmanager"].tagged
SERVING: Final = IMAGES["serving"].tagged
SERVING_GPU: Final = IMAGES["serving-gpu"].tagged
MLFLOW: Final = IMAGES["mlflow"].tagged

ROLLOUTS_CRD_CHART: Final = IMAGES["charts/argo/argo-rollouts-crd"].tagged
ISTIO_BASE_CHART: Final = IMAGES["charts/istio/base"].tagged
ISTIO_CNI_CHART: Final = IMAGES["charts/istio/cni"].tagged
ISTIOD_CHART: Final = IMAGES["charts/istio/istiod"].tagged
GATEWAY_CHART: Final = IMAGES["charts/istio/gateway"].tagged
KARPENTER_CHART: Final = IMAGES["charts/karpenter/karpenter"].tagged
KARPENTER_CRD_CHART: Final = IMAGES["charts/karpenter/karpenter-crd"].tagged
DEVICE_PLUGIN_CHART: Final = IMAGES["charts/nvidia/nvidia-device-plugin"].tagged

KARPENTER_VERSION: Final = IMAGES["karpenter/controller"].tag


def prefix(registry: str) -> str:
    """What an image's reference starts with; the slash keeps out `registry.example.com.attacker.example`."""
    return f"{registry.rstrip('/')}/"


def in_parts(reference: str) -> tuple[str, str, str]:
    """Repository, tag and digest of a reference, for charts that take them apart."""
    named, _, digest = reference.partition("@")
    repository, _, tag = named.rpartition(":")
    return repository, tag, digest


def lock_file() -> Path:
    """Where the digests are."""
    return Path(os.environ.get(LOCK) or ROOT / "images.lock.yaml")


def read_lock(file: Path) -> dict[str, str]:
    """The digests of a lock, by NAME:TAG, of images in today's list; empty where there is no lock.

    Raises `pulumi.RunError` for what is no digest.
    """
    try:
        found = yaml.load(file.read_text(), yaml.CSafeLoader) or {}
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise pulumi.RunError(f"{file.name} cannot be read: {words}. Write it anew: ./parapet images mirror.") from None
    if not isinstance(found, dict):
        raise pulumi.RunError(f"{file.name} is no list of images. Write it anew: ./parapet images mirror.")
    for tagged, digest in found.items():
        if not DIGEST.fullmatch(str(digest)):
            raise pulumi.RunError(
                f"{file.name} gives {tagged} the digest {digest!r}; it must be sha256: and 64 hexadecimal digits, "
                "not all of them 0. Write it anew: ./parapet images mirror."
            )
    return {image.tagged: str(found[image.tagged]) for image in IMAGES.values() if image.tagged in found}


def locked(asked: Collection[str] = ()) -> dict[str, str]:
    """The digest of every image, by NAME:TAG, of the optional ones those that are `asked` for; for one that the lock
    has not yet, one that no image has.

    With that one a run makes the registry, without which nothing can be built or copied, and ends there. Raises
    `pulumi.RunError` for a lock that cannot be read.
    """
    digests = read_lock(lock_file())
    return {image.tagged: digests.get(image.tagged) or not_locked(image.tagged) for image in wanted(asked)}


def wanted(asked: Collection[str]) -> list[Image]:
    """All images of a stack, of the optional ones those that it `asked` for."""
    return [image for image in IMAGES.values() if not image.optional or image.tagged in asked]
