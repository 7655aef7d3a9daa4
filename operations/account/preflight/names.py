"""Whether a name is free that the stack gives by itself: AWS refuses a second of it, in the middle of an `up`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from cluster.images import wanted
from cluster.operators_host import api_document, group_name
from cluster.sessions import document_name
from foundation import log_group, pipelines_database
from foundation.data_class import DataClass
from foundation.database import instance_name
from foundation.secrets.rotator import function_name
from mlops.model_registry import signing_alias
from mlops.monitoring.alarms import deadman_alias
from operations.account.access import code
from operations.account.preflight.finding import Account, Finding, ok, to_do
from settings import Settings

ABOUT: Final = "names"
ABSENT: Final = frozenset(
    {"ResourceNotFoundException", "DBInstanceNotFound", "DBInstanceNotFoundFault", "InvalidDocument"}
)
Tags = Mapping[str, str]
Found = Iterator[tuple[str, Tags]]


@dataclass(frozen=True)
class Kind:
    """What AWS has one of by name."""

    type: str
    """As the engine calls it."""
    what: str
    taken: Callable[[Account], Found]
    """Those of the stack's names that are there, with their tags."""
    free_it: str
    """How the name becomes free; `{}` is the name."""


def is_given(settings: Settings, kind: str, name: str) -> bool:
    """Whether this is a name that the stack gives to something of a kind; the prefixes of log groups hold each."""
    if kind == LOG_GROUP:
        return name.startswith(tuple(_prefixes(settings)))
    return name in exact(settings).get(kind, [])


def check(account: Account) -> Iterator[Finding]:
    own = ("Environment", account.settings.environment)
    told = 0
    for kind in KINDS:
        for name, tags in kind.taken(account):
            if own not in tags.items():
                told += 1
                yield to_do(ABOUT, f"{kind.what} {name} is there and not this stack's: {kind.free_it.format(name)}")
    if not told:
        yield ok(ABOUT, f"nobody else has one of those that {account.settings.name} gives")


def exact(settings: Settings) -> dict[str, list[str]]:
    """By kind, the names of those that are named one by one: all but log groups."""
    stack = settings.name
    return {
        ALIAS: [*(f"alias/{stack}-{each}" for each in DataClass), signing_alias(stack), deadman_alias(stack)],
        REPOSITORY: [f"{stack}/{image.name}" for image in wanted(settings.images)],
        CLUSTER: [stack],
        FUNCTION: [function_name(stack)],
        DATABASE: _databases(settings),
        GROUP: [group_name(stack)] if settings.operators_host else [],
        DOCUMENT: [
            document_name(stack, preferences=settings.session_preferences),
            *([api_document(stack)] if settings.operators_host else []),
        ],
    }


def _databases(settings: Settings) -> list[str]:
    other = [instance_name(settings.name, pipelines_database.PIPELINES)] if settings.pipelines else []
    return [instance_name(settings.name), *other]


def _prefixes(settings: Settings) -> list[str]:
    """Of the stack's log groups, and of no other stack's whose environment begins like this one's."""
    whole = [each for each in log_group.prefixes(settings.name) if each.endswith("/")]
    return [*whole, *(f"/aws/rds/instance/{each}/" for each in _databases(settings))]


def _log_groups(account: Account) -> Found:
    logs = account.access.client("logs")
    for prefix in _prefixes(account.settings):
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for each in page["logGroups"]:
                arn = each["arn"].removesuffix(":*")
                yield each["logGroupName"], logs.list_tags_for_resource(resourceArn=arn)["tags"]


def _aliases(account: Account) -> Found:
    kms, names = account.access.client("kms"), exact(account.settings)[ALIAS]
    for page in kms.get_paginator("list_aliases").paginate():
        for each in page["Aliases"]:
            if each["AliasName"] in names:
                tags = kms.list_resource_tags(KeyId=each["TargetKeyId"])["Tags"]
                yield each["AliasName"], {tag["TagKey"]: tag["TagValue"] for tag in tags}


