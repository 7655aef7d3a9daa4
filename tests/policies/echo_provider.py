"""A stand-in for the plugins of AWS and Kubernetes that calls nothing: a resource is what the program says it is.

It shows a policy pack what the engine shows it anywhere: inputs, and outputs that are unknown before the update. A
chart is rendered by nobody: it is a component with nothing in it.
"""

import os
import sys
from pathlib import Path
from typing import Any

import pulumi
import yaml
from google.protobuf import struct_pb2
from pulumi.provider.experimental import provider, server
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import rpc

COMPUTED = ("arn", "keyId")
# What a program reads of resources once they are there.
REPORTED: dict[str, dict[str, Any]] = {
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"prefixListId": "pl-0123456789abcdef0"},
    "aws:sqs/queue:Queue": {"name": "queue", "url": "https://sqs.us-east-1.amazonaws.com/111122223333/queue"},
    "aws:iam/instanceProfile:InstanceProfile": {"name": "nodes"},
    "aws:ec2/placementGroup:PlacementGroup": {"name": "close"},
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1.0},
    "aws:eks/cluster:Cluster": {"endpoint": "https://cluster.test", "certificateAuthority": {"data": "Q0E="}},
    "aws:rds/instance:Instance": {
        "address": "database.test",
        "port": 5432.0,
        "masterUserSecrets": [{"secretArn": "arn:aws:secretsmanager:us-east-1:1:secret:s"}],
    },
    "aws:eks/nodeGroup:NodeGroup": {"resources": [{"autoscalingGroups": [{"name": "nodes"}]}]},
}
# What the provider names by itself, before it is made, and that is named elsewhere by it.
NAMED = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:s3/bucketV2:BucketV2": "bucket",
    "aws:rds/parameterGroup:ParameterGroup": "name",
}
ANSWERS: dict[str, dict[str, str | list[PropertyValue]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "id": "111122223333",
        "accountId": "111122223333",
        "arn": "arn:aws:iam::111122223333:user/tester",
        "userId": "tester",
    },
    "aws:index/getRegion:getRegion": {"id": "us-east-1", "name": "us-east-1", "region": "us-east-1"},
    "aws:index/getPartition:getPartition": {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com"},
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "id": "us-east-1",
        "names": [PropertyValue(f"us-east-1{letter}") for letter in "abcdef"],
        "zoneIds": [PropertyValue(f"use1-az{number}") for number in range(1, 7)],
    },
    "aws:iam/getRoles:getRoles": {"id": "us-east-1", "arns": [], "names": []},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": {
        "id": "us-east-1",
        "userName": "AWS",
        "password": "made-up-login",
    },
    "aws:ec2/getPrefixList:getPrefixList": {
        "id": "pl-0123456789abcdef0",
        "name": "com.amazonaws.us-east-1.s3",
        "cidrBlocks": [PropertyValue("198.51.100.0/24")],
    },
}


IMAGES = "aws:ecr/getImages:getImages"


def _images(repository: str) -> PropertyValue:
    """The image that the stack's lock has for a repository: its registry is full."""
    lock = yaml.safe_load(Path(os.environ["PARAPET_IMAGES_LOCK"]).read_text())
    found = [(tagged.rpartition(":"), digest) for tagged, digest in lock.items()]
    return _value(
        [
            {"imageTag": tag, "imageDigest": digest}
            for (name, _, tag), digest in found
            if repository.endswith(f"/{name}")
        ]
    )


def _value(value: Any) -> PropertyValue:
    if isinstance(value, dict):
        return PropertyValue({name: _value(item) for name, item in value.items()})
    return PropertyValue([_value(item) for item in value] if isinstance(value, list) else value)


_unmarshal = PropertyValue.unmarshal


def _with_left_out_code(value: struct_pb2.Value) -> PropertyValue:
    """The state leaves out a function's code: what then comes is an archive of nothing, which the SDK refuses."""
    if list(value.struct_value.fields) == [rpc._special_sig_key]:
        return PropertyValue(pulumi.AssetArchive({}))
    return _unmarshal(value)


class Echo(provider.Provider):
    async def check_config(self, request: provider.CheckRequest) -> provider.CheckResponse:
        return provider.CheckResponse(inputs=request.new_inputs)

    async def diff_config(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def configure(self, request: provider.ConfigureRequest) -> provider.ConfigureResponse:
        return provider.ConfigureResponse(accept_secrets=True)

    async def check(self, request: provider.CheckRequest) -> provider.CheckResponse:
        name = NAMED.get(request.type.rpartition("$")[2])
        named = {name: PropertyValue(request.name)} if name else {}
        return provider.CheckResponse(inputs=named | request.new_inputs)

    async def diff(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def create(self, request: provider.CreateRequest) -> provider.CreateResponse:
        computed = {name: PropertyValue(f"{name}-of-{request.name}") for name in COMPUTED}
        reported = REPORTED.get(request.type.rpartition("$")[2], {})
        computed |= {name: _value(value) for name, value in reported.items()}
        if request.preview:
            return provider.CreateResponse(None, dict.fromkeys(computed, PropertyValue.computed()) | request.properties)
        return provider.CreateResponse(f"{request.name}-id", computed | request.properties)

    async def construct(self, request: provider.ConstructRequest) -> provider.ConstructResponse:
        made = pulumi.ComponentResource(request.resource_type, request.name, None, request.options)
        return provider.ConstructResponse(str(await made.urn.future()), {}, {})

    async def invoke(self, request: provider.InvokeRequest) -> provider.InvokeResponse:
        if request.tok == IMAGES:
            return provider.InvokeResponse({"imageIds": _images(str(request.args["repositoryName"].value))})
        return provider.InvokeResponse({name: PropertyValue(value) for name, value in ANSWERS[request.tok].items()})

    async def delete(self, request: provider.DeleteRequest) -> None:
        return None


if __name__ == "__main__":
    setattr(PropertyValue, "unmarshal", staticmethod(_with_left_out_code))  # noqa: B010 # a method of another's class
    server.main(sys.argv[1:], os.environ["ECHO_VERSION"], Echo())
