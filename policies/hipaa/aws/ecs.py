"""Amazon ECS: what containers may do, whom they run as, what they keep of it, and where they are reached."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from hipaa.aws.advice import PROPOSED_PATCHES
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, Unreadable, rule
from hipaa.verdict import Requirement, Verdict, all_of, is_, is_set, not_applicable, one_of, violation

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
CLUSTER = "aws:ecs/cluster:Cluster"
SERVICE = ("aws:ecs/service:Service", "aws:ecs/taskSet:TaskSet")

# Capabilities with which a container is the host: "Linux capabilities" (capabilities(7)), as Pod Security's baseline
# draws the line for those that are added.
_HOST_CAPABILITIES = (
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "NET_ADMIN",
    "DAC_READ_SEARCH",
    "BPF",
)
_HOST_FOLDERS = re.compile(r"/?|/(var/)?run(/docker(\.sock)?|/containerd.*)?/?|/(etc|root|proc|sys|dev|boot|var)(/.*)?")


def _task(*containers: dict[str, Any], **task: Any) -> dict[str, Any]:
    said = [
        {"name": "server", "image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/a:1"} | item for item in containers
    ]
    return {"family": "server", "containerDefinitions": json.dumps(said)} | task


def containers(task: Properties) -> list[Properties]:
    """The containers of a task definition, which the provider has as JSON.

    Raises:
        UnknownValue: when they are not known before the update.
        Unreadable: when they are no JSON list of objects.
    """
    document = task.at("containerDefinitions")
    if document is None:
        return []
    try:
        found = json.loads(document) if isinstance(document, str) else document
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise Unreadable("`container_definitions` is no JSON list of containers; it must be one") from None
    return [
        Properties(item, f"container_definitions.{place}", words=lambda path: path) for place, item in enumerate(found)
    ]


def _each(task: Properties, check: Callable[[Properties], Verdict]) -> Verdict:
    return all_of(*map(check, containers(task)))


@rule(
    "task-containers-are-unprivileged",
    on=TASK_DEFINITION,
    severity=CRITICAL,
    fix="Leave privileged out of container_definitions, and add no capability that is the host's.",
    sound=[
        _task({}),
        _task({"privileged": False}),
        _task({"linuxParameters": {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}}),
    ],
    unsound=[
        _task({"privileged": True}),
        _task({}, {"name": "sidecar", "privileged": True}),
        _task({"linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
        _task({"linuxParameters": {"capabilities": {"add": ["ALL"]}}}),
    ],
)
def task_containers_are_unprivileged(task: Properties) -> Verdict:
    """No container of a task has the rights of its host."""

    def unprivileged(container: Properties) -> Verdict:
        added = [str(name) for name in container.listed("linuxParameters.capabilities.add")]
        held = [name for name in added if name.upper().removeprefix("CAP_") in _HOST_CAPABILITIES]
        where = container.where("linuxParameters.capabilities.add")
        return all_of(
            container.require("privileged", is_(False), default=False),
            violation(f"`{where}` has {', '.join(held)[:80]}, which is the host's; it must be left out")
            if held
            else Verdict(),
        )

    return _each(task, unprivileged)


_ROOT = ("", "0", "root")


def _is_root(container: Properties) -> bool:
    return str(container.at("user", "")).partition(":")[0] in _ROOT


@rule(
    "task-containers-run-as-non-root",
    on=TASK_DEFINITION,
    severity=MEDIUM,
    advisory="where nothing is said the image says it, and a task of Fargate shares no host in which root would matter",
    fix="Set user of each of container_definitions to a number that is not 0.",
    sound=[
        _task({"user": "1000"}),
        _task({"user": "app:app"}),
        _task({}, runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
        _task({"user": "1000:1000"}),
    ],
    unsound=[_task({}), _task({"user": "root"}), _task({"user": "0:0"}), _task({"user": "1000"}, {"user": "0"})],
)
def task_containers_run_as_non_root(task: Properties) -> Verdict:
    """Each container of a task runs as a user that is not root."""
    if "WINDOWS" in str(task.at("runtimePlatform.operatingSystemFamily", "")).upper():
        return not_applicable("Windows has no root")

    def non_root(container: Properties) -> Verdict:
        if not _is_root(container):
            return Verdict()
        return violation(f"`{container.where('user')}` is root or not set; it must be a user that is not root")

    return _each(task, non_root)


@rule(
    "task-on-the-host-network-is-not-root",
    on=TASK_DEFINITION,
    severity=HIGH,
    fix="Set network_mode to awsvpc, or user of each of container_definitions to one that is not root.",
    sound=[
        _task({}, networkMode="awsvpc"),
        _task({"user": "1000"}, networkMode="host"),
        _task({}),
    ],
    unsound=[_task({}, networkMode="host"), _task({"user": "1000"}, {"user": "root"}, networkMode="host")],
)
def task_on_the_host_network_is_not_root(task: Properties) -> Verdict:
    """Whatever shares its host's network, and so reaches what listens on the host alone, is not root there."""
    if task.at("networkMode") != "host":
        return Verdict()

    def bounded(container: Properties) -> Verdict:
        if not _is_root(container):
            return Verdict()
        return violation(
            f"`{container.where('user')}` is root on the host's network; it must be a user that is not root"
        )

    return _each(task, bounded)


