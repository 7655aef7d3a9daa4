"""A model that answers: its Rollout, and how calls come to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.guardrails.mesh_rules import INSIDE
from cluster.guardrails.object_rules import GATEWAY_REFERENCE
from cluster.guardrails.rollout_analyses import FIRST_SHARE
from cluster.labels import Manifest, metadata
from cluster.roles import MESH, ROLLOUTS
from mlops import analyses
from mlops.serving import pod
from mlops.serving.model import CANARY_SUFFIX, Model
from mlops.serving.pod import PodArgs

BUSY: Final = 60
"""The share (%) of the CPU asked for, on average over the replicas, above which there are more of them."""
FIRST: Final = FIRST_SHARE // 2
"""Of a hundred calls, those that a new version answers until it is judged; then half of them, until it is again."""
KEPT: Final = 0
"""Versions that are kept though they have no pods. One that was let go keeps the time at which its pods had to go, and
while one with such a time is there, the controller waits for it and never finds that another version does not start
(argo-rollouts 1.9.1, rollout/sync.go, `isWaitingForReplicaSetScaleDown`)."""


@dataclass(frozen=True, kw_only=True)
class ModelServiceArgs:
    model: Model
    domain: str
    pod: PodArgs
    after: Sequence[pulumi.Resource]
    """What judges versions, the kinds of Argo Rollouts, and what the pods' account reads."""


class ModelService(pulumi.ComponentResource):
    """A version of a model, by its digest; another version gets few calls until it is found good, and is let go else.

    Users come by the gateway to NAME.DOMAIN, where the model is published, and pipelines by the Service NAME. What runs
    is what was signed; who asks is known by a token or by the mesh. Nothing that a setting says turns any of it off.
    """

    def __init__(self, name: str, args: ModelServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        model = args.model
        inputs = {"model": model.name, "version": model.version, "digest": model.digest}
        super().__init__("parapet:mlops:ModelService", name, inputs, opts)
        self._owner = args.pod.stack.owner
        account = kubernetes.core.v1.ServiceAccount(
            name,
            metadata=self._metadata(model.workload.service_account),
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self._after: list[pulumi.Resource] = [*args.after, account]
        services = [
            kubernetes.core.v1.Service(
                f"{name}{suffix}",
                # It has no endpoint before there is a pod, and the pods come after it.
                metadata={**self._metadata(f"{model.name}{suffix}"), "annotations": {"pulumi.com/skipAwait": "true"}},
                spec=service(model),
                # From then on which pods it leads to is the controller's word.
                opts=self._own("spec.selector"),
            )
            for suffix in ("", CANARY_SUFFIX)
        ]
        routes = [
            kubernetes.apiextensions.CustomResource(
                f"{name}{suffix}",
                api_version=f"{MESH}/v1",
                kind="VirtualService",
                metadata=self._metadata(f"{model.name}{suffix}"),
                spec=spec,
                # From then on the weights are the controller's.
                opts=self._own("spec.http"),
            )
            for suffix, spec in (("", from_gateway(model, args.domain)), (INSIDE, from_inside(model)))
        ]
        kubernetes.apiextensions.CustomResource(
            name,
            api_version=f"{ROLLOUTS}/v1alpha1",
            kind="Rollout",
            metadata=self._metadata(model.name),
            spec=rollout(model, args.pod),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._after, *services, *routes]),
        )
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
            name, metadata=self._metadata(model.name), spec=autoscaling(model), opts=self._own()
        )
        budget: Manifest = {"maxUnavailable": 1, "selector": {"matchLabels": pod.name_labels(model)}}
        kubernetes.policy.v1.PodDisruptionBudget(
            name, metadata=self._metadata(model.name), spec=budget, opts=self._own()
        )
        self.register_outputs({})

    def _metadata(self, object_name: str) -> Manifest:
        return metadata(object_name, self._owner, namespace=ns.MODELS.name, data_class=ns.MODELS.data_class)

    def _own(self, *others: str) -> pulumi.ResourceOptions:
        """`others`: what somebody else writes once it is there."""
        return pulumi.ResourceOptions(parent=self, depends_on=self._after, ignore_changes=list(others))


def service(model: Model) -> Manifest:
    """One of the two; the controller leads each to the pods of one version."""
    return {
        "type": "ClusterIP",
        "selector": pod.name_labels(model),
        "ports": [{"name": "http", "port": pod.PORT, "targetPort": "http", "appProtocol": "http"}],
    }


def url(model: Model, domain: str) -> str:
    """Where it is asked: by users through the gateway where it is published, and else by pipelines in the cluster."""
    return f"https://{model.name}.{domain}" if model.published else f"http://{_host(model.name)}:{pod.PORT}"


def _host(service_name: str) -> str:
    return f"{service_name}.{ns.MODELS.name}.svc.cluster.local"


def from_gateway(model: Model, domain: str) -> dict[str, Any]:
    """What asks the mesh's gateway for the model's host is led to its versions, by their weights."""
    return {
        "hosts": [f"{model.name}.{domain}"],
        "gateways": [GATEWAY_REFERENCE],
        "exportTo": [ns.INGRESS.name],
        "http": _by_weight(model),
    }


