"""Amazon SageMaker's endpoints: how a new version of a model comes to be asked."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import RELEASES_MAY_BE_WATCHED
from hipaa.resource import Properties
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_set, violation

ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
_ALARMS = {"autoRollbackConfiguration": {"alarms": [{"alarmName": "errors"}]}}
_CANARY = {"trafficRoutingConfiguration": {"type": "CANARY", "waitIntervalInSeconds": 600}}
_ALL_AT_ONCE = {"trafficRoutingConfiguration": {"type": "ALL_AT_ONCE", "waitIntervalInSeconds": 600}}


def _endpoint(**deployment: Any) -> dict[str, Any]:
    return {"endpointConfigName": "c"} | ({"deploymentConfig": deployment} if deployment else {})


@rule(
    "sagemaker-endpoint-rolls-back-by-itself",
    on=ENDPOINT,
    severity=MEDIUM,
    advisory=RELEASES_MAY_BE_WATCHED,
    fix="Set deployment_config with a CANARY or LINEAR routing, or a rolling update, and auto_rollback_configuration.",
    sound=[
        _endpoint(blueGreenUpdatePolicy=_CANARY, **_ALARMS),
        _endpoint(rollingUpdatePolicy={"waitIntervalInSeconds": 600}, **_ALARMS),
    ],
    unsound=[
        _endpoint(),
        _endpoint(blueGreenUpdatePolicy=_CANARY),
        _endpoint(blueGreenUpdatePolicy=_CANARY, autoRollbackConfiguration={"alarms": []}),
        _endpoint(blueGreenUpdatePolicy=_ALL_AT_ONCE, **_ALARMS),
    ],
)
def endpoint_rolls_back_by_itself(endpoint: Properties) -> Verdict:
    """A new version of a model gets a part of the calls first, and an alarm takes it back.

    "Auto-Rollback Configuration and Monitoring", Amazon SageMaker AI Developer Guide, read on 2026-11-30.
    """
    if "deploymentConfig" not in endpoint:
        return violation("`deployment_config` is not set: a new version gets all calls at once, and stays")
    by_parts = Requirement("'CANARY' or 'LINEAR'", lambda type_: type_ in ("CANARY", "LINEAR"))
    routing = "deploymentConfig.blueGreenUpdatePolicy.trafficRoutingConfiguration.type"
    return all_of(
        endpoint.require("deploymentConfig.autoRollbackConfiguration.alarms", is_set()),
        Verdict() if endpoint.at("deploymentConfig.rollingUpdatePolicy") else endpoint.require(routing, by_parts),
    )
