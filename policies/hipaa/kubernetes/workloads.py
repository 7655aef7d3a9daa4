"""What a pod is made of and brings along: its images, its settings, its identity, its share of the node."""

from __future__ import annotations

import re
from typing import Any

from hipaa.kubernetes.names import namespace_of
from hipaa.kubernetes.pods import WORKLOADS, each_container, each_container_of, each_pod, example, may_describe_pods
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue, secrets_read
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, is_, is_set, undecided, violation

SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"

_DIGEST = f"sha256:{'0123456789abcdef' * 4}"
_PINNED = Requirement(
    "an image with its digest (NAME@sha256:...)",
    lambda image: bool(re.fullmatch(r"[^@\s]+@sha256:[0-9a-f]{64}", str(image))),
)


@rule(
    "workload-pins-images-by-digest",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=HIGH,
    advisory="a tag of a registry that keeps tags immutable names one image as well (164.312(c)(1))",
    fix="Name the image by its digest: registry/name@sha256:... or registry/name:tag@sha256:...",
    sound=[
        example(image=f"registry.example.com/app@{_DIGEST}"),
        example(image=f"registry.example.com:5000/app:1.2@{_DIGEST}"),
    ],
    unsound=[
        example(),
        example(image="registry.example.com/app"),
        example(image="registry.example.com/app:1.2"),
        example(image="registry.example.com/app@sha256:0123"),
        example(image=f"app@{_DIGEST}", pod={"initContainers": [{"name": "init", "image": "busybox"}]}),
        example(image=UNKNOWN, pod={"ephemeralContainers": [{"name": "debugger", "image": "busybox:1"}]}),
        example(image=f"app@{_DIGEST}", pod={"volumes": [{"name": "model", "image": {"reference": "model:1"}}]}),
    ],
)
def workload_pins_images(workload: Resource) -> Verdict:
    """A pod names each image by its digest, so that what was reviewed is what runs.

    A tag can be moved to another image by whoever can push, and each node asks anew.
    """
    return each_pod(workload, _pins_images)


def _pins_images(pod: Properties) -> Verdict:
    return all_of(
        each_container_of(pod, lambda container, _pod: container.require("image", _PINNED)),
        pod.each(
            "volumes", lambda volume: volume.require("image.reference", _PINNED) if "image" in volume else Verdict()
        ),
    )


_SENSITIVE = frozenset(
    {"APIKEY", "CREDENTIAL", "CREDENTIALS", "PASSPHRASE", "PASSWD", "PASSWORDS", "PWD", "SECRET", "SECRETS", "TOKEN"}
)
_KEYS = frozenset(
    {"ACCESS", "ADMIN", "API", "AUTH", "DEPLOY", "ENCRYPTION", "FERNET", "HMAC", "MASTER", "PRIVATE", "SIGNING", "SSH"}
)
# Variables that say where a secret is, or how it must be, and hold none: AWS_WEB_IDENTITY_TOKEN_FILE.
_ABOUT = frozenset(
    {
        "ARN",
        "DIR",
        "ENABLED",
        "FILE",
        "HEADER",
        "LENGTH",
        "LIMIT",
        "NAME",
        "PATH",
        "PREFIX",
        "TTL",
        "TYPE",
        "URI",
        "URL",
    }
)
_SWITCHES = frozenset({"", "0", "1", "false", "no", "true", "yes"})
# $(NAME) stands for another variable, which may come from a Secret.
_REFERENCE = re.compile(r"\$\([A-Za-z0-9_.-]+\)")
_CREDENTIAL = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|://[^/\s:@]*:[^/\s@$]+@"  # a password in a URL
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\."  # a JSON Web Token
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
        example(env=[{"name": UNKNOWN, "value": "x"}, {"name": "DB_PASSWORD", "value": "correct horse"}]),
        example(pod={"initContainers": [{"name": "init", "env": [{"name": "DB_PASSWORD", "value": "correct horse"}]}]}),
    ],
)
def workload_holds_no_literal_secrets(workload: Resource) -> Verdict:
    """A pod's description holds no secret as the plain value of an environment variable.

    Whoever may read pods would read it, in the cluster, in its backups and in the events that describe them.
    """
    return each_container(workload, lambda container, _pod: container.each("env", _holds_no_secret))


def _holds_no_secret(variable: Properties) -> Verdict:
    name = str(variable.at("name", ""))
    # A value that the program keeps secret is one, whatever its name; the message never shows any value.
    with secrets_read() as secrets:
        value = str(variable.at("value", ""))
    if value.lower() in _SWITCHES or _REFERENCE.fullmatch(value):
        return Verdict()
    if secrets or _names_a_secret(name) or _CREDENTIAL.search(value):
        return violation(
            f"the environment variable {name[:80]} holds a secret in plain text; it must come from a Secret"
        )
    return Verdict()


def _names_a_secret(name: str) -> bool:
    words = [word for word in re.split(r"[^A-Z0-9]+", name.upper()) if word]
    # PWD alone is the directory that a shell is in.
    if not words or words[-1] in _ABOUT or words == ["PWD"]:
        return False
    is_key = words[-1] == "KEY" and len(words) > 1 and words[-2] in _KEYS
    return is_key or any(word in _SENSITIVE or word.endswith("PASSWORD") for word in words)


def _pod_of(account: str | None, **pod: Any) -> Resource:
    named: dict[str, Any] = {} if account is None else {"serviceAccountName": account}
    spec = {"containers": [{"name": "app"}]} | named | pod
    return Resource(WORKLOADS[0], {"metadata": {"namespace": "serving"}, "spec": spec})


