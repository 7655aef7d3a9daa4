"""Amazon RDS databases with what completes them: the parameter group that has clients use TLS."""

from __future__ import annotations

import re
from typing import Any

from hipaa.aws.rds import CLUSTER, INSTANCE
from hipaa.facts import fact, version
from hipaa.resource import UNKNOWN, Resource, UnknownValue
from hipaa.rule import HIGH, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

PARAMETER_GROUP = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_PARAMETER_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"

_GROUP_OF = {
    INSTANCE: ("parameterGroupName", PARAMETER_GROUP),
    CLUSTER: ("dbClusterParameterGroupName", CLUSTER_PARAMETER_GROUP),
}
# postgres17, aurora-mysql8.0, sqlserver-ex-16.0; an engine with its version behind it reads the same.
_FAMILY = re.compile(r"(?P<engine>sqlserver|[a-z-]*[a-z])[a-z-]*?(?P<version>\d+(?:\.\d+)?)?(?:\.|$)")
_ON = ("1", "on", "true")


def _instance(engine: str | None, version: Any = None, group: Any = None, **more: Any) -> Resource:
    said = {"engine": engine, "engineVersion": version, "parameterGroupName": group} | more
    return Resource(INSTANCE, {name: value for name, value in said.items() if value is not None}, name="records")


def _group(family: str, name: str = "own", type_: str = PARAMETER_GROUP, **parameters: str) -> Resource:
    listed = [{"name": key.replace("__", "."), "value": value} for key, value in parameters.items()]
    return Resource(type_, {"id": name, "name": name, "family": family, "parameters": listed}, name=name)


_ORIGIN = _group("postgres14", rds__force_ssl="1")
_NAMES_BY_ORIGIN = Resource(
    INSTANCE,
    {"engine": "postgres", "engineVersion": "14", "parameterGroupName": UNKNOWN},
    sources={"parameterGroupName": [_ORIGIN.urn]},
)
_AURORA = Resource(CLUSTER, {"engine": "aurora-postgresql", "dbClusterParameterGroupName": "own"})


@stack_rule(
    "rds-instance-requires-tls",
    on=(INSTANCE, CLUSTER),
    severity=HIGH,
    fix="Name a ParameterGroup with rds.force_ssl=1 (PostgreSQL, SQL Server) or require_secure_transport=1 (MySQL).",
    sound=[
        [_instance("postgres", "16", "own"), _group("postgres16", rds__force_ssl="1")],
        [_instance("postgres", "16", "own"), _group("postgres16", log_connections="1")],
        [_NAMES_BY_ORIGIN, _ORIGIN],
        [_instance("postgres", "17.4")],
        [_instance("postgres", "17.4", "default.postgres17")],
        [_instance("mysql", "8.0.40", "own"), _group("mysql8.0", require_secure_transport="ON")],
        [_instance("mariadb", "11.8.3")],
        [_instance("sqlserver-ex", "16.00", "own"), _group("sqlserver-ex-16.0", rds__force_ssl="1")],
        [_instance("oracle-ee")],
        [_instance(None, None, "own", replicateSourceDb="records"), _group("postgres14", rds__force_ssl="1")],
        [_AURORA, _group("aurora-postgresql16", type_=CLUSTER_PARAMETER_GROUP, rds__force_ssl="1")],
        [Resource(CLUSTER, {"engine": "aurora-postgresql", "engineVersion": "17.4"})],
        [Resource(CLUSTER, {"engine": "postgres", "engineVersion": "16.3"})],
    ],
    unsound=[
        [_instance("postgres", "14.9")],
        [_instance("postgres", "14.9", "default.postgres14")],
        [_instance("postgres", "16", "own"), _group("postgres16", rds__force_ssl="0")],
        [_instance("postgres", "14", "own"), _group("postgres14", log_connections="1")],
        [_instance("postgres", "16", "elsewhere"), _group("postgres16", rds__force_ssl="1")],
        [_instance("mysql", "8.4.5")],
        [_instance("sqlserver-ex", "16.00")],
        [Resource(CLUSTER, {"engine": "aurora-mysql", "engineVersion": "8.0.mysql_aurora.3.08.0"})],
        [Resource(CLUSTER, {"engine": "aurora-postgresql", "engineVersion": "16.8"})],
        [_AURORA, _group("aurora-postgresql17", type_=CLUSTER_PARAMETER_GROUP, rds__force_ssl="0")],
        [_AURORA, _group("aurora-postgresql16", rds__force_ssl="1")],
        [_AURORA, _group("aurora-postgresql16", type_=CLUSTER_PARAMETER_GROUP, rds__force_ssl="0")],
    ],
)
def instance_requires_tls(database: Resource, stack: Stack) -> Verdict:
    """A database turns away clients that do not use TLS.

    Where no group of the program's says so, the engine's own default counts (`rds-tls` in `facts.yaml`). Oracle and Db2
    have no such parameter: an option group and a client's settings decide there.
    """
    name, type_ = _GROUP_OF[database.type]
    groups = stack.named_by(database, name, type_)
    if groups:
        return all_of(*(_forces_tls(str(group.at("family", "")), group) for group in groups))
    # The provider reports a default group where the program names none; before that, its name is unknown.
    named = str(database.at(name)) if database.is_set_by_program(name) else "default."
    if named.startswith("default."):
        return _forces_tls(named.removeprefix("default.") or _family(database))
    if stack.has_unnamed(type_):
        return undecided(f"{name} of {database.name}")
    return violation(
        f"`{database.where(name)}` is {named[:60]!r}, and no group of that name is in the program to show what it says"
    )


def _family(database: Resource) -> str:
    """Engine and version as one word, like a parameter group's family.

    Raises:
        UnknownValue: when the engine is not known, or its version where that decides: RDS chooses what is left out.
    """
    engine = str(database.at("engine", ""))
    if not engine:
        raise UnknownValue("engine")
    if "since" not in fact("rds-tls").get(engine, {}):
        return engine
    release = database.at("engineVersion")
    if not release:
        raise UnknownValue("engineVersion")
    return f"{engine}{release}"


def _forces_tls(family: str, group: Resource | None = None) -> Verdict:
    found = _FAMILY.match(family)
    known = fact("rds-tls").get(found["engine"]) if found else None
    if not found or known is None:
        return not_applicable(f"no parameter of {family or 'this engine'} is known to require TLS")
    values = [
        str(item.at("value")).lower()
        for item in (group.objects("parameters") if group else ())
        if str(item.at("name")).lower() == known["parameter"]
    ]
    by_default = "since" in known and version(found["version"]) >= version(known["since"])
    if all(value in _ON for value in values) if values else by_default:
        return Verdict()
    where = f"the ParameterGroup {group.name}" if group else f"{family}'s default group"
    return violation(f"{where} does not set {known['parameter']} to 1, so that clients may do without TLS")
