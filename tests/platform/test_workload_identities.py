"""The roles of workloads under mocks; what each may do in AWS is judged line by line by `docs/rights.yaml`."""

import json

import pytest

from cluster import namespaces as ns
from cluster.guardrails.flows import Pods, Range, flows
from cluster.guardrails.identity_rules import WITH_A_ROLE, identity_rule
from foundation.data_class import DataClass
from mlops import data_path
from mlops.data_path import Part, Workload
from mlops.serving.pod import HASH_KEY
from tests.platform.cluster import manifests
from tests.platform.mocked import Recorder, run_program
from tests.platform.variants import LABELS, MANY, WAREHOUSE

NAMED = tuple(
    workload(each["name"], "prod") for workload in (data_path.serving, data_path.checking) for each in MANY["models"]
)
"""With an account of their own: models and their checks."""
WORKLOADS = (*data_path.WORKLOADS, *map(data_path.of, manifests.WORKSPACES), *NAMED)
PODS = [
    each for each in (*ns.WORKLOADS, *manifests.SPACES) if each.service_account and each not in (ns.MLFLOW, ns.INGRESS)
]


def called(workload: Workload) -> str:
    return workload.name or workload.service_account


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def test_every_workload_has_an_identity() -> None:
    """But the MLflow server, whose secrets come with its own, and the gateway, which calls nothing in AWS; each of the
    stack's models has one of its own."""
    assert {each.namespace for each in WORKLOADS} == {*PODS, ns.MODELS}


def test_no_pod_waits_for_credentials_that_nobody_gives_its_account(stack: Recorder) -> None:
    """The guardrail refuses it until it has them."""
    associated = {
        (each.inputs["namespace"], each.inputs["serviceAccount"])
        for each in stack.of("eks/podIdentityAssociation:PodIdentityAssociation")
    }
    waiting = {(each.name, each.service_account) for each in (*WITH_A_ROLE, *manifests.SPACES)}
    assert waiting | {(each.namespace.name, each.service_account) for each in NAMED} <= associated
    (asked,) = identity_rule().checks
    assert all(f'request.namespace == "{each.namespace.name}"' in asked.holds for each in NAMED), "where they run"


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_a_service_account_takes_its_role_once_it_has_its_rights(stack: Recorder, workload: Workload) -> None:
    name = f"parapet-test-{called(workload)}"
    role = stack.one("iam/role:Role", name)
    association = stack.one("eks/podIdentityAssociation:PodIdentityAssociation", name)
    assert association.inputs["namespace"] == workload.namespace.name
    assert association.inputs["serviceAccount"] == workload.service_account
    assert association.inputs["roleArn"].endswith(f"/{role.name}")
    (trust,) = role.policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    accounts = [each.inputs["metadata"] for each in stack.of("kubernetes:core/v1:ServiceAccount")]
    named = [each["namespace"] for each in accounts if each["name"] == workload.service_account]
    assert named.count(workload.namespace.name) == 1


@pytest.mark.parametrize("workload", WORKLOADS, ids=called)
def test_its_pods_reach_objects_and_their_credentials(workload: Workload) -> None:
    pods = Pods(workload.namespace.name)
    reached = [target for flow in flows(manifests.SPACES) if pods in flow.source for target in flow.target]
    assert all(each in reached for each in (Range.GATEWAY_ENDPOINTS, Range.POD_IDENTITY, Range.VPC))


@pytest.mark.parametrize(
    "namespace", {each.namespace.name: each.namespace for each in WORKLOADS}.values(), ids=lambda each: each.name
)
def test_who_touches_patients_data_is_in_a_namespace_that_says_so(namespace: ns.Namespace) -> None:
    touched = {part.bucket for each in WORKLOADS if each.namespace == namespace for part in parts(each)}
    assert (DataClass.PHI in touched) == (namespace.data_class == DataClass.PHI)


def parts(workload: Workload) -> tuple[Part, ...]:
    return (*workload.reads, *workload.writes, *workload.adds, *workload.removes)


def test_what_a_hospital_looks_at_the_platform_with_sees_no_patient() -> None:
    """Its account has a token for the API server, too: whoever comes to have it reads no row."""
    (monitor,) = (each for each in data_path.WORKLOADS if each.namespace is ns.MONITORING)
    assert monitor.service_account == ns.MONITORING.service_account
    assert not parts(monitor)


def test_what_one_writes_lies_within_nothing_that_another_does() -> None:
    """But models are read whole by some, and in parts by whom a part is of; and what came true, and how runs went, is
    added to by pipelines, whichever model it is of, and read in parts."""
    wholes = {data_path.MODELS}
    written = {part for each in WORKLOADS for part in (*each.writes, *each.adds)} | {
        Part(DataClass.ARTIFACTS, "mlflow")
    }
    read = {part for each in WORKLOADS for part in each.reads}
    for one in written | read:
        for other in written | read:
            within = one.bucket == other.bucket and other.prefix.startswith(f"{one.prefix}/")
            added = one in (data_path.LABELS, data_path.RUNS) and other not in written
            assert not within or added or (one in wholes and one not in written), (one, other)
    assert not wholes & written
    assert Part(DataClass.ARTIFACTS, "mlflow") not in read


def test_no_two_models_are_one_workload() -> None:
    long = ["y" * 40, "y" * 39 + "z", "y" * 24, "y"]
    names = {called(data_path.serving(each, "prod")) for each in long}
    assert len(names) == len(long)
    assert max(map(len, names)) <= len("model-") + data_path.ROLE_NAME
    assert len({data_path.serving(each, "prod").service_account for each in long}) == len(long)


def test_no_other_policy_names_a_bucket_but_mlflows_and_those_of_who_decides_or_answers(stack: Recorder) -> None:
    own = {f"parapet-test-{called(each)}-data" for each in WORKLOADS if parts(each)} | {
        "parapet-test-mlflow-artifacts",
        "parapet-test-incident-auditors",
        "parapet-test-incident-responders",
        "parapet-test-model-auditors",
        "parapet-test-model-promoters",
    }
    naming = {each.name for each in stack.of("iam/policy:Policy") if "Bucket" in each.inputs["policy"]}
    assert naming == own


def test_a_namespace_has_the_secrets_that_it_was_given_as_files(stack: Recorder) -> None:
    made = {
        each.inputs["metadata"]["namespace"]: each.inputs
        for each in stack.of("kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass")
        if each.inputs["metadata"]["name"] == "secrets"
    }
    told = {
        place: {one["objectAlias"]: one["objectName"] for one in json.loads(each["spec"]["parameters"]["objects"])}
        for place, each in made.items()
    }
    assert told == {"sepsis": {"warehouse": WAREHOUSE}, "training": {"labels": LABELS, "warehouse": WAREHOUSE}}
    assert {each["spec"]["parameters"]["usePodIdentity"] for each in made.values()} == {"true"}


def test_a_model_has_its_own_key_as_a_file(stack: Recorder) -> None:
    made = {
        each.inputs["metadata"]["name"]: json.loads(each.inputs["spec"]["parameters"]["objects"])
        for each in stack.of("kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass")
        if each.inputs["metadata"]["namespace"] == "models"
    }
    assert {name: [each["objectAlias"] for each in told] for name, told in made.items()} == {
        each.service_account: [HASH_KEY] for each in NAMED if each.namespace is ns.MODELS
    }


def test_a_secret_that_somebody_else_made_keeps_its_policy(stack: Recorder) -> None:
    of_the_stack = [each.inputs["secretArn"] for each in stack.of("secretsmanager/secretPolicy:SecretPolicy")]
    assert not {WAREHOUSE, LABELS} & set(of_the_stack)
