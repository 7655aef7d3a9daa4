"""The plugin's side of the engine's protocol: messages in, plain values to the provider, messages out.

The engine waits for the plugin's port: what takes long to import is imported where it is needed, and `preload` begins
with that once the port is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as proto

from local.aws import VERSION
from local.plugin.servicer import DIFF_KINDS, PluginServicer, proposed, token_of, told
from local.plugin.values import Path, marshal, secret_texts, unmarshal

if TYPE_CHECKING:
    from local.aws.provider import Provider

Result = TypeVar("Result")
_THREADS = 24


class Servicer(PluginServicer):
    """Serves one engine. `environment` is what the process was started with, before it forgot the user's settings."""

    def __init__(self, engine: str, environment: Mapping[str, str]) -> None:
        super().__init__(VERSION, engine, environment, _THREADS)
        self.provider: Provider | None = None

    # Configuration

    async def CheckConfig(self, request: Any, context: Any) -> Any:
        """Refuse an endpoint that is not on this machine before anything is called."""
        from local.aws import configuration

        news, _ = unmarshal(request.news)
        failures = configuration.check(news, self.environment)
        return proto.CheckResponse(
            inputs=request.news,
            failures=[proto.CheckFailure(property=one.setting, reason=one.reason) for one in failures],
        )

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        """A change of the provider's settings never replaces it: resources notice a new Region themselves."""
        olds, _ = unmarshal(request.olds)
        news, _ = unmarshal(request.news)
        changed = sorted(name for name in {*olds, *news} - {"version"} if olds.get(name) != news.get(name))
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE, diffs=changed
        )

    async def Configure(self, request: Any, context: Any) -> Any:
        """Take the provider's settings."""
        from local.aws.calls import ApiError, CallError
        from local.aws.configuration import ConfigurationError, configure
        from local.aws.provider import Provider

        settings, _ = unmarshal(request.args)
        try:
            site = await asyncio.to_thread(configure, settings, self.environment)
        except (ConfigurationError, ApiError, CallError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            raise
        self.provider = Provider(site)
        return proto.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=False, supports_autonaming_configuration=True
        )

    async def Cancel(self, request: Any, context: Any) -> Any:
        """Let every call that waits give up."""
        if self.provider:
            self.provider.site.api.stopped.set()
        return empty_pb2.Empty()

    async def GetSchema(self, request: Any, context: Any) -> Any:
        """The schema of what is declared, for the program that an import writes."""
        from local.aws.schema import package_schema

        return proto.GetSchemaResponse(schema=await asyncio.to_thread(package_schema))

    # Resources

    async def Check(self, request: Any, context: Any) -> Any:
        news, secrets = unmarshal(request.news)
        olds, _ = unmarshal(request.olds)
        proposal = proposed(request)
        inputs, failures = await self._run(
            context,
            request.urn,
            "check",
            lambda provider: provider.check(
                token_of(request.urn), request.urn, news, olds, secrets, request.randomSeed, proposal
            ),
            secret_texts(news, secrets),
        )
        return proto.CheckResponse(
            inputs=marshal(inputs, _spread(secrets)),
            failures=told(failures),
        )

    async def Diff(self, request: Any, context: Any) -> Any:
        from local.aws.facts import facts

        state, hidden = unmarshal(request.olds)
        inputs, secrets = unmarshal(request.news)
        old_inputs, _ = unmarshal(request.old_inputs)
        token = token_of(request.urn)
        result = await self._run(
            context,
            request.urn,
            "diff",
            lambda provider: provider.diff(token, state, inputs, old_inputs, list(request.ignoreChanges)),
            secret_texts(inputs, secrets) | secret_texts(state, hidden),
        )
        replaces = set(result.replaces)
        known = facts(token)
        fixed = {name for name in known.replaces if "." not in name} if known else set()
        stables = {"id", *fixed} if not replaces else set()
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if result.changes else proto.DiffResponse.DIFF_NONE,
            replaces=sorted(replaces),
            diffs=sorted({one.property for one in result.changes}),
            stables=sorted(stables),
            deleteBeforeReplace=result.delete_first,
            hasDetailedDiff=True,
            detailedDiff={
                one.path: proto.PropertyDiff(kind=DIFF_KINDS[one.kind, one.property in replaces], inputDiff=False)
                for one in result.changes
            },
        )

    async def Create(self, request: Any, context: Any) -> Any:
        inputs, secrets = unmarshal(request.properties)
        token = token_of(request.urn)
        texts = secret_texts(inputs, secrets)
        if request.preview:
            outputs = await self._run(
                context, request.urn, "create", lambda provider: provider.preview_create(token, inputs), texts
            )
            return proto.CreateResponse(id="", properties=self._outputs(token, outputs, secrets))
        identifier, outputs = await self._run(
            context,
            request.urn,
            "create",
            lambda provider: provider.create(token, request.urn, inputs, request.timeout),
            texts,
            secrets=secrets,
            inputs=request.properties,
        )
        return proto.CreateResponse(id=identifier, properties=self._outputs(token, outputs, secrets))

    async def Read(self, request: Any, context: Any) -> Any:
        state, hidden = unmarshal(request.properties)
        inputs, secrets = unmarshal(request.inputs)
        token = token_of(request.urn)
        identifier, outputs, new_inputs = await self._run(
            context,
            request.urn,
            "read",
            lambda provider: provider.read(token, request.id, state, inputs),
            secret_texts(inputs, secrets) | secret_texts(state, hidden),
        )
        if not identifier:
            # With properties, be there none, the engine would take it for something that is there.
            return proto.ReadResponse()
        return proto.ReadResponse(
            id=identifier,
            properties=self._outputs(token, outputs, secrets | hidden),
            inputs=marshal(new_inputs, _spread(secrets)),
        )

    async def Update(self, request: Any, context: Any) -> Any:
        state, hidden = unmarshal(request.olds)
        inputs, secrets = unmarshal(request.news)
        old_inputs, _ = unmarshal(request.old_inputs)
        token = token_of(request.urn)
        texts = secret_texts(inputs, secrets) | secret_texts(state, hidden)
        if request.preview:
            outputs = await self._run(
                context, request.urn, "update", lambda provider: provider.preview_update(token, state, inputs), texts
            )
        else:
            outputs = await self._run(
                context,
                request.urn,
                "update",
                lambda provider: provider.update(
                    token,
                    request.urn,
                    request.id,
                    state,
                    inputs,
                    old_inputs,
                    list(request.ignoreChanges),
                    request.timeout,
                ),
                texts,
                secrets=secrets,
                inputs=request.news,
            )
        return proto.UpdateResponse(properties=self._outputs(token, outputs, secrets))

    async def Delete(self, request: Any, context: Any) -> Any:
        state, hidden = unmarshal(request.properties)
        inputs, _ = unmarshal(request.old_inputs)
        await self._run(
            context,
            request.urn,
            "delete",
            lambda provider: provider.delete(token_of(request.urn), request.id, state, inputs),
            secret_texts(state, hidden),
        )
        return empty_pb2.Empty()

    async def Invoke(self, request: Any, context: Any) -> Any:
        arguments, secrets = unmarshal(request.args)
        result, failures = await self._run(
            context,
            request.tok,
            "invoke",
            lambda provider: provider.invoke(request.tok, arguments),
            secret_texts(arguments, secrets),
        )
        from local.aws.declaration import function

        declared = function(request.tok)
        hidden = {(name,) for name in (declared.secret if declared else []) if name in result}
        answer: dict[str, Any] = {"return": marshal(result, hidden)}
        return proto.InvokeResponse(
            **answer,
            failures=[proto.CheckFailure(property=one.property, reason=one.reason) for one in failures],
        )

    # Plumbing

    def _outputs(self, token: str, outputs: dict[str, Any], secrets: set[Path]) -> Any:
        from local.aws.facts import facts

        known = facts(token)
        own = {(name,) for name in known.model.secret_outputs} if known else set()
        spread = _spread(secrets | own)
        if spread:
            # Fingerprints of what is secret are nobody's business either.
            spread = spread | {("__meta",)}
        return marshal(outputs, {path for path in spread if path[0] in outputs})

    async def _run(
        self,
        context: Any,
        subject: str,
        operation: str,
        work: Callable[[Provider], Result],
        texts: set[str],
        *,
        secrets: set[Path] | None = None,
        inputs: Any = None,
    ) -> Result:
        """Do the work in a thread; what goes wrong ends the call with a message that says what to do."""
        if self.provider is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the aws provider is not configured")
            raise AssertionError
        provider = self.provider
        return await self.in_thread(
            context,
            subject,
            operation,
            lambda: work(provider),
            texts,
            outputs=lambda kept: self._outputs(token_of(subject), kept, secrets or set()),
            inputs=inputs,
        )

    def explained(self, error: Exception, operation: str, subject: str) -> tuple[grpc.StatusCode, str]:
        from local.aws.failures import explained

        return explained(error, operation, subject)


def preload() -> None:
    """Import what the first requests will need."""
    from local.aws import failures, functions  # noqa: F401


def _spread(secrets: set[Path]) -> set[Path]:
    """A secret tag is secret wherever the tags are."""
    return secrets | {("tagsAll", *path[1:]) for path in secrets if path[0] == "tags"}