@rule(
    "task-containers-have-read-only-root",
    on=TASK_DEFINITION,
    severity=MEDIUM,
    advisory="what an intruder writes is gone with the container; many servers need a folder to write to",
    fix="Set 'readonlyRootFilesystem' of each of container_definitions to true, and mount a volume where one writes.",
    sound=[_task({"readonlyRootFilesystem": True})],
    unsound=[_task({}), _task({"readonlyRootFilesystem": True}, {"readonlyRootFilesystem": False})],
)
def task_containers_have_read_only_root(task: Properties) -> Verdict:
    """No container of a task can change its own programs."""
    return _each(task, lambda container: container.require("readonlyRootFilesystem", is_(True), default=False))


@rule(
    "task-shares-no-namespace-of-its-host",
    on=TASK_DEFINITION,
    severity=HIGH,
    fix="Leave pid_mode and ipc_mode out, or set them to task.",
    sound=[_task({}), _task({}, pidMode="task", ipcMode="none")],
    unsound=[_task({}, pidMode="host"), _task({}, ipcMode="host")],
)
def task_shares_no_namespace(task: Properties) -> Verdict:
    """A task sees no processes and no memory but its own."""
    own = Requirement("not 'host'", lambda mode: mode != "host")
    return all_of(task.require("pidMode", own, default="task"), task.require("ipcMode", own, default="task"))


@rule(
    "task-mounts-nothing-of-its-host",
    on=TASK_DEFINITION,
    severity=HIGH,
    fix="Leave host_path out of volumes, and mount a volume of EFS, or one that ends with the task.",
    sound=[
        _task({}, volumes=[{"name": "scratch"}]),
        _task({}, volumes=[{"name": "data", "hostPath": "/ecs/data"}]),
        _task(
            {},
            volumes=[
                {"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "ENABLED"}}
            ],
        ),
    ],
    unsound=[
        _task({}, volumes=[{"name": "docker", "hostPath": "/var/run/docker.sock"}]),
        _task({}, volumes=[{"name": "root", "hostPath": "/"}]),
        _task({}, volumes=[{"name": "scratch"}, {"name": "etc", "hostPath": "/etc"}]),
    ],
)
def task_mounts_nothing_of_its_host(task: Properties) -> Verdict:
    """No task has its host's own files, or the socket by which containers are started on it."""

    def apart(volume: Properties) -> Verdict:
        path = volume.at("hostPath")
        if path is None or not _HOST_FOLDERS.fullmatch(str(path)):
            return Verdict()
        return violation(
            f"`{volume.where('hostPath')}` is {str(path)[:60]!r}, which is the host's; it must be left out"
        )

    return task.each_object("volumes", apart)


@rule(
    "task-containers-keep-logs",
    on=TASK_DEFINITION,
    severity=MEDIUM,
    fix="Set 'logConfiguration' of each of container_definitions, with awslogs or awsfirelens as its driver.",
    sound=[
        _task({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "server"}}}),
        _task({"logConfiguration": {"logDriver": "awsfirelens"}}, {"firelensConfiguration": {"type": "fluentbit"}}),
        _task({"logConfiguration": {"logDriver": "awslogs"}}, {"name": "migrate", "essential": False}),
    ],
    unsound=[_task({}), _task({"logConfiguration": {"logDriver": "none"}}), _task({"logConfiguration": {}})],
)
def task_containers_keep_logs(task: Properties) -> Verdict:
    """Each container that a task cannot do without has its output kept."""

    def kept(container: Properties) -> Verdict:
        if container.at("firelensConfiguration") or container.at("essential") is False:
            return Verdict()
        driver = container.at("logConfiguration.logDriver")
        if driver and driver != "none":
            return Verdict()
        return violation(
            f"`{container.where('logConfiguration')}` keeps nothing; it must have a driver, awslogs for one"
        )

    return _each(task, kept)


