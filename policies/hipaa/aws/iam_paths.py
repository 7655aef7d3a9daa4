"""Ways by which rights become more rights: which actions together give their holder what it was not given.

Source: Rhino Security Labs, "AWS IAM Privilege Escalation: Methods and Mitigation"; Bishop Fox, "IAM Vulnerable";
Datadog, "pathfinding.cloud"; read on 2026-11-30.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Path:
    """What it comes to, and the actions that it takes, each on something that the policy does not name."""

    comes_to: str
    actions: tuple[str, ...]
    passed: str = ""
    """The service that a role is passed to, where `iam:PassRole` is among the actions."""


UPON_ITSELF = {
    "role": ("iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary"),
    "user": ("iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:DeleteUserPermissionsBoundary"),
    "group": ("iam:PutGroupPolicy", "iam:AttachGroupPolicy"),
    "policy": ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
}
"""What gives more rights to whoever may do it to the role, user, group or policy by which they may."""


def _alone(action: str, comes_to: str) -> Path:
    return Path(comes_to, (action,))


def _passing(service: str, comes_to: str, *actions: str) -> Path:
    return Path(comes_to, ("iam:PassRole", *actions), f"{service}.amazonaws.com")


PATHS = (
    _alone("iam:CreatePolicyVersion", "rewriting a policy that it is itself under"),
    _alone("iam:SetDefaultPolicyVersion", "bringing an older, wider version of a policy back"),
    _alone("iam:AttachRolePolicy", "giving a role any policy"),
    _alone("iam:AttachUserPolicy", "giving a user any policy"),
    _alone("iam:AttachGroupPolicy", "giving a group any policy"),
    _alone("iam:PutRolePolicy", "writing a role any policy"),
    _alone("iam:PutUserPolicy", "writing a user any policy"),
    _alone("iam:PutGroupPolicy", "writing a group any policy"),
    _alone("iam:UpdateAssumeRolePolicy", "letting itself into any role"),
    _alone("iam:AddUserToGroup", "joining any group"),
    _alone("iam:CreateAccessKey", "making keys of other users"),
    _alone("iam:CreateLoginProfile", "setting other users a password"),
    _alone("iam:UpdateLoginProfile", "changing other users' passwords"),
    _alone("iam:DeactivateMFADevice", "taking other users' second factor away"),
    _alone("iam:DeleteRolePermissionsBoundary", "taking a role's boundary away"),
    _alone("iam:DeleteUserPermissionsBoundary", "taking a user's boundary away"),
    _alone("sts:AssumeRole", "taking any role that trusts the account"),
    _alone("lambda:UpdateFunctionCode", "running its own code under any function's role"),
    _alone("lambda:UpdateFunctionConfiguration", "slipping a layer under any function's code"),
    _alone("glue:UpdateDevEndpoint", "entering an endpoint that has a role"),
    _alone("sagemaker:CreatePresignedNotebookInstanceUrl", "entering a notebook that has a role"),
    _alone("ssm:SendCommand", "running commands on any instance, under its role"),
    _alone("ssm:StartSession", "a shell on any instance, under its role"),
    _alone("ec2-instance-connect:SendSSHPublicKey", "a log-in to any instance"),
    _alone("cloudformation:UpdateStack", "changing any stack under that stack's role"),
    _alone("codebuild:UpdateProject", "running its own build under any project's role"),
    _alone("ecs:ExecuteCommand", "a shell in any task, under its role"),
    _alone("kms:PutKeyPolicy", "letting itself use any key"),
    _alone("sso:PutInlinePolicyToPermissionSet", "writing any permission set a policy"),
    _alone("sso:AttachManagedPolicyToPermissionSet", "giving any permission set any policy"),
    _alone("sso:CreateAccountAssignment", "giving anybody any permission set in any account"),
    _alone("iam:UpdateSAMLProvider", "signing in itself whoever takes a role by SAML"),
    Path("administering any cluster", ("eks:CreateAccessEntry", "eks:AssociateAccessPolicy")),
    _passing("ec2", "an instance with any role", "ec2:RunInstances"),
    _passing("lambda", "a function with any role", "lambda:CreateFunction"),
    _passing("glue", "a Glue job with any role", "glue:CreateJob"),
    _passing("glue", "a Glue job of others with any role", "glue:UpdateJob"),
    _passing("elasticmapreduce", "a cluster of EMR with any role", "elasticmapreduce:RunJobFlow"),
    _passing("ec2", "any role for an instance that runs", "ec2:AssociateIamInstanceProfile"),
    _passing("glue", "a Glue endpoint with any role", "glue:CreateDevEndpoint"),
    _passing("sagemaker", "a notebook with any role", "sagemaker:CreateNotebookInstance"),
    _passing("sagemaker", "a training job with any role", "sagemaker:CreateTrainingJob"),
    _passing("sagemaker", "a processing job with any role", "sagemaker:CreateProcessingJob"),
    _passing("cloudformation", "a stack with any role", "cloudformation:CreateStack"),
    _passing("codebuild", "a build with any role", "codebuild:CreateProject"),
    _passing("ecs-tasks", "a task with any role", "ecs:RegisterTaskDefinition", "ecs:RunTask"),
    _passing("datapipeline", "a pipeline with any role", "datapipeline:CreatePipeline"),
    _passing("states", "a state machine with any role", "states:CreateStateMachine"),
    _passing("ssm", "an automation with any role", "ssm:StartAutomationExecution"),
    _passing("apprunner", "a service with any role", "apprunner:CreateService"),
    _passing("batch", "a batch job with any role", "batch:RegisterJobDefinition", "batch:SubmitJob"),
    _passing("bedrock-agentcore", "an agent's tool with any role", "bedrock-agentcore:CreateCodeInterpreter"),
)
