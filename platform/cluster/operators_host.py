"""The operators' way to the private Kubernetes API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws

from cluster.launch_template import Alone, LaunchTemplateArgs, launch_template
from cluster.operators_policy import OperatorsPolicyArgs, mark, operators_policy
from cluster.sessions import Sessions
from foundation import data_class
from foundation.data_class import DataClass
from foundation.policy_document import allow, document
from foundation.stack import Stack

INSTANCE_TYPE: Final = "t4g.micro"
IMAGE: Final = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
"""Looked up at each launch (Amazon EC2 Auto Scaling User Guide, "Use AWS Systems Manager parameters instead of AMI
IDs")."""
VOLUME_GIB: Final = 8
NO_ROOT: Final = "\n".join(
    (
        "#!/bin/sh",
        "set -eu",
        # The agent writes a rule of its own for sudo unless the file is there (aws/amazon-ssm-agent,
        # agent/session/utility/utility_unix.go); the image's is for a user that nobody should become.
        "umask 0227",
        "printf '# No rule: what root does, no log of a session keeps.\\n' > /etc/sudoers.d/ssm-agent-users",
        "rm -f /etc/sudoers.d/90-cloud-init-users",
        "id ssm-user > /dev/null 2>&1 || useradd -m ssm-user",
        # Behind a forwarded port it would be a way in that is not logged.
        "systemctl mask --now sshd.service",
        "",
    )
)
LONGEST_LIFE: Final = 7 * 24 * 3600  # seconds


@dataclass(frozen=True, kw_only=True)
class OperatorsHostArgs:
    stack: Stack
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    control_plane_security_group_id: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    api_endpoint: pulumi.Input[str]
    """Where the Kubernetes API is, as a URL."""
    key_arn: pulumi.Input[str]
    """The key of the cluster class."""
    sessions: Sessions


class OperatorsHost(pulumi.ComponentResource):
    """One small instance that Session Manager reaches and that reaches the Kubernetes API: no key, no open port.

    It comes to Systems Manager by itself, through the endpoints, and speaks HTTPS within the VPC to nothing else. It
    holds nothing and has no right on the cluster: who tunnels through it brings credentials of their own. Nobody on it
    becomes root, who could take out of a session's log what it did. Within a week it is replaced by one of the newest
    image, in whatever zone is up. Whoever is to come to it gets the policy of `policy_arn` (`operators_policy.py`).
    """

    policy_arn: pulumi.Output[str]

    def __init__(self, name: str, args: OperatorsHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:OperatorsHost", name, {"instanceType": INSTANCE_TYPE}, opts)
        host = group_name(name)
        profile, allowed = self._role(host, args)
        template = launch_template(
            host,
            LaunchTemplateArgs(
                stack=args.stack,
                security_group_id=self._security_group(host, args),
                key_arn=args.key_arn,
                alone=Alone(
                    image=IMAGE,
                    instance_type=INSTANCE_TYPE,
                    instance_profile=profile.name,
                    volume_gib=VOLUME_GIB,
                    user_data=NO_ROOT,
                    tags=mark(name),
                ),
            ),
            self,
        )
        tags = {"Name": host, **args.stack.tags, **data_class.tags(DataClass.CLUSTER)}
        aws.autoscaling.Group(
            host,
            name=host,
            min_size=1,
            max_size=1,
            vpc_zone_identifiers=args.subnet_ids,
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            max_instance_lifetime=LONGEST_LIFE,
            # The template's tags are the instance's; these are the group's.
            tags=[{"key": key, "value": value, "propagate_at_launch": False} for key, value in tags.items()],
            opts=pulumi.ResourceOptions(parent=self, depends_on=allowed),
        )
        self.policy_arn = operators_policy(
            name,
            OperatorsPolicyArgs(
                stack=args.stack,
                cluster_arn=args.cluster_arn,
                key_arn=args.key_arn,
                document_arns=[args.sessions.document_arn, self._to_the_api(name, args)],
            ),
            self,
        ).arn
        self.register_outputs({})

    def _to_the_api(self, name: str, args: OperatorsHostArgs) -> pulumi.Output[str]:
        """A document whose sessions lead to the Kubernetes API alone: AWS's own lead wherever the caller says."""
        api = pulumi.Output.from_input(args.api_endpoint).apply(lambda url: urlsplit(url).hostname or "")
        content = {
            "schemaVersion": "1.0",
            "description": f"Leads a port of a workstation to the Kubernetes API of {name}.",
            "sessionType": "Port",
            "parameters": {
                "localPortNumber": {
                    "type": "String",
                    "description": "The port of the workstation; 0 for one that is free.",
                    "allowedPattern": "^[0-9]{1,5}$",
                    "default": "0",
                }
            },
            "properties": {
                "type": "LocalPortForwarding",
                "host": api,
                "portNumber": "443",
                "localPortNumber": "{{ localPortNumber }}",
            },
        }
        return aws.ssm.Document(
            api_document(name),
            name=api_document(name),
            document_type="Session",
            document_format="JSON",
            content=pulumi.Output.json_dumps(content),
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _security_group(self, host: str, args: OperatorsHostArgs) -> pulumi.Output[str]:
        own = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            host,
            vpc_id=args.vpc_id,
            description="The host of the operators, to which nothing opens a connection",
            tags={"Name": host},
            opts=own,
        )
        aws.vpc.SecurityGroupEgressRule(
            host,
            security_group_id=group.id,
            description="HTTPS to the interface endpoints and the Kubernetes API",
            cidr_ipv4=args.vpc_cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            host,
            security_group_id=args.control_plane_security_group_id,
            referenced_security_group_id=group.id,
            description="The Kubernetes API to the host of the operators",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=own,
        )
        return group.id

    def _role(self, host: str, args: OperatorsHostArgs) -> tuple[aws.iam.InstanceProfile, list[pulumi.Resource]]:
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            host,
            description="Lets the operators' host be reached through Session Manager.",
            assume_role_policy=document(
                allow("AssumedByEc2", principals={"Service": "ec2.amazonaws.com"}, actions="sts:AssumeRole")
            ),
            opts=own,
        )
        managed = aws.iam.RolePolicyAttachment(
            host,
            role=role.name,
            policy_arn=args.stack.account.managed_policy("AmazonSSMManagedInstanceCore"),
            opts=own,
        )
        profile = aws.iam.InstanceProfile(host, role=role.name, opts=own)
        return profile, [managed, args.sessions.on("operators", role.name)]


def api_document(stack: str) -> str:
    """The session document that leads to the Kubernetes API of a stack."""
    return f"{stack}-kubernetes-api"


def group_name(stack: str) -> str:
    """The Auto Scaling group that keeps the host of a stack alive, by which it is found."""
    return f"{stack}-operators"
