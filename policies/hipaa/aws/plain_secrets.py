"""Secrets that stand in plain sight in what AWS runs: user data, variables, arguments, parameters.

Whoever may describe the resource reads them, as does whoever may read the program, its state, a console or a log. What
a secret is, `hipaa.secrets` says.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from hipaa import secrets
from hipaa.aws.advice import WHAT_IS_GIVEN_IS_ENCRYPTED
from hipaa.resource import UNKNOWN, Properties, Resource, Secret
from hipaa.rule import HIGH, Unreadable, rule
from hipaa.verdict import Verdict, all_of, not_applicable, violation

_ELSEWHERE = "it must come from Secrets Manager or Parameter Store when it runs"
_IN_OPTIONS = "its 'logConfiguration.secretOptions' must name the secret that has it"
_ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf"
_BOOT = (
    "#!/bin/bash\n/etc/eks/bootstrap.sh main\nexport DB_PASSWORD=$(aws secretsmanager get-secret-value --secret-id db)"
)
_TOLD = "#!/bin/bash\nexport DB_PASSWORD=correct-horse\n/opt/app/run"


def _encoded(script: str) -> str:
    return base64.b64encode(script.encode()).decode()


_USER_DATA = ("userData", "userDataBase64")
_LAUNCHED = (
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/instance:Instance",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
    "aws:ec2/spotFleetRequest:SpotFleetRequest",
)


@rule(
    "instance-user-data-holds-no-secrets",
    on=_LAUNCHED,
    severity=HIGH,
    fix="Have the instance read the secret from Secrets Manager with its own role when it starts.",
    sound=[
        {},
        {"userData": _encoded(_BOOT)},
        Resource(_LAUNCHED[1], {"userData": _BOOT}),
        Resource(_LAUNCHED[2], {"userDataBase64": _encoded("#cloud-config\nssh_pwauth: false\n")}),
        Resource(_LAUNCHED[4], {"launchSpecifications": [{"ami": "ami-1", "instanceType": "m7i.large"}]}),
    ],
    unsound=[
        {"userData": _encoded(_TOLD)},
        {"userData": _encoded("#cloud-config\nwrite_files:\n- content: |\n    password: correct-horse\n")},
        Resource(_LAUNCHED[1], {"userData": _TOLD}),
        Resource(_LAUNCHED[1], {"userDataBase64": _encoded("aws_access_key_id = AKIAIOSFODNN7EXAMPLE")}),
        Resource(_LAUNCHED[2], {"userData": "mysql -h db.internal -u root -pcorrect-horse < /init.sql"}),
        Resource(_LAUNCHED[3], {"userData": Secret(_TOLD)}),
        Resource(
            _LAUNCHED[4],
            {"launchSpecifications": [{"ami": "ami-1", "instanceType": "m7i.large", "userData": _encoded(_TOLD)}]},
        ),
    ],
)
def instance_user_data_holds_no_secrets(instance: Resource) -> Verdict:
    """The user data of an instance holds no secret.

    Every process on the instance reads it from the metadata service, and whoever may describe instances or templates.
    """

    def plain(holder: Properties) -> Verdict:
        return all_of(*(secrets.of_text(holder, name, _ELSEWHERE, encoded=True) for name in _USER_DATA))

    return all_of(plain(instance), instance.each("launchSpecifications", plain))


@rule(
    "lambda-variables-hold-no-secrets",
    on="aws:lambda/function:Function",
    severity=HIGH,
    fix="Give the function the secret's ARN, and let it read the value with its role.",
    sound=[
        {},
        {"environment": {"variables": {"LOG_LEVEL": "info", "DB_SECRET_ARN": _ARN, "TABLE": "records"}}},
        {"environment": {"variables": {"DB_PASSWORD": _ARN, "PASSWORD_SECRET": "prod/ehr/db"}}},
    ],
    unsound=[
        {"environment": {"variables": {"DB_PASSWORD": "correct horse"}}},
        {"environment": {"variables": {"TABLE": UNKNOWN, "STRIPE_API_KEY": "made-up-1234"}}},
        {"environment": {"variables": {"DB_URL": "postgresql://app:correct-horse@db.internal/app"}}},
        {"environment": {"variables": {"DB_PASSWORD": Secret("correct horse")}}},
    ],
)
def lambda_variables_hold_no_secrets(function: Properties) -> Verdict:
    """The variables of a Lambda function hold no secret.

    Whoever may read the function's configuration reads them, in the console too.
    """
    return all_of(*secrets.of_settings(function, "environment.variables", _ELSEWHERE))


def _parsed(holder: Properties, path: str) -> list[Properties]:
    """The objects of a text in JSON: one, or those of a list.

    Raises:
        UnknownValue: when the text is not known before the update.
        Unreadable: when it is no JSON.
    """
    text = holder.at(path)
    if not isinstance(text, str) or not text.strip():
        return []
    try:
        found = _in_camel_case(json.loads(text))
    except (ValueError, RecursionError):
        raise Unreadable(f"`{holder.where(path)}` is not JSON; it must be") from None
    listed = found if isinstance(found, list) else [found]
    where = holder.where(path)
    return [
        Properties(each, f"{where}.{number}" if isinstance(found, list) else where)
        for number, each in enumerate(listed)
        if isinstance(each, dict)
    ]


def _in_camel_case(value: Any) -> Any:
    """JSON with its names as AWS's API has them: the provider takes `Environment` for `environment` too."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _in_camel_case(inner) for name, inner in value.items()}
    return [_in_camel_case(inner) for inner in value] if isinstance(value, list) else value


