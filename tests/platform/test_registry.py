"""The registry under mocks: a repository for each image that runs, and none that is public or lets a tag move."""

import json
import re
from typing import Any

import pulumi
import pytest

from cluster.images import IMAGES, PILOT, PIPELINES
from foundation import registry
from foundation.registry import Registry, RegistryArgs, require
from tests.images import DIGESTS
from tests.platform.mocked import ACCOUNT_ID, Recorder, record, run_program
from tests.platform.stacks import stack as make_stack
from tests.platform.variants import MANY, ON_A_GPU, run_with

REGISTRY = f"{ACCOUNT_ID}.dkr.ecr.us-east-1.amazonaws.com/parapet-test"
CHART = "kubernetes:helm.sh/v4:Chart"
OWN = re.compile(rf"{ACCOUNT_ID}\.dkr\.ecr\.us-east-1\.amazonaws\.com/parapet-test/([a-z0-9/-]+)")


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def test_each_image_that_something_names_has_a_repository_and_each_repository_an_image_that_is_named(
    stack: Recorder,
) -> None:
    everything = [each for each in stack.made if each.type.startswith("kubernetes:")]
    named = {image for each in everything for image in OWN.findall(json.dumps(dict(each.inputs)))}
    own = {name for name, image in IMAGES.items() if not image.optional or image.tagged in PIPELINES}
    assert named == own
    assert {each.inputs["name"] for each in stack.of("ecr/repository:Repository")} == {
        f"parapet-test/{image}" for image in own
    }


def test_gigabytes_for_gpus_are_asked_for_where_a_model_is_computed_by_them() -> None:
    """In the place of those for processors, which a stack has all the same."""
    (model,) = run_with(models=[ON_A_GPU]).of("kubernetes:argoproj.io/v1alpha1:Rollout")
    template = model.inputs["spec"]["template"]
    assert set(OWN.findall(json.dumps(template))) == {"serving-gpu"}
    repositories = run_with(models=[ON_A_GPU]).of("ecr/repository:Repository")
    # In one of those of Kubeflow the model's daily check runs.
    here = {image.name for image in IMAGES.values() if image.tagged not in PIPELINES} | {"pipeline"}
    assert {each.inputs["name"] for each in repositories} == {f"parapet-test/{image}" for image in here}


def test_every_chart_is_the_registrys_by_its_digest_and_no_other_host_is_asked(stack: Recorder) -> None:
    """So that `pulumi up` needs no way to the internet for them, and a tag that was moved changes nothing."""
    found = {each.inputs["chart"]: each.inputs for each in stack.of(CHART)}
    assert found.keys() == {
        f"oci://{REGISTRY}/{image.name}@{DIGESTS[image.tagged]}" for image in IMAGES.values() if image.is_chart
    }
    for chart, inputs in found.items():
        (image,) = [each for each in IMAGES.values() if f"/{each.name}@" in chart]
        assert inputs["version"] == image.tag
        assert inputs["repositoryOpts"]["value"] == {"username": "AWS", "password": "opens"}  # wrapped: a secret


def test_what_opens_the_registry_is_secret() -> None:
    seen: list[bool] = []

    def make() -> pulumi.Output[None]:
        made = registry.Registry("parapet-test", registry.RegistryArgs(stack=make_stack(), key_arn="arn"))
        assert made.passwords.keys() == DIGESTS.keys()
        return pulumi.Output.all(*(each.is_secret() for each in made.passwords.values())).apply(seen.extend)

    record(make)
    assert seen == [True] * len(DIGESTS)


def test_tags_never_move_and_images_are_scanned_and_encrypted(stack: Recorder) -> None:
    for repository in stack.of("ecr/repository:Repository"):
        made = repository.inputs
        assert made["imageTagMutability"] == "IMMUTABLE"
        assert made["imageScanningConfiguration"] == {"scanOnPush": True}
        (encryption,) = made["encryptionConfigurations"]
        assert encryption["encryptionType"] == "KMS"
        assert encryption["kmsKey"].endswith("key/parapet-test-artifacts")


def test_untagged_images_are_forgotten_and_tagged_ones_never(stack: Recorder) -> None:
    policies = stack.of("ecr/lifecyclePolicy:LifecyclePolicy")
    assert {each.name for each in policies} == {each.name for each in stack.of("ecr/repository:Repository")}
    for policy in policies:
        (rule,) = json.loads(policy.inputs["policy"])["rules"]
        assert rule["selection"]["tagStatus"] == "untagged"
        assert rule["action"] == {"type": "expire"}


@pytest.mark.parametrize("protect", [True, False])
def test_a_repository_with_images_is_deleted_only_where_nothing_is_protected(protect: bool) -> None:
    for repository in run_with(protect=protect).of("ecr/repository:Repository"):
        assert repository.inputs["forceDelete"] is not protect


class Ecr(Recorder):
    """Has no images of a repository that nobody has made, as ECR (RepositoryNotFoundException)."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        if args.token == "aws:ecr/getImages:getImages":
            made = [each.inputs["name"] for each in self.of("ecr/repository:Repository")]
            assert args.args["repositoryName"] in made
        return super().call(args)


def test_what_the_registry_holds_is_asked_for_each_image_once_its_repository_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(registry, "require", lambda _, held: asked.append(held))
    record(
        lambda: Registry("parapet-test", RegistryArgs(stack=make_stack(), key_arn="key")),
        Ecr(registry={PILOT: DIGESTS[PILOT]}),
    )
    assert asked == [{**dict.fromkeys(DIGESTS, ""), PILOT: DIGESTS[PILOT]}]


def test_a_run_on_an_empty_registry_ends_there_and_says_how_to_fill_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        require(make_stack(), dict.fromkeys(DIGESTS, ""))
    assert ended.value.code == 1
    *missing, advice = capsys.readouterr().err.splitlines()
    assert missing == [f"{image.tagged} is not in the registry {REGISTRY}" for image in IMAGES.values()]
    assert advice == "Run `./parapet images mirror` and `build`, then this again: it goes on from here."


def test_another_image_under_the_tag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    other = f"sha256:{'b' * 64}"
    with pytest.raises(SystemExit):
        require(make_stack(), {**DIGESTS, PILOT: other})
    line = capsys.readouterr().err.splitlines()[0]
    assert line == f"{PILOT} in the registry {REGISTRY} is {other}, and the lock says {DIGESTS[PILOT]}"


def test_a_full_registry_is_all_that_is_asked_for() -> None:
    assert require(make_stack(), DIGESTS)
