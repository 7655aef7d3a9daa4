"""Amazon machine images, who may launch them, and what an account lets happen to instances by default."""

from __future__ import annotations

from hipaa.aws.advice import PROPOSED_ENCRYPTION
from hipaa.aws.ebs import BY_DEFAULT, encrypts_by_default
from hipaa.aws.ec2_launch import LAUNCH_CONFIGURATION
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_empty, not_applicable, violation

LAUNCH_PERMISSION = "aws:ec2/amiLaunchPermission:AmiLaunchPermission"
IMAGE_BLOCK = "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess"
AMI = "aws:ec2/ami:Ami"
AMI_COPY = "aws:ec2/amiCopy:AmiCopy"
SERIAL_CONSOLE = "aws:ec2/serialConsoleAccess:SerialConsoleAccess"
METADATA_DEFAULTS = "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults"


@rule(
    "image-is-launched-by-named-accounts",
    on=LAUNCH_PERMISSION,
    severity=CRITICAL,
    fix="Leave group out, and set account_id, organization_arn or organizational_unit_arn.",
    sound=[
        {"imageId": "ami-1a2b3c4d", "accountId": "111122223333"},
        {"imageId": "ami-1a2b3c4d", "organizationArn": "arn:aws:organizations::111122223333:organization/o-1a2b3c4d5e"},
    ],
    unsound=[{"imageId": "ami-1a2b3c4d", "group": "all"}],
)
def image_is_launched_by_named_accounts(permission: Properties) -> Verdict:
    """An image is shared with those who are named, never with everyone: whoever launches it can read its disks."""
    return permission.require("group", is_empty())


@rule(
    "images-cannot-be-made-public",
    on=IMAGE_BLOCK,
    severity=HIGH,
    fix="Set state to block-new-sharing.",
    sound=[{"state": "block-new-sharing"}],
    unsound=[{"state": "unblocked"}],
)
def images_cannot_be_made_public(block: Properties) -> Verdict:
    """An account refuses to share images with everyone, whoever asks."""
    return block.require("state", is_("block-new-sharing"))


@stack_rule(
    "image-copy-is-encrypted",
    on=AMI_COPY,
    severity=MEDIUM,
    advisory="a copy of an encrypted image is encrypted whatever is said, and the program does not show its source",
    proposed=PROPOSED_ENCRYPTION,
    fix="Set encrypted to True, with kms_key_id the ARN of a customer managed key.",
    sound=[
        [Resource(AMI_COPY, {"sourceAmiId": "ami-1", "sourceAmiRegion": "us-east-1", "encrypted": True})],
        [Resource(AMI_COPY, {"sourceAmiId": "ami-1", "sourceAmiRegion": "us-east-1"}), BY_DEFAULT],
    ],
    unsound=[[Resource(AMI_COPY, {"sourceAmiId": "ami-1", "sourceAmiRegion": "us-east-1"})]],
)
def image_copy_is_encrypted(image: Resource, stack: Stack) -> Verdict:
    """A copy of an image encrypts its disks."""
    return image.require("encrypted", is_(True), default=encrypts_by_default(stack))


@rule(
    "image-asks-for-imdsv2",
    on=AMI,
    severity=MEDIUM,
    advisory="an instance's own settings are asked for it by other rules; the image only says what holds without them",
    fix="Set imds_support to v2.0.",
    sound=[{"name": "models", "imdsSupport": "v2.0"}],
    unsound=[{"name": "models"}],
)
def image_asks_for_imdsv2(image: Properties) -> Verdict:
    """Instances of an image give credentials only to IMDSv2 requests, where nothing else is said."""
    return image.require("imdsSupport", is_("v2.0"))


@rule(
    "account-asks-for-imdsv2",
    on=METADATA_DEFAULTS,
    severity=MEDIUM,
    advisory="an instance's own settings are asked for it by other rules; these only hold without them",
    fix="Set http_tokens to required.",
    sound=[{"httpTokens": "required"}, {"httpTokens": "required", "httpPutResponseHopLimit": 1}],
    unsound=[{"httpTokens": "optional"}, {}, {"httpTokens": "no-preference"}],
)
def account_asks_for_imdsv2(defaults: Properties) -> Verdict:
    """An account's new instances give credentials only to IMDSv2 requests, where nothing else is said."""
    return defaults.require("httpTokens", is_("required"), default="no-preference")


@rule(
    "serial-console-is-off",
    on=SERIAL_CONSOLE,
    severity=MEDIUM,
    advisory="who uses the console must be allowed by IAM, and log in at the system; no network rule stops it",
    fix="Set enabled to False.",
    sound=[{"enabled": False}],
    unsound=[{}, {"enabled": True}],
)
def serial_console_is_off(access: Properties) -> Verdict:
    """Nobody reaches an instance by its serial console, past every security group."""
    return access.require("enabled", is_(False), default=True)


_ENCRYPTED = {"imageId": "ami-1", "rootBlockDevice": {"encrypted": True}}


@stack_rule(
    "launch-configuration-encrypts-volumes",
    on=LAUNCH_CONFIGURATION,
    severity=HIGH,
    fix="Set root_block_device with encrypted True, and each of ebs_block_devices too.",
    sound=[
        [Resource(LAUNCH_CONFIGURATION, _ENCRYPTED)],
        [Resource(LAUNCH_CONFIGURATION, {"imageId": "ami-1"}), BY_DEFAULT],
        [
            Resource(
                LAUNCH_CONFIGURATION, _ENCRYPTED | {"ebsBlockDevices": [{"deviceName": "/dev/sdb", "noDevice": True}]}
            )
        ],
    ],
    unsound=[
        [Resource(LAUNCH_CONFIGURATION, {"imageId": "ami-1"})],
        [Resource(LAUNCH_CONFIGURATION, {"rootBlockDevice": {"volumeSize": 100}})],
        [Resource(LAUNCH_CONFIGURATION, {"rootBlockDevice": {"encrypted": False}}), BY_DEFAULT],
        [Resource(LAUNCH_CONFIGURATION, _ENCRYPTED | {"ebsBlockDevices": [{"deviceName": "/dev/sdb"}]})],
    ],
)
def launch_configuration_encrypts_volumes(configuration: Resource, stack: Stack) -> Verdict:
    """Each volume that a launch configuration makes is encrypted, the root disk first.

    A volume of which nothing is said is made as the image says, and images are seldom encrypted.
    """
    default = encrypts_by_default(stack)

    def encrypted(device: Properties) -> Verdict:
        if device.get("noDevice"):
            return not_applicable("the mapping makes no volume")
        return device.require("encrypted", is_(True), default=default)

    root = configuration.each_object("rootBlockDevice", encrypted)
    if not configuration.objects("rootBlockDevice") and not default:
        root = violation("`root_block_device` is not set, and volumes are plain by default; it must encrypt the disk")
    return all_of(root, configuration.each_object("ebsBlockDevices", encrypted))
