"""What the programs of Kubeflow Pipelines are told, and how they are started."""

import json
from typing import Any, Final

import pulumi
import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.account_names import RUNS
from cluster.guardrails.mesh_words import INJECT
from cluster.labels import labels
from foundation.pipelines_database import METADATA, PIPELINES
from foundation.stack import Stack
from mlops.data_path import CURATED
from mlops.secret_delivery import FOLDER

AUTHORITIES: Final = "/authorities"
"""Where a pod has the certificates of RDS's authorities."""
RDS_CA: Final = f"{AUTHORITIES}/rds-ca.pem"
ROOT: Final = f"{CURATED.prefix}/runs"
"""Where in the PHI bucket steps leave what they make for each other. It holds identifiers until they are taken out, and
the steps' role has the right to it already."""
STEP_USER: Final = 10001
"""Whom steps run as, whatever their image says; `delivery/pipeline/components.py` says the same."""
SYSTEM_USER: Final = 65532
"""Whom Kubeflow's and Argo's own containers beside a step run as: their images' own."""
DAY: Final = 24 * 3600
KEEP_SECONDS: Final = DAY
"""How long a Workflow and its pods stay once the run is over; the run itself stays in the database."""
LONGEST_RUN: Final = 7 * DAY


def api(stack: Stack, host: pulumi.Input[str], port: pulumi.Input[int], bucket: pulumi.Input[str]) -> Any:
    """config.json of the API (kubeflow/pipelines 2.17, backend/src/apiserver/config/config.json has its own).

    Its release comes with the keys of a MinIO there; here are none. It wants a bucket to be named, and puts nothing
    there: what a pipeline is it keeps in the database, and to read an artefact by it nobody has the right.
    """
    region = stack.account.region
    told: dict[str, Any] = {
        "DBDriverName": "mysql",
        "DBConfig": {
            "ConMaxLifeTime": "120s",
            "MySQLConfig": {
                "Host": host,
                "Port": pulumi.Output.from_input(port).apply(str),
                "DBName": PIPELINES.database,
                "GroupConcatMaxLen": "4194304",
                # Verified, name and all (github.com/go-sql-driver/mysql, README, `tls`), by `SSL_CERT_DIR`.
                "ExtraParams": {"tls": "true"},
            },
        },
        "ObjectStoreConfig": {
            "Host": f"s3.{region}.amazonaws.com",
            "Port": "",
            "Secure": "true",
            "Region": region,
            "BucketName": bucket,
            "AccessKey": "",
            "SecretAccessKey": "",
            "PipelinePath": "pipelines",
        },
        "InitConnectionTimeout": "6m",
        "ARCHIVE_CONFIG_LOG_FILE_NAME": "main.log",
        "ARCHIVE_CONFIG_LOG_PATH_PREFIX": "/artifacts",
        "CRON_SCHEDULE_TIMEZONE": "UTC",
        # A run is of what went into it: what another run made of the same inputs is no part of its record. And so no
        # step has a word to say to the API (backend/src/v2/cacheutils/cache.go).
        "CacheEnabled": "false",
        # Runs are in a namespace, and the API server says who may start one there.
        "MULTIUSER": "true",
        "REQUIRE_NAMESPACE_FOR_PIPELINES": "true",
        "TOKEN_REVIEW_AUDIENCE": RUNS,
        # A header of no name, which nobody can send: else whoever comes to the port is who he says he is
        # (backend/src/apiserver/auth/authenticator_http_headers.go).
        "KUBEFLOW_USERID_HEADER": "",
        "KUBEFLOW_USERID_PREFIX": "",
        "DEFAULTPIPELINERUNNERSERVICEACCOUNT": ns.PIPELINES.service_account,
        "DEFAULT_SECURITY_CONTEXT_RUN_AS_USER": str(STEP_USER),
        "DEFAULT_SECURITY_CONTEXT_RUN_AS_GROUP": str(STEP_USER),
        "DEFAULT_SECURITY_CONTEXT_RUN_AS_NON_ROOT": "true",
        "BLOCK_V1_PIPELINES": "true",
        # What draws pictures for its page, of which here is neither. It ends at its start where nobody tells it of one
        # (backend/src/apiserver/main.go, `startRPCServer`); at this port nothing is.
        "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST": "127.0.0.1",
        "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_PORT": "0",
    }
    return pulumi.Output.json_dumps(told)


