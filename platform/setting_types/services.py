"""What a setting on MLflow, its database and its secrets may be."""

import json
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from cluster.gpu_group import GpuGroup
from cluster.images import IMAGES, SERVING_GPU
from mlops.identity_provider import apart
from mlops.mlflow_server.account import Account
from mlops.mlflow_server.retention import Kept
from mlops.mlflow_server.sign_on import SignOn
from mlops.serving.model import Model
from mlops.serving.pod import HASH_KEY
from mlops.serving.tokens import Tokens
from mlops.workload_secret import MAX_A_NAMESPACE, PLACES, WorkloadSecret
from setting_errors import refusal
from setting_types.common import each_another, kept_here, of_the_account, parsed

MAX_WORKLOAD_SECRETS: Final = 200
MAX_MODELS: Final = 30
"""Each brings a role, a secret, two routes and two Services. How many pods they may have is no reason: their
namespace's quota follows from their replicas (`cluster/guardrails/quotas.py`)."""
PROMOTED: Final = {
    "local": ("dev", "staging", "prod"),
    "dev": ("dev", "staging", "prod"),
    "staging": ("staging", "prod"),
}
"""For which environments a model was promoted that serves in a stack, by the stack's own. Any other is production,
whatever it is called, and has what was approved for that alone."""
DAY_SECONDS: Final = 86_400
MAX_MLFLOW_USERS: Final = 50
"""The policy of the server's role names each account's secret, and IAM has room for these."""
MAX_READERS: Final = 150
"""The policy of the secrets' key names each reader, and has 32,768 characters (AWS KMS quotas, Key policy document
size): room for these, with ARNs of 190."""
MAX_NAMED: Final = 29_500
"""Characters of all whom that policy names, administrators too, with what stands between two of them. What is left is
for its other statements and for privacy officers."""


def _one_meaning(providers: tuple[SignOn, ...], info: ValidationInfo) -> tuple[SignOn, ...]:
    for index, provider in enumerate(providers):
        apart(f"[{index}].cidrs", provider.cidrs)
        groups = [each.group for each in provider.roles]
        for place, group in enumerate(groups):
            if group in groups[:place]:
                where = f"[{index}].roles[{place}].group"
                raise refusal(
                    where, group, f"another group than that of roles[{groups.index(group)}]: each gives one role"
                )
        kept_here(f"[{index}].clientSecretArn", provider.client_secret_arn, info)
    return providers


def _readable(users: tuple[Account, ...], info: ValidationInfo) -> tuple[Account, ...]:
    for index, user in enumerate(users):
        of_the_account(f"[{index}].readers", user.readers, info)
    readers = {reader for user in users for reader in user.readers}
    if len(readers) > MAX_READERS:
        raise refusal("", f"{len(readers)} readers", f"such that all accounts together have at most {MAX_READERS}")
    named = readers.union(*(info.data.get(name, ()) for name in ("key_administrators", "cluster_administrators")))
    if (length := sum(len(f'"{arn}",') for arn in named)) > MAX_NAMED:
        allowed = f"such that the ARNs of all readers and administrators together have at most {MAX_NAMED}"
        raise refusal("", f"{length} characters", allowed)
    return users


def _delivered(secrets: tuple[WorkloadSecret, ...], info: ValidationInfo) -> tuple[WorkloadSecret, ...]:
    places = [*(each.name for each in PLACES), *(each.name for each in info.data.get("workspaces", ()))]
    for index, secret in enumerate(secrets):
        before = secrets[:index]
        if "workspaces" in info.data and secret.namespace not in places:
            allowed = f"one of {', '.join(places)}: where people start workloads"
            raise refusal(f"[{index}].namespace", secret.namespace, allowed)
        if secret.file == HASH_KEY:
            raise refusal(f"[{index}].file", secret.file, f"another file than {HASH_KEY}, which models have")
        for other, each in enumerate(before):
            if (each.namespace, each.file) == (secret.namespace, secret.file):
                raise refusal(f"[{index}].file", secret.file, f"another file than that of [{other}]")
        if sum(each.namespace == secret.namespace for each in before) >= MAX_A_NAMESPACE:
            allowed = f"another namespace: {secret.namespace} has {MAX_A_NAMESPACE} secrets, as many as one may have"
            raise refusal(f"[{index}].namespace", secret.namespace, allowed)
        kept_here(f"[{index}].secretArn", secret.secret_arn, info)
    return secrets


