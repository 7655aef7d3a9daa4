"""MLflow tracking servers: how they reach their artifacts and their database."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from hipaa.kubernetes.mlflow_command import REFERENCE, Server, each_server, env, from_secret, judged, serving
from hipaa.kubernetes.pods import WORKLOADS, example, may_describe_pods
from hipaa.resource import UNKNOWN, Resource
from hipaa.rule import HIGH, rule
from hipaa.verdict import Verdict, all_of, not_applicable, violation

_TLS = "sslmode=verify-full&sslrootcert=/opt/rds-ca.pem"
_STORE = f"postgresql+psycopg://records.internal:5432/mlflow?{_TLS}"


@rule(
    "mlflow-server-proxies-artifacts",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    fix="Set --artifacts-destination to the bucket; leave --no-serve-artifacts and --default-artifact-root out.",
    sound=[
        serving("--serve-artifacts", "--artifacts-destination", "s3://artifacts/mlflow"),
        serving("--artifacts-destination=s3://artifacts"),
        serving("--artifacts-destination=s3://artifacts", "--serve-artifacts", env=env(MLFLOW_SERVE_ARTIFACTS="false")),
        serving(env=env(MLFLOW_ARTIFACTS_DESTINATION="s3://artifacts")),
        serving("--artifacts-destination", "s3://$(BUCKET)/mlflow", env=env(BUCKET="artifacts")),
        serving("--artifacts-destination", "s3://artifacts", "--default-artifact-root", "mlflow-artifacts:/team"),
        example(command=["app"]),
    ],
    unsound=[
        serving(),
        serving("--artifacts-destination", "./mlartifacts"),
        serving("--artifacts-destination", "file:///mnt/artifacts"),
        serving("--artifacts-destination", UNKNOWN, "--no-serve-artifacts"),
        serving("--artifacts-destination", "s3://artifacts", "--default-artifact-root", "s3://artifacts"),
        serving("--artifacts-destination", "s3://artifacts", env=env(MLFLOW_SERVE_ARTIFACTS="false")),
    ],
)
def mlflow_server_proxies_artifacts(workload: Resource) -> Verdict:
    """An MLflow server hands out artifacts itself, from a store that only it may read.

    Where clients go to the store by themselves, each needs rights on all of it, and what the server permits means
    nothing. What lies on the server's own disk is gone with the pod.
    """
    return each_server(workload, _serves, _goes_through, _has_destination)


def _serves(server: Server) -> Verdict:
    said = "--serve-artifacts" in server.words
    off = (server.variable("MLFLOW_SERVE_ARTIFACTS") or "true").lower() in ("0", "f", "false", "n", "no", "off")
    if "--no-serve-artifacts" in server.words or (off and not said):
        return violation("the MLflow server serves no artifacts: clients need rights on the store themselves")
    return Verdict()


def _goes_through(server: Server) -> Verdict:
    root = server.option("--default-artifact-root", "MLFLOW_DEFAULT_ARTIFACT_ROOT")
    if root is None or root.startswith(("mlflow-artifacts:", "http:", "https:")):
        return Verdict()
    return violation(
        "--default-artifact-root leads clients past the MLflow server; it must begin with mlflow-artifacts:"
    )


def _has_destination(server: Server) -> Verdict:
    destination = server.option("--artifacts-destination", "MLFLOW_ARTIFACTS_DESTINATION")
    scheme, between, _ = (destination or "").partition("://")
    if between and re.fullmatch(r"(?!file$)[a-z][a-z0-9+.-]*", scheme):
        return Verdict()
    server.raise_if_hidden(destination if destination is None else scheme)
    return violation("--artifacts-destination names no store outside of the pod; it must be one like s3://bucket/path")


# By the URI's engine: the parameter with which the driver verifies the server's certificate, and its values where not
# any will do. PostgreSQL's libpq also reads PGSSLMODE ("Environment Variables", PostgreSQL documentation).
_VERIFYING: dict[str, tuple[str, tuple[str, ...]]] = {
    "postgresql": ("sslmode", ("verify-full", "verify-ca")),
    "mysql": ("ssl_ca", ()),
    "mssql": ("TrustServerCertificate", ("no",)),
}
_STORES = (
    ("--backend-store-uri", "MLFLOW_BACKEND_STORE_URI"),
    ("--registry-store-uri", "MLFLOW_REGISTRY_STORE_URI"),
    ("--read-replica-backend-store-uri", "MLFLOW_READ_REPLICA_BACKEND_STORE_URI"),
)


def _stored(uri: str, **container: Any) -> dict[str, Any]:
    return serving("--backend-store-uri", uri, **container)


@rule(
    "mlflow-server-verifies-its-database",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    fix="Set --backend-store-uri to postgresql://HOST/NAME?sslmode=verify-full&sslrootcert=...; no password in it.",
    sound=[
        _stored(_STORE),
        serving(env=env(MLFLOW_BACKEND_STORE_URI=_STORE)),
        _stored("postgresql://app@records.internal/mlflow", env=env(PGSSLMODE="verify-ca")),
        _stored("postgresql://$(HOST)/mlflow?sslmode=verify-full"),
        _stored("$(STORE)", env=env(STORE=_STORE)),
        _stored(
            f"postgresql://$(U):$(P)@records.internal/mlflow?{_TLS}",
            env=[*from_secret("U"), *from_secret("P")],
        ),
        _stored("mysql+pymysql://app@records.internal/mlflow?ssl_ca=/opt/rds-ca.pem"),
        serving("--artifacts-only"),
        example(command=["app"]),
    ],
    unsound=[
        serving(),
        _stored("sqlite:////mnt/mlflow.db"),
        _stored("/mnt/mlruns"),
        _stored("postgresql://records.internal/mlflow"),
        _stored("postgresql://records.internal/mlflow?sslmode=require"),
        _stored("postgresql://records.internal/mlflow?sslmode=require", env=env(PGSSLMODE="verify-full")),
        _stored(f"postgresql://app:correct-horse@records.internal/mlflow?{_TLS}"),
        _stored("postgresql://app:$(DB_PASSWORD)@records.internal/mlflow?sslmode=require"),
        _stored(f"postgresql://app:$(U)horse@records.internal/mlflow?{_TLS}"),
        _stored(f"postgresql://records.internal/mlflow?user=app&password=correct-horse&{_TLS}"),
        _stored("mysql+pymysql://app@records.internal/mlflow"),
        serving("--backend-store-uri", UNKNOWN, "--registry-store-uri", "sqlite:///registry.db"),
    ],
)
def mlflow_server_verifies_its_database(workload: Resource) -> Verdict:
    """An MLflow server keeps its records in a database whose certificate it verifies, and no password in its URI.

    A connection that is only encrypted goes to whoever answers. Arguments are read by whoever may read pods, and by
    every process on the node.
    """
    return each_server(workload, *(partial(_store, names=names) for names in _STORES))


def _store(server: Server, names: tuple[str, str]) -> Verdict:
    option, variable = names
    if server.has("--artifacts-only"):
        return not_applicable("the MLflow server keeps no records")
    uri = server.option(option, variable)
    if uri is None:
        server.raise_if_hidden(uri)
        missing = violation(f"{option} is not set, which means a file in the pod; it must be a database's URI")
        return missing if option == _STORES[0][0] else Verdict()
    engine = uri.partition(":")[0].partition("+")[0]
    if engine not in _VERIFYING or "://" not in uri:
        server.raise_if_hidden(uri.partition("://")[0])
        # The URI itself is never told: it may hold a password.
        return violation(f"{option} names no database that servers share; it must begin with postgresql://")
    parameters = {name: values[-1] for name, values in parse_qs(uri.partition("?")[2]).items()}
    passwords = re.findall(r"://[^:/@]*:([^@?]*)@", uri) + [
        said for name, said in parameters.items() if name == "password"
    ]
    return all_of(
        Verdict()
        if all(map(REFERENCE.fullmatch, passwords))  # which is kept elsewhere
        else violation(f"{option} holds a password; it must come from a file or an IAM token"),
        judged(partial(_is_verified, option=option, uri=uri, parameters=parameters, engine=engine), server),
    )


def _is_verified(server: Server, option: str, uri: str, parameters: dict[str, str], engine: str) -> Verdict:
    name, allowed = _VERIFYING[engine]
    given = parameters.get(name) or (server.variable("PGSSLMODE") if engine == "postgresql" else None)
    if given in allowed if allowed else given:
        return Verdict()
    server.raise_if_hidden(given or uri.partition("://")[2].rpartition("@")[2].partition("/")[2])
    return violation(f"{option} lets the certificate go unverified; {name} must be {' or '.join(allowed) or 'set'}")
