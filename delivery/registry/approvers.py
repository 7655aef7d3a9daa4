"""Whose signature counts, and until when: a file of the repository, which changes by review as all of it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Meta, Struct

from delivery.registry import signing
from delivery.registry.documents import Account, told
from delivery.registry.refused import Refused


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody, as no pipeline is; and a key of theirs, if they may approve."""

    account: Account
    """The one in MLflow, by which it is known that the approver is not the author."""
    key: str | None = None
    """Public, PEM. Who has none makes models, and approves none."""
    until: Annotated[datetime, Meta(tz=True)] | None = None
    """From then on it counts for nothing new. Who takes the entry out instead takes what was decided by it too."""


@dataclass(frozen=True)
class Key:
    """A public key, and when it ceases to count."""

    public: signing.Public
    until: datetime | None

    def counts(self, at: datetime) -> bool:
        return self.until is None or at < self.until


@dataclass(frozen=True)
class People:
    """By their accounts, with the key of now and those of before; none for who approves nothing."""

    keys: Mapping[str, Sequence[Key]]

    def __contains__(self, account: str) -> bool:
        """Whether it is a person's account. Of another one nobody can tell who makes models by it."""
        return account in self.keys

    def keys_of(self, account: str) -> Sequence[Key]:
        """Raises Refused where nobody is called so."""
        if found := self.keys.get(account):
            return found
        names = ", ".join(sorted(name for name, keys in self.keys.items() if keys)) or "nobody yet"
        raise Refused(
            f"{account} is no approver; these are: {names}. Ask one of them, or have a key added. An approver who left "
            "stays in the file, with `until`: else nothing holds that they approved."
        )


def approvers(file: Path) -> People:
    """The people in the file, and their keys. Raises Refused."""
    try:
        listed = msgspec.convert(yaml.safe_load(file.read_text()) or [], list[Person])
    except OSError as error:
        raise Refused(f"The approvers' file {file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        detail = told(error) if isinstance(error, msgspec.ValidationError) else "it is no YAML"
        raise Refused(f"The approvers' file {file} is not as it must be: {detail}.") from None
    found: dict[str, list[Key]] = {}
    for each in listed:
        found.setdefault(each.account, [])
        if each.key is None:
            continue
        key = Key(_public(each.account, each.key, file), each.until)
        if key.public in [other.public for keys in found.values() for other in keys]:
            raise Refused(f"The key of {each.account} in {file} is there twice. One person, one key.")
        found[each.account].append(key)
    for account, keys in found.items():
        if len([key for key in keys if key.until is None]) > 1:
            raise Refused(f"The approvers' file {file} has {account} twice. One person, one key; the older has `until`.")
    return People(found)


def _public(account: str, told: str, file: Path) -> signing.Public:
    try:
        key = load_pem_public_key(told.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not signing.is_taken(key):
        raise Refused(f"The key of {account} in {file} is none of Ed25519 or P-256, public, in PEM.")
    return key  # type: ignore[return-value]
