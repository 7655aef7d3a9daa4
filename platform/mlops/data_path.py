"""Where data is on its way from the hospital's systems to a model and back, and which workload does what with it there.

A part of a bucket is a prefix. Nobody but those named here does anything in it, and the MLflow server has its own.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cluster import namespaces as ns
from cluster.namespaces import Namespace
from cluster.workspace import Workspace
from foundation.data_class import DataClass
from foundation.storage.from_within import INGEST


@dataclass(frozen=True)
class Part:
    """A part of the bucket of one class of data."""

    bucket: DataClass
    prefix: str
    """Without a slash at either end."""


RAW: Final = Part(DataClass.PHI, INGEST)
"""Extracts as the hospital's systems delivered them. Nothing in the cluster changes them."""
CURATED: Final = Part(DataClass.PHI, "curated")
"""Rows that kept their contract."""
FEATURES: Final = Part(DataClass.PHI, "features")
"""What models learn from."""
CHECKPOINTS: Final = Part(DataClass.PHI, "checkpoints")
"""Half-trained models, of which a patient's data can be told as from what they learn."""
DEIDENTIFIED: Final = Part(DataClass.PHI, "deidentified")
"""Data without identifiers (45 CFR 164.514(b)), kept as carefully as that with them."""
PREDICTIONS: Final = Part(DataClass.PHI, "predictions")
"""What a model was asked and what it answered: a record that is added to and never changed."""
OF_TEAMS: Final = Part(DataClass.PHI, f"{PREDICTIONS.prefix}/teams")
"""The record of what teams serve by themselves."""
MODELS: Final = Part(DataClass.ARTIFACTS, "models")
"""Models that may serve, each with the profile of the data that it learnt from."""
REPORTS: Final = Part(DataClass.ARTIFACTS, "reports")
"""How far data and answers have drifted, in counts and without a row."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What the pods of a namespace's service account do with data; all else is refused."""

    namespace: Namespace
    name: str = ""
    """What its role is called; where none is told, as the service account."""
    reads: tuple[Part, ...] = ()
    writes: tuple[Part, ...] = ()
    """Where they make objects and put others in their place."""
    adds: tuple[Part, ...] = ()
    """Where they make objects, and none in place of another."""
    removes: tuple[Part, ...] = ()
    measures: bool = False
    """Whether they write metrics."""
    account: str = ""
    """Its service account, where that is not the namespace's own."""
    formerly: str = ""
    """What its association was called before: EKS takes no second one of the same account and namespace."""

    @property
    def service_account(self) -> str:
        return self.account or self.namespace.service_account


WORKLOADS: Final = (
    Workload(
        namespace=ns.PIPELINES,
        reads=(RAW, CURATED, FEATURES, DEIDENTIFIED, MODELS),
        # A model that it made goes through the MLflow server, and by a decision of people's to where it serves.
        writes=(CURATED, FEATURES, DEIDENTIFIED),
    ),
    # What it made goes through the MLflow server, where it is on record who did.
    Workload(namespace=ns.TRAINING, reads=(FEATURES, CHECKPOINTS), writes=(CHECKPOINTS,), removes=(CHECKPOINTS,)),
    # What teams serve by themselves: a model that the stack serves is a workload of its own (`serving`).
    Workload(namespace=ns.SERVING, reads=(MODELS,), adds=(OF_TEAMS,)),
    Workload(namespace=ns.MONITORING, reads=(PREDICTIONS, MODELS, REPORTS), writes=(REPORTS,), measures=True),
)

ROLE_NAME: Final = 24
"""Characters of a model's name in its role's: IAM takes 64, with the stack's name and what makes it one of its own."""


def serving(model: str, environment: str) -> Workload:
    """What the pods of one model do with data: they read what was promoted of that model for the environment, and add
    to its own record (`delivery/serving/README.md`)."""
    digest = sha256(model.encode()).hexdigest()[:8]
    return Workload(
        name=f"model-{model if len(model) <= ROLE_NAME else f'{model[: ROLE_NAME - 9]}-{digest}'}",
        namespace=ns.MODELS,
        account=f"{ns.MODEL_ACCOUNTS}{model}",
        reads=(Part(MODELS.bucket, f"{MODELS.prefix}/{model}/{environment}"),),
        adds=(Part(PREDICTIONS.bucket, f"{PREDICTIONS.prefix}/model={model}"),),
    )


ONCE_SHARED: Final = "notebooks"
"""The one namespace that all notebooks were in, before each had a workspace."""


def sandbox(workspace: Workspace) -> Part:
    """What its people try out."""
    return Part(workspace.data_class, f"sandbox/{workspace.name}")


def of(workspace: Workspace) -> Workload:
    """What its pods do with data: what they like in a part of their own, and, where that may hold PHI, they read data
    without identifiers."""
    own = sandbox(workspace)
    given = (DEIDENTIFIED,) if workspace.data_class is DataClass.PHI else ()
    return Workload(
        name=f"workspace-{workspace.name}",
        formerly=workspace.namespace.service_account if workspace.name == ONCE_SHARED else "",
        namespace=workspace.namespace,
        reads=(*given, own),
        writes=(own,),
        removes=(own,),
    )
