"""Models as the settings of a stack declare them: what they share, and who reads it."""

import json
import re
from pathlib import Path

import pulumi
import pytest

from cluster.guardrails.flows import PUBLISHED
from foundation.storage.from_within import INGEST
from mlops.serving.pod import HASH_KEY
from provider import ISSUER, model_tokens
from settings import Settings
from tests.platform.mocked import Recorder, run_program, stack_settings
from tests.platform.variants import MANY

KEYS = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]})
ROLLOUT = "kubernetes:argoproj.io/v1alpha1:Rollout"
SERVICE_ENTRY = "kubernetes:networking.istio.io/v1:ServiceEntry"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


@pytest.mark.plan
def test_each_model_has_its_service_and_a_stack_without_one_has_nothing_of_them(stack: Recorder) -> None:
    named = {each.inputs["metadata"]["name"] for each in stack.of(ROLLOUT)}
    assert named == {each["name"] for each in MANY["models"]}
    none = run_program(**MANY | {"models": []})
    assert not none.of("parapet:mlops:Models")
    assert not [each for each in none.made if "hash-key" in each.name]


def test_nobody_but_the_pods_and_the_rotator_reads_what_they_hash_with(stack: Recorder) -> None:
    policies = {
        each.name: each.policy()
        for each in stack.of("secretsmanager/secretPolicy:SecretPolicy")
        if "hash-key" in each.name and "models" in each.name
    }
    assert policies.keys() == {f"parapet-test-models-{each['name']}-hash-key" for each in MANY["models"]}
    for name, policy in policies.items():
        (others,) = (each for each in policy if each["Sid"] == "DenyOtherReaders")
        told = others["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
        role = name.removesuffix("-hash-key").replace("-models-", "-model-")
        assert len(told) == 2
        assert any(each.endswith(f"/{role}") for each in told)
        assert not [each for each in policy if each["Effect"] == "Allow"]


@pytest.mark.plan
def test_no_two_models_hash_with_one_key() -> None:
    """So that who has one tries names in that record alone."""
    two = [{**MANY["models"][0], "name": name, "audiences": [name]} for name in ("readmission", "sepsis")]
    stack = run_program(**MANY | {"models": two})
    named = [each.name for each in stack.of("secretsmanager/secret:Secret") if each.name.endswith("-hash-key")]
    assert {f"parapet-test-model-{each['name']}-hash-key" for each in two} <= {*named}
    classes = [
        json.loads(each.inputs["spec"]["parameters"]["objects"])[0]["objectName"]
        for each in stack.of("kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass")
        if each.inputs["metadata"]["namespace"] == "models"
    ]
    assert len(set(classes)) == len(two)


@pytest.mark.plan
def test_published_models_alone_get_out_to_who_knows_their_callers_keys(stack: Recorder) -> None:
    (told,) = MANY["modelTokens"]
    entries = {each.inputs["metadata"]["name"]: each.inputs for each in stack.of(SERVICE_ENTRY)}
    entry = entries["model-token-keys"]
    assert (entry["metadata"]["namespace"], entry["spec"]["exportTo"]) == ("istio-system", ["models"])
    assert entry["spec"]["hosts"] == ["keys.example.org"]
    policies = {
        (each.inputs["metadata"]["namespace"], each.inputs["metadata"]["name"]): each.inputs["spec"]
        for each in stack.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    }
    assert [name for name in policies if "token-keys" in name[1]] == [("models", "token-keys-out")]
    policy = policies["models", "token-keys-out"]
    assert policy["egress"] == [
        {
            "to": [{"ipBlock": {"cidr": each}} for each in told["cidrs"]],
            "ports": [{"port": 443, "protocol": "TCP"}],
        }
    ]
    assert policy["podSelector"]["matchLabels"].items() >= PUBLISHED.items()
    rules = stack.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert set(told["cidrs"]) <= {each.inputs.get("cidrIpv4") for each in rules}
    none = run_program(**MANY | {"models": [], "modelTokens": []})
    assert not [each for each in none.made if "token-keys" in each.name]


@pytest.mark.plan
def test_a_model_takes_tokens_for_its_own_audiences_where_it_has_some() -> None:
    (published,) = MANY["models"]
    for own, audiences in (([], ["models"]), (["readmission", "wards"], ["readmission", "wards"])):
        (model,) = run_program(**MANY | {"models": [published | {"audiences": own}]}).of(ROLLOUT)
        told = json.loads(model.inputs["spec"]["template"]["metadata"]["annotations"]["parapet.dev/configuration"])
        assert told["tokens"]["audiences"] == audiences


def test_a_local_stack_takes_its_own_issuers_tokens_and_nobodys_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_this_machine = MANY | {"localAws": True, "modelTokens": []}
    settings = Settings.parse(stack_settings(**of_this_machine))
    for file in (None, tmp_path / "missing", tmp_path):
        monkeypatch.setenv(ISSUER, str(file or ""))
        with pytest.raises(pulumi.RunError, match=f"A model is published, .*{ISSUER}"):
            model_tokens(settings)
    (tmp_path / "issuer.json").write_text(json.dumps({"issuer": "https://a.example", "audiences": ["a"], "keys": KEYS}))
    monkeypatch.setenv(ISSUER, str(tmp_path / "issuer.json"))
    assert str(getattr(model_tokens(settings), "issuer", "")) == "https://a.example"
    named = Settings.parse(stack_settings(**MANY | {"localAws": True}))
    assert model_tokens(named) == named.tokens, "who is named goes before"
    assert model_tokens(Settings.parse(stack_settings(**of_this_machine | {"models": []}))) is None


def test_the_stack_tells_its_models_and_where_each_is_asked(stack: Recorder) -> None:
    (model,) = MANY["models"]
    assert stack.outputs["models"] == [
        {**model, "environment": "prod", "url": "https://readmission.parapet.internal"},
    ]


def test_a_version_comes_from_the_part_of_the_bucket_that_the_registry_writes_and_its_pods_read(
    stack: Recorder,
) -> None:
    """`delivery/registry/bundle.py` puts NAME/ENVIRONMENT/VERSION there."""
    (rollout,) = stack.of(ROLLOUT)
    annotations = rollout.inputs["spec"]["template"]["metadata"]["annotations"]
    told = json.loads(annotations["parapet.dev/configuration"])
    (model,) = MANY["models"]
    bucket, _, place = told["model"]["source"].removeprefix("s3://").partition("/")
    assert place == f"models/{model['name']}/prod/{model['version']}"
    reading = [
        statement
        for each in stack.of("iam/policy:Policy")
        if each.name == f"parapet-test-model-{model['name']}-data"
        for statement in each.policy()
        if statement["Sid"] == "Read"
    ]
    (allowed,) = reading
    assert f"{bucket}/models/{model['name']}/prod/*" in json.dumps(allowed["Resource"])
    bucket, _, log = told["predictionLog"]["place"].removeprefix("s3://").partition("/")
    (adding,) = (
        statement
        for each in stack.of("iam/policy:Policy")
        if each.name == f"parapet-test-model-{model['name']}-data"
        for statement in each.policy()
        if statement["Sid"] == "Add"
    )
    # `delivery/serving/parapet_serving/predictions/log.py` puts model=NAME/... there.
    assert f"{bucket}/{log}/model={model['name']}/*" in json.dumps(adding["Resource"])
    assert INGEST not in told["predictionLog"]["place"]
    assert told["hashKeyFile"].endswith(f"/{HASH_KEY}")
    assert "PUBLIC KEY" in annotations["parapet.dev/signing-key"]


RETURNS: dict[str, tuple[object, str]] = {
    "a version": ("7", 'returnsTo is "7"; it must be what ./parapet model rollback wrote'),
    "half of it": ({"entry": "{}"}, "returnsTo.signature"),
    "more than it": ({"entry": "{}", "signature": "", "by": "me"}, "returnsTo.by is not a setting"),
}


@pytest.mark.parametrize("what", RETURNS)
def test_what_a_rollback_did_not_write_is_told_by_its_place(what: str) -> None:
    told, said = RETURNS[what]
    model = {"name": "readmission", "version": "7", "digest": f"sha256:{'a' * 64}", "returnsTo": told}
    with pytest.raises(Exception, match=re.escape(f"parapet:models[0].{said}")):
        Settings.parse(stack_settings(models=[model]))
