"""Service-linked roles: called as AWS calls them, and one of each in an account."""

from typing import Final

from moto.iam import models
from moto.iam.exceptions import EntityAlreadyExists, InvalidInput
from moto.iam.models import IAMBackend, Role

from local.aws.api.mending import replace

NAMES: Final = {
    "eks": "AmazonEKS",
    "eks-nodegroup": "AmazonEKSNodegroup",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "rds": "RDS",
    "spot": "EC2Spot",
}
"""What follows `AWSServiceRoleFor` in a role's name, by the service, where that is another word."""

_create = IAMBackend.create_service_linked_role


def create_service_linked_role(backend: IAMBackend, service_name: str, description: str, suffix: str) -> Role:
    """Make the role, or say in AWS's words that the account has it."""
    try:
        return _create(backend, service_name, description, suffix)
    except EntityAlreadyExists as error:
        name = str(error.message).split()[3]
        raise InvalidInput(
            f"Service role name {name} has been taken in this account, please try a different suffix."
        ) from None


def mend() -> None:
    """moto knows three services' names only."""
    models.SERVICE_NAME_CONVERSION.update(NAMES)
    replace(IAMBackend, "create_service_linked_role", create_service_linked_role)
