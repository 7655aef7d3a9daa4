"""What the samples leave open: values that name nobody's account, no image, and no people."""

import re
from collections.abc import Iterator
from pathlib import Path
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
_NOBODYS: Final = ("@example.com", "@example.org")
OWNERS: Final = Path("runbooks") / "owners.yaml"
_REACHED: Final = re.compile(
    r"(?P<address>[^\s:{},\"']+@example\.(?:com|org)\b|https://[^\s/]*\bexample\.(?:com|org)/\S*)"
)


def check(stack: Stack) -> Iterator[Finding]:
    found = [*of_file(stack.file), *of_owners(stack.root)]
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
        if value.endswith(_NOBODYS):
            text = f"parapet:{name} is {value}, which nobody reads: name the team that answers for the stack"
            yield Finding(ABOUT, State.PLACEHOLDER, text)


def of_owners(root: Path) -> Iterator[Finding]:
    """Whom an alert would wake and an incident would ask, where that is nobody yet. Its form is looked at by who reads
    it (`delivery/incidents/owners.py`); a folder without runbooks has nobody to name."""
    file = root / OWNERS
    for line in file.read_text().splitlines() if file.exists() else ():
        for found in _REACHED.finditer(line.partition("#")[0]):
            instead = "the place where people read yours" if "://" in found["address"] else "your own people"
            text = f"{OWNERS} names {found['address']}, which nobody reads: put {instead} in its place"
            yield Finding(ABOUT, State.PLACEHOLDER, text)
