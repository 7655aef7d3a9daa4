"""How long MLflow keeps what was deleted in it, as a stack's settings declare it."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["experiments", "runs", "models", "traces"]
LEAST_DAYS: Final = 1
"""An upload that goes on is not taken for what nobody needs."""
MOST_DAYS: Final = 3650


class Kept(BaseModel):
    """For how many days what is deleted of a kind can still be brought back, or found in the bucket.

    Then its rows and files go for good (45 CFR 164.310(d)(2)(i), disposal); the bucket keeps deleted files as old
    versions for `UNDO_DAYS` more. A field's description is what is allowed, as an error message says it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = Field(description="experiments, runs, models or traces")
    days: int = Field(
        ge=LEAST_DAYS,
        le=MOST_DAYS,
        description=f"a whole number of days from {LEAST_DAYS} to {MOST_DAYS}",
    )
