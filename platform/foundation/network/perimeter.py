"""What holds credentials of the stack to its own network."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from foundation.network.endpoint_policies import GATEWAYS, IAM_PREFIXES
from foundation.policy_document import Statement, deny, outside_of


@dataclass(frozen=True, kw_only=True)
class Perimeter:
    """The network of the stack, as IAM sees a call that comes from it."""

    vpc_id: pulumi.Input[str]
    services: Sequence[str]
    """The interface endpoints. A call to another service leaves by the internet and does not say whence it comes."""

    def only_from_within(self) -> Statement:
        """What a role that works in the VPC alone is denied: S3, and each service with an endpoint, from anywhere else.

        So credentials that were carried out of a pod or off an instance are of no use elsewhere. What a service calls
        for them in its turn, as S3 does KMS and a fleet the launch of its instances, comes from that service, which had
        to be reached first (IAM User Guide, "AWS global condition context keys", aws:SourceVpc). The token by which a
        node or a person proves itself to Kubernetes is a call of sts:GetCallerIdentity that EKS makes: no policy denies
        that one (AWS STS API Reference, GetCallerIdentity).
        """
        prefixes = {IAM_PREFIXES[each] for each in self.services} | {*GATEWAYS}
        return deny(
            "OnlyFromTheVpc",
            actions=[f"{prefix}:*" for prefix in sorted(prefixes)],
            resources="*",
            when={**outside_of(self.vpc_id), "BoolIfExists": {"aws:ViaAWSService": "false"}},
            principals=None,
        )
