"""What a runbook tells to type in the cluster somebody may do there: at night there is nobody to ask for a right.

By `docs/access.yaml`, of which `tests/platform/cluster/test_whole_truth.py` shows that it is so.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest
import yaml

from tests.docs.checked import described
from tests.docs.guide import ROOT
from tests.docs.test_runbooks import of

ACCESS: Final[list[Mapping[str, Any]]] = yaml.safe_load((ROOT / "docs" / "access.yaml").read_text())
ON_CALL: Final = ("ml-engineer", "platform-operator")
"""Whose roles whoever is on call has, by runbooks/README.md."""
GROUPS: Final = {
    **dict.fromkeys(("deployment", "deployments", "daemonsets"), "apps"),
    **dict.fromkeys(("job", "jobs", "cronjobs"), "batch"),
    **dict.fromkeys(("rollouts", "analysisruns", "analysistemplates", "clusteranalysistemplates"), "argoproj.io"),
    **dict.fromkeys(("poddisruptionbudgets",), "policy"),
    **dict.fromkeys(("nodeclaim",), "karpenter.sh"),
}
OF_THE_CLUSTER: Final = ("nodes", "nodeclaims.karpenter.sh", "clusteranalysistemplates.argoproj.io")


def kind(said: str) -> str:
    """By its name in docs/access.yaml."""
    if said in ("$NODE", "SUBSTITUTED"):
        return "nodes"
    name = said.rstrip("s") + "s"
    return f"{name}.{GROUPS[said]}" if said in GROUPS else said if "." in said else name


def asked(words: list[str]) -> tuple[str, list[str], str]:
    """Verb, kinds and namespace of a call of kubectl's."""
    where = next((word.partition("=")[2] for word in words if word.startswith("--namespace=")), "")
    where = "every" if "--all-namespaces" in words else where
    match [word for word in words[1:] if not word.startswith("--")]:
        case ["argo", "rollouts", "abort", *_]:
            return "patch", ["rollouts.argoproj.io/status"], where
        case ["rollout", "restart", what, *_]:
            return "patch", [kind(what)], where
        case ["cordon" | "uncordon", *_]:
            return "patch", ["nodes"], where
        case [verb, what, *_]:
            return {"get": "list"}.get(verb, verb), [kind(each) for each in what.split(",")], where
    raise AssertionError(words)


def may(verb: str, what: str, where: str) -> set[str]:
    """Whose roles may do so."""
    places: Iterable[str] = ("cluster",) if what in OF_THE_CLUSTER else (where, "every")
    return {
        who
        for line in ACCESS
        if "named" not in line and verb in line["do"] and what in line["to"] and set(places) & set(line["in"])
        for who in line["may"]
    }


@pytest.mark.parametrize("words", of("kubectl"), ids=described)
def test_one_who_is_on_call_may_do_what_a_runbook_tells_to_do_in_the_cluster(words: list[str]) -> None:
    verb, kinds, where = asked(words)
    able = set(ON_CALL)
    for each in kinds:
        able &= may(verb, each, where)
    assert able, f"by docs/access.yaml nobody who is on call may {verb} all of {', '.join(kinds)} in {where or 'it'}"


def test_what_nobody_may_is_told() -> None:
    """Both stood in a runbook once."""
    once: tuple[str, ...] = (
        "kubectl rollout restart deployment istiod --namespace=istio-system",
        "kubectl get pods --all-namespaces",
    )
    for words in once:
        verb, (what,), where = asked(words.split())
        assert not may(verb, what, where) & set(ON_CALL), words
