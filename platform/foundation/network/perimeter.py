"""What holds credentials of the stack to its own network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from foundation.network.endpoint_policies import GATEWAYS, IAM_PREFIXES
from foundation.policy_document import Statement, deny

USED_BY_SERVICES: Final = ("kms",)
"""A call that S3 or Secrets Manager makes for the caller comes from there, and not from the VPC. Who may use a key
through such a service alone had to reach that service first (AWS KMS Developer Guide, `kms:ViaService`)."""


@dataclass(frozen=True, kw_only=True)
class Perimeter:
    """The network of the stack, as IAM sees a call that comes from it."""

    vpc_id: pulumi.Input[str]
    services: Sequence[str]
    """The interface endpoints. A call to another service leaves by the internet and does not say whence it comes."""

    def only_from_within(self) -> Statement:
        """What a role that works in the VPC alone is denied: S3, and each service with an endpoint, from anywhere else.

        So credentials that were carried out of a pod are of no use elsewhere (IAM User Guide, "AWS global condition
        context keys", aws:SourceVpc: it is there if the call came through a VPC endpoint; an absent one differs).
        """
        prefixes = {IAM_PREFIXES[each] for each in self.services if each not in USED_BY_SERVICES} | {*GATEWAYS}
        return deny(
            "OnlyFromTheVpc",
            actions=[f"{prefix}:*" for prefix in sorted(prefixes)],
            resources="*",
            when={"StringNotEquals": {"aws:SourceVpc": self.vpc_id}},
            principals=None,
        )
