"""`./parapet model serve`: what the registry decided becomes what a stack's settings say."""

import json
from pathlib import Path
from typing import Any, Final

import typer
import yaml

from cli import stack as stacks
from cli.output import Refused, results
from cli.programs import DELIVERY
from cli.services import cluster_of
from local import own_settings
from local.kubernetes.control_plane import rollouts
from local.kubernetes.control_plane.api import ApiError
from local.kubernetes.control_plane.rollouts import Back
from local.workspace import Workspace

NO_CLUSTER: Final = "no cluster of this machine runs"
ELSEWHERE: Final = f"on an account it is done by kubectl argo rollouts abort --namespace={rollouts.NAMESPACE}"


def entered(
    workspace: Workspace,
    stack: str,
    model: str,
    environment: str,
    said: dict[str, bool | None],
    by: dict[str, str],
) -> dict[str, Any]:
    """Writes the version that serves in this environment into the stack's settings; on a stack of this machine leads
    all calls back to it at once, where it served before and another is on its way.

    `said`: what else is said of it; None leaves it as it is. `by`: what its ledger is held to. Where the ledger says
    that it was gone back to, its entry says so too, with the proof, so that it is not judged by the other's answers
    where it comes anew; else nothing of an earlier one stays. Returns the entry, with the version that it `was`, the
    `file`, whether it is `back` at once and if not `why`, and what is `next`. Raises Refused.
    """
    file, local = file_of(workspace, stack)
    released = _released(model, environment, by)
    # They import Pulumi's SDK, a second that no other command should wait for.
    from pydantic import ValidationError

    from mlops.serving.model import Model
    from operations import model_settings

    entry: dict[str, Any] = {"name": model, "version": released["version"], "digest": released["manifest"]}
    entry |= {"returnsTo": released.get("returned")}
    entry |= {"environment": environment} | {name: value for name, value in said.items() if value is not None}
    try:
        Model.model_validate(entry)
    except ValidationError as error:
        wrong = ", ".join(f"{each['loc'][0]} is {each['input']!r}" for each in error.errors())
        raise Refused(f"{wrong}, which parapet:models does not take: see its description in Pulumi.yaml.") from None
    text, before = model_settings.changed(_text(workspace, stack, file), entry)
    was = before and before.get("version")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    then = "./parapet up" if local else f"pulumi up --stack {stack} --policy-pack policies"
    back = _back(workspace, model, str(entry["version"])) if local else Back(False, f"{ELSEWHERE} {model}")
    told = {name: value for name, value in entry.items() if value is not None}
    return {**told, "was": was, "file": str(file), "back": back.led, "why": back.why, "next": then}


def tell(told: dict[str, Any], *, going_back: bool) -> None:
    """For people."""
    version, was = told["version"], told["was"]
    how = "is there already" if was == version else f"in the place of {was}" if was else "is new there"
    results.print(f"{told['name']} {version} of {told['environment']} {how}: {told['file']}", markup=False)
    if told["back"]:
        results.print("All calls are led back to it now; the pods of the other version go.")
    elif going_back:
        why = f"Calls are not led back at once: {told['why']}. {told['next']} brings {version}."
        results.print(why, markup=False)
    results.print(f"Next: {told['next']}", markup=False)


def _back(workspace: Workspace, model: str, version: str) -> Back:
    cluster = cluster_of(workspace)
    if not (cluster and cluster.ours):
        return Back(False, NO_CLUSTER)
    try:
        return rollouts.go_back(workspace, cluster, model, version)
    except (ApiError, OSError) as error:
        raise Refused(
            f"The settings say {version} now, but the API server does not lead calls back to it: {error}. Mend that, "
            f"then run `./parapet model serve {model}` again."
        ) from None


def file_of(workspace: Workspace, stack: str) -> tuple[Path, bool]:
    """The file that is written, and whether the stack is one of this machine.

    A local stack's is the workspace's own: its models are in a registry that is thrown away. Raises Refused for a stack
    that is none, or credentials of another account than its.
    """
    declared = stacks.declared_stacks(workspace)
    if stack in declared and stacks.is_local(declared[stack]):
        return own_settings.file_of(workspace, stack), True
    from operations import stack_settings
    from operations.account.access import open_account

    found = stack_settings.read(workspace.root, stack)
    open_account(found.values["region"], found.values.get("allowedAccountId", ""))
    return found.path, False


def _text(workspace: Workspace, stack: str, file: Path) -> str:
    if file.exists():
        return file.read_text()
    settings = yaml.safe_load((workspace.root / f"Pulumi.{stack}.yaml").read_text())["config"]
    return yaml.safe_dump({"config": {name: settings[name] for name in settings if name == "parapet:models"}})


def _released(model: str, environment: str, by: dict[str, str]) -> dict[str, Any]:
    """What serves of the model there, as its ledger has it."""
    status, said = DELIVERY.told("delivery.registry", step="list", json=True, **by)
    if status:
        raise typer.Exit(status)
    found = next((each for each in json.loads(said) if each["name"] == model), None)
    if found and found.get("refused"):
        raise Refused(found["refused"])
    serving = {each["environment"]: each for each in found["serving"]} if found else {}
    if environment not in serving:
        known = ", ".join(serving) or "nowhere yet"
        raise Refused(
            f"No version of {model} serves in {environment}; it serves {f'in {known}' if serving else known}. "
            f"Promote one: ./parapet model promote {model} --to {environment}."
        )
    return dict(serving[environment])