def _reached(providers: tuple[Tokens, ...], info: ValidationInfo) -> tuple[Tokens, ...]:
    for index, provider in enumerate(providers):
        apart(f"[{index}].cidrs", provider.cidrs)
        if provider.asked and not provider.cidrs:
            raise refusal(f"[{index}].cidrs", [], "the IPv4 ranges where the address of its keys is reached")
        if not provider.asked and (provider.cidrs or provider.resolvers or provider.authorities):
            allowed = "without cidrs, resolvers and authorities: nobody is asked for keys that are given"
            raise refusal(f"[{index}]", "of keys that are given and ways to ask for them", allowed)
        for people in info.data.get("mlflow_sign_on", ()) if provider.asked else ():
            if set(provider.resolvers) != set(people.resolvers):
                found, allowed = list(map(str, provider.resolvers)), list(map(str, people.resolvers))
                why = "those of mlflowSignOn: the VPC asks the same ones for both providers' names"
                raise refusal(f"[{index}].resolvers", found, f"{json.dumps(allowed)}, {why}")
    return providers


def _whole_day(seconds: int, info: ValidationInfo) -> int:
    """Less than a day leaves out what was asked in the rest of it: of real patients nobody may."""
    if seconds < DAY_SECONDS and not info.data.get("local_aws", True):
        raise refusal("", seconds, f"{DAY_SECONDS}, a day: a shorter window is for trying it, on a local stack")
    return seconds


def _known(models: tuple[Model, ...], info: ValidationInfo) -> tuple[Model, ...]:
    """Callers of a published model bring tokens: where no provider's are taken, there is none. A local stack has a
    provider of its own (`provider.py`). Which models share a token is said, and never so by the way."""
    named = info.data.get("model_tokens", True)
    published = [(index, model) for index, model in enumerate(models) if model.published]
    for index, model in published if named and len(published) > 1 else ():
        if not model.audiences:
            allowed = "its own: more models are published, and a token that one of them is shown would open others"
            raise refusal(f"[{index}].audiences", [], allowed)
    if named or info.data.get("local_aws", True):
        return models
    for index, model in enumerate(models):
        if model.published:
            allowed = "false, or parapet:modelTokens must name whose tokens its callers bring"
            raise refusal(f"[{index}].published", True, allowed)
    return models


def _fitting(models: tuple[Model, ...], info: ValidationInfo) -> tuple[Model, ...]:
    stack = info.data.get("environment", "")
    promoted = PROMOTED.get(stack, ("prod",))
    for index, model in enumerate(models):
        if stack and model.environment not in promoted:
            allowed = f"{' or '.join(promoted)}: in the stack {stack} nothing else serves"
            raise refusal(f"[{index}].environment", model.environment, allowed)
        if model.most_replicas < model.replicas:
            raise refusal(
                f"[{index}].mostReplicas", model.most_replicas, f"at least the {model.replicas} of its replicas"
            )
    return models


def _computed(models: tuple[Model, ...], info: ValidationInfo) -> tuple[Model, ...]:
    """A version that comes has its replicas beside those of the one that serves: where GPUs are short, it would never
    have them, and be let go."""
    if "gpu_groups" not in info.data:
        return models
    groups = {group.name: group for group in info.data["gpu_groups"]}
    asked = dict.fromkeys(groups, 0)
    for index, model in enumerate(models):
        if not model.gpu_group:
            continue
        if not (group := groups.get(model.gpu_group)):
            names = [*groups]
            known = f"empty, or {', '.join(names[:-1])}{' or ' if names[1:] else ''}{names[-1]}" if names else ""
            raise refusal(f"[{index}].gpuGroup", model.gpu_group, known or "empty: the stack has no gpuGroups")
        _fit_for_models(f"[{index}].gpuGroup", group)
        asked[group.name] += model.most_gpus
        if asked[group.name] > (there := group.max * group.schedulable_gpus):
            allowed = (
                f"such that models need no more GPUs of {group.name} than the {there} that it grows to, two for each "
                f"replica while a version comes; they need {asked[group.name]}"
            )
            raise refusal(f"[{index}].mostReplicas", model.most_replicas, allowed)
    return models


