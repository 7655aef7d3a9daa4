"""The stack as the real engine provisions it, through the stand-in for the AWS provider, on a local AWS API."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from cli import filling
from cluster.gpu_instances import GPU_INSTANCES
from cluster.images import LOCK
from foundation.data_class import TAG
from local import aws, processes, registry, toolchain
from local.aws import server
from local.engine.run import WRITTEN_ONCE
from local.workspace import Workspace
from tests.engine import Engine
from tests.platform import kubernetes_echo
from tests.platform.project import copy_project
from tests.warm import Warm

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("provisioned")]

KUBECONFIG = """
clusters: [{name: local, cluster: {server: "https://127.0.0.1:6443"}}]
contexts: [{name: local, context: {cluster: local, user: local}}]
current-context: local
"""
CONFIG = """
config:
  parapet:environment: test
  parapet:owner: team@example.com
  parapet:costCenter: "42"
  parapet:localAws: "true"
  parapet:protect: "false"
  parapet:pipelines: "true"
  parapet:gpuGroups:
    - {name: inference, instanceTypes: [g6.xlarge, g6.2xlarge], min: 1, max: 4, sharing: "time-slicing:4"}
    - {name: training, instanceTypes: [p5.48xlarge], max: 2, capacity: spot, efa: true, zones: [us-east-1b]}
    - {name: steady, instanceTypes: [p4d.24xlarge], min: 2, max: 2, capacity: cr-0123456789abcde, sharing: "mig:1g.5gb"}
