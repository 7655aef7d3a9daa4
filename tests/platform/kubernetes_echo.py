"""A plugin named kubernetes that calls nothing: a resource is what the program says it is.

It lets the real engine provision the AWS half of the stack where there is no Kubernetes API.
"""

import sys
from pathlib import Path

import pulumi
from pulumi.provider.experimental import provider, server

VERSION = "4.34.2"


class Echo(provider.Provider):
    async def check_config(self, request: provider.CheckRequest) -> provider.CheckResponse:
        return provider.CheckResponse(inputs=request.new_inputs)

    async def diff_config(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=False)

    async def configure(self, request: provider.ConfigureRequest) -> provider.ConfigureResponse:
        return provider.ConfigureResponse(accept_secrets=True, accept_outputs=False, supports_preview=True)

    async def check(self, request: provider.CheckRequest) -> provider.CheckResponse:
        return provider.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: provider.DiffRequest) -> provider.DiffResponse:
        return provider.DiffResponse(changes=dict(request.old_state) != dict(request.new_inputs))

    async def create(self, request: provider.CreateRequest) -> provider.CreateResponse:
        return provider.CreateResponse(None if request.preview else f"{request.name}-id", request.properties)

    async def construct(self, request: provider.ConstructRequest) -> provider.ConstructResponse:
        made = pulumi.ComponentResource(request.resource_type, request.name, None, request.options)
        return provider.ConstructResponse(str(await made.urn.future()), {}, {})

    async def update(self, request: provider.UpdateRequest) -> provider.UpdateResponse:
        return provider.UpdateResponse(request.news)

    async def read(self, request: provider.ReadRequest) -> provider.ReadResponse:
        return provider.ReadResponse(request.resource_id, request.properties, request.inputs)

    async def delete(self, request: provider.DeleteRequest) -> None:
        return None


def install(pulumi_home: Path, python: Path) -> None:
    """Put it where the engine looks for the plugin."""
    folder = pulumi_home / "plugins" / f"resource-kubernetes-v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / "pulumi-resource-kubernetes"
    launcher.write_text(f'#!/bin/sh\nexec "{python}" "{Path(__file__).resolve()}" "$@"\n')
    launcher.chmod(0o755)


if __name__ == "__main__":
    server.main(sys.argv[1:], VERSION, Echo())
