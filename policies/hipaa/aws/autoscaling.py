"""Amazon EC2 Auto Scaling groups, and AWS Global Accelerator before them."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_AUDIT
from hipaa.aws.ec2_launch import LAUNCH_CONFIGURATION, LAUNCH_TEMPLATE
from hipaa.aws.eks import NODE_GROUP
from hipaa.aws.vpc import SUBNET
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_set, violation

GROUP = "aws:autoscaling/group:Group"
ATTACHMENT = (
    "aws:autoscaling/attachment:Attachment",
    "aws:autoscaling/trafficSourceAttachment:TrafficSourceAttachment",
)
ACCELERATOR = (
    "aws:globalaccelerator/accelerator:Accelerator",
    "aws:globalaccelerator/customRoutingAccelerator:CustomRoutingAccelerator",
)

_TARGETS = {"targetGroupArns": ["arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/a/1"]}


def _group(**properties: Any) -> Resource:
    return Resource(GROUP, {"id": "web", "name": "web", "minSize": 1, "maxSize": 3} | properties, name="web")


@stack_rule(
    "auto-scaling-group-heeds-its-load-balancer",
    on=GROUP,
    severity=LOW,
    advisory="a group that replaces only instances that are down keeps those that answer nobody: no leak comes of it",
    fix="Set health_check_type to ELB.",
    sound=[
        [_group(**_TARGETS, healthCheckType="ELB")],
        [_group()],
        [_group(targetGroupArns=[], loadBalancers=[])],
        [_group(healthCheckType="ELB"), Resource(ATTACHMENT[0], {"autoscalingGroupName": "web", "elb": "web"})],
    ],
    unsound=[
        [_group(**_TARGETS)],
        [_group(**_TARGETS, healthCheckType="EC2")],
        [_group(loadBalancers=["web"])],
        [_group(), Resource(ATTACHMENT[0], {"autoscalingGroupName": "web", "lbTargetGroupArn": "arn:a"})],
        [
            _group(),
            Resource(
                ATTACHMENT[1], {"autoscalingGroupName": UNKNOWN}, sources={"autoscalingGroupName": [_group().urn]}
            ),
        ],
    ],
)
def group_heeds_its_load_balancer(group: Resource, stack: Stack) -> Verdict:
    """A group behind a load balancer replaces the instances that the load balancer finds ill."""
    names = ("targetGroupArns", "loadBalancers", "trafficSources")
    # The provider reports empty lists where nothing is set.
    inline = any(group.known(name) for name in names)
    for name in names:
        if not inline and group.known(name) is None and group.sources.get(name):
            raise UnknownValue(group.where(name))
    if not inline and not stack.companions(group, ATTACHMENT, by="autoscalingGroupName"):
        return Verdict()  # there is none to heed
    return group.require("healthCheckType", is_("ELB"), default="EC2")


@rule(
    "auto-scaling-group-launches-from-template",
    on=GROUP,
    severity=LOW,
    advisory="a launch configuration can be as safe; it lacks what is newer, as a customer managed key for volumes",
    fix="Set launch_template, or mixed_instances_policy with one, and leave launch_configuration out.",
    sound=[
        {"launchTemplate": {"id": "lt-1a2b3c4d", "version": "1"}},
        {
            "mixedInstancesPolicy": {
                "launchTemplate": {"launchTemplateSpecification": {"launchTemplateId": "lt-1a2b3c4d"}}
            }
        },
    ],
    unsound=[{"launchConfiguration": "web-1"}, {}],
)
def group_launches_from_template(group: Resource) -> Verdict:
    """A group launches its instances from a template, whose versions say what each of them was."""
    if group.is_set_by_program("launchConfiguration"):
        return violation("`launch_configuration` is set; it must be left out, for a `launch_template`")
    if group.get("launchTemplate") or group.get("mixedInstancesPolicy"):
        return Verdict()
    return violation("`launch_template` is not set; it must be")


_PUBLIC = Resource(SUBNET[0], {"id": "subnet-p", "mapPublicIpOnLaunch": True}, name="public")


def _template(**interface: Any) -> Resource:
    said = {"networkInterfaces": [{"deviceIndex": 0} | interface]} if interface else {}
    return Resource(LAUNCH_TEMPLATE, {"id": "lt-1", "name": "web"} | said, name="template")


_IN_PUBLIC = _group(vpcZoneIdentifiers=["subnet-p"], launchTemplate={"id": "lt-1", "version": "1"})
_NODES = Resource(NODE_GROUP, {"subnetIds": ["subnet-p"], "launchTemplate": {"id": "lt-1", "version": "1"}})


@stack_rule(
    "auto-scaling-group-gives-no-public-address",
    on=(GROUP, NODE_GROUP),
    severity=HIGH,
    fix="Name subnets that give no public addresses, or a launch template with associate_public_ip_address false.",
    sound=[
        [_group(vpcZoneIdentifiers=["subnet-1a2b3c4d"]), _PUBLIC],
        [_IN_PUBLIC, _PUBLIC, _template(associatePublicIpAddress="false")],
        [_NODES, _PUBLIC, _template(associatePublicIpAddress="false")],
        [_group(vpcZoneIdentifiers=["subnet-a"]), Resource(SUBNET[0], {"id": "subnet-a"})],
    ],
    unsound=[
        [_IN_PUBLIC, _PUBLIC],
        [_IN_PUBLIC, _PUBLIC, _template()],
        [_NODES, _PUBLIC, _template()],
        [Resource(NODE_GROUP, {"subnetIds": ["subnet-p"]}), _PUBLIC],
        [
            Resource(GROUP, {"vpcZoneIdentifiers": UNKNOWN}, sources={"vpcZoneIdentifiers": [_PUBLIC.urn]}),
            _PUBLIC,
        ],
        [_group(vpcZoneIdentifiers=["subnet-d"]), Resource(SUBNET[1], {"id": "subnet-d"})],
    ],
)
def group_gives_no_public_address(group: Resource, stack: Stack) -> Verdict:
    """A group starts no instance with an address that the internet can reach.

    What the launch template says of addresses is done; where it says nothing, the subnet decides.
    """
    by = "vpcZoneIdentifiers" if group.type == GROUP else "subnetIds"
    public = [
        subnet
        for subnet in stack.named_by(group, by, SUBNET)
        if subnet.at("mapPublicIpOnLaunch", subnet.type == SUBNET[1]) is not False
    ]
    if not public or _says_no_address(group, stack):
        return Verdict()
    return violation(f"`{group.where(by)}` has {public[0].name}, which gives each instance a public address")


def _says_no_address(group: Resource, stack: Stack) -> bool:
    """Whether a template or launch configuration of the program, whose group it is, asks for no public address."""
    named = [
        *stack.named_by(group, "launchTemplate.id", LAUNCH_TEMPLATE),
        *stack.named_by(group, "launchTemplate.name", LAUNCH_TEMPLATE),
        *stack.named_by(group, "launchConfiguration", LAUNCH_CONFIGURATION),
        *stack.find(LAUNCH_TEMPLATE, (), group.sources.get("launchTemplate", ())),
    ]
    return any(
        str(asked).lower() == "false"
        for template in named
        for asked in (
            template.at("associatePublicIpAddress"),
            *(interface.at("associatePublicIpAddress") for interface in template.objects("networkInterfaces")),
        )
    )


@rule(
    "auto-scaling-group-spans-zones",
    on=GROUP,
    severity=LOW,
    advisory="how much must go on while a zone is gone is for the contingency plan to say",
    fix="Set vpc_zone_identifiers to subnets of two zones or more.",
    sound=[{"vpcZoneIdentifiers": ["subnet-1a2b3c4d", "subnet-5e6f7a8b"]}, {"vpcZoneIdentifiers": [UNKNOWN, UNKNOWN]}],
    unsound=[{"vpcZoneIdentifiers": ["subnet-1a2b3c4d"]}, {"availabilityZones": ["us-east-1a"]}],
)
def group_spans_zones(group: Properties) -> Verdict:
    """A group has instances in two zones or more."""
    if max(len(group.listed(name)) for name in ("vpcZoneIdentifiers", "availabilityZones")) != 1:
        return Verdict()
    return violation("one zone is given; it must be two or more")


@rule(
    "accelerator-keeps-flow-logs",
    on=ACCELERATOR,
    severity=MEDIUM,
    advisory="what it leads to keeps logs of its own; the accelerator's tell where callers really came from",
    proposed=PROPOSED_AUDIT,
    fix="Set attributes with flow_logs_enabled True, flow_logs_s3_bucket and flow_logs_s3_prefix.",
    sound=[{"attributes": {"flowLogsEnabled": True, "flowLogsS3Bucket": "logs", "flowLogsS3Prefix": "accelerator/"}}],
    unsound=[{}, {"attributes": {"flowLogsEnabled": False}}, {"attributes": {"flowLogsEnabled": True}}],
)
def accelerator_keeps_flow_logs(accelerator: Resource) -> Verdict:
    """An accelerator records who called, through which of its addresses."""
    return all_of(
        accelerator.require("attributes.flowLogsEnabled", is_(True), default=False),
        Verdict()
        if accelerator.sources.get("attributes")
        else accelerator.require("attributes.flowLogsS3Bucket", is_set()),
    )
