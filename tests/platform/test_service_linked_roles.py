"""The roles that AWS services act through: there before a key's policy names them, and never changed nor deleted."""

from typing import Any

import pytest

from foundation.service_linked_roles import AUTO_SCALING, SPOT
from tests.local.aws.conftest import LocalAws, Stack, local_aws, moto, stack  # noqa: F401
from tests.platform.project import PROJECT
from tests.platform.variants import run_with

SPOT_GROUP = {"name": "g", "instanceTypes": ["g6.xlarge"], "max": 1, "capacity": "spot"}
PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT / "platform")!r})
from foundation.account import Account
from foundation.service_linked_roles import AUTO_SCALING, SPOT, ServiceLinkedRoles, ServiceLinkedRolesArgs
from foundation.stack import Stack
provider = aws.Provider("p", region="us-east-1", default_tags={{"tags": {{"Owner": "us"}}}})
account = Account.read(3, pulumi.InvokeOptions(provider=provider))
stack = Stack(name="mine", owner="us", account=account, images={{}}, tags={{}}, audit_retention_years=6,
    log_retention_days=400, protect=False)
ServiceLinkedRoles("mine", ServiceLinkedRolesArgs(stack=stack, roles=[AUTO_SCALING, SPOT]),
    pulumi.ResourceOptions(providers=[provider]))
"""


def linked(local_aws: LocalAws) -> dict[str, Any]:  # noqa: F811
    roles = local_aws.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]
    return {each["Arn"].split(":role")[1]: each for each in roles}


@pytest.mark.parametrize("spot", [False, True])
def test_a_role_that_a_keys_policy_names_is_made_where_the_account_lacks_it(spot: bool) -> None:
    recorded = run_with(gpuGroups=[SPOT_GROUP] if spot else [])
    made = {each.inputs["awsServiceName"] for each in recorded.of("iam/serviceLinkedRole:ServiceLinkedRole")}
    assert made == {role.service for role in ((AUTO_SCALING, SPOT) if spot else (AUTO_SCALING,))}


def test_every_service_linked_role_that_a_policy_names_as_a_principal_is_one_that_the_stack_makes_sure_of() -> None:
    recorded = run_with(gpuGroups=[SPOT_GROUP])
    sure = {each.inputs["awsServiceName"] for each in recorded.of("iam/serviceLinkedRole:ServiceLinkedRole")}
    named: set[str] = set()
    for resource in recorded.managed():
        for key in ("policy", "assumeRolePolicy"):
            if isinstance(resource.inputs.get(key), str) and "Statement" in resource.inputs[key]:
                for statement in resource.policy(key):
                    principals = statement.get("Principal", {})
                    arns = principals.get("AWS", []) if isinstance(principals, dict) else []
                    for arn in [arns] if isinstance(arns, str) else arns:
                        if ":role/aws-service-role/" in arn:
                            named.add(arn.split("/")[2])
    assert named == sure


@pytest.mark.engine
@pytest.mark.xdist_group("service-linked-roles")
def test_missing_roles_are_made_found_ones_taken_as_they_are_and_none_is_ever_deleted(
    stack: Stack,  # noqa: F811
    local_aws: LocalAws,  # noqa: F811
) -> None:
    iam = local_aws.client("iam")
    iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", Description="somebody's")
    stack.program(PROGRAM)
    assert "will fail" not in stack.run("preview")
    stack.settle()
    both = {f"/aws-service-role/{role.service}/{role.name}" for role in (AUTO_SCALING, SPOT)}
    roles = linked(local_aws)
    assert set(roles) == both
    assert roles[f"/aws-service-role/{AUTO_SCALING.service}/{AUTO_SCALING.name}"]["Description"] == "somebody's"
    assert not iam.list_role_tags(RoleName=AUTO_SCALING.name)["Tags"]
    # A changed tag of the provider's is no reason to touch what other stacks use too.
    stack.program(PROGRAM.replace('"Owner": "us"', '"Owner": "them"'))
    stack.settle()
    assert not iam.list_role_tags(RoleName=AUTO_SCALING.name)["Tags"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert set(linked(local_aws)) == both
    stack.settle()  # finds both, one of its own making
    assert set(linked(local_aws)) == both
