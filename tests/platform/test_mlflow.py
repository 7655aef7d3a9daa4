"""The MLflow server under mocks: what the cluster and the account are asked for."""

import json
from typing import Any, get_args

import pytest

from cluster.images import MLFLOW
from foundation.retention import UNDO_DAYS
from mlops.mlflow_server import sign_on
from mlops.mlflow_server.retention import Kind
from mlops.secret_delivery import FOLDER
from parapet_mlflow.disposal import command
from parapet_mlflow.login.oidc import settings
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.secret_files import KEY_LENGTH
from tests.images import DIGESTS
from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, run_program
from tests.platform.variants import MANY, OFFICER

DAY = 86_400_000
"""In milliseconds."""
USERS = [each["name"] for each in MANY["mlflowUsers"]]
SERVER, GC, MIGRATION = (
    "kubernetes:apps/v1:Deployment",
    "kubernetes:batch/v1:CronJob",
    "kubernetes:batch/v1:Job",
)


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program(**MANY)


def only(stack: Recorder, kind: str) -> Made:
    (found,) = [each for each in stack.of(kind) if each.inputs["metadata"].get("namespace") == "mlflow"]
    return found


def pods(stack: Recorder) -> list[dict[str, Any]]:
    return [
        only(stack, SERVER).inputs["spec"]["template"]["spec"],
        only(stack, MIGRATION).inputs["spec"]["template"]["spec"],
        only(stack, GC).inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    ]


def arguments(pod: dict[str, Any]) -> dict[str, str]:
    words = pod["containers"][0]["args"]
    return {word: words[index + 1] for index, word in enumerate(words[:-1]) if word.startswith("--")}


def variables(pod: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pod["containers"][0]["env"]}


def test_every_pod_runs_the_one_image_by_its_digest_confined_and_without_a_token(stack: Recorder) -> None:
    for pod in pods(stack):
        (container,) = pod["containers"]
        registry = f"{ACCOUNT_ID}.dkr.ecr.us-east-1.amazonaws.com/parapet-test"
        assert container["image"] == f"{registry}/{MLFLOW}@{DIGESTS[MLFLOW]}"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["resources"]["limits"]["memory"]


def test_the_database_is_reached_by_verified_tls_without_a_password_in_sight(stack: Recorder) -> None:
    for pod in pods(stack):
        store = arguments(pod)["--backend-store-uri"]
        assert store.startswith("postgresql+psycopg://")
        assert "sslmode=verify-full" in store
        assert "@" not in store


def test_the_server_knows_the_gateway_that_tells_it_where_people_come_from(stack: Recorder) -> None:
    told = variables(pods(stack)[0])["PARAPET_GATEWAY"]
    assert told == "spiffe://cluster.local/ns/ingress/sa/istio-ingress"
    (policy,) = [
        each.inputs["spec"]
        for each in stack.of("kubernetes:security.istio.io/v1:AuthorizationPolicy")
        if each.inputs["metadata"]["namespace"] == "mlflow"
    ]
    assert told.removeprefix("spiffe://") in policy["rules"][0]["from"][0]["source"]["principals"]


def test_the_server_knows_who_promotes_models(stack: Recorder) -> None:
    """Nobody else makes the names that promotions fill."""
    promotes = [each["name"] for each in MANY["mlflowUsers"] if each.get("promotes")]
    assert promotes
    assert variables(pods(stack)[0])["PARAPET_PROMOTERS"].split() == promotes


def test_no_variable_holds_a_secret(stack: Recorder) -> None:
    for pod in pods(stack):
        assert all("value" in each for each in pod["containers"][0]["env"])
        assert variables(pod)["PARAPET_SECRETS_DIR"] == FOLDER
        assert variables(pod)["PARAPET_DATABASE_SECRET_ARN"].startswith("arn:aws:")


def test_every_upload_asks_for_the_artifacts_key_in_the_accounts_own_bucket(stack: Recorder) -> None:
    key = stack.one("kms/key:Key", "parapet-test-artifacts")
    for pod in pods(stack):
        told = variables(pod)
        asked = json.loads(told["MLFLOW_S3_UPLOAD_EXTRA_ARGS"])
        assert asked["ServerSideEncryption"] == "aws:kms"
        assert asked["SSEKMSKeyId"].endswith(f"/{key.name}")
        assert told["MLFLOW_S3_EXPECTED_BUCKET_OWNER"] == ACCOUNT_ID