def _repositories(account: Account) -> Found:
    ecr, names = account.access.client("ecr"), exact(account.settings)[REPOSITORY]
    for page in ecr.get_paginator("describe_repositories").paginate():
        for each in page["repositories"]:
            if each["repositoryName"] in names:
                yield each["repositoryName"], _listed(ecr.list_tags_for_resource(resourceArn=each["repositoryArn"]))


def _groups(account: Account) -> Found:
    if names := exact(account.settings)[GROUP]:
        scaling = account.access.client("autoscaling")
        for each in scaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]:
            yield each["AutoScalingGroupName"], _listed(each)


def _one(kind: str, ask: Callable[[Account, str], Tags]) -> Callable[[Account], Found]:
    """Of a kind that is asked for by its name, and says that there is none."""

    def taken(account: Account) -> Found:
        for name in exact(account.settings)[kind]:
            try:
                yield name, ask(account, name)
            except ClientError as error:
                if code(error) not in ABSENT:
                    raise

    return taken


def _cluster(account: Account, name: str) -> Tags:
    found: Tags = account.access.client("eks").describe_cluster(name=name)["cluster"].get("tags", {})
    return found


def _function(account: Account, name: str) -> Tags:
    found: Tags = account.access.client("lambda").get_function(FunctionName=name).get("Tags", {})
    return found


def _database(account: Account, name: str) -> Tags:
    (found,) = account.access.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return _listed(found)


def _document(account: Account, name: str) -> Tags:
    ssm = account.access.client("ssm")
    ssm.describe_document(Name=name)
    return _listed(ssm.list_tags_for_resource(ResourceType="Document", ResourceId=name))


def _listed(answer: Mapping[str, Any]) -> Tags:
    """Tags that are a list of keys and values, whatever the service calls it."""
    called = next((key for key in ("Tags", "tags", "TagList") if key in answer), "")
    return {tag["Key"]: tag["Value"] for tag in answer.get(called, ())}


LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
ALIAS: Final = "aws:kms/alias:Alias"
REPOSITORY: Final = "aws:ecr/repository:Repository"
CLUSTER: Final = "aws:eks/cluster:Cluster"
FUNCTION: Final = "aws:lambda/function:Function"
DATABASE: Final = "aws:rds/instance:Instance"
GROUP: Final = "aws:autoscaling/group:Group"
DOCUMENT: Final = "aws:ssm/document:Document"
_ELSE: Final = "give this stack another parapet:environment, or delete what is left of the other"
KINDS: Final = (
    Kind(
        LOG_GROUP,
        "the log group",
        _log_groups,
        # EKS and RDS make theirs anew for what they still had to write when a stack was destroyed (Amazon EKS User
        # Guide, "Send control plane logs to CloudWatch Logs"; AWSServiceRoleForAmazonEKS, logs:CreateLogGroup).
        "keep what you need of it, then aws logs delete-log-group --log-group-name {}",
    ),
    Kind(ALIAS, "the key's alias", _aliases, "aws kms delete-alias --alias-name {}, which leaves the key"),
    Kind(REPOSITORY, "the repository", _repositories, "aws ecr delete-repository --repository-name {}"),
    Kind(CLUSTER, "the cluster", _one(CLUSTER, _cluster), _ELSE),
    Kind(FUNCTION, "the function", _one(FUNCTION, _function), _ELSE),
    Kind(DATABASE, "the database", _one(DATABASE, _database), _ELSE),
    Kind(GROUP, "the Auto Scaling group", _groups, _ELSE),
    Kind(
        DOCUMENT,
        "the session document",
        _one(DOCUMENT, _document),
        "aws ssm delete-document --name {}, or, where it is the account's SSM-SessionManagerRunShell, set "
        "parapet:sessionPreferences to false",
    ),
)
