"""Amazon VPCs and endpoints with the resources that complete them: flow logs, query logs, closed defaults, policies."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_AUDIT, PROPOSED_PORTS
from hipaa.aws.s3 import policy
from hipaa.aws.vpc import DEFAULT_SECURITY_GROUP, FLOW_LOG
from hipaa.facts import fact
from hipaa.iam.document import NONE, document
from hipaa.iam.judging import answer
from hipaa.iam.questions import leaves
from hipaa.iam.services import of_endpoint, takes_no_policy
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

VPC = ("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
ENDPOINT_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
QUERY_LOG_ASSOCIATION = "aws:route53/resolverQueryLogConfigAssociation:ResolverQueryLogConfigAssociation"

_VPC = Resource(VPC[0], {"id": "vpc-1a2b3c4d", "cidrBlock": "10.0.0.0/16"}, name="main")
_NEW_VPC = Resource(VPC[0], {"id": UNKNOWN, "cidrBlock": "10.0.0.0/16"}, name="main")


def _made_from(vpc: Resource, type_: str, by: str) -> Resource:
    """A companion in an example, whose VPC does not exist yet."""
    return Resource(type_, {by: UNKNOWN}, sources={by: [vpc.urn]})


@stack_rule(
    "vpc-records-flow-logs",
    on=VPC,
    severity=HIGH,
    fix="Add a FlowLog with vpc_id of the VPC.",
    sound=[[_VPC, Resource(FLOW_LOG, {"vpcId": "vpc-1a2b3c4d"})], [_NEW_VPC, _made_from(_NEW_VPC, FLOW_LOG, "vpcId")]],
    unsound=[
        [_VPC],
        [_VPC, Resource(FLOW_LOG, {"vpcId": "vpc-another"})],
        [_VPC, Resource(FLOW_LOG, {"subnetId": "subnet-1a2b3c4d"})],
    ],
)
def vpc_records_flow_logs(vpc: Resource, stack: Stack) -> Verdict:
    """A VPC records who spoke to whom, over all its network interfaces."""
    return Verdict() if stack.companions(vpc, FLOW_LOG, by="vpcId") else violation("no FlowLog is there for this VPC")


@stack_rule(
    "vpc-closes-its-default-security-group",
    on=VPC,
    severity=HIGH,
    advisory="nothing is in the default group unless the program puts it there, and it lets only its own members in",
    proposed=PROPOSED_PORTS,
    fix="Add a DefaultSecurityGroup with vpc_id of the VPC and no rules.",
    sound=[
        [_VPC, Resource(DEFAULT_SECURITY_GROUP, {"vpcId": "vpc-1a2b3c4d"})],
        [_NEW_VPC, _made_from(_NEW_VPC, DEFAULT_SECURITY_GROUP, "vpcId")],
    ],
    unsound=[[_VPC], [_VPC, Resource(DEFAULT_SECURITY_GROUP, {"vpcId": "vpc-another"})]],
)
def vpc_closes_its_default_security_group(vpc: Resource, stack: Stack) -> Verdict:
    """A VPC's default security group, which AWS opens to its own members and to the internet, is taken in hand.

    That it is closed then is another rule: default-security-group-is-closed.
    """
    if stack.companions(vpc, DEFAULT_SECURITY_GROUP, by="vpcId"):
        return Verdict()
    return violation("no DefaultSecurityGroup is there for this VPC")


@stack_rule(
    "vpc-records-dns-queries",
    on=VPC,
    severity=MEDIUM,
    advisory="164.312(b) asks for a record of activity, which flow logs are; the names asked for are more",
    proposed=PROPOSED_AUDIT,
    fix="Add a ResolverQueryLogConfig, and a ResolverQueryLogConfigAssociation with resource_id of the VPC.",
    sound=[
        [_VPC, Resource(QUERY_LOG_ASSOCIATION, {"resourceId": "vpc-1a2b3c4d"})],
        [_NEW_VPC, _made_from(_NEW_VPC, QUERY_LOG_ASSOCIATION, "resourceId")],
    ],
    unsound=[[_VPC], [_VPC, Resource(QUERY_LOG_ASSOCIATION, {"resourceId": "vpc-another"})]],
)
def vpc_records_dns_queries(vpc: Resource, stack: Stack) -> Verdict:
    """A VPC records the names that are looked up in it: where data that leaves is often seen first."""
    if stack.companions(vpc, QUERY_LOG_ASSOCIATION, by="resourceId"):
        return Verdict()
    return violation("no ResolverQueryLogConfigAssociation is there for this VPC")


def _endpoint(properties: dict[str, Any], id_: str = "vpce-1a2b3c4d") -> Resource:
    return Resource(ENDPOINT, {"id": id_, "serviceName": "com.amazonaws.us-east-1.s3"} | properties)


def _allow(**elements: Any) -> dict[str, str]:
    return policy({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"} | elements)


_SSM = "com.amazonaws.us-east-1.ssmmessages"
_OWN_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}


@stack_rule(
    "vpc-endpoint-limits-access",
    on=ENDPOINT,
    severity=HIGH,
    fix="Set policy to one that bounds the principals (aws:PrincipalAccount) or the resources (aws:ResourceAccount).",
    sound=[
        [_endpoint(_allow(Condition=_OWN_ACCOUNT))],
        [_endpoint(_allow(Action="s3:GetObject", Resource="arn:aws:s3:::data/*"))],
        [_endpoint(_allow(Condition={"StringEquals": {"aws:ResourceAccount": "111122223333"}}))],
        [_endpoint({}), Resource(ENDPOINT_POLICY, {"vpcEndpointId": "vpce-1a2b3c4d"} | _allow(Condition=_OWN_ACCOUNT))],
        [_endpoint({"vpcEndpointType": "GatewayLoadBalancer"})],
        [_endpoint({"vpcEndpointType": "Interface", "serviceName": "com.amazonaws.us-east-1.email-smtp"})],
        [_endpoint({"vpcEndpointType": "Interface", "serviceName": "com.amazonaws.us-east-1.ssmmessages"})],
        [_endpoint(_allow(Principal={"AWS": "arn:aws:iam::111122223333:root"}))],
        [_endpoint(_allow(Condition={"StringEqualsIfExists": {"aws:ResourceAccount": "111122223333"}}))],
    ],
    unsound=[
        [_endpoint({})],
        [_endpoint({"policy": UNKNOWN})],
        [_endpoint(_allow())],
        [_endpoint(_allow(Resource="arn:aws:s3:::*"))],
        [_endpoint(_allow(Resource=["arn:aws:s3:::*", "arn:aws:s3:::*/*"], Action="S3:Put*"))],
        [_endpoint(_allow(Resource=None, NotResource="arn:aws:s3:::vault/*"))],
        [_endpoint(_allow(Condition={"StringLike": {"aws:ResourceAccount": "*"}}))],
        [_endpoint(_allow(Condition={"Bool": {"aws:SecureTransport": "true"}}))],
        [_endpoint({}), Resource(ENDPOINT_POLICY, {"vpcEndpointId": "vpce-1a2b3c4d"} | _allow())],
        [_endpoint({}), Resource(ENDPOINT_POLICY, {"vpcEndpointId": "vpce-another"} | _allow(Condition=_OWN_ACCOUNT))],
    ],
)
def vpc_endpoint_limits_access(endpoint: Resource, stack: Stack) -> Verdict:
    """An endpoint to where data is kept bounds who may use it, or on whose resources: else it leaves to any account."""
    return _limits(endpoint, stack, of_stores=True)


@stack_rule(
    "vpc-endpoint-limits-calls",
    on=ENDPOINT,
    severity=LOW,
    advisory="IAM decides who may call the service (164.312(a)(1)), and nothing is kept there that could be taken away",
    fix="Set policy to one that bounds the principals (aws:PrincipalAccount) or the resources (aws:ResourceAccount).",
    sound=[
        [_endpoint({"vpcEndpointType": "Interface", "serviceName": _SSM} | _allow(Condition=_OWN_ACCOUNT))],
        [_endpoint({})],
        [_endpoint({"vpcEndpointType": "Interface", "serviceName": "com.amazonaws.us-east-1.email-smtp"})],
    ],
    unsound=[
        [_endpoint({"vpcEndpointType": "Interface", "serviceName": _SSM})],
        [_endpoint({"vpcEndpointType": "Interface", "serviceName": _SSM} | _allow())],
    ],
)
def vpc_endpoint_limits_calls(endpoint: Resource, stack: Stack) -> Verdict:
    """An endpoint to a service that keeps no data of a caller's choice bounds who may use it too."""
    return _limits(endpoint, stack, of_stores=False)


def _limits(endpoint: Resource, stack: Stack, *, of_stores: bool) -> Verdict:
    if endpoint.get("vpcEndpointType", "Gateway") not in ("Gateway", "Interface"):
        return not_applicable("endpoints of this type take no policy")
    try:
        name = str(endpoint.get("serviceName") or "")
    except UnknownValue as unknown:
        return undecided(unknown.path)
    if takes_no_policy(name):
        return not_applicable("the service behind it takes no endpoint policy")
    prefix = of_endpoint(name)
    if (prefix in fact("services-that-keep-what-is-put")) is not of_stores:
        return not_applicable("another rule is about endpoints to this service")
    sources: list[Properties] = list(stack.companions(endpoint, ENDPOINT_POLICY, by="vpcEndpointId"))
    if not sources and endpoint.is_set_by_program("policy"):
        sources = [endpoint]
    found = [(policy, source.where("policy")) for source in sources if (policy := document(source)) is not NONE]
    if not found:
        return violation("no endpoint policy is set: the default one allows everything to everyone")
    return all_of(
        *(answer(policy, where, lambda policy: leaves(policy, prefix)) for policy, where in found),
        *(undecided(path) for policy, _ in found for path in policy.unknown),
    )
