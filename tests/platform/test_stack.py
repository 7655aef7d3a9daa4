"""The whole stack under mocks: what holds for every resource, whichever component makes it."""

import ast
import json
import keyword
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from foundation.account import Account
from foundation.data_class import NO_DATA, TAG, DataClass
from foundation.stack import Stack
from provider import aws_provider
from settings import Settings
from tests.platform.mocked import ACCOUNT_ID, Recorder, record, run_program, stack_settings
from tests.platform.project import PROJECT
from tests.platform.variants import run_with

PROVIDER = "pulumi:providers:aws"
KUBERNETES = "pulumi:providers:kubernetes"
TAGGED = {TAG, "Owner", "Environment", "CostCenter"}


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


@pytest.fixture(scope="module")
def with_egress() -> Recorder:
    return run_program(egress=True, zones=4, gpuGroups=[{"name": "g", "instanceTypes": ["g6.xlarge"], "max": 2}])


def provider_tags(stack: Recorder) -> dict[str, str]:
    (provider,) = [each for each in stack.made if each.type == PROVIDER]
    tags: dict[str, str] = json.loads(provider.inputs["defaultTags"])["tags"]
    return tags


@pytest.fixture
def local_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Names a cluster whose API has this address."""

    def name(server: str) -> None:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            json.dumps(
                {
                    "clusters": [
                        {"name": "other", "cluster": {"server": "https://127.0.0.1:1"}},
                        {"name": "c", "cluster": {"server": server}},
                    ],
                    "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "here",
                }
            )
        )
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

    monkeypatch.delenv("PARAPET_KUBECONFIG", raising=False)
    name("https://127.0.0.1:6443")
    return name


def test_one_provider_makes_everything_and_answers_every_call(stack: Recorder) -> None:
    providers = [each for each in stack.made if each.type == PROVIDER]
    assert len(providers) == 1
    for resource in stack.managed():
        assert f"{PROVIDER}::{providers[0].name}::" in resource.provider, resource
    for token, provider in stack.calls:
        assert f"{PROVIDER}::{providers[0].name}::" in provider, token


def test_the_provider_tags_everything_with_owner_environment_cost_center_and_data_class(stack: Recorder) -> None:
    assert provider_tags(stack) == {
        "Owner": "team@example.com",
        "Environment": "test",
        "CostCenter": "42",
        TAG: NO_DATA,
    }


def test_no_resource_overrides_a_default_tag_but_its_data_class(stack: Recorder) -> None:
    for resource in stack.managed():
        tags = resource.inputs.get("tags", {})
        if isinstance(tags, list):  # an Auto Scaling group's, which the provider's do not reach
            assert {each["key"] for each in tags} >= TAGGED - {TAG}, resource
            continue
        assert not (TAGGED - {TAG}) & set(tags), resource
        assert tags.get(TAG, NO_DATA) in {NO_DATA, *DataClass}, resource


@pytest.mark.parametrize(
    "kind",
    [
        "kms/key:Key",
        "s3/bucket:Bucket",
        "cloudwatch/logGroup:LogGroup",
        "rds/instance:Instance",
        "ecr/repository:Repository",
    ],
)
def test_whatever_holds_data_says_its_class(stack: Recorder, kind: str) -> None:
    assert stack.of(kind)
    for resource in stack.of(kind):
        assert resource.inputs["tags"][TAG] in set(DataClass), resource


def test_components_have_the_tokens_that_state_files_know(with_egress: Recorder) -> None:
    components = Counter(each.type for each in with_egress.made if each.type.startswith("parapet:"))
    assert components == {
        f"parapet:{name}": times
        for name, times in {
            "foundation:Foundation": 1,
            "cluster:Sessions": 1,
            "cluster:OperatorsHost": 1,
            "cluster:Entrance": 1,
            "foundation:SiteConnection": 1,
            "foundation:ServiceLinkedRoles": 1,
            "foundation:Keys": 1,
            "foundation:Storage": 1,
            "foundation:AccessLogBucket": 1,
            "foundation:AuditBucket": 1,
            "foundation:DataBucket": 2,
            "foundation:Network": 1,
            "foundation:Egress": 1,
            "foundation:Endpoints": 1,
            "foundation:FlowLogs": 1,
            "foundation:QueryLogs": 1,
            "foundation:DnsFirewall": 1,
            "foundation:Database": 1,
            "foundation:Registry": 1,
            "foundation:Rotator": 1,
            "foundation:Certificate": 1,
            "foundation:GeneratedSecret": 3,
            "foundation:SecretReaders": 4,
            "cluster:Cluster": 1,
            "cluster:SecurityGroups": 1,
            "cluster:ControlPlane": 1,
            "cluster:AddOns": 2,
            "cluster:PodRole": 10,
            "cluster:NodeRole": 1,
            "cluster:NodeGroups": 1,
            "cluster:Autoscaling": 1,
            "cluster:Interruptions": 1,
            "cluster:Namespaces": 1,
            "cluster:Access": 1,
            "cluster:Guardrails": 1,
            "cluster:NetworkPolicies": 1,
            "cluster:Quotas": 1,
            "cluster:Priorities": 1,
            "cluster:Admission": 1,
            "cluster:GpuMetrics": 1,
            "cluster:GpuSoftware": 1,
            "cluster:Mesh": 1,
            "cluster:MeshWebhooks": 1,
            "cluster:Monitor": 1,
            "cluster:Rollouts": 1,
            "mlops:Prometheus": 1,
            "mlops:Analyses": 1,
            "mlops:Alarms": 1,
            "mlops:Alertmanager": 1,
            "mlops:Dashboards": 1,
            "mlops:MLOps": 1,
            "mlops:MlflowServer": 1,
            "mlops:ModelRegistry": 1,
            "mlops:IncidentRecords": 1,
            "mlops:Outcomes": 1,
            "mlops:SecretDelivery": 1,
            "mlops:WorkloadIdentities": 1,
        }.items()
    }


def test_every_name_begins_with_the_stacks_own(with_egress: Recorder) -> None:
    for resource in with_egress.made:
        assert resource.name.startswith("parapet-test"), resource


def test_no_type_is_a_deprecated_one(with_egress: Recorder) -> None:
    for resource in with_egress.managed():
        package, name = resource.type.removeprefix("aws:").split("/")[0], resource.type.split(":")[-1]
        assert "V2" not in name
        # `lambda` is a word of Python's own.
        module = getattr(aws, f"{package}_" if keyword.iskeyword(package) else package)
        assert "deprecated in favor" not in (getattr(module, name).__doc__ or "")


def test_the_composition_root_stays_small_and_without_logic() -> None:
    source = (PROJECT / "__main__.py").read_text()
    assert len(source.splitlines()) <= 100
    assert not re.search(r"^\s*(if|for|while|def|class|try|with)\b", source, re.MULTILINE)


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for file in sorted((PROJECT / "platform").rglob("*.py")):
        yield from ((file, each) for each in ast.walk(ast.parse(file.read_text())))


def test_what_all_components_have_in_common_is_handed_to_none_of_them_by_itself() -> None:
    """It is one frozen value, made once: whoever is given a part of it could be given another."""
    account = {each.name for each in fields(Account)} - {"id"}
    common = {each.name for each in fields(Stack)} | account | {"account_id", "registry", "retention", "environment"}
    given = {
        (file.name, each.name): {part.target.id for part in each.body if isinstance(part, ast.AnnAssign)}  # type: ignore[attr-defined]
        for file, each in nodes()
        if isinstance(each, ast.ClassDef) and each.name.endswith("Args")
    }
    assert len(given) > 40
    # A NAT gateway is for each of the zones that it is given subnets in.
    assert {where: names & common for where, names in given.items() if names & common} == {
        ("egress.py", "EgressArgs"): {"zones"}
    }
    assert sum("stack" in names for names in given.values()) > 40
    assert Stack.__dataclass_params__.frozen  # type: ignore[attr-defined]
    made = [file.name for file, node in nodes() if isinstance(node, ast.Call) and ast.unparse(node.func) == "Stack"]
    assert made == ["settings.py"]
    assert (PROJECT / "__main__.py").read_text().count("settings.stack(") == 1


@pytest.mark.parametrize("account_id", ["", ACCOUNT_ID])
def test_the_provider_works_in_the_allowed_account_only(account_id: str) -> None:
    stack = run_with(allowedAccountId=account_id)
    (provider,) = [each for each in stack.made if each.type == PROVIDER]
    expected: Any = json.dumps([account_id]) if account_id else None
    assert provider.inputs.get("allowedAccountIds") == expected


def test_a_cluster_administrator_of_another_account_is_refused_where_the_credentials_alone_tell_which() -> None:
    nothing = Recorder()
    stranger = "arn:aws:iam::998877665544:role/deployer"
    told = rf"clusterAdministrators\[0\] is \"{stranger}\"; it must be one of the account {ACCOUNT_ID}"
    with pytest.raises(pulumi.RunError, match=told):
        run_program(nothing, clusterAdministrators=[stranger])
    assert not list(nothing.managed())


def test_a_real_stack_skips_no_check_of_the_provider(stack: Recorder) -> None:
    (provider,) = [each for each in stack.made if each.type == PROVIDER]
    # The two skips are the SDK's own defaults.
    assert set(provider.inputs) == {"region", "defaultTags", "skipCredentialsValidation", "skipRegionValidation"}
    assert provider.inputs["skipCredentialsValidation"] == "false"


@pytest.mark.plan
def test_a_local_stack_reads_its_endpoints_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, local_cluster: Callable[[str], None]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    stack = run_program(localAws=True)
    (provider,) = [each for each in stack.made if each.type == PROVIDER]
    assert "127.0.0.1" not in json.dumps(provider.inputs)
    assert provider.inputs["skipCredentialsValidation"] == "true"
    assert "skipRequestingAccountId" not in provider.inputs
    (kubernetes,) = [each for each in stack.made if each.type == KUBERNETES]
    # The SDK takes the file's name from the environment; the address in it changes from run to run.
    assert set(kubernetes.inputs) == {"kubeconfig", "enablePatchForce"}
    assert kubernetes.inputs["kubeconfig"] == os.environ["KUBECONFIG"]


@pytest.mark.parametrize("endpoint", ["", "https://sts.amazonaws.com", "http://10.0.0.1:5000", "nonsense"])
def test_a_local_stack_touches_nothing_but_a_loopback_address(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    nothing = Recorder()
    with pytest.raises(pulumi.RunError, match=r"parapet:localAws is true and AWS_ENDPOINT_URL is .*loopback address"):
        run_program(nothing, localAws=True)
    assert not nothing.made


def local_provider() -> Recorder:
    """What the program makes first, once it is not refused."""
    return record(lambda: aws_provider(Settings.parse(stack_settings(localAws=True))))


@pytest.mark.parametrize("endpoint", ["http://localhost:5000", "http://127.0.0.1:5000", "http://[::1]:5000"])
def test_every_loopback_address_will_do(
    monkeypatch: pytest.MonkeyPatch, local_cluster: Callable[[str], None], endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert local_provider().made


@pytest.mark.parametrize("server", ["https://eks.example.com", "https://10.0.0.1:6443", ""])
def test_a_local_stack_touches_no_cluster_but_one_on_this_machine_or_one_that_the_user_named(
    monkeypatch: pytest.MonkeyPatch, local_cluster: Callable[[str], None], server: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    local_cluster(server)
    nothing = Recorder()
    with pytest.raises(pulumi.RunError, match=r"parapet:localAws is true and KUBECONFIG leads to .*loopback address"):
        run_program(nothing, localAws=True)
    monkeypatch.setenv("PARAPET_KUBECONFIG", "/another/one")
    with pytest.raises(pulumi.RunError, match="KUBECONFIG leads to "):
        run_program(nothing, localAws=True)
    assert not nothing.made
    monkeypatch.setenv("PARAPET_KUBECONFIG", os.environ["KUBECONFIG"])
    assert local_provider().made


def test_a_local_stack_without_a_cluster_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(pulumi.RunError, match=r"KUBECONFIG is not set; .* \./parapet up"):
        run_program(localAws=True)


def test_a_real_stack_reaches_its_cluster_with_a_token_from_iam_and_keeps_no_secret(stack: Recorder) -> None:
    (provider,) = [each for each in stack.made if each.type == KUBERNETES]
    config = json.loads(provider.inputs["kubeconfig"])
    (cluster,), (user,) = config["clusters"], config["users"]
    assert cluster["cluster"] == {"server": "https://eks.test", "certificate-authority-data": "Q0E="}
    assert set(user["user"]) == {"exec"}
    command = [user["user"]["exec"]["command"], *user["user"]["exec"]["args"]]
    assert " ".join(command) == "aws eks get-token --cluster-name parapet-test --region us-east-1"


def test_one_provider_makes_everything_in_the_cluster(stack: Recorder) -> None:
    in_cluster = [each for each in stack.made if each.type.startswith("kubernetes:")]
    assert in_cluster
    for resource in in_cluster:
        assert f"{KUBERNETES}::parapet-test::" in resource.provider, resource


def test_a_region_with_too_few_zones_is_refused_by_name() -> None:
    with pytest.raises(pulumi.RunError, match=r"parapet:zones is 3; the Region us-east-1 offers 2 Availability Zones"):
        run_program(Recorder(zones={"us-east-1a": "use1-az1", "us-east-1b": "use1-az2"}))


@pytest.mark.plan
def test_zones_are_chosen_by_their_ids_and_none_that_eks_refuses_is_among_them() -> None:
    # The letters of this account put the zone without EKS in the midst, and the first by id last.
    zones = {"us-east-1a": "use1-az6", "us-east-1b": "use1-az3", "us-east-1c": "use1-az2", "us-east-1d": "use1-az1"}
    subnets = run_program(Recorder(zones=zones)).of("ec2/subnet:Subnet")
    assert {each.inputs["availabilityZone"] for each in subnets} == {"us-east-1a", "us-east-1c", "us-east-1d"}
    private = [each.inputs["availabilityZone"] for each in subnets if "-private-" in each.name]
    assert private == ["us-east-1d", "us-east-1c", "us-east-1a"]


def test_a_region_whose_zones_without_eks_leave_too_few_is_refused() -> None:
    zones = {"us-east-1a": "use1-az1", "us-east-1b": "use1-az2", "us-east-1e": "use1-az3"}
    with pytest.raises(pulumi.RunError, match=r"offers 2 Availability Zones .*EKS.*use1-az3"):
        run_program(Recorder(zones=zones))
