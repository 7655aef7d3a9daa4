"""No text that tells somebody what to type names a namespace that the stack does not have for it."""

import re
from collections.abc import Iterator

import pytest

from cluster import namespaces as ns
from local.kubernetes.control_plane import rollouts
from tests.docs.guide import ROOT

ROOMS = ("cli", "compliance", "delivery", "docs", "local", "operations", "platform", "policies", "runbooks")
TEXTS = sorted(
    each
    for folder in ROOMS
    for each in (ROOT / folder).rglob("*")
    if each.suffix in (".md", ".py", ".sh", ".yaml", ".yml") and not {".venv", "node_modules"} & set(each.parts)
)
COMMAND = re.compile(r"kubectl (?P<words>[^`\"']*?)(?:-n |--namespace[ =])(?P<namespace>\{[\w.]+\}|[A-Za-z][\w-]*)")
OF_MODELS = re.compile(r"^argo rollouts |^\w+ \S*\b(rollouts?|analysisruns?)\b")
"""Words of a command that is about Argo's kinds; `kubectl rollout` by itself is about Kubernetes' own."""
INSERTED = {"{rollouts.NAMESPACE}": rollouts.NAMESPACE, "{rollout.NAMESPACE}": rollouts.NAMESPACE}
"""What a text takes from its one home of this side."""
ANY = {"NAMESPACE"}
"""What stands for a namespace that the reader chooses."""


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The words and the namespace of each command that names one; a line's end is a space, as in a paragraph."""
    for found in COMMAND.finditer(" ".join(text.split())):
        yield found["words"], INSERTED.get(found["namespace"], found["namespace"])


def wrong(text: str) -> list[str]:
    """The commands whose namespace is none of the stack's, or another than that of its models, of which they are."""
    return [
        f"kubectl {words}--namespace={namespace}"
        for words, namespace in commands(text)
        if namespace not in {*ns.EVERY, *ANY} or (OF_MODELS.search(words) and namespace != ns.MODELS.name)
    ]


def test_the_command_lines_side_calls_it_as_the_stack_does() -> None:
    assert ns.MODELS.name == rollouts.NAMESPACE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`kubectl argo rollouts abort NAME\n-n serving`", 1),
        ("kubectl get pods --namespace mflow", 1),
        ("kubectl get pods,rollouts --namespace=serving", 1),
        ("kubectl rollout restart deployment istiod --namespace=istio-system.", 0),
        ('f"kubectl get rollout {name} --namespace={ns.SERVING.name}"', 1),
        ("`kubectl argo rollouts abort NAME --namespace=models` and `kubectl get pods -n serving`", 0),
    ],
)
def test_what_is_found(text: str, found: int) -> None:
    assert len(wrong(text)) == found


def test_each_command_names_a_namespace_that_there_is_and_models_are_in_their_own() -> None:
    texts = [ROOT / "README.md", *TEXTS]
    assert sum(len([*commands(each.read_text())]) for each in texts) > 8
    assert {str(each.relative_to(ROOT)): found for each in texts if (found := wrong(each.read_text()))} == {}
