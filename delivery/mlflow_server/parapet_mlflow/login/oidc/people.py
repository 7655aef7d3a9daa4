"""Accounts of people: made when they first sign on, with the roles that their groups give them."""

import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from cachetools import TTLCache
from mlflow.exceptions import MlflowException
from mlflow.server.auth.db.models import SqlUser
from mlflow.server.auth.entities import User
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.security import generate_password_hash

from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted, Person
from parapet_mlflow.login.tables import PEOPLE

REMEMBERED: Final = 60
"""Seconds for which a worker does not look again whether the account is there, as for passwords."""


class People:
    """The account of a person, from threads."""

    def __init__(self, store: Any, settings: SignOn) -> None:
        self._store, self._settings = store, settings
        self._seen: TTLCache[Person, User] = TTLCache(10_000, REMEMBERED)
        self._lock = threading.Lock()

    def user(self, person: Person, *, may_be_new: bool) -> User | None:
        """The account, as the groups say. None where there is none and it may not be new; NotTrusted where its name is
        another's."""
        with self._lock:
            if (seen := self._seen.get(person)) is not None:
                return seen
        if (name := self._name(person, may_be_new=may_be_new)) is None:
            return None
        user = self._as_groups_say(self._store.get_user(name), person)
        with self._lock:
            self._seen[person] = user
        return user

    def _name(self, person: Person, *, may_be_new: bool) -> str | None:
        with self._store.engine.connect() as connection:
            found = _found(connection, person)
        if found is not None or not may_be_new:
            return found
        # A hash of what nobody knows: no password is right, and to say so takes as long as for any account.
        hashed = generate_password_hash(secrets.token_urlsafe(48))
        new = insert(SqlUser).values(username=person.name, password_hash=hashed, is_admin=False).returning(SqlUser.id)
        try:
            with self._store.engine.begin() as connection:
                identity = {"issuer": person.issuer, "subject": person.subject}
                connection.execute(insert(PEOPLE).values(user_id=connection.scalar(new), **identity))
                return person.name
        except IntegrityError:
            with self._store.engine.connect() as connection:
                if (found := _found(connection, person)) is not None:  # another worker was faster
                    return found
            raise NotTrusted(
                "there is an account of this name already, and it is not this person's. Have the administrator delete "
                "it, or the provider give another name"
            ) from None

    def _as_groups_say(self, user: User, person: Person) -> User:
        administers = bool(self._settings.administrators) and self._settings.administrators in person.groups
        if user.is_admin != administers:
            user = self._store.update_user(user.username, is_admin=administers)
        wanted = {self._settings.roles[group] for group in person.groups if group in self._settings.roles}
        has = {role.name: role.id for role in self._store.list_user_roles(user.id) if _ours(role)}
        given = set(self._settings.roles.values())
        for name in (set(has) & given) - wanted:
            with suppress(MlflowException):  # another worker was faster
                self._store.unassign_role_from_user(user.id, has[name])
        for identifier in self._roles(wanted - set(has)):
            with suppress(MlflowException):
                self._store.assign_role_to_user(user.id, identifier)
        return user

    def _roles(self, names: Iterable[str]) -> Iterable[int]:
        """Their ids. One that is not there is made, and may nothing until an administrator grants it something."""
        for name in names:
            with suppress(MlflowException):
                self._store.create_role(name, DEFAULT_WORKSPACE_NAME, "Given by a group of the identity provider.")
            yield self._store.get_role_by_name(DEFAULT_WORKSPACE_NAME, name).id


def _found(connection: Connection, person: Person) -> str | None:
    known = select(SqlUser.username).join(PEOPLE, PEOPLE.c.user_id == SqlUser.id)
    found: str | None = connection.scalar(
        known.where(PEOPLE.c.issuer == person.issuer, PEOPLE.c.subject == person.subject)
    )
    return found


def _ours(role: Any) -> bool:
    return bool(role.workspace == DEFAULT_WORKSPACE_NAME)
