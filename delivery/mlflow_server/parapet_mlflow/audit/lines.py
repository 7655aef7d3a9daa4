"""The form that every line of the audit trail has, and where the lines go."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from parapet_mlflow.asgi import Origin
from parapet_mlflow.audit.key import Key

ACCOUNT: Final = re.compile(r"[\w.@-]{1,64}", re.ASCII)


class Sink(Protocol):
    """Where lines go. `write` never waits and never fails."""

    def write(self, line: str) -> None: ...
    def close(self) -> None: ...


class Lines:
    """Writes lines, from any thread."""

    def __init__(self, key: Key, sinks: Sequence[Sink]) -> None:
        self.digest = key.digest
        self._sinks = sinks

    def write(self, fields: Mapping[str, Any]) -> None:
        told = {"audit": 1, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        line = json.dumps(told, separators=(",", ":"))
        for sink in self._sinks:
            sink.write(line)

    def signed_on_first(self, user: str, asked: Origin) -> None:
        """That an account was made, for a person who signed on with this request for the first time."""
        self.write({**asked, "user": self.account(user), "action": "sign-on/account"})

    def groups(
        self, user: str, asked: Origin, given: Collection[int], taken: Collection[int], administers: bool | None
    ) -> None:
        """What the groups of a person who signed on with this request changed: the roles of the account, and whether
        it administers MLflow, which is None where it stays as it was."""
        self.write(
            {
                **asked,
                "user": self.account(user),
                "action": "sign-on/groups",
                **({"given_role_id": sorted(map(str, given))} if given else {}),
                **({"taken_role_id": sorted(map(str, taken))} if taken else {}),
                **({} if administers is None else {"is_admin": str(administers)}),
            }
        )

    def account(self, name: str) -> str:
        """An account's name as a line has it."""
        return name if ACCOUNT.fullmatch(name) else self.digest(name)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()