def _efs(**efs: Any) -> dict[str, Any]:
    return _task({}, volumes=[{"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1a2b3c4d"} | efs}])


@rule(
    "task-reaches-files-encrypted",
    on=TASK_DEFINITION,
    severity=HIGH,
    fix="Set transit_encryption of efs_volume_configuration to ENABLED.",
    sound=[_efs(transitEncryption="ENABLED"), _task({}), _task({}, volumes=[{"name": "scratch"}])],
    unsound=[_efs(), _efs(transitEncryption="DISABLED")],
)
def task_reaches_files_encrypted(task: Properties) -> Verdict:
    """A task reads and writes its file system over TLS, which ECS does not do by itself."""

    def encrypted(volume: Properties) -> Verdict:
        if "efsVolumeConfiguration" not in volume:
            return not_applicable("the volume is no file system of EFS")
        return volume.require("efsVolumeConfiguration.transitEncryption", is_("ENABLED"), default="DISABLED")

    verdict = task.each_object("volumes", encrypted)
    return verdict if verdict.violations or verdict.unknown else Verdict()


@rule(
    "task-bounds-its-memory",
    on=TASK_DEFINITION,
    severity=LOW,
    advisory="one task that takes all memory stops its neighbours, which is about availability alone",
    fix="Set memory of the task definition, or of each of container_definitions.",
    sound=[_task({}, memory="1024"), _task({"memory": 512})],
    unsound=[_task({}), _task({"memoryReservation": 512})],
)
def task_bounds_its_memory(task: Resource) -> Verdict:
    """A task, or each of its containers, may take so much memory and no more."""
    if task.is_set_by_program("memory"):
        return Verdict()
    return _each(task, lambda container: container.require("memory", is_set()))


def _exec(**configuration: Any) -> dict[str, Any]:
    return {"configuration": {"executeCommandConfiguration": configuration}}


@rule(
    "ecs-cluster-records-sessions",
    on=CLUSTER,
    severity=MEDIUM,
    fix="Set logging of execute_command_configuration to OVERRIDE with a log_configuration, or leave it out.",
    sound=[
        {},
        _exec(logging="DEFAULT"),
        _exec(logging="OVERRIDE", logConfiguration={"cloudWatchLogGroupName": "sessions"}),
    ],
    unsound=[_exec(logging="NONE"), _exec(logging="OVERRIDE", logConfiguration={})],
)
def ecs_cluster_records_sessions(cluster: Properties) -> Verdict:
    """What somebody does in a running container (ECS Exec) is recorded."""
    where = "configuration.executeCommandConfiguration"
    kept = cluster.require(f"{where}.logging", one_of("DEFAULT", "OVERRIDE"), default="DEFAULT")
    if cluster.at(f"{where}.logging") != "OVERRIDE":
        return kept
    names = ("cloudWatchLogGroupName", "s3BucketName")
    if any(_has(cluster, f"{where}.logConfiguration", name) for name in names):
        return kept
    told = cluster.where(f"{where}.logConfiguration")
    return violation(f"`{told}` names no log group and no bucket; it must name one")


