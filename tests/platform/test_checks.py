"""The daily checks of a stack's models: which are checked, when, by what rights, and with how much room."""

import json
from typing import Any

import pytest
import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.priorities import INFERENCE, PLATFORM, TRAINING, priorities
from cluster.guardrails.quotas import CHECK, MOST_CHECKS, PROXY, ROOMS, quotas
from mlops import data_path
from mlops.monitoring.check_pod import LASTS_SECONDS
from mlops.monitoring.checks import LATE_SECONDS, schedule
from mlops.monitoring.owners import FOLDER, quiet
from mlops.monitoring.rules import CHECK_HOURS, CHECKED
from setting_types.services import MAX_MODELS
from settings import Settings
from tests.platform.cluster.test_check_jobs import LONGEST, job, objects
from tests.platform.extremes import EVERYTHING
from tests.platform.mocked import Recorder, run_program, stack_settings
from tests.platform.test_quotas import RESOURCES, charged, number
from tests.platform.variants import MANY

CRON_JOB = "kubernetes:batch/v1:CronJob"
TWO: dict[str, Any] = {
    # A stack in which not every model is in production.
    "environment": "staging",
    "models": [
        {"name": "readmission", "version": "7", "digest": f"sha256:{'a' * 64}"},
        {"name": "sepsis", "version": "1", "digest": f"sha256:{'b' * 64}", "environment": "staging"},
    ],
}


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def crons(stack: Recorder) -> list[dict[str, Any]]:
    return [each.inputs for each in stack.of(CRON_JOB) if each.inputs["metadata"]["namespace"] == ns.MONITORING.name]


def checked(stack: Recorder) -> set[str]:
    """The models that the judging Prometheus' rules say must be checked each day."""
    (rules,) = (
        each.inputs["data"]["rules.yaml"]
        for each in stack.of("kubernetes:core/v1:ConfigMap")
        if each.inputs["metadata"]["name"] == "prometheus"
    )
    found: set[str] = set()
    for group in yaml.safe_load(rules)["groups"]:
        found |= {rule["labels"]["model"] for rule in group["rules"] if rule.get("record") == CHECKED}
    return found


@pytest.mark.plan
def test_each_model_in_production_is_checked_and_missed_where_it_is_not(stack: Recorder) -> None:
    named = {each["metadata"]["labels"]["app.kubernetes.io/name"] for each in crons(stack)}
    assert named == checked(stack) == {each["name"] for each in MANY["models"]}
    two = run_program(**TWO)
    (only,) = crons(two)
    assert only["metadata"]["name"] == "check-readmission"
    assert checked(two) == {"readmission"}
    none = run_program(**MANY | {"models": []})
    assert not crons(none)
    assert not none.of("parapet:mlops:Checks")
    assert checked(none) == set()


@pytest.mark.plan
def test_an_account_comes_after_the_cron_job_that_what_runs_as_it_is_held_to(stack: Recorder) -> None:
    """And goes before it: what is made last is deleted first."""
    crons = [each.name for each in stack.of(CRON_JOB) if each.inputs["metadata"]["namespace"] == ns.MONITORING.name]
    assert crons
    for name in crons:
        assert (CRON_JOB, name) in stack.waits_for["kubernetes:core/v1:ServiceAccount", name]
        assert ("kubernetes:core/v1:ServiceAccount", name) not in stack.waits_for[CRON_JOB, name]


def test_a_stack_has_the_image_of_checks_where_one_runs() -> None:
    asked = Settings.parse(stack_settings(**TWO)).images
    assert images.PIPELINE in asked
    assert images.KFP_API not in asked
    many = Settings.parse(stack_settings(**MANY)).images
    assert len(many) == len(set(many))
    assert images.PIPELINE not in Settings.parse(stack_settings(models=[])).images
    staged = [each for each in TWO["models"] if each.get("environment")]
    assert images.PIPELINE not in Settings.parse(stack_settings(**TWO | {"models": staged})).images


