"""Models as the settings of a stack declare them: what they share, and who reads it."""

import json

import pytest

from foundation.storage.from_within import INGEST
from mlops.serving.pod import HASH_KEY
from tests.platform.mocked import Recorder, run_program
from tests.platform.variants import MANY


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def test_each_model_has_its_service_and_a_stack_without_one_has_nothing_of_them(stack: Recorder) -> None:
    named = {each.inputs["metadata"]["name"] for each in stack.of("kubernetes:argoproj.io/v1alpha1:Rollout")}
    assert named == {each["name"] for each in MANY["models"]}
    none = run_program(**MANY | {"models": []})
    assert not none.of("parapet:mlops:Models")
    assert not [each for each in none.made if "hash-key" in each.name]


def test_nobody_but_the_pods_and_the_rotator_reads_what_they_hash_with(stack: Recorder) -> None:
    (policy,) = (
        each for each in stack.of("secretsmanager/secretPolicy:SecretPolicy") if "models-hash-key" in each.name
    )
    (others,) = (each for each in policy.policy() if each["Sid"] == "DenyOtherReaders")
    told = others["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert len(told) == 2
    assert any("predictor" in each for each in told)
    assert not [each for each in policy.policy() if each["Effect"] == "Allow"]


def test_a_version_comes_from_the_part_of_the_bucket_that_the_registry_writes_and_its_pods_read(
    stack: Recorder,
) -> None:
    """`delivery/registry/bundle.py` puts NAME/ENVIRONMENT/VERSION there."""
    (rollout,) = stack.of("kubernetes:argoproj.io/v1alpha1:Rollout")
    annotations = rollout.inputs["spec"]["template"]["metadata"]["annotations"]
    told = json.loads(annotations["parapet.dev/configuration"])
    (model,) = MANY["models"]
    bucket, _, place = told["model"]["source"].removeprefix("s3://").partition("/")
    assert place == f"models/{model['name']}/prod/{model['version']}"
    reading = [
        statement
        for each in stack.of("iam/policy:Policy")
        if "predictor" in each.name
        for statement in each.policy()
        if statement["Sid"] == "Read"
    ]
    assert [each for each in reading if f"{bucket}/models/*" in json.dumps(each["Resource"])]
    assert INGEST not in told["predictionLog"]["place"]
    assert told["hashKeyFile"].endswith(f"/{HASH_KEY}")
    assert "PUBLIC KEY" in annotations["parapet.dev/signing-key"]
