"""Programs over storage, keys, certificates, names and firewalls: as they are first, and as they are later."""

STORAGE = """
logs = aws.s3.Bucket("logs", force_destroy=True)
bucket = aws.s3.Bucket("data", force_destroy=True, versioning={"enabled": True}, tags={"class": "phi"},
    logging={"target_bucket": logs.id, "target_prefix": "data/"},
    server_side_encryption_configuration={"rule": {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}, "bucket_key_enabled": True}},
    lifecycle_rules=[{"id": "old", "enabled": True, "prefix": "log/", "tags": {"keep": "no"},
        "expiration": {"days": 90}, "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}]}],
    cors_rules=[{"allowed_methods": ["GET"], "allowed_origins": ["https://example.com"], "max_age_seconds": 60}])
site = aws.s3.Bucket("site", force_destroy=True)
aws.s3.BucketWebsiteConfiguration("site", bucket=site.id, index_document={"suffix": "index.html"})
aws.s3.BucketLogging("site", bucket=site.id, target_bucket=logs.id, target_prefix="site/")
aws.s3.BucketPolicy("logs", bucket=logs.id, policy=logs.arn.apply(lambda arn: json.dumps({"Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})))
page = aws.s3.BucketObjectv2("index", bucket=site.id, key="index.html", content=CONTENT, content_type="text/html",
    tags={"kind": "page"})
aws.s3.BucketObject("file", bucket=site.id, key="a/file", source=pulumi.StringAsset("from a file"))
topic = aws.sns.Topic("new")
aws.s3.BucketNotification("new", bucket=bucket.id, topics=[{"topic_arn": topic.arn, "events": ["s3:ObjectCreated:*"],
    "filter_suffix": ".csv"}])
aws.s3.Inventory("all", bucket=bucket.id, included_object_versions="All", schedule={"frequency": "Daily"},
    destination={"bucket": {"format": "ORC", "bucket_arn": logs.arn}})
aws.s3.AccessPoint("in", bucket=bucket.id, name="phi-in")
old = aws.s3.BucketV2("old", force_destroy=True, versionings=[{"enabled": True}])
aws.s3.BucketServerSideEncryptionConfigurationV2("old", bucket=old.id,
    rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}])
pulumi.export("same", aws.s3.get_object_output(bucket=page.bucket, key=page.key).body)
"""

NAMES = """
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
subnets = [aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24") for i in range(2)]
group = aws.ec2.SecurityGroup("dns", vpc_id=vpc.id)
zone = aws.route53.Zone("public", name="example.com", tags={"owner": "team"})
inside = aws.route53.Zone("private", name="corp.example.com", comment=COMMENT, vpcs=[{"vpc_id": vpc.id}])
check = aws.route53.HealthCheck("www", type="HTTPS", fqdn="www.example.com", port=443, resource_path="/",
    failure_threshold=5, request_interval=30)
aws.route53.Record("www", zone_id=zone.zone_id, name="www", type="A", ttl=TTL, records=["10.0.0.1", "10.0.0.2"])
aws.route53.Record("apex", zone_id=zone.zone_id, name="example.com", type="A", aliases=[{
    "name": "dualstack.lb-1.us-east-1.elb.amazonaws.com", "zone_id": "Z35SXDOTRQ7X7K", "evaluate_target_health": True}])
aws.route53.Record("mail", zone_id=zone.zone_id, name="_dmarc", type="TXT", ttl=60, records=["v=DMARC1; p=reject"])
for side, weight in (("blue", 90), ("green", 10)):
    aws.route53.Record(side, zone_id=inside.zone_id, name="api", type="CNAME", ttl=60, set_identifier=side,
        records=[f"{side}.corp.example.com"], weighted_routing_policies=[{"weight": weight}])
certificate = aws.acm.Certificate("www", domain_name="www.example.com", validation_method="DNS",
    subject_alternative_names=["api.example.com"])
option = certificate.domain_validation_options[0]
proof = aws.route53.Record("proof", zone_id=zone.zone_id, name=option.resource_record_name, ttl=60,
    type=option.resource_record_type, records=[option.resource_record_value])
root = aws.acmpca.CertificateAuthority("root", type="ROOT", certificate_authority_configuration={
    "key_algorithm": "RSA_2048", "signing_algorithm": "SHA256WITHRSA", "subject": {"common_name": "example.com"}})
issued = aws.acmpca.Certificate("root", certificate_authority_arn=root.arn, signing_algorithm="SHA256WITHRSA",
    certificate_signing_request=root.certificate_signing_request, validity={"type": "YEARS", "value": 1},
    template_arn="arn:aws:acm-pca:::template/RootCACertificate/V1")
aws.acmpca.CertificateAuthorityCertificate("root", certificate_authority_arn=root.arn, certificate=issued.certificate)
outbound = aws.route53.ResolverEndpoint("out", direction="OUTBOUND", security_group_ids=[group.id],
    ip_addresses=[{"subnet_id": one.id} for one in subnets])
rule = aws.route53.ResolverRule("corp", domain_name="corp.internal", rule_type="FORWARD",
    resolver_endpoint_id=outbound.id, target_ips=[{"ip": "10.9.0.2"}])
aws.route53.ResolverRuleAssociation("corp", resolver_rule_id=rule.id, vpc_id=vpc.id)
pulumi.export("found", aws.route53.get_zone_output(name=zone.name).zone_id)
"""

FIREWALLS = """
metrics = {"cloudwatch_metrics_enabled": True, "metric_name": "acl", "sampled_requests_enabled": True}
bad = aws.wafv2.IpSet("bad", scope="REGIONAL", ip_address_version="IPV4", addresses=ADDRESSES)
acl = aws.wafv2.WebAcl("acl", scope="REGIONAL", default_action=DEFAULT, visibility_config=metrics, tags={"a": "b"},
    rules=[
        {"name": "bad", "priority": 0, "action": {"block": {}}, "visibility_config": metrics,
         "statement": {"ip_set_reference_statement": {"arn": bad.arn}}},
        {"name": "common", "priority": 1, "override_action": {"none": {}}, "visibility_config": metrics,
         "statement": {"managed_rule_group_statement": {"name": "AWSManagedRulesCommonRuleSet", "vendor_name": "AWS"}}},
        {"name": "rate", "priority": 2, "action": {"block": {}}, "visibility_config": metrics,
         "statement": {"rate_based_statement": {"limit": 1000, "aggregate_key_type": "IP"}}}])
group = aws.cloudwatch.LogGroup("waf", name="aws-waf-logs-acl")
aws.wafv2.WebAclLoggingConfiguration("acl", resource_arn=acl.arn, log_destination_configs=[group.arn],
    redacted_fields=[{"single_header": {"name": "authorization"}}])
workspace = aws.amp.Workspace("metrics", alias=ALIAS, tags={"a": "b"})
aws.amp.RuleGroupNamespace("rules", name="rules", workspace_id=workspace.id, data="groups: []")
key = aws.kms.Key("key", multi_region=True, deletion_window_in_days=7)
aws.kms.ReplicaKey("west", primary_key_arn=key.arn, region="us-west-2", description=ALIAS)
aws.kms.Grant("grant", key_id=key.key_id, grantee_principal="arn:aws:iam::123456789012:role/reader",
    operations=["Decrypt"], constraints=[{"encryption_context_equals": {"class": "phi"}}])
aws.kms.Ciphertext("word", key_id=aws.kms.Key("plain").key_id, plaintext=pulumi.Output.secret("open sesame"))
"""
