"""MLflow tracking servers: who is let in, and from where. `mlflow_stores` has where they keep what they are given.

Experiments name patients' cohorts, and models remember what they were trained on.
"""

from __future__ import annotations

from hipaa.kubernetes.mlflow_command import Server, each_server, env, serving
from hipaa.kubernetes.pods import WORKLOADS, example, may_describe_pods
from hipaa.resource import UNKNOWN, Resource
from hipaa.rule import CRITICAL, MEDIUM, rule
from hipaa.verdict import Verdict, violation

_STORE = "postgresql+psycopg://records.internal:5432/mlflow?sslmode=verify-full"


@rule(
    "mlflow-server-authenticates",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=CRITICAL,
    fix="Start the server with --app-name and an app that authenticates: basic-auth, or one of your own.",
    sound=[
        serving("--app-name", "parapet", "--host", UNKNOWN),
        serving("--app-name=basic-auth"),
        serving(
            command=["sh", "-c"], args=["mlflow db upgrade $URI && exec mlflow server \\\n  --app-name basic-auth"]
        ),
        serving(command=["mlflow"], args=["gc", "--backend-store-uri", _STORE]),
        example(command=["/entrypoint.sh"]),
        example(args=["server", "/data"]),
    ],
    unsound=[
        serving(),
        serving("--app-name"),
        serving("--app-name="),
        serving("--backend-store-uri", UNKNOWN),
        serving(command=["/opt/venv/bin/mlflow"]),
        serving(command=["python", "-m", "mlflow"], args=["ui"]),
        serving(command=["sh", "-c", "mlflow server --host 0.0.0.0"], args=[]),
        example(command=["app"], pod={"initContainers": [{"name": "init", "command": ["mlflow", "server"]}]}),
    ],
)
def mlflow_server_authenticates(workload: Resource) -> Verdict:
    """An MLflow server knows who asks, and what each may see.

    Without an app that authenticates, whoever reaches the port reads and changes all experiments. One that stands
    before it is a risk to accept by name: within the cluster the port can be reached past it.
    """
    return each_server(workload, _authenticates)


def _authenticates(server: Server) -> Verdict:
    if server.option("--app-name"):
        return Verdict()
    return violation("the MLflow server is started without --app-name: it lets anyone in")


@rule(
    "mlflow-server-names-its-hosts",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    advisory="who must log in is asked under any name; the check of hosts is a second barrier, in browsers",
    fix="Set --allowed-hosts to the names that clients use, and --cors-allowed-origins to none or to whole origins.",
    sound=[
        serving("--allowed-hosts", "mlflow.example.org,mlflow.mlflow.svc:5000"),
        serving("--allowed-hosts=*.example.org"),
        serving(env=env(MLFLOW_SERVER_ALLOWED_HOSTS="mlflow.example.org")),
        serving("--allowed-hosts", "mlflow.example.org", "--cors-allowed-origins", "https://app.example.org"),
        example(command=["app"]),
    ],
    unsound=[
        serving(),
        serving("--allowed-hosts", "*"),
        serving("--allowed-hosts", "mlflow.example.org, *"),
        serving("--allowed-hosts", "*:5000"),
        serving("--allowed-hosts", UNKNOWN, "--cors-allowed-origins", "*"),
        serving("--allowed-hosts", "mlflow.example.org", env=env(MLFLOW_SERVER_CORS_ALLOWED_ORIGINS="*")),
        serving("--allowed-hosts", "mlflow.example.org", "--disable-security-middleware"),
        serving("--allowed-hosts", "mlflow.example.org", env=env(MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE="true")),
    ],
)
def mlflow_server_names_its_hosts(workload: Resource) -> Verdict:
    """An MLflow server answers to its own names only, and to no other site's pages.

    A page that a data scientist opens elsewhere could otherwise call the server from the browser, in her name: by a
    host name that is turned to the server's address, or as a foreign origin.
    """
    return each_server(workload, _keeps_its_guard, _allows_hosts, _allows_origins)


def _keeps_its_guard(server: Server) -> Verdict:
    if server.has("--disable-security-middleware") or server.variable("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE"):
        return violation("the MLflow server's security middleware is turned off; it must be left on")
    return Verdict()


def _allows_hosts(server: Server) -> Verdict:
    hosts = server.option("--allowed-hosts", "MLFLOW_SERVER_ALLOWED_HOSTS")
    if hosts is None:
        return violation(
            "--allowed-hosts is not set, which means every private address; it must name the server's hosts"
        )
    if any(host.strip().partition(":")[0] == "*" for host in hosts.split(",")):
        return violation("--allowed-hosts lets in `*`, which is any name; it must name the server's hosts")
    return Verdict()


def _allows_origins(server: Server) -> Verdict:
    origins = server.option("--cors-allowed-origins", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS") or ""
    if "*" in [origin.strip() for origin in origins.split(",")]:
        return violation("--cors-allowed-origins lets in `*`, which is any site; it must name whole origins")
    return Verdict()