def launcher(stack: Stack, bucket: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """The ConfigMap by which steps know where their files are: with the pod's own role, and no key."""
    region = stack.account.region
    s3 = {
        "endpoint": f"s3.{region}.amazonaws.com",
        "region": region,
        "disableSSL": False,
        "forcePathStyle": False,
        "credentials": {"fromEnv": True},
    }
    return {
        "defaultPipelineRoot": pulumi.Output.format("s3://{0}/{1}", bucket, ROOT),
        "providers": yaml.dump({"s3": {"default": s3}}, Dumper=yaml.CSafeDumper, sort_keys=False),
    }


def controller(stack: Stack) -> dict[str, str]:
    """The ConfigMap of Argo Workflows' controller (argo-workflows v4.0.5, docs/workflow-controller-configmap.md).

    What it says of each run's pods a run cannot say otherwise where the guardrails hold it, and need not say.
    """
    # The account mounts no token by itself, and the controller leaves a `true` of the Workflow out (workflowpod.go,
    # `setupServiceAccount`). The group and the user of the pod are for containers that name none.
    pod = {
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": {"runAsUser": SYSTEM_USER, "runAsGroup": SYSTEM_USER, "fsGroup": SYSTEM_USER},
    }
    defaults = {
        "spec": {
            "activeDeadlineSeconds": LONGEST_RUN,
            # Kubeflow tells each template's pod by annotation that it wants no proxy
            # (backend/src/apiserver/template/v2_template.go, `RunWorkflow`); the label of that name goes before it.
            "podMetadata": {"labels": {**labels(stack.owner, ns.PIPELINES.data_class), INJECT: "true"}},
            "podSpecPatch": json.dumps(pod),
            "ttlStrategy": {"secondsAfterCompletion": KEEP_SECONDS},
        }
    }
    executor = {
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": SYSTEM_USER,
            "runAsGroup": SYSTEM_USER,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
    }
    told = {"executor": executor, "metricsConfig": {"enabled": False}, "workflowDefaults": defaults}
    return {key: yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False) for key, value in told.items()}


_KEPT_NEW: Final = f"""\
server=$!
trap 'kill "$server"' TERM INT
while kill -0 "$server" 2>/dev/null; do
  [ "$(cat {FOLDER}/password)" = "$password" ] || kill "$server"
  sleep 10 & wait $!
done
wait "$server"
"""
"""RDS has another password each week, of which a server that has read one hears nothing: it ends, and starts anew."""

SERVE_API: Final = f"""\
password="$(cat {FOLDER}/password)"
export DBCONFIG_MYSQLCONFIG_USER="$(cat {FOLDER}/username)" DBCONFIG_MYSQLCONFIG_PASSWORD="$password"
/bin/apiserver --config=/etc/kubeflow --logtostderr=true --logLevel=info &
{_KEPT_NEW}"""

SERVE_METADATA: Final = f"""\
umask 077
quoted() {{ sed 's/[\\\\"]/\\\\&/g' "{FOLDER}/$1"; }}
password="$(cat {FOLDER}/password)"
cat > /configuration/server.pbtxt <<END
connection_config {{
  mysql {{
    host: "$DATABASE_HOST" port: $DATABASE_PORT database: "{METADATA}"
    user: "$(quoted username)" password: "$(quoted password)"
    ssl_options {{ ca: "{RDS_CA}" verify_server_cert: true }}
  }}
}}
migration_options {{ enable_upgrade_migration: true }}
END
/bin/metadata_store_server --grpc_port=8080 --metadata_source_config_type=config_file \\
  --metadata_store_server_config_file=/configuration/server.pbtxt &
{_KEPT_NEW}"""
"""Its flags would show the password, and know no TLS (google/ml-metadata v1.14.0, metadata_store_server_main.cc). By
the file and nothing else: where it cannot read that, it would keep lineage in memory otherwise, and lose it."""


def step_images(stack: Stack) -> dict[str, str]:
    """Those of Kubeflow's own beside each step, as the API is told of them."""
    return {
        "V2_DRIVER_IMAGE": stack.image(images.KFP_DRIVER),
        "V2_LAUNCHER_IMAGE": stack.image(images.KFP_LAUNCHER),
    }
