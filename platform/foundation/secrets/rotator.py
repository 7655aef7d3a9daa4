"""What rotates the secrets of the stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.log_group import log_group
from foundation.policy_document import Statement, allow, deny, document
from foundation.stack import Stack

CODE: Final = Path(__file__).with_name("rotation.py")
INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does with the function's role to put it into a VPC (AWS Lambda Developer Guide, "Giving Lambda functions
access to resources in an Amazon VPC", required IAM permissions)."""
TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class RotatorArgs:
    stack: Stack
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    """From which Secrets Manager is reached, through an interface endpoint or otherwise."""
    key_arn: pulumi.Input[str]
    """The key of the secrets class."""
    logs_key_arn: pulumi.Input[str]
    after: Sequence[pulumi.Resource]
    """The ways to Secrets Manager."""


class Rotator(pulumi.ComponentResource):
    """A function that makes and rotates the values of the secrets `<stack>/*`, and can read or write no other.

    Secrets Manager of this account calls it, and the stack when it makes a secret. It reaches HTTPS within the VPC
    and nothing else.
    """

    function_arn: pulumi.Output[str]
    function_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    """The role that reads and writes the values."""

    def __init__(self, name: str, args: RotatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Rotator", name, None, opts)
        self._name = function_name(name)
        group = log_group(
            args.stack,
            "rotator",
            key_arn=args.logs_key_arn,
            parent=self,
        )
        role, allowed = self._role(args, group)
        own = pulumi.ResourceOptions(parent=self)
        security_group_id, way_out = self._group(args)
        function = aws.lambda_.Function(
            self._name,
            name=self._name,
            description=f"Gives the secrets of {name} their values and rotates them.",
            runtime="python3.13",
            architectures=["arm64"],
            handler=f"{CODE.stem}.handler",
            # As text, so that the state is the same whichever folder the program is in.
            code=pulumi.AssetArchive({CODE.name: pulumi.StringAsset(CODE.read_text())}),
            role=role.arn,
            timeout=TIMEOUT_SECONDS,
            vpc_config={"subnet_ids": args.subnet_ids, "security_group_ids": [security_group_id]},
            logging_config={"log_format": "JSON", "log_group": group.name},
            # Lambda makes the network interfaces with the role, before the function is there. Who has the function's
            # name may call it at once, and the first secret does.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed, way_out, *args.after]),
        )
        # Not a secret's ARN: with one, the function could rotate that secret alone (AWS Secrets Manager User Guide,
        # "Lambda rotation function execution role permissions").
        aws.lambda_.Permission(
            self._name,
            function=function.name,
            action="lambda:InvokeFunction",
            principal="secretsmanager.amazonaws.com",
            source_account=args.stack.account.id,
            opts=own,
        )
        self.function_arn, self.function_name, self.role_arn = function.arn, function.name, role.arn
        self.register_outputs({"functionArn": self.function_arn})

    def _group(self, args: RotatorArgs) -> tuple[pulumi.Output[str], pulumi.Resource]:
        own = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            self._name,
            vpc_id=args.vpc_id,
            description="The function that rotates secrets",
            tags={"Name": self._name},
            opts=own,
        )
        way_out = aws.vpc.SecurityGroupEgressRule(
            self._name,
            security_group_id=group.id,
            description="HTTPS to the interface endpoints",
            cidr_ipv4=args.vpc_cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=own,
        )
        return group.id, way_out

    def _role(
        self, args: RotatorArgs, group: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicyAttachment]:
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            self._name,
            description=f"Lets {self._name} write the values of the secrets {args.stack.name}/*.",
            assume_role_policy=document(
                allow("AssumedByLambda", principals={"Service": "lambda.amazonaws.com"}, actions="sts:AssumeRole")
            ),
            opts=own,
        )
        policy = aws.iam.Policy(
            self._name,
            description=f"Makes and rotates the values of the secrets {args.stack.name}/*.",
            policy=document(*_statements(self._name, args, group)),
            opts=own,
        )
        attached = aws.iam.RolePolicyAttachment(self._name, role=role.name, policy_arn=policy.arn, opts=own)
        return role, attached


def _statements(function: str, args: RotatorArgs, group: aws.cloudwatch.LogGroup) -> list[Statement]:
    account = args.stack.account
    through_secrets_manager = {"StringEquals": {"kms:ViaService": f"secretsmanager.{account.region}.amazonaws.com"}}
    # Lambda needs these for the interfaces; the function's own code never does ("Giving Lambda functions access to
    # resources in an Amazon VPC", security best practices).
    by_the_code = {"ArnEquals": {"lambda:SourceFunctionArn": account.arn("lambda", f"function:{function}")}}
    return [
        allow("Generate", actions="secretsmanager:GetRandomPassword", resources="*"),
        allow(
            "Rotate",
            actions=[
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            resources=account.arn("secretsmanager", f"secret:{args.stack.name}/*"),
        ),
        allow(
            "UseKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=args.key_arn,
            when=through_secrets_manager,
        ),
        allow(
            "Write",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=pulumi.Output.concat(group.arn, ":*"),
        ),
        allow("Interfaces", actions=INTERFACES, resources="*"),
        deny("NoInterfacesForCode", actions=INTERFACES, resources="*", when=by_the_code, principals=None),
    ]


def function_name(stack: str) -> str:
    """What a stack's rotator is called, in Lambda and elsewhere."""
    return f"{stack}-rotator"
