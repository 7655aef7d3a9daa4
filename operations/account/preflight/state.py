"""Whether the engine's state has a place to be, and the stack knows it."""

from collections.abc import Iterator
from typing import Final

from operations.account.preflight.finding import Account, Finding, ok, to_do
from operations.account.stack_file import SecretsProvider
from operations.account.state_bucket import StateBucket, backend
from operations.account.state_key import StateKey, secrets_provider

ABOUT: Final = "state"


def check(account: Account) -> Iterator[Finding]:
    """What a bootstrap would still do: a bucket that is gone, a key that is none, settings that somebody changed."""
    access = account.access
    key = StateKey(access)
    bucket = StateBucket(access, key, account.bucket)
    url = backend(account.bucket, access.region)
    written = SecretsProvider(account.file, secrets_provider(access.region), url)
    left = [action.text for step in (key, bucket, written) for action in step.missing()]
    again = f"./parapet account bootstrap --stack {account.file.name}"
    if not bucket.there() and next(written.missing(), None) is None:
        yield to_do(ABOUT, written.lost())
    elif not bucket.there():
        yield to_do(ABOUT, f"the bucket {account.bucket} is not there: {again}")
    elif left:
        yield to_do(ABOUT, f"{again} has something left to do: {'; '.join(left)}")
    else:
        yield ok(ABOUT, f"pulumi login '{url}'")
