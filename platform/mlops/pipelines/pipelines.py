"""Kubeflow Pipelines on the cluster, made of the parts beside this file.

A module of its own: who wants a name or a list of a part does not wait for all that provisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import images
from cluster import namespaces as ns
from cluster.control_plane import ControlPlane
from cluster.guardrails import flows
from cluster.guardrails.object_rules import GATEWAY_REFERENCE
from cluster.labels import Manifest, metadata
from cluster.mesh import INGRESS, Caller, allow, principal
from foundation.data_class import DataClass
from foundation.database import Database
from foundation.foundation import Foundation
from foundation.secrets import SecretReaders, SecretReadersArgs
from foundation.stack import Stack
from mlops.pipelines import configuration, pod, rights
from mlops.pipelines.kinds import kinds
from mlops.secret_delivery import DeliveredSecret, SecretDelivery, SecretDeliveryArgs

SERVICE: Final = f"{rights.API}.{rights.HOME}.svc.cluster.local"
HOST: Final = "pipelines"
"""The first label of the name by which people call it, in the stack's domain."""
_API: Final = "/apis/v2beta1"
_KINDS: Final = ("experiments", "runs")
_HEALTH: Final = f"{_API}/healthz"
ASKED: Final = f"({_API}/({'|'.join(_KINDS)})(/.*)?|{_HEALTH})"
"""What the gateway leads on: what a client of Kubeflow's starts and follows runs by, where each call is asked whose it
is. Of tasks, logs and metrics nobody is (kubeflow/pipelines 2.17.0, backend/src/apiserver/server/task_server.go)."""
LINEAGE: Final = "metadata-grpc-service"
"""What drivers and launchers call ML Metadata by (backend/src/apiserver/common/const.go)."""
CALLERS: Final = (
    Caller(
        rights.HOME,
        (principal(rights.HOME, rights.AGENT),),
        (str(pod.GRPC), str(pod.HTTP)),
        "runs",
        flows.RUNS,
    ),
    Caller(
        # The gateway speaks for whoever asks it.
        rights.HOME,
        (INGRESS,),
        (str(pod.HTTP),),
        "submitters",
        flows.RUNS,
        (*(path for each in _KINDS for path in (f"{_API}/{each}", f"{_API}/{each}/*")), _HEALTH),
    ),
    Caller(
        rights.HOME,
        (principal(rights.STEPS, ns.PIPELINES.service_account),),
        (str(pod.LINEAGE),),
        "lineage",
        flows.METADATA,
    ),
)


@dataclass(frozen=True, kw_only=True)
class PipelinesArgs:
    stack: Stack
    foundation: Foundation
    database: Database
    """Of Kubeflow Pipelines' engine."""
    control_plane: ControlPlane
    nodes_security_group_id: pulumi.Input[str]
    """The group of the pods, which the database admits."""
    domain: str
    """Whose hosts lead to the gateway."""
    after: Sequence[pulumi.Resource]
    """The namespaces, the mesh and nodes."""


