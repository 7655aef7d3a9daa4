"""Secrets that stand in plain sight in a cluster: in what pods are told, in ConfigMaps, and in the program itself.

What a secret is, `hipaa.secrets` says.
"""

from __future__ import annotations

import re
from typing import Any

from hipaa import secrets
from hipaa.kubernetes.objects import each_object, of_kind
from hipaa.kubernetes.pods import WORKLOADS, each_container, example, may_describe_pods
from hipaa.resource import UNKNOWN, Properties, Resource, Secret, UnknownValue, secrets_read
from hipaa.rule import HIGH, rule
from hipaa.verdict import Verdict, all_of, undecided, violation

_ELSEWHERE = "it must come from a Secret"
_COMMANDS = (
    *("command", "args", "lifecycle.postStart.exec.command", "lifecycle.preStop.exec.command"),
    *(f"{probe}Probe.exec.command" for probe in ("liveness", "readiness", "startup")),
)


def _variable(name: str, value: Any) -> dict[str, Any]:
    return example(env=[{"name": name, "value": value}])


@rule(
    "workload-holds-no-literal-secrets",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    fix="Mount the secret from Secrets Manager with the Secrets Store CSI driver, or use value_from.secret_key_ref.",
    sound=[
        example(),
        _variable("LOG_LEVEL", "info"),
        _variable("TOKENIZERS_PARALLELISM", "4"),
        _variable("PWD", "/app"),
        _variable("_", "/app/run"),
        _variable("KEY", "models/latest"),
        _variable("OBJECT_KEY", "models/latest"),
        _variable("API_VERSION", "v1"),
        _variable("DB_PASSWORD_FILE", "/mnt/secrets/db"),
        _variable("REQUIRE_PASSWORD", "true"),
        _variable("DB_PASSWORD", "$(FROM_SECRET)"),
        _variable("DB_URL", "postgresql://app:$(DB_PASSWORD)@db.internal/app"),
        example(env=[{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]),
        _variable("OIDC_TOKEN_ENDPOINT", "https://login.example.com/token"),
        _variable("PAD_TOKEN", "<pad>"),
        _variable("AIRFLOW__SECRETS__BACKEND", "airflow.providers.amazon.aws.secrets.SecretsManagerBackend"),
        example(command=["app"], args=["--password-file", "/mnt/secrets/db", "--max-tokens", "512"]),
        example(command=["sh", "-c", "DB_PASSWORD=$(cat /mnt/secrets/db) exec app"]),
        example(livenessProbe={"exec": {"command": ["pg_isready", "-U", "app"]}}),
    ],
    unsound=[
        _variable("DB_PASSWORD", "correct horse"),
        _variable("PGPASSWORD", "correct horse"),
        _variable("aws.secret-access-key", "wJalrXUtnFEMI"),
        _variable("GITHUB_TOKEN", "ghp_example"),
        _variable("OPENAI_API_KEY", "sk-example"),
        _variable("SETTING", "AKIAIOSFODNN7EXAMPLE"),
        _variable("DB_URL", "postgresql://app:correct-horse@db.internal/app"),
        _variable("CONFIG", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        _variable("HEADERS", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
        _variable("SMTP_PASS", "correct-horse"),
        _variable("URL", "jdbc:postgresql://db.internal/app?user=app&password=horse"),
        example(args=["--db-password", "correct-horse"]),
        example(args=[UNKNOWN, "--token=made-up-1234"]),
        example(command=["sh", "-c", "export DB_PASSWORD=correct-horse && exec app"]),
        example(livenessProbe={"exec": {"command": ["mysqladmin", "ping", "-uroot", "-pcorrect-horse"]}}),
        example(env=[{"name": UNKNOWN, "value": "x"}, {"name": "DB_PASSWORD", "value": "correct horse"}]),
        example(pod={"initContainers": [{"name": "init", "env": [{"name": "DB_PASSWORD", "value": "correct horse"}]}]}),
    ],
)
def workload_holds_no_literal_secrets(workload: Resource) -> Verdict:
    """A pod's description holds no secret as the plain value of an environment variable, or in a command.

    Whoever may read pods would read it, in the cluster, in its backups and in the events that describe them.
    """
    return each_container(workload, _holds_no_secret)


def _holds_no_secret(container: Properties, _pod: Properties) -> Verdict:
    def plain(variable: Properties) -> Verdict:
        name = str(variable.at("name", ""))
        return secrets.of_setting("the environment variable", name, variable, "value", _ELSEWHERE)

    said = [path for path in _COMMANDS if path.partition(".")[0] in container]
    return all_of(container.each("env", plain), *(_says_no_secret(container, path) for path in said))


def _says_no_secret(container: Properties, path: str) -> Verdict:
    """Of a command, word by word: a word that is not known hides no other."""
    words: list[str] = []
    unknown = ""
    try:
        items = container.listed(path)
    except UnknownValue as error:
        return undecided(error.path)
    for number in range(len(items)):
        try:
            with secrets_read():
                words.append(str(items[number]))
        except UnknownValue as error:
            words.append("$(UNKNOWN)")
            unknown = unknown or error.path
    said = " ".join(word if re.fullmatch(r"\S+", word) or "\n" in word else f"'{word}'" for word in words)
    if secrets.holds_one(said) or any(map(secrets.holds_one, words)):
        return violation(f"`{container.where(path)}` holds a secret in plain text; {_ELSEWHERE}")
    return undecided(unknown) if unknown else Verdict()


_CONFIG_MAP = of_kind("ConfigMap", "core/v1")


@rule(
    "config-map-holds-no-secrets",
    on=_CONFIG_MAP,
    severity=HIGH,
    fix="Keep the value in Secrets Manager, mount it with the Secrets Store CSI driver, and let the file refer to it.",
    sound=[
        {},
        {"data": {"LOG_LEVEL": "info", "TOKEN_URL": "https://login.example.com/token"}},
        {"data": {"application.yaml": "spring:\n  datasource:\n    password: ${DB_PASSWORD}\n"}},
        {"data": {"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB"}, "binaryData": {"logo.png": "iVBORw0KGgo="}},
    ],
    unsound=[
        {"data": {"DB_PASSWORD": "correct horse"}},
        {"data": {"application.properties": "spring.datasource.password=correct-horse\n"}},
        {"data": {"basic_auth.ini": "[mlflow]\nadmin_password = password1234\n"}},
        {"data": {"config.json": '{"database": {"password": "correct horse"}}'}},
        {"data": {"OTHER": UNKNOWN, "url": "amqp://app:horse@mq.internal"}},
        {"data": {"tls.key": "-----BEGIN PRIVATE KEY-----\nMIIE"}},
        {"binaryData": {"settings": "cGFzc3dvcmQ9Y29ycmVjdC1ob3JzZQ=="}},
        {"data": {"greeting": Secret("hunter2")}},
        Resource(_CONFIG_MAP[2], {"items": [{"data": {"API_KEY": "made-up-1234"}}]}),
    ],
)
def config_map_holds_no_secrets(map_: Resource) -> Verdict:
    """A ConfigMap holds no secret.

    It is encrypted by no key of its own, and read by roles that may not read Secrets.
    """

    def judged(one: Properties) -> Verdict:
        binary = one.objects("binaryData")
        return all_of(
            *secrets.of_settings(one, "data", _ELSEWHERE, "the entry"),
            *(secrets.of_text(each, name, _ELSEWHERE, encoded=True) for each in binary for name in each),
        )

    return each_object(map_, judged)


_SECRET = of_kind("Secret", "core/v1")
_PUBLIC = re.compile(r"(?i)(^|[._-])(ca|crt|cert|certificate|pub|user(name)?|host(name)?|port|endpoint|dbname|region)$")


@rule(
    "secret-values-stay-out-of-the-program",
    on=_SECRET,
    severity=HIGH,
    fix="Deliver the value from Secrets Manager with the CSI driver, or keep it as a secret of the program.",
    sound=[
        {},
        {"stringData": {"password": Secret("correct horse")}},
        {"data": Secret({"password": "Y29ycmVjdCBob3JzZQ=="})},
        {"stringData": {"username": "app", "ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB"}},
        {"stringData": {"password": Secret(UNKNOWN)}},
        {"type": "kubernetes.io/service-account-token", "metadata": {"annotations": {}}},
        {"stringData": {"password": ""}},
    ],
    unsound=[
        {"stringData": {"password": "correct horse"}},
        {"data": {"password": "Y29ycmVjdCBob3JzZQ=="}},
        {"stringData": {"username": "app", "token": "made-up-1234"}},
        {"stringData": {"first": UNKNOWN, "second": "made-up"}},
        {"type": "kubernetes.io/tls", "data": {"tls.crt": "LS0t", "tls.key": "LS0t"}},
        Resource(_SECRET[1], {"stringData": {"password": "correct horse"}}),
        Resource(_SECRET[2], {"items": [{"stringData": {"password": "correct horse"}}]}),
    ],
)
def secret_values_stay_out_of_the_program(secret: Resource) -> Verdict:
    """The values of a Kubernetes Secret are no literals of the program.

    What the program does not keep as a secret stands in its source, in its state and in its previews, for whoever may
    read these; the cluster's own encryption comes too late.
    """
    return each_object(secret, lambda one: all_of(*(_is_kept(one, part) for part in ("stringData", "data"))))


def _is_kept(secret: Properties, part: str) -> Verdict:
    with secrets_read() as kept:
        try:
            values = secret.get(part)
        except UnknownValue as unknown:
            return Verdict() if kept else undecided(unknown.path)
    if not isinstance(values, Properties):
        return Verdict()
    return all_of(*(_is_secret(values, str(name)) for name in values))


def _is_secret(values: Properties, name: str) -> Verdict:
    with secrets_read() as kept:
        try:
            value = values[name]
        except UnknownValue as unknown:
            return Verdict() if kept else undecided(unknown.path)
    if kept or value in (None, "") or _PUBLIC.search(name):
        return Verdict()
    return violation(
        f"`{values.where(name)}` is a literal of the program; it must be a secret of it, or come from elsewhere"
    )


_RELEASE = "kubernetes:helm.sh/v3:Release"


@rule(
    "helm-values-hold-no-secrets",
    on=_RELEASE,
    severity=HIGH,
    fix="Name an existing Secret in the values, or give the value as a secret of Pulumi's configuration.",
    sound=[
        {"chart": "postgresql", "values": {"auth": {"existingSecret": "db", "username": "app"}}},
        {"chart": "postgresql", "values": {"auth": {"postgresPassword": Secret("correct horse")}}},
        {"chart": "app", "values": {"tokenUrl": "https://login.example.org/token", "replicas": 2}},
        {"chart": "postgresql", "values": {"tls": {"enabled": True, "certificatesSecret": "pg-tls"}}},
        {"chart": "app", "values": {"imagePullSecrets": ["regcred"], "admin": {"passwordSecret": "grafana-admin"}}},
    ],
    unsound=[
        {"chart": "postgresql", "values": {"auth": {"postgresPassword": "correct horse"}}},
        {"chart": "app", "values": {"env": [{"name": "DB_PASSWORD", "value": "correct horse"}]}},
        {"chart": "app", "values": {"config": "url: postgres://app:horse@db/phi"}},
        {"chart": "app", "values": {"oidc": {"clientSecret": "horse"}, "passwordSecret": "Hq7vLz2Kx9Tw"}},
        {"chart": "app", "repositoryOpts": {"repo": "https://charts.example.org", "password": "correct horse"}},
    ],
)
def helm_values_hold_no_secrets(release: Resource) -> Verdict:
    """The values of a Helm release hold no secret.

    Helm keeps them beside the release, and whoever may read it reads them.
    """
    found = [way for way, called, text in release.texts_within() if secrets.is_secret(called, text)]
    where = "it must come from a Secret, or be a secret of Pulumi's"
    return all_of(*(violation(f"`{release.way(way)}` holds a secret in plain text; {where}") for way in found[:10]))