def test_only_the_gateways_and_the_clusters_names_are_answered_to(stack: Recorder) -> None:
    told = arguments(pods(stack)[0])
    assert told["--allowed-hosts"].split(",") == [
        "mlflow.parapet.internal",
        "mlflow.mlflow:5000",
        "mlflow.mlflow.svc:5000",
        "mlflow.mlflow.svc.cluster.local:5000",
    ]
    assert told["--cors-allowed-origins"] == "https://mlflow.parapet.internal"
    assert told["--app-name"] == "parapet"


def test_there_are_two_replicas_or_more_in_different_zones_and_one_may_be_disrupted(stack: Recorder) -> None:
    scaler = only(stack, "kubernetes:autoscaling/v2:HorizontalPodAutoscaler").inputs["spec"]
    assert scaler["minReplicas"] >= 2
    assert "replicas" not in only(stack, SERVER).inputs["spec"], "two would say how many there are"
    assert only(stack, "kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]["maxUnavailable"] == 1
    spread = {each["topologyKey"] for each in pods(stack)[0]["topologySpreadConstraints"]}
    assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_nothing_but_the_server_gets_the_services_requests(stack: Recorder) -> None:
    selector = only(stack, "kubernetes:core/v1:Service").inputs["spec"]["selector"]
    labels = [
        only(stack, SERVER).inputs["spec"]["template"]["metadata"]["labels"],
        only(stack, MIGRATION).inputs["spec"]["template"]["metadata"]["labels"],
        only(stack, GC).inputs["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"],
    ]
    assert [selector.items() <= each.items() for each in labels] == [True, False, False]


def test_each_account_has_a_generated_secret_that_the_pods_alone_read(stack: Recorder) -> None:
    provider_class = only(stack, "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass").inputs["spec"]
    files = {each["objectAlias"] for each in json.loads(provider_class["parameters"]["objects"])}
    assert files == {"database", "admin", "flask", "audit-key", *(f"user-{user}" for user in USERS)}
    assert provider_class["parameters"]["usePodIdentity"] == "true"


def test_the_keys_of_the_audit_trail_are_kept_when_they_change_and_are_for_privacy_officers(stack: Recorder) -> None:
    (first,) = [each for each in stack.of("lambda/invocation:Invocation") if each.name.endswith("-audit-key")]
    asked = json.loads(first.inputs["input"])
    assert (asked["KeepOld"], asked["Length"] >= KEY_LENGTH) == (True, True)
    (policy,) = [
        each.policy()
        for each in stack.of("secretsmanager/secretPolicy:SecretPolicy")
        if each.name.endswith("-audit-key")
    ]
    (people,) = [each["Principal"] for each in policy if each["Effect"] == "Allow"]
    assert people == {"AWS": [OFFICER]}
    (others,) = [each["Condition"] for each in policy if each["Sid"] == "DenyOtherReaders"]
    roles = [arn.rpartition("/")[2] for arn in others["ArnNotEquals"]["aws:PrincipalArn"]]
    assert roles == ["parapet-test-mlflow", "parapet-test-rotator", "privacy-officer"]


def test_keys_keep_what_was_made_with_them_and_no_other_secret_keeps_an_old_value(stack: Recorder) -> None:
    made = stack.of("lambda/invocation:Invocation")
    kept = [each.name for each in made if json.loads(each.inputs["input"])["KeepOld"]]
    assert sorted(kept) == ["parapet-test-mlflow-audit-key", "parapet-test-mlflow-flask"]


def test_the_pods_role_reaches_its_prefix_its_keys_its_secrets_and_its_log_only(stack: Recorder) -> None:
    statements = [
        statement
        for policy in stack.of("iam/policy:Policy")
        if policy.name.startswith("parapet-test-mlflow-")
        for statement in policy.policy()
    ]
    by_sid = {each["Sid"]: each for each in statements}
    assert set(by_sid) == {
        "ReadOwnSecrets",
        "DecryptThroughSecretsManager",
        "UseOwnArtifacts",
        "ListOwnArtifacts",
        "EncryptThroughS3",
        "WriteAuditTrail",
        "OnlyFromTheVpc",
    }
    assert by_sid["UseOwnArtifacts"]["Resource"].endswith("/mlflow/*")
    assert by_sid["ListOwnArtifacts"]["Condition"] == {"StringLike": {"s3:prefix": ["mlflow", "mlflow/*"]}}
    for each in (each for each in statements if each["Effect"] == "Allow"):
        assert "*" not in (each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]])
        assert not any(action.endswith("*") for action in each["Action"])


def test_the_mesh_leads_the_gateways_host_to_the_server_and_the_server_to_its_database(stack: Recorder) -> None:
    kinds = "kubernetes:networking.istio.io/v1"
    route = only(stack, f"{kinds}:VirtualService").inputs["spec"]
    assert route["hosts"] == ["mlflow.parapet.internal"]
    assert route["gateways"] == ["ingress/ingress"]
    assert only(stack, f"{kinds}:ServiceEntry").inputs["spec"]["exportTo"] == ["."]


