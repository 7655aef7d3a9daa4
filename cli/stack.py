"""`up`, `preview` and `down`: the real engine on the stack, with what it needs started before."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

import compliance
from cli import controllers, filling, inference, mlflow, services, summary
from cli.gameday import held
from cli.output import Refused, note
from cli.plugins import AwsPlugin, prepare_tools
from cli.services import Services
from local import issuer, own_settings, registry
from local.engine.run import Busy, Engine, EngineFailed, end_leftovers
from local.kubernetes.workloads import State
from local.workspace import Workspace, exports


@dataclass(frozen=True)
class Session:
    """An engine that is ready to run, and what it runs against."""

    engine: Engine
    services: Services


def up(workspace: Workspace, name: str, plugin: AwsPlugin, port: int | None, *, live: bool = False) -> int:
    """Provisions the stack, with its controllers running where it is `live`, and returns the engine's exit status."""
    check_stack(workspace, name)
    prepare_tools(workspace, plugin)
    controllers.turn(workspace, wanted=live)
    session = _open(workspace, name, plugin, port)
    engine = session.engine
    held.mend_left(workspace)
    _settle(engine)
    refresh = _refresh_if_lost(session)
    if not refresh:
        services.remember(workspace, session.services)  # before the run, which may be killed
    workspace.recorded.unlink(missing_ok=True)
    status = _run_reviewed(workspace, engine, ["up", "--yes", "--skip-preview", *refresh])
    if status == 0:
        services.remember(workspace, session.services)
        engine.forget_left()
    # A cluster of the user's own has kubelets of its own, or none at all.
    server = mlflow.wait(workspace) if status == 0 and session.services.plane.ours else None
    failing = controllers.wait(workspace) if status == 0 else []
    models = inference.models(workspace, engine, session.services.plane)
    summary.tell_how_to_go_on(session.services, server, workspace, failing, models)
    return status or int(bool(failing) or (server is not None and server.state is State.FAILED))


def preview(workspace: Workspace, name: str, plugin: AwsPlugin, port: int | None) -> int:
    """Shows what would change, and returns the engine's exit status."""
    session = _open(workspace, name, plugin, port)
    try:
        return _run_reviewed(workspace, session.engine, ["preview", *_refresh_if_lost(session)])
    finally:
        services.stop_new(workspace, session.services)  # a preview leaves nothing running that did not run before


def down(workspace: Workspace, name: str, plugin: AwsPlugin) -> int:
    """Destroys the stack and stops what was started."""
    check_stack(workspace, name)
    end_leftovers(workspace)
    status = 0
    if (workspace.bin / "pulumi").exists() and _engine(workspace, name, plugin, None).deployment().get("resources"):
        session = _open(workspace, name, plugin, None)
        if _settle(session.engine):
            note("The local account goes as a whole, with what is in no state.")
            session.engine.forget_stack()
        else:
            arguments = ["destroy", "--yes", "--skip-preview", "--stack", name]
            status = session.engine.change(*arguments, *_refresh_if_lost(session))
    if status:
        raise Refused(
            "The stack could not be destroyed, so the AWS API and the cluster go on running. "
            "Mend what the engine names, then run `./parapet down` again."
        )
    services.stop(workspace)
    own_settings.forget(workspace, name)
    for file in (workspace.unfinished, workspace.created, workspace.running, workspace.gameday):
        file.unlink(missing_ok=True)  # what a killed run was making, or broke, went with the account
    note("Nothing that Parapet started is running.")
    return 0


def _open(workspace: Workspace, name: str, plugin: AwsPlugin, port: int | None) -> Session:
    check_stack(workspace, name)
    prepare_tools(workspace, plugin)
    filling.prepare()
    running = services.start(workspace, port)
    try:
        filling.fill(workspace, registry.at(workspace, running.registry), filling.prefix(name))
        engine = _engine(workspace, name, plugin, running.endpoint)
        issuer.ensure(workspace)
        engine.ensure_stack()
        engine.release_stale_lock()
    except (EngineFailed, Busy, OSError) as error:
        raise Refused(str(error)) from None
    return Session(engine, running)


