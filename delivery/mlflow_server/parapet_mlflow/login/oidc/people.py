"""Accounts of people: made when they first sign on, with the roles that their groups give them."""

import secrets
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from cachetools import TTLCache
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.server.auth.db.models import SqlUser
from mlflow.server.auth.entities import User
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from sqlalchemy import Connection, Row, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import generate_password_hash

from parapet_mlflow.asgi import Origin
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted, Person
from parapet_mlflow.login.tables import PEOPLE, asked

REMEMBERED: Final = 60
"""Seconds for which a worker does not look again whether the account is there, as for passwords."""
# One account's rights are changed by one worker at a time. No row is locked meanwhile, for which MLflow would wait when
# it deletes the account, and we for MLflow.
ALONE: Final = text("SELECT pg_advisory_xact_lock(1885695856, :user_id)")
TAKEN: Final = (
    "there is an account of this name already, and it is not this person's. Have the administrator delete it, or the "
    "provider give another name"
)
_DONE: Final = [ErrorCode.Name(code) for code in (RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST)]


class Told(Protocol):
    """Tells the audit trail what a sign-on changed (`audit.lines.Lines`)."""

    def signed_on_first(self, user: str, asked: Origin) -> None: ...
    def groups(
        self, user: str, asked: Origin, given: Collection[int], taken: Collection[int], administers: bool | None
    ) -> None: ...


class People:
    """The account of a person, from threads."""

    def __init__(self, store: Any, settings: SignOn, told: Told) -> None:
        self._store, self._settings, self._told = store, settings, told
        self._seen: TTLCache[Person, User] = TTLCache(10_000, REMEMBERED)
        self._lock, self._changing = threading.Lock(), threading.Lock()

    def user(self, person: Person, asked_by: Origin, *, may_be_new: bool) -> User | None:
        """The account, with the rights that its groups give. None where there is none and it may not be new, or its
        owner has signed out since. Raises NotTrusted where its name is another's, and Outage.

        What changes with it is told of the request that `asked_by` names.
        """
        with self._lock:
            if (seen := self._seen.get(person)) is not None:
                return seen
        with asked():
            known = self._known(person, asked_by, may_be_new=may_be_new)
            if known is None or person.since * 1000 < known.signed_out:
                return None
            user: User = self._store.get_user(known.username)
            if person.at >= known.told:
                user = self._as_told(user, person, asked_by)
        with self._lock:
            self._seen[person] = user
        return user

    def sign_out(self, person: Person) -> None:
        """Ends all sessions that a person began before now: here at once, elsewhere within a minute. Raises Outage."""
        mine = (PEOPLE.c.issuer == person.issuer) & (PEOPLE.c.subject == person.subject)
        with asked(), self._store.engine.begin() as connection:
            connection.execute(update(PEOPLE).where(mine).values(signed_out=int(time.time() * 1000)))
        with self._lock:
            for seen in [each for each in self._seen if (each.issuer, each.subject) == (person.issuer, person.subject)]:
                del self._seen[seen]

    def _known(self, person: Person, asked_by: Origin, *, may_be_new: bool) -> Row[Any] | None:
        with self._store.engine.connect() as connection:
            found = _found(connection, person)
            if found is not None or not may_be_new:
                return found
            # A name in other letters would be taken for this one by whoever reads it.
            if connection.scalar(select(SqlUser.id).where(func.lower(SqlUser.username) == person.name)) is not None:
                raise NotTrusted(TAKEN)
        # A hash of what nobody knows: no password is right, and to say so takes as long as for any account.
        hashed = generate_password_hash(secrets.token_urlsafe(48))
        new = insert(SqlUser).values(username=person.name, password_hash=hashed, is_admin=False).returning(SqlUser.id)
        try:
            with self._store.engine.begin() as connection:
                identity = {"issuer": person.issuer, "subject": person.subject}
                connection.execute(insert(PEOPLE).values(user_id=connection.scalar(new), **identity))
                # Before it is there, so that nothing is done with it that no line explains.
                self._told.signed_on_first(person.name, asked_by)
                return _found(connection, person)
        except IntegrityError:
            with self._store.engine.connect() as connection:
                if (found := _found(connection, person)) is not None:  # another worker was faster
                    return found
            raise NotTrusted(TAKEN) from None

    def _as_told(self, user: User, person: Person, asked_by: Origin) -> User:
        """The newest word of the provider holds: an older token gives nothing back that was taken away since."""
        mine = PEOPLE.c.user_id == user.id
        with self._changing, self._store.engine.begin() as connection:
            connection.execute(ALONE, {"user_id": user.id})
            if (told := connection.scalar(select(PEOPLE.c.told).where(mine))) is None or told > person.at:
                return user
            user = self._as_groups_say(user, person, asked_by)
            if told < person.at:
                connection.execute(update(PEOPLE).where(mine).values(told=person.at))
        return user

    def _as_groups_say(self, user: User, person: Person, asked_by: Origin) -> User:
        administers = bool(self._settings.administrators) and self._settings.administrators in person.groups
        wanted = {self._settings.roles[group] for group in person.groups if group in self._settings.roles}
        has = {role.name: role.id for role in self._store.list_user_roles(user.id) if _ours(role)}
        given = set(self._settings.roles.values())
        taken, new = [has[name] for name in (set(has) & given) - wanted], list(self._roles(wanted - set(has)))
        changes = user.is_admin != administers
        if changes or taken or new:
            # Before it holds, for the same reason.
            self._told.groups(user.username, asked_by, new, taken, administers if changes else None)
        if changes:
            user = self._store.update_user(user.username, is_admin=administers)
        for identifier in taken:
            with _done_already():
                self._store.unassign_role_from_user(user.id, identifier)
        for identifier in new:
            with _done_already():
                self._store.assign_role_to_user(user.id, identifier)
        return user

    def _roles(self, names: Iterable[str]) -> Iterable[int]:
        """Their ids. One that is not there is made, and may nothing until an administrator grants it something."""
        for name in names:
            with _done_already():
                self._store.create_role(name, DEFAULT_WORKSPACE_NAME, "Given by a group of the identity provider.")
            yield self._store.get_role_by_name(DEFAULT_WORKSPACE_NAME, name).id


def _found(connection: Connection, person: Person) -> Row[Any] | None:
    known = select(SqlUser.username, PEOPLE.c.told, PEOPLE.c.signed_out).join(PEOPLE, PEOPLE.c.user_id == SqlUser.id)
    mine = known.where(PEOPLE.c.issuer == person.issuer, PEOPLE.c.subject == person.subject)
    return connection.execute(mine).one_or_none()


@contextmanager
def _done_already() -> Iterator[None]:
    """Around what another worker, or the administrator, may have done a moment before."""
    try:
        yield
    except MlflowException as error:
        if error.error_code not in _DONE:
            raise


def _ours(role: Any) -> bool:
    return bool(role.workspace == DEFAULT_WORKSPACE_NAME)
