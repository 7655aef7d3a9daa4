"""Amazon EC2 instances: their addresses, metadata, volumes, role and monitoring; spot requests and fleets with them."""

from __future__ import annotations

import re
from typing import Any

from hipaa.aws.advice import KEY_PAIR_OPENS_NOTHING
from hipaa.aws.ebs import BY_DEFAULT, encrypts_by_default
from hipaa.aws.ec2_launch import LAUNCH_TEMPLATE
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, at_most, is_, is_empty, is_set, not_applicable, violation

INSTANCE = ("aws:ec2/instance:Instance", "aws:ec2/spotInstanceRequest:SpotInstanceRequest")
NETWORK_INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
SPOT_FLEET = "aws:ec2/spotFleetRequest:SpotFleetRequest"
SUBNET = ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")
EIP = "aws:ec2/eip:Eip"
EIP_ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
METADATA_DEFAULTS = "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

# Examples have their subnet's identifier, so that each breaks one rule.
_PRIVATE = Resource(SUBNET[0], {"id": "subnet-private", "mapPublicIpOnLaunch": False}, name="private")
_PUBLIC = Resource(SUBNET[0], {"id": "subnet-public", "mapPublicIpOnLaunch": True}, name="public")


def _instance(type_: str = INSTANCE[0], **properties: Any) -> Resource:
    return Resource(type_, {"ami": "ami-1a2b3c4d", "instanceType": "m7i.large"} | properties)


def _template(instance: Resource, stack: Stack) -> tuple[list[Resource], bool]:
    """The launch templates of the program that an instance may be launched from, and whether it has one at all."""
    given = instance.objects("launchTemplate")
    if not given:
        return [], False
    names = {value for item in given for value in (item.get("id"), item.get("name")) if isinstance(value, str)}
    origins = instance.sources.get("launchTemplate", ())
    return stack.find(LAUNCH_TEMPLATE, names, origins), True


@stack_rule(
    "instance-has-no-public-address",
    on=INSTANCE,
    severity=HIGH,
    fix="Set subnet_id to a subnet that gives no public addresses, or associate_public_ip_address to False.",
    sound=[
        [_instance(subnetId="subnet-1a2b3c4d")],
        [_instance(subnetId="subnet-public", associatePublicIpAddress=False), _PUBLIC],
        [_instance(associatePublicIpAddress=False)],
        [_instance(subnetId="subnet-private"), _PRIVATE],
        [_instance(networkInterfaces=[{"deviceIndex": 0, "networkInterfaceId": "eni-1a2b3c4d"}])],
        [_instance(launchTemplate={"id": "lt-1a2b3c4d", "version": "1"})],
    ],
    unsound=[
        [_instance(associatePublicIpAddress=True, subnetId="subnet-1a2b3c4d")],
        [_instance(subnetId="subnet-public"), _PUBLIC],
        [Resource(INSTANCE[0], {"subnetId": UNKNOWN}, sources={"subnetId": [_PUBLIC.urn]}), _PUBLIC],
        [_instance()],
        [_instance(INSTANCE[1], associatePublicIpAddress=True)],
        [_instance(subnetId="subnet-1a2b3c4d", ipv6AddressCount=1)],
        [_instance(subnetId="subnet-d"), Resource(SUBNET[1], {"id": "subnet-d"})],
    ],
)
def instance_has_no_public_address(instance: Resource, stack: Stack) -> Verdict:
    """An instance has no address that the internet can reach.

    One that names no subnet is launched in the account's default VPC, whose subnets give public addresses.
    """
    none = Requirement("0", lambda count: not count)
    addresses = all_of(
        instance.require("ipv6AddressCount", none, default=0), instance.require("ipv6Addresses", is_empty())
    )
    asked = instance.at("associatePublicIpAddress")
    if asked is not None:
        return all_of(addresses, instance.require("associatePublicIpAddress", is_(False)))
    if any(instance.get(name) for name in ("networkInterfaces", "primaryNetworkInterface", "launchTemplate")):
        return addresses
    if not instance.is_set_by_program("subnetId"):
        message = "no `subnet_id`, so that the default VPC gives a public address; it must be that of a private subnet"
        return all_of(addresses, violation(message))
    for subnet in stack.named_by(instance, "subnetId", SUBNET):
        if subnet.at("mapPublicIpOnLaunch", subnet.type == SUBNET[1]) is not False:
            message = f"`subnet_id` is that of {subnet.name}, which gives each instance a public address"
            return all_of(addresses, violation(message))
    return addresses


