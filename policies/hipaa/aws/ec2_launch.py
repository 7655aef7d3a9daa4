"""Amazon EC2 launch templates, and the launch configurations before them: how instances come to life."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import KEY_PAIR_OPENS_NOTHING, OWN_KEY_IS_MORE
from hipaa.aws.ebs import BY_DEFAULT, encrypts_by_default
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, at_most, is_, is_empty, not_applicable, undecided, violation

LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LAUNCH_CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

# The provider writes these switches as text, since a template may also leave them out.
_ON = Requirement("true", lambda value: str(value).lower() == "true")
_OFF = Requirement("false", lambda value: str(value).lower() == "false")


def _metadata(**options: Any) -> dict[str, Any]:
    return {"metadataOptions": options}


@rule(
    "launch-template-requires-imdsv2",
    on=(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    severity=HIGH,
    fix="Set metadata_options with http_tokens required.",
    sound=[
        _metadata(httpTokens="required", httpPutResponseHopLimit=1),
        _metadata(httpTokens="required"),
        _metadata(httpEndpoint="disabled"),
        Resource(LAUNCH_CONFIGURATION, _metadata(httpTokens="required", httpPutResponseHopLimit=1)),
    ],
    unsound=[
        {},
        _metadata(httpTokens="optional", httpPutResponseHopLimit=1),
        _metadata(httpEndpoint="enabled", httpPutResponseHopLimit=1),
        Resource(LAUNCH_CONFIGURATION, {}),
    ],
)
def launch_template_requires_imdsv2(template: Properties) -> Verdict:
    """An instance gives its role's credentials only to IMDSv2 requests.

    Over IMDSv1 a forged request through a server's own URL fetcher is enough.
    """
    if template.at("metadataOptions.httpEndpoint") == "disabled":
        return Verdict()
    return template.require("metadataOptions.httpTokens", is_("required"))


@rule(
    "launch-template-keeps-metadata-on-the-instance",
    on=(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    severity=MEDIUM,
    advisory="AWS itself proposes two hops where containers must reach the metadata; IMDSv2 is the safeguard",
    fix="Set metadata_options with http_put_response_hop_limit 1.",
    sound=[
        _metadata(httpTokens="required", httpPutResponseHopLimit=1),
        _metadata(httpEndpoint="disabled"),
        Resource(LAUNCH_CONFIGURATION, _metadata(httpPutResponseHopLimit=1)),
    ],
    unsound=[
        {},
        _metadata(httpTokens="required"),
        _metadata(httpTokens="required", httpPutResponseHopLimit=2),
        Resource(LAUNCH_CONFIGURATION, _metadata(httpPutResponseHopLimit=2)),
    ],
)
def launch_template_keeps_metadata(template: Properties) -> Verdict:
    """An instance's credentials are out of reach of what runs behind another hop on it, any pod for one."""
    if template.at("metadataOptions.httpEndpoint") == "disabled":
        return not_applicable("the instances have no metadata")
    # What is not set is decided by the image or the account, whose hop limit may be 2: it is not 1 until said so.
    return template.require("metadataOptions.httpPutResponseHopLimit", at_most(1))


def _volume(**ebs: Any) -> dict[str, Any]:
    return {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": ebs}]}


@rule(
    "launch-template-encrypts-volumes-with-cmk",
    on=LAUNCH_TEMPLATE,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Map the root device in block_device_mappings, each ebs with encrypted true and a kms_key_id.",
    sound=[
        _volume(encrypted="true", kmsKeyId=_KEY),
        {
            "blockDeviceMappings": [
                {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "kmsKeyId": _KEY}},
                {"deviceName": "/dev/sdb", "virtualName": "ephemeral0"},
                {"deviceName": "/dev/sdc", "noDevice": ""},
            ]
        },
    ],
    unsound=[
        {},
        _volume(volumeSize=100),
        _volume(encrypted="false", kmsKeyId=_KEY),
        _volume(encrypted="true"),
        _volume(encrypted="true", kmsKeyId="alias/aws/ebs"),
        {"blockDeviceMappings": [{"deviceName": "/dev/sdb", "virtualName": "ephemeral0"}]},
        {"blockDeviceMappings": [UNKNOWN, {"deviceName": "/dev/sdb", "ebs": {"encrypted": "false"}}]},
    ],
)
def launch_template_encrypts_volumes_with_cmk(template: Properties) -> Verdict:
    """Each volume that a launch template makes is encrypted with a customer managed key.

    A volume that the template does not name is made as the image says, and images are seldom encrypted.
    """
    return all_of(_maps_volumes(template), template.each("blockDeviceMappings", _is_encrypted))


def _maps_volumes(template: Properties) -> Verdict:
    try:
        if any("ebs" in mapping for mapping in template.objects("blockDeviceMappings")):
            return Verdict()
    except UnknownValue as unknown:
        return undecided(unknown.path)
    return violation(
        "`block_device_mappings` maps no EBS volume; it must map those of the image, the root device first"
    )


def _is_encrypted(mapping: Properties) -> Verdict:
    if "ebs" not in mapping:
        return not_applicable("the mapping makes no EBS volume")
    return all_of(mapping.require("ebs.encrypted", _ON), mapping.require("ebs.kmsKeyId", OWN_KEY))


