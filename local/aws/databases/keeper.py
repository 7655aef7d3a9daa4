"""The process that keeps a PostgreSQL server for each RDS instance of engine postgres of the local AWS API."""

import subprocess
import sys
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import server
from local.aws.changes import Watched
from local.aws.databases import places, postgres
from local.aws.databases.instances import Instance, Instances
from local.aws.databases.postgres import Postgres
from local.keeping import keep
from local.processes import PortUnusable, StartFailed
from local.workspace import Workspace

AGAIN_AFTER = 5.0  # seconds, after a start that failed


class Keeper:
    """Makes the running servers be the wanted ones, look by look."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._endpoint: str | None = None
        self._instances: Watched[list[Instance]] | None = None
        self._served: dict[str, Instance] = {}
        self._failed: dict[str, float] = {}
        self._told: dict[str, str] = {}

    def look(self) -> bool:
        """Whether anything had to be changed. Where the API does not answer, the databases stay as they are."""
        try:
            wanted = self._reach()
        except (BotoCoreError, ClientError, LookupError, OSError, ValueError) as error:
            self._tell("", f"The AWS API does not tell its databases, so they stay: {error}")
            return False
        if wanted is None:
            self._tell("", "The AWS API does not run: waiting for it.")
            return False
        self._tell("", "")
        removed = self._remove({one.resource_id for one in wanted})
        return any([removed, *(self._serve(one) for one in wanted)])

    def _reach(self) -> list[Instance] | None:
        # Looked up each time: the AWS API may start later than this, and again on another port.
        endpoint = server.url(self._workspace)
        if endpoint != self._endpoint:
            self._endpoint = endpoint
            self._instances = Watched(endpoint, Instances(endpoint).wanted) if endpoint else None
        return self._instances.told() if self._instances else None

    def _remove(self, wanted: set[str]) -> bool:
        surplus = (postgres.recorded(self._workspace) | places.names(self._workspace)) - wanted
        for resource_id in surplus:
            postgres.end(self._workspace, resource_id)
            places.forget(self._workspace, resource_id)
            self._served.pop(resource_id, None)
            self._say(f"removed {resource_id}")
        return bool(surplus)

    def _serve(self, instance: Instance) -> bool:
        key = instance.resource_id
        if time.monotonic() - self._failed.get(key, -AGAIN_AFTER) < AGAIN_AFTER:
            return False
        try:
            return self._make_equal(instance)
        except (StartFailed, PortUnusable, OSError, subprocess.SubprocessError) as error:
            self._failed[key] = time.monotonic()
            self._tell(key, f"{instance.identifier} is not served: {error}")
            return False

    def _make_equal(self, instance: Instance) -> bool:
        served = self._served.get(instance.resource_id)
        database = Postgres(self._workspace, instance)
        began = database.start()
        if began:
            self._say(f"started {instance.identifier} on port {instance.port}")
        if served is None or served.settings != instance.settings:
            database.configure()
        if served is None or served.password != instance.password or served.username != instance.username:
            database.admit()
            self._say(f"{instance.identifier} takes the master user's password")
        self._served[instance.resource_id] = instance
        self._tell(instance.resource_id, "")
        return began or served != instance

    def _tell(self, about: str, text: str) -> None:
        if text and text != self._told.get(about):
            self._say(text)
        self._told[about] = text

    def _say(self, text: str) -> None:
        print(text, flush=True)


def main() -> None:
    keep(Keeper(Workspace(home=Path(sys.argv[1]))).look)


if __name__ == "__main__":
    main()
