"""What a setting on who comes in, and to what, may be."""

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic.alias_generators import to_snake

from cluster.break_glass import BreakGlass
from cluster.workspace import Workspace
from role_arn import RoleArn
from setting_errors import refusal
from setting_types.common import distinct, each_another, of_the_account, parsed

MAX_WORKSPACES: Final = 40
"""Each has a namespace with its policies, a role and some thirty objects."""
MAX_MODEL_PROMOTERS: Final = 20
MAX_PRIVACY_OFFICERS: Final = 5
"""The policy of the secrets' key names them too, beside readers (`services.MAX_READERS`)."""


def _somebody(administrators: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    # The local control plane has an administrator of its own, and IAM does not know it.
    if not administrators and not info.data.get("local_aws", True):
        raise ValueError
    return administrators


def _of_the_stack(arns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    # IAM, EKS and KMS would take it, and let in nobody.
    account = info.data.get("allowed_account_id", "")
    for index, arn in enumerate(arns):
        if account and arn.split(":")[4] != account:
            raise refusal(f"[{index}]", arn, f"one of the account {account}, which parapet:allowedAccountId names")
    return arns


def _taken_here(grants: tuple[BreakGlass, ...], info: ValidationInfo) -> tuple[BreakGlass, ...]:
    for index, grant in enumerate(grants):
        of_the_account(f"[{index}].roles", grant.roles, info)
    return grants


def _no_administrator(roles: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    for place, arn in enumerate(roles):
        if arn in info.data.get("cluster_administrators", ()):
            allowed = "none of clusterAdministrators: EKS takes one access entry for a principal"
            raise refusal(f"[{place}]", arn, allowed)
    return roles


def _no_key_administrator(roles: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    for place, arn in enumerate(roles):
        if arn in info.data.get("key_administrators", ()):
            raise refusal(f"[{place}]", arn, "none of keyAdministrators: who administers a key does not use it")
    return roles


def _of_people(workspaces: tuple[Workspace, ...], info: ValidationInfo) -> tuple[Workspace, ...]:
    apart = {
        "clusterAdministrators": "who may do everything needs none",
        "platformOperatorRoles": "who keeps the platform up starts no workloads",
        "auditorRoles": "who looks on starts none",
    }
    for index, workspace in enumerate(workspaces):
        of_the_account(f"[{index}].people", workspace.people, info)
        for place, arn in enumerate(workspace.people):
            for setting, why in apart.items():
                if arn in info.data.get(to_snake(setting), ()):
                    allowed = f"none of {setting}: {why}; let people assume another IAM role"
                    raise refusal(f"[{index}].people[{place}]", arn, allowed)
    return workspaces


def _within_the_groups(workspaces: tuple[Workspace, ...], info: ValidationInfo) -> tuple[Workspace, ...]:
    if "gpu_groups" not in info.data:
        return workspaces
    most = sum(group.max * group.schedulable_gpus for group in info.data["gpu_groups"])
    for index, workspace in enumerate(workspaces):
        if workspace.gpus > most:
            raise refusal(f"[{index}].gpus", workspace.gpus, f"at most {most}, to which all gpuGroups can grow")
    return workspaces


AdministratorArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws(-[a-z]+)*:iam::\d{12}:(role|user)/[\w+=,.@/-]+$",
        description="the ARN of an IAM role or user, such as arn:aws:iam::111122223333:role/key-administrator",
    ),
]
Administrators = Annotated[
    tuple[AdministratorArn, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    AfterValidator(_of_the_stack),
    Field(description="a list of ARNs of IAM roles and users, each once"),
]
ClusterAdministrators = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    AfterValidator(_of_the_stack),
    AfterValidator(_somebody),
    Field(
        description="a list of ARNs of IAM roles, each once, the deploying role among them: "
        "without one nobody, not even this program, could reach the cluster"
    ),
]
Roles = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    AfterValidator(_of_the_stack),
    AfterValidator(_no_administrator),
    Field(description="a list of ARNs of IAM roles, each once"),
]
OneBreakGlass = Annotated[BreakGlass, Field(description="an object with roles and notify")]
BreakGlassGrants = Annotated[
    tuple[OneBreakGlass, ...],
    BeforeValidator(parsed),
    AfterValidator(_taken_here),
    Field(max_length=1, description="a list of one object, or of none"),
]
ModelPromoters = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    AfterValidator(_of_the_stack),
    AfterValidator(_no_key_administrator),
    Field(
        max_length=MAX_MODEL_PROMOTERS,
        description=f"a list of at most {MAX_MODEL_PROMOTERS} ARNs of IAM roles, each once",
    ),
]
PrivacyOfficers = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    AfterValidator(_of_the_stack),
    Field(max_length=MAX_PRIVACY_OFFICERS, description=f"a list of at most {MAX_PRIVACY_OFFICERS} ARNs of IAM roles"),
]
OneWorkspace = Annotated[Workspace, Field(description="an object with name and people, at least")]
Workspaces = Annotated[
    tuple[OneWorkspace, ...],
    BeforeValidator(parsed),
    AfterValidator(each_another("name")),
    AfterValidator(_of_people),
    AfterValidator(_within_the_groups),
    Field(max_length=MAX_WORKSPACES, description=f"a list of at most {MAX_WORKSPACES} workspaces, each an object"),
]
