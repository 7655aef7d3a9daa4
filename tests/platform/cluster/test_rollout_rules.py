"""That a new version of a model is judged by what those who roll it out do not write, asked of a live API server in an
ML engineer's name. What holds whoever asks is in `test_object_rules.py`."""

from typing import Any

import pytest

from cluster.roles import ML_ENGINEER
from tests.platform.cluster import cases
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Member, govern, refused

pytestmark = pytest.mark.engine

RULE = "rollouts-are-judged"
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/serving/rollouts"
GATE = {"analysis": {"templates": [{"templateName": "success-rate", "clusterScope": True}]}}
OWN = {"analysis": {"templates": [{"templateName": "always"}]}}
A_TENTH, ALL = {"setWeight": 10}, {"setWeight": 100}
JUDGED = {"canary": {"steps": [A_TENTH, GATE, {"pause": {}}, ALL]}}


@pytest.fixture(scope="module")
def engineer(guarded: Api) -> Member:
    return Member.of(ML_ENGINEER, govern(guarded))


def rolls_out(member: Member, strategy: dict[str, Any], **spec: Any) -> Answer:
    rollout = cases.controller("Rollout", cases.compliant_pod("serving"))
    rollout["spec"] |= {"strategy": strategy, **spec}
    return member.apply(ROLLOUTS, rollout)


UNJUDGED = {
    "no step": {"canary": {}},
    "an empty canary with a service": {"canary": {"stableService": "a", "canaryService": "b"}},
    "steps that wait alone": {"canary": {"steps": [A_TENTH, {"pause": {"duration": 60}}]}},
    "a judgement when all is done": {"canary": {"steps": [ALL, GATE]}},
    "a judgement in the background alone": {"canary": {"steps": [A_TENTH], **GATE}},
    "an experiment alone": {
        "canary": {"steps": [{"experiment": {"templates": [{"name": "next", "specRef": "canary"}]}}]}
    },
    "all calls by another measure": {
        "canary": {
            "steps": [{"setWeight": 10}, GATE],
            "trafficRouting": {
                "maxTrafficWeight": 10,
                "istio": {"virtualService": {"name": "readmission"}},
            },
        }
    },
}


@pytest.mark.parametrize("case", UNJUDGED)
def test_a_canary_that_nobody_judges_is_refused(engineer: Member, case: str) -> None:
    answer = rolls_out(engineer, UNJUDGED[case])
    assert refused(answer, RULE, "kubectl get clusteranalysistemplates")


@pytest.mark.parametrize(
    "strategy",
    [
        {"canary": {"steps": [A_TENTH, OWN]}},
        {"canary": {"steps": [A_TENTH, GATE, OWN]}},
        {"canary": {"steps": [A_TENTH, {"analysis": {"templates": [*GATE["analysis"]["templates"], {}]}}]}},
        {"canary": {"steps": [A_TENTH, {"analysis": {}}]}},
        {"canary": {"steps": [A_TENTH, GATE], **OWN}},
        {
            "canary": {
                "steps": [GATE, {"experiment": {"templates": [], "analyses": [{"name": "a", "templateName": "b"}]}}]
            }
        },
        {"blueGreen": {"activeService": "a", "prePromotionAnalysis": OWN["analysis"]}},
        {"blueGreen": {"activeService": "a", "prePromotionAnalysis": GATE["analysis"], "postPromotionAnalysis": {}}},
    ],
)
def test_what_judges_is_the_platforms(engineer: Member, strategy: dict[str, Any]) -> None:
    assert refused(rolls_out(engineer, strategy), RULE, "it would be judged by")


def test_another_way_than_a_canary_is_judged_too(engineer: Member) -> None:
    answer = rolls_out(engineer, {"blueGreen": {"activeService": "readmission"}})
    assert refused(answer, RULE, "Give blueGreen a prePromotionAnalysis")


def test_no_judgement_is_passed_over(engineer: Member) -> None:
    tried = {"analysis": {**GATE["analysis"], "dryRun": [{"metricName": ".*"}]}}
    assert refused(rolls_out(engineer, {"canary": {"steps": [A_TENTH, tried]}}), RULE, "is a dry run")
    assert refused(rolls_out(engineer, JUDGED, rollbackWindow={"revisions": 3}), RULE, "rollbackWindow")


@pytest.mark.parametrize(
    "strategy",
    [
        JUDGED,
        {"canary": {"steps": [A_TENTH, GATE], **GATE}},
        {"canary": {"steps": [GATE]}},
        {
            "canary": {
                "steps": [{"setWeight": 100}, GATE],
                "trafficRouting": {"maxTrafficWeight": 1000, "istio": {"virtualService": {"name": "readmission"}}},
            }
        },
        {"blueGreen": {"activeService": "a", "prePromotionAnalysis": GATE["analysis"]}},
    ],
)
def test_a_version_that_is_judged_rolls_out(engineer: Member, strategy: dict[str, Any]) -> None:
    answer = rolls_out(engineer, strategy)
    assert answer.done, answer.text


def test_who_keeps_the_stack_may_try_without(guarded: Api) -> None:
    rollout = cases.controller("Rollout", cases.compliant_pod("serving"))
    rollout["spec"]["strategy"] = {"canary": {}}
    answer = guarded.apply(rollout, dry_run=True)
    assert answer.done, answer.text
