"""Secrets in plain sight wherever else a program has texts: what `plain_secrets` has no rule of its own for.

Only what is no secret to Pulumi is looked at: the SDK makes one of each property that it knows to hold one, and what is
within others (a broker's users, a connection's headers) is as plain as the program writes it. A text that is not known
before the update is another resource's, and none of the program's.
"""

from __future__ import annotations

import json
from typing import Any

from hipaa import secrets
from hipaa.aws import plain_secrets
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import HIGH, Rule, rule
from hipaa.verdict import Verdict, all_of, violation

_CONNECTION = "aws:cloudwatch/eventConnection:EventConnection"
_BROKER = "aws:mq/broker:Broker"
_MACHINE = "aws:sfn/stateMachine:StateMachine"
_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
_SCHEDULE = "aws:scheduler/schedule:Schedule"
_ASSOCIATION = "aws:ssm/association:Association"
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_DMS = "aws:dms/endpoint:Endpoint"
_EMR = "aws:emr/cluster:Cluster"
_SET = (
    *(_CONNECTION, _BROKER, _MACHINE, _TARGET, _SCHEDULE, _ASSOCIATION, _DISTRIBUTION, _DMS, _EMR),
    "aws:amplify/branch:Branch",
    "aws:cloudformation/stackSet:StackSet",
    "aws:codepipeline/pipeline:Pipeline",
    "aws:cognito/identityProvider:IdentityProvider",
    "aws:imagebuilder/component:Component",
    "aws:lightsail/containerServiceDeploymentVersion:ContainerServiceDeploymentVersion",
    "aws:mskconnect/connector:Connector",
    "aws:mskconnect/workerConfiguration:WorkerConfiguration",
    "aws:ssm/document:Document",
    "aws:synthetics/canary:Canary",
)
"""What has settings that users name, or texts that something runs: a name tells there too."""

_SPOKEN_OF = frozenset(
    {
        *(type_ for each in vars(plain_secrets).values() if isinstance(each, Rule) for type_ in each.on),
        # Other rules ask where these keep a secret; that is what they are for.
        *("aws:ssm/parameter:Parameter", "aws:secretsmanager/secretVersion:SecretVersion"),
        "aws:codebuild/sourceCredential:SourceCredential",
    }
)


def _is_another(type_: str) -> bool:
    return type_.startswith("aws:") and type_ not in _SPOKEN_OF


# Put together here, so that no scanner of this repository takes them for somebody's.
_LIVE_KEY = "sk_" + "live_" + "1a2b3c4d5e6f7a8b9c0d1e2f"
_GITHUB = "ghp_" + "1a2b3c4d5e6f" * 3
_HOOK = {"authorizationType": "API_KEY", "name": "hook"}


def _asks(**parameters: Any) -> dict[str, Any]:
    return _HOOK | {"authParameters": parameters}


@rule(
    "settings-hold-no-secret-in-plain-text",
    on=_SET,
    besides=_is_another,
    severity=HIGH,
    fix="Name the secret of Secrets Manager that has it, or give the value as a secret of Pulumi's configuration.",
    sound=[
        _asks(apiKey={"key": "x-api-key", "value": Secret(_LIVE_KEY)}),
        _asks(basic={"username": "app", "password": UNKNOWN}),
        Resource(_BROKER, {"users": [{"username": "app", "password": Secret("correct horse")}]}),
        Resource(
            _MACHINE,
            {
                "definition": json.dumps(
                    {"States": {"A": {"Parameters": {"TaskToken.$": "$$.Task.Token", "password.$": "$.p"}}}}
                )
            },
        ),
        Resource(
            _TARGET, {"input": json.dumps({"secretId": "prod/db", "tokenUrl": "https://login.example.org/token"})}
        ),
        Resource(_DISTRIBUTION, {"origins": [{"customHeaders": [{"name": "X-Api-Version", "value": "2"}]}]}),
        Resource("aws:iam/accountPasswordPolicy:AccountPasswordPolicy", {"minimumPasswordLength": 14}),
        Resource("aws:lambda/alias:Alias", {"description": "Calls https://api.example.org/v1"}),
        Resource("aws:rds/instance:Instance", {"password": "correct horse"}),
    ],
    unsound=[
        _asks(basic={"username": "app", "password": "correct horse"}),
        _asks(apiKey={"key": "x-api-key", "value": _LIVE_KEY}),
        _asks(apiKey={"key": "x-api-key", "value": "made-up-1234"}),
        _asks(oauth={"clientParameters": {"clientId": "app", "clientSecret": "correct horse"}}),
        _asks(invocationHttpParameters={"headers": [{"key": "Authorization", "value": f"Bearer {_GITHUB}"}]}),
        Resource(_BROKER, {"users": [{"username": "app", "password": "correct horse"}]}),
        Resource(
            _MACHINE,
            {"definition": json.dumps({"States": {"A": {"Parameters": {"db": "postgres://app:horse@db/phi"}}}})},
        ),
        Resource(_TARGET, {"input": json.dumps({"password": "correct horse"})}),
        Resource(_SCHEDULE, {"target": {"input": json.dumps({"token": _GITHUB})}}),
        Resource(_ASSOCIATION, {"parameters": {"commands": "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI"}}),
        Resource("aws:imagebuilder/component:Component", {"data": f"- git clone https://{_GITHUB}@github.com/a/b"}),
        Resource("aws:cloudfront/function:Function", {"code": f"var key = '{_LIVE_KEY}';"}),
        Resource(_EMR, {"configurationsJson": json.dumps([{"Properties": {"ConnectionPassword": "correct-horse"}}])}),
        Resource(_DMS, {"extraConnectionAttributes": "useLogminerReader=N;asmPassword=correct-horse"}),
        Resource(
            _DISTRIBUTION, {"origins": [{"customHeaders": [{"name": "X-Origin-Verify", "value": "correct-horse"}]}]}
        ),
        Resource("aws:rds/instance:Instance", {"password": _GITHUB}),
        Resource("aws:lambda/alias:Alias", {"description": "postgres://app:horse@db.internal/phi"}),
        Resource(
            "aws:lb/listener:Listener",
            {"defaultActions": [{"type": "authenticate-oidc", "authenticateOidc": {"clientSecret": "correct horse"}}]},
        ),
    ],
)
def settings_hold_no_secret(resource: Resource) -> Verdict:
    """No text of a program is a password, a key or a token: of no property, however deep, of no resource.

    Whoever may describe the resource reads it, as does whoever reads the program or its state.
    """
    by_name = resource.type in _SET
    found = []
    for way, called, text in resource.texts_within():
        # What is called so at the top, the SDK has made a secret of: as plain text it is what another tool read back.
        name = called if len(way) > 1 else ""
        if secrets.is_unmistakable(name, text) or (by_name and _says_one(name, text)):
            found.append(way)
    return all_of(
        *(
            violation(f"`{resource.way(way)}` holds a secret in plain text; it must name where the secret is kept")
            for way in found[:10]
        )
    )


def _says_one(called: str, text: str) -> bool:
    return secrets.is_secret("auth token" if called.lower() == "authorization" else called, text)
