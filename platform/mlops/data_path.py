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
from foundation.storage.from_within import INGEST, OUTCOMES


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
LABELS: Final = Part(DataClass.PHI, OUTCOMES)
"""What came true of what a model was asked, as far as it is known: late, and added to like the record, by no workload
of the cluster (`outcomes.py`)."""
MODELS: Final = Part(DataClass.ARTIFACTS, "models")
"""Models that may serve, each with the profile of the data that it learnt from."""
REPORTS: Final = Part(DataClass.ARTIFACTS, "reports")
"""How far data and answers have drifted, in counts and without a row."""
RUNS: Final = Part(DataClass.ARTIFACTS, "runs")
"""How runs of the pipeline went, step by step, in words and times: added to and never changed."""


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
        adds=(RUNS,),
    ),
    # What it made goes through the MLflow server, where it is on record who did.
    Workload(namespace=ns.TRAINING, reads=(FEATURES, CHECKPOINTS), writes=(CHECKPOINTS,), removes=(CHECKPOINTS,)),
    # What teams serve by themselves: a model that the stack serves is a workload of its own (`serving`).
    Workload(namespace=ns.SERVING, reads=(MODELS,), adds=(OF_TEAMS,)),
    # What a hospital looks at the platform with. It measures, and sees no row: a model's record is read by the check of
    # that model alone (`checking`).
    Workload(namespace=ns.MONITORING, measures=True),
)

ROLE_NAME: Final = 24
"""Characters of a model's name in its role's: IAM takes 64, with the stack's name and what makes it one of its own."""


def serving(model: str, environment: str) -> Workload:
    """What the pods of one model do with data: they read what was promoted of that model for the environment, and add
    to its own record (`delivery/serving/README.md`)."""
    return Workload(
        name=f"model-{_short(model)}",
        namespace=ns.MODELS,
        account=f"{ns.MODEL_ACCOUNTS}{model}",
        reads=(promoted(model, environment),),
        adds=(of_model(PREDICTIONS, model),),
    )


def checking(model: str, environment: str) -> Workload:
    """What the check of one model does with data: it reads what that model learnt, was asked, answered, what came true
    of it and how its pipeline went, and writes what it found. It never writes a record or a model, and sees nothing of
    another's."""
    found = of_model(REPORTS, model)
    return Workload(
        name=f"check-{_short(model)}",
        namespace=ns.MONITORING,
        account=f"{ns.CHECK_ACCOUNTS}{model}",
        reads=(
            *(promoted(model, environment), of_model(PREDICTIONS, model), of_model(LABELS, model)),
            *(of_model(RUNS, model), found),
        ),
        writes=(found,),
    )


def promoted(model: str, environment: str) -> Part:
    """Where the versions of a model are that may serve in an environment."""
    return Part(MODELS.bucket, f"{MODELS.prefix}/{model}/{environment}")


def of_model(whole: Part, model: str) -> Part:
    """The part of a part that one model's is."""
    return Part(whole.bucket, f"{whole.prefix}/model={model}")


def _short(model: str) -> str:
    digest = sha256(model.encode()).hexdigest()[:8]
    return model if len(model) <= ROLE_NAME else f"{model[: ROLE_NAME - 9]}-{digest}"


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
