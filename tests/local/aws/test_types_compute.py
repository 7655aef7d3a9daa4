"""Computing and databases through the real engine: made, kept, changed, replaced, found changed, removed."""

from __future__ import annotations

import json

import pytest

from .conftest import LocalAws, Stack
from .programs_compute import DATABASES, KUBERNETES, NETWORK, SERVERS

pytestmark = pytest.mark.engine


def _filled(program: str, **words: object) -> str:
    for word, value in words.items():
        program = program.replace(word, str(value))
    return program


def test_clusters_their_nodes_and_their_images(stack: Stack, local_aws: LocalAws) -> None:
    first = {"LOG": "authenticator", "MOST": 3, "POOL": "a", "INSTANCE": "m5.large", "SCAN": True}
    eks, ecr, ec2 = (local_aws.client(one) for one in ("eks", "ecr", "ec2"))
    stack.program(_filled(KUBERNETES, **first))
    stack.settle()
    before = stack.resources()
    cluster = eks.describe_cluster(name="main")["cluster"]
    assert cluster["resourcesVpcConfig"]["endpointPublicAccess"] is False
    assert {"types": ["api", "audit", "authenticator"], "enabled": True} in cluster["logging"]["clusterLogging"]
    said = json.loads(stack.run("stack", "output", "--json"))
    assert said == {"user": "AWS", "issuer": cluster["identity"]["oidc"]["issuer"], "seen": "1.31"}
    own = before["c"]["outputs"]["vpcConfig"]["clusterSecurityGroupId"]
    assert ec2.describe_security_groups(GroupIds=[own])["SecurityGroups"][0]["IpPermissions"]

    stack.program(_filled(KUBERNETES, **first | {"MOST": 5, "POOL": "b", "LOG": "scheduler", "SCAN": False}))
    assert "replace" not in stack.run("preview", "--diff")
    stack.settle()
    nodes = eks.describe_nodegroup(clusterName="main", nodegroupName=before["n"]["outputs"]["nodeGroupName"])[
        "nodegroup"
    ]
    assert (nodes["scalingConfig"]["maxSize"], nodes["labels"]) == (5, {"pool": "b"})
    found = ecr.describe_repositories(repositoryNames=["team/app"])["repositories"][0]
    assert found["imageScanningConfiguration"] == {"scanOnPush": False}

    stack.program(_filled(KUBERNETES, **first | {"INSTANCE": "m5.xlarge"}))
    stack.up()
    after = stack.resources()
    assert {name for name in before if before[name]["id"] != after[name]["id"]} == {"n"}

    eks.update_cluster_config(name="main", resourcesVpcConfig={"endpointPublicAccess": True})
    ecr.delete_lifecycle_policy(repositoryName="team/app")
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert all(sign in said for sign in ("endpointPublicAccess", "LifecyclePolicy"))
    stack.settle()
    assert eks.describe_cluster(name="main")["cluster"]["resourcesVpcConfig"]["endpointPublicAccess"] is False

    stack.run("destroy", "--yes", "--skip-preview")
    assert eks.list_clusters()["clusters"] == []
    assert not [one for one in ec2.describe_security_groups()["SecurityGroups"] if one["GroupName"].startswith("eks")]


def test_databases_keep_their_passwords_to_themselves(stack: Stack, local_aws: LocalAws) -> None:
    first = {"LOGGED": 1, "KEPT": 7, "PASSWORD": "not-to-be-seen", "INDEXED": "by", "TEXT": "one"}
    rds, dynamodb = local_aws.client("rds"), local_aws.client("dynamodb")
    stack.program(_filled(DATABASES, **first))
    stack.settle()
    before = stack.resources()
    db = rds.describe_db_instances(DBInstanceIdentifier="app")["DBInstances"][0]
    assert (db["MultiAZ"], db["StorageEncrypted"], db["BackupRetentionPeriod"]) == (True, True, 7)
    told = json.loads(stack.run("stack", "output", "--json"))
    assert told["secret"] == db["MasterUserSecret"]["SecretArn"]
    assert told["endpoint"] == f"localhost:{db['Endpoint']['Port']}"
    assert "not-to-be-seen" not in stack.run("stack", "export")

    stack.program(_filled(DATABASES, **first | {"KEPT": 14, "LOGGED": 0, "PASSWORD": "also-not-seen", "TEXT": "two"}))
    said = stack.run("preview", "--diff")
    assert "replace" not in said
    assert "not-seen" not in said
    stack.settle()
    assert rds.describe_db_instances(DBInstanceIdentifier="app")["DBInstances"][0]["BackupRetentionPeriod"] == 14
    table = before["t"]["id"]
    item = dynamodb.get_item(TableName=table, Key={"id": {"S": "x"}, "at": {"N": "1"}})["Item"]
    assert item["text"] == {"S": "two"}

    stack.program(
        _filled(DATABASES, **first | {"INDEXED": "other"}).replace(
            '"app", engine="postgres"', '"app2", engine="postgres"'
        )
    )
    stack.up()
    stack.unchanged()
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert [one["IndexName"] for one in described["GlobalSecondaryIndexes"]] == ["other-index"]
    # A database is renamed in place.
    assert [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]].count("app2") == 1
    assert stack.resources()["t"]["id"] == table

    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    rds.modify_db_instance(DBInstanceIdentifier="app2", BackupRetentionPeriod=1)
    said = stack.run("refresh", "--yes", "--diff")
    assert all(sign in said for sign in ("pointInTimeRecovery", "backupRetentionPeriod"))
    stack.up()
    stack.unchanged()
    stack.run("destroy", "--yes", "--skip-preview")
    assert rds.describe_db_instances()["DBInstances"] + rds.describe_db_clusters()["DBClusters"] == []
    assert dynamodb.list_tables()["TableNames"] == local_aws.client("efs").describe_file_systems()["FileSystems"] == []


