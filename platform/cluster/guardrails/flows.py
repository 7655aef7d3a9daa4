"""Who may talk to whom. All that is not here is refused, by the default-deny policy of each namespace.

A connection needs two policies, one that lets it out and one that lets it in; both follow from one line here. The
mesh's AuthorizationPolicies then ask who the caller is (`mesh.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from cluster import namespaces as ns
from cluster.namespaces import Namespace


class Range(Enum):
    """Addresses outside of the pods' reach by name."""

    VPC = auto()
    """The API server, the nodes, interface endpoints, databases: all of the VPC."""
    SERVICES = auto()
    """The cluster's service addresses. The VPC CNI judges a packet before it is translated to a pod's or the API
    server's address (Amazon EKS User Guide, "Limit pod traffic with Kubernetes network policies")."""
    GATEWAY_ENDPOINTS = auto()
    """S3 and DynamoDB: through their gateway endpoints, but at their public addresses."""
    CLIENTS = auto()
    """Where users come from besides the VPC: their address reaches the gateway as it is."""
    SIGN_ON = auto()
    """The identity provider, where people sign on with one."""
    TOKEN_KEYS = auto()
    """The provider of models' callers, where its keys are asked for."""
    NODE_DNS = auto()
    POD_IDENTITY = auto()


LINK_LOCAL: Final = {
    # The Amazon-provided resolver (Amazon VPC User Guide, "Understanding Amazon DNS").
    Range.NODE_DNS: "169.254.169.253/32",
    # Credentials of a pod's own role (Amazon EKS User Guide, "Understand how EKS Pod Identity works").
    # 169.254.169.254, the node's role, is in no range.
    Range.POD_IDENTITY: "169.254.170.23/32",
}


@dataclass(frozen=True)
class Pods:
    """The pods of a namespace that have these labels; without labels, all of them."""

    namespace: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """Connections that may be opened. `ports` are the pods' own, TCP unless `udp`."""

    name: str
    source: tuple[Pods | Range, ...]
    target: tuple[Pods | Range, ...]
    ports: tuple[int, ...]
    udp: bool = False


def _all(*namespaces: str) -> tuple[Pods, ...]:
    return tuple(Pods(each) for each in namespaces)


_DNS: Final = Pods(ns.KUBE_SYSTEM, {"k8s-app": "kube-dns"})
_METRICS: Final = Pods(ns.KUBE_SYSTEM, {"app.kubernetes.io/name": "metrics-server"})
_ISTIOD: Final = Pods(ns.ISTIO_SYSTEM.name, {"app": "istiod"})
GATEWAY: Final = {"istio": "ingress"}
_GATEWAY: Final = Pods(ns.INGRESS.name, GATEWAY)
MLFLOW_LABELS: Final = {"app.kubernetes.io/name": "mlflow"}
_MLFLOW: Final = Pods(ns.MLFLOW.name, MLFLOW_LABELS)
PREDICTOR: Final = {"app.kubernetes.io/component": "predictor"}
"""What pods that answer with a model's word are called by."""
_PREDICTORS: Final = (Pods(ns.SERVING.name, PREDICTOR), Pods(ns.MODELS.name, PREDICTOR))
"""What teams serve by themselves, and what the stack serves."""
PUBLISHED: Final = {"parapet.dev/published": "true"}
"""What is said of a model's pods to have the gateway lead to them. The gateway asks nobody for a name, pods of the VPC
neither: a model of the stack's settings asks each caller for a token; what a team runs by itself must ask by itself."""
DASHBOARDS: Final = {"app.kubernetes.io/name": "grafana"}
_DASHBOARDS: Final = Pods(ns.MONITORING.name, DASHBOARDS)
PROMETHEUS: Final = {"parapet.dev/judges": "true"}
_PROMETHEUS: Final = Pods(ns.JUDGING.name, PROMETHEUS)
ALERTMANAGER: Final = {"parapet.dev/tells": "true"}
_ALERTMANAGER: Final = Pods(ns.JUDGING.name, ALERTMANAGER)
CHECK: Final = {"app.kubernetes.io/component": "drift-check"}
"""What pods are called by that hold a model's day against what it learnt from."""
_CHECKS: Final = Pods(ns.MONITORING.name, CHECK)
RUNS: Final = {"app.kubernetes.io/name": "ml-pipeline"}
AGENT: Final = {"app.kubernetes.io/name": "persistence-agent"}
METADATA: Final = {"app.kubernetes.io/name": "metadata"}
"""The pods of Kubeflow Pipelines that keep runs, that tell them how each goes, and that keep what came of what."""
_RUNS, _AGENT, _METADATA = (Pods(ns.KUBEFLOW.name, labels) for labels in (RUNS, AGENT, METADATA))
_PUBLISHED: Final = tuple(Pods(each.namespace, {**each.labels, **PUBLISHED}) for each in _PREDICTORS)
_CLIENTS: Final = (ns.PIPELINES, ns.TRAINING, ns.SERVING)
"""Who works with MLflow and with objects in S3, as each workspace does."""

SIGN_ON: Final = Flow("sign-on", (_MLFLOW,), (Range.SIGN_ON,), (443,))
"""Of a stack that has a provider. The mesh lets the server out to its hosts' names alone."""
TOKEN_KEYS: Final = Flow("token-keys", (_PUBLISHED[-1],), (Range.TOKEN_KEYS,), (443,))
"""The same of a stack whose models' callers have one, for the stack's models alone."""