@pytest.mark.plan
def test_it_reads_and_writes_the_places_that_its_role_has_and_the_ones_that_its_model_writes(stack: Recorder) -> None:
    (cron,) = crons(stack)
    told = json.loads(
        cron["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["annotations"]["parapet.dev/configuration"]
    )
    (policy,) = (
        each.policy() for each in stack.of("iam/policy:Policy") if each.name == "parapet-test-check-readmission-data"
    )
    allowed = {each["Sid"]: json.dumps(each["Resource"]) for each in policy}
    (container,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert told["memoryBytes"] == number(container["resources"]["limits"]["memory"])
    for part in ("predictions", "labels", "reports", "runs"):
        assert f"{told[part]['place'].removeprefix('s3://')}/*" in allowed["Read"], part
        assert (f"{told[part]['place'].removeprefix('s3://')}/*" in allowed["Write"]) == (part == "reports")
    version = f"/{told['model']['version']}"
    assert f"{told['model']['source'].removeprefix('s3://').removesuffix(version)}/*" in allowed["Read"]
    assert "Add" not in allowed
    assert "Remove" not in allowed
    (rollout,) = stack.of("kubernetes:argoproj.io/v1alpha1:Rollout")
    template = rollout.inputs["spec"]["template"]
    served = json.loads(template["metadata"]["annotations"]["parapet.dev/configuration"])
    known = ("name", "version", "digest", "stage", "keys", "source", "bucketOwner")
    assert told["model"] == {each: served["model"][each] for each in known}
    # `delivery/serving/parapet_serving/predictions/log.py` puts model=NAME/... there.
    assert told["predictions"]["place"] == f"{served['predictionLog']['place']}/model=readmission"
    (account,) = (
        each.inputs
        for each in stack.of("kubernetes:core/v1:ServiceAccount")
        if each.inputs["metadata"]["name"] == "check-readmission"
    )
    assert account["automountServiceAccountToken"] is False


def test_labels_come_where_checks_look_for_them_and_from_no_workload_of_the_cluster() -> None:
    check, serving = (of("readmission", "prod") for of in (data_path.checking, data_path.serving))
    assert data_path.of_model(data_path.LABELS, "readmission") in check.reads
    writers = [*data_path.WORKLOADS, check, serving]
    assert not [
        each.name
        for each in writers
        for part in (*each.writes, *each.adds, *each.removes)
        if part.prefix.startswith(data_path.LABELS.prefix)
    ]


def test_how_runs_went_is_added_by_pipelines_and_read_by_the_check_of_that_model_alone() -> None:
    (pipelines,) = (each for each in data_path.WORKLOADS if each.namespace is ns.PIPELINES)
    check = data_path.checking("readmission", "prod")
    assert data_path.RUNS in pipelines.adds
    assert data_path.RUNS not in (*pipelines.reads, *pipelines.writes)
    own = data_path.of_model(data_path.RUNS, "readmission")
    assert own in check.reads
    assert own not in (*check.writes, *check.adds)
    assert not [each for each in (*pipelines.adds, *pipelines.writes) if each.prefix.startswith("reports")]


def test_no_two_checks_are_one_workload_and_none_is_a_models() -> None:
    long = [LONGEST, LONGEST[:-1] + "z", LONGEST[:24], "y"]
    checks = [data_path.checking(each, "prod") for each in long]
    assert len({each.name for each in checks}) == len(long)
    assert len({each.service_account for each in checks}) == len(long)
    assert not {each.name for each in checks} & {data_path.serving(each, "prod").name for each in long}


@pytest.mark.parametrize("name", ["readmission", LONGEST])
def test_its_names_are_as_long_as_kubernetes_takes(name: str) -> None:
    """A CronJob's has 52 characters at most: its Jobs' have eleven more (Kubernetes, "CronJob")."""
    made = objects(name)
    assert len(made["CronJob"]["metadata"]["name"]) <= 52
    assert made["CronJob"]["metadata"]["name"] == made["ServiceAccount"]["metadata"]["name"]
    assert len(job(name)["metadata"]["labels"]["app.kubernetes.io/name"]) <= 63


def test_checks_do_not_all_come_at_once_and_another_model_moves_none() -> None:
    times = [schedule(each["name"]) for each in EVERYTHING["models"]]
    assert len(times) == MAX_MODELS
    assert max(times.count(each) for each in times) <= 3
    minutes = [int(each.split()[0]) + 60 * int(each.split()[1]) for each in times]
    assert all(18 * 60 <= each < 22 * 60 for each in minutes)
    hours, past = quiet(FOLDER).begins.split(":")
    assert max(minutes) + 60 <= int(hours) * 60 + int(past), "what they find would wait for the morning"
    assert max(minutes) - min(minutes) > 2 * 60
    assert schedule("readmission") == objects()["CronJob"]["spec"]["schedule"] == schedule("readmission")


def test_one_that_ends_at_its_latest_is_told_of_before_it_is_missed() -> None:
    spec = objects()["CronJob"]["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"]) == ("Forbid", "Etc/UTC")
    every, pod = spec["jobTemplate"]["spec"], spec["jobTemplate"]["spec"]["template"]["spec"]
    late = spec["startingDeadlineSeconds"] + pod["activeDeadlineSeconds"]
    assert late == LATE_SECONDS + LASTS_SECONDS
    assert 24 * 3600 + late <= CHECK_HOURS * 3600
    # What waits for room, or is tried again, is ended by no deadline of what looks, and is over before the next one.
    tries = (every["backoffLimit"] + 1) * pod["activeDeadlineSeconds"]
    assert tries + pod["activeDeadlineSeconds"] < every["activeDeadlineSeconds"] < 12 * 3600


def test_a_check_waits_for_room_and_pushes_nobody_out() -> None:
    """It comes before work that can wait, and after what serves; on two full nodes it ends no step and no notebook."""
    named = job()["spec"]["template"]["spec"]["priorityClassName"]
    (own,) = (each for each in priorities() if each.name == named)
    assert not own.preempts
    assert own.namespaces == (ns.MONITORING.name,)
    assert TRAINING.value < own.value < PLATFORM.value < INFERENCE.value


def test_there_is_room_for_every_check_at_once_and_none_of_what_a_hospital_has_there() -> None:
    assert MOST_CHECKS == MAX_MODELS
    hard, room = dict(quotas(0))[ns.MONITORING.name], ROOMS[ns.MONITORING.name]
    spec = job()["spec"]["template"]["spec"]
    left = {"requests": (room.cpu, room.memory_gib), "limits": (2 * room.cpu, 2 * room.memory_gib)}
    proxies = {"requests": (PROXY.cpu, PROXY.memory_gib), "limits": (PROXY.most_cpu, PROXY.most_memory_gib)}
    for kind in ("requests", "limits"):
        for place, resource in enumerate(RESOURCES[:2]):
            own = (left[kind][place] + room.pods * proxies[kind][place]) * (2**30 if place else 1)
            asked = MOST_CHECKS * charged(spec, kind, resource) + own
            assert asked <= number(hard[f"{kind}.{resource}"]), f"{kind}.{resource}"
    assert int(hard["pods"]) == room.pods + MOST_CHECKS
    scratch = number(spec["containers"][0]["resources"]["limits"]["ephemeral-storage"])
    assert scratch * MOST_CHECKS <= number(hard["limits.ephemeral-storage"])
    assert CHECK.most_memory_gib * 2**30 == number(spec["containers"][0]["resources"]["limits"]["memory"])
