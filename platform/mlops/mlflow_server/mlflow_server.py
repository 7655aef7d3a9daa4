"""The whole MLflow server, made of the parts beside this file.

A module of its own: who wants a name or a list of a part does not wait for all that provisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import images
from cluster import namespaces as ns
from cluster.control_plane import ControlPlane
from cluster.labels import Manifest, metadata
from foundation.data_class import DataClass
from foundation.database import DATABASE
from foundation.foundation import Foundation
from foundation.log_group import log_group
from foundation.secrets import GeneratedSecret, GeneratedSecretArgs
from foundation.stack import Stack
from mlops.mlflow_server import pod, routes
from mlops.mlflow_server.account import Account
from mlops.mlflow_server.retention import Kept
from mlops.mlflow_server.rights import RightsArgs, rights
from mlops.mlflow_server.sign_on import SignOn
from mlops.secret_delivery import DeliveredSecret, SecretDelivery, SecretDeliveryArgs

__all__ = ["MlflowServer", "MlflowServerArgs"]

MIN_REPLICAS: Final = 2
MAX_REPLICAS: Final = 6
BUSY: Final = 70
"""The share (%) of the CPU asked for, on average over the replicas, above which there are more of them."""
COLLECT_AT: Final = "30 3 * * 0"
"""Sundays at 3:30 UTC, outside of the database's own windows."""
PREFIX: Final = "mlflow"
"""Where in the artifact bucket the server's objects are."""
ROTATE_DAYS: Final = 90


@dataclass(frozen=True, kw_only=True)
class MlflowServerArgs:
    stack: Stack
    foundation: Foundation
    control_plane: ControlPlane
    nodes_security_group_id: pulumi.Input[str]
    """The group of the pods, which the database admits."""
    domain: str
    users: Sequence[Account]
    """Accounts that have a generated password each. Others are the administrator's to make."""
    sign_on: SignOn | None
    """The identity provider of people; without one, all sign in with passwords."""
    kept: Sequence[Kept]
    """How long what was deleted is kept, by kind."""
    administrators: Sequence[str]
    """ARNs of the IAM roles that may read the password of MLflow's administrator."""
    privacy_officers: Sequence[str]
    """ARNs of the IAM roles that may read the keys of the audit trail, and so find a name in it."""
    loopback: bool
    """Whether clients call the server at a loopback address too, as they do where it runs without a network."""
    after: Sequence[pulumi.Resource]
    """The namespaces, the mesh and nodes."""


