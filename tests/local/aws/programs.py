"""Programs that the engine tests run; the stack's fixture puts the imports before them."""

BUCKET = """
key = aws.kms.Key("phi", enable_key_rotation=True, deletion_window_in_days=7)
alias = aws.kms.Alias("phi", target_key_id=key.key_id)
bucket = aws.s3.Bucket("data", tags={"class": "phi"})
aws.s3.BucketVersioning("data", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketServerSideEncryptionConfiguration("data", bucket=bucket.id, rules=[{
    "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
    "bucket_key_enabled": True}])
aws.s3.BucketPublicAccessBlock("data", bucket=bucket.id, block_public_acls=True, block_public_policy=True,
    ignore_public_acls=True, restrict_public_buckets=True)
aws.s3.BucketOwnershipControls("data", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
aws.s3.BucketLifecycleConfiguration("data", bucket=bucket.id, rules=[
    {"id": "old", "status": "Enabled", "filter": {"prefix": "tmp/"}, "expiration": {"days": 90}},
    {"id": "all", "status": "Enabled", "noncurrent_version_expiration": {"noncurrent_days": 30}}])
aws.s3.BucketPolicy("data", bucket=bucket.id, policy=pulumi.Output.json_dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
    "Resource": [bucket.arn], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}))
held = aws.s3.Bucket("held", object_lock_enabled=True, force_destroy=True)
aws.s3.BucketObjectLockConfiguration("held", bucket=held.id,
    rule={"default_retention": {"mode": "GOVERNANCE", "days": 1}})
"""

NETWORK = """
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
zones = aws.get_availability_zones(state="available")
subnets = [aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24", availability_zone=zones.names[i])
           for i in range(2)]
gateway = aws.ec2.InternetGateway("i", vpc_id=vpc.id)
public = aws.ec2.RouteTable("public", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}])
private = aws.ec2.RouteTable("private", vpc_id=vpc.id)
address = aws.ec2.Eip("e", domain="vpc")
nat = aws.ec2.NatGateway("n", allocation_id=address.id, subnet_id=subnets[0].id)
aws.ec2.Route("out", route_table_id=private.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)
aws.ec2.RouteTableAssociation("a", route_table_id=public.id, subnet_id=subnets[0].id)
web = aws.ec2.SecurityGroup("web", vpc_id=vpc.id, ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443,
    "cidr_blocks": ["10.0.0.0/16"], "description": "tls"}])
db = aws.ec2.SecurityGroup("db", vpc_id=vpc.id, description="database")
aws.ec2.SecurityGroupRule("db", security_group_id=db.id, type="ingress", protocol="tcp", from_port=5432,
    to_port=5432, source_security_group_id=web.id)
aws.vpc.SecurityGroupIngressRule("ssh", security_group_id=db.id, ip_protocol="tcp", from_port=22, to_port=22,
    cidr_ipv4="10.0.0.0/8", tags={"why": "bastion"})
aws.vpc.SecurityGroupEgressRule("all", security_group_id=db.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0")
aws.ec2.DefaultSecurityGroup("closed", vpc_id=vpc.id)
aws.ec2.VpcEndpoint("s3", vpc_id=vpc.id, service_name="com.amazonaws.us-east-1.s3", route_table_ids=[private.id])
aws.ec2.VpcEndpoint("kms", vpc_id=vpc.id, service_name="com.amazonaws.us-east-1.kms", private_dns_enabled=True,
    vpc_endpoint_type="Interface", subnet_ids=[one.id for one in subnets], security_group_ids=[web.id])
group = aws.cloudwatch.LogGroup("flow", retention_in_days=365)
trust = aws.iam.get_policy_document(statements=[{"actions": ["sts:AssumeRole"],
    "principals": [{"type": "Service", "identifiers": ["vpc-flow-logs.amazonaws.com"]}]}])
role = aws.iam.Role("flow", assume_role_policy=trust.json)
aws.iam.RolePolicy("flow", role=role.id, policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "*"}]}))
policy = aws.iam.Policy("more", policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["logs:CreateLogStream"], "Resource": "*"}]}))
aws.iam.RolePolicyAttachment("more", role=role.name, policy_arn=policy.arn)
aws.ec2.FlowLog("flow", vpc_id=vpc.id, traffic_type="ALL", log_destination=group.arn, iam_role_arn=role.arn)
queries = aws.route53.ResolverQueryLogConfig("q", destination_arn=group.arn)
aws.route53.ResolverQueryLogConfigAssociation("q", resolver_query_log_config_id=queries.id, resource_id=vpc.id)
"""