def _account(automount: bool | None, name: Any = "predictor", namespace: Any = "serving") -> Resource:
    said: dict[str, Any] = {} if automount is None else {"automountServiceAccountToken": automount}
    return Resource(
        SERVICE_ACCOUNT, {"metadata": {"name": name, "namespace": namespace}} | said, name=f"of-{namespace}"
    )


@stack_rule(
    "workload-mounts-no-account-token",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=MEDIUM,
    advisory="a token opens what its account has rights to, and an account of its own has none",
    fix="Set automount_service_account_token=False on the pod, or on its ServiceAccount; Pod Identity reaches AWS.",
    sound=[
        [_pod_of(None, automountServiceAccountToken=False)],
        [_pod_of("predictor"), _account(False)],
        [_pod_of("predictor"), _account(None, namespace="training"), _account(False)],
        [_pod_of(None), _account(False, name="default")],
        [_pod_of(None, serviceAccount="predictor"), _account(False)],
        [_pod_of("predictor", automountServiceAccountToken=False), _account(True)],
    ],
    unsound=[
        [_pod_of(None)],
        [_pod_of("predictor")],
        [_pod_of("predictor"), _account(None)],
        [_pod_of("predictor"), _account(False, namespace="training")],
        [_pod_of("predictor"), _account(False, name="notebook")],
        [_pod_of("predictor", automountServiceAccountToken=True), _account(False)],
        [_pod_of("predictor"), _account(None), _account(False, namespace=UNKNOWN)],
    ],
)
def workload_mounts_no_account_token(workload: Resource, stack: Stack) -> Verdict:
    """A pod that does not need the Kubernetes API has no credentials for it.

    The token of a service account is in a file that anything in the container can read and use from elsewhere.
    """
    return each_pod(workload, lambda pod: _mounts_no_token(pod, workload, stack))


def _mounts_no_token(pod: Properties, workload: Resource, stack: Stack) -> Verdict:
    if pod.at("automountServiceAccountToken") is not None:
        return pod.require("automountServiceAccountToken", is_(False))
    name = pod.at("serviceAccountName") or pod.at("serviceAccount") or "default"
    accounts, unknown = stack.once(_accounts)
    if accounts and (account := accounts.get((str(name), namespace_of(workload)))):
        return _is_not_mounted(account, name)
    if unknown:
        return undecided(unknown)
    return violation(
        f"`automount_service_account_token` is not set (which means true), and no ServiceAccount {name} of this "
        "namespace is in the program to say otherwise; it must be false"
    )


def _accounts(stack: Stack) -> tuple[dict[tuple[str, str], Resource], str]:
    """The program's service accounts by name and namespace, and the path of what is unknown of another one."""
    accounts: dict[tuple[str, str], Resource] = {}
    unknown = ""
    for account in stack.of(SERVICE_ACCOUNT):
        try:
            accounts.setdefault((str(account.at("metadata.name")), namespace_of(account)), account)
        except UnknownValue as error:
            unknown = error.path
    return accounts, unknown


def _is_not_mounted(account: Resource, name: str) -> Verdict:
    if account.at("automountServiceAccountToken") is False:
        return Verdict()
    return violation(f"neither the pod nor its ServiceAccount {name} sets automount_service_account_token to false")


def _limited(memory: str | None, cpu: str | None) -> dict[str, Any]:
    limits: dict[str, Any] = {} if memory is None else {"limits": {"memory": memory}}
    requests: dict[str, Any] = {} if cpu is None else {"requests": {"cpu": cpu}}
    return {"resources": limits | requests}


@rule(
    "workload-bounds-its-resources",
    on=WORKLOADS,
    besides=may_describe_pods,
    severity=LOW,
    advisory="164.308(a)(7) asks for a plan to go on in an emergency; quotas of a namespace bound pods as well",
    fix="Set resources with limits.memory and requests.cpu, on each container or on the pod.",
    sound=[
        example(**_limited("1Gi", "500m")),
        example(resources={"limits": {"memory": "1Gi", "cpu": "1"}}),
        example(pod=_limited("4Gi", "2")),
        example(**_limited("1Gi", "500m"), pod={"ephemeralContainers": [{"name": "debugger"}]}),
    ],
    unsound=[
        example(),
        example(**_limited("1Gi", None)),
        example(**_limited(None, "500m")),
        example(**_limited("1Gi", "500m"), pod={"initContainers": [{"name": "init"}]}),
    ],
)
def workload_bounds_its_resources(workload: Resource) -> Verdict:
    """A container takes no more memory than it said, and a share of the CPU that it named.

    One that takes all of a node's memory has others killed in its place. CPU is only slowed down, by shares of what was
    asked for, so it needs no limit.
    """
    return each_container(workload, _is_bounded, ephemeral=False)


def _is_bounded(container: Properties, pod: Properties) -> Verdict:
    def is_set_somewhere(*paths: str) -> bool:
        return any(source.at(path) for source in (container, pod) for path in paths)

    memory, cpu = "resources.limits.memory", "resources.requests.cpu"
    return all_of(
        Verdict() if is_set_somewhere(memory) else container.require(memory, is_set()),
        # Where there is a limit and no request, the limit is the request.
        Verdict() if is_set_somewhere(cpu, "resources.limits.cpu") else container.require(cpu, is_set()),
    )