def _settle(engine: Engine) -> int:
    """How many resources a killed run has left that are in no state."""
    try:
        left = engine.settle()
    except EngineFailed as error:
        raise Refused(str(error)) from None
    if left:
        note(
            f"A run was killed before its state was written: {left} resources that it made or was making are taken up."
        )
    return left


def _engine(workspace: Workspace, name: str, plugin: AwsPlugin, endpoint: str | None) -> Engine:
    variables = exports(workspace, endpoint, plugin) | own_settings.variables(workspace, name)
    return Engine(workspace, variables, name, journaled=plugin is AwsPlugin.STAND_IN)


def check_stack(workspace: Workspace, name: str) -> None:
    """Refuses a stack that is not there, and one that means a real account."""
    stacks = declared_stacks(workspace)
    local = sorted(stack for stack, file in stacks.items() if is_local(file))
    if name not in stacks:
        raise Refused(
            f"There is no stack {name!r} (no Pulumi.{name}.yaml). Stacks for the local AWS API: {', '.join(local)}."
        )
    if name not in local:
        raise Refused(
            f"The stack {name!r} means a real account: look it over by `./parapet account preflight --stack {name}`, "
            f"then use plain `pulumi up --stack {name} --policy-pack policies` for it. "
            f"Stacks for the local AWS API: {', '.join(local)}."
        )


def declared_stacks(workspace: Workspace) -> dict[str, Path]:
    """The file of each stack's settings."""
    return {file.name.split(".")[1]: file for file in workspace.root.glob("Pulumi.*.yaml")}


def is_local(file: Path) -> bool:
    """Whether these settings are of a stack of this machine."""
    settings = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
    return settings.get("parapet:localAws") in (True, "true")


def _refresh_if_lost(session: Session) -> list[str]:
    """A state is read anew where a killed run may have changed what it says, or where what it was made in is gone."""
    engine = session.engine
    lost = engine.resources() and (engine.unwritten or services.tell_lost(engine.workspace, session.services))
    return ["--refresh"] if lost else []


def policy_config(workspace: Workspace, stack: str) -> Path | None:
    """What a stack chose of the pack: the profile, levels and parameters; None where it takes the pack as it is.

    Raises:
        Refused: when the file is no object in JSON.
    """
    file = workspace.policies / f"config.{stack}.json"
    if not file.exists():
        return None
    try:
        chosen = json.loads(file.read_text())
    except ValueError as error:
        raise Refused(f"{file} is not JSON: {error}. `./parapet policies profile NAME` writes such a file.") from None
    if not isinstance(chosen, dict):
        raise Refused(f"{file} must be an object of rules. `./parapet policies profile NAME` writes such a file.")
    return file


def _run_reviewed(workspace: Workspace, engine: Engine, arguments: list[str]) -> int:
    """Runs the engine under the policy pack, and reviews what it told."""
    workspace.events.unlink(missing_ok=True)
    chosen = policy_config(workspace, engine.stack)
    run = engine.run if arguments[0] == "preview" else engine.change
    status = run(
        *arguments,
        "--stack",
        engine.stack,
        "--policy-pack",
        str(workspace.policies),
        *(("--policy-pack-config", str(chosen)) if chosen else ()),
        "--event-log",
        str(workspace.events),
    )
    if not workspace.events.exists():
        raise Refused("The engine ended before it told anything, so there is no review.")
    try:
        review = compliance.review(
            workspace.events,
            policy_config=json.loads(chosen.read_text()) if chosen else {},
            engine_version=engine.version(),
            generated_at=datetime.now(UTC),
        )
    except (compliance.UnreadableLog, compliance.PackNotRun) as error:
        note(f"No review: {error}")
        return status or 1
    files = compliance.write(review, workspace.review)
    summary.tell(workspace, review, files)
    return status
