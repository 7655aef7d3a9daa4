"""The application `parapet`: MLflow, the gate before it, the log-in around that, the audit trail around all of it."""

import os

from parapet_mlflow import database, errors, garbage, logs
from parapet_mlflow.audit.key import Key
from parapet_mlflow.audit.lines import Lines, Sink
from parapet_mlflow.audit.sinks import GROUP, CloudWatchLogs, StandardOutput, stream_of_this_process
from parapet_mlflow.audit.trail import Trail
from parapet_mlflow.gate import routes
from parapet_mlflow.gate.gate import Gate
from parapet_mlflow.secret_files import SecretFiles
from parapet_mlflow.threads import Threads

# In each worker, which is a process of its own, before MLflow opens a connection or says anything.
logs.install()
database.install()
errors.install()


def create_app() -> Trail:
    """The ASGI application of one worker."""
    garbage.wait()
    from mlflow.server import app, auth
    from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

    from parapet_mlflow import datasets, direct, first, parsing, remembered, sharing, stages, streaming
    from parapet_mlflow.disposal import traces
    from parapet_mlflow.disposal.bucket import Bucket
    from parapet_mlflow.gate import creators, deletions, kept, lineage, searches
    from parapet_mlflow.gate.permissions import PROMOTERS, Permissions
    from parapet_mlflow.gate.world import Database
    from parapet_mlflow.login import assembly
    from parapet_mlflow.login.oidc.browser import PATHS

    creators.install()
    datasets.install()
    deletions.install()
    kept.install()
    lineage.install()
    parsing.install()
    sharing.install()
    stages.install()
    traces.install(Bucket(os.environ[ARTIFACTS_DESTINATION_ENV_VAR]))
    streaming.install()
    first.experiment()
    application = auth.create_app()
    direct.install(application, app, routes.load())
    application = Threads(streaming.around(application))
    world = Database(auth.store.engine)
    remembered.install(world)
    searches.install(world)

    sinks: list[Sink] = [StandardOutput()]
    if group := os.environ.get(GROUP):
        sinks.append(CloudWatchLogs(group, stream_of_this_process()))
    lines = Lines(Key(SecretFiles.named().audit_keys()[0]), sinks)
    allowed = Permissions(world, os.environ.get(PROMOTERS, "").split()).allowed
    gate = Gate(errors.Reworded(application), routes.load(), allowed)
    made = Trail(errors.Caught(assembly.around(gate, lines)), gate.routes, lines, PATHS)
    garbage.spare()
    return made
