"""A stand-in for the AWS plugin that calls nothing: a resource is what the program says it is.

It shows a policy pack what the engine shows it anywhere: inputs, and outputs that are unknown before the update.
"""

import sys

from pulumi.provider.experimental import provider, server
from pulumi.provider.experimental.property_value import PropertyValue

COMPUTED = ("arn", "keyId")


class Echo(provider.Provider):
    async def check_config(self, request: provider.CheckRequest) -> provider.CheckResponse:
        return provider.CheckResponse(inputs=request.new_inputs)

    async def diff_config(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def configure(self, request: provider.ConfigureRequest) -> provider.ConfigureResponse:
        return provider.ConfigureResponse()

    async def check(self, request: provider.CheckRequest) -> provider.CheckResponse:
        return provider.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def create(self, request: provider.CreateRequest) -> provider.CreateResponse:
        if request.preview:
            computed = dict.fromkeys(COMPUTED, PropertyValue.computed())
            return provider.CreateResponse(None, computed | request.properties)
        computed = {name: PropertyValue(f"{name}-of-{request.name}") for name in COMPUTED}
        return provider.CreateResponse(f"{request.name}-id", computed | request.properties)

    async def delete(self, request: provider.DeleteRequest) -> None:
        return None


if __name__ == "__main__":
    server.main(sys.argv[1:], "7.51.1", Echo())
