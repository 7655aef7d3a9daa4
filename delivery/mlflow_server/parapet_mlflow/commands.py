"""Two of the commands: serve and migrate."""

import os
import signal
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from parapet_mlflow import configuration, garbage, metrics
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.refusal import Refused
from parapet_mlflow.secret_files import SecretFiles

APPLICATION = "parapet"


def server(arguments: list[str]) -> int:
    """Runs `mlflow server` with these arguments once all that it needs was tried. Raises Refused.

    Returns 0 when it was asked to end or a secret changed, 1 when it ended of itself.
    """
    secrets = SecretFiles.named()
    began_with = secrets.fingerprint()
    with tempfile.TemporaryDirectory(prefix="parapet-mlflow-") as folder:
        from mlflow import cli

        options = _parsed(cli.server, arguments)
        uri, destination = options["backend_store_uri"] or "", options["artifacts_destination"] or ""
        if options["static_prefix"]:
            raise Refused("--static-prefix is given. Leave it out: the gate knows each path once, from the root.")
        if options["app_name"] != APPLICATION:
            raise Refused(f"--app-name is {options['app_name']}. Use {APPLICATION}: others write no audit trail.")
        _check(uri, secrets)
        from parapet_mlflow import accounts, artifacts

        garbage.spare()
        artifacts.check(destination)
        accounts.reconcile(uri, secrets)
        sign_on = SignOn.declared() is not None
        configuration.deliver(configuration.write(Path(folder), uri, accounts.ADMINISTRATOR, sign_on=sign_on), secrets)
        if exposed := options["expose_prometheus"]:
            metrics.prepare(Path(exposed))
            metrics.serve(Path(exposed), options["host"])
        return _serve(arguments, secrets, began_with)


def migrate(arguments: list[str]) -> int:
    """Brings the database to this version, and makes the accounts that have a secret. Raises Refused."""
    secrets = SecretFiles.named()
    from parapet_mlflow import accounts, database, schema

    garbage.spare()
    uri = _named("--backend-store-uri", arguments)
    accounts.check(secrets)
    database.install()
    database.check(uri)
    schema.migrate(uri)
    accounts.reconcile(uri, secrets)
    print(f"parapet-mlflow: {database.shown(uri)} is of this version")
    return 0


def _check(uri: str, secrets: SecretFiles) -> None:
    from parapet_mlflow import accounts, database, schema

    secrets.session_keys()
    secrets.audit_keys()
    if SignOn.declared():
        secrets.sign_on()
    accounts.check(secrets)
    database.install()
    database.check(uri)
    schema.verify(uri)


def _serve(arguments: list[str], secrets: SecretFiles, began_with: str) -> int:
    import mlflow.server
    from mlflow import cli

    from parapet_mlflow import watch

    started: list[subprocess.Popen[bytes]] = []
    execute = mlflow.server._exec_cmd

    def remembered(*command: Any, **options: Any) -> Any:
        # The CLI does not tell how its server ended: the kubelet would take a crash for an end in order.
        started.append(execute(*command, **options))
        return started[-1]

    mlflow.server._exec_cmd = remembered
    watch.start(secrets, began_with, partial(os.kill, os.getpid(), signal.SIGTERM))
    cli.server.main(arguments, standalone_mode=False)
    return 0 if started and started[-1].returncode in (0, -signal.SIGTERM, -signal.SIGINT) else 1


def _parsed(command: Any, arguments: list[str]) -> dict[str, Any]:
    import click

    try:
        return dict(command.make_context("mlflow", list(arguments)).params)
    except click.ClickException as error:
        raise Refused(error.format_message()) from None


def _named(option: str, arguments: list[str]) -> str:
    """The value of the one option that a command takes, as `--option VALUE` or `--option=VALUE`."""
    match arguments:
        case [name, value] if name == option:
            return value
        case [both] if both.startswith(f"{option}="):
            return both.partition("=")[2]
    raise Refused(f"Give {option} and nothing else.")
