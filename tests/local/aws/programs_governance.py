"""Programs over identities, secrets, messages, events, audit and recovery: words in capitals are what later changes."""

IDENTITY = """
def document(action):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": [action], "Resource": "*"}]})
trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "ec2.amazonaws.com"}}]})
role = aws.iam.Role("whole", assume_role_policy=trust, inline_policies=[{"name": "in", "policy": document(ACTION)}],
    managed_policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"], tags={"owner": OWNER})
aws.iam.InstanceProfile("whole", role=role.name, tags={"owner": OWNER})
github = aws.iam.OpenIdConnectProvider("github", url="https://token.actions.githubusercontent.com",
    client_id_lists=CLIENTS, thumbprint_lists=["cf23df2207d99a74fbe169e3eba035e633b65d94"])
aws.iam.AccountPasswordPolicy("strict", minimum_password_length=LENGTH, require_numbers=True, max_password_age=90)
aws.iam.AccountAlias("alias", account_alias="parapet-test")
user = aws.iam.User("ann", path="/people/", force_destroy=True, tags={"owner": OWNER})
other = aws.iam.User("bob", path="/people/")
aws.iam.UserPolicy("ann", user=user.name, policy=document(ACTION))
key = aws.iam.AccessKey("ann", user=user.name, status=STATUS)
group = aws.iam.Group("readers")
aws.iam.GroupPolicy("readers", group=group.name, policy=document(ACTION))
aws.iam.GroupMembership("readers", group=group.name, users=MEMBERS)
policy = aws.iam.Policy("more", policy=document(ACTION))
aws.iam.UserPolicyAttachment("more", user=other.name, policy_arn=policy.arn)
aws.iam.GroupPolicyAttachment("more", group=group.name, policy_arn=policy.arn)
aws.iam.ServiceLinkedRole("search", aws_service_name="es.amazonaws.com", description=OWNER)
bare = aws.iam.Role("bare", assume_role_policy=trust)
aws.iam.RolePolicyAttachmentsExclusive("bare", role_name=bare.name,
    policy_arns=[aws.iam.RolePolicyAttachment("bare", role=bare.name, policy_arn=policy.arn).policy_arn])
pulumi.export("issuer", github.url)
pulumi.export("secret", key.secret)
pulumi.export("found", aws.iam.get_role_output(name=role.name).arn)
pulumi.export("managed", aws.iam.get_policy(name="ReadOnlyAccess").arn)
pulumi.export("arn", role.arn)
"""

SECRETS = """
def senders(arn):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "Send", "Effect": "Allow", "Principal": "*",
        "Action": "sqs:SendMessage", "Resource": arn}]})
key = aws.kms.Key("secrets")
secret = aws.secretsmanager.Secret("db", kms_key_id=key.arn, recovery_window_in_days=7, description=TEXT,
    tags={"class": "phi"})
version = aws.secretsmanager.SecretVersion("db", secret_id=secret.id,
    secret_string=pulumi.Output.json_dumps({"password": VALUE}))
aws.secretsmanager.SecretPolicy("db", secret_arn=secret.arn, policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]}))
aws.ssm.Parameter("db", name="/prod/db/password", type="SecureString", value=VALUE, key_id=key.key_id)
aws.ssm.Parameter("plain", type="String", insecure_value=TEXT, tags={"class": "none"})
topic = aws.sns.Topic("alerts", display_name=TEXT, kms_master_key_id=key.id)
aws.sns.TopicPolicy("alerts", arn=topic.arn, policy=topic.arn.apply(lambda arn: json.dumps({"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "SNS:Publish",
    "Resource": arn}]})))
dead = aws.sqs.Queue("dead", message_retention_seconds=1209600)
queue = aws.sqs.Queue("work", visibility_timeout_seconds=SECONDS, tags={"class": "none"},
    redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 4}))
aws.sqs.QueuePolicy("work", queue_url=queue.id, policy=queue.arn.apply(senders))
bare = aws.sqs.Queue("bare", kms_master_key_id="alias/aws/sqs")
aws.sqs.QueuePolicy("bare", queue_url=bare.id, policy=bare.arn.apply(senders))
aws.sqs.RedrivePolicy("bare", queue_url=bare.id,
    redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 4}))
ordered = aws.sqs.Queue("ordered", fifo_queue=True, content_based_deduplication=True)
aws.sns.TopicSubscription("work", topic=topic.arn, protocol="sqs", endpoint=queue.arn, raw_message_delivery=True,
    filter_policy=json.dumps({"kind": [TEXT]}))
pulumi.export("told", aws.secretsmanager.get_secret_version_output(secret_id=version.secret_id).secret_string)
pulumi.export("made", aws.secretsmanager.get_random_password_output(password_length=20).random_password)
"""

