"""CloudWatch's alarms of what is known here of a metric without anybody who sends it: a certificate's days.

Source: AWS Certificate Manager User Guide, "Supported CloudWatch metrics" (DaysToExpiry); Amazon CloudWatch User Guide,
"Using Amazon CloudWatch alarms". On an account ACM tells the days twice a day; here they are looked at when somebody
asks for alarms.
"""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.acm.models import acm_backends
from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sns.models import sns_backends

from local.aws.api.mending import replace

METRIC: Final = ("AWS/CertificateManager", "DaysToExpiry")
BREACHES: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
_describe = CloudWatchResponse.describe_alarms


def describe_alarms(response: CloudWatchResponse) -> ActionResult:
    """Tell the alarms, as they are now."""
    for alarm in response.cloudwatch_backend.alarms.values():
        if (alarm.namespace, alarm.metric_name) == METRIC:
            _judge(response.cloudwatch_backend, alarm)
    return _describe(response)


def _judge(backend: CloudWatchBackend, alarm: Alarm) -> None:
    days = _days(backend, {str(each.name): str(each.value) for each in alarm.dimensions})
    if days is None:
        return
    state = "ALARM" if BREACHES[alarm.comparison_operator](days, alarm.threshold) else "OK"
    if state == alarm.state_value:
        return
    alarm.update_state(f"Threshold Crossed: {days} against {alarm.threshold:g}", "{}", state)
    told = {"AlarmName": alarm.name, "AlarmDescription": alarm.description, "NewStateValue": state}
    for arn in (alarm.alarm_actions if state == "ALARM" else alarm.ok_actions) if alarm.actions_enabled else ():
        sns_backends[backend.account_id][backend.region_name].publish(json.dumps(told), arn)


def _days(backend: CloudWatchBackend, dimensions: Mapping[str, str]) -> int | None:
    """Whole days until a certificate ends; None where it is not there."""
    held: Mapping[str, Any] = acm_backends[backend.account_id][backend.region_name]._certificates  # pyright: ignore[reportPrivateUsage]
    found = held.get(dimensions.get("CertificateArn", ""))
    return (found._cert.not_valid_after_utc.replace(tzinfo=None) - utcnow()).days if found else None


def mend() -> None:
    """moto's alarms are OK until somebody sets their state."""
    replace(CloudWatchResponse, "describe_alarms", describe_alarms)
