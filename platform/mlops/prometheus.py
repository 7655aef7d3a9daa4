"""What models say of themselves while they answer, kept for days: the Prometheus that judges a new version, and that
alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.flows import CHECK, PREDICTOR, PROMETHEUS
from cluster.guardrails.rollout_rules import HASH
from cluster.labels import Manifest, metadata
from cluster.roles import CORE, RBAC, READ, rule
from foundation.stack import Stack
from mlops import one_server
from mlops.monitoring import served, words

NAME: Final = "prometheus"
ROLE: Final = "parapet:judge"
PORT: Final = 9090
ADDRESS: Final = f"http://{NAME}.{ns.JUDGING.name}.svc.cluster.local:{PORT}"
FOLDER: Final = "/etc/prometheus"
DATA: Final = "/prometheus"
FILE: Final = "prometheus.yaml"
RETENTION: Final = "5d"
"""An analysis looks at an hour at most, an alert at a bit more than four days."""
STORED_GIB: Final = 4
RULES: Final = "rules.yaml"
CHECKS: Final = "checks"
"""The job of what checks of models found."""
TELLS: Final = "alertmanager"
"""The job of what Alertmanager says of itself, and all that is kept of that: what it could not tell."""
NOTIFICATIONS_FAILED: Final = "alertmanager_notifications_failed_total"
ITSELF: Final = NAME
"""The job of what it says of itself, and all that is kept of that: rules that it could not evaluate, alerts that it
could not hand on, and how much is in its memory."""
RULES_FAILED: Final = "prometheus_rule_evaluation_failures_total"
NOTIFICATIONS_DROPPED: Final = "prometheus_notifications_dropped_total"
IN_MEMORY: Final = "prometheus_tsdb_head_series"
LOOKS: Final = 10
"""Scrapes within what an analysis looks at; more than four, so that a rate of it has enough to go by."""
VERSION: Final = "version_hash"
MODEL: Final = "model"
NAMESPACE: Final = "namespace"
POD: Final = "pod"
"""The labels of every number: which version of which model said it, and where. Two namespaces' pods may say the same
version and model; the namespace is nobody's word but the API server's."""
PLACES: Final = ("job", "instance", NAMESPACE, VERSION, MODEL, POD)
"""All that Prometheus itself gives a series."""
CHECKED_SECONDS: Final = 10
_EACH: Final = {"body_size_limit": "10MB", "label_limit": 20, "label_value_length_limit": 256}
LIMITS: Final = {
    ns.MODELS.name: {**_EACH, "sample_limit": 5_000},
    ns.SERVING.name: {**_EACH, "sample_limit": 1_000, "target_limit": 400},
    ns.MONITORING.name: {**_EACH, "sample_limit": 1_000},
}
"""What one pod may say in one scrape, and how many of teams' are asked: of one that says more nothing is taken, and
where teams have more pods none of theirs is asked. How many it may say in all of them `monitoring/served.py` bounds. So
one pod does not fill the memory in which the numbers of the stack's models are. Pods that come and go do: each has
series of its own, for the three hours that the newest are in memory, and Prometheus has no bound to all (`SERIES` of
`monitoring/rules.py` is when somebody is told)."""
RESOURCES: Final = {
    "requests": {"cpu": "200m", "memory": "512Mi", "ephemeral-storage": f"{STORED_GIB}Gi"},
    "limits": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": f"{STORED_GIB + 1}Gi"},
}


def scrape_seconds(window: int) -> int:
    """How often each model is asked, where an analysis looks at so many seconds."""
    return max(1, min(15, window // LOOKS))


def check_seconds(window: int) -> int:
    """How often a check is asked, whose pod goes soon."""
    return min(CHECKED_SECONDS, scrape_seconds(window))


@dataclass(frozen=True, kw_only=True)
class Alerting:
    """What is an alert, and who is told."""

    rules: Mapping[str, Any]
    """As a file of rules has them."""
    labels: Sequence[str]
    """Those that an alert may have."""
    host: str
    """Alertmanager's, with its port."""
    checks: Sequence[str]
    """The numbers of checks that are kept."""


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    stack: Stack
    window: int
    """Seconds that an analysis looks at."""
    alerting: Alerting
    after: Sequence[pulumi.Resource]
    """The namespaces, the mesh and nodes."""


