"""The secrets, read from the files that the cluster keeps current."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from parapet_mlflow.refusal import Refused

FOLDER = "PARAPET_SECRETS_DIR"
DATABASE, ADMINISTRATOR, SESSION_KEYS, SIGN_ON, ACCOUNT = "database", "admin", "flask", "sign-on", "user-"
AUDIT_KEYS, KEY_LENGTH = "audit-key", 32
"""The file of the audit trail's keys, and the characters that each has at least."""


@dataclass(frozen=True)
class Credentials:
    """A user of the database. Its password is in no `repr`, so that no log or trace shows it."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class SecretFiles:
    """One folder of secrets. Nothing is kept: each call reads the file as it is now. All raise Refused."""

    folder: Path

    @classmethod
    def named(cls) -> "SecretFiles":
        """The folder that the environment names."""
        if not (folder := os.environ.get(FOLDER)):
            raise Refused(f"{FOLDER} is not set. Set it to the folder where the secrets are mounted.")
        return cls(Path(folder))

    def database(self) -> Credentials:
        return credentials(self._text(DATABASE), f"The secret {self.folder / DATABASE}")

    def administrator(self) -> str:
        """The administrator's password."""
        return self._text(ADMINISTRATOR)

    def session_keys(self) -> list[str]:
        """The keys of people's sessions, a line each, the newest first (`login.oidc.cookies`)."""
        return self._text(SESSION_KEYS).split()

    def sign_on(self) -> str:
        """The secret by which the identity provider knows this server."""
        return self._text(SIGN_ON)

    def audit_keys(self) -> list[str]:
        """The audit trail's keys, a line each: the first is used, and by the others older lines are found."""
        keys = self._text(AUDIT_KEYS).split()
        if short := next((number for number, key in enumerate(keys, 1) if len(key) < KEY_LENGTH), None):
            raise Refused(
                f"Line {short} of the secret {self.folder / AUDIT_KEYS} has less than {KEY_LENGTH} characters. "
                "Use a key that was generated."
            )
        return keys

    def accounts(self) -> dict[str, str]:
        """The password of each account that has a file `user-NAME`."""
        return {name.removeprefix(ACCOUNT): self._text(name) for name in self._account_files()}

    def fingerprint(self) -> str:
        """Changes with each secret that needs a new start: all but the database's, which each connection reads."""
        total = sha256()
        sign_on = (SIGN_ON,) if (self.folder / SIGN_ON).exists() else ()
        for name in (ADMINISTRATOR, SESSION_KEYS, AUDIT_KEYS, *sign_on, *self._account_files()):
            content = self._text(name).encode()
            total.update(f"{name} {len(content)} ".encode() + content)
        return total.hexdigest()

    def _account_files(self) -> Iterator[str]:
        try:
            yield from sorted(file.name for file in self.folder.iterdir() if file.name.startswith(ACCOUNT))
        except OSError as error:
            raise Refused(f"The secrets' folder {self.folder} cannot be read: {error.strerror}.") from None

    def _text(self, name: str) -> str:
        file = self.folder / name
        try:
            text = file.read_text().strip()
        except OSError as error:
            raise Refused(f"The secret {file} cannot be read: {error.strerror}. Mount it there.") from None
        except UnicodeDecodeError:
            raise Refused(f"The secret {file} is no text. Put it there as UTF-8.") from None
        if not text:
            raise Refused(f"The secret {file} is empty. Give it a value.")
        return text


def credentials(text: str, whose: str) -> Credentials:
    """Reads the JSON that RDS writes into its managed secret; `whose` begins what Refused says of a wrong one."""
    try:
        told = json.loads(text)
        username, password = told["username"], told["password"]
    except (ValueError, KeyError, TypeError):
        username = password = None
    if not (isinstance(username, str) and username and isinstance(password, str) and password):
        raise Refused(f'{whose} is no JSON with "username" and "password", as RDS writes it.')
    return Credentials(username, password)
