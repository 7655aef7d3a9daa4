"""Whatever is used while a stack is made is there by then: rights, ways to AWS's services, access to the cluster."""

from collections.abc import Iterator

import pytest

from foundation.network.endpoint_policies import IAM_PREFIXES
from tests.platform import extremes
from tests.platform.mocked import Made
from tests.platform.order import Order, Resource

pytestmark = pytest.mark.plan

STACK = f"parapet-{extremes.ENVIRONMENT}"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
RULES = ("vpc/securityGroupEgressRule:SecurityGroupEgressRule", "vpc/securityGroupIngressRule:SecurityGroupIngressRule")


@pytest.fixture(scope="module", params=[extremes.EVERYTHING, extremes.NOTHING], ids=["everything", "nothing"])
def order(request: pytest.FixtureRequest) -> Order:
    return Order.of(**request.param)


def missing(order: Order, each: Made, needed: set[Resource]) -> dict[Resource, set[Resource]]:
    absent = needed - order.before(each)
    return {(each.type, each.name): absent} if absent else {}


def endpoints(order: Order, actions: set[str]) -> set[Resource]:
    """The endpoints through which actions are called from within the VPC."""
    prefixes = {action.partition(":")[0] for action in actions}
    return {
        (ENDPOINT, each.name)
        for each in order.asked.of("ec2/vpcEndpoint:VpcEndpoint")
        if IAM_PREFIXES.get(name := each.inputs["serviceName"].split(".", 3)[3], name) in prefixes
    }


def rules_of(order: Order, groups: set[str]) -> set[Resource]:
    rules = [each for kind in RULES for each in order.asked.of(kind)]
    return {(each.type, each.name) for each in rules if each.inputs["securityGroupId"] in groups}


def allowed_actions(order: Order, role: str) -> Iterator[str]:
    """What the stack's own policies of a role allow."""
    attached = {each for _, each in order.attachments[role]}
    for policy in order.asked.of("iam/policy:Policy"):
        if policy.name in attached:
            for statement in policy.policy():
                if statement["Effect"] == "Allow":
                    actions = statement["Action"]
                    yield from [actions] if isinstance(actions, str) else actions


def test_a_role_has_its_rights_before_anything_takes_it(order: Order) -> None:
    using = [(each, order.roles_of(each)) for each in order.asked.managed()]
    assert {role for _, roles in using for role in roles} >= {name for name, own in order.attachments.items() if own}
    late: dict[Resource, set[Resource]] = {}
    for each, roles in using:
        for role in roles:
            late |= missing(order, each, order.attachments[role])
    assert late == {}


def test_a_function_reaches_all_that_it_may_call_before_it_is_called(order: Order) -> None:
    functions = {each.name: each for each in order.asked.of("lambda/function:Function")}
    invocations = order.asked.of("lambda/invocation:Invocation")
    assert {each.inputs["functionName"] for each in invocations} == set(functions)
    for each in invocations:
        function = functions[each.inputs["functionName"]]
        (role,) = order.roles_of(function)
        needed = endpoints(order, set(allowed_actions(order, role)))
        assert (ENDPOINT, f"{STACK}-endpoints-secretsmanager") in needed
        needed |= rules_of(order, {*function.inputs["vpcConfig"]["securityGroupIds"]})
        needed |= rules_of(order, group_of_endpoints(order)) | order.attachments[role]
        needed |= {("aws:cloudwatch/logGroup:LogGroup", f"{STACK}-rotator")}
        assert missing(order, each, needed) == {}


def group_of_endpoints(order: Order) -> set[str]:
    every = order.asked.of("ec2/vpcEndpoint:VpcEndpoint")
    return {group for each in every for group in each.inputs.get("securityGroupIds", [])}


def test_secrets_manager_may_call_a_function_before_it_is_told_to_rotate_with_it(order: Order) -> None:
    permissions = {(each.type, each.name) for each in order.asked.of("lambda/permission:Permission")}
    for each in order.asked.of("secretsmanager/secretRotation:SecretRotation"):
        assert missing(order, each, permissions) == {}


def test_a_node_finds_its_network_and_its_ways_to_aws(order: Order) -> None:
    """Or it waits for its cluster in vain, and the group fails after half an hour."""
    asked = order.asked
    kinds = ("ec2/vpcEndpoint:VpcEndpoint", "ec2/routeTableAssociation:RouteTableAssociation", "ec2/route:Route")
    needed = {(each.type, each.name) for kind in kinds for each in asked.of(kind)}
    needed |= rules_of(order, group_of_endpoints(order) | {f"{STACK}-nodes-id", f"{STACK}-control-plane-id"})
    needed -= rules_of(order, {f"{STACK}-nodes-id"}) & {*to_database(order), *to_database(order, MYSQL)}
    groups = asked.of("eks/nodeGroup:NodeGroup")
    assert groups
    for each in groups:
        assert missing(order, each, needed) == {}


POSTGRESQL, MYSQL = 5432, 3306


def to_database(order: Order, port: int = POSTGRESQL) -> list[Resource]:
    rules = [each for kind in RULES for each in order.asked.of(kind)]
    return [(each.type, each.name) for each in rules if each.inputs.get("fromPort") == port]


def test_the_mlflow_server_starts_where_it_reaches_its_database(order: Order) -> None:
    rules = set(to_database(order))
    assert len(rules) == 2
    for kind in ("batch/v1:Job", "apps/v1:Deployment"):
        pods = [each for each in order.asked.of(f"kubernetes:{kind}") if "-mlflow-" in each.name]
        assert pods
        for each in pods:
            assert missing(order, each, rules) == {}


def test_kubeflow_pipelines_starts_where_it_reaches_its_own_and_may_read_the_password(order: Order) -> None:
    rules = set(to_database(order, MYSQL))
    asked = order.asked.of("kubernetes:apps/v1:Deployment")
    pods = [each for each in asked if each.inputs["metadata"]["namespace"] == "kubeflow"]
    assert (len(pods), len(rules)) in ((4, 2), (0, 0))
    readers = {("aws:secretsmanager/secretPolicy:SecretPolicy", f"{STACK}-pipelines-database")}
    for each in pods:
        assert missing(order, each, rules | readers) == {}


def test_the_cluster_is_spoken_to_when_access_to_it_has_spread(order: Order) -> None:
    asked = order.asked
    access = {(each.type, each.name) for each in asked.of("eks/accessPolicyAssociation:AccessPolicyAssociation")}
    assert access
    networking = [each for each in asked.of("eks/addon:Addon") if "-networking-" in each.name]
    assert networking
    for each in networking:
        assert missing(order, each, access) == {}
    in_cluster = [each for each in asked.made if each.type.startswith("kubernetes:")]
    assert len(in_cluster) > 100
    for each in in_cluster:
        assert missing(order, each, {(add_on.type, add_on.name) for add_on in networking}) == {}


def test_what_leads_to_the_private_api_is_there_before_anything_in_the_cluster_and_after_it(order: Order) -> None:
    """By the host's tunnel `destroy` takes the cluster's objects away: in reverse, this is the order of a deletion."""
    asked = order.asked
    endpoints_of_tunnels = {
        (each.type, each.name)
        for each in asked.of("ec2/vpcEndpoint:VpcEndpoint")
        if each.inputs["serviceName"].rpartition(".")[2] in ("ssm", "ssmmessages")
    }
    needed = endpoints_of_tunnels | {(each.type, each.name) for each in asked.of("autoscaling/group:Group")}
    assert len(endpoints_of_tunnels) == 2
    for each in [each for each in asked.made if each.type.startswith("kubernetes:")]:
        assert missing(order, each, needed) == {}
