"""AWS Lambda: functions that nobody calls unsigned, on runtimes that are mended, with what keeps them in bounds."""

from __future__ import annotations

from typing import Any

from hipaa import facts
from hipaa.aws.advice import HEALTH_IS_NO_RECORD, OWN_KEY_IS_MORE, OWN_VPC_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, at_least, is_, is_set, not_applicable, violation

FUNCTION = "aws:lambda/function:Function"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
EVENT_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
SIGNING = "aws:lambda/codeSigningConfig:CodeSigningConfig"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ROLE = "arn:aws:iam::111122223333:role/ward"
_BOUNDS_ARE_MORE = (
    "what a function may do is its role's to bound (164.312(a)(1)); this keeps its cost and load in bounds"
)


def _function(**properties: Any) -> dict[str, Any]:
    return {"role": _ROLE, "handler": "index.handler", "runtime": "python3.14"} | properties


@rule(
    "lambda-url-asks-who-calls",
    on=FUNCTION_URL,
    severity=CRITICAL,
    fix="Set authorization_type=AWS_IAM, or put an API with an authorizer before the function.",
    sound=[{"functionName": "ward", "authorizationType": "AWS_IAM"}],
    unsound=[{"functionName": "ward", "authorizationType": "NONE"}, {"functionName": "ward"}],
)
def url_asks_who_calls(url: Properties) -> Verdict:
    """A function's own address answers signed requests alone: one of type NONE answers all the internet."""
    return url.require("authorizationType", is_("AWS_IAM"), default="NONE")


@rule(
    "lambda-url-names-its-origins",
    on=FUNCTION_URL,
    severity=LOW,
    advisory="a browser's origin is no one's identity: the signature is what controls access (164.312(a)(1))",
    fix="List the origins in cors.allow_origins; never `*`.",
    sound=[
        {"functionName": "ward", "authorizationType": "AWS_IAM"},
        {"functionName": "ward", "cors": {"allowOrigins": ["https://ward.example.com"]}},
    ],
    unsound=[{"functionName": "ward", "cors": {"allowOrigins": ["*"]}}],
)
def url_names_its_origins(url: Properties) -> Verdict:
    """A function's own address answers pages of origins that are named."""
    return url.each(
        "cors.allowOrigins",
        lambda origin: violation("`cors.allow_origins` has '*'; it must name origins") if origin == "*" else Verdict(),
    )


@rule(
    "lambda-function-runs-on-a-mended-runtime",
    on=FUNCTION,
    severity=MEDIUM,
    fix="Set runtime to one that AWS still mends: python3.14, nodejs24.x, java25, dotnet10, provided.al2023.",
    sound=[_function(), {"role": _ROLE, "packageType": "Image", "imageUri": "records@sha256:a"}],
    unsound=[_function(runtime="python3.8"), _function(runtime="nodejs16.x"), _function(runtime="go1.x")],
)
def function_runs_on_a_mended_runtime(function: Properties) -> Verdict:
    """A function's runtime still gets its security patches.

    After the day that AWS names, what is found in it stays. An image's runtime is its maker's to keep.
    """
    runtime = function.at("runtime")
    if runtime is None:
        return not_applicable("an image brings its own runtime")
    until = facts.fact("lambda-runtimes").get(str(runtime))
    if until is None or facts.today() < until:
        return Verdict()
    return violation(f"`runtime` is {runtime!r}, of which AWS mends no flaw since {until}")


_VPC = {"vpcConfig": {"subnetIds": ["subnet-1a2b3c4d"], "securityGroupIds": ["sg-1a2b3c4d"]}}


@rule(
    "lambda-function-runs-in-a-vpc",
    on=FUNCTION,
    severity=LOW,
    advisory=OWN_VPC_IS_MORE,
    fix="Set vpc_config with subnet_ids and security_group_ids.",
    sound=[_function(**_VPC)],
    unsound=[_function(), _function(vpcConfig={"subnetIds": [], "securityGroupIds": []})],
)
def function_runs_in_a_vpc(function: Properties) -> Verdict:
    """A function reaches what it reaches by way of a VPC."""
    return function.require("vpcConfig.subnetIds", is_set())


