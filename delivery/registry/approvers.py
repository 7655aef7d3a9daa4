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

Login = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")]
Place = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,149}\Z")]


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody, as no pipeline is; and a key of theirs, if they may approve."""

    account: Account
    """The one in MLflow, by which it is known that the approver is not the author."""
    key: str | None = None
    """Public, PEM. Who has neither this nor the next makes models, and approves none."""
    github: Login | None = None
    """Who they are to GitHub, as a reviewer of one of its Environments."""
    until: Annotated[datetime, Meta(tz=True)] | None = None
    """From then on it counts for nothing new. Who takes the entry out instead takes what was decided by it too."""


class Protected(Struct, frozen=True, forbid_unknown_fields=True):
    """An Environment of GitHub that asks for reviewers, and whose jobs alone have the private key."""

    environment: Place
    repository: Place
    """OWNER/NAME."""
    key: str
    until: Annotated[datetime, Meta(tz=True)] | None = None


class Through(Struct, frozen=True, forbid_unknown_fields=True):
    """By what an approver is known who signs with no key of their own."""

    environment: Place
    repository: Place
    run: Annotated[str, Meta(pattern=r"^[0-9]{1,20}\Z")]
    """Of the workflow, which GitHub shows with its reviewers."""
    login: Login


@dataclass(frozen=True)
class Key:
    """A public key, and when it ceases to count."""

    public: signing.Public
    until: datetime | None

    def counts(self, at: datetime) -> bool:
        return self.until is None or at < self.until


@dataclass(frozen=True)
class Reviewer:
    """Whose login it is, and when it ceases to count."""

    account: str
    until: datetime | None


@dataclass(frozen=True)
class People:
    """By their accounts, with the key of now and those of before; none for who approves nothing."""

    keys: Mapping[str, Sequence[Key]]
    logins: Mapping[str, Reviewer]
    """By their logins, in small letters."""
    protected: Mapping[tuple[str, str], Sequence[Key]]
    """Of the Environments, by repository and name."""

    def __contains__(self, account: str) -> bool:
        """Whether it is a person's account. Of another one nobody can tell who makes models by it."""
        return account in self.keys

    def account(self, login: str) -> str:
        """Raises Refused where it is nobody's of the file."""
        if found := self.logins.get(login.casefold()):
            return found.account
        raise Refused(f"{login} of GitHub is nobody of the approvers' file. Have it added there as `github`.")

    def keys_of(self, account: str, through: Through | None = None) -> Sequence[Key]:
        """Those that sign for them. Raises Refused where nobody is called so."""
        if through:
            return self._keys_through(account, through)
        if found := self.keys.get(account):
            return found
        names = ", ".join(sorted(name for name, keys in self.keys.items() if keys)) or "nobody yet"
        raise Refused(
            f"{account} is no approver; these are: {names}. Ask one of them, or have a key added. An approver who left "
            "stays in the file, with `until`: else nothing holds that they approved."
        )

    def _keys_through(self, account: str, through: Through) -> Sequence[Key]:
        if not (keys := self.protected.get((through.repository, through.environment))):
            raise Refused(f"{through.environment} of {through.repository} is no Environment of the approvers' file.")
        if self.account(through.login) != account:
            raise Refused(f"{through.login} of GitHub is not {account}, by the approvers' file.")
        until = self.logins[through.login.casefold()].until
        return [Key(each.public, min(filter(None, (each.until, until)), default=None)) for each in keys]


def approvers(file: Path) -> People:
    """Whom the file names, and their keys. Raises Refused."""
    people, protected = _listed(file)
    keys: dict[str, list[Key]] = {each.account: [] for each in people}
    logins: dict[str, Reviewer] = {}
    places: dict[tuple[str, str], list[Key]] = {}
    for each in people:
        if each.key is not None:
            keys[each.account].append(Key(_public(each.account, each.key, file), each.until))
        if each.github is not None:
            if each.github.casefold() in logins:
                raise Refused(f"The login {each.github} in {file} is there twice. One person, one login.")
            logins[each.github.casefold()] = Reviewer(each.account, each.until)
    for place in protected:
        key = Key(_public(place.environment, place.key, file), place.until)
        places.setdefault((place.repository, place.environment), []).append(key)
    seen: list[signing.Public] = []
    for name, own in [*keys.items(), *((place[1], own) for place, own in places.items())]:
        for key in own:
            if key.public in seen:
                raise Refused(f"The key of {name} in {file} is there twice. One person, one key.")
            seen.append(key.public)
        if len([key for key in own if key.until is None]) > 1:
            raise Refused(f"The approvers' file {file} has {name} twice. One person, one key; the older has `until`.")
    return People(keys, logins, places)


def _listed(file: Path) -> tuple[list[Person], list[Protected]]:
    try:
        listed = msgspec.convert(yaml.safe_load(file.read_text()) or [], list[dict[str, object]])
        people = msgspec.convert([each for each in listed if "environment" not in each], list[Person])
        return people, msgspec.convert([each for each in listed if "environment" in each], list[Protected])
    except OSError as error:
        raise Refused(f"The approvers' file {file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        detail = told(error) if isinstance(error, msgspec.ValidationError) else "it is no YAML"
        raise Refused(f"The approvers' file {file} is not as it must be: {detail}.") from None


def _public(account: str, told: str, file: Path) -> signing.Public:
    try:
        key = load_pem_public_key(told.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not signing.is_taken(key):
        raise Refused(f"The key of {account} in {file} is none of Ed25519 or P-256, public, in PEM.")
    return key  # type: ignore[return-value]