@rule(
    "instance-takes-no-elastic-address",
    on=(EIP, EIP_ASSOCIATION),
    severity=HIGH,
    fix="Put a load balancer or a NAT gateway between the instance and the internet, and leave instance out.",
    sound=[{"domain": "vpc"}, {"networkInterface": "eni-1a2b3c4d"}, Resource(EIP_ASSOCIATION, {"allocationId": "a"})],
    unsound=[{"instance": "i-1a2b3c4d"}, Resource(EIP_ASSOCIATION, {"allocationId": "a", "instanceId": "i-1a2b3c4d"})],
)
def instance_takes_no_elastic_address(address: Resource) -> Verdict:
    """No instance is given a public address of its own afterwards."""
    name = "instance" if address.type == EIP else "instanceId"
    if not address.is_set_by_program(name):
        return Verdict()
    return violation(f"`{address.where(name)}` gives an instance a public address; it must be left out")


def _metadata(**options: Any) -> dict[str, Any]:
    return {"metadataOptions": options, "subnetId": "subnet-1a2b3c4d"}


_REQUIRED_BY_DEFAULT = Resource(METADATA_DEFAULTS, {"httpTokens": "required"})


@stack_rule(
    "instance-requires-imdsv2",
    on=INSTANCE,
    severity=HIGH,
    fix="Set metadata_options with http_tokens required.",
    sound=[
        [_instance(**_metadata(httpTokens="required"))],
        [_instance(**_metadata(httpEndpoint="disabled"))],
        [_instance(), _REQUIRED_BY_DEFAULT],
        [
            _instance(launchTemplate={"id": "lt-1"}),
            Resource(LAUNCH_TEMPLATE, {"id": "lt-1", "metadataOptions": {"httpTokens": "required"}}),
        ],
        [_instance(launchTemplate={"id": "lt-of-another-program"})],
    ],
    unsound=[
        [_instance()],
        [_instance(**_metadata(httpTokens="optional")), _REQUIRED_BY_DEFAULT],
        [_instance(INSTANCE[1], **_metadata(httpEndpoint="enabled"))],
        [_instance(launchTemplate={"id": "lt-1"}), Resource(LAUNCH_TEMPLATE, {"id": "lt-1"})],
        [_instance(), Resource(METADATA_DEFAULTS, {"httpTokens": "no-preference"})],
    ],
)
def instance_requires_imdsv2(instance: Resource, stack: Stack) -> Verdict:
    """An instance gives its role's credentials only to IMDSv2 requests.

    Over IMDSv1 a forged request through a server's own URL fetcher is enough. What is not said is decided by the
    account's defaults, where the program sets them, and by the image, of which nobody here knows.
    """
    if instance.at("metadataOptions.httpEndpoint") == "disabled":
        return Verdict()
    if instance.at("metadataOptions.httpTokens") is None:
        templates, has_one = _template(instance, stack)
        if has_one and not templates:
            return not_applicable("a launch template that is not of this program says it")
        if any(item.at("metadataOptions.httpTokens") == "required" for item in templates):
            return Verdict()
        if any(item.at("httpTokens") == "required" for item in stack.of(METADATA_DEFAULTS)):
            return Verdict()
    return instance.require("metadataOptions.httpTokens", is_("required"), default="optional")


@rule(
    "instance-metadata-stays-on-the-instance",
    on=INSTANCE,
    severity=LOW,
    advisory="AWS itself proposes two hops where containers must reach the metadata; IMDSv2 is the safeguard",
    fix="Set metadata_options with http_put_response_hop_limit 1.",
    sound=[{}, _metadata(httpPutResponseHopLimit=1), _metadata(httpEndpoint="disabled", httpPutResponseHopLimit=3)],
    unsound=[_metadata(httpTokens="required", httpPutResponseHopLimit=2)],
)
def instance_metadata_stays(instance: Properties) -> Verdict:
    """An instance's credentials are out of reach of what runs behind another hop on it, containers for one."""
    if instance.at("metadataOptions.httpEndpoint") == "disabled":
        return not_applicable("the instance has no metadata")
    return instance.require("metadataOptions.httpPutResponseHopLimit", at_most(1), default=1)


_ROOT = {"rootBlockDevice": {"encrypted": True}}


