"""Each day, each model that is in production is held against what it learnt."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.labels import Manifest, metadata
from mlops.monitoring.check_pod import CheckPodArgs, name_labels, template
from mlops.serving.model import Model

FIRST_HOUR: Final = 18
SPREAD_MINUTES: Final = 4 * 60
"""Checks come in the evening, by UTC: the day by whose weekday and season the monitor judges a window is the one that
it ends in (`delivery/monitoring/alerting/windows.py`), so most of a window is to lie in that one; and a ticket of what
they find is written before tickets wait (`runbooks/quiet-hours.yaml`)."""
LATE_SECONDS: Final = 3600
"""A check begins so late at most, and takes LASTS_SECONDS: so one that ended well is no more than the
`rules.CHECK_HOURS` old before the next has, or somebody is told."""
ROOM_SECONDS: Final = 6 * 3600
"""For which a Job goes on, with what it waits for room and what is tried again: somebody was told by then, and it comes
all the same. It is over long before the next one."""
TRIED_AGAIN: Final = 2
KEPT_SECONDS: Final = 2 * 24 * 3600
"""For how long a check that has ended can be looked at."""


@dataclass(frozen=True, kw_only=True)
class ChecksArgs:
    models: Sequence[Model]
    """Those that are checked."""
    pod: CheckPodArgs
    after: Sequence[pulumi.Resource]
    """The namespace and its quota, the mesh, and the roles of the checks' accounts."""


class Checks(pulumi.ComponentResource):
    """A CronJob for each model, as an account of its own: no check sees what another model was asked.

    It starts none beside another of its own (one that somebody starts by hand it does not know of), and each comes at
    a time of its own. That one came at all is told by the alert `MonitorDead` (`rules.py`).
    """

    def __init__(self, name: str, args: ChecksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Checks", name, {"models": [each.name for each in args.models]}, opts)
        owner = args.pod.stack.owner
        for model in args.models:
            cron = kubernetes.batch.v1.CronJob(
                f"{name}-{model.name}",
                metadata=_metadata(model, owner),
                spec=cron_job(model, args.pod),
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
            # What runs as it is held to its CronJob (`guardrails/check_rules.py`): so it is never there without. Pods
            # of a Job that comes before it wait.
            kubernetes.core.v1.ServiceAccount(
                f"{name}-{model.name}",
                metadata=_metadata(model, owner),
                automount_service_account_token=False,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after, cron]),
            )
        self.register_outputs({})


def _metadata(model: Model, owner: str) -> Manifest:
    """Account and CronJob are called alike, in at most 46 of the 52 characters that a CronJob's name may have."""
    made = metadata(
        model.check.service_account, owner, namespace=ns.MONITORING.name, data_class=ns.MONITORING.data_class
    )
    return {**made, "labels": {**made["labels"], **name_labels(model)}}


def schedule(model: str) -> str:
    """Once a day at a minute that follows from the name alone, so that another model moves none."""
    minute = int.from_bytes(sha256(model.encode()).digest()[:8]) % SPREAD_MINUTES
    return f"{minute % 60} {FIRST_HOUR + minute // 60} * * *"


def cron_job(model: Model, args: CheckPodArgs) -> Manifest:
    """Its specification."""
    return {
        "schedule": schedule(model.name),
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": LATE_SECONDS,
        "successfulJobsHistoryLimit": 2,
        "failedJobsHistoryLimit": 2,
        "jobTemplate": {
            "metadata": {"labels": name_labels(model)},
            "spec": {
                "backoffLimit": TRIED_AGAIN,
                "activeDeadlineSeconds": ROOM_SECONDS,
                "ttlSecondsAfterFinished": KEPT_SECONDS,
                # A pod that went with its node was none of these.
                "podFailurePolicy": {
                    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
                },
                "template": template(model, args),
            },
        },
    }
