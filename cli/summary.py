"""The closing lines of `up` and `preview`: the numbers are the review's own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import compliance
from cli import inference
from cli.output import results
from cli.services import Services
from local.kubernetes import live
from local.kubernetes.live import Part
from local.kubernetes.workloads import State, Workload
from local.workspace import Workspace


def tell(workspace: Workspace, review: compliance.Review, files: compliance.ReviewFiles) -> None:
    """Prints how many resources and policy evaluations there were, and where the review is."""
    totals = review.totals
    results.print()
    _line("Resources", f"{totals.resources} ({totals.resources_with_rules} of a kind that the policies speak of)")
    _line(
        "Policies",
        f"{totals.evaluations} evaluations: {totals.passed} passed, {totals.failed} failed, {totals.waived} waived, "
        f"{totals.advised} advised, {totals.not_applicable} not applicable, {totals.undecided} not yet decided",
    )
    for warning in review.warnings:
        _line("", warning)
    _line("Review", f"{_short(workspace, files.html)} (also {files.json.name}, {files.markdown.name})")
    if names := recorded(workspace):
        _line("Recorded only", f"{', '.join(names)}: in the state only, since the local AWS API cannot hold it")


def tell_how_to_go_on(
    services: Services,
    mlflow: Workload | None,
    workspace: Workspace,
    failing: list[Part],
    models: Sequence[Mapping[str, Any]],
) -> None:
    """Prints how to look at the account, the cluster, its controllers, MLflow and models, and how to stop."""
    _line(
        "Look", f'AWS_ENDPOINT_URL={services.endpoint} with any AWS client; eval "$(./parapet env)" sets it for a shell'
    )
    _line("Cluster", f'{services.plane.server}; eval "$(./parapet env)"; kubectl get nodes')
    if mlflow and mlflow.state is State.RUNNING:
        _line("MLflow", f'{mlflow.url}; eval "$(./parapet env --credentials)" signs an MLflow client in')
    elif mlflow:
        _line("MLflow", f"does not run: {mlflow.message}")
    for model in models:
        _line("Model", inference.line(model))
    if live.asked_for(workspace):
        _line("Live", ", ".join(each.name for each in live.told(workspace)[1] if each.state is live.State.RUNNING))
        _line(
            "",
            f"a client outside comes by {live.load_balancer_address(workspace)}:443 (local/kubernetes/live/README.md)",
        )
        for each in failing:
            _line("", f"{each.name} does not run: {each.message}; its log is {live.log_of(workspace, each.name)}")
    _line("Stop", "./parapet down")


def _line(name: str, text: str) -> None:
    results.print(f"[bold]{name:<13}[/bold] ", end="")
    results.print(text, markup=False)


def _short(workspace: Workspace, path: Path) -> str:
    return str(path.relative_to(workspace.root)) if path.is_relative_to(workspace.root) else str(path)


def recorded(workspace: Workspace) -> list[str]:
    """The types that were recorded only, each with how many."""
    try:
        lines = set(workspace.recorded.read_text().splitlines())
    except FileNotFoundError:
        return []
    counts = Counter(line.split(" ")[0] for line in lines)
    return [f"{count} {token}" for token, count in sorted(counts.items())]