"""


class Stack:
    """A stack of its own, with an AWS API of its own."""

    def __init__(self, warm: Warm, folder: Path) -> None:
        self.workspace = Workspace(home=folder / "home")
        self.api, _ = server.ensure(self.workspace, None)
        toolchain.ensure(self.workspace)
        self.registry, _ = registry.ensure(self.workspace)
        filling.fill(self.workspace, registry.at(self.workspace, self.registry), "parapet-test")
        aws.install(self.workspace.pulumi_home("stand-in"), warm.python)
        kubernetes_echo.install(self.workspace.pulumi_home("stand-in"), warm.python)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG)
        variables = {
            "AWS_ENDPOINT_URL": server.endpoint(self.api),
            "KUBECONFIG": str(kubeconfig),
            LOCK: str(self.workspace.images_lock),
        }
        self.engine = Engine(warm.bin, self.workspace.home, variables, python=warm.python)
        self.workspace.state.mkdir(parents=True, exist_ok=True)
        self.project = copy_project(folder / "project", warm)
        self.engine.init(self.project, "test")
        with (self.project / "Pulumi.test.yaml").open("a") as settings:
            settings.write(CONFIG)

    def __call__(self, *arguments: str, **variables: str) -> str:
        """What `pulumi ARGUMENTS` prints; fails with what it said."""
        run = self.engine(self.project, *arguments, "--non-interactive", **variables)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def resources(self) -> list[dict[str, Any]]:
        """As the backend has them. A file: asking the engine costs a second."""
        state = json.loads((self.workspace.state / ".pulumi" / "stacks" / "parapet" / "test.json").read_text())
        found: list[dict[str, Any]] = state["checkpoint"]["latest"]["resources"]
        return found

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=server.endpoint(self.api),
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def close(self) -> None:
        processes.stop(self.workspace.run, self.api)
        registry.forget(self.workspace)


@pytest.fixture(scope="module")
def stack(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(warm, tmp_path_factory.mktemp("provisioned"))
    try:
        stack("up", "--yes", "--skip-preview", **WRITTEN_ONCE)
        yield stack
    finally:
        stack.close()


def test_a_second_up_changes_nothing_whichever_way_the_endpoint_is_spelt(stack: Stack) -> None:
    other = f"http://localhost:{stack.api.port}"
    stack("up", "--yes", "--skip-preview", "--expect-no-changes", AWS_ENDPOINT_URL=other)


def test_a_refresh_finds_no_drift(stack: Stack) -> None:
    stack("refresh", "--preview-only", "--expect-no-changes")


def test_what_opens_the_registry_is_nowhere_in_the_state(stack: Stack) -> None:
    (told,) = stack.client("ecr").get_authorization_token()["authorizationData"]
    password = base64.b64decode(told["authorizationToken"]).decode().partition(":")[2]
    state = stack("stack", "export", "--show-secrets")
    assert password
    assert "oci://" not in state, "a chart's inputs are in no state"
    assert password not in state


def test_everything_that_can_be_tagged_carries_the_four_tags(stack: Stack) -> None:
    tagged = [each for each in stack.resources() if "tagsAll" in each.get("outputs", {})]
    assert len(tagged) > 30
    for resource in tagged:
        assert {TAG, "Owner", "Environment", "CostCenter"} <= set(resource["outputs"]["tagsAll"]), resource["urn"]


def test_the_keys_are_there_for_any_client_and_rotate(stack: Stack) -> None:
    kms = stack.client("kms")
    aliases = {each["AliasName"]: each.get("TargetKeyId") for each in kms.list_aliases()["Aliases"]}
    for name in ("phi", "artifacts", "logs", "secrets", "cluster"):
        key = aliases[f"alias/parapet-test-{name}"]
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
        assert {"TagKey": TAG, "TagValue": name} in kms.list_resource_tags(KeyId=key)["Tags"]


def test_the_audit_bucket_locks_whatever_any_client_puts_there(stack: Stack) -> None:
    s3 = stack.client("s3")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("parapet-test-audit-")]
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (lock["ObjectLockEnabled"], retention["Mode"], retention["Years"]) == ("Enabled", "COMPLIANCE", 6)


def test_the_cluster_is_there_for_any_client_private_encrypted_and_logged(stack: Stack) -> None:
    cluster = stack.client("eks").describe_cluster(name="parapet-test")["cluster"]
    assert (cluster["version"], cluster["status"]) == ("1.36", "ACTIVE")
    network = cluster["resourcesVpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)
    keys = {each["AliasName"]: each.get("TargetKeyId") for each in stack.client("kms").list_aliases()["Aliases"]}
    assert cluster["encryptionConfig"][0]["provider"]["keyArn"].endswith(keys["alias/parapet-test-cluster"])
    logged = [set(each["types"]) for each in cluster["logging"]["clusterLogging"] if each["enabled"]]
    assert logged == [{"api", "audit", "authenticator", "controllerManager", "scheduler"}]


def test_the_database_is_there_for_any_client_with_a_password_that_only_secrets_manager_has(stack: Stack) -> None:
    databases = stack.client("rds").describe_db_instances()["DBInstances"]
    names = {each["DBInstanceIdentifier"]: each["DBName"] for each in databases}
    assert names == {"parapet-test-mlflow": "mlflow", "parapet-test-pipelines": "mlpipeline"}
    secrets, state = stack.client("secretsmanager"), stack("stack", "export", "--show-secrets")
    for database in databases:
        assert (database["StorageEncrypted"], database["PubliclyAccessible"]) == (True, False)
        assert database["IAMDatabaseAuthenticationEnabled"] is True
        held = json.loads(secrets.get_secret_value(SecretId=database["MasterUserSecret"]["SecretArn"])["SecretString"])
        assert held["password"]
        assert held["password"] not in state


def test_the_certificate_comes_from_an_authority_that_works(stack: Stack) -> None:
    acm = stack.client("acm")
    (listed,) = acm.list_certificates()["CertificateSummaryList"]
    certificate = acm.describe_certificate(CertificateArn=listed["CertificateArn"])["Certificate"]
    assert certificate["DomainName"] == "*.parapet.internal"
    authority = stack.client("acm-pca").describe_certificate_authority(
        CertificateAuthorityArn=certificate["CertificateAuthorityArn"]
    )["CertificateAuthority"]
    assert (authority["Type"], authority["Status"]) == ("ROOT", "ACTIVE")


def test_what_must_come_first_does(stack: Stack) -> None:
    waits_for = {each["urn"]: set(each.get("dependencies", [])) for each in stack.resources()}

    def named(kind: str, name: str) -> str:
        (only,) = [urn for urn in waits_for if f"${kind}::" in urn and urn.endswith(f"::{name}")]
        return only

    cluster = waits_for[named("aws:eks/cluster:Cluster", "parapet-test")]
    # EKS would make the log group by itself, without a key.
    assert named("aws:cloudwatch/logGroup:LogGroup", "parapet-test-control-plane") in cluster
    assert named("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "parapet-test-control-plane") in cluster
    nodes = waits_for[named("aws:eks/nodeGroup:NodeGroup", "parapet-test-system")]
    for add_on in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent"):
        assert named("aws:eks/addon:Addon", f"parapet-test-networking-{add_on}") in nodes
    agent = waits_for[named("aws:eks/addon:Addon", "parapet-test-services-amazon-cloudwatch-observability")]
    assert named("aws:cloudwatch/logGroup:LogGroup", "parapet-test-containers-application") in agent
    assert named("aws:eks/nodeGroup:NodeGroup", "parapet-test-system") in agent
    database = waits_for[named("aws:rds/instance:Instance", "parapet-test-mlflow")]
    # RDS would make its log groups likewise.
    for export in ("postgresql", "upgrade"):
        assert named("aws:cloudwatch/logGroup:LogGroup", f"parapet-test-mlflow-{export}") in database
    pool = waits_for[named("kubernetes:karpenter.sh/v1:NodePool", "parapet-test-inference-pool")]
    assert named("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "parapet-test-inference-class") in pool


def test_each_group_has_its_least_number_of_nodes_and_all_but_the_workloads_a_taint(stack: Stack) -> None:
    eks = stack.client("eks")
    groups = {}
    for name in eks.list_nodegroups(clusterName="parapet-test")["nodegroups"]:
        group = eks.describe_nodegroup(clusterName="parapet-test", nodegroupName=name)["nodegroup"]
        groups[name.removeprefix("parapet-test-").rpartition("-")[0]] = group
    assert {name: each["scalingConfig"]["desiredSize"] for name, each in groups.items()} == {
        "system": 3,
        "workload": 2,
        "inference": 1,
        "training": 0,
        "steady": 2,
    }
    for name, group in groups.items():
        taints = [(each["key"], each["value"], each["effect"]) for each in group.get("taints", [])]
        key = {"system": "parapet.dev/system", "workload": None}.get(name, "nvidia.com/gpu")
        assert taints == ([(key, "true", "NO_SCHEDULE")] if key else [])
        assert group["releaseVersion"] == "1.36.3-20260903"


def test_every_launch_template_asks_for_imdsv2_encrypted_volumes_and_no_key_pair(stack: Stack) -> None:
    ec2 = stack.client("ec2")
    templates = ec2.describe_launch_templates()["LaunchTemplates"]
    assert len(templates) == 6  # five groups of nodes, and the operators' host
    for template in templates:
        (version,) = ec2.describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        data = version["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert all(each["Ebs"]["Encrypted"] and each["Ebs"]["KmsKeyId"] for each in data["BlockDeviceMappings"])
        assert "KeyName" not in data
        assert data["Monitoring"] == {"Enabled": True}


def test_the_facts_about_gpu_instances_are_those_that_ec2_tells(stack: Stack) -> None:
    pages = stack.client("ec2").get_paginator("describe_instance_types").paginate()
    told = {each["InstanceType"]: each for page in pages for each in page["InstanceTypes"] if "GpuInfo" in each}
    whole = {name for name, each in told.items() if each["GpuInfo"]["Gpus"][0]["Count"]}
    assert whole == set(GPU_INSTANCES)
    for name, known in GPU_INSTANCES.items():
        gpu, network = told[name]["GpuInfo"]["Gpus"][0], told[name]["NetworkInfo"]
        assert gpu["Manufacturer"] == "NVIDIA"
        assert (gpu["Name"], gpu["Count"]) == (known.model, known.gpus)
        assert gpu["MemoryInfo"]["SizeInMiB"] == known.memory
        assert told[name]["VCpuInfo"]["DefaultVCpus"] == known.vcpus
        assert told[name]["MemoryInfo"]["SizeInMiB"] == known.ram
        assert len(network["NetworkCards"]) == known.cards
        assert network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0) == known.efa


def test_an_autoscaler_finds_on_the_scaling_group_what_a_node_would_have(stack: Stack) -> None:
    tags = stack.client("autoscaling").describe_tags()["Tags"]
    prefix = "k8s.io/cluster-autoscaler/node-template"
    shown = {each["Value"] for each in tags if each["Key"] == f"{prefix}/resources/nvidia.com/gpu"}
    # A GPU shared by four, eight GPUs whole, eight GPUs in seven partitions each.
    assert shown == {"4", "8", "56"}


def test_another_account_than_the_allowed_one_is_told_without_a_stack_trace(stack: Stack) -> None:
    stack("config", "set", "parapet:allowedAccountId", "111122223333", "--stack", "test")
    try:
        refused = stack.engine(stack.project, "preview", "--non-interactive")
    finally:
        stack("config", "rm", "parapet:allowedAccountId", "--stack", "test")
    assert refused.returncode != 0
    assert "The AWS account cannot be read: " in refused.stdout
    assert "Check the credentials, parapet:region and parapet:allowedAccountId." in refused.stdout
    assert "Traceback" not in refused.stdout


def test_with_protection_the_engine_refuses_to_delete_keys_buckets_logs_and_the_cluster(stack: Stack) -> None:
    stack("config", "set", "parapet:protect", "true", "--stack", "test")
    try:
        steps = json.loads(stack("preview", "--json"))["steps"]
    finally:
        stack("config", "set", "parapet:protect", "false", "--stack", "test")
    protected = {step["newState"]["type"] for step in steps if step["newState"].get("protect")}
    assert protected == {
        "aws:kms/key:Key",
        "aws:s3/bucket:Bucket",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:eks/cluster:Cluster",
        "aws:rds/instance:Instance",
        "aws:ecr/repository:Repository",
        "aws:acmpca/certificateAuthority:CertificateAuthority",
        "aws:secretsmanager/secret:Secret",
        "kubernetes:core/v1:Namespace",  # with all that is in it
    }


def test_asking_for_egress_and_taking_it_back_replaces_nothing(stack: Stack) -> None:
    def changes() -> set[str]:
        """What an update did to AWS's resources; a component's own inputs are no resource."""
        told = map(json.loads, stack("up", "--yes", "--skip-preview", "--json", **WRITTEN_ONCE).splitlines())
        steps = [event["resourcePreEvent"]["metadata"] for event in told if "resourcePreEvent" in event]
        return {step["op"] for step in steps if "$aws:" in step["urn"]} - {"same"}

    ec2 = stack.client("ec2")
    stack("config", "set", "parapet:egress", "true", "--stack", "test")
    assert changes() == {"create"}
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 3
    stack("config", "rm", "parapet:egress", "--stack", "test")
    assert changes() == {"delete"}
    assert not [nat for nat in ec2.describe_nat_gateways()["NatGateways"] if nat["State"] != "deleted"]
    own = stack.client("sts").get_caller_identity()["Account"]
    assert not [g for g in ec2.describe_internet_gateways()["InternetGateways"] if g["OwnerId"] == own and g["Tags"]]


def test_a_destroy_leaves_nothing_but_the_accounts_own_roles(stack: Stack) -> None:
    stack("destroy", "--yes", "--skip-preview", **WRITTEN_ONCE)
    assert stack.client("s3").list_buckets()["Buckets"] == []
    assert all(vpc["IsDefault"] for vpc in stack.client("ec2").describe_vpcs()["Vpcs"])
    assert stack.client("logs").describe_log_groups()["logGroups"] == []
    # A service-linked role is the account's, and other stacks run through it.
    assert {role["Path"].split("/")[1] for role in stack.client("iam").list_roles()["Roles"]} == {"aws-service-role"}
    assert stack.client("eks").list_clusters()["clusters"] == []
    assert stack.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
    assert stack.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert stack.client("rds").describe_db_instances()["DBInstances"] == []
    assert stack.client("ecr").describe_repositories()["repositories"] == []
    assert stack.client("lambda").list_functions()["Functions"] == []
    assert "QueueUrls" not in stack.client("sqs").list_queues()
