"""Whether Kubeflow Pipelines' database can be had where it is asked for, and whether one is left where it is not any
more: an `up` that would delete what is protected is refused whole."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.database import instance_name
from foundation.pipelines_database import NATIVE, PIPELINES
from operations.account.access import code
from operations.account.preflight.finding import Account, Finding, ok, to_do
from operations.account.preflight.names import ABSENT

ABOUT: Final = "pipelines"
FAMILY: Final = f"{PIPELINES.engine}{PIPELINES.version}"
OTHERWISE: Final = (
    "leave parapet:pipelines false, and tell the platform's people (platform/foundation/pipelines_database.py)"
)
ON: Final = frozenset({"1", "ON"})
STATIC: Final = "static"
"""What RDS calls a parameter that is read at the start alone."""


def check(account: Account) -> Iterator[Finding]:
    yield from _wanted(account) if account.settings.pipelines else _left(account)


def _wanted(account: Account) -> Iterator[Finding]:
    """What RDS says of the parameters that the database is told: it is documented for another of its engines."""
    pages = account.access.client("rds").get_paginator("describe_engine_default_parameters")
    offered = {
        each["ParameterName"]: each
        for page in pages.paginate(DBParameterGroupFamily=FAMILY)
        for each in page["EngineDefaults"]["Parameters"]
    }
    if missing := [*_refused(offered)]:
        yield from (to_do(ABOUT, f"{each}: {OTHERWISE}") for each in missing)
        return
    native = offered.get(NATIVE, {}).get("ParameterValue", "")
    said = f"has {NATIVE} on" if native.upper() in ON else f"does not say whether {NATIVE} is on: `up` will tell"
    yield ok(ABOUT, f"RDS takes what {FAMILY} is told, and {said}")


def _refused(offered: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, value in {**PIPELINES.at_reboot, **PIPELINES.at_once}.items():
        if not (found := offered.get(name)):
            yield f"RDS has no parameter {name} of {FAMILY}"
        elif not found.get("IsModifiable", False):
            yield f"RDS lets nobody set {name} of {FAMILY}"
        elif not _allowed(value, found.get("AllowedValues", "")):
            yield f"RDS does not take {value} as {name} of {FAMILY}, but {found['AllowedValues']}"
        elif name in PIPELINES.at_once and found.get("ApplyType") == STATIC:
            yield f"RDS takes {name} of {FAMILY} at a start alone"
    switch = offered.get(NATIVE, {})
    if (told := switch.get("ParameterValue", "")) and told.upper() not in ON:
        yield f"{NATIVE} of {FAMILY} is {told}, and ML Metadata can sign in by nothing else"


def _allowed(value: str, listed: str) -> bool:
    """Whether a value, each part of it, is on a list of RDS's. A range, or nothing, is no list and not judged."""
    known = {each.strip() for each in listed.split(",")}
    return not listed or len(known) == 1 or {each.strip() for each in value.split(",")} <= known


def _left(account: Account) -> Iterator[Finding]:
    name = instance_name(account.settings.name, PIPELINES)
    try:
        (found,) = account.access.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    except ClientError as error:
        if code(error) not in ABSENT:
            raise
        return
    if found["DeletionProtection"]:
        yield to_do(
            ABOUT,
            f"parapet:pipelines is false, and the database {name} is there and protected: `up` would be refused. Set "
            "it to true again, or let it go as delivery/pipeline/README.md says, under Turning it off",
        )
