"""Programs over a managed database, secrets that a function makes and rotates, and a private authority."""

ROTATOR = """
import boto3
def handler(event, context):
    client = boto3.client("secretsmanager")
    if "Make" in event:
        client.put_secret_value(SecretId=event["Make"], SecretString="first")
        return {"made": True}
    secret, token = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        client.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString="rotated", VersionStages=["AWSPENDING"]
        )
    if event["Step"] == "finishSecret":
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(one for one, labels in stages.items() if "AWSCURRENT" in labels)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""

MANAGED = (
    f"ROTATOR = {ROTATOR!r}\n"
    + """
trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]})
key = aws.kms.Key("k")
role = aws.iam.Role("r", assume_role_policy=trust)
rights = aws.iam.RolePolicy("r", role=role.name,
    policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
    "Action": ["secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret",
    "secretsmanager:UpdateSecretVersionStage"]},
    {"Effect": "Allow", "Resource": key.arn, "Action": ["kms:GenerateDataKey", "kms:Decrypt"]}]}))
settings = aws.rds.ParameterGroup("pg", family="postgres16", parameters=[{"name": "rds.force_ssl", "value": "1"},
    {"name": "log_connections", "value": "1"},
    {"name": "shared_preload_libraries", "value": "pgaudit", "apply_method": "pending-reboot"}])
db = aws.rds.Instance("db", identifier="tracking", engine="postgres", engine_version="16.8",
    instance_class="db.m7g.large", allocated_storage=20, max_allocated_storage=100, storage_type="gp3",
    db_name="mlflow", username="owner", manage_master_user_password=True, master_user_secret_kms_key_id=key.arn,
    multi_az=True, iam_database_authentication_enabled=True, parameter_group_name=settings.name, storage_encrypted=True,
    kms_key_id=key.arn, performance_insights_enabled=True, performance_insights_kms_key_id=key.arn,
    performance_insights_retention_period=7, backup_retention_period=35, copy_tags_to_snapshot=True,
    deletion_protection=PROTECTED, enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
    auto_minor_version_upgrade=True, ca_cert_identifier="rds-ca-rsa2048-g1", publicly_accessible=False,
    final_snapshot_identifier="last", skip_final_snapshot=False, apply_immediately=True, monitoring_interval=0)
managed = db.master_user_secrets[0].secret_arn
def policy(arn):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
        "Action": "secretsmanager:*", "Resource": arn, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})
aws.secretsmanager.SecretPolicy("managed", secret_arn=managed, policy=managed.apply(policy),
    block_public_policy=True)
aws.secretsmanager.SecretRotation("managed", secret_id=managed, rotation_rules={"automatically_after_days": 30})
code = pulumi.AssetArchive({"index.py": pulumi.StringAsset(ROTATOR)})
function = aws.lambda_.Function("f", role=role.arn, runtime="python3.12", handler="index.handler", code=code,
    timeout=20)
aws.lambda_.Permission("rotates", action="lambda:InvokeFunction", function=function.name,
    principal="secretsmanager.amazonaws.com")
secret = aws.secretsmanager.Secret("s", kms_key_id=key.arn, recovery_window_in_days=7)
made = aws.lambda_.Invocation("first", function_name=function.name,
    input=pulumi.Output.json_dumps({"Make": secret.arn}), opts=pulumi.ResourceOptions(depends_on=[rights]))
rotation = aws.secretsmanager.SecretRotation("s", secret_id=secret.id, rotation_lambda_arn=function.arn,
    rotation_rules={"automatically_after_days": 30}, opts=pulumi.ResourceOptions(depends_on=[made]))
pulumi.export("result", made.result)
pulumi.export("secret", secret.arn)
pulumi.export("managed", managed)
"""
)

AUTHORITY = """
ca = aws.acmpca.CertificateAuthority("ca", type="ROOT", permanent_deletion_time_in_days=7,
    certificate_authority_configuration={"key_algorithm": "EC_prime256v1", "signing_algorithm": "SHA256WITHECDSA",
    "subject": {"common_name": "inner"}})
own = aws.acmpca.Certificate("ca", certificate_authority_arn=ca.arn,
    certificate_signing_request=ca.certificate_signing_request, signing_algorithm="SHA256WITHECDSA",
    template_arn="arn:aws:acm-pca:::template/RootCACertificate/V1", validity={"type": "YEARS", "value": "10"})
ready = aws.acmpca.CertificateAuthorityCertificate("ca", certificate_authority_arn=ca.arn,
    certificate=own.certificate, certificate_chain=own.certificate_chain)
aws.acmpca.Permission("renew", certificate_authority_arn=ca.arn, principal="acm.amazonaws.com",
    actions=["IssueCertificate", "GetCertificate", "ListPermissions"])
cert = aws.acm.Certificate("web", domain_name="mlflow.internal", subject_alternative_names=["*.mlflow.internal"],
    certificate_authority_arn=ca.arn, key_algorithm="EC_prime256v1", opts=pulumi.ResourceOptions(depends_on=[ready]))
pulumi.export("status", cert.status)
pulumi.export("trusted", own.certificate)
"""
