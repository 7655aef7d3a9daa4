"""MLflow servers are found and read however a container starts them."""

from typing import Any

import pytest

import hipaa
from hipaa.kubernetes.mlflow_command import Server, from_secret, server_of, serving
from hipaa.kubernetes.pods import example
from hipaa.resource import UNKNOWN, Properties, Resource, Secret, UnknownValue
from hipaa.verdict import Outcome, Verdict

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
STORE = "postgresql+psycopg://records.internal:5432/mlflow?sslmode=verify-full&sslrootcert=/opt/parapet/rds-ca.pem"
OWN = [
    *("server", "--app-name", "parapet", "--host", "0.0.0.0", "--port", "5000"),
    *("--backend-store-uri", STORE, "--serve-artifacts", "--artifacts-destination", "s3://artifacts/mlflow"),
    *("--allowed-hosts", "mlflow.example.org"),
]
RULES = [rule for rule in hipaa.rules() if rule.name.startswith("mlflow-")]

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def container(*command: Any, **more: Any) -> Properties:
    return Properties({"command": list(command)} | more)


def server(*words: Any, **more: Any) -> Server:
    found = server_of(container("mlflow", "server", *words, **more))
    assert found is not None
    return found


def judge(rule: hipaa.Rule, properties: dict[str, Any]) -> Verdict:
    return rule.judge(Resource("kubernetes:core/v1:Pod", properties))


@pytest.mark.parametrize(
    "command",
    [
        ["mlflow", "server"],
        ["mlflow", "ui"],
        ["/usr/bin/mlflow", "--env-file", ".env", "server"],
        ["parapet-mlflow", "server"],
        ["python3", "-m", "mlflow", "server"],
        ["tini", "--", "mlflow", "server"],
        ["sh", "-c", "mlflow server"],
        ["/bin/bash", "-ec", "set -u; exec mlflow \\\n  server --host 0.0.0.0;"],
        ["sh", "-c", "mlflow db upgrade 'a b' && (mlflow server)"],
        ["sh", "-c", "mlflow server --host 'unfinished"],
    ],
)
def test_server_is_found(command: list[str]) -> None:
    assert server_of(container(*command)) is not None


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["/entrypoint.sh"],
        ["server", "mlflow"],
        ["mlflow", "gc"],
        ["mlflow", "models", "serve"],
        ["mlflow-exporter", "server"],
        ["sh", "-c", "mlflow db upgrade"],
        ["app", "--upstream", UNKNOWN],
    ],
)
def test_what_is_no_server_is_left_alone(command: list[Any]) -> None:
    assert server_of(container(*command)) is None


@pytest.mark.parametrize("command", [[UNKNOWN], ["sh", "-c", UNKNOWN], ["mlflow", UNKNOWN], ["app", "--dev", UNKNOWN]])
def test_what_may_be_a_server_is_unknown(command: list[Any]) -> None:
    with pytest.raises(UnknownValue):
        server_of(container(*command))


def test_option_is_read_as_the_command_line_says_it() -> None:
    assert server("--app-name", "first", "--app-name=second").option("--app-name") == "second"
    script = server_of(container("sh", "-c", "mlflow server --app-name \\\n own"))
    assert script is not None
    assert script.option("--app-name") == "own"
    assert server("--app-names=other").option("--app-name") is None
    assert server_of(container("mlflow", args=["server", "--app-name", "own"])) is not None
    assert server("--port", UNKNOWN, "--app-name", "own").option("--app-name") == "own"


def test_option_outweighs_its_variable() -> None:
    environment = [{"name": "MLFLOW_HOST", "value": "variable"}]
    assert server("--host", "option", env=environment).option("--host", "MLFLOW_HOST") == "option"
    assert server(env=environment).option("--host", "MLFLOW_HOST") == "variable"
    assert server(env=[{"name": "MLFLOW_HOST", "value": ""}]).option("--host", "MLFLOW_HOST") is None


@pytest.mark.parametrize("reference", ["$(NAME)", "${NAME}", "$NAME"])
def test_plain_variables_are_put_in(reference: str) -> None:
    environment = [{"name": "NAME", "value": "own"}, {"name": "OTHER", "valueFrom": {"secretKeyRef": {}}}]
    assert server("--app-name", f"{reference}-app", env=environment).option("--app-name") == "own-app"
    assert server("--app-name", reference).option("--app-name") == reference


