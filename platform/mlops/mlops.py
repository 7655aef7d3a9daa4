"""All that the platform's users work with, made of the parts beside this file.

A module of its own: who wants a name or a list of a part does not wait for all that provisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from cluster.cluster import Cluster
from foundation.data_class import DataClass
from foundation.foundation import Foundation
from foundation.stack import Stack
from mlops.analyses import Analyses, AnalysesArgs
from mlops.bucket import Bucket
from mlops.dashboards.dashboards import Dashboards, DashboardsArgs
from mlops.incident_records import IncidentRecords, IncidentRecordsArgs
from mlops.mlflow_server.account import Account
from mlops.mlflow_server.mlflow_server import MlflowServer, MlflowServerArgs
from mlops.mlflow_server.retention import Kept
from mlops.mlflow_server.sign_on import SignOn
from mlops.model_registry import ModelRegistry, ModelRegistryArgs
from mlops.monitoring import words
from mlops.monitoring.alarms import Alarms, AlarmsArgs
from mlops.monitoring.alertmanager import HOST, Alertmanager, AlertmanagerArgs
from mlops.monitoring.check_pod import CheckPodArgs
from mlops.monitoring.checks import Checks, ChecksArgs
from mlops.monitoring.owners import owners
from mlops.monitoring.rules import alert_seconds, rules
from mlops.outcomes import Outcomes, OutcomesArgs
from mlops.pipelines.pipelines import Pipelines, PipelinesArgs
from mlops.prometheus import Alerting, Prometheus, PrometheusArgs
from mlops.serving import model_service
from mlops.serving.model import TOLD, Model
from mlops.serving.models import Models, ModelsArgs, hash_keys
from mlops.serving.tokens import Tokens
from mlops.workload_identities import WorkloadIdentities, WorkloadIdentitiesArgs
from mlops.workload_secret import WorkloadSecret, by_namespace

LOGGED: Final = 3
"""How often within what an analysis looks at predictions are kept, where that is sooner than each minute."""


@dataclass(frozen=True, kw_only=True)
class MLOpsArgs:
    stack: Stack
    foundation: Foundation
    cluster: Cluster
    mlflow_users: Sequence[Account]
    mlflow_sign_on: SignOn | None
    mlflow_kept: Sequence[Kept]
    """How long what was deleted in MLflow is kept, by kind."""
    workload_secrets: Sequence[WorkloadSecret]
    models: Sequence[Model]
    """Those that answer."""
    model_tokens: Tokens | None
    """Whose tokens callers of published ones bring."""
    model_analysis_seconds: int
    """How long a new version of a model is looked at before it gets more calls."""
    model_check_seconds: int
    """How much of what a model was asked its check looks at."""
    model_promoters: Sequence[str]
    """ARNs of the IAM roles that sign decisions on models."""
    privacy_officers: Sequence[str]
    """ARNs of the IAM roles that may find a name in the audit trail."""
    loopback: bool
    """Whether users come to the services at a loopback address too."""


class MLOps(pulumi.ComponentResource):
    """The services of machine learning, each behind a log-in of its own, in the cluster and over the account.

    `name` is the stack's, and begins the name of every resource.
    """

    mlflow: MlflowServer
    model_registry: ModelRegistry
    incident_records: IncidentRecords
    outcomes: Outcomes
    alerts_topic_arn: pulumi.Output[str]
    """The topic that tells of alerts; who subscribes is the hospital's to say."""
    account_topic_arn: pulumi.Output[str]
    """The one of what AWS tells itself; the pager subscribes to all of it."""
    deadman_topic_arn: pulumi.Output[str]
    """The one that tells that alerts are dead; other ways than the former's subscribe."""
    models: list[dict[str, str | bool]]
    """Of each that answers: name, version, digest, environment, whether it is published, and url."""

    def __init__(self, name: str, args: MLOpsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:MLOps", name, {}, opts)
        cluster = args.cluster
        self.mlflow = MlflowServer(
            f"{name}-mlflow",
            MlflowServerArgs(
                stack=args.stack,
                foundation=args.foundation,
                control_plane=cluster.control_plane,
                nodes_security_group_id=cluster.nodes_security_group_id,
                domain=cluster.domain,
                users=args.mlflow_users,
                sign_on=args.mlflow_sign_on,
                kept=args.mlflow_kept,
                administrators=cluster.administrators,
                privacy_officers=args.privacy_officers,
                loopback=args.loopback,
                after=cluster.ready,
            ),
            pulumi.ResourceOptions(parent=self, providers=[cluster.kubernetes]),
        )
        in_cluster = pulumi.ResourceOptions(parent=self, providers=[cluster.kubernetes])
        if args.foundation.pipelines_database:
            Pipelines(
                f"{name}-pipelines",
                PipelinesArgs(
                    stack=args.stack,
                    foundation=args.foundation,
                    database=args.foundation.pipelines_database,
                    control_plane=cluster.control_plane,
                    nodes_security_group_id=cluster.nodes_security_group_id,
                    domain=cluster.domain,
                    after=cluster.ready,
                ),
                in_cluster,
            )
        window = args.model_analysis_seconds
        names = [each.name for each in args.models]
        checked = [each.name for each in args.models if each.checked]
        alerting = Alerting(
            rules=rules(names, checked, alert_seconds(window)),
            labels=words.LABELS,
            host=HOST,
            checks=words.OF_CHECKS,
        )
        Prometheus(
            f"{name}-prometheus",
            PrometheusArgs(stack=args.stack, window=window, alerting=alerting, after=cluster.ready),
            in_cluster,
        )
        Dashboards(
            name, DashboardsArgs(stack=args.stack, models=names, checked=checked, after=cluster.ready), in_cluster
        )
        judges = Analyses(
            f"{name}-analyses", AnalysesArgs(stack=args.stack, window=window, after=cluster.ready), in_cluster
        )
        storage, key_arns = args.foundation.storage, args.foundation.keys.arns
        alarms = Alarms(
            name,
            AlarmsArgs(
                stack=args.stack,
                logs_key_arn=key_arns[DataClass.LOGS],
                key_administrators=args.foundation.keys.administrators,
                read_at=owners().read_at,
                certificate_arn=args.foundation.certificate.arn,
                application_log=cluster.application_log,
                cluster_name=cluster.control_plane.cluster_name,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.alerts_topic_arn, self.account_topic_arn = alarms.topic_arn, alarms.account_arn
        self.deadman_topic_arn = alarms.deadman_arn
        Alertmanager(
            f"{name}-alertmanager",
            AlertmanagerArgs(
                stack=args.stack,
                cluster_name=cluster.control_plane.cluster_name,
                cluster_arn=cluster.control_plane.arn,
                perimeter=args.foundation.network.perimeter,
                alarms=alarms,
                logs_key_arn=key_arns[DataClass.LOGS],
                reports=storage.artifacts.bucket,
                after=cluster.ready,
            ),
            in_cluster,
        )
        models = Bucket(storage.artifacts.arn, key_arns[DataClass.ARTIFACTS])
        audit = Bucket(storage.audit.arn, key_arns[DataClass.LOGS])
        self.model_registry = ModelRegistry(
            name,
            ModelRegistryArgs(
                stack=args.stack,
                promoters=args.model_promoters,
                key_administrators=args.foundation.keys.administrators,
                models=models,
                audit=audit,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.incident_records = IncidentRecords(
            name,
            IncidentRecordsArgs(stack=args.stack, audit=audit, artifacts=models),
            pulumi.ResourceOptions(parent=self),
        )
        phi = Bucket(storage.phi.arn, key_arns[DataClass.PHI])
        self.outcomes = Outcomes(name, OutcomesArgs(stack=args.stack, phi=phi), pulumi.ResourceOptions(parent=self))
        keys = hash_keys(name, args.stack, args.foundation, args.models, self)
        identities = WorkloadIdentities(
            name,
            WorkloadIdentitiesArgs(
                stack=args.stack,
                cluster_name=cluster.control_plane.cluster_name,
                cluster_arn=cluster.control_plane.arn,
                perimeter=args.foundation.network.perimeter,
                buckets={
                    DataClass.PHI: phi,
                    DataClass.ARTIFACTS: models,
                },
                workspaces=cluster.workspaces,
                secrets=by_namespace(args.workload_secrets),
                named={
                    **{each.workload: [key] for each, key in keys.items()},
                    **{each.check: () for each in args.models if each.checked},
                },
                secrets_key_arn=key_arns[DataClass.SECRETS],
                after=cluster.ready,
            ),
            pulumi.ResourceOptions(parent=self, providers=[cluster.kubernetes]),
        )
        self.models = [
            {**each.model_dump(include=TOLD), "url": model_service.url(each, cluster.domain)} for each in args.models
        ]
        buckets = {DataClass.ARTIFACTS: storage.artifacts.bucket, DataClass.PHI: storage.phi.bucket}
        if args.models:
            served = Models(
                f"{name}-models",
                ModelsArgs(
                    stack=args.stack,
                    foundation=args.foundation,
                    hash_keys=keys,
                    tokens=args.model_tokens,
                    domain=cluster.domain,
                    log_seconds=window // LOGGED,
                    buckets=buckets,
                    signing_key_arn=self.model_registry.signing_key_arn,
                    role_arns=identities.role_arns,
                    after=[*cluster.ready, identities, judges],
                ),
                in_cluster,
            )
            Checks(
                f"{name}-checks",
                ChecksArgs(
                    models=[each for each in args.models if each.checked],
                    pod=CheckPodArgs(
                        stack=args.stack,
                        artifacts=buckets[DataClass.ARTIFACTS],
                        artifacts_key_arn=key_arns[DataClass.ARTIFACTS],
                        phi=buckets[DataClass.PHI],
                        signing_key=served.signing_key,
                        window_seconds=args.model_check_seconds,
                    ),
                    after=[*cluster.ready, identities],
                ),
                in_cluster,
            )
        self.register_outputs({})
