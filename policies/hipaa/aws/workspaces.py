"""Amazon WorkSpaces: desktops on which people look at ePHI."""

from __future__ import annotations

from hipaa import networks
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, is_, not_applicable, violation

WORKSPACE = "aws:workspaces/workspace:Workspace"
DIRECTORY = "aws:workspaces/directory:Directory"
IP_GROUP = "aws:workspaces/ipGroup:IpGroup"

_BOTH = {"rootVolumeEncryptionEnabled": True, "userVolumeEncryptionEnabled": True}
_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "workspace-encrypts-its-volumes",
    on=WORKSPACE,
    severity=HIGH,
    fix="Set root_volume_encryption_enabled and user_volume_encryption_enabled to True.",
    sound=[_BOTH, _BOTH | {"volumeEncryptionKey": _KEY}],
    unsound=[{}, {"userVolumeEncryptionEnabled": True}, _BOTH | {"rootVolumeEncryptionEnabled": False}],
)
def workspace_encrypts_its_volumes(workspace: Properties) -> Verdict:
    """A desktop encrypts both of its volumes, and it can do so only when it is made."""
    return all_of(*(workspace.require(name, is_(True), default=False) for name in _BOTH))


@rule(
    "workspace-encrypts-with-own-key",
    on=WORKSPACE,
    severity=MEDIUM,
    advisory="AWS's own key encrypts as 164.312(a)(2)(iv) asks; a key of one's own also bounds and records its use",
    fix="Set volume_encryption_key to the ARN of a customer managed key.",
    sound=[_BOTH | {"volumeEncryptionKey": _KEY}],
    unsound=[_BOTH, _BOTH | {"volumeEncryptionKey": "alias/aws/workspaces"}],
)
def workspace_encrypts_with_own_key(workspace: Properties) -> Verdict:
    """A desktop's volumes are encrypted with a customer managed key."""
    if not any(workspace.get(name) is True for name in _BOTH):
        return not_applicable("whether it is encrypted is another rule's to say")
    return workspace.require("volumeEncryptionKey", OWN_KEY)


@rule(
    "workspaces-have-no-public-address",
    on=DIRECTORY,
    severity=MEDIUM,
    advisory="nothing comes in at such an address, but what a desktop sends then goes out past the VPC's firewall",
    fix="Leave enable_internet_access out of workspace_creation_properties, and lead desktops out by a NAT gateway.",
    sound=[{}, {"workspaceCreationProperties": {"enableInternetAccess": False}}],
    unsound=[{"workspaceCreationProperties": {"enableInternetAccess": True}}],
)
def workspaces_have_no_public_address(directory: Properties) -> Verdict:
    """Desktops get no public address of their own."""
    return directory.require("workspaceCreationProperties.enableInternetAccess", is_(False), default=False)


@rule(
    "workspaces-are-not-administered-by-users",
    on=DIRECTORY,
    severity=MEDIUM,
    advisory="some software needs it; what a person may install is for the workstation policy (164.310(b)) to say",
    fix="Set user_enabled_as_local_administrator of workspace_creation_properties to False.",
    sound=[{"workspaceCreationProperties": {"userEnabledAsLocalAdministrator": False}}],
    unsound=[
        {"workspaceCreationProperties": {"userEnabledAsLocalAdministrator": True}},
        {"workspaceCreationProperties": {"enableInternetAccess": False}},
    ],
)
def workspaces_are_not_administered_by_users(directory: Properties) -> Verdict:
    """Whoever uses a desktop does not administer it."""
    if not directory.objects("workspaceCreationProperties"):
        return not_applicable("the program does not say how desktops are made")
    # The provider's own default, unlike the console's.
    return directory.require("workspaceCreationProperties.userEnabledAsLocalAdministrator", is_(False), default=True)


@rule(
    "workspaces-are-reached-from-named-networks",
    on=IP_GROUP,
    severity=HIGH,
    fix="Set source of each of rules to the networks that people work from.",
    sound=[{"rules": [{"source": "131.107.0.0/16"}, {"source": "10.0.0.0/8"}]}, {}],
    unsound=[{"rules": [{"source": "0.0.0.0/0"}]}, {"rules": [{"source": "0.0.0.0/1"}, {"source": "128.0.0.0/1"}]}],
)
def workspaces_are_reached_from_named_networks(group: Properties) -> Verdict:
    """A group of addresses that desktops may be reached from names networks, not the internet."""
    sources: list[object] = []

    def keep(rule_: Properties) -> Verdict:
        sources.append(rule_.at("source"))
        return Verdict()

    read = group.each_object("rules", keep)
    if networks.is_the_internet(sources):
        return all_of(
            read, violation(f"`rules` let in {networks.measure(sources)}; they must be networks of one's own")
        )
    return read
