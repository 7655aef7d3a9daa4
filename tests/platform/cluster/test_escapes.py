"""Each case of `data/guardrails.yaml` before a live API server, as every kind that makes pods.

What is refused as a pod is refused as each of them, by words that say what was found and what to do, and what is lawful
is lawful as each."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guardrails import stack_pods
from cluster.guardrails.admission import PREFIX
from tests.platform.cluster import cases
from tests.platform.cluster.api import Answer, Api

pytestmark = pytest.mark.engine

CASES = cases.read()
ADMITTED, REFUSED = "admitted", "refused"
EPHEMERAL = "ephemeral container"


class Escaping:
    """Tries a case as every kind. Pods that an ephemeral container is tried in, and service accounts without which no
    pod is judged at all, are made as they are needed and go in the end."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._pods: dict[str, str] = {}
        self._accounts = {
            (each["metadata"]["namespace"], each["metadata"]["name"])
            for each in api.items("serviceaccounts", "--all-namespaces")
        }
        self._made: list[tuple[str, str, str]] = []

    def tries(self, case: cases.Case) -> Iterator[tuple[str, Answer]]:
        for kind in ("Pod", *cases.KINDS):
            manifest = case.manifest(kind)
            if kind == "Pod":
                self._account(manifest)
            yield kind, self._api.apply(manifest, dry_run=True)
        if as_ephemeral := case.ephemeral():
            pod, container = as_ephemeral
            yield EPHEMERAL, self._put_into(pod, container)

    def _put_into(self, pod: dict[str, Any], container: dict[str, Any]) -> Answer:
        namespace = pod["metadata"]["namespace"]
        kept = json.dumps(pod)
        if kept not in self._pods:
            pod["metadata"]["name"] = name = f"escape-{len(self._pods)}"
            answer = self._api.apply(pod)
            if not answer.done:
                return answer
            self._pods[kept] = name
            self._made.append(("pod", namespace, name))
        patch = json.dumps({"spec": {"ephemeralContainers": [container]}})
        return self._api.run(
            *("patch", f"pod/{self._pods[kept]}", f"--namespace={namespace}", "--subresource=ephemeralcontainers"),
            *("--dry-run=server", f"--patch={patch}"),
        )

    def _account(self, pod: dict[str, Any]) -> None:
        name, namespace = pod["spec"].get("serviceAccountName", "default"), pod["metadata"]["namespace"]
        if (namespace, name) in self._accounts:
            return
        answer = self._api.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        )
        assert answer.done, answer.text
        self._accounts.add((namespace, name))
        self._made.append(("serviceaccount", namespace, name))

    def end(self) -> None:
        for kind, namespace, name in self._made:
            self._api.run("delete", kind, name, f"--namespace={namespace}", "--grace-period=0", "--ignore-not-found")


@pytest.fixture(scope="module")
def escaping(guarded: Api) -> Iterator[Escaping]:
    escaping = Escaping(guarded)
    yield escaping
    escaping.end()


def expected(case: cases.Case, kind: str) -> str:
    """`admitted`, `refused` by the guardrail itself, or what else is said."""
    usual = ADMITTED if case.admitted else REFUSED
    return case.but.get(kind, case.but.get("templates", usual) if kind in cases.KINDS else usual)


def wrong(case: cases.Case, kind: str, answer: Answer) -> str:
    """What is not as it should be."""
    if kind not in cases.KINDS and case.namespace in stack_pods.WHERE:
        # It is no pod of the stack's, whatever else it is (`test_stack_pods.py`).
        return "admitted" if answer.done else "" if f"Policy '{PREFIX}" in answer.text else f"says {answer.text!r}"
    awaited = expected(case, kind)
    if awaited == ADMITTED:
        return "" if answer.done else f"refused: {answer.text}"
    if answer.done:
        return "admitted"
    if awaited != REFUSED:
        return "" if awaited in answer.text else f"says {answer.text!r}, not {awaited!r}"
    refusals = re.findall(r"ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.*)", answer.text)
    told = [said for policy, said in refusals if policy == PREFIX + case.guardrail]
    if not told or len(told) != len(refusals):
        return f"refused by another: {answer.text}"
    fixes = [check.fix for check in cases.RULES[case.guardrail].checks]
    if not any(f". {fix}" in said and not said.startswith(fix) for said in told for fix in fixes):
        return f"says not what was found and what to do: {answer.text}"
    if kind != EPHEMERAL and not any(case.says in said for said in told):
        return f"says {told}, not {case.says!r}"
    return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.guardrail}: {case.name}")
def test_every_kind_that_makes_pods_is_judged_as_the_pod_is(escaping: Escaping, case: cases.Case) -> None:
    found = {kind: wrong(case, kind, answer) for kind, answer in escaping.tries(case)}
    assert len(found) > len(cases.KINDS)
    told = [f"{kind} {what}" for kind, what in found.items() if what]
    assert not told, "\n".join(told)


def test_what_a_case_says_of_a_kind_is_of_a_kind_that_is_tried() -> None:
    known = {"Pod", EPHEMERAL, "templates", *cases.KINDS}
    assert not [each.name for each in CASES if not each.but.keys() <= known]