def _called(**properties: Any) -> Resource:
    return Resource(FUNCTION, _function(name="ward") | properties, name="ward")


def _on_failure(function: Any = "ward", **sources: Any) -> Resource:
    destination = {"onFailure": {"destination": "arn:aws:sqs:us-east-1:111122223333:failed"}}
    return Resource(EVENT_CONFIG, {"functionName": function, "destinationConfig": destination}, **sources)


@stack_rule(
    "lambda-function-keeps-what-failed",
    on=FUNCTION,
    severity=LOW,
    advisory=HEALTH_IS_NO_RECORD,
    fix="Set dead_letter_config, or add a FunctionEventInvokeConfig with an on_failure destination.",
    sound=[
        [_called(deadLetterConfig={"targetArn": "arn:aws:sqs:us-east-1:111122223333:failed"})],
        [_called(), _on_failure()],
        [_called(name=UNKNOWN), _on_failure(UNKNOWN, sources={"functionName": [_called().urn]})],
    ],
    unsound=[[_called()], [_called(), _on_failure("another")]],
)
def function_keeps_what_failed(function: Resource, stack: Stack) -> Verdict:
    """An event that a function could not work on is kept, instead of dropped after two more tries."""
    if function.at("deadLetterConfig.targetArn"):
        return Verdict()
    for config in stack.companions(function, EVENT_CONFIG, by="functionName"):
        if config.at("destinationConfig.onFailure.destination"):
            return Verdict()
    return violation("`dead_letter_config` is not set, and no FunctionEventInvokeConfig says where failed events go")


@rule(
    "lambda-function-bounds-its-concurrency",
    on=FUNCTION,
    severity=LOW,
    advisory=_BOUNDS_ARE_MORE,
    fix="Set reserved_concurrent_executions.",
    sound=[_function(reservedConcurrentExecutions=10)],
    unsound=[_function(), _function(reservedConcurrentExecutions=-1)],
)
def function_bounds_its_concurrency(function: Properties) -> Verdict:
    """A function runs so many times at once and no more, and takes nothing from the others of the account."""
    return function.require("reservedConcurrentExecutions", at_least(0), default=-1)


@rule(
    "lambda-function-is-traced",
    on=FUNCTION,
    severity=LOW,
    advisory=HEALTH_IS_NO_RECORD,
    fix="Set tracing_config with mode=Active.",
    sound=[_function(tracingConfig={"mode": "Active"})],
    unsound=[_function(), _function(tracingConfig={"mode": "PassThrough"})],
)
def function_is_traced(function: Properties) -> Verdict:
    """A function's calls are traced by X-Ray."""
    return function.require("tracingConfig.mode", is_("Active"), default="PassThrough")


@rule(
    "lambda-function-encrypts-variables-with-cmk",
    on=FUNCTION,
    severity=LOW,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_arn to the ARN of a customer managed key.",
    sound=[_function(), _function(environment={"variables": {"STAGE": "prod"}}, kmsKeyArn=_KEY)],
    unsound=[_function(environment={"variables": {"STAGE": "prod"}})],
)
def function_encrypts_variables(function: Properties) -> Verdict:
    """A function's variables are under a customer managed key."""
    if not function.at("environment.variables"):
        return Verdict()
    return function.require("kmsKeyArn", OWN_KEY)


@rule(
    "lambda-code-signing-is-enforced",
    on=SIGNING,
    severity=LOW,
    advisory="164.312(c)(2) is addressable, and who may deploy is bounded by IAM",
    fix="Set policies with untrusted_artifact_on_deployment=Enforce.",
    sound=[{"policies": {"untrustedArtifactOnDeployment": "Enforce"}}],
    unsound=[{}, {"policies": {"untrustedArtifactOnDeployment": "Warn"}}],
)
def code_signing_is_enforced(config: Properties) -> Verdict:
    """Code that is not signed is refused, and not only warned of, where signing is asked for."""
    return config.require("policies.untrustedArtifactOnDeployment", is_("Enforce"), default="Warn")
