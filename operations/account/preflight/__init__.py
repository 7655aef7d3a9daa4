"""Everything that must be so before a `pulumi up`, looked at beforehand: each is `ok`, or says what to do."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import boto3
import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from operations import stack_settings
from operations.account import state_bucket
from operations.account.access import explained, open_account
from operations.account.preflight import (
    administrators,
    backend,
    container_images,
    instance_types,
    listeners,
    names,
    pipelines,
    placeholders,
    quotas,
    roles,
    services,
    state,
    tools,
    trail,
    transit_gateway,
    versions,
    zones,
)
from operations.account.preflight.finding import Account, Finding, Offline, Online, Stack, State, ok, to_do
from operations.refused import Refused

__all__ = ["Finding", "State", "preflight"]

SETTINGS: Final = "settings"
OFFLINE: Final[tuple[Offline, ...]] = (placeholders.check,)
"""What the stack's own files tell."""
ON_THIS_MACHINE: Final[tuple[Offline, ...]] = (tools.check,)
ONLINE: Final[dict[str, Online]] = {
    administrators.ABOUT: administrators.check,
    roles.ABOUT: roles.check,
    names.ABOUT: names.check,
    pipelines.ABOUT: pipelines.check,
    quotas.ABOUT: quotas.check,
    services.ABOUT: services.check,
    versions.ABOUT: versions.check,
    zones.ABOUT: zones.check,
    instance_types.ABOUT: instance_types.check,
    zones.ENDPOINTS: zones.endpoints,
    transit_gateway.ABOUT: transit_gateway.check,
    trail.ABOUT: trail.check,
    listeners.ABOUT: listeners.check,
    state.ABOUT: state.check,
    backend.ABOUT: backend.check,
    container_images.ABOUT: container_images.check,
}
"""What the account tells, by what it is about."""


def preflight(
    root: Path, name: str, *, offline: bool = False, bucket: str | None = None, session: boto3.Session | None = None
) -> Iterator[Finding]:
    """Looks at every precondition of the stack called `name`, and changes nothing.

    Offline, no account is asked: what the stack's files tell. A check that cannot be made is a finding too, never a
    silence. Raises `Refused` where there is no such stack.
    """
    file = stack_settings.read(root, name)
    try:
        settings = file.settings()
    except pulumi.RunError as error:
        yield from (to_do(SETTINGS, line) for line in str(error).splitlines())
        yield from placeholders.of_file(file)
        yield Finding(SETTINGS, State.UNKNOWN, "the rest is looked at once these are mended")
        return
    yield ok(SETTINGS, f"{len(file.values)} read from Pulumi.yaml and {file.path.name}")
    stack = Stack(file, settings, root)
    for check in OFFLINE if offline else (*OFFLINE, *ON_THIS_MACHINE):
        yield from check(stack)
    if offline:
        return
    try:
        access = open_account(settings.region, settings.allowed_account_id, session)
    except Refused as error:
        yield to_do("account", str(error))
        return
    yield ok("account", f"{access.id} in {access.region}, as {access.caller}")
    place = bucket or state_bucket.default_name(access.id, access.region)
    account = Account(file, settings, root, access, place)
    for about, look in ONLINE.items():
        yield from _looked(about, look, account)


def _looked(about: str, look: Online, account: Account) -> Iterable[Finding]:
    """What a check finds; what stops it is a finding too."""
    found: list[Finding] = []
    try:
        found.extend(look(account))
    except Refused as error:
        found.append(to_do(about, str(error)))
    except ClientError as error:
        found.append(Finding(about, State.UNKNOWN, explained(error)))
    except BotoCoreError as error:
        found.append(Finding(about, State.UNKNOWN, f"AWS cannot be asked: {error}"))
    return found
