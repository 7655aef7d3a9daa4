"""Session Manager: the one way onto an instance, and the record of what was done there."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.log_group import log_group
from foundation.network.perimeter import Perimeter
from foundation.policy_document import Conditions, allow, deny, document
from foundation.stack import Stack

PREFERENCES: Final = "SSM-SessionManagerRunShell"
"""The document that a session takes which names none: the preferences of an account's Region."""
IDLE_MINUTES: Final = 20
LONGEST_MINUTES: Final = 480
ENDPOINTS: Final = ("kms", "logs", "ssm", "ssmmessages")
"""Without them nobody comes onto an instance of the VPC, or nothing of it would be logged.

The agent of today needs `ec2messages` no more, which newer Regions do not have (AWS Systems Manager User Guide,
Reference: ec2messages, ssmmessages, and other API operations).
"""
OF_A_SESSION: Final[Conditions] = {"StringLike": {"kms:EncryptionContext:aws:ssm:SessionId": "*"}}
"""What agent and plugin say of each key of a session, and nothing else does (amazon-ssm-agent, `BlockCipher`)."""


@dataclass(frozen=True, kw_only=True)
class SessionsArgs:
    stack: Stack
    preferences: bool
    """Whether the stack's document is that of the account's Region. Of the stacks there one can have it."""
    key_arn: pulumi.Input[str]
    """The key of the cluster class: what passes in a session is what nodes hold."""
    logs_key_arn: pulumi.Input[str]
    perimeter: Perimeter


class Sessions(pulumi.ComponentResource):
    """Every command of a session, and what it printed, as it happens, in an encrypted log kept as an audit record.

    The agent begins no session whose log it cannot see to be encrypted. Client and agent encrypt what passes with a key
    of the session's own, besides TLS. Who it was says CloudTrail, and the log stream's name; nobody has an account on
    an instance, so the agent's own user runs the shell. Port forwarding has nothing to log (AWS Systems Manager User
    Guide, "Enabling and disabling session logging"): CloudTrail has its start and its end.
    """

    document_name: pulumi.Output[str]
    document_arn: pulumi.Output[str]

    def __init__(self, name: str, args: SessionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Sessions", name, {"preferences": args.preferences}, opts)
        own = pulumi.ResourceOptions(parent=self)
        self._name = name
        log = log_group(args.stack, "sessions", key_arn=args.logs_key_arn, audit=True, parent=self)
        shell = aws.ssm.Document(
            f"{name}-sessions",
            name=document_name(name, preferences=args.preferences),
            document_type="Session",
            document_format="JSON",
            content=pulumi.Output.json_dumps(
                {
                    "schemaVersion": "1.0",
                    "description": f"Sessions on the instances of {name}: logged and encrypted.",
                    "sessionType": "Standard_Stream",
                    "inputs": {
                        "cloudWatchLogGroupName": log.name,
                        "cloudWatchEncryptionEnabled": True,
                        "cloudWatchStreamingEnabled": True,
                        "s3BucketName": "",
                        "s3KeyPrefix": "",
                        "s3EncryptionEnabled": True,
                        "kmsKeyId": args.key_arn,
                        "idleSessionTimeout": str(IDLE_MINUTES),
                        "maxSessionDuration": str(LONGEST_MINUTES),
                        "runAsEnabled": False,
                        "runAsDefaultUser": "",
                        "shellProfile": {"linux": "", "windows": ""},
                    },
                }
            ),
            opts=own,
        )
        self.document_name, self.document_arn = shell.name, shell.arn
        # AWS Systems Manager User Guide, "Create a custom IAM role for Session Manager", with the log group and the key
        # in place of every one.
        self._policy_arn = aws.iam.Policy(
            f"{name}-sessions",
            description=f"Lets an instance of {name} log its sessions and decrypt their keys, in its own network.",
            policy=document(
                allow(
                    "WriteSessions",
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=pulumi.Output.concat(log.arn, ":*"),
                ),
                # The agent looks whether the group is encrypted, and asks for it in the list of all.
                allow(
                    "SeeThatTheLogIsEncrypted",
                    actions="logs:DescribeLogGroups",
                    resources=args.stack.account.arn("logs", "log-group:*"),
                ),
                allow("KeysOfSessions", actions="kms:Decrypt", resources=args.key_arn, when=OF_A_SESSION),
                # AmazonSSMManagedInstanceCore lets an instance read every parameter of the account, and neither agent
                # nor node asks for one.
                deny("NoParameters", actions=["ssm:GetParameter*"], resources="*", principals=None),
                args.perimeter.only_from_within(),
            ),
            opts=own,
        ).arn
        self.register_outputs({"documentName": self.document_name})

    def on(self, which: str, role_name: pulumi.Input[str]) -> pulumi.Resource:
        """Let the instances of a role have sessions, which Systems Manager's own policy for instances does not.

        All that the role may do is held to the VPC."""
        return aws.iam.RolePolicyAttachment(
            f"{self._name}-{which}-sessions",
            role=role_name,
            policy_arn=self._policy_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )


def document_name(stack: str, *, preferences: bool) -> str:
    """Which document a stack's sessions take."""
    return PREFERENCES if preferences else f"{stack}-sessions"
