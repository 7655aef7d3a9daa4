"""AWS Backup as other rules look at it: whether a plan of the program takes up a resource."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from hipaa.parameter import Parameter
from hipaa.resource import Properties, Resource, UnknownValue
from hipaa.stack import Stack

# Seven are what AWS Security Hub's controls (RDS.11 for one) ask for unless told otherwise; 35 is most services' limit.
KEPT = Parameter("days", "Days back to which a restore reaches at the least", 7, least=1, most=35)
SELECTION = "aws:backup/selection:Selection"
_LONGEST_ARN = 2048  # IAM User Guide, "IAM and AWS STS quotas"


def is_backed_up(resource: Resource, stack: Stack, service: str) -> bool:
    """Whether a selection of a backup plan takes it up: by its ARN, a pattern of ARNs, or its tags.

    `service` is what its ARN names: `dynamodb`, `elasticfilesystem`.

    Raises:
        UnknownValue: when no selection is known to, and of one it is not known yet.
    """
    open_: UnknownValue | None = None
    for selection in stack.of(SELECTION):
        try:
            if _takes(selection, resource, service):
                return True
        except UnknownValue as unknown:
            open_ = open_ or UnknownValue(f"{unknown.path} of {selection.name}")
    if open_ is not None:
        raise open_
    return False


def _takes(selection: Resource, resource: Resource, service: str) -> bool:
    arn = resource.known("arn")
    if any(_matches(pattern, arn, service) for pattern in selection.texts("notResources")):
        return False
    tags = _tags(resource)
    # Tags are joined by OR ("Assigning resources programmatically", AWS Backup Developer Guide), conditions by AND.
    if any(tags.get(str(tag.at("key"))) == tag.at("value") for tag in selection.objects("selectionTags")):
        return True
    if resource.urn in selection.sources.get("resources", ()):
        return True
    chosen = any(_matches(pattern, arn, service) for pattern in selection.texts("resources"))
    return chosen and all(_meets(condition, tags) for condition in selection.objects("conditions"))


def _matches(pattern: str, arn: Any, service: str) -> bool:
    if pattern == "*":
        return True
    if len(pattern) > _LONGEST_ARN:
        return False
    if arn is not None:
        return fnmatchcase(str(arn), pattern)
    # The name behind the service is not known before the update: a pattern that takes all of them takes this one too.
    parts = pattern.split(":", 5)
    if len(parts) < 6 or not fnmatchcase(service, parts[2]):
        return False
    if parts[5] == "*" or parts[5].endswith("/*"):
        return True
    raise UnknownValue("arn")


def _meets(condition: Properties, tags: dict[str, Any]) -> bool:
    wanted = [(tags.get(_key(one)) == one.at("value")) for one in condition.objects("stringEquals")]
    wanted += [
        fnmatchcase(str(tags.get(_key(one), "")), str(one.at("value"))) for one in condition.objects("stringLikes")
    ]
    wanted += [tags.get(_key(one)) != one.at("value") for one in condition.objects("stringNotEquals")]
    wanted += [
        not fnmatchcase(str(tags.get(_key(one), "")), str(one.at("value")))
        for one in condition.objects("stringNotLikes")
    ]
    return all(wanted)


def _key(condition: Properties) -> str:
    return str(condition.at("key", "")).removeprefix("aws:ResourceTag/")


def _tags(resource: Resource) -> dict[str, Any]:
    tags = resource.get("tagsAll") or resource.get("tags")
    return {name: tags[name] for name in tags} if isinstance(tags, Properties) else {}
