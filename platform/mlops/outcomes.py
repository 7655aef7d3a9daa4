"""Who delivers what came true of what models were asked: a policy for the hospital to attach to that job's role."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from foundation.policy_document import document
from foundation.stack import Stack
from mlops import written_once
from mlops.bucket import Bucket
from mlops.data_path import LABELS


@dataclass(frozen=True, kw_only=True)
class OutcomesArgs:
    stack: Stack
    phi: Bucket


class Outcomes(pulumi.ComponentResource):
    """The right to add outcomes, from within the VPC or from where the hospital's own systems are; and no other.

    No account of the cluster has it: whoever trains a model does not say how often it was right. The bucket's policy
    refuses whoever has not the tag (`foundation/storage/from_within.py`).
    """

    policy_arn: pulumi.Output[str]

    def __init__(self, name: str, args: OutcomesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Outcomes", name, {}, opts)
        adds = written_once.adds(args.stack, {"": (args.phi, LABELS.prefix)}, {LABELS.prefix: "model=*/*.parquet"})
        self.policy_arn = aws.iam.Policy(
            f"{name}-outcomes",
            description=f"Adds what came true of what models of {name} were asked.",
            policy=document(*adds),
            opts=pulumi.ResourceOptions(parent=self),
        ).arn
        self.register_outputs({"policyArn": self.policy_arn})
