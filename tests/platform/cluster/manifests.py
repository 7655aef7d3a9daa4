"""What a component asks of the cluster, as manifests that `kubectl` takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pulumi

from cluster.access import Access, AccessArgs
from cluster.gpu_metrics import GpuMetrics, GpuMetricsArgs
from cluster.gpu_software import GpuSharing, GpuSoftware, GpuSoftwareArgs
from cluster.guardrails import Guardrails, GuardrailsArgs
from cluster.mesh import Mesh, MeshArgs
from cluster.monitor import Monitor, MonitorArgs
from cluster.namespaces import Namespaces, NamespacesArgs
from cluster.rollouts import Rollouts, RolloutsArgs
from cluster.workspace import Workspace
from foundation.account import Account
from foundation.data_class import DataClass
from foundation.database import Database, DatabaseArgs, DatabaseSize
from foundation.network.perimeter import Perimeter
from foundation.pipelines_database import PIPELINES
from mlops.monitoring import words
from mlops.monitoring.alarms import Alarms, AlarmsArgs
from mlops.monitoring.alertmanager import HOST, Alertmanager, AlertmanagerArgs
from mlops.monitoring.owners import owners
from mlops.monitoring.rules import rules
from mlops.pipelines.pipelines import Pipelines, PipelinesArgs
from mlops.prometheus import Alerting, Prometheus, PrometheusArgs
from tests.images import DIGESTS
from tests.platform import mocked, variants
from tests.platform.mocked import Made
from tests.platform.stacks import stack

STACK = stack(account=Account("111122223333", "aws", "us-east-1", ("us-east-1a",)))
REGISTRY = STACK.registry
ZONE_ID = "Z0123456789"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/any"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:111122223333:certificate/gateway"
VPC_CIDR = "10.0.0.0/16"
SERVICE_CIDR = "172.20.0.0/16"
DOMAIN = "example.com"
CLIENT_CIDRS = ["192.168.40.0/24"]
S3_CIDRS = ["52.216.0.0/15", "3.5.0.0/19"]
DYNAMODB_CIDRS = ["52.94.0.0/22"]
WORKSPACES = tuple(map(Workspace.model_validate, variants.WORKSPACES))
SPACES = [each.namespace for each in WORKSPACES]


def record(make: Callable[[], Any]) -> list[Made]:
    """The resources that a component makes, in order."""
    return mocked.record(make).made


@dataclass(frozen=True)
class Object:
    """A Kubernetes object that a component asks for."""

    name: str
    manifest: dict[str, Any]


def objects(made: list[Made]) -> list[dict[str, Any]]:
    """The manifests of the Kubernetes objects among these; charts are none."""
    return [plain(each.inputs) for each in made if each.type.startswith("kubernetes:") and ":helm." not in each.type]


def plain(value: Any) -> Any:
    """As JSON would have it: mocks hand numbers over as floats."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def namespaces() -> None:
    Namespaces("test", NamespacesArgs(stack=STACK, workspaces=SPACES))


def guardrails(gpus: int = 8, *, webhooks: bool = False, pod_identity: bool = False) -> None:
    Guardrails(
        "test",
        GuardrailsArgs(
            stack=STACK,
            vpc_cidr=VPC_CIDR,
            service_cidr=SERVICE_CIDR,
            gateway_endpoint_cidrs=[pulumi.Output.from_input(S3_CIDRS), DYNAMODB_CIDRS],
            client_cidrs=CLIENT_CIDRS,
            domain=DOMAIN,
            gpus=gpus,
            pipelines=True,
            webhooks=webhooks,
            pod_identity=pod_identity,
            namespaces={},
            workspaces=SPACES,
        ),
    )


def access(workspaces: Sequence[Workspace] = WORKSPACES, **principals: list[str]) -> None:
    named = {name.replace("_", "-"): arns for name, arns in principals.items()}
    args = AccessArgs(stack=STACK, cluster_name="parapet-test", principals=named, namespaces={}, workspaces=workspaces)
    Access("test", args)


