"""What a setting lists may be taken out of it, also in a protected stack: the engine refuses to delete what is
protected, and with it everything else of that run."""

from tests.platform.mocked import Recorder, Resource, run_program
from tests.platform.variants import MANY, ON_A_GPU, run_with


def _listed(stack: Recorder) -> set[Resource]:
    """What is there for what its settings list, and in the default stack is not."""
    return {(each.type, each.name) for each in stack.made} - {(each.type, each.name) for each in run_program().made}


def test_what_was_listed_goes_but_for_what_holds_data() -> None:
    stack = run_program(**MANY)
    assert stack.protected, "the stack is protected"
    # With one go the volumes of those who work there: somebody says so first (`pulumi state unprotect`).
    people = {("kubernetes:core/v1:Namespace", f"parapet-test-{each['name']}") for each in MANY["workspaces"]}
    # Of Kubeflow Pipelines, which is turned on and not listed: its runs, and what its database wrote of itself. How it
    # is turned off says delivery/pipeline/README.md, which names these three.
    kept = {(kind, name) for kind, name in stack.protected if kind.startswith("aws:") and "test-pipelines" in name}
    logs = ("aws:cloudwatch/logGroup:LogGroup", "parapet-test-pipelines-{}")
    assert kept == {
        ("aws:rds/instance:Instance", "parapet-test-pipelines"),
        *((logs[0], logs[1].format(each)) for each in ("audit", "error")),
    }
    assert _listed(stack) & stack.protected == people | kept


def test_what_a_model_on_a_gpu_brings_goes_with_it() -> None:
    stack = run_with(models=[ON_A_GPU])
    assert [name for kind, name in _listed(stack) if kind == "aws:ecr/repository:Repository"]
    assert _listed(stack) & stack.protected == set()


def test_what_nobody_lists_stays() -> None:
    stack = run_program(**MANY)
    for each in stack.of("secretsmanager/secret:Secret"):
        listed = "-model-" in each.name or "-user-" in each.name
        assert ((each.type, each.name) in stack.protected) is not listed, each.name
        assert each.inputs["recoveryWindowInDays"] == 30, "it may be restored"
