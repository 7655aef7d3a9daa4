"""Programs over data and applications; `LATER` tells how they are first and how they are afterwards."""

DATA = """
lake = aws.s3.Bucket("lake", force_destroy=True)
role = aws.iam.Role("data", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}]}))
stream = aws.kinesis.Stream("events", shard_count=2 if LATER else 1, retention_period=48, tags={"a": "b"})
aws.kinesis.FirehoseDeliveryStream("events", destination="extended_s3", extended_s3_configuration={
    "role_arn": role.arn, "bucket_arn": lake.arn, "buffering_size": 128 if LATER else 64, "buffering_interval": 60,
    "compression_format": "GZIP"}, server_side_encryption={"enabled": True})
database = aws.glue.CatalogDatabase("lake", name="lake", description="two" if LATER else "one")
aws.glue.CatalogTable("events", name="events", database_name=database.name, table_type="EXTERNAL_TABLE",
    parameters={"EXTERNAL": "TRUE"}, partition_keys=[{"name": "day", "type": "string"}], storage_descriptor={
    "location": lake.bucket.apply("s3://{}/events".format), "columns": [
        {"name": "id", "type": "string"}, {"name": "value", "type": "double" if LATER else "int"}]})
aws.glue.Job("clean", role_arn=role.arn, glue_version="4.0", worker_type="G.1X", number_of_workers=3 if LATER else 2,
    command={"script_location": lake.bucket.apply("s3://{}/clean.py".format)}, tags={"a": "b"})
aws.glue.Crawler("lake", database_name=database.name, role=role.arn, schedule="cron(0 3 * * ? *)",
    s3_targets=[{"path": lake.bucket.apply("s3://{}/events".format)}], description="two" if LATER else "one")
aws.glue.SecurityConfiguration("lake", encryption_configuration={"s3_encryption": {"s3_encryption_mode": "SSE-S3"},
    "cloudwatch_encryption": {}, "job_bookmarks_encryption": {}})
aws.athena.Workgroup("science", description="two" if LATER else "one", force_destroy=True, configuration={
    "result_configuration": {"output_location": lake.bucket.apply("s3://{}/out/".format),
    "encryption_configuration": {"encryption_option": "SSE_S3"}}})
model = aws.sagemaker.Model("model", execution_role_arn=role.arn, primary_container={
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/model:1"})
settings = aws.sagemaker.EndpointConfiguration("model", production_variants=[{"variant_name": "all",
    "model_name": model.name, "instance_type": "ml.m5.large", "initial_instance_count": 2 if LATER else 1}])
aws.sagemaker.Endpoint("model", name="model", endpoint_config_name=settings.name, tags={"a": "b"})
aws.sagemaker.NotebookInstance("lab", role_arn=role.arn, instance_type="ml.t3.large" if LATER else "ml.t3.medium")
"""

APPS = """
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
subnets = [aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24") for i in range(2)]
transit = aws.ec2transitgateway.TransitGateway("t", description="two" if LATER else "one", tags={"a": "b"},
    default_route_table_association="disable", default_route_table_propagation="disable")
attachment = aws.ec2transitgateway.VpcAttachment("t", transit_gateway_id=transit.id, vpc_id=vpc.id,
    subnet_ids=[one.id for one in (subnets if LATER else subnets[:1])], tags={"a": "b"})
routes = aws.ec2transitgateway.RouteTable("t", transit_gateway_id=transit.id)
aws.ec2transitgateway.RouteTableAssociation("t", transit_gateway_attachment_id=attachment.id,
    transit_gateway_route_table_id=routes.id)
aws.ec2transitgateway.Route("t", destination_cidr_block="0.0.0.0/0", transit_gateway_attachment_id=attachment.id,
    transit_gateway_route_table_id=routes.id)
cluster = aws.ecs.Cluster("c", settings=[{"name": "containerInsights", "value": "enabled" if LATER else "disabled"}])
task = aws.ecs.TaskDefinition("app", family="app", cpu="256", memory="512", network_mode="awsvpc",
    requires_compatibilities=["FARGATE"], container_definitions=json.dumps([{"name": "app", "essential": True,
    "image": "nginx:2" if LATER else "nginx:1", "portMappings": [{"containerPort": 80}]}]))
aws.ecs.Service("app", cluster=cluster.arn, task_definition=task.arn, desired_count=3 if LATER else 2,
    launch_type="FARGATE", network_configuration={"subnets": [one.id for one in subnets]}, tags={"a": "b"})
names = aws.servicediscovery.PrivateDnsNamespace("n", name="app.local", vpc=vpc.id)
aws.servicediscovery.Service("api", name="api", dns_config={"namespace_id": names.id,
    "dns_records": [{"ttl": 20 if LATER else 10, "type": "A"}]})
pool = aws.cognito.UserPool("users", deletion_protection="INACTIVE", password_policy={"minimum_length": 12,
    "require_lowercase": True}, auto_verified_attributes=["email"], tags={"a": "c" if LATER else "b"})
client = aws.cognito.UserPoolClient("web", user_pool_id=pool.id, generate_secret=True,
    explicit_auth_flows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
api = aws.apigateway.RestApi("api", description="two" if LATER else "one", endpoint_configuration={"types": "REGIONAL"})
thing = aws.apigateway.Resource("thing", rest_api=api.id, parent_id=api.root_resource_id, path_part="thing")
get = aws.apigateway.Method("get", rest_api=api.id, resource_id=thing.id, http_method="GET", authorization="AWS_IAM")
mock = aws.apigateway.Integration("get", rest_api=api.id, resource_id=thing.id, http_method="GET", type="MOCK",
    request_templates={"application/json": "{}"}, opts=pulumi.ResourceOptions(depends_on=[get]))
deployment = aws.apigateway.Deployment("api", rest_api=api.id, triggers={"at": "2" if LATER else "1"},
    opts=pulumi.ResourceOptions(depends_on=[mock]))
aws.apigateway.Stage("prod", rest_api=api.id, deployment=deployment.id, stage_name="prod", variables={"a": "b"})
http = aws.apigatewayv2.Api("http", protocol_type="HTTP", description="two" if LATER else "one", tags={"a": "b"})
aws.apigatewayv2.Stage("http", api_id=http.id, name="$default", auto_deploy=True)
aws.resourcegroups.Group("all", description="two" if LATER else "one", resource_query={"query": json.dumps({
    "ResourceTypeFilters": ["AWS::AllSupported"], "TagFilters": [{"Key": "a", "Values": ["b"]}]})})
aws.grafana.Workspace("board", account_access_type="CURRENT_ACCOUNT", authentication_providers=["SAML"],
    permission_type="SERVICE_MANAGED")
"""