def _of_container(container: Properties) -> Verdict:
    """Whether a container's variables, words and log driver, as ECS and Batch write them, have a secret in them."""

    def plain(variable: Properties) -> Verdict:
        name, value = str(variable.at("name", "")), str(variable.at("value", ""))
        return secrets.of_setting("the variable", name, Properties({"value": value}), "value", _ELSEWHERE)

    said = [" ".join(map(str, container.listed(part))) for part in ("command", "entryPoint")]
    words = Properties({"command": " ".join(said)}, container.where("")[:-1])
    return all_of(
        container.each("environment", plain),
        secrets.of_text(words, "command", _ELSEWHERE),
        *secrets.of_settings(container, "logConfiguration.options", _IN_OPTIONS, "the log option"),
    )


def _task(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"containerDefinitions": json.dumps(list(containers))}


@rule(
    "ecs-task-environment-holds-no-secrets",
    on="aws:ecs/taskDefinition:TaskDefinition",
    severity=HIGH,
    fix="Name the secret's ARN in the container's `secrets`, in place of its value in `environment` or `command`.",
    sound=[
        _task({"name": "app", "image": "app:1"}),
        _task({"name": "app", "environment": [{"name": "LOG_LEVEL", "value": "info"}]}),
        _task({"name": "app", "secrets": [{"name": "DB_PASSWORD", "valueFrom": _ARN}]}),
        _task({"name": "app", "command": ["serve", "--token-file=/run/token"]}),
        _task({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "app", "tag": "a"}}}),
        _task({"logConfiguration": {"secretOptions": [{"name": "splunk-token", "valueFrom": _ARN}]}}),
    ],
    unsound=[
        _task({"name": "app", "environment": [{"name": "DB_PASSWORD", "value": "correct horse"}]}),
        _task({"name": "a"}, {"name": "b", "environment": [{"name": "URL", "value": "redis://:horse@cache:6379"}]}),
        _task({"name": "app", "command": ["serve", "--password", "correct-horse"]}),
        _task({"name": "app", "entryPoint": ["sh", "-c", "DB_PASSWORD=correct-horse exec app"]}),
        _task({"Name": "app", "Environment": [{"Name": "DB_PASSWORD", "Value": "correct horse"}]}),
        _task({"logConfiguration": {"options": {"splunk-token": "7f3c2e91-8a4d-4b6e-9c1f-2d5e8b7a6c30"}}}),
        {"containerDefinitions": "no JSON"},
    ],
)
def ecs_task_environment_holds_no_secrets(task: Properties) -> Verdict:
    """The containers of an ECS task have no secret among their variables and arguments.

    Each revision of a task definition keeps them for good, and whoever may describe tasks reads them.
    """
    return all_of(*map(_of_container, _parsed(task, "containerDefinitions")))


_LEADS = ("command", "args")


def _job(**container: Any) -> dict[str, Any]:
    return {"type": "container", "containerProperties": json.dumps({"image": "train:1"} | container)}