def from_inside(model: Model) -> dict[str, Any]:
    """What asks for the model's Service in the cluster is led to them alike.

    The Service itself leads to the version that serves (argo-rollouts 1.9.1, rollout/service.go,
    `reconcileStableAndCanaryService`): without a route callers that are inside would try no other, and a version that
    nobody else calls would be judged by no calls, and let go.
    """
    return {
        "hosts": [_host(model.name)],
        "gateways": ["mesh"],
        "exportTo": [ns.PIPELINES.name],
        "http": _by_weight(model),
    }


def _by_weight(model: Model) -> list[dict[str, Any]]:
    return [
        {
            "name": model.name,
            "route": [
                {"destination": {"host": _host(host), "port": {"number": pod.PORT}}, "weight": weight}
                for host, weight in ((model.name, 100), (f"{model.name}{CANARY_SUFFIX}", 0))
            ],
            # A call that reached nobody is tried on another replica.
            "retries": {"attempts": 2, "retryOn": "connect-failure,refused-stream,reset-before-request"},
        }
    ]


def rollout(model: Model, args: PodArgs) -> dict[str, Any]:
    """How many there are is the autoscaler's to say."""
    return {
        "selector": {"matchLabels": pod.name_labels(model)},
        "revisionHistoryLimit": KEPT,
        "progressDeadlineSeconds": model.start_seconds,
        "progressDeadlineAbort": True,
        "strategy": _strategy(model, args.signing_key),
        "template": pod.template(model, args),
    }


def _strategy(model: Model, signing_key: pulumi.Input[str]) -> pulumi.Input[dict[str, Any]]:
    """How a new version comes."""
    made: dict[str, Any] = {model.strategy: canary(model) if model.strategy == "canary" else blue_green(model)}
    if not model.returning:
        return made

    def once_proven(key: str) -> dict[str, Any]:
        proven(model, key)
        return made

    return pulumi.Output.from_input(signing_key).apply(once_proven)


def proven(model: Model, key: str) -> None:
    """That a version served before is no word of the settings alone. Raises ValueError where the stack's key, in PEM,
    did not sign what says so."""
    if not (model.returns_to and model.returns_to.proven(key)):
        raise ValueError(
            f"parapet:models: returnsTo of {model.name} is an entry of its ledger that the key of this stack did not "
            f"sign, so nothing says that {model.version} served before. Leave returnsTo out, or have it written by "
            "./parapet model rollback."
        )


def canary(model: Model) -> dict[str, Any]:
    """A share of the calls that grows, by the weights of the routes: those of users and those of pipelines alike."""
    routes = [{"name": f"{model.name}{suffix}", "routes": [model.name]} for suffix in ("", INSIDE)]
    return {
        "stableService": model.name,
        "canaryService": f"{model.name}{CANARY_SUFFIX}",
        "trafficRouting": {"istio": {"virtualServices": routes}},
        "maxSurge": "50%",
        "maxUnavailable": 0,
        "steps": steps(model),
    }


def blue_green(model: Model) -> dict[str, Any]:
    """None of the calls, then all of them.

    The same judges look at the new version before, at the calls that somebody makes to its Service
    (`delivery/serving/README.md`, "Blue and green"): without any they say no. Nothing of an older version waits for its
    end, from which it could come back unjudged (`guardrails/rollout_analyses.py`): so none is kept in reserve, and to
    go back is to bring the one before out again.
    """
    return {
        "activeService": model.name,
        "previewService": f"{model.name}{CANARY_SUFFIX}",
        "prePromotionAnalysis": _judges(model),
        "autoPromotionEnabled": model.returning or not model.waits,
        "maxUnavailable": 0,
        "scaleDownDelayRevisionLimit": 0,
        "abortScaleDownDelaySeconds": 0,
    }


def _judges(model: Model) -> dict[str, Any]:
    asked = [analyses.ERRORS] if model.returning else [analyses.ERRORS, analyses.LATENCY, analyses.DRIFT]
    named = [{"templateName": each, "clusterScope": True} for each in asked]
    return {"templates": named, "args": analyses.arguments(model.name)}


def steps(model: Model) -> list[dict[str, Any]]:
    """A few calls, a look at them, a person's word where one is wanted; half of the calls, and another look; then all
    of them, with the version before in reserve, to which an abort goes back at once.

    Of one that served before, whether it answers, and then all of them: each minute more are the other's.
    """
    judged: dict[str, Any] = {"analysis": _judges(model)}
    reserve = {"pause": {"duration": f"{model.undo_seconds}s"}}
    if model.returning:
        return [{"setWeight": FIRST}, judged, {"setWeight": 100}, reserve]
    waits: list[dict[str, Any]] = [{"pause": {}}] if model.waits else []
    return [{"setWeight": FIRST}, judged, *waits, {"setWeight": 50}, judged, {"setWeight": 100}, reserve]


def autoscaling(model: Model) -> Manifest:
    """Between as many as are asked for."""
    return {
        "scaleTargetRef": {"apiVersion": f"{ROLLOUTS}/v1alpha1", "kind": "Rollout", "name": model.name},
        "minReplicas": model.replicas,
        "maxReplicas": max(model.replicas, model.most_replicas),
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": BUSY}},
            }
        ],
    }