def test_servers_and_what_is_before_them(stack: Stack, local_aws: LocalAws) -> None:
    first = {"INSTANCE": "t3.micro", "SAID": "hi", "SIZE": 10, "IDLE": 60, "PORT": 80, "VARIABLE": "unseen-value"}
    ec2, elb, functions = (local_aws.client(one) for one in ("ec2", "elbv2", "lambda"))
    stack.program(_filled(SERVERS, **first))
    stack.settle()
    before = stack.resources()
    name = before["f"]["id"]
    assert "unseen-value" not in stack.run("stack", "export")
    assert functions.get_function(FunctionName=name)["Configuration"]["Environment"]["Variables"] == {
        "SAYS": "unseen-value"
    }

    stack.program(_filled(SERVERS, **first | {"INSTANCE": "t3.large", "SAID": "ho", "SIZE": 20, "IDLE": 120}))
    assert "replace" not in stack.run("preview", "--diff")
    stack.settle()
    found = ec2.describe_instances(InstanceIds=[before["server"]["id"]])["Reservations"][0]["Instances"][0]
    assert (found["InstanceType"], found["State"]["Name"]) == ("t3.large", "running")
    code = functions.get_function(FunctionName=name)["Configuration"]["CodeSha256"]
    assert code != before["f"]["outputs"]["sourceCodeHash"]
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=before["front"]["id"])["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "120"} in attributes
    stack.program(_filled(SERVERS, **first | {"PORT": 8080}))
    stack.up()
    stack.unchanged()
    after = stack.resources()
    assert {one for one in before if before[one]["id"] != after[one]["id"]} == {"target"}

    elb.modify_target_group(TargetGroupArn=after["target"]["id"], HealthCheckPath="/other")
    ec2.delete_network_acl_entry(NetworkAclId=after["acl"]["id"], RuleNumber=100, Egress=False)
    functions.update_function_configuration(FunctionName=name, Timeout=5)
    said = stack.run("refresh", "--yes", "--diff")
    assert all(sign in said for sign in ("/other", "ingress", "timeout"))
    stack.up()
    stack.unchanged()
    assert functions.get_function(FunctionName=name)["Configuration"]["Timeout"] == 30
    stack.run("destroy", "--yes", "--skip-preview")
    states = [one["State"]["Name"] for many in ec2.describe_instances()["Reservations"] for one in many["Instances"]]
    assert set(states) == {"terminated"}
    assert elb.describe_load_balancers()["LoadBalancers"] == functions.list_functions()["Functions"] == []


def test_a_fifth_of_all_answers_being_503_does_no_harm(stack: Stack, faulty_aws: LocalAws, local_aws: LocalAws) -> None:
    filled = [
        _filled(KUBERNETES, LOG="scheduler", MOST=3, POOL="a", INSTANCE="m5.large", SCAN=True),
        _filled(DATABASES, LOGGED=1, KEPT=7, PASSWORD="long-enough", INDEXED="by", TEXT="one"),
        _filled(SERVERS, INSTANCE="t3.micro", SAID="hi", SIZE=10, IDLE=60, PORT=80, VARIABLE="x"),
    ]
    # In one network, which each of them begins with.
    stack.program(NETWORK + "".join(each.removeprefix(NETWORK) for each in filled))
    stack.endpoint = faulty_aws.url
    stack.up()
    stack.run("destroy", "--yes", "--skip-preview")
    stack.endpoint = local_aws.url
    stack.up()
    stack.unchanged()
