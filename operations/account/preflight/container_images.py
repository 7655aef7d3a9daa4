"""Whether the stack's registry holds what its pods run."""

from collections.abc import Iterator
from typing import Final

from cluster.images import lock_file
from operations.account.preflight.finding import Account, Finding, ok, to_do
from operations.images import Registry, State, plan

ABOUT: Final = "images"


def check(account: Account) -> Iterator[Finding]:
    """A line for each that is not there; a stack that has no registry yet makes it with its first `pulumi up`."""
    settings, name = account.settings, account.file.name
    rows = plan(Registry(settings.name, account.access.region, settings.allowed_account_id), lock_file())
    if all(row.state is State.NO_REPOSITORY or not row.held for row in rows):
        yield to_do(
            ABOUT,
            f"none of the {len(rows)} is in a registry of {settings.name}: the first `pulumi up` makes it and "
            f"ends there; then ./parapet images mirror --stack {name} and build --stack {name}, and `pulumi up` again",
        )
        return
    for row in rows:
        if row.state is not State.THERE:
            command = "build" if row.image.built else "mirror"
            yield to_do(ABOUT, f"{row.image.tagged}: {row.state.value}: ./parapet images {command} --stack {name}")
    if all(row.state is State.THERE for row in rows):
        yield ok(ABOUT, f"all {len(rows)} are in {settings.name}, by the lock's digests")
