"""Strict mutual TLS between all services, and who may call whom by service account (docs/decisions/0006)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import entrance, images, mesh_values
from cluster import namespaces as ns
from cluster.chart import chart
from cluster.entrance import Entrance, EntranceArgs
from cluster.guardrails.flows import ALERTMANAGER, DASHBOARDS, GATEWAY, PROMETHEUS, PUBLISHED
from cluster.guardrails.object_rules import GATEWAY_REFERENCE
from cluster.labels import metadata
from cluster.mesh_egress import aws_services, metrics
from cluster.mesh_rights import mesh_rights
from cluster.mesh_webhooks import MeshWebhooks, MeshWebhooksArgs
from foundation.stack import Stack

CIPHERS: Final = (
    # Forward secrecy and authenticated encryption, as NIST SP 800-52 Rev. 2, 3.3.1.1 recommends for TLS 1.2.
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)

GATEWAY_NAME: Final = GATEWAY_REFERENCE.partition("/")[2]


def principal(namespace: str, account: str) -> str:
    """A service account as its certificate names it."""
    return f"cluster.local/ns/{namespace}/sa/{account}"


def _account(namespace: ns.Namespace) -> str:
    return principal(namespace.name, namespace.service_account)


INGRESS: Final = _account(ns.INGRESS)
"""Who speaks for users: the gateway."""


@dataclass(frozen=True)
class Caller:
    """The service accounts that may call a namespace's workloads at these ports; without ports, at all."""

    namespace: str
    principals: tuple[str, ...]
    ports: tuple[str, ...]
    name: str = "callers"
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the pods that they may call; without labels, all of the namespace."""
    paths: tuple[str, ...] = ()
    """What they may ask for there, as the mesh has it: with a star for whatever follows. Without paths, all."""


def callers(workspaces: Sequence[ns.Namespace] = ()) -> tuple[Caller, ...]:
    """All of a stack with these workspaces."""
    trackers = (ns.PIPELINES, ns.TRAINING, ns.SERVING, *workspaces)
    return (
        Caller(ns.MLFLOW.name, (INGRESS, *map(_account, trackers)), ("5000",)),
        *(
            each
            for models in (ns.SERVING.name, ns.MODELS.name)
            for each in (
                Caller(models, (_account(ns.PIPELINES),), ("8080",)),
                # The gateway speaks for whoever asks it, so it gets to what is published and no further.
                Caller(models, (INGRESS,), ("8080",), "published", PUBLISHED),
            )
        ),
        Caller(ns.TRAINING.name, (_account(ns.TRAINING),), ()),
        Caller(ns.MONITORING.name, (_account(ns.MONITORING),), ("3000", "9090", "9093")),
        Caller(ns.MONITORING.name, (INGRESS,), ("3000",), "dashboards", DASHBOARDS),
        Caller(ns.JUDGING.name, (_account(ns.ROLLOUTS),), ("9090",), "judging", PROMETHEUS),
        Caller(ns.JUDGING.name, (_account(ns.JUDGING),), ("9093",), "alerts", ALERTMANAGER),
    )


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    stack: Stack
    chart_passwords: Mapping[str, pulumi.Input[str]]
    """What opens the stack's registry for its charts."""
    certificate_arn: pulumi.Input[str]
    """The certificate in ACM that the load balancer before the gateway shows."""
    vpc_cidr: str
    client_cidrs: Sequence[str]
    domain: str
    """The domain whose hosts lead to the gateway."""
    zone_id: pulumi.Input[str]
    """Its private hosted zone."""
    reachable: bool
    """Whether the API server can call istiod. It can on EKS; the local control plane has no way to pods. There no proxy
    is put in, so no gateway could start and none is asked for."""
    gateway_address: str = ""
    """Where the gateway listens, in the place of every address of its pod: where it shares a network with others, as a
    process of the local machine does."""
    after: Sequence[pulumi.Resource]
    """The namespaces, and a network for pods."""
    workspaces: Sequence[ns.Namespace] = ()


