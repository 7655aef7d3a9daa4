"""The database of Kubeflow Pipelines: MySQL, with its runs and their lineage.

Kubeflow Pipelines 2.17 speaks to PostgreSQL without TLS alone (backend/src/apiserver/client/sql.go,
`CreatePostgreSQLConfig`) and in MySQL's dialect (client_manager.go, `InitDBClient`), so MLflow's server cannot hold it.
"""

from typing import Final

from foundation.database import Engine

METADATA: Final = "metadb"
"""The second database there: ML Metadata makes it, and Kubeflow Pipelines' own name for it is this."""
AUTHENTICATION: Final = "authentication_policy"
NATIVE: Final = "mysql_native_password"

PIPELINES: Final = Engine(
    whose="Kubeflow Pipelines",
    suffix="pipelines",
    spoken="MySQL",
    engine="mysql",
    version="8.4",
    port=3306,
    database="mlpipeline",
    # At most 16 characters (Amazon RDS API Reference, CreateDBInstance).
    administrator="pipelines_admin",
    exports=("audit", "error"),
    # RDS takes a parameter for the next start whether or not it could be changed before, and refuses one at once that
    # it reads at its start alone. The group is there before the instance.
    at_reboot={
        "tls_version": "TLSv1.2,TLSv1.3",
        # ML Metadata's client knows no other (google/ml-metadata v1.14.0, mysql_metadata_source.cc), and the master
        # user is made by what this says. The password's hash is a weak one: it is RDS's own, long, new each week, and
        # goes over verified TLS alone.
        AUTHENTICATION: f"*:{NATIVE}",
    },
    at_once={
        "require_secure_transport": "1",
        # No log has a statement, whose values may name a patient.
        "general_log": "0",
        "slow_query_log": "0",
        "local_infile": "0",
    },
    # Who connects, and who changes the schema, a user or a privilege: MySQL itself writes none of it down (Amazon RDS
    # User Guide, "MariaDB Audit Plugin support for MySQL"). Neither `QUERY` nor `QUERY_DML`: they carry values.
    options=(
        {
            "option_name": "MARIADB_AUDIT_PLUGIN",
            "option_settings": [{"name": "SERVER_AUDIT_EVENTS", "value": "CONNECT,QUERY_DDL,QUERY_DCL"}],
        },
    ),
)
