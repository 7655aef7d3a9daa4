"""A stand-in for the plugins of AWS and Kubernetes that calls nothing: a resource is what the program says it is.

It shows a policy pack what the engine shows it anywhere: inputs, and outputs that are unknown before the update.
"""

import os
import sys

from pulumi.provider.experimental import provider, server
from pulumi.provider.experimental.property_value import PropertyValue

COMPUTED = ("arn", "keyId")
# The provider names a bucket by itself, before it is made.
BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
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
}


class Echo(provider.Provider):
    async def check_config(self, request: provider.CheckRequest) -> provider.CheckResponse:
        return provider.CheckResponse(inputs=request.new_inputs)

    async def diff_config(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def configure(self, request: provider.ConfigureRequest) -> provider.ConfigureResponse:
        return provider.ConfigureResponse()

    async def check(self, request: provider.CheckRequest) -> provider.CheckResponse:
        named = {"bucket": PropertyValue(request.name)} if request.type.rpartition("$")[2] in BUCKETS else {}
        return provider.CheckResponse(inputs=named | request.new_inputs)

    async def diff(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def create(self, request: provider.CreateRequest) -> provider.CreateResponse:
        if request.preview:
            computed = dict.fromkeys(COMPUTED, PropertyValue.computed())
            return provider.CreateResponse(None, computed | request.properties)
        computed = {name: PropertyValue(f"{name}-of-{request.name}") for name in COMPUTED}
        return provider.CreateResponse(f"{request.name}-id", computed | request.properties)

    async def invoke(self, request: provider.InvokeRequest) -> provider.InvokeResponse:
        return provider.InvokeResponse({name: PropertyValue(value) for name, value in ANSWERS[request.tok].items()})

    async def delete(self, request: provider.DeleteRequest) -> None:
        return None


if __name__ == "__main__":
    server.main(sys.argv[1:], os.environ["ECHO_VERSION"], Echo())
