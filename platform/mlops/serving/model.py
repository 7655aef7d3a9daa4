"""A model that answers, as a stack's settings declare it."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cluster.guardrails.mesh_rules import INSIDE, OF_TEAMS, RESERVED
from mlops.data_path import Workload, checking, serving
from mlops.identity_provider import Text
from mlops.serving.returning import Returning

Strategy = Literal["canary", "blueGreen"]
CANARY_SUFFIX: Final = "-canary"
"""How the Service of a model's new version is called, after the model."""
TAKEN_SUFFIXES: Final = (CANARY_SUFFIX, INSIDE)
MOST_REPLICAS: Final = 50
TOLD: Final = {"name", "version", "digest", "environment", "published"}
"""What is told of a model to who asks it."""


def _free(name: str) -> str:
    if name in RESERVED or name.startswith(OF_TEAMS) or name.endswith(TAKEN_SUFFIXES):
        raise ValueError
    return name


Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="1 to 40 lower-case letters, digits and hyphens, from a letter to a letter or digit, not ending in "
        f"{' or '.join(TAKEN_SUFFIXES)}, and not {' or '.join(RESERVED)}, whose hosts the platform has, nor"
        f" beginning with {OF_TEAMS}, as teams' hosts do",
    ),
    AfterValidator(_free),
]


class Model(BaseModel):
    """Which version of a model answers, and how a new one comes. A field's description is what is allowed, as an error
    message says it.

    Nothing here says what judges a version, what it runs as, or where it lies: those are the platform's.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    version: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$",
        description="the version as the registry has it: 1 to 63 lower-case letters, digits, dots, hyphens and "
        "underscores, a letter or digit at both ends",
    )
    digest: str = Field(
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="the digest of its manifest, sha256: and 64 hexadecimal digits (./parapet model list)",
    )
    environment: Literal["dev", "staging", "prod"] = Field(
        default="prod", description="dev, staging or prod: for which of them it was promoted"
    )
    """The server refuses what was signed for another (`delivery/serving`); which ones a stack takes its own environment
    says (`setting_types/services.py`)."""
    replicas: int = Field(default=2, ge=2, le=MOST_REPLICAS, description=f"a whole number from 2 to {MOST_REPLICAS}")
    """At least: one may go with its node."""
    most_replicas: int = Field(
        default=6, ge=2, le=MOST_REPLICAS, description=f"a whole number from 2 to {MOST_REPLICAS}"
    )
    gpu_group: str = Field(default="", description="the name of a group of gpuGroups, or empty")
    """Whose GPUs compute it, one of them for each replica; processors, where it names none."""
    published: bool = Field(default=False, description="true or false")
    """Whether who has a token may ask it through the gateway; else pipelines alone."""
    audiences: tuple[Text, ...] = Field(default=(), description="a list of audiences, or of none")
    """For one of which a token is that asks it; without any, those of `modelTokens`. A token that one model was shown
    opens each that takes the same audience."""
    strategy: Strategy = Field(default="canary", description="canary or blueGreen")
    """How a new version comes: by a share of the calls that grows, or by all of them at once, where two versions that
    answer beside each other would mislead. Before that nobody calls it but who tries it: `model_service.blue_green`."""
    waits: bool = Field(default=True, description="true or false")
    """Whether a person promotes a new version that was found good (`kubectl argo rollouts promote`)."""
    undo_seconds: int = Field(default=3600, ge=30, le=86_400, description="a whole number from 30 to 86400: seconds")
    """For how long a canary that has all calls may be undone at once: the version before keeps its pods. A version
    that comes within it begins from the one before."""
    returns_to: Returning | None = Field(
        default=None, description="what ./parapet model rollback wrote, an object of entry and signature, or left out"
    )
    """Of the version that served before and takes its calls back. Where that is `version`, by its digest, it is not
    held against the answers of the one that it takes the place of, of which they are what is wrong, and no person is
    waited for: who decided it stands in the ledger, whose entry this is. For any other version it means nothing, and
    one that the platform's key did not sign is refused (`model_service.py`)."""
    attempt: int = Field(default=1, ge=1, le=1000, description="a whole number from 1 to 1000")
    """Another number brings out anew a version that was let go, as for want of calls; it is judged as any is. No person
    does that beside the settings (`guardrails/model_rules.py`)."""
    start_seconds: int = Field(default=600, ge=30, le=3600, description="a whole number of seconds from 30 to 3600")
    """In which pods of a new version must be ready: what does not start is let go then."""

    @property
    def returning(self) -> bool:
        """Whether its version is said to be one that served before."""
        said = self.returns_to
        return said is not None and said.is_of(self.name, self.environment, self.version, self.digest)

    @property
    def most_pods(self) -> int:
        """What it has while a new version comes: each version has as many as there may be."""
        return 2 * max(self.replicas, self.most_replicas)

    @property
    def most_gpus(self) -> int:
        """What all these take."""
        return self.most_pods if self.gpu_group else 0

    @property
    def workload(self) -> Workload:
        """What its pods run as, and what that may."""
        return serving(self.name, self.environment)

    @property
    def checked(self) -> bool:
        """Whether its days are held against what it learnt: patients are asked about where it is in production."""
        return self.environment == "prod"

    @property
    def check(self) -> Workload:
        """What that check runs as, and what it may."""
        return checking(self.name, self.environment)
