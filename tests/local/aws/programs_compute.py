"""Programs over computing and databases, as users write them; upper-case words are what a test changes."""

NETWORK = """
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
zones = aws.get_availability_zones(state="available")
subnets = [aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24", availability_zone=zones.names[i])
           for i in range(2)]
ids = [one.id for one in subnets]
group = aws.ec2.SecurityGroup("web", vpc_id=vpc.id)
key = aws.kms.Key("k")
def role(name):
    statement = {"Effect": "Allow", "Principal": {"Service": f"{name}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return aws.iam.Role(name, assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
"""

KUBERNETES = (
    NETWORK
    + """
cluster = aws.eks.Cluster("c", name="main", role_arn=role("eks").arn, version="1.31", vpc_config={"subnet_ids": ids,
    "endpoint_private_access": True, "endpoint_public_access": False}, access_config={"authentication_mode": "API"},
    enabled_cluster_log_types=["api", "audit", "LOG"],
    encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]}, tags={"class": "phi"})
nodes = aws.eks.NodeGroup("n", cluster_name=cluster.name, node_role_arn=role("ec2").arn, subnet_ids=ids,
    scaling_config={"desired_size": 2, "max_size": MOST, "min_size": 1}, labels={"pool": "POOL"},
    taints=[{"key": "dedicated", "value": "ml", "effect": "NO_SCHEDULE"}], instance_types=["INSTANCE"])
aws.eks.Addon("cni", cluster_name=cluster.name, addon_name="vpc-cni", resolve_conflicts_on_update="PRESERVE")
aws.eks.AccessEntry("admin", cluster_name=cluster.name, principal_arn=role("glue").arn)
aws.eks.PodIdentityAssociation("app", cluster_name=cluster.name, namespace="app", service_account="app",
    role_arn=role("ecs").arn)
rule = aws.ec2.SecurityGroupRule("https", security_group_id=cluster.vpc_config.cluster_security_group_id,
    type="ingress", protocol="tcp", from_port=443, to_port=443, cidr_blocks=["10.0.0.0/16"])
images = aws.ecr.Repository("images", name="team/app", image_tag_mutability="IMMUTABLE", force_delete=True,
    image_scanning_configuration={"scan_on_push": SCAN}, encryption_configurations=[{"encryption_type": "KMS",
    "kms_key": key.arn}])
aws.ecr.LifecyclePolicy("images", repository=images.name, policy=json.dumps({"rules": [{"rulePriority": 1,
    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
    "action": {"type": "expire"}}]}))
token = aws.ecr.get_authorization_token()
pulumi.export("user", token.user_name)
pulumi.export("issuer", cluster.identities[0].oidcs[0].issuer)
pulumi.export("seen", aws.eks.get_cluster_output(name=cluster.name).version)
"""
)

DATABASES = (
    NETWORK
    + """
where = aws.rds.SubnetGroup("where", subnet_ids=ids)
settings = aws.rds.ParameterGroup("pg", family="postgres16", parameters=[{"name": "rds.force_ssl", "value": "1"},
    {"name": "log_connections", "value": "LOGGED"}])
db = aws.rds.Instance("db", identifier="app", engine="postgres", engine_version="16.3", instance_class="db.t3.micro",
    allocated_storage=20, db_name="app", username="root1", manage_master_user_password=True, multi_az=True,
    db_subnet_group_name=where.name, vpc_security_group_ids=[group.id], parameter_group_name=settings.name,
    storage_encrypted=True, kms_key_id=key.arn, backup_retention_period=KEPT, backup_window="03:00-04:00",
    maintenance_window="Mon:04:00-Mon:05:00", enabled_cloudwatch_logs_exports=["postgresql"],
    skip_final_snapshot=True, tags={"class": "phi"})
old = aws.rds.Instance("old", engine="mysql", engine_version="8.0", instance_class="db.t3.micro", username="root1",
    password=pulumi.Output.secret("PASSWORD"), allocated_storage=10, skip_final_snapshot=True)
aurora = aws.rds.Cluster("aurora", engine="aurora-postgresql", engine_version="16.4", database_name="app",
    master_username="root1", manage_master_user_password=True, db_subnet_group_name=where.name,
    storage_encrypted=True, kms_key_id=key.arn, skip_final_snapshot=True,
    serverlessv2_scaling_configuration={"min_capacity": 0.5, "max_capacity": 4})
aws.rds.ClusterInstance("aurora", cluster_identifier=aurora.id, instance_class="db.serverless", engine=aurora.engine)
table = aws.dynamodb.Table("t", hash_key="id", range_key="at", billing_mode="PAY_PER_REQUEST",
    attributes=[{"name": "id", "type": "S"}, {"name": "at", "type": "N"}, {"name": "INDEXED", "type": "S"}],
    global_secondary_indexes=[{"name": "INDEXED-index", "hash_key": "INDEXED", "projection_type": "ALL"}],
    ttl={"attribute_name": "gone", "enabled": True}, point_in_time_recovery={"enabled": True},
    server_side_encryption={"enabled": True, "kms_key_arn": key.arn}, stream_enabled=True,
    stream_view_type="NEW_IMAGE")
aws.dynamodb.TableItem("i", table_name=table.name, hash_key=table.hash_key, range_key=table.range_key,
    item=json.dumps({"id": {"S": "x"}, "at": {"N": "1"}, "text": {"S": "TEXT"}}))
shared = aws.efs.FileSystem("fs", encrypted=True, kms_key_id=key.arn,
    lifecycle_policies=[{"transition_to_ia": "AFTER_30_DAYS"}])
aws.efs.MountTarget("fs", file_system_id=shared.id, subnet_id=ids[0], security_groups=[group.id])
cache = aws.elasticache.ReplicationGroup("cache", description="sessions", node_type="cache.t3.micro",
    num_cache_clusters=2, automatic_failover_enabled=True, at_rest_encryption_enabled=True,
    transit_encryption_enabled=True, subnet_group_name=aws.elasticache.SubnetGroup("cache", subnet_ids=ids).name)
pulumi.export("secret", db.master_user_secrets[0].secret_arn)
pulumi.export("endpoint", db.endpoint)
"""
)