SIGNALS = """
group = aws.cloudwatch.LogGroup("app", retention_in_days=30)
copy = aws.cloudwatch.LogGroup("copy")
aws.cloudwatch.LogStream("app", log_group_name=group.name)
aws.cloudwatch.LogMetricFilter("errors", log_group_name=group.name, pattern=PATTERN,
    metric_transformation={"name": "Errors", "namespace": "App", "value": "1", "default_value": "0"})
aws.cloudwatch.LogSubscriptionFilter("copy", log_group=group.name, destination_arn=copy.arn, filter_pattern=PATTERN)
topic = aws.sns.Topic("alarms")
aws.cloudwatch.MetricAlarm("errors", metric_name="Errors", namespace="App", statistic="Sum", period=60,
    evaluation_periods=1, threshold=LIMIT, comparison_operator="GreaterThanThreshold", alarm_actions=[topic.arn],
    tags={"class": "none"})
aws.cloudwatch.MetricAlarm("rate", comparison_operator="GreaterThanThreshold", evaluation_periods=2, threshold=LIMIT,
    metric_queries=[{"id": "rate", "expression": "bad/all*100", "return_data": True}, *[{"id": name, "metric": {
        "metric_name": metric, "namespace": "AWS/ApplicationELB", "period": 120, "stat": "Sum",
        "dimensions": {"LoadBalancer": "app/web"}}} for name, metric in [("all", "RequestCount"), ("bad", "HTTP5")]]])
aws.cloudwatch.Dashboard("main", dashboard_name="main", dashboard_body=json.dumps({"widgets": [
    {"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": PATTERN}}]}))
bus = aws.cloudwatch.EventBus("orders", tags={"class": "none"})
rule = aws.cloudwatch.EventRule("orders", event_bus_name=bus.name, event_pattern=json.dumps({"source": [PATTERN]}))
queue = aws.sqs.Queue("orders")
aws.cloudwatch.EventTarget("orders", rule=rule.name, event_bus_name=bus.name, arn=queue.arn,
    retry_policy={"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 3},
    input_transformer={"input_paths": {"id": "$.detail.id"}, "input_template": '{"order": <id>}'})
nightly = aws.cloudwatch.EventRule("nightly", schedule_expression="cron(0 3 * * ? *)", state=STATE)
aws.cloudwatch.EventTarget("nightly", rule=nightly.name, arn=queue.arn)
aws.cloudwatch.EventArchive("orders", event_source_arn=bus.arn, retention_days=7)
role = aws.iam.Role("states", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}]}))
aws.sfn.StateMachine("flow", role_arn=role.arn, definition=json.dumps({"Comment": PATTERN, "StartAt": "Only",
    "States": {"Only": {"Type": "Pass", "End": True}}}), logging_configuration={"level": "ERROR",
    "include_execution_data": True, "log_destination": group.arn.apply(lambda arn: f"{arn}:*")})
aws.scheduler.Schedule("hourly", schedule_expression="rate(1 hours)", flexible_time_window={"mode": "OFF"}, state=STATE,
    target={"arn": queue.arn, "role_arn": role.arn})
"""

AUDIT = """
bucket = aws.s3.Bucket("audit", force_destroy=True)
key = aws.kms.Key("audit")
role = aws.iam.Role("config", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Action": "sts:AssumeRole", "Principal": {"Service": "config.amazonaws.com"}}]}))
trail = aws.cloudtrail.Trail("all", s3_bucket_name=bucket.id, is_multi_region_trail=True, kms_key_id=key.arn,
    enable_log_file_validation=True, tags={"owner": OWNER}, event_selectors=[{"read_write_type": EVENTS,
    "include_management_events": True, "data_resources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}],
    insight_selectors=[{"insight_type": "ApiCallRateInsight"}])
recorder = aws.cfg.Recorder("all", role_arn=role.arn,
    recording_group={"all_supported": True, "include_global_resource_types": GLOBAL})
channel = aws.cfg.DeliveryChannel("all", s3_bucket_name=bucket.bucket,
    snapshot_delivery_properties={"delivery_frequency": "Six_Hours"}, opts=pulumi.ResourceOptions(depends_on=recorder))
aws.cfg.RecorderStatus("all", name=recorder.name, is_enabled=True, opts=pulumi.ResourceOptions(depends_on=channel))
rule = aws.cfg.Rule("tags", source={"owner": "AWS", "source_identifier": "REQUIRED_TAGS"}, tags={"owner": OWNER},
    input_parameters=json.dumps({"tag1Key": OWNER}), opts=pulumi.ResourceOptions(depends_on=recorder))
aws.cfg.ConfigurationAggregator("all",
    account_aggregation_source={"account_ids": ["123456789012"], "regions": ["us-west-2"]})
detector = aws.guardduty.Detector("all", finding_publishing_frequency=FREQUENCY)
aws.guardduty.DetectorFeature("s3", detector_id=detector.id, name="S3_DATA_EVENTS", status="ENABLED")
aws.guardduty.DetectorFeature("eks", detector_id=detector.id, name="EKS_AUDIT_LOGS", status="ENABLED")
hub = aws.securityhub.Account("all")
aws.securityhub.StandardsSubscription("cis", opts=pulumi.ResourceOptions(depends_on=hub),
    standards_arn="arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0")
aws.macie2.Account("all", finding_publishing_frequency=FREQUENCY)
aws.inspector2.Enabler("all", account_ids=["123456789012"], resource_types=KINDS)
vault = aws.backup.Vault("all", kms_key_arn=key.arn, tags={"owner": OWNER})
aws.backup.VaultLockConfiguration("all", backup_vault_name=vault.name, min_retention_days=7, max_retention_days=MOST)
plan = aws.backup.Plan("daily", rules=[{"rule_name": "daily", "target_vault_name": vault.name,
    "schedule": "cron(0 12 * * ? *)", "lifecycle": {"delete_after": 14}}])
aws.backup.Selection("daily", plan_id=plan.id, iam_role_arn=role.arn,
    selection_tags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}])
aws.budgets.Budget("month", budget_type="COST", time_unit="MONTHLY", limit_amount=AMOUNT, limit_unit="USD",
    notifications=[{"comparison_operator": "GREATER_THAN", "threshold": 80, "threshold_type": "PERCENTAGE",
    "notification_type": "FORECASTED", "subscriber_email_addresses": ["owner@example.com"]}])
aws.account.AlternativeContact("security", alternate_contact_type="SECURITY", name=OWNER, title="Security",
    email_address="security@example.com", phone_number="+1234567890")
aws.accessanalyzer.Analyzer("all", analyzer_name="all")
"""
