"""Amazon WorkSpaces: desktops whose volumes are encrypted, and who may sign in to them from where."""

from __future__ import annotations

from typing import Any

from hipaa.resource import Properties
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, is_, is_set, violation

WORKSPACE = "aws:workspaces/workspace:Workspace"
DIRECTORY = "aws:workspaces/directory:Directory"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _workspace(root: bool | None = True, user: bool | None = True) -> dict[str, Any]:
    told = {"rootVolumeEncryptionEnabled": root, "userVolumeEncryptionEnabled": user, "volumeEncryptionKey": _KEY}
    return {"bundleId": "wsb-1a2b3c4d5", "userName": "nurse"} | {k: v for k, v in told.items() if v is not None}


@rule(
    "workspace-encrypts-its-volumes",
    on=WORKSPACE,
    severity=HIGH,
    fix="Set root_volume_encryption_enabled=True, user_volume_encryption_enabled=True and volume_encryption_key.",
    sound=[_workspace()],
    unsound=[_workspace(root=False), _workspace(user=None), {"bundleId": "wsb-1a2b3c4d5", "userName": "nurse"}],
)
def workspace_encrypts_its_volumes(workspace: Properties) -> Verdict:
    """A desktop's two volumes are encrypted: they are not unless told."""
    return all_of(
        workspace.require("rootVolumeEncryptionEnabled", is_(True), default=False),
        workspace.require("userVolumeEncryptionEnabled", is_(True), default=False),
    )


@rule(
    "workspaces-directory-names-its-networks",
    on=DIRECTORY,
    severity=LOW,
    advisory="who signs in is known by the directory (164.312(d)); from where is one more bound",
    fix="Set ip_group_ids.",
    sound=[{"directoryId": "d-1a2b3c4d5e", "ipGroupIds": ["wsipg-1a2b3c4d5"]}],
    unsound=[{"directoryId": "d-1a2b3c4d5e"}],
)
def directory_names_its_networks(directory: Properties) -> Verdict:
    """Desktops are opened from networks that are listed."""
    return directory.require("ipGroupIds", is_set())


@rule(
    "workspaces-directory-keeps-users-from-administration",
    on=DIRECTORY,
    severity=MEDIUM,
    advisory="a person's own desktop may be theirs to administer; less is safer",
    fix="Set workspace_creation_properties.user_enabled_as_local_administrator=False and enable_internet_access=False.",
    sound=[{"workspaceCreationProperties": {"userEnabledAsLocalAdministrator": False, "enableInternetAccess": False}}],
    unsound=[
        {"workspaceCreationProperties": {"userEnabledAsLocalAdministrator": True}},
        {"workspaceCreationProperties": {"enableInternetAccess": True}},
    ],
)
def directory_keeps_users_from_administration(directory: Properties) -> Verdict:
    """A user is no administrator of a desktop, and a desktop has no way of its own to the internet."""
    wrong = [
        name
        for name in ("userEnabledAsLocalAdministrator", "enableInternetAccess")
        if directory.at(f"workspaceCreationProperties.{name}") is True
    ]
    properties = directory.at("workspaceCreationProperties")
    return all_of(*(violation(f"`{properties.where(name)}` is true; it must be false") for name in wrong))
