"""A database of RDS: MLflow's, PostgreSQL with the metadata of experiments and models, unless another engine is
told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.log_group import log_group
from foundation.stack import Stack

VERSION: Final = "16"
"""The major version; RDS keeps the minor one new."""
PORT: Final = 5432
DATABASE: Final = "mlflow"
ADMINISTRATOR: Final = "mlflow_admin"
"""The master user. Its password is RDS's alone, which rotates it every seven days by itself."""
EXPORTS: Final = ("postgresql", "upgrade")
"""The logs that RDS for PostgreSQL has for CloudWatch, as it calls them."""
BACKUP_DAYS: Final = 35
"""The longest that RDS offers: how far back a moment can be restored."""
INSIGHTS_DAYS: Final = 7
FIRST_GIB: Final = 50
MOST_GIB: Final = 1000
"""Up to where RDS lets the storage grow."""

AT_REBOOT: Final = {"shared_preload_libraries": "pg_stat_statements,pgaudit"}
"""What PostgreSQL reads at its start only. Performance Insights counts statements by the first of these."""
AT_ONCE: Final = {
    "rds.force_ssl": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "log_connections": "1",
    "log_disconnections": "1",
    # Who changed the schema, a role or a privilege. Not `read` or `write`: their statements carry values, and a
    # parameter or a tag of a run may name a patient. pgaudit takes the passwords out of what it logs of roles.
    "pgaudit.log": "ddl,role",
    "pgaudit.log_parameter": "0",
    # No other log has a statement or what was bound to it, not even beside an error (PostgreSQL 16, "Error Reporting
    # and Logging"): `panic` turns off the text of failing statements, `terse` the detail with a violated key's values.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What RDS runs, for whom, and how it is told to speak TLS alone and to write no value into its logs."""

    whose: str
    """As a description names it."""
    suffix: str
    """What the names of its resources end with, behind the stack's."""
    spoken: str
    """The name of its protocol, as a description has it."""
    engine: str
    version: str
    """The major version, which with the engine's name is the family of its parameters."""
    port: int
    database: str
    """The first one, which RDS makes."""
    administrator: str
    exports: Sequence[str]
    """Logs that RDS has for CloudWatch, as it calls them."""
    at_reboot: Mapping[str, str]
    at_once: Mapping[str, str]
    options: Sequence[aws.rds.OptionGroupOptionArgsDict] = ()
    """What the engine lacks by itself."""


MLFLOW: Final = Engine(
    whose="MLflow",
    suffix="mlflow",
    spoken="PostgreSQL",
    engine="postgres",
    version=VERSION,
    port=PORT,
    database=DATABASE,
    administrator=ADMINISTRATOR,
    exports=EXPORTS,
    at_reboot=AT_REBOOT,
    at_once=AT_ONCE,
)


@dataclass(frozen=True, kw_only=True)
class DatabaseSize:
    """What it runs on."""

    instance_class: str
    multi_az: bool
    """Whether another zone holds a copy that takes over."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    stack: Stack
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """Isolated ones, in two zones or more."""
    size: DatabaseSize
    key_arns: Mapping[DataClass, pulumi.Input[str]]
    engine: Engine = MLFLOW


def _only_arn(secrets: Sequence[aws.rds.outputs.InstanceMasterUserSecret]) -> str:
    arn = secrets[0].secret_arn
    assert arn
    return arn


class Database(pulumi.ComponentResource):
    """A server that only admitted security groups reach, by TLS, and whose password nobody here ever knows.

    Storage, snapshots and Performance Insights are under the artifacts' key, the master password under the secrets' key
    in Secrets Manager, the logs under the logs' key. Users can sign in with tokens of IAM.
    """

    address: pulumi.Output[str]
    port: pulumi.Output[int]
    resource_id: pulumi.Output[str]
    """What IAM policies call the server (`rds-db:connect`)."""
    secret_arn: pulumi.Output[str]
    """The secret with the master user's name and password."""
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"instanceClass": args.size.instance_class, "multiAz": args.size.multi_az}
        called = instance_name(name, args.engine)
        # MLflow's came first, and has the stack's own name in its state.
        super().__init__("parapet:foundation:Database", name if args.engine == MLFLOW else called, inputs, opts)
        self._engine, self._name = args.engine, called
        self.security_group_id = self._group(args.vpc_id)
        self.instance = instance = self._instance(args)
        self.address, self.port, self.resource_id = instance.address, instance.port, instance.resource_id
        self.secret_arn = instance.master_user_secrets.apply(_only_arn)
        self.register_outputs({"address": self.address, "port": self.port, "secretArn": self.secret_arn})

    def admit(self, name: str, security_group_id: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Let a security group reach the server: a rule into the server's group, and one out of the other."""
        own, engine = pulumi.ResourceOptions(parent=self), self._engine
        described = f"{engine.spoken} for {engine.whose}"
        way_in = aws.vpc.SecurityGroupIngressRule(
            f"{name}-from",
            security_group_id=self.security_group_id,
            referenced_security_group_id=security_group_id,
            description=described,
            ip_protocol="tcp",
            from_port=engine.port,
            to_port=engine.port,
            opts=own,
        )
        way_out = aws.vpc.SecurityGroupEgressRule(
            f"{name}-to",
            security_group_id=security_group_id,
            referenced_security_group_id=self.security_group_id,
            description=described,
            ip_protocol="tcp",
            from_port=engine.port,
            to_port=engine.port,
            opts=own,
        )
        return [way_in, way_out]

    def _group(self, vpc_id: pulumi.Input[str]) -> pulumi.Output[str]:
        # No rule lets traffic out: a database answers and never asks.
        group = aws.ec2.SecurityGroup(
            self._name,
            vpc_id=vpc_id,
            description=f"The database of {self._engine.whose}",
            tags={"Name": self._name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        return group.id

    def _instance(self, args: DatabaseArgs) -> aws.rds.Instance:
        own, engine = pulumi.ResourceOptions(parent=self), args.engine
        subnets = aws.rds.SubnetGroup(
            self._name,
            subnet_ids=args.subnet_ids,
            description="The isolated subnets",
            opts=own,
        )
        parameters = aws.rds.ParameterGroup(
            self._name,
            family=f"{engine.engine}{engine.version}",
            description="TLS only, audited, and no values in the logs",
            parameters=[
                {"name": name, "value": value, "apply_method": method}
                for method, values in (("pending-reboot", engine.at_reboot), ("immediate", engine.at_once))
                for name, value in values.items()
            ],
            opts=own,
        )
        # RDS would make them by itself, unencrypted and without an end.
        logs = [
            log_group(
                args.stack,
                f"{engine.suffix}-{export}",
                path=f"/aws/rds/instance/{self._name}/{export}",
                key_arn=args.key_arns[DataClass.LOGS],
                parent=self,
            )
            for export in engine.exports
        ]
        key_arn = args.key_arns[DataClass.ARTIFACTS]
        return aws.rds.Instance(
            self._name,
            # RDS names the log groups after it.
            identifier=self._name,
            engine=engine.engine,
            engine_version=engine.version,
            auto_minor_version_upgrade=True,
            instance_class=args.size.instance_class,
            multi_az=args.size.multi_az,
            storage_type="gp3",
            allocated_storage=FIRST_GIB,
            max_allocated_storage=MOST_GIB,
            storage_encrypted=True,
            kms_key_id=key_arn,
            db_name=engine.database,
            username=engine.administrator,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key_arns[DataClass.SECRETS],
            iam_database_authentication_enabled=True,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self.security_group_id],
            publicly_accessible=False,
            parameter_group_name=parameters.name,
            option_group_name=self._options(),
            enabled_cloudwatch_logs_exports=engine.exports,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key_arn,
            performance_insights_retention_period=INSIGHTS_DAYS,
            backup_retention_period=BACKUP_DAYS,
            # Night in America, and one after the other. UTC.
            backup_window="07:00-08:00",
            maintenance_window="sun:08:30-sun:09:30",
            copy_tags_to_snapshot=True,
            delete_automated_backups=not args.stack.protect,
            deletion_protection=args.stack.protect,
            skip_final_snapshot=not args.stack.protect,
            final_snapshot_identifier=self._last_snapshot() if args.stack.protect else None,
            tags=data_class.tags(DataClass.ARTIFACTS),
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect, depends_on=logs),
        )

    def _options(self) -> pulumi.Output[str] | None:
        """The group of what the engine lacks; RDS has one of its own for an engine that lacks nothing."""
        engine = self._engine
        if not engine.options:
            return None
        return aws.rds.OptionGroup(
            self._name,
            engine_name=engine.engine,
            major_engine_version=engine.version,
            option_group_description=f"The database of {engine.whose}",
            options=engine.options,
            opts=pulumi.ResourceOptions(parent=self),
        ).name

    def _last_snapshot(self) -> pulumi.Output[str]:
        # It outlives the stack, and RDS takes no second of a name (Amazon RDS API Reference, DeleteDBInstance). The
        # group's id is another in each life of a stack.
        return self.security_group_id.apply(lambda group: f"{self._name}-final-{group.removeprefix('sg-')}")


def instance_name(stack: str, engine: Engine = MLFLOW) -> str:
    """The identifier of a stack's server."""
    return f"{stack}-{engine.suffix}"
