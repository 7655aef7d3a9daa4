"""What the samples leave open: values that name nobody's account and no image."""

import re
from collections.abc import Iterator
from typing import Final

import pulumi

from cluster.images import lock_file, read_lock
from operations.account.preflight.finding import Finding, Stack, State, ok, to_do
from operations.stack_settings import StackFile

ABOUT: Final = "placeholders"
DOCUMENTATION_ACCOUNTS: Final = frozenset(
    {"000000000000", "111111111111", "111122223333", "123456789012", "444455556666", "777788889999", "999999999999"}
)
"""The numbers that AWS's documentation uses, which are no one's to deploy to."""
_ACCOUNT: Final = re.compile(r"(?<!\d)\d{12}(?!\d)")
_NO_DIGEST: Final = re.compile(r"sha256:0{64}")


def check(stack: Stack) -> Iterator[Finding]:
    found = list(of_file(stack.file))
    if not stack.settings.allowed_account_id:
        text = "parapet:allowedAccountId is empty: set it, or a stray AWS_PROFILE decides whose account is provisioned"
        found.append(Finding(ABOUT, State.PLACEHOLDER, text))
    try:
        read_lock(lock_file())
    except pulumi.RunError as error:
        found.append(to_do(ABOUT, str(error)))
    yield from found or [ok(ABOUT, "none")]


def of_file(file: StackFile) -> Iterator[Finding]:
    """The settings that hold a placeholder, whether or not they are valid otherwise."""
    for name, value in sorted(file.values.items()):
        for account in sorted(set(_ACCOUNT.findall(value)) & DOCUMENTATION_ACCOUNTS):
            text = f"parapet:{name} names {account}, an account of AWS's documentation: put your own in its place"
            yield Finding(ABOUT, State.PLACEHOLDER, text)
        if _NO_DIGEST.search(value):
            text = f"parapet:{name} is a digest of zeros, which no image has: ./parapet images tells the real one"
            yield Finding(ABOUT, State.PLACEHOLDER, text)
        if value.endswith(("@example.com", "@example.org")):
            text = f"parapet:{name} is {value}, which nobody reads: name the team that answers for the stack"
            yield Finding(ABOUT, State.PLACEHOLDER, text)