class Prometheus(pulumi.ComponentResource):
    """One Prometheus, which scrapes the proxies of models' pods and keeps what they said for days, in its own pod.

    What is lost with the pod is what an analysis of that hour would have looked at: it then finds no calls, and says
    no. Alerts that look at days begin anew. It finds pods by the API server, in the namespaces of models and of their
    checks alone, and runs on the platform's nodes: who breaks out of a model's pod is not beside what judges it. Nobody
    writes numbers into it.
    """

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Prometheus", name, {"image": images.PROMETHEUS}, opts)
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        meta = metadata(NAME, args.stack.owner, namespace=ns.JUDGING.name, data_class=ns.JUDGING.data_class)
        files = {
            FILE: yaml.dump(configuration(args.window, args.alerting), Dumper=yaml.CSafeDumper, sort_keys=False),
            RULES: yaml.dump(args.alerting.rules, Dumper=yaml.CSafeDumper, sort_keys=False),
        }
        config = kubernetes.core.v1.ConfigMap(name, metadata=meta, data=files, opts=own)
        one_server.service(name, meta, PROMETHEUS, PORT, own)
        kubernetes.apps.v1.Deployment(
            name,
            metadata=meta,
            spec=deployment(args.stack, "".join(files.values())),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[config, *args.after]),
        )
        self._rights(name, args.stack.owner, own)
        self.register_outputs({"address": ADDRESS})

    def _rights(self, name: str, owner: str, own: pulumi.ResourceOptions) -> None:
        """Its account lists the pods of models and of their checks."""
        account = {"kind": "ServiceAccount", "name": ns.JUDGING.service_account, "namespace": ns.JUDGING.name}
        for called, namespace in (
            (name, ns.SERVING),
            *((f"{name}-{each.name}", each) for each in (ns.MODELS, ns.MONITORING)),
        ):
            meta = metadata(ROLE, owner, namespace=namespace.name)
            kubernetes.rbac.v1.Role(called, metadata=meta, rules=[rule(CORE, ["pods"], READ)], opts=own)
            kubernetes.rbac.v1.RoleBinding(
                called,
                metadata=meta,
                role_ref={"api_group": RBAC, "kind": "Role", "name": ROLE},
                subjects=[account],
                opts=own,
            )


def configuration(window: int, alerting: Alerting) -> dict[str, Any]:
    """As Prometheus reads it. A proxy hands on what its model says, at a port in plain that this namespace alone
    reaches (Istio, "Prometheus", Option 1: Metrics merging)."""
    return {
        "global": {"scrape_interval": f"{scrape_seconds(window)}s", "scrape_timeout": f"{scrape_seconds(window)}s"},
        "rule_files": [RULES],
        "alerting": {
            # Whatever a rule says: no other label leaves.
            "alert_relabel_configs": [{"regex": "|".join(alerting.labels), "action": "labelkeep"}],
            "alertmanagers": [{"static_configs": [{"targets": [alerting.host]}]}],
        },
        "scrape_configs": [
            *scrapes(alerting.checks, served.JUDGED, check_seconds(window)),
            # By the way that alerts go to it.
            _other(TELLS, alerting.host, NOTIFICATIONS_FAILED),
            _other(ITSELF, f"127.0.0.1:{PORT}", RULES_FAILED, NOTIFICATIONS_DROPPED, IN_MEMORY),
        ],
    }


