"""The registry under mocks: a repository for each image that runs, and none that is public or lets a tag move."""

import json
import re

import pytest

from cluster.images import REPOSITORIES
from tests.platform.mocked import ACCOUNT_ID, Recorder, run_program

OWN = re.compile(rf"{ACCOUNT_ID}\.dkr\.ecr\.us-east-1\.amazonaws\.com/parapet-test/([a-z0-9/-]+)")


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(gpuGroups=[{"name": "g", "instanceTypes": ["g6.xlarge"], "max": 2}])


def test_each_image_that_something_names_has_a_repository_and_only_mlflow_is_not_yet_named(stack: Recorder) -> None:
    charts = [each for each in stack.made if each.type == "kubernetes:helm.sh/v4:Chart"]
    named = {image for each in charts for image in OWN.findall(json.dumps(dict(each.inputs)))}
    assert named | {"mlflow"} == set(REPOSITORIES)
    assert {each.inputs["name"] for each in stack.of("ecr/repository:Repository")} == {
        f"parapet-test/{image}" for image in REPOSITORIES
    }


def test_tags_never_move_and_images_are_scanned_and_encrypted(stack: Recorder) -> None:
    for repository in stack.of("ecr/repository:Repository"):
        made = repository.inputs
        assert made["imageTagMutability"] == "IMMUTABLE"
        assert made["imageScanningConfiguration"] == {"scanOnPush": True}
        (encryption,) = made["encryptionConfigurations"]
        assert encryption["encryptionType"] == "KMS"
        assert encryption["kmsKey"].endswith("Key/parapet-test-artifacts")


def test_untagged_images_are_forgotten_and_tagged_ones_never(stack: Recorder) -> None:
    policies = stack.of("ecr/lifecyclePolicy:LifecyclePolicy")
    assert {each.name for each in policies} == {each.name for each in stack.of("ecr/repository:Repository")}
    for policy in policies:
        (rule,) = json.loads(policy.inputs["policy"])["rules"]
        assert rule["selection"]["tagStatus"] == "untagged"
        assert rule["action"] == {"type": "expire"}


@pytest.mark.parametrize("protect", [True, False])
def test_a_repository_with_images_is_deleted_only_where_nothing_is_protected(protect: bool) -> None:
    for repository in run_program(protect=protect).of("ecr/repository:Repository"):
        assert repository.inputs["forceDelete"] is not protect
