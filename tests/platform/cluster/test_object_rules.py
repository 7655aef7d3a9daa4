"""The guardrails over Services and the mesh's routes, against a live API server with Istio's own definitions."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from cluster.guardrails.admission import PREFIX
from cluster.guardrails.object_rules import object_rules
from cluster.roles import ML_ENGINEER
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api

pytestmark = pytest.mark.engine

EVERY = object_rules(manifests.DOMAIN)
RULES = [each.name for each in EVERY if not each.only]
"""Those over what anybody writes; the others are asked in their writers' names (`test_accounts.py`)."""
NEVER = {each.name for each in EVERY if all(check.holds == "false" for check in each.checks) and not each.exempt}
"""Those over what nobody writes at all."""


@dataclass(frozen=True)
class Case:
    rule: str
    name: str
    admitted: bool
    manifest: dict[str, Any]
    says: str = field(default="")


def read() -> list[Case]:
    table = yaml.load((cases.DATA / "object_rules.yaml").read_text(), yaml.CSafeLoader)
    found = []
    for rule, told in table.items():
        for verdict in ("refused", "admitted"):
            for name, each in told.get(verdict, {}).items():
                place = {"/metadata/namespace": each["in"]} if "in" in each else {}
                manifest = cases.changed(told["manifest"], place | each.get("set", {}), each.get("remove", ()))
                found.append(Case(rule, name, verdict == "admitted", manifest, each.get("says", "")))
    return found


CASES = read()


@pytest.fixture(scope="module")
def ruled(meshed: Api) -> Api:
    """With every rule at work."""
    for rule in RULES:
        broken = next(each.manifest for each in CASES if each.rule == rule and not each.admitted)
        wait_for(lambda refused=broken: not meshed.apply(refused, dry_run=True).done)
    return meshed


def test_each_rule_has_what_it_refuses_and_what_it_admits() -> None:
    assert {each.rule for each in CASES} == set(RULES)
    for rule in RULES:
        assert {each.admitted for each in CASES if each.rule == rule} == (
            {False} if rule in NEVER else {True, False}
        ), rule


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.name}")
def test_a_rule_refuses_what_breaks_it_and_admits_the_rest(ruled: Api, case: Case) -> None:
    answer = ruled.apply(case.manifest, dry_run=True)
    if case.admitted:
        assert answer.done, answer.text
    else:
        assert f"ValidatingAdmissionPolicy '{PREFIX}{case.rule}'" in answer.text, answer.text
        assert case.says in answer.text


def test_the_stacks_own_routes_are_admitted(ruled: Api) -> None:
    answer = ruled.apply(*manifests.objects(manifests.record(manifests.mesh)), dry_run=True)
    assert answer.done, answer.text


def test_no_team_may_write_what_is_the_stacks_by_its_role_either() -> None:
    written = {
        resource
        for grant in ML_ENGINEER.grants
        for rule in grant.rules
        if rule["apiGroups"] == ["networking.istio.io"] and "create" in rule["verbs"]
        for resource in rule["resources"]
    }
    assert written == {"virtualservices", "destinationrules"}
