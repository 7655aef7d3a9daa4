"""Data and applications through the real engine: made, kept, changed, found changed, removed."""

from __future__ import annotations

import pytest

from .conftest import LocalAws, Stack
from .programs_apps import APPS, DATA

pytestmark = pytest.mark.engine


def test_data(stack: Stack, local_aws: LocalAws) -> None:
    glue, kinesis, sagemaker = (local_aws.client(one) for one in ("glue", "kinesis", "sagemaker"))
    stack.program("LATER = False" + DATA)
    stack.settle()
    before = stack.resources()
    stack.program("LATER = True" + DATA)
    stack.settle()
    after = stack.resources()
    table = glue.get_table(DatabaseName="lake", Name="events")["Table"]
    assert table["StorageDescriptor"]["Columns"][1]["Type"] == "double"
    assert glue.get_job(JobName=after["clean"]["id"])["Job"]["NumberOfWorkers"] == 3
    assert after["clean"]["id"] == before["clean"]["id"]
    name = kinesis.list_streams()["StreamNames"][0]
    assert kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["RetentionPeriodHours"] == 48
    variant = sagemaker.describe_endpoint(EndpointName="model")["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=variant)["ProductionVariants"]
    assert variants[0]["InitialInstanceCount"] == 2
    glue.update_database(Name="lake", DatabaseInput={"Name": "lake", "Description": "tampered"})
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert "tampered" in said
    assert "retentionPeriod" in said
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
    assert kinesis.list_streams()["StreamNames"] == []
    assert glue.get_databases()["DatabaseList"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_applications(stack: Stack, local_aws: LocalAws) -> None:
    ec2, ecs, gateway = (local_aws.client(one) for one in ("ec2", "ecs", "apigateway"))
    stack.program("LATER = False" + APPS)
    stack.settle()
    stack.program("LATER = True" + APPS)
    stack.settle()
    transit = ec2.describe_transit_gateways()["TransitGateways"][0]
    assert transit["Description"] == "two"
    assert len(ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"][0]["SubnetIds"]) == 2
    cluster = ecs.list_clusters()["clusterArns"][0]
    services = ecs.list_services(cluster=cluster)["serviceArns"]
    service = ecs.describe_services(cluster=cluster, services=services)["services"][0]
    assert service["desiredCount"] == 3
    assert service["taskDefinition"].endswith(":2")
    api = gateway.get_rest_apis()["items"][0]
    stage = gateway.get_stage(restApiId=api["id"], stageName="prod")
    assert len(gateway.get_deployments(restApiId=api["id"])["items"]) == 1
    assert stage["deploymentId"] == gateway.get_deployments(restApiId=api["id"])["items"][0]["id"]
    ecs.update_service(cluster=cluster, service=services[0], desiredCount=1)
    assert "desiredCount" in stack.run("refresh", "--yes", "--diff")
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
    # A deleted cluster can be seen for a while.
    assert ecs.describe_clusters(clusters=[cluster])["clusters"][0]["status"] == "INACTIVE"
    assert gateway.get_rest_apis()["items"] == []
    assert local_aws.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"] == []