@rule(
    "batch-job-environment-holds-no-secrets",
    on="aws:batch/jobDefinition:JobDefinition",
    severity=HIGH,
    fix="Name the secret's ARN in the container's `secrets`, in place of its value in `environment` or `command`.",
    sound=[
        {"type": "container"},
        _job(environment=[{"name": "EPOCHS", "value": "3"}], command=["train", "--max-tokens", "512"]),
        _job(secrets=[{"name": "DB_PASSWORD", "valueFrom": _ARN}]),
        {
            "type": "container",
            "eksProperties": {"podProperties": {"containers": [{"image": "train:1", "args": ["run"]}]}},
        },
    ],
    unsound=[
        _job(environment=[{"name": "DB_PASSWORD", "value": "correct horse"}]),
        _job(command=["train", "--api-key=made-up-1234"]),
        {
            "type": "multinode",
            "nodeProperties": json.dumps(
                {"nodeRangeProperties": [{"container": {"environment": [{"name": "HF_TOKEN", "value": "made-up"}]}}]}
            ),
        },
        {
            "type": "container",
            "ecsProperties": json.dumps(
                {"taskProperties": [{"containers": [{"environment": [{"name": "HF_TOKEN", "value": "made-up"}]}]}]}
            ),
        },
        {
            "type": "container",
            "eksProperties": {
                "podProperties": {"containers": [{"image": "t", "envs": [{"name": "HF_TOKEN", "value": "made-up"}]}]}
            },
        },
        {"type": "container", "parameters": {"dbPassword": "correct horse"}},
    ],
)
def batch_job_environment_holds_no_secrets(job: Properties) -> Verdict:
    """The containers of a Batch job have no secret among their variables, arguments and parameters.

    Whoever may describe jobs reads them, as long as the definition is there.
    """

    def of_pods(container: Properties) -> Verdict:
        def plain(variable: Properties) -> Verdict:
            return secrets.of_setting("the variable", str(variable.at("name", "")), variable, "value", _ELSEWHERE)

        words = {part: " ".join(map(str, container.listed(part))) for part in _LEADS}
        said = Properties(words, container.where("")[:-1])
        return all_of(container.each("envs", plain), *(secrets.of_text(said, part, _ELSEWHERE) for part in _LEADS))

    found = [
        *_parsed(job, "containerProperties"),
        *(
            container
            for node in _parsed(job, "nodeProperties")
            for each in node.objects("nodeRangeProperties")
            for container in each.objects("container")
        ),
        *(
            container
            for task in _parsed(job, "ecsProperties")
            for each in task.objects("taskProperties")
            for container in each.objects("containers")
        ),
    ]
    return all_of(
        *map(_of_container, found),
        *(job.each(f"eksProperties.podProperties.{kind}", of_pods) for kind in ("containers", "initContainers")),
        *secrets.of_settings(job, "parameters", _ELSEWHERE, "the parameter"),
    )


def _building(*variables: dict[str, Any]) -> dict[str, Any]:
    return {"environment": {"environmentVariables": list(variables)}}


@rule(
    "codebuild-variables-hold-no-secrets",
    on="aws:codebuild/project:Project",
    severity=HIGH,
    fix="Set the variable's type to SECRETS_MANAGER or PARAMETER_STORE, and its value to the secret's name.",
    sound=[
        {},
        _building({"name": "REGION", "value": "us-east-1"}),
        _building({"name": "DB_PASSWORD", "value": "prod/db:password", "type": "SECRETS_MANAGER"}),
        _building({"name": "API_KEY", "value": "/app/api-key", "type": "PARAMETER_STORE"}),
    ],
    unsound=[
        _building({"name": "DB_PASSWORD", "value": "correct horse"}),
        _building({"name": "DB_PASSWORD", "value": "correct horse", "type": "PLAINTEXT"}),
        _building({"name": "AWS_ACCESS_KEY_ID", "value": "records"}),
        _building({"name": "AWS_SECRET_ACCESS_KEY", "value": "records"}),
        _building({"name": UNKNOWN, "value": "x"}, {"name": "SETTING", "value": "AKIAIOSFODNN7EXAMPLE"}),
    ],
)
def codebuild_variables_hold_no_secrets(project: Properties) -> Verdict:
    """The plain variables of a CodeBuild project hold no secret.

    Whoever may read the project or a build's details reads them, and a build that prints its environment logs them.
    """

    def plain(variable: Properties) -> Verdict:
        if variable.at("type", "PLAINTEXT") != "PLAINTEXT":
            return Verdict()
        if str(variable.at("name", "")).upper() == "AWS_ACCESS_KEY_ID":
            return violation("the variable 'AWS_ACCESS_KEY_ID' is half of a key; the project's role must do")
        return secrets.of_setting("the variable", str(variable.at("name", "")), variable, "value", _ELSEWHERE)

    return project.each("environment.environmentVariables", plain)