class Mesh(pulumi.ComponentResource):
    """Every service speaks mutual TLS only and answers nobody but the service accounts that are written down here.

    Users come in by one load balancer and the gateway behind it, by TLS 1.2 or newer to both. What leaves the mesh goes
    to AWS's services of the Region.
    """

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Mesh", name, {"reachable": args.reachable}, opts)
        self._name, self._args, self._owner = name, args, args.stack.owner
        base = self._chart(
            "base",
            "istio-base",
            images.ISTIO_BASE_CHART,
            ns.ISTIO_SYSTEM,
            mesh_values.base(),
            after=args.after,
        )
        cni = self._chart(
            "cni", "istio-cni", images.ISTIO_CNI_CHART, ns.ISTIO_CNI, mesh_values.cni(args.stack), after=[base]
        )
        istiod = self._chart(
            "istiod",
            "istiod",
            images.ISTIOD_CHART,
            ns.ISTIO_SYSTEM,
            mesh_values.istiod(args.stack),
            after=[base, *mesh_rights(name, self._owner, pulumi.ResourceOptions(parent=self))],
        )
        # The CRDs are the base chart's; istiod checks what is made once it is there.
        self._after: list[pulumi.Resource] = [base, istiod, *self._webhooks([istiod])]
        self._policies()
        self._custom("networking.istio.io/v1", "Gateway", ns.INGRESS.name, GATEWAY_NAME, gateway(args.gateway_address))
        self._custom(
            "networking.istio.io/v1",
            "ServiceEntry",
            ns.ISTIO_SYSTEM.name,
            "aws",
            aws_services(args.stack.account),
        )
        self._custom("networking.istio.io/v1", "ServiceEntry", ns.ISTIO_SYSTEM.name, "metrics", metrics(args.vpc_cidr))
        running = self._chart(
            "gateway",
            entrance.NAME,
            images.GATEWAY_CHART,
            ns.INGRESS,
            mesh_values.gateway(args.stack.owner, reachable=args.reachable),
            after=[*self._after, cni],
        )
        Entrance(
            name,
            EntranceArgs(
                stack=args.stack,
                domain=args.domain,
                zone_id=args.zone_id,
                annotations=mesh_values.load_balancer(args.certificate_arn),
                clients=[args.vpc_cidr, *args.client_cidrs],
                reachable=args.reachable,
                after=[running],
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def _chart(
        self,
        which: str,
        release: str,
        tagged: str,
        namespace: ns.Namespace,
        values: dict[str, Any],
        after: Sequence[pulumi.Resource],
    ) -> kubernetes.helm.v4.Chart:
        return chart(
            f"{self._name}-{which}",
            release,
            chart=tagged,
            stack=self._args.stack,
            passwords=self._args.chart_passwords,
            namespace=namespace.name,
            values=values,
            parent=self,
            depends_on=after,
        )

    def _webhooks(self, after: Sequence[pulumi.Resource]) -> Sequence[pulumi.Resource]:
        if not self._args.reachable:
            return ()
        asked = MeshWebhooksArgs(stack=self._args.stack, workspaces=self._args.workspaces, after=after)
        return MeshWebhooks(self._name, asked, pulumi.ResourceOptions(parent=self)).made

    def _policies(self) -> None:
        root, version = ns.ISTIO_SYSTEM.name, "security.istio.io/v1"
        # In the mesh's root namespace and without a selector, these hold for the whole mesh.
        self._custom(version, "PeerAuthentication", root, "default", {"mtls": {"mode": "STRICT"}})
        # An ALLOW policy without a rule allows nothing.
        self._custom(version, "AuthorizationPolicy", root, "deny-all", {"action": "ALLOW"})
        for caller in callers(self._args.workspaces):
            self._custom(version, "AuthorizationPolicy", caller.namespace, caller.name, allow(caller))
        self._custom(version, "AuthorizationPolicy", ns.INGRESS.name, "users", USERS)
        # Spans would carry the paths of requests, which may name a patient.
        silent = {"tracing": [{"disableSpanReporting": True}]}
        self._custom("telemetry.istio.io/v1", "Telemetry", root, "default", silent)

    def _custom(self, api_version: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> None:
        kubernetes.apiextensions.CustomResource(
            f"{self._name}-{namespace}-{name}-{kind.lower()}",
            api_version=api_version,
            kind=kind,
            metadata=metadata(name, self._owner, namespace=namespace),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._after),
        )


USERS: Final = {
    "action": "ALLOW",
    "selector": {"matchLabels": GATEWAY},
    "rules": [
        {
            "to": [{"operation": {"ports": ["443"]}}],
            "when": [{"key": "connection.sni", "notValues": ["*"]}],
        }
    ],
}
"""The gateway answers whom the load balancer brings, and the services behind it ask for a log-in.

The load balancer says no server name. A pod of the mesh has to say one, of AWS's, or its proxy lets no TLS out to an
address that is in no registry: so what says one here comes from a pod that passes for a user.
"""


def allow(caller: Caller) -> dict[str, Any]:
    """An AuthorizationPolicy for a whole namespace, or for the pods of it that have the labels."""
    selector = {"selector": {"matchLabels": dict(caller.labels)}} if caller.labels else {}
    asked = {"ports": list(caller.ports), "paths": list(caller.paths)}
    operation = {name: each for name, each in asked.items() if each}
    to = {"to": [{"operation": operation}]} if operation else {}
    rule = {"from": [{"source": {"principals": list(caller.principals)}}], **to}
    return {"action": "ALLOW", **selector, "rules": [rule]}


def gateway(address: str = "") -> dict[str, Any]:
    """One server, and it speaks TLS: there is no port for plain HTTP that could redirect.

    It shows the load balancer the certificate that the mesh gave it, from the files that its agent keeps new. A load
    balancer that has ended the users' TLS says no server name in its own hello, and Envoy resets what none of its
    names fits: so the gateway takes any, and the VirtualServices choose by the Host header. Only the namespaces that
    are called through the gateway may bring one. It listens at the address, or at every one of its pod's own.
    """
    server = {
        **({"bind": address} if address else {}),
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": [
            *(f"{caller.namespace}/*" for caller in callers() if INGRESS in caller.principals),
            f"{ns.KUBEFLOW.name}/*",  # of a stack that has it, whose caller comes with it
        ],
        "tls": {
            "mode": "SIMPLE",
            "serverCertificate": f"{mesh_values.CERTIFICATES}/cert-chain.pem",
            "privateKey": f"{mesh_values.CERTIFICATES}/key.pem",
            "minProtocolVersion": "TLSV1_2",
            "cipherSuites": list(CIPHERS),
        },
    }
    return {"selector": GATEWAY, "servers": [server]}
