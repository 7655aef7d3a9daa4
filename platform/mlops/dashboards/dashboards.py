"""What a hospital's Grafana and Prometheus in `monitoring` read: dashboards, what to ask whom, and what to record.

They are mounted as files: who reads ConfigMaps by the API server would need a right that nobody in `monitoring` has
(`docs/dashboards.md`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from cluster import namespaces as ns
from cluster.labels import Manifest, metadata
from foundation.stack import Stack
from mlops.dashboards.boards import BOARDS
from mlops.dashboards.grafana import written
from mlops.monitoring import words
from mlops.monitoring.rules import recorded
from mlops.prometheus import scrapes

DASHBOARDS: Final = "parapet-dashboards"
WATCHING: Final = "parapet-watching"
LABEL: Final = {"grafana_dashboard": "1"}
"""By which the sidecar of Grafana's chart finds dashboards, where somebody gave it the right to."""
NONE: Final = dict[str, str]()
SCRAPES: Final = "scrapes.yaml"
RULES: Final = "rules.yaml"


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    stack: Stack
    models: Sequence[str]
    checked: Sequence[str]
    """Those that a check is run of each day."""
    after: Sequence[pulumi.Resource]
    """The namespaces."""


class Dashboards(pulumi.ComponentResource):
    """Two ConfigMaps: for Grafana, and for the Prometheus that feeds it. The stack makes neither of these servers."""

    def __init__(self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Dashboards", name, {}, opts)
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        for called, more, data in (
            (DASHBOARDS, LABEL, {f"{board.uid}.json": written(board) for board in BOARDS}),
            (WATCHING, NONE, files(args.models, args.checked)),
        ):
            kubernetes.core.v1.ConfigMap(
                f"{name}-{called.removeprefix('parapet-')}",
                metadata=_metadata(called, args.stack.owner, more),
                data=data,
                opts=own,
            )
        self.register_outputs({})


def _metadata(name: str, owner: str, more: Mapping[str, str]) -> Manifest:
    of = metadata(name, owner, namespace=ns.MONITORING.name, data_class=ns.MONITORING.data_class)
    return {**of, "labels": {**of["labels"], **more}}


def files(models: Sequence[str], checked: Sequence[str]) -> dict[str, str]:
    """What Prometheus reads beside its own configuration: `scrape_config_files` and `rule_files`."""
    return {
        SCRAPES: yaml.dump({"scrape_configs": scrapes(words.SHOWN)}, Dumper=yaml.CSafeDumper, sort_keys=False),
        RULES: yaml.dump(recorded(models, checked), Dumper=yaml.CSafeDumper, sort_keys=False),
    }