PROVIDER = {
    "issuer": "https://login.example.org/tenant",
    "clientId": "mlflow",
    "clientSecretArn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:mlflow-client-AbCdEf",
    "cidrs": ["203.0.113.0/24", "10.0.7.0/24"],
    "hosts": ["keys.example.org"],
    "roles": [{"group": "Ward 7", "role": "ward-7"}],
}


@pytest.fixture(scope="module")
def signed_on() -> Recorder:
    return run_program(mlflowSignOn=[PROVIDER], mlflowDeletedDays=[{"kind": "traces", "days": 7}])


@pytest.mark.plan
def test_what_was_deleted_is_kept_by_kind_and_the_report_says_how_long_the_bucket_keeps_it(
    stack: Recorder, signed_on: Recorder
) -> None:
    assert set(command.KINDS) == set(get_args(Kind))
    for recorded, kept in ((stack, {}), (signed_on, {"traces": 7 * DAY})):
        _, _, collector = pods(recorded)
        asked = command.parse(collector["containers"][0]["args"][1:])
        assert (asked.older_than, asked.keep, asked.old_versions_days) == (UNDO_DAYS * DAY, kept, UNDO_DAYS)


def test_the_server_is_told_of_the_provider_and_reads_the_clients_secret_from_a_file(signed_on: Recorder) -> None:
    # The image imports nothing of the stack's, and has the list a second time.
    assert sign_on.REASSIGNED == settings.REASSIGNED
    told = json.loads(variables(pods(signed_on)[0])["PARAPET_SIGN_ON"])
    assert told == {
        "issuer": PROVIDER["issuer"],
        "clientId": "mlflow",
        "url": "https://mlflow.parapet.internal",
        "audiences": [],
        "scopes": ["profile", "email"],
        "authorities": "",
        "subjectClaim": "sub",
        "nameClaim": "preferred_username",
        "groupsClaim": "groups",
        "roles": {"Ward 7": "ward-7"},
        "administrators": "",
    }
    assert SignOn.parse(json.dumps(told)).roles == {"Ward 7": "ward-7"}  # as the image reads it
    provider_class = only(signed_on, "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass").inputs["spec"]
    files = {each["objectAlias"]: each["objectName"] for each in json.loads(provider_class["parameters"]["objects"])}
    assert files["sign-on"] == PROVIDER["clientSecretArn"]
    policies = [each for each in signed_on.of("iam/policy:Policy") if each.name.startswith("parapet-test-mlflow-")]
    (read,) = [each for policy in policies for each in policy.policy() if each["Sid"] == "ReadOwnSecrets"]
    assert PROVIDER["clientSecretArn"] in read["Resource"]
    # Who else reads it is for whoever made it to say: its policy is not overwritten.
    of_ours = [each.inputs["secretArn"] for each in signed_on.of("secretsmanager/secretPolicy:SecretPolicy")]
    assert PROVIDER["clientSecretArn"] not in of_ours


def test_the_server_alone_gets_out_to_the_provider_and_to_nothing_else(signed_on: Recorder, stack: Recorder) -> None:
    kind = "kubernetes:networking.istio.io/v1:ServiceEntry"
    entries = {each.inputs["metadata"]["name"]: each.inputs for each in signed_on.of(kind)}
    entry = entries["mlflow-sign-on"]
    assert entry["metadata"]["namespace"] == "mlflow"
    assert (entry["spec"]["hosts"], entry["spec"]["exportTo"]) == (["keys.example.org", "login.example.org"], ["."])
    policies = {
        (each.inputs["metadata"]["namespace"], each.inputs["metadata"]["name"]): each.inputs["spec"]
        for each in signed_on.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    }
    (rule,) = policies["mlflow", "sign-on-out"]["egress"]
    assert rule == {
        "to": [{"ipBlock": {"cidr": each}} for each in PROVIDER["cidrs"]],
        "ports": [{"port": 443, "protocol": "TCP"}],
    }
    assert policies["mlflow", "sign-on-out"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "mlflow"}}
    assert [name for name in policies if "sign-on" in name[1]] == [("mlflow", "sign-on-out")]
    out = [
        each.inputs["cidrIpv4"]
        for each in signed_on.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if "cidrIpv4" in each.inputs
    ]
    assert "203.0.113.0/24" in out
    assert "10.0.7.0/24" not in out, "it is in the VPC"
    assert "PARAPET_SIGN_ON" not in variables(pods(stack)[0])