class Pipelines(pulumi.ComponentResource):
    """Kubeflow Pipelines 2.17: ML engineers start runs, whose steps are pods of `pipelines` and have its role and no
    key.

    Its own programs are in `kubeflow`, where nobody but the stack starts or writes anything; runs and lineage are in a
    database of RDS, by verified TLS, whose password the two that use it read as files. Only the controller makes a
    step's pod, and each of the guardrails judges it. People come by the gateway, to what asks each who he is, with a
    token of the submitter's: it is for this alone and an hour, and who asked for one is in the API server's audit log.
    By no port of a pod does anybody come: there lineage knows no users, and a proxy tells others' tokens.

    No control plane here has run it: the local one admits it, by the real rules, and runs no pod of it.
    """

    def __init__(self, name: str, args: PipelinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Pipelines", name, {"image": images.KFP_API}, opts)
        self._name, self._args = name, args
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        made = [*kinds(name, args.stack.owner, own), *rights.rights(name, args.stack.owner, own)]
        deliveries = {account: self._delivery(account) for account in (rights.API, rights.METADATA)}
        readers = SecretReaders(
            f"{name}-database",
            SecretReadersArgs(
                stack=args.stack,
                secret_arn=args.database.secret_arn,
                reader_arns=[each.role_arn for each in deliveries.values()],
                of_rds=True,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        admitted = args.database.admit(name, args.nodes_security_group_id)
        ready = [each for delivery in deliveries.values() for each in delivery.ready]
        told, maps = self._configuration(own)
        self._mesh(own)
        self._services(own)
        pods = pod.PodArgs(
            stack=args.stack,
            database_address=args.database.address,
            database_port=args.database.port,
            secrets={account: (each.volume, each.mount) for account, each in deliveries.items()},
            configuration=told,
        )
        for program in pod.programs(pods):
            kubernetes.apps.v1.Deployment(
                f"{name}-{program.name}",
                metadata=self._metadata(program.name),
                spec=pod.deployment(pods, program),
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[*made, *ready, *admitted, *maps, readers, *args.after]
                ),
            )
        self.register_outputs({"address": f"https://{HOST}.{args.domain}"})

    def _delivery(self, account: str) -> SecretDelivery:
        args, foundation = self._args, self._args.foundation
        secret = DeliveredSecret("database", args.database.secret_arn, given=True, parts=("username", "password"))
        return SecretDelivery(
            f"{self._name}-{account}",
            SecretDeliveryArgs(
                stack=args.stack,
                cluster_name=args.control_plane.cluster_name,
                cluster_arn=args.control_plane.arn,
                namespace=replace(ns.KUBEFLOW, service_account=account),
                secrets=[secret],
                key_arn=foundation.keys.arns[DataClass.SECRETS],
                rotator_arn=foundation.rotator.role_arn,
                policies={"perimeter": [foundation.network.perimeter.only_from_within()]},
                after=args.after,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _configuration(
        self, own: pulumi.ResourceOptions
    ) -> tuple[Mapping[str, pulumi.Output[str]], list[pulumi.Resource]]:
        """What each program reads at its start, as one text, and the ConfigMaps that hold it."""
        args, storage = self._args, self._args.foundation.storage
        api = configuration.api(args.stack, args.database.address, args.database.port, bucket=storage.artifacts.bucket)
        held: dict[str, tuple[str, Mapping[str, pulumi.Input[str]]]] = {
            rights.API: (rights.API, {"config.json": api, "serve.sh": configuration.SERVE_API}),
            rights.METADATA: (rights.METADATA, {"serve.sh": configuration.SERVE_METADATA}),
            rights.CONTROLLER: (rights.CONFIGURATION, configuration.controller(args.stack)),
        }
        maps: list[pulumi.Resource] = [
            kubernetes.core.v1.ConfigMap(
                f"{self._name}-{object_name}", metadata=self._metadata(object_name), data=data, opts=own
            )
            for object_name, data in held.values()
        ]
        meta = metadata(rights.LAUNCHER, args.stack.owner, namespace=rights.STEPS, data_class=ns.PIPELINES.data_class)
        maps.append(
            kubernetes.core.v1.ConfigMap(
                f"{self._name}-{rights.LAUNCHER}",
                metadata=meta,
                data=configuration.launcher(args.stack, storage.phi.bucket),
                opts=own,
            )
        )
        return {account: pulumi.Output.json_dumps(data) for account, (_, data) in held.items()}, maps

    def _mesh(self, own: pulumi.ResourceOptions) -> None:
        """Who calls whom, and the way to the database, whose TLS is MySQL's own, which the proxy passes on."""
        database: Manifest = {
            "hosts": [self._args.database.address],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "exportTo": ["."],
            "ports": [{"number": self._args.database.port, "name": "tcp-database", "protocol": "TCP"}],
        }
        custom = [
            ("networking.istio.io/v1", "ServiceEntry", "database", database),
            ("networking.istio.io/v1", "VirtualService", HOST, _from_gateway(self._args.domain)),
            *(("security.istio.io/v1", "AuthorizationPolicy", each.name, allow(each)) for each in CALLERS),
        ]
        for api_version, kind, object_name, spec in custom:
            kubernetes.apiextensions.CustomResource(
                f"{self._name}-{object_name}",
                api_version=api_version,
                kind=kind,
                metadata=self._metadata(object_name),
                spec=spec,
                opts=own,
            )

    def _services(self, own: pulumi.ResourceOptions) -> None:
        called: dict[str, tuple[Mapping[str, str], list[tuple[str, int]]]] = {
            rights.API: (flows.RUNS, [("http", pod.HTTP), ("grpc", pod.GRPC)]),
            LINEAGE: (flows.METADATA, [("grpc", pod.LINEAGE)]),
        }
        for object_name, (selector, ports) in called.items():
            spec: Manifest = {
                "type": "ClusterIP",
                "selector": dict(selector),
                "ports": [
                    {"name": each, "port": port, "targetPort": each, "appProtocol": each} for each, port in ports
                ],
            }
            kubernetes.core.v1.Service(
                # It has no endpoint before there is a pod, and the pods come after it.
                f"{self._name}-{object_name}",
                metadata={**self._metadata(object_name), "annotations": {"pulumi.com/skipAwait": "true"}},
                spec=spec,
                opts=own,
            )

    def _metadata(self, object_name: str) -> Manifest:
        owner = self._args.stack.owner
        return metadata(object_name, owner, namespace=rights.HOME, data_class=ns.KUBEFLOW.data_class)


def _from_gateway(domain: str) -> Manifest:
    """A VirtualService: who brings a token is led to the API, which asks whose it is."""
    return {
        "hosts": [f"{HOST}.{domain}"],
        "gateways": [GATEWAY_REFERENCE],
        "exportTo": [ns.INGRESS.name],
        "http": [
            {
                "name": "runs",
                "match": [{"uri": {"regex": ASKED}, "headers": {"authorization": {"prefix": "Bearer "}}}],
                "route": [{"destination": {"host": SERVICE, "port": {"number": pod.HTTP}}}],
            }
        ],
    }
