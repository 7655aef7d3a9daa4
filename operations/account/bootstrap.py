"""Makes an account ready for its first `pulumi up`: what must be there before a state can be kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import boto3

from operations.account import state_bucket, state_key
from operations.account.access import Access, open_account, told
from operations.account.service_linked_roles import ServiceLinkedRoles
from operations.account.stack_file import SecretsProvider
from operations.account.state_bucket import StateBucket
from operations.account.state_key import StateKey
from operations.account.step import Action, Step
from operations.refused import Refused
from operations.stack_settings import StackFile, checked


@dataclass(frozen=True)
class Outcome:
    account: str
    region: str
    backend: str
    provider: str
    changes: int
    """How many things were done or, in a plan, would be."""


def bootstrap(
    stack: StackFile,
    tell: Callable[[str], None],
    *,
    plan: bool = False,
    bucket: str | None = None,
    session: boto3.Session | None = None,
) -> Outcome:
    """Does what is missing and tells of each thing; a second run finds nothing to do, and one that was stopped goes on.

    With `plan` nothing is changed. Raises `Refused` where the credentials, the bucket or the key are not the account's
    own, before the first change that it would spoil.
    """
    settings = checked(stack)
    if settings.local_aws:
        raise Refused(f"The stack {stack.name!r} runs against a local AWS API, and its state lies beside it.")
    with told():
        access = open_account(settings.region, settings.allowed_account_id, session)
        name = bucket or state_bucket.default_name(access.id, access.region)
        backend, provider = state_bucket.backend(name, access.region), state_key.secrets_provider(access.region)
        changes = 0
        for action in _actions(access, settings.spot, stack, name, backend, provider):
            tell(action.text)
            if not plan:
                action.do()
            changes += 1
    return Outcome(access.id, access.region, backend, provider, changes)


def _actions(access: Access, spot: bool, stack: StackFile, name: str, backend: str, provider: str) -> Iterator[Action]:
    key = StateKey(access)
    keeps = StateBucket(access, key, name)
    written = SecretsProvider(stack, provider, backend)
    # What would be refused later is refused before anything is made.
    key.arn()
    there, left = keeps.there(), next(written.missing(), None)
    if left is None and not there:
        raise Refused(f"{written.lost()}.")
    steps: tuple[Step, ...] = (ServiceLinkedRoles(access, spot), key, keeps, written)
    for step in steps:
        yield from step.missing()