SERVERS = (
    NETWORK
    + """
image = aws.ec2.get_ami(most_recent=True, owners=["amazon"], filters=[{"name": "name",
    "values": ["amzn2-ami-hvm-2.0.*-x86_64-gp2"]}])
template = aws.ec2.LaunchTemplate("lt", image_id=image.id, instance_type="INSTANCE", user_data="aGVsbG8=",
    metadata_options={"http_endpoint": "enabled", "http_tokens": "required"}, vpc_security_group_ids=[group.id],
    block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"volume_size": 20, "encrypted": "true"}}])
web = aws.ec2.Instance("server", ami=image.id, instance_type="INSTANCE", subnet_id=ids[0], user_data="echo SAID",
    vpc_security_group_ids=[group.id], metadata_options={"http_tokens": "required", "http_endpoint": "enabled"},
    root_block_device={"volume_size": 30, "encrypted": True}, tags={"Name": "web"})
disk = aws.ebs.Volume("disk", availability_zone=web.availability_zone, size=SIZE, encrypted=True)
aws.ec2.VolumeAttachment("disk", device_name="/dev/sdh", volume_id=disk.id, instance_id=web.id)
address = aws.ec2.Eip("web", domain="vpc")
aws.ec2.EipAssociation("web", instance_id=web.id, allocation_id=address.id)
balancer = aws.lb.LoadBalancer("front", internal=True, security_groups=[group.id], subnets=ids, idle_timeout=IDLE,
    drop_invalid_header_fields=True)
target = aws.lb.TargetGroup("target", port=PORT, protocol="HTTP", vpc_id=vpc.id, target_type="ip",
    health_check={"path": "/health", "matcher": "200-299"}, deregistration_delay=60)
listener = aws.lb.Listener("http", load_balancer_arn=balancer.arn, port=80, protocol="HTTP",
    default_actions=[{"type": "fixed-response",
    "fixed_response": {"content_type": "text/plain", "status_code": "404"}}])
aws.lb.ListenerRule("app", listener_arn=listener.arn, priority=10,
    conditions=[{"path_pattern": {"values": ["/app/*"]}}],
    actions=[{"type": "forward", "target_group_arn": target.arn}])
fleet = aws.autoscaling.Group("fleet", vpc_zone_identifiers=ids, min_size=0, max_size=SIZE, desired_capacity=0,
    launch_template={"id": template.id, "version": "$Latest"}, health_check_type="ELB",
    tags=[{"key": "Name", "value": "fleet", "propagate_at_launch": True}])
aws.autoscaling.Policy("cpu", autoscaling_group_name=fleet.name, policy_type="TargetTrackingScaling",
    target_tracking_configuration={"target_value": 50.0,
    "predefined_metric_specification": {"predefined_metric_type": "ASGAverageCPUUtilization"}})
code = pulumi.AssetArchive({"index.py": pulumi.StringAsset("def handler(event, context): return 'SAID'")})
function = aws.lambda_.Function("f", role=role("lambda").arn, runtime="python3.12", handler="index.handler", code=code,
    memory_size=256, timeout=30, environment={"variables": {"SAYS": pulumi.Output.secret("VARIABLE")}},
    vpc_config={"subnet_ids": ids, "security_group_ids": [group.id]}, tracing_config={"mode": "Active"})
aws.lambda_.Permission("events", action="lambda:InvokeFunction", function=function.name,
    principal="events.amazonaws.com", source_arn="arn:aws:events:us-east-1:123456789012:rule/daily")
acl = aws.ec2.NetworkAcl("acl", vpc_id=vpc.id, subnet_ids=[ids[1]], ingress=[{"protocol": "tcp", "rule_no": 100,
    "action": "allow", "cidr_block": "10.0.0.0/16", "from_port": 443, "to_port": 443}])
"""
)
