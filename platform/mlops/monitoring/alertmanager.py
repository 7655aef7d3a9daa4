"""Alertmanager: it groups alerts, silences what another explains, and tells SNS of the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.flows import ALERTMANAGER
from cluster.labels import Manifest, metadata
from cluster.pod_identity import PodRole, PodRoleArgs, region
from foundation.network.perimeter import Perimeter
from foundation.policy_document import Statement, allow
from foundation.stack import Stack
from mlops import one_server
from mlops.data_path import REPORTS, of_model
from mlops.monitoring.alarms import Alarms
from mlops.monitoring.owners import owners, quiet
from mlops.monitoring.routes import OF_MODEL, configuration

NAME: Final = "alertmanager"
PORT: Final = 9093
HOST: Final = f"{NAME}.{ns.JUDGING.name}.svc.cluster.local:{PORT}"
"""Where Prometheus sends alerts, as its configuration has it."""
FOLDER: Final = "/etc/alertmanager"
DATA: Final = "/alertmanager"
FILE: Final = "alertmanager.yaml"
RETENTION: Final = "2000h"
"""For how long it knows whom it told of what: twice what an owner may have as `again_after` (`owners.py`), of which
what comes again more seldom is to it something new (its own default is 120h, and notes come each 168h)."""
RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "128Mi"},
    "limits": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
}


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    perimeter: Perimeter
    alarms: Alarms
    logs_key_arn: pulumi.Input[str]
    """What encrypts the topics."""
    reports: pulumi.Input[str]
    """The bucket of the checks' reports."""
    after: Sequence[pulumi.Resource]
    """The namespaces, the mesh and nodes."""


class Alertmanager(pulumi.ComponentResource):
    """One Alertmanager, whom Prometheus alone reaches, and which writes to two of the stack's topics and nowhere else.

    It has an account of its own, without a token for the API server. What it holds in its pod is whom it told of what:
    a new pod tells once more. That it lives is told by the heartbeat (`alarms.py`).
    """

    def __init__(self, name: str, args: AlertmanagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Alertmanager", name, {"image": images.ALERTMANAGER}, opts)
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        meta = metadata(NAME, args.stack.owner, namespace=ns.JUDGING.name, data_class=ns.JUDGING.data_class)
        told, beat = args.alarms.topic_arn, args.alarms.heartbeat_arn
        text = pulumi.Output.all(told, beat, args.reports).apply(lambda known: written(args.stack, *known))
        config = kubernetes.core.v1.ConfigMap(name, metadata=meta, data={FILE: text}, opts=own)
        account = kubernetes.core.v1.ServiceAccount(
            name,
            metadata={**meta, "name": ns.ALERTING.service_account},
            automount_service_account_token=False,
            opts=own,
        )
        one_server.service(name, meta, ALERTMANAGER, PORT, own)
        allowed = self._rights(name, args)
        kubernetes.apps.v1.Deployment(
            name,
            metadata=meta,
            spec=deployment(args.stack, text),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[config, account, *allowed, *args.after]),
        )
        self.register_outputs({"host": HOST})

    def _rights(self, name: str, args: AlertmanagerArgs) -> list[pulumi.Resource]:
        role = PodRole(
            name,
            PodRoleArgs(
                stack=args.stack,
                cluster_arn=args.cluster_arn,
                description="Lets Alertmanager tell the stack's topics of alerts.",
                policies={"topics": rights(args)},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=ns.JUDGING.name,
            service_account=ns.ALERTING.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=role.allowed),
        )
        return [*role.allowed, association]


def rights(args: AlertmanagerArgs) -> Sequence[Statement]:
    """What it may in AWS (Amazon SNS Developer Guide, "Key management", configuring permissions: a publisher asks for a
    data key and reads it)."""
    return [
        allow("Tell", actions="sns:Publish", resources=[args.alarms.topic_arn, args.alarms.heartbeat_arn]),
        allow(
            "EncryptThroughSns",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=args.logs_key_arn,
            when={"StringEquals": {"kms:ViaService": f"sns.{args.stack.account.region}.amazonaws.com"}},
        ),
        args.perimeter.only_from_within(),
    ]


def written(stack: Stack, topic_arn: str, heartbeat_arn: str, bucket: str) -> str:
    """Its configuration, as it reads it."""
    told: Mapping[str, Any] = configuration(
        owners(),
        quiet(),
        topic_arn=topic_arn,
        heartbeat_arn=heartbeat_arn,
        region=stack.account.region,
        reports=f"s3://{bucket}/{of_model(REPORTS, OF_MODEL).prefix}/",
    )
    return yaml.dump(told, Dumper=yaml.CSafeDumper, sort_keys=False)


def deployment(stack: Stack, text: pulumi.Input[str]) -> Manifest:
    """One replica: each of two would tell, unless they told each other."""
    server = one_server.Server(
        name=NAME,
        image=images.ALERTMANAGER,
        selector=ALERTMANAGER,
        service_account=ns.ALERTING.service_account,
        # AWS knows the pod by EKS Pod Identity, and it has nothing to say to the Kubernetes API.
        asks_kubernetes=False,
        port=PORT,
        arguments=[
            f"--config.file={FOLDER}/{FILE}",
            f"--storage.path={DATA}",
            f"--data.retention={RETENTION}",
            f"--web.listen-address=0.0.0.0:{PORT}",
            # There is no other to tell.
            "--cluster.listen-address=",
            "--log.format=json",
        ],
        folder=FOLDER,
        data=DATA,
        size="128Mi",
        resources=RESOURCES,
        environment=region(stack),
    )
    digest = pulumi.Output.from_input(text).apply(lambda known: sha256(known.encode()).hexdigest()[:16])
    return one_server.deployment(stack, server, digest)
