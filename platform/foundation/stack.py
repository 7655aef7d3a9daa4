"""What every component of a stack stands on."""

from collections.abc import Mapping
from dataclasses import dataclass

from foundation import retention
from foundation.account import Account


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The facts that all of a stack has in common: made once, by `__main__.py`, and taken whole by each component.

    A component's own arguments say what differs between components, and none of them repeats one of these. Raises
    `ValueError` for a period of retention that is shorter than the law's, whoever asks for it.
    """

    name: str
    """What every resource's name begins with; the cluster's own name."""
    owner: str
    """The team or mailbox that answers for the stack."""
    account: Account
    images: Mapping[str, str]
    """The digest of each image that its pods run, and of each chart, by NAME:TAG in its registry."""
    tags: Mapping[str, str]
    """Of instances, volumes and whatever else the provider's default tags do not reach."""
    audit_retention_years: int
    """How long nobody can delete an audit record; at least `retention.AUDIT_YEARS`."""
    log_retention_days: int
    """How long other logs are kept; one of `retention.LOG_DAYS`."""
    protect: bool
    """Whether what holds data, keys or logs is kept from deletion."""
    listed_images: frozenset[str] = frozenset()
    """Those of `images` that are there for what a setting lists, and go with it."""

    def __post_init__(self) -> None:
        if self.audit_retention_years < retention.AUDIT_YEARS:
            raise ValueError(
                f"audit_retention_years is {self.audit_retention_years}; an audit record is kept for at least "
                f"{retention.AUDIT_YEARS} years (45 CFR 164.316(b)(2)(i))"
            )
        if self.log_retention_days not in retention.LOG_DAYS:
            raise ValueError(
                f"log_retention_days is {self.log_retention_days}; CloudWatch Logs offers, of a year or more, "
                f"{', '.join(map(str, retention.LOG_DAYS))}"
            )

    @property
    def registry(self) -> str:
        """Where the stack's images are, the only place that its pods may pull from."""
        return self.account.registry(self.name)

    def image(self, tagged: str) -> str:
        """How a pod names an image: in the stack's registry, and by its digest."""
        return f"{self.registry}/{tagged}@{self.images[tagged]}"

    @property
    def audit_log_days(self) -> int:
        """The retention period of a log group that keeps an audit record."""
        return retention.audit_log_days(self.audit_retention_years)