@rule(
    "glue-job-arguments-hold-no-secrets",
    on="aws:glue/job:Job",
    severity=HIGH,
    fix="Pass the secret's name as an argument, and let the job read the value with its role.",
    sound=[
        {},
        {"defaultArguments": {"--job-language": "python", "--TempDir": "s3://scratch/tmp", "--secret_name": "prod/db"}},
        {"nonOverridableArguments": {"--enable-metrics": "true"}},
    ],
    unsound=[
        {"defaultArguments": {"--db_password": "correct horse"}},
        {"nonOverridableArguments": {"--url": "jdbc:postgresql://db.internal/app?user=app&password=horse"}},
        {"defaultArguments": {"--conf": "spark.hadoop.fs.s3a.secret.key=wJalrXUtnFEMI"}},
    ],
)
def glue_job_arguments_hold_no_secrets(job: Properties) -> Verdict:
    """The arguments of a Glue job hold no secret.

    Whoever may read jobs or their runs reads them, and the job's log starts with them.
    """
    paths = ("defaultArguments", "nonOverridableArguments")
    return all_of(*(each for path in paths for each in secrets.of_settings(job, path, _ELSEWHERE, "the argument")))


@rule(
    "glue-connection-leaves-its-password-to-secrets-manager",
    on="aws:glue/connection:Connection",
    severity=HIGH,
    advisory=WHAT_IS_GIVEN_IS_ENCRYPTED,
    fix="Set SECRET_ID in connection_properties, and leave PASSWORD out.",
    sound=[
        {},
        {"connectionProperties": {"JDBC_CONNECTION_URL": "jdbc:postgresql://db.internal/app", "SECRET_ID": "prod/db"}},
        {"connectionType": "NETWORK"},
    ],
    unsound=[
        {"connectionProperties": {"JDBC_CONNECTION_URL": "jdbc:mysql://db/app", "USERNAME": "a", "PASSWORD": "horse"}},
        {"connectionProperties": {"PASSWORD": Secret("horse")}},
        {"connectionProperties": {"JDBC_CONNECTION_URL": "jdbc:mysql://db/app?password=horse"}},
    ],
)
def glue_connection_leaves_its_password_to_secrets_manager(connection: Properties) -> Verdict:
    """A Glue connection names the secret that has its password.

    A password of its own is read by whoever may get connections, and rotated by nobody.
    """
    instead = "SECRET_ID must name the secret that has it"
    return all_of(*secrets.of_settings(connection, "connectionProperties", instead, "the property"))


_SAGEMAKER = (
    "aws:sagemaker/model:Model",
    "aws:sagemaker/notebookInstanceLifecycleConfiguration:NotebookInstanceLifecycleConfiguration",
    "aws:sagemaker/studioLifecycleConfig:StudioLifecycleConfig",
)


@rule(
    "sagemaker-environment-holds-no-secrets",
    on=_SAGEMAKER,
    severity=HIGH,
    fix="Pass the secret's name, and let the container or the notebook read the value with its role.",
    sound=[
        {},
        {"primaryContainer": {"image": "model:1", "environment": {"MAX_TOKENS": "512", "HF_MODEL_ID": "bert-base"}}},
        {"containers": [{"image": "model:1", "environment": {"SECRET_NAME": "prod/hub"}}]},
        Resource(_SAGEMAKER[1], {"onStart": _encoded("#!/bin/bash\npip install --no-index app")}),
    ],
    unsound=[
        {"primaryContainer": {"image": "model:1", "environment": {"HF_TOKEN": "made-up-1234"}}},
        {"containers": [{"image": "a"}, {"image": "b", "environment": {"DB_PASSWORD": "correct horse"}}]},
        Resource(_SAGEMAKER[1], {"onStart": _encoded(_TOLD)}),
        Resource(_SAGEMAKER[1], {"onCreate": _encoded("git clone https://me:correct-horse@git.internal/app")}),
        Resource(_SAGEMAKER[2], {"studioLifecycleConfigContent": _encoded(_TOLD)}),
    ],
)
def sagemaker_environment_holds_no_secrets(resource: Resource) -> Verdict:
    """A SageMaker model's environment and a notebook's start-up scripts hold no secret.

    Whoever may describe models or notebooks reads them.
    """

    def plain(container: Properties) -> Verdict:
        return all_of(*secrets.of_settings(container, "environment", _ELSEWHERE))

    return all_of(
        resource.each("primaryContainer", plain),
        resource.each("containers", plain),
        *(
            secrets.of_text(resource, name, _ELSEWHERE, encoded=True)
            for name in ("onStart", "onCreate", "studioLifecycleConfigContent")
        ),
    )


