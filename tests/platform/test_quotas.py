"""What a namespace may hold, and what the stack's own settings put there."""

from collections.abc import Mapping
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.quotas import CHECK, CONTAINER_DEFAULT, CONTAINER_DEFAULT_REQUEST, MOST_CHECKS, PROXY, quotas
from mlops.serving import pod
from mlops.serving.model import Model
from settings import Settings
from tests.platform.cluster import manifests
from tests.platform.extremes import EVERYTHING
from tests.platform.mocked import run_program, stack_settings
from tests.platform.variants import MANY

UNITS = {"m": 0.001, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
DEFAULTS = {"requests": CONTAINER_DEFAULT_REQUEST, "limits": CONTAINER_DEFAULT}
RESOURCES = ("cpu", "memory", "ephemeral-storage")


def number(quantity: str) -> float:
    for unit, factor in UNITS.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * factor
    return float(quantity)


def charged(spec: Mapping[str, Any], kind: str, resource: str) -> float:
    """What a quota counts of a pod with a proxy: its containers beside each other, or the largest of those that come
    before them, and the proxy, which stays (Kubernetes, "Sidecar Containers")."""

    def said(container: Mapping[str, Any]) -> float:
        told = container.get("resources", {}).get(kind, {})
        return number(told.get(resource, DEFAULTS[kind][resource]))

    beside = sum(map(said, spec["containers"]))
    return max(beside, *map(said, spec.get("initContainers", [])), 0) + said({"resources": PROXY.resources})


def template(model: Model) -> Mapping[str, Any]:
    args = pod.PodArgs(
        stack=manifests.STACK,
        artifacts="artifacts",
        phi="phi",
        phi_key_arn="arn",
        signing_key="key",
        tokens=None,
    )
    found: Mapping[str, Any] = pod.template(model.model_copy(update={"published": False}), args)["spec"]
    return found


@pytest.mark.parametrize("said", [MANY, EVERYTHING], ids=["many", "the largest stack"])
def test_there_is_room_for_every_model_while_a_new_version_of_each_comes(said: dict[str, Any]) -> None:
    """A release of the platform is a new version of all of them at once."""
    settings = Settings.parse(stack_settings(**said))
    hard = dict(quotas(0, (), settings.predictors))[ns.MODELS.name]
    models = [each for each in settings.models if not each.gpu_group]  # each GPU brings more room than its pod takes
    assert models
    pods = {each: 2 * max(each.replicas, each.most_replicas) for each in models}
    assert sum(pods.values()) <= int(hard["pods"])
    for kind in ("requests", "limits"):
        for resource in RESOURCES:
            asked = sum(times * charged(template(model), kind, resource) for model, times in pods.items())
            assert asked <= number(hard[f"{kind}.{resource}"]), f"{kind}.{resource}"


def test_models_take_nothing_of_what_teams_have_there() -> None:
    """And a stack without models has no room for them."""
    none, some = (dict(quotas(0, (), predictors))[ns.MODELS.name] for predictors in (0, 40))
    for resource, each in (("cpu", 2 + 2), ("memory", (2 + 1) * 2**30)):
        more = number(some[f"limits.{resource}"]) - number(none[f"limits.{resource}"])
        assert more == 40 * each
    assert int(some["pods"]) - int(none["pods"]) == 40


@pytest.mark.parametrize("namespace", [ns.PIPELINES, ns.TRAINING, ns.SERVING, ns.MODELS, ns.MLFLOW, ns.MONITORING])
def test_the_proxies_of_all_pods_that_there_may_be_are_counted(namespace: ns.Namespace) -> None:
    """So that a team has for its own containers what it is given, however many pods it makes of it."""
    hard = dict(quotas(0))[namespace.name]
    checks = CHECK * (MOST_CHECKS if namespace is ns.MONITORING else 0)
    own = number(hard["limits.cpu"]) - int(hard["pods"]) * PROXY.most_cpu - checks.most_cpu
    assert own > 0
    assert own == 2 * (number(hard["requests.cpu"]) - int(hard["pods"]) * PROXY.cpu - checks.cpu)


def test_the_stack_has_the_quota_of_its_own_settings() -> None:
    stack = run_program(**MANY)
    (quota,) = (
        each.inputs["spec"]["hard"]
        for each in stack.of("kubernetes:core/v1:ResourceQuota")
        if each.inputs["metadata"]["namespace"] == ns.MODELS.name
    )
    pods = Settings.parse(stack_settings(**MANY)).predictors
    assert pods == 2 * 6
    assert int(quota["pods"]) == int(dict(quotas(0))[ns.MODELS.name]["pods"]) + pods