@stack_rule(
    "instance-encrypts-its-volumes",
    on=(*INSTANCE, SPOT_FLEET),
    severity=HIGH,
    fix="Set root_block_device with encrypted True, and each of ebs_block_devices too.",
    sound=[
        [_instance(**_ROOT)],
        [_instance(**_ROOT, ebsBlockDevices=[{"deviceName": "/dev/sdb", "encrypted": True}])],
        [_instance(), BY_DEFAULT],
        [_instance(rootBlockDevice={"kmsKeyId": _KEY, "encrypted": True})],
        [_instance(launchTemplate={"id": "lt-1a2b3c4d"})],
        [Resource(SPOT_FLEET, {"launchSpecifications": [{"rootBlockDevices": [{"encrypted": True}]}]})],
        [Resource(SPOT_FLEET, {"launchTemplateConfigs": [{"launchTemplateSpecification": {"id": "lt-1"}}]})],
    ],
    unsound=[
        [_instance()],
        [_instance(rootBlockDevice={"encrypted": False}), BY_DEFAULT],
        [_instance(rootBlockDevice={"volumeSize": 100})],
        [_instance(**_ROOT, ebsBlockDevices=[{"deviceName": "/dev/sdb", "volumeSize": 100}])],
        [_instance(ebsBlockDevices=[{"deviceName": "/dev/sdb", "encrypted": True}])],
        [_instance(INSTANCE[1])],
        [Resource(SPOT_FLEET, {"launchSpecifications": [{"ebsBlockDevices": [{"encrypted": False}]}]})],
    ],
)
def instance_encrypts_its_volumes(instance: Resource, stack: Stack) -> Verdict:
    """Each volume of an instance is encrypted.

    A volume of which nothing is said is made as the image says, and images are seldom encrypted.
    """
    default = encrypts_by_default(stack)

    def encrypted(device: Properties) -> Verdict:
        if device.get("noDevice"):
            return not_applicable("the mapping makes no volume")
        return device.require("encrypted", is_(True), default=default)

    if instance.type == SPOT_FLEET:
        return instance.each_object(
            "launchSpecifications",
            lambda spec: all_of(
                _root(spec, "rootBlockDevices", default), spec.each_object("ebsBlockDevices", encrypted)
            ),
        )
    if instance.objects("launchTemplate") and not instance.objects("rootBlockDevice"):
        return all_of(not_applicable("its launch template says it"), instance.each_object("ebsBlockDevices", encrypted))
    return all_of(_root(instance, "rootBlockDevice", default), instance.each_object("ebsBlockDevices", encrypted))


def _root(instance: Properties, name: str, default: bool) -> Verdict:
    if instance.objects(name) or default:
        return instance.each_object(name, lambda device: device.require("encrypted", is_(True), default=default))
    return violation(f"`{instance.where(name)}` is not set, and volumes are plain by default; it must encrypt the disk")


@rule(
    "instance-volumes-use-own-key",
    on=INSTANCE,
    severity=MEDIUM,
    advisory="AWS's own key encrypts as 164.312(a)(2)(iv) asks; a key of one's own also bounds and records its use",
    fix="Set kms_key_id of root_block_device and ebs_block_devices to the ARN of a customer managed key.",
    sound=[{"rootBlockDevice": {"encrypted": True, "kmsKeyId": _KEY}}, {}],
    unsound=[
        {"rootBlockDevice": {"encrypted": True}},
        {"ebsBlockDevices": [{"deviceName": "/dev/sdb", "encrypted": True, "kmsKeyId": "alias/aws/ebs"}]},
    ],
)
def instance_volumes_use_own_key(instance: Properties) -> Verdict:
    """An instance's encrypted volumes are encrypted with a customer managed key."""

    def own(device: Properties) -> Verdict:
        if device.get("encrypted") is not True:
            return not_applicable("whether it is encrypted is another rule's to say")
        return device.require("kmsKeyId", OWN_KEY)

    return all_of(instance.each_object("rootBlockDevice", own), instance.each_object("ebsBlockDevices", own))


@rule(
    "instance-monitors-every-minute",
    on=INSTANCE,
    severity=LOW,
    advisory="164.312(b) asks for a record of activity; metrics every five minutes are one already",
    fix="Set monitoring to True.",
    sound=[{"monitoring": True}],
    unsound=[{}, {"monitoring": False}],
)
def instance_monitors_every_minute(instance: Properties) -> Verdict:
    """An instance reports its metrics every minute, not every five."""
    return instance.require("monitoring", is_(True), default=False)


@rule(
    "instance-acts-under-a-role",
    on=INSTANCE,
    severity=MEDIUM,
    advisory="an instance that calls no AWS service needs no role; without one Systems Manager cannot manage it",
    fix="Set iam_instance_profile to a profile whose role may do what the instance must.",
    sound=[{"iamInstanceProfile": "models"}, {"launchTemplate": {"id": "lt-1a2b3c4d"}}],
    unsound=[{}, {"iamInstanceProfile": ""}],
)
def instance_acts_under_a_role(instance: Resource) -> Verdict:
    """An instance has a role of its own, so that nobody puts keys on it, and Systems Manager can reach it."""
    if instance.get("launchTemplate") and not instance.is_set_by_program("iamInstanceProfile"):
        return Verdict()
    return instance.require("iamInstanceProfile", is_set())