def _fit_for_models(where: str, group: GpuGroup) -> None:
    if group.time_slices:
        allowed = "a group that is not time-sliced: memory is not kept apart there, and models are told of patients"
        raise refusal(where, group.name, allowed)
    image, gpu = IMAGES[SERVING_GPU.partition(":")[0]], group.instances[0]
    built_for = [each.removeprefix("linux/") for each in image.platforms]
    if (arch := gpu.arch) not in built_for:
        allowed = f"a group of {', '.join(built_for)}, not of {arch}: the image serving-gpu is built for nothing else"
        raise refusal(where, group.name, allowed)
    if not image.computes_on(gpu.capability):
        known = ", ".join(map(str, image.capabilities))
        allowed = (
            f"a group of GPUs that the image serving-gpu has code for, of compute capability {known}; the {gpu.model} "
            f"has {gpu.capability}"
        )
        raise refusal(where, group.name, allowed)


OneModel = Annotated[Model, Field(description="an object with name, version and digest, at least")]
Models = Annotated[
    tuple[OneModel, ...],
    BeforeValidator(parsed),
    AfterValidator(each_another("name")),
    AfterValidator(_fitting),
    AfterValidator(_computed),
    AfterValidator(_known),
    Field(max_length=MAX_MODELS, description=f"a list of at most {MAX_MODELS} models, each an object"),
]
ModelCheckSeconds = Annotated[
    int,
    AfterValidator(_whole_day),
    Field(ge=10, le=DAY_SECONDS, description=f"a whole number of seconds from 10 to {DAY_SECONDS}"),
]
DatabaseInstanceClass = Annotated[
    str,
    Field(
        pattern=r"^db\.[a-z][a-z0-9-]*\.[a-z0-9-]+$",
        description="the name of an RDS instance class, such as db.t4g.medium",
    ),
]
OneAccount = Annotated[Account, Field(description="an object with name, at least")]
MlflowUsers = Annotated[
    tuple[OneAccount, ...],
    BeforeValidator(parsed),
    AfterValidator(each_another("name")),
    AfterValidator(_readable),
    Field(max_length=MAX_MLFLOW_USERS, description=f"a list of at most {MAX_MLFLOW_USERS} accounts, each an object"),
]
OneProvider = Annotated[
    SignOn, Field(description="an object with issuer, clientId, clientSecretArn and cidrs, at least")
]
MlflowSignOn = Annotated[
    tuple[OneProvider, ...],
    BeforeValidator(parsed),
    AfterValidator(_one_meaning),
    Field(max_length=1, description="a list of one identity provider, an object, or of none"),
]
OneTokens = Annotated[Tokens, Field(description="an object with issuer, audiences and keys, at least")]
ModelTokens = Annotated[
    tuple[OneTokens, ...],
    BeforeValidator(parsed),
    AfterValidator(_reached),
    Field(max_length=1, description="a list of one identity provider, an object, or of none"),
]
OneKept = Annotated[Kept, Field(description="an object with kind and days")]
MlflowDeletedDays = Annotated[
    tuple[OneKept, ...],
    BeforeValidator(parsed),
    AfterValidator(each_another("kind")),
    Field(description="a list of objects, one for each kind at most"),
]
OneWorkloadSecret = Annotated[WorkloadSecret, Field(description="an object with namespace, file and secretArn")]
WorkloadSecrets = Annotated[
    tuple[OneWorkloadSecret, ...],
    BeforeValidator(parsed),
    AfterValidator(_delivered),
    Field(
        max_length=MAX_WORKLOAD_SECRETS, description=f"a list of at most {MAX_WORKLOAD_SECRETS} secrets, each an object"
    ),
]