class MlflowServer(pulumi.ComponentResource):
    """An MLflow server that answers nobody without a log-in, and shows nobody the work of another team.

    Two replicas or more behind the mesh's gateway; metadata in the stack's database by verified TLS, artifacts in the
    artifact bucket under its key, proxied by the server, so that no client has rights on either. Nobody's password is
    in the state: each is generated in AWS and read by the pods alone. Who logged, registered, promoted and deleted is
    in an audit log that the server can add to and nobody here can shorten; names in it are found by privacy officers
    alone.
    """

    url: str
    user_secret_arns: dict[str, pulumi.Output[str]]
    """Where each account's password is, by the account's name."""
    audit_key_secret_arn: pulumi.Output[str]
    """Where the keys of the audit trail are."""

    def __init__(self, name: str, args: MlflowServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"image": images.MLFLOW, "users": [each.name for each in args.users]}
        super().__init__("parapet:mlops:MlflowServer", name, inputs, opts)
        self._name, self._args = name, args
        host = f"mlflow.{args.domain}"
        self.url = f"https://{host}"
        audit = log_group(
            args.stack,
            "mlflow-audit",
            key_arn=args.foundation.keys.arns[DataClass.LOGS],
            audit=True,
            parent=self,
        )
        self.user_secret_arns = {
            user.name: self._secret(
                f"user-{user.name}", f"The password of the MLflow account {user.name}.", listed=True
            )
            for user in args.users
        }
        self.audit_key_secret_arn = self._secret(
            "audit-key", "The keys of the audit trail of MLflow, the one in use first.", keep_old=True
        )
        delivery = self._delivery(audit.arn)
        admitted = args.foundation.database.admit(name, args.nodes_security_group_id)
        spec = self._pods(host, audit.name, delivery)
        self._routes(host)
        self._run(spec, [*args.after, *delivery.ready, *admitted, audit])
        self.register_outputs({"url": self.url})

    def _secret(
        self, topic: str, description: str, *, listed: bool = False, keep_old: bool = False
    ) -> pulumi.Output[str]:
        foundation = self._args.foundation
        return GeneratedSecret(
            f"{self._name}-{topic}",
            GeneratedSecretArgs(
                stack=self._args.stack,
                rotator=foundation.rotator,
                key_arn=foundation.keys.arns[DataClass.SECRETS],
                description=description,
                rotate_days=ROTATE_DAYS,
                listed=listed,
                keep_old=keep_old,
            ),
            pulumi.ResourceOptions(parent=self),
        ).arn

    def _delivery(self, audit_log_arn: pulumi.Input[str]) -> SecretDelivery:
        args, foundation = self._args, self._args.foundation
        admin = self._secret("admin", "The password of MLflow's administrator.")
        # Who is signed in stays so: replicas learn of a new key one after the other.
        flask = self._secret("flask", "The keys of people's sessions in MLflow, the newest first.", keep_old=True)
        secrets = [
            DeliveredSecret("database", foundation.database.secret_arn, of_rds=True),
            DeliveredSecret("admin", admin, readers=args.administrators),
            DeliveredSecret("flask", flask),
            DeliveredSecret("audit-key", self.audit_key_secret_arn, readers=args.privacy_officers),
            *([DeliveredSecret("sign-on", args.sign_on.client_secret_arn, given=True)] if args.sign_on else []),
            *(
                DeliveredSecret(f"user-{user.name}", self.user_secret_arns[user.name], readers=user.readers)
                for user in args.users
            ),
        ]
        return SecretDelivery(
            self._name,
            SecretDeliveryArgs(
                stack=args.stack,
                cluster_name=args.control_plane.cluster_name,
                cluster_arn=args.control_plane.arn,
                namespace=ns.MLFLOW,
                secrets=secrets,
                key_arn=foundation.keys.arns[DataClass.SECRETS],
                rotator_arn=foundation.rotator.role_arn,
                policies=rights(
                    RightsArgs(
                        stack=args.stack,
                        bucket_arn=foundation.storage.artifacts.arn,
                        prefix=PREFIX,
                        key_arn=foundation.keys.arns[DataClass.ARTIFACTS],
                        perimeter=foundation.network.perimeter,
                        audit_log_arn=audit_log_arn,
                    )
                ),
                after=args.after,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _pods(self, host: str, audit_log_group: pulumi.Input[str], delivery: SecretDelivery) -> pod.PodArgs:
        args, foundation = self._args, self._args.foundation
        loopback = ["127.0.0.1:*", "localhost:*"] if args.loopback else []
        return pod.PodArgs(
            stack=args.stack,
            image=args.stack.image(images.MLFLOW),
            database_address=foundation.database.address,
            database_port=foundation.database.port,
            database_name=DATABASE,
            database_secret_arn=foundation.database.secret_arn,
            bucket=foundation.storage.artifacts.bucket,
            prefix=PREFIX,
            key_arn=foundation.keys.arns[DataClass.ARTIFACTS],
            hosts=[host, *routes.in_cluster_hosts(), *loopback],
            origins=[self.url],
            audit_log_group=audit_log_group,
            promoters=[each.name for each in args.users if each.promotes],
            sign_on=args.sign_on.declared(self.url) if args.sign_on else "",
            kept=args.kept,
            volume=delivery.volume,
            mount=delivery.mount,
        )

    def _run(self, spec: pod.PodArgs, after: Sequence[pulumi.Resource]) -> None:
        once: Manifest = {"backoffLimit": 4, "activeDeadlineSeconds": 900, "template": pod.migration(spec)}
        migration = kubernetes.batch.v1.Job(
            f"{self._name}-migration",
            metadata=self._metadata("mlflow-migration"),
            spec=once,
            # A job cannot be changed. Its name is its own, so the old one goes before the new one comes; what serves
            # meanwhile is the version before.
            opts=self._own(after, delete_before_replace=True),
        )
        # How many there are is the autoscaler's to say, from the first moment on.
        server: Manifest = {
            "selector": {"matchLabels": pod.selector()},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": pod.server(spec),
        }
        kubernetes.apps.v1.Deployment(
            f"{self._name}-server",
            metadata=self._metadata("mlflow"),
            spec=server,
            opts=self._own([*after, migration]),
        )
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
            f"{self._name}-server", metadata=self._metadata("mlflow"), spec=AUTOSCALING, opts=self._own(after)
        )
        budget: Manifest = {"maxUnavailable": 1, "selector": {"matchLabels": pod.selector()}}
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{self._name}-server", metadata=self._metadata("mlflow"), spec=budget, opts=self._own(after)
        )
        collection = {
            "backoffLimit": 2,
            "activeDeadlineSeconds": 4 * 3600,
            "template": pod.garbage_collection(spec),
        }
        weekly: Manifest = {
            "schedule": COLLECT_AT,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "jobTemplate": {"spec": collection},
        }
        kubernetes.batch.v1.CronJob(
            f"{self._name}-garbage-collection",
            metadata=self._metadata("mlflow-garbage-collection"),
            spec=weekly,
            opts=self._own([*after, migration]),
        )

    def _routes(self, host: str) -> None:
        args, database = self._args, self._args.foundation.database
        service: Manifest = {
            "type": "ClusterIP",
            "selector": pod.selector(),
            "ports": [{"name": "http", "port": pod.PORT, "targetPort": "http", "appProtocol": "http"}],
        }
        kubernetes.core.v1.Service(
            f"{self._name}-server",
            metadata={
                **self._metadata(routes.SERVICE),
                # It has no endpoint before there is a pod, and the pods come after it.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec=service,
            opts=self._own(args.after),
        )
        to_database = routes.to_database(database.address, database.port)
        custom: list[tuple[str, str, str, Manifest]] = [
            ("virtualservice", "VirtualService", "mlflow", routes.from_gateway(host)),
            ("serviceentry", "ServiceEntry", "mlflow-database", to_database),
        ]
        if args.sign_on:
            custom.append(("sign-on", "ServiceEntry", "mlflow-sign-on", routes.to_provider(args.sign_on.all_hosts)))
        for topic, kind, object_name, spec in custom:
            kubernetes.apiextensions.CustomResource(
                f"{self._name}-{topic}",
                api_version="networking.istio.io/v1",
                kind=kind,
                metadata=self._metadata(object_name),
                spec=spec,
                opts=self._own(args.after),
            )

    def _metadata(self, object_name: str) -> Manifest:
        return metadata(object_name, self._args.stack.owner, namespace=ns.MLFLOW.name, data_class=ns.MLFLOW.data_class)

    def _own(
        self, after: Sequence[pulumi.Resource], *, delete_before_replace: bool | None = None
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(after), delete_before_replace=delete_before_replace)


AUTOSCALING: Final[Manifest] = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mlflow"},
    "minReplicas": MIN_REPLICAS,
    "maxReplicas": MAX_REPLICAS,
    "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": BUSY}}}
    ],
}