@stack_rule(
    "launch-template-encrypts-volumes",
    on=LAUNCH_TEMPLATE,
    severity=HIGH,
    fix="Map the root device in block_device_mappings, each ebs with encrypted true.",
    sound=[
        [Resource(LAUNCH_TEMPLATE, _volume(encrypted="true"))],
        [Resource(LAUNCH_TEMPLATE, _volume(volumeSize=100)), BY_DEFAULT],
        [Resource(LAUNCH_TEMPLATE, {}), BY_DEFAULT],
        [Resource(LAUNCH_TEMPLATE, {"blockDeviceMappings": [{"deviceName": "/dev/sdc", "noDevice": ""}]}), BY_DEFAULT],
    ],
    unsound=[
        [Resource(LAUNCH_TEMPLATE, {})],
        [Resource(LAUNCH_TEMPLATE, _volume(volumeSize=100))],
        [Resource(LAUNCH_TEMPLATE, _volume(encrypted="false", kmsKeyId=_KEY)), BY_DEFAULT],
        [Resource(LAUNCH_TEMPLATE, {"blockDeviceMappings": [{"deviceName": "/dev/sdb", "virtualName": "ephemeral0"}]})],
    ],
)
def launch_template_encrypts_volumes(template: Resource, stack: Stack) -> Verdict:
    """Each volume that a launch template makes is encrypted, by its own word or by the account's default.

    A volume that the template does not name is made as the image says, and images are seldom encrypted.
    """
    default = encrypts_by_default(stack)

    def encrypted(mapping: Properties) -> Verdict:
        if "ebs" not in mapping:
            return not_applicable("the mapping makes no EBS volume")
        return mapping.require("ebs.encrypted", _ON, default="true" if default else None)

    return all_of(
        Verdict() if default else _maps_volumes(template), template.each_object("blockDeviceMappings", encrypted)
    )


@rule(
    "launch-template-has-no-key-pair",
    on=(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    severity=MEDIUM,
    advisory=KEY_PAIR_OPENS_NOTHING,
    fix="Leave key_name out, and reach instances with Systems Manager.",
    sound=[{}, Resource(LAUNCH_CONFIGURATION, {})],
    unsound=[{"keyName": "operators"}, Resource(LAUNCH_CONFIGURATION, {"keyName": "operators"})],
)
def launch_template_has_no_key_pair(template: Properties) -> Verdict:
    """An instance has no key pair to log in with: it names nobody, and never expires."""
    return template.require("keyName", is_empty())


@rule(
    "launch-template-lets-no-one-in",
    on=(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    severity=HIGH,
    fix="Leave associate_public_ip_address out, and reach instances with Systems Manager.",
    sound=[
        {},
        {"networkInterfaces": [{"deviceIndex": 0, "associatePublicIpAddress": "false"}]},
        Resource(LAUNCH_CONFIGURATION, {"associatePublicIpAddress": False}),
    ],
    unsound=[
        {"networkInterfaces": [{"deviceIndex": 0}, {"deviceIndex": 1, "associatePublicIpAddress": "true"}]},
        {"networkInterfaces": [{"ipv6AddressCount": 1}]},
        {"networkInterfaces": [{"ipv6Addresses": ["2001:db8::1"]}]},
        {"networkInterfaces": [{"associateCarrierIpAddress": "true"}]},
        Resource(LAUNCH_CONFIGURATION, {"associatePublicIpAddress": True}),
    ],
)
def launch_template_lets_no_one_in(template: Properties) -> Verdict:
    """An instance that a launch template makes has no address that the internet can reach."""
    return all_of(
        template.require("associatePublicIpAddress", _OFF, default=False),
        template.each("networkInterfaces", _has_no_public_address),
    )


def _has_no_public_address(interface: Properties) -> Verdict:
    none = Requirement("0", lambda count: not count)
    return all_of(
        interface.require("associatePublicIpAddress", _OFF, default=False),
        interface.require("associateCarrierIpAddress", _OFF, default=False),
        # IPv6 addresses of a VPC are public ones.
        interface.require("ipv6AddressCount", none, default=0),
        interface.require("ipv6Addresses", is_empty()),
    )


@rule(
    "launch-template-monitors-every-minute",
    on=(LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION),
    severity=MEDIUM,
    advisory="164.312(b) asks for a record of activity; metrics every five minutes are one already",
    fix="Set monitoring to enabled True; for a launch configuration, leave enable_monitoring out.",
    sound=[{"monitoring": {"enabled": True}}, Resource(LAUNCH_CONFIGURATION, {})],
    unsound=[{}, {"monitoring": {"enabled": False}}, Resource(LAUNCH_CONFIGURATION, {"enableMonitoring": False})],
)
def launch_template_monitors(template: Resource) -> Verdict:
    """An instance reports its metrics every minute, not every five.

    Data on its way out, or a miner at work, is then seen while it lasts.
    """
    if template.type == LAUNCH_CONFIGURATION:
        return template.require("enableMonitoring", is_(True), default=True)
    return template.require("monitoring.enabled", is_(True), default=False)