def monitor() -> None:
    Monitor("test", MonitorArgs(stack=STACK, namespaces={}, workspaces=SPACES))


def rollouts() -> None:
    Rollouts("test", RolloutsArgs(stack=STACK, chart_passwords=DIGESTS, namespaces={}, after=()))


def gpu_software(*, cut: bool = True) -> None:
    GpuSoftware(
        "test",
        GpuSoftwareArgs(
            stack=STACK,
            chart_passwords=DIGESTS,
            sharing=[
                GpuSharing(group="whole"),
                GpuSharing(group="shared", time_slices=4),
                *([GpuSharing(group="cut", mig=True)] if cut else []),
            ],
            after=(),
        ),
    )


ALERTING = Alerting(
    rules=rules(["readmission"], ["readmission"]), labels=words.LABELS, host=HOST, checks=words.OF_CHECKS
)


def prometheus(window: int = 300) -> None:
    Prometheus("test", PrometheusArgs(stack=STACK, window=window, alerting=ALERTING, after=()))


def alertmanager() -> None:
    alarms = Alarms(
        "parapet-test",
        AlarmsArgs(
            stack=STACK,
            logs_key_arn=KEY_ARN,
            key_administrators=(),
            read_at=owners().read_at,
            certificate_arn=CERTIFICATE_ARN,
            application_log="/aws/containerinsights/parapet-test/application",
            cluster_name="parapet-test",
        ),
    )
    Alertmanager(
        "parapet-test-alertmanager",
        AlertmanagerArgs(
            stack=STACK,
            cluster_name="parapet-test",
            cluster_arn="arn:aws:eks:us-east-1:111122223333:cluster/parapet-test",
            perimeter=Perimeter(vpc_id="vpc", services=()),
            alarms=alarms,
            logs_key_arn=KEY_ARN,
            reports="parapet-test-artifacts",
            after=(),
        ),
    )


def pipelines() -> None:
    database = Database(
        "parapet-test",
        DatabaseArgs(
            stack=STACK,
            vpc_id="vpc",
            subnet_ids=["a", "b"],
            size=DatabaseSize(instance_class="db.m7g.large", multi_az=True),
            key_arns=dict.fromkeys(DataClass, KEY_ARN),
            engine=PIPELINES,
        ),
    )
    database.port = pulumi.Output.from_input(PIPELINES.port)  # RDS tells it
    # What of the whole foundation it reads.
    foundation = SimpleNamespace(
        keys=SimpleNamespace(arns=dict.fromkeys(DataClass, KEY_ARN)),
        rotator=SimpleNamespace(role_arn="arn:aws:iam::111122223333:role/rotator"),
        network=SimpleNamespace(perimeter=Perimeter(vpc_id="vpc", services=())),
        storage=SimpleNamespace(
            artifacts=SimpleNamespace(bucket="parapet-test-artifacts"), phi=SimpleNamespace(bucket="parapet-test-phi")
        ),
    )
    plane = SimpleNamespace(cluster_name="parapet-test", arn="arn:aws:eks:us-east-1:111122223333:cluster/parapet-test")
    args = PipelinesArgs(
        stack=STACK,
        foundation=cast("Any", foundation),
        database=database,
        control_plane=cast("Any", plane),
        nodes_security_group_id="sg-nodes",
        domain=DOMAIN,
        after=(),
    )
    Pipelines("parapet-test-pipelines", args)


def gpu_metrics() -> None:
    GpuMetrics("test", GpuMetricsArgs(stack=STACK, after=()))


def mesh(*, reachable: bool = True, gateway_address: str = "") -> None:
    Mesh(
        "test",
        MeshArgs(
            stack=STACK,
            chart_passwords=DIGESTS,
            certificate_arn=CERTIFICATE_ARN,
            vpc_cidr=VPC_CIDR,
            client_cidrs=CLIENT_CIDRS,
            domain=DOMAIN,
            zone_id=ZONE_ID,
            reachable=reachable,
            gateway_address=gateway_address,
            after=(),
            workspaces=SPACES,
        ),
    )