PIPELINES: Final = (
    # It looks at its start whether a bucket is there, though it keeps nothing in one.
    Flow("runs-objects", (_RUNS,), (Range.GATEWAY_ENDPOINTS,), (443,)),
    Flow("submitters", (_GATEWAY,), (_RUNS, Range.SERVICES), (8888,)),
    Flow("runs", (_AGENT,), (_RUNS, Range.SERVICES), (8887, 8888)),
    Flow("lineage", (Pods(ns.PIPELINES.name),), (_METADATA, Range.SERVICES), (8080,)),
    Flow("runs-database", (_RUNS,), (Range.VPC,), (3306,)),
    Flow("lineage-database", (_METADATA,), (Range.VPC,), (3306,)),
)
"""Of a stack with Kubeflow Pipelines. No step calls what keeps runs: it would only to ask for what another run made."""


def flows(workspaces: Sequence[Namespace] = ()) -> tuple[Flow, ...]:
    """All of a stack with these workspaces."""
    names = [each.name for each in workspaces]
    running = (*(each for each in ns.EVERY if each not in ns.UNUSED), *names)
    mesh = (*ns.MESH, *(each.name for each in workspaces if each.mesh))
    clients = (*(each.name for each in _CLIENTS), *names)
    # fmt: off
    return (
        # name                  from                             to                               ports
        Flow("dns",             _all(*running),                  (_DNS, Range.SERVICES),          (53,)),
        Flow("dns-udp",         _all(*running),                  (_DNS, Range.SERVICES),          (53,), udp=True),
        Flow("resolver",        (_DNS,),                         (Range.NODE_DNS, Range.VPC),     (53,)),
        Flow("resolver-udp",    (_DNS,),                         (Range.NODE_DNS, Range.VPC),     (53,), udp=True),
        # The API server and AWS's services, at their endpoints in the VPC.
        Flow("apis",            _all(*running),                  (Range.VPC, Range.SERVICES),     (443,)),
        Flow("objects",         _all(ns.MLFLOW.name, ns.MONITORING.name, ns.MODELS.name, *clients),
                                                                 (Range.GATEWAY_ENDPOINTS,),      (443,)),
        Flow("pod-identity",    _all(*running),                  (Range.POD_IDENTITY,),           (80,)),
        # The API server calls these; it is in the VPC and no pod.
        Flow("metrics-api",     (Range.VPC,),                    (_METRICS,),                     (10251,)),
        Flow("kubelets",        (_METRICS, *_all(ns.MONITORING.name)),
                                                                 (Range.VPC,),                    (10250,)),
        Flow("agent-webhook",   (Range.VPC,),                    _all(ns.CLOUDWATCH.name),        (9443,)),
        # The mesh: certificates and configuration over TLS (15012), the injector's webhook (15017).
        Flow("mesh-control",    _all(*mesh),                     (_ISTIOD, Range.SERVICES),       (15012,)),
        Flow("mesh-webhook",    (Range.VPC,),                    (_ISTIOD,),                      (15017,)),
        # Users come through the load balancer to the gateway, and to the rest from there only.
        Flow("users",           (Range.VPC, Range.CLIENTS),      (_GATEWAY,),                     (443,)),
        Flow("to-mlflow",       (_GATEWAY, *_all(*clients)),     (_MLFLOW, Range.SERVICES),       (5000,)),
        Flow("to-models",       _all(ns.PIPELINES.name),         (*_PREDICTORS, Range.SERVICES),  (8080,)),
        Flow("to-published",    (_GATEWAY,),                     (*_PUBLISHED, Range.SERVICES),   (8080,)),
        Flow("to-dashboards",   (_GATEWAY,),                     (_DASHBOARDS, Range.SERVICES),   (3000,)),
        Flow("mlflow-database", (_MLFLOW,),                      (Range.VPC,),                    (5432,)),
        # The workers of one training job.
        Flow("workers",         _all(ns.TRAINING.name),          _all(ns.TRAINING.name),          ()),
        # Dashboards ask Prometheus (9090), which tells Alertmanager (9093), and each is scraped by it.
        Flow("monitoring",      _all(ns.MONITORING.name),
                                                 (*_all(ns.MONITORING.name), Range.SERVICES),     (3000, 9090, 9093)),
        # What judges a new version of a model asks a Prometheus of its own, which asks models' proxies alone.
        Flow("scrapes-models",  (_PROMETHEUS,),                  _PREDICTORS,                     (15020,)),
        Flow("judging",         _all(ns.ROLLOUTS.name),          (_PROMETHEUS, Range.SERVICES),   (9090,)),
        # The same one keeps what checks of models found, and tells Alertmanager, which nobody else reaches.
        Flow("scrapes-checks",  (_PROMETHEUS,),                  (_CHECKS,),                      (15020,)),
        Flow("alerts",          (_PROMETHEUS,),                  (_ALERTMANAGER, Range.SERVICES), (9093,)),
        # Envoy's and the application's metrics (15020), istiod's and the CNI agent's (15014), GPUs' (9400), Karpenter's
        # (8080).
        Flow("scrapes",         _all(ns.MONITORING.name),        _all(*mesh),                     (15020, 15090)),
        Flow("scrapes-istio",   _all(ns.MONITORING.name),        (_ISTIOD, *_all(ns.ISTIO_CNI.name)), (15014,)),
        Flow("scrapes-gpus",    _all(ns.MONITORING.name),        _all(ns.GPU_SOFTWARE.name),      (9400,)),
        Flow("scrapes-nodes",   _all(ns.MONITORING.name),        _all(ns.KARPENTER.name),         (8080,)),
    )
    # fmt: on
