"""The table of rights (`docs/rights.yaml`), each line judged by all the policies that the program asks for."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from foundation.network.perimeter import Perimeter
from local.aws import iam
from tests.platform.mocked import ACCOUNT_ID, DEPLOYER, run_program, stack_settings
from tests.platform.project import PROJECT
from tests.platform.rights.account import ALL, OPEN, REGION, STACK, STRANGER, Account, filled, managed
from tests.platform.variants import MANY

TABLE = yaml.load((PROJECT / "docs" / "rights.yaml").read_text(), yaml.CSafeLoader)
OWN_KEYS = {"who", "may", "may-not", "to", "from", "through", "with", "of", "source"}
OUTSIDE = ("colleague", "deployer", "holder", "ordinary", "stranger", "service", "linked")
WITHOUT_POLICIES = ("break-glass",)
"""The roles that may nothing in AWS."""
MOVED_WITH_RESOURCE = ("secretsmanager", "sns", "sqs", "kms", "s3", "sts")
"""The services whose resources have policies."""


@cache
def account() -> Account:
    return Account(run_program(**MANY))


def lines() -> Iterator[Any]:
    for place, row in enumerate(TABLE):
        for element in ("may", "may-not"):
            for action in row.get(element, []):
                called = f"{place}-{row['who']} {element} {action} {row.get('to', '')}"
                yield pytest.param(row, action, element == "may", id=called)


def principal(who: str) -> tuple[iam.Principal, list[iam.Document], iam.Document | None]:
    """Whom a line means, with what its own account allows it."""
    kind, _, name = who.partition(" ")
    everything = [iam.parse(ALL, "everything")]
    if kind == "service":
        return iam.Principal(service=filled(name)), [], None
    if kind in ("colleague", "stranger"):
        owner = ACCOUNT_ID if kind == "colleague" else STRANGER
        return _session(owner, kind, f"role/{kind}"), everything, None
    if kind == "ordinary":
        return _session(ACCOUNT_ID, name, f"role/{name}"), [], None
    if who == "deployer":
        administers = [iam.parse(managed()["AdministratorAccess"], "AdministratorAccess")]
        return _session(ACCOUNT_ID, who, DEPLOYER.rpartition(":")[2]), administers, None
    if kind == "linked":
        return _session(ACCOUNT_ID, name.rpartition("/")[2], f"role/aws-service-role/{name}"), [], None
    if kind == "holder":
        name, beside, _ = name.partition(" with everything")
        policies = [account().own_policy(name), *(everything if beside else [])]
        return _session(ACCOUNT_ID, kind, "role/holder"), policies, None
    role = f"{STACK}-{who}"
    policies = list(account().role_policies(role))
    assert policies or who in WITHOUT_POLICIES, f"no role {role} with policies is asked for"
    return _session(ACCOUNT_ID, role, f"role/{role}"), policies, account().boundary(role)


def _session(owner: str, name: str, role: str) -> iam.Principal:
    arn = f"arn:aws:sts::{owner}:assumed-role/{name}/session"
    return iam.Principal(arn=arn, role_arn=f"arn:aws:iam::{owner}:{role}")


def judged(row: dict[str, Any], action: str) -> iam.Verdict:
    """The worst of the verdicts: through each endpoint that may lead there."""
    who, policies, boundary = principal(row["who"])
    owner = STRANGER if row.get("of") == "stranger" else ACCOUNT_ID
    resource = account().arn(row["to"]) if "to" in row else "*"
    keys: dict[str, Any] = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "aws:RequestedRegion": REGION}
    if "to" in row:
        keys["aws:ResourceAccount"] = owner
    keys["aws:ViaAWSService"] = str("through" in row).lower()
    if "through" in row:
        keys |= {"kms:ViaService": f"{row['through']}.{REGION}.amazonaws.com", "kms:CallerAccount": who.account}
    if action.startswith("kms:"):
        keys["kms:CallerAccount"] = who.account
    outside = row["who"].split()[0] in OUTSIDE or "through" in row
    within = row.get("from", "anywhere" if outside else "vpc") == "vpc"
    if within:
        keys["aws:SourceVpc"] = account().vpc_id
    for name, value in row.get("with", {}).items():
        keys[filled(name)] = account().arn(value) if isinstance(value, str) else value
    request = iam.Request(principal=who, action=action, resource=resource, account=owner, keys=keys)
    own = owner == ACCOUNT_ID and action.partition(":")[0] in MOVED_WITH_RESOURCE
    of_resource = (account().resource_policy(resource) if own else iam.parse(OPEN, "open")) if "to" in row else None
    # A role is passed with the call that needs it, by that service's endpoint.
    passed_to = row.get("with", {}).get("iam:PassedToService", "").partition(".")[0]
    endpoints = account().endpoints(f"{passed_to}:" if action == "iam:PassRole" else action) if within else []
    verdicts = [
        iam.evaluate(
            request,
            iam.Policies(
                identity=policies,
                boundary=boundary,
                resource=of_resource if own or owner == STRANGER else None,
                endpoint=endpoint,
                resource_decides=action.startswith(("kms:", "sts:Assume", "sts:Tag")),
            ),
        )
        for endpoint in endpoints or [None]
    ]
    return min(verdicts, key=lambda each: each.allowed)


@pytest.mark.parametrize(("row", "action", "wanted"), list(lines()))
def test_who_may_and_who_may_not(row: dict[str, Any], action: str, wanted: bool) -> None:
    assert row.keys() <= OWN_KEYS
    assert row["source"]
    verdict = judged(row, action)
    assert verdict.allowed is wanted, str(verdict)


def test_every_role_of_the_stack_stands_in_the_table() -> None:
    told = {row["who"] for row in TABLE}
    assert {"deployer", "colleague", "stranger"} <= told
    of_pods = {each.name.removeprefix(f"{STACK}-") for each in account().asked.of("iam/role:Role")}
    assert of_pods - told <= {"mlflow-monitoring"}


def test_every_role_of_a_pod_or_an_instance_is_held_to_the_vpc() -> None:
    """In whatever it may do through an endpoint, but for what an AWS service does for it."""
    denial = Perimeter(
        vpc_id=account().vpc_id, services=json.loads(stack_settings()["interfaceEndpoints"])
    ).only_from_within()
    works_within = {"pods.eks.amazonaws.com", "ec2.amazonaws.com"}
    held = {}
    for role in account().asked.of("iam/role:Role"):
        (trust,) = role.policy("assumeRolePolicy")
        if trust["Principal"].get("Service") in works_within:
            statements = [each for policy in account().role_policies(role.name) for each in policy.statements]
            held[role.name.removeprefix(f"{STACK}-")] = sum(each.name == denial["Sid"] for each in statements)
    assert {"node", "operators", "karpenter", "aws-node", "mlflow", "workspace-sepsis"} <= held.keys()
    assert held == dict.fromkeys(held, 1)
    for action in denial["Action"]:
        assert action.endswith(":*")
    assert {"kms:*", "ec2:*", "ecr:*", "s3:*", "eks-auth:*", "ssmmessages:*"} <= {*denial["Action"]}