def test_unknown_value_of_an_option_is_unknown() -> None:
    with pytest.raises(UnknownValue, match=r"command\.3"):
        server("--app-name", UNKNOWN).option("--app-name")
    with pytest.raises(UnknownValue, match=r"command\.2"):
        server(UNKNOWN).option("--app-name")
    with pytest.raises(UnknownValue):
        server(UNKNOWN).has("--dev")
    with pytest.raises(UnknownValue):
        server(env=[{"name": "MLFLOW_HOST", "value": UNKNOWN}]).option("--host", "MLFLOW_HOST")


def test_value_from_elsewhere_is_unknown() -> None:
    with pytest.raises(UnknownValue, match=r"env\.0\.valueFrom"):
        server(env=[{"name": "MLFLOW_HOST", "valueFrom": {}}]).option("--host", "MLFLOW_HOST")


@each_rule
def test_own_deployment_passes(rule: hipaa.Rule) -> None:
    pod = {"initContainers": [], "containers": [{"name": "mlflow", "command": ["parapet-mlflow"], "args": OWN}]}
    assert rule.judge(Resource(DEPLOYMENT, {"spec": {"template": {"spec": pod}}})).outcome is Outcome.PASSED


@each_rule
@pytest.mark.parametrize("args", [UNKNOWN, [UNKNOWN], ["server", UNKNOWN]])
def test_unknown_arguments_are_not_yet_decided(rule: hipaa.Rule, args: Any) -> None:
    assert judge(rule, example(command=["parapet-mlflow"], args=args)).outcome is Outcome.UNDECIDED


@each_rule
def test_own_deployment_before_its_database_is_there(rule: hipaa.Rule) -> None:
    of_outputs = (STORE, "s3://artifacts/mlflow")
    args = [UNKNOWN if word in of_outputs else word for word in OWN]
    outcome = judge(rule, example(command=["parapet-mlflow"], args=args)).outcome
    reads_outputs = rule.name in ("mlflow-server-verifies-its-database", "mlflow-server-proxies-artifacts")
    assert outcome is (Outcome.UNDECIDED if reads_outputs else Outcome.PASSED)


@each_rule
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_pod_without_a_server_is_not_applicable(rule: hipaa.Rule, kind: str) -> None:
    verdict = judge(rule, {"spec": {kind: [{"name": "app", "command": ["app"]}]}})
    assert verdict.outcome is Outcome.NOT_APPLICABLE


@each_rule
def test_secret_argument_is_never_told(rule: hipaa.Rule) -> None:
    verdict = judge(rule, example(command=["mlflow", "server"], args=["--backend-store-uri", Secret("hunter2")]))
    assert verdict.outcome is Outcome.FAILED
    assert "hunter2" not in str(verdict)


@pytest.mark.parametrize(
    ("name", "pod"),
    [
        ("mlflow-server-verifies-its-database", serving(env=from_secret("MLFLOW_BACKEND_STORE_URI"))),
        ("mlflow-server-verifies-its-database", serving("--backend-store-uri", "$(STORE)", env=from_secret("STORE"))),
        (
            "mlflow-server-verifies-its-database",
            serving("--backend-store-uri", "postgresql://db/mlflow?sslmode=$(M)", env=from_secret("M")),
        ),
        (
            "mlflow-server-verifies-its-database",
            serving("--backend-store-uri", "postgresql://db/mlflow$(MORE)", env=from_secret("MORE")),
        ),
        (
            "mlflow-server-verifies-its-database",
            serving("--backend-store-uri", "postgresql://db/mlflow", env=from_secret("PGSSLMODE")),
        ),
        ("mlflow-server-proxies-artifacts", serving(env=from_secret("MLFLOW_ARTIFACTS_DESTINATION"))),
        ("mlflow-server-proxies-artifacts", serving("--artifacts-destination", "$(D)", env=from_secret("D"))),
    ],
)
def test_what_a_secret_says_is_not_decided(name: str, pod: dict[str, Any]) -> None:
    (rule,) = (rule for rule in RULES if rule.name == name)
    assert judge(rule, pod).outcome is Outcome.UNDECIDED


def test_password_in_a_database_uri_is_never_told() -> None:
    uri = f"{STORE}".replace("records", "app:hunter2@records")
    args = ["server", "--backend-store-uri", uri]
    (rule,) = (rule for rule in RULES if rule.name == "mlflow-server-verifies-its-database")
    verdict = judge(rule, example(command=["mlflow"], args=args))
    assert verdict.violations == ("--backend-store-uri holds a password; it must come from a file or an IAM token",)
