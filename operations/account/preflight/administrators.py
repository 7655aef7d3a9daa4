"""Whether those whom the settings name are there, and the deploying role is an administrator of the cluster.

EKS, KMS and Secrets Manager refuse an access entry or a policy that names a principal which does not exist.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from botocore.exceptions import ClientError

from operations.account.access import code
from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "administrators"
SETTING: Final = "parapet:clusterAdministrators"


def check(account: Account) -> Iterator[Finding]:
    iam = account.access.client("iam")
    absent: list[str] = []
    for arn in _named(account):
        kind, _, path = arn.split(":")[5].partition("/")
        name = path.rpartition("/")[2]
        try:
            found = iam.get_role(RoleName=name)["Role"] if kind == "role" else iam.get_user(UserName=name)["User"]
        except ClientError as error:
            if code(error) != "NoSuchEntity":
                raise
            found = {"Arn": ""}
        if found["Arn"] != arn:
            absent.append(arn)
            yield to_do(ABOUT, f"{arn} does not exist: make it, or take it out of the settings")
    deployer = _role(account)
    if deployer is None:
        yield to_do(
            ABOUT, f"{account.access.caller} is no role, and the cluster's administrators are roles: assume one of them"
        )
    elif deployer not in account.settings.cluster_administrators:
        yield to_do(ABOUT, f"{deployer}, by which you are signed in, is not among them: add it to {SETTING}")
    elif not absent:
        yield ok(ABOUT, f"{', '.join(account.settings.cluster_administrators)}; you are signed in by {deployer}")


def _named(account: Account) -> Iterable[str]:
    """Everybody whom a policy or an access entry will name, each once."""
    settings = account.settings
    people = (reader for user in settings.mlflow_users for reader in user.readers)
    in_cluster = (arn for roles in settings.principals.values() for arn in roles)
    spaces = (arn for workspace in settings.workspaces for arn in workspace.people)
    named = (
        *settings.cluster_administrators,
        *settings.key_administrators,
        *settings.privacy_officers,
        *settings.model_promoter_roles,
    )
    return dict.fromkeys((*named, *in_cluster, *spaces, *people))


def _role(account: Account) -> str | None:
    """The ARN of the role by which the caller is signed in. A session's own ARN lacks the role's path."""
    _, _, service, _, _, resource = account.access.caller.split(":", 5)
    if service != "sts" or not resource.startswith("assumed-role/"):
        return None
    name = resource.split("/")[1]
    found: str = account.access.client("iam").get_role(RoleName=name)["Role"]["Arn"]
    return found