def scrapes(
    checks: Sequence[str], of_models: served.Series = served.SHOWN, check_seconds: int = CHECKED_SECONDS
) -> list[dict[str, Any]]:
    """Who is asked: models' pods, of which these series are kept, and their checks', as often as that."""
    return [
        # Apart, so that nothing that teams start stands between the stack's models and who judges them.
        *(
            _job(each.name, each.name, PREDICTOR, served.relabelling(of_models, PLACES))
            for each in (ns.MODELS, ns.SERVING)
        ),
        # What a check says of its model it says under its own pod's name; what it calls the model is left out.
        {
            **_job(
                CHECKS,
                ns.MONITORING.name,
                CHECK,
                _in_known_words(checks),
            ),
            "scrape_interval": f"{check_seconds}s",
            "scrape_timeout": f"{check_seconds}s",
        },
    ]


def _in_known_words(checks: Sequence[str]) -> list[dict[str, Any]]:
    """Of a series that says something else in a label than it may, or has one that is not its own or lacks one, nothing
    is kept; of one with a label of another name, no such label."""

    def own(name: str, label: str, values: Sequence[str]) -> str:
        return f"({'|'.join(values)})" if label in words.WORDED.get(name, ()) else ""

    kept = "|".join(";".join((name, *(own(name, *each) for each in words.VALUES.items()))) for name in checks)
    return [
        {"source_labels": ["__name__", *words.VALUES], "regex": kept, "action": "keep"},
        {"regex": "|".join(("__name__", *PLACES, *words.VALUES)), "action": "labelkeep"},
    ]


def _other(job: str, target: str, *kept: str) -> dict[str, Any]:
    """How something that is no model's is asked, of which these numbers are kept."""
    return {
        "job_name": job,
        "static_configs": [{"targets": [target]}],
        **_EACH,
        "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": "|".join(kept), "action": "keep"}],
    }


def _job(job: str, namespace: str, called: Mapping[str, str], kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How the pods of a namespace that are `called` so are asked, and what is `kept` of what they say: a proxy's own
    numbers are many, as a team's may be, and nobody asks for one."""
    pod = "__meta_kubernetes_pod"
    ((component, value),) = called.items()
    return {
        "job_name": job,
        "metrics_path": "/stats/prometheus",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [
            {"source_labels": ["__meta_kubernetes_namespace"], "regex": namespace, "action": "keep"},
            {"source_labels": [f"{pod}_label_{_label(component)}"], "regex": value, "action": "keep"},
            # A pod is listed once for each port of each container.
            {"source_labels": [f"{pod}_container_port_name"], "regex": "metrics", "action": "keep"},
            {"source_labels": [f"{pod}_phase"], "regex": "Running", "action": "keep"},
            {"source_labels": [f"{pod}_ip"], "replacement": "$1:15020", "target_label": "__address__"},
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": NAMESPACE},
            {"source_labels": [f"{pod}_label_{_label(HASH)}"], "target_label": VERSION},
            {"source_labels": [f"{pod}_label_{_label('app.kubernetes.io/name')}"], "target_label": MODEL},
            {"source_labels": [f"{pod}_name"], "target_label": POD},
        ],
        **LIMITS[namespace],
        "metric_relabel_configs": list(kept),
    }


def _label(name: str) -> str:
    """As discovery writes a label's name (Prometheus, "Configuration", kubernetes_sd_config)."""
    return "".join(each if each.isalnum() else "_" for each in name)


def deployment(stack: Stack, text: str) -> Manifest:
    """One replica: of two each would have seen other moments."""
    server = one_server.Server(
        name=NAME,
        image=images.PROMETHEUS,
        selector=PROMETHEUS,
        service_account=ns.JUDGING.service_account,
        asks_kubernetes=True,
        port=PORT,
        arguments=[
            f"--config.file={FOLDER}/{FILE}",
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--storage.tsdb.retention.size={STORED_GIB}GB",
            f"--web.listen-address=0.0.0.0:{PORT}",
            "--log.format=json",
        ],
        folder=FOLDER,
        data=DATA,
        size=f"{STORED_GIB + 1}Gi",
        resources=RESOURCES,
        environment={},
    )
    return one_server.deployment(stack, server, sha256(text.encode()).hexdigest()[:16])