@rule(
    "instance-has-no-key-pair",
    on=INSTANCE,
    severity=MEDIUM,
    advisory=KEY_PAIR_OPENS_NOTHING,
    fix="Leave key_name out, and reach the instance with Systems Manager.",
    sound=[{}],
    unsound=[{"keyName": "operators"}],
)
def instance_has_no_key_pair(instance: Properties) -> Verdict:
    """An instance has no key pair: people log in by Session Manager, each under a name of their own."""
    return instance.require("keyName", is_empty())


@rule(
    "instance-names-its-subnet",
    on=INSTANCE,
    severity=MEDIUM,
    advisory="every instance is in a VPC today; one that names no subnet is in the default VPC, which nobody planned",
    fix="Set subnet_id to a private subnet of a VPC of one's own.",
    sound=[
        {"subnetId": "subnet-1a2b3c4d"},
        {"networkInterfaces": [{"deviceIndex": 0, "networkInterfaceId": "eni-1a2b3c4d"}]},
        {"launchTemplate": {"id": "lt-1a2b3c4d"}},
    ],
    unsound=[{}],
)
def instance_names_its_subnet(instance: Resource) -> Verdict:
    """An instance is launched in a subnet that the program names."""
    if any(instance.get(name) for name in ("networkInterfaces", "primaryNetworkInterface", "launchTemplate")):
        return Verdict()
    if instance.is_set_by_program("subnetId"):
        return Verdict()
    return violation("`subnet_id` is not set; it must be that of a private subnet")


@rule(
    "instance-forwards-for-no-other",
    on=(*INSTANCE, NETWORK_INTERFACE),
    severity=LOW,
    advisory="a NAT or firewall instance must forward; the check is a second barrier beside security groups",
    fix="Leave source_dest_check out, and forward with a NAT gateway.",
    sound=[{}, {"sourceDestCheck": True}, Resource(NETWORK_INTERFACE, {"subnetId": "subnet-1a2b3c4d"})],
    unsound=[{"sourceDestCheck": False}, Resource(NETWORK_INTERFACE, {"sourceDestCheck": False})],
)
def instance_forwards_for_no_other(instance: Properties) -> Verdict:
    """An instance, or an interface for one, takes and sends only what is its own: it is no way around a route."""
    return instance.require("sourceDestCheck", is_(True), default=True)


# Families that have EBS optimization as an option, which is off unless asked for: "EBS-optimized instance types" in the
# Amazon EBS User Guide, read on 2026-11-30. All later ones have it always.
_OPTIONAL_EBS = re.compile(r"(c1|c3|g2|i2|m1|m2|m3|r3)\..*")


@rule(
    "instance-is-ebs-optimized",
    on=INSTANCE,
    severity=LOW,
    advisory="it is about throughput, which the Rule does not speak of; the lists have it under contingency plans",
    fix="Set ebs_optimized to True, or take an instance type of this decade.",
    sound=[{"instanceType": "m7i.large"}, {"instanceType": "m3.xlarge", "ebsOptimized": True}],
    unsound=[{"instanceType": "m3.xlarge"}, {"instanceType": "c3.2xlarge", "ebsOptimized": False}],
)
def instance_is_ebs_optimized(instance: Properties) -> Verdict:
    """An instance reads and writes its volumes over a path of their own, which a busy network does not slow."""
    if not _OPTIONAL_EBS.fullmatch(str(instance.at("instanceType", ""))):
        return Verdict()
    return instance.require("ebsOptimized", is_(True), default=False)


@rule(
    "spot-fleet-gives-no-public-address",
    on=SPOT_FLEET,
    severity=HIGH,
    fix="Leave associate_public_ip_address out of each of launch_specifications, and name private subnets.",
    sound=[{"launchSpecifications": [{"subnetId": "subnet-1a2b3c4d"}]}],
    unsound=[{"launchSpecifications": [{"subnetId": "subnet-1a2b3c4d"}, {"associatePublicIpAddress": True}]}],
)
def spot_fleet_gives_no_public_address(fleet: Properties) -> Verdict:
    """No instance of a spot fleet has an address that the internet can reach."""
    return fleet.each_object(
        "launchSpecifications", lambda spec: spec.require("associatePublicIpAddress", is_(False), default=False)
    )
