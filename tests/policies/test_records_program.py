"""The rules over databases, secrets and image repositories on a program of each kind, under the real engine."""

from pathlib import Path

import pytest

from tests.engine import Engine
from tests.policies.harness import breaks_every_rule, meets_every_rule

pytestmark = [pytest.mark.engine, pytest.mark.pack]

OVER_RECORDS = {
    "ecr-repository-encrypts-with-cmk",
    "ecr-repository-keeps-tags-immutable",
    "ecr-repository-scans-on-push",
    "rds-insights-encrypt-with-cmk",
    "rds-instance-encrypts-storage",
    "rds-instance-encrypts-with-cmk",
    "rds-instance-exports-its-log",
    "rds-instance-is-kept-from-deletion",
    "rds-instance-is-private",
    "rds-instance-keeps-backups",
    "rds-instance-leaves-its-password-to-secrets-manager",
    "rds-instance-requires-tls",
    "rds-instance-takes-minor-upgrades",
    "secret-can-be-recovered",
    "secret-encrypts-with-cmk",
    "secret-is-rotated",
    "secret-policy-names-its-readers",
    "secret-value-stays-out-of-state",
}
"""What the two programs are about; of the other rules over these services the examples and the good programs tell."""

SOUND = """
import json
import pulumi_aws as aws

key = aws.kms.Key("key", enable_key_rotation=True)
group = aws.rds.ParameterGroup(
    "records", family="postgres14", parameters=[{"name": "rds.force_ssl", "value": "1"}]
)
aws.rds.Instance(
    "records",
    engine="postgres",
    engine_version="14",
    instance_class="db.t4g.medium",
    parameter_group_name=group.id,
    storage_encrypted=True,
    kms_key_id=key.arn,
    manage_master_user_password=True,
    master_user_secret_kms_key_id=key.arn,
    backup_retention_period=35,
    deletion_protection=True,
    final_snapshot_identifier="records-last",
    enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
    performance_insights_enabled=True,
    performance_insights_kms_key_id=key.arn,
)

secret = aws.secretsmanager.Secret("session", kms_key_id=key.arn)
aws.secretsmanager.SecretVersion("session", secret_id=secret.id, secret_string_wo="{}", secret_string_wo_version=1)
aws.secretsmanager.SecretRotation(
    "session",
    secret_id=secret.id,
    rotation_lambda_arn="arn:aws:lambda:us-east-1:111122223333:function:rotator",
    rotation_rules={"automatically_after_days": 30},
)
but_reader = {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/reader"}}
aws.secretsmanager.SecretPolicy(
    "session",
    secret_arn=secret.arn,
    policy=secret.arn.apply(lambda arn: json.dumps({"Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": arn,
        "Condition": but_reader,
    }]})),
)

aws.ecr.Repository(
    "mlflow",
    image_tag_mutability="IMMUTABLE",
    image_scanning_configuration={"scan_on_push": True},
    encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
)
"""

VIOLATING = """
import pulumi
import pulumi_aws as aws

aws.rds.Instance(
    "records",
    engine="postgres",
    engine_version="14",
    instance_class="db.t4g.medium",
    username="administrator",
    password=pulumi.Output.secret("hunter2"),
    publicly_accessible=True,
    skip_final_snapshot=True,
    auto_minor_version_upgrade=False,
    performance_insights_enabled=True,
)
secret = aws.secretsmanager.Secret("session", recovery_window_in_days=0)
aws.secretsmanager.SecretVersion("session", secret_id=secret.id, secret_string="hunter2")
aws.ecr.Repository("mlflow", name="mlflow")
"""


def test_sound_records_meet_every_rule(engine: Engine, tmp_path: Path) -> None:
    meets_every_rule(engine, tmp_path / "sound", OVER_RECORDS, SOUND)


def test_violating_records_break_every_rule_at_preview(engine: Engine, tmp_path: Path) -> None:
    breaks_every_rule(engine, tmp_path / "violating", OVER_RECORDS, VIOLATING)