def _has(properties: Properties, path: str, name: str) -> bool:
    inside = properties.at(path)
    return isinstance(inside, Properties) and name in inside and inside._values[name] not in (None, "")


@rule(
    "ecs-cluster-encrypts-sessions",
    on=CLUSTER,
    severity=LOW,
    advisory="a session goes through Systems Manager over TLS in any case; a key of one's own encrypts it once more",
    fix="Set kms_key_id of execute_command_configuration to the ARN of a customer managed key.",
    sound=[{}, _exec(kmsKeyId="arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")],
    unsound=[_exec(logging="DEFAULT")],
)
def ecs_cluster_encrypts_sessions(cluster: Properties) -> Verdict:
    """What passes in a session with a container is encrypted with a customer managed key."""
    if not cluster.objects("configuration"):
        return Verdict()
    return cluster.require("configuration.executeCommandConfiguration.kmsKeyId", is_set())


@rule(
    "ecs-cluster-watches-containers",
    on=CLUSTER,
    severity=LOW,
    advisory="metrics of containers tell of load and failures; what was done is in their logs",
    fix="Set settings with name containerInsights and value enhanced.",
    sound=[
        {"settings": [{"name": "containerInsights", "value": "enabled"}]},
        {"settings": [{"name": "containerInsights", "value": "enhanced"}]},
    ],
    unsound=[{}, {"settings": [{"name": "containerInsights", "value": "disabled"}]}],
)
def ecs_cluster_watches_containers(cluster: Properties) -> Verdict:
    """A cluster has CloudWatch watch what its containers take and how they fail."""
    on = {str(item.at("value")) for item in cluster.objects("settings") if item.at("name") == "containerInsights"}
    if on & {"enabled", "enhanced"}:
        return Verdict()
    return violation("`settings` turns containerInsights on nowhere; it must be enhanced or enabled")


@rule(
    "ecs-service-has-no-public-address",
    on=SERVICE,
    severity=HIGH,
    fix="Leave assign_public_ip out of network_configuration, and put a load balancer before the service.",
    sound=[
        {"networkConfiguration": {"subnets": ["subnet-1a2b3c4d"]}},
        {"networkConfiguration": {"subnets": ["subnet-1a2b3c4d"], "assignPublicIp": False}},
        {},
    ],
    unsound=[
        {"networkConfiguration": {"subnets": ["subnet-1a2b3c4d"], "assignPublicIp": True}},
        Resource(SERVICE[1], {"networkConfiguration": {"subnets": [UNKNOWN], "assignPublicIp": True}}),
    ],
)
def ecs_service_has_no_public_address(service: Properties) -> Verdict:
    """A service's tasks have no address that the internet can reach."""
    return service.require("networkConfiguration.assignPublicIp", is_(False), default=False)


# "Fargate platform versions", Amazon ECS Developer Guide, 2026-11-30: Linux 1.4.0 and Windows 1.0.0 are the latest.
_LATEST = ("LATEST", "1.4.0", "1.0.0")


@rule(
    "ecs-service-runs-on-the-latest-platform",
    on=SERVICE,
    severity=LOW,
    advisory="an older platform is mended by AWS as long as it is there; the newest has the most isolation",
    proposed=PROPOSED_PATCHES,
    fix="Leave platform_version out, or set it to LATEST.",
    sound=[{"launchType": "FARGATE"}, {"platformVersion": "LATEST"}, {"platformVersion": "1.4.0"}],
    unsound=[{"launchType": "FARGATE", "platformVersion": "1.3.0"}],
)
def ecs_service_runs_on_the_latest_platform(service: Properties) -> Verdict:
    """A service on Fargate runs on its latest platform."""
    return service.require("platformVersion", one_of(*_LATEST), default="LATEST")