_VARIABLES = "runtimeEnvironmentVariables"
_IMAGE = "sourceConfiguration.imageRepository.imageConfiguration"
_CODE = "sourceConfiguration.codeRepository.codeConfiguration.codeConfigurationValues"


def _served(**configuration: Any) -> dict[str, Any]:
    return {"sourceConfiguration": {"imageRepository": {"imageConfiguration": configuration}}}


@rule(
    "app-runner-variables-hold-no-secrets",
    on="aws:apprunner/service:Service",
    severity=HIGH,
    fix="Name the secret's ARN in runtime_environment_secrets.",
    sound=[
        {},
        _served(runtimeEnvironmentVariables={"LOG_LEVEL": "info"}),
        _served(runtimeEnvironmentSecrets={"DB_PASSWORD": _ARN}),
    ],
    unsound=[
        _served(runtimeEnvironmentVariables={"DB_PASSWORD": "correct horse"}),
        _served(startCommand="app --db-password=correct-horse"),
        {
            "sourceConfiguration": {
                "codeRepository": {
                    "codeConfiguration": {
                        "codeConfigurationValues": {_VARIABLES: {"DB_URL": "mysql://app:horse@db/app"}}
                    }
                }
            }
        },
    ],
)
def app_runner_variables_hold_no_secrets(service: Properties) -> Verdict:
    """The variables of an App Runner service hold no secret.

    Whoever may describe services reads them.
    """
    return all_of(
        *(
            each
            for place in (_IMAGE, _CODE)
            for each in secrets.of_settings(service, f"{place}.{_VARIABLES}", _ELSEWHERE)
        ),
        *(secrets.of_text(service, f"{place}.startCommand", _ELSEWHERE) for place in (_IMAGE, _CODE)),
    )


_OTHERS = {
    "aws:amplify/app:App": "environmentVariables",
    "aws:mwaa/environment:Environment": "airflowConfigurationOptions",
    "aws:apigateway/stage:Stage": "variables",
    "aws:cloudformation/stack:Stack": "parameters",
}
_BEANSTALK = "aws:elasticbeanstalk/environment:Environment"


@rule(
    "service-settings-hold-no-secrets",
    on=(*_OTHERS, _BEANSTALK),
    severity=HIGH,
    fix="Keep the value in Secrets Manager, and pass its name.",
    sound=[
        {"environmentVariables": {"API_URL": "https://api.example.org"}},
        Resource(
            "aws:mwaa/environment:Environment",
            {"airflowConfigurationOptions": {"secrets.backend": "airflow.providers.amazon.aws.secrets.SecretsManager"}},
        ),
        Resource("aws:apigateway/stage:Stage", {"variables": {"backend": "blue"}}),
        Resource(_BEANSTALK, {"settings": [{"namespace": "aws:ec2:vpc", "name": "VPCId", "value": "vpc-1"}]}),
    ],
    unsound=[
        {"environmentVariables": {"GITHUB_TOKEN": "made-up-1234"}},
        Resource("aws:mwaa/environment:Environment", {"airflowConfigurationOptions": {"smtp.smtp_password": "horse"}}),
        Resource("aws:apigateway/stage:Stage", {"variables": {"apiKey": "made-up-1234"}}),
        Resource("aws:cloudformation/stack:Stack", {"parameters": {"DBPassword": "correct horse"}}),
        Resource(
            _BEANSTALK,
            {
                "settings": [
                    {
                        "namespace": "aws:elasticbeanstalk:application:environment",
                        "name": "DB_PASSWORD",
                        "value": "correct horse",
                    }
                ]
            },
        ),
    ],
)
def service_settings_hold_no_secrets(resource: Resource) -> Verdict:
    """Settings of Amplify, Airflow, API Gateway stages, CloudFormation and Elastic Beanstalk hold no secret.

    Whoever may describe the resource reads them.
    """
    if resource.type == _BEANSTALK:
        return resource.each(
            "settings",
            lambda each: secrets.of_setting("the setting", str(each.at("name", "")), each, "value", _ELSEWHERE),
        )
    verdicts = secrets.of_settings(resource, _OTHERS[resource.type], _ELSEWHERE, "the setting")
    return all_of(*verdicts) if verdicts else not_applicable("it has no settings")
