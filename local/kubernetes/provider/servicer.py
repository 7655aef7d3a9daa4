"""The plugin's side of the engine's protocol: messages in, plain values to the provider, messages out.

The engine waits for the plugin's port: what takes long to import is imported where it is needed, and `preload` begins
with that once the port is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as proto

from local.kubernetes.provider import RELEASE, VERSION, secrecy
from local.plugin.failures import UserError
from local.plugin.servicer import DIFF_KINDS, PluginServicer, proposed, token_of, told
from local.plugin.values import Path, marshal, scrub, unmarshal

if TYPE_CHECKING:
    from local.kubernetes.provider.provider import Provider
    from local.kubernetes.provider.releases import Releases

Result = TypeVar("Result")
_THREADS = 32


class Servicer(PluginServicer):
    """Serves one engine."""

    def __init__(self, engine: str, environment: Mapping[str, str]) -> None:
        super().__init__(VERSION, engine, environment, _THREADS)
        self.provider: Provider | None = None
        self.releases: Releases | None = None

    # Configuration

    async def CheckConfig(self, request: Any, context: Any) -> Any:
        """Refuse an API server that is not on this machine before anything is called."""
        from local.kubernetes.provider import configuration

        news, _ = unmarshal(request.news)
        failures = configuration.check(news, self.environment)
        return proto.CheckResponse(
            inputs=request.news,
            failures=[proto.CheckFailure(property=one.property, reason=one.reason) for one in failures],
        )

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        """Another cluster replaces the provider and all that is in it."""
        from local.kubernetes.provider import configuration

        olds, _ = unmarshal(request.olds)
        news, _ = unmarshal(request.news)
        changed = sorted(name for name in {*olds, *news} - {"version"} if olds.get(name) != news.get(name))
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=["clusterIdentifier"] if configuration.other_cluster(olds, news) else [],
        )

    async def Configure(self, request: Any, context: Any) -> Any:
        """Take the provider's settings; nothing is called yet."""
        from local.kubernetes.provider.cluster import Cluster
        from local.kubernetes.provider.configuration import configure
        from local.kubernetes.provider.connection import Connection
        from local.kubernetes.provider.kubeconfig import KubeconfigError
        from local.kubernetes.provider.provider import Provider
        from local.kubernetes.provider.releases import Releases

        given, _ = unmarshal(request.args)
        try:
            settings = configure(given, self.environment)
        except KubeconfigError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            raise
        warn = _say_nothing if settings.quiet else self.warn
        cluster = Cluster(Connection(settings.access), warn) if settings.access else None
        self.provider = Provider(settings, cluster, warn)
        self.releases = Releases(self.provider)
        return proto.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=False, supports_autonaming_configuration=True
        )

    async def Cancel(self, request: Any, context: Any) -> Any:
        """Let every call that waits give up."""
        if self.provider and self.provider.cluster:
            self.provider.cluster.connection.stopped.set()
        return empty_pb2.Empty()

    async def GetSchema(self, request: Any, context: Any) -> Any:
        """No schema: the SDK has the types, and the API server has the validation."""
        return proto.GetSchemaResponse(schema='{"name": "kubernetes", "version": "' + VERSION + '"}')

    # Resources

    async def Check(self, request: Any, context: Any) -> Any:
        news, secrets = unmarshal(request.news, nulls=_nulls(request.urn))
        # Of what an object was, its name alone is asked for.
        only = None if _is_release(request.urn) else ("metadata",)
        olds, _ = unmarshal(request.olds, nulls=_nulls(request.urn), only=only)
        proposal = proposed(request)
        inputs, failures = await self._run(
            context,
            request.urn,
            "check",
            lambda provider: provider.check(request.urn, news, olds, request.randomSeed, proposal),
            secrecy.texts(news, secrets),
        )
        return proto.CheckResponse(
            inputs=marshal(inputs, secrecy.paths(inputs, secrets), nulls=_nulls(request.urn)),
            failures=told(failures),
        )

    async def Diff(self, request: Any, context: Any) -> Any:
        # Not so a release: the state may say that its last upgrade failed.
        if request.news == request.old_inputs and not _is_release(request.urn):
            # What the program wants is what it wanted. Most of a stack is so in most runs, and reading two megabytes of
            # definitions three times over was half of what the plugin did then.
            return proto.DiffResponse(changes=proto.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
        state, hidden = unmarshal(request.olds, nulls=_nulls(request.urn))
        inputs, secrets = unmarshal(request.news, nulls=_nulls(request.urn))
        old_inputs, _ = unmarshal(request.old_inputs, nulls=_nulls(request.urn))
        result = await self._run(
            context,
            request.urn,
            "diff",
            lambda provider: provider.diff(request.urn, state, inputs, old_inputs, list(request.ignoreChanges)),
            secrecy.texts(inputs, secrets) | secrecy.texts(state, hidden),
        )
        replaces = set(result.replaces)
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if result.changes else proto.DiffResponse.DIFF_NONE,
            replaces=sorted(replaces),
            diffs=sorted({one.path.split(".")[0] for one in result.changes}),
            deleteBeforeReplace=result.delete_first,
            hasDetailedDiff=True,
            detailedDiff={
                one.path: proto.PropertyDiff(kind=DIFF_KINDS[one.kind, one.path in replaces], inputDiff=True)
                for one in result.changes
            },
        )

    async def Create(self, request: Any, context: Any) -> Any:
        inputs, secrets = unmarshal(request.properties, nulls=_nulls(request.urn))
        texts = secrecy.texts(inputs, secrets)
        if request.preview:
            outputs = await self._run(
                context,
                request.urn,
                "preview",
                lambda provider: provider.preview_create(request.urn, inputs),
                texts,
            )
            return proto.CreateResponse(id="", properties=_outputs(request.urn, outputs, secrets))
        identifier, outputs = await self._run(
            context,
            request.urn,
            "create",
            lambda provider: provider.create(request.urn, inputs, request.timeout),
            texts,
            secrets=secrets,
            inputs=request.properties,
        )
        return proto.CreateResponse(id=identifier, properties=_outputs(request.urn, outputs, secrets))

    async def Read(self, request: Any, context: Any) -> Any:
        state, hidden = unmarshal(request.properties, nulls=_nulls(request.urn))
        inputs, secrets = unmarshal(request.inputs, nulls=_nulls(request.urn))
        identifier, outputs, new_inputs = await self._run(
            context,
            request.urn,
            "read",
            lambda provider: provider.read(request.urn, request.id, state, inputs),
            secrecy.texts(inputs, secrets) | secrecy.texts(state, hidden),
        )
        if not identifier:
            # With properties, be there none, the engine would take it for something that is there.
            return proto.ReadResponse()
        return proto.ReadResponse(
            id=identifier,
            properties=_outputs(request.urn, outputs, secrets | hidden),
            inputs=marshal(new_inputs, secrecy.paths(new_inputs, secrets), nulls=_nulls(request.urn)),
        )

    async def Update(self, request: Any, context: Any) -> Any:
        state, hidden = unmarshal(request.olds, nulls=_nulls(request.urn))
        inputs, secrets = unmarshal(request.news, nulls=_nulls(request.urn))
        texts = secrecy.texts(inputs, secrets) | secrecy.texts(state, hidden)
        ignored = list(request.ignoreChanges)
        if request.preview:
            outputs = await self._run(
                context,
                request.urn,
                "preview",
                lambda provider: provider.preview_update(request.urn, state, inputs, ignored),
                texts,
            )
        else:
            outputs = await self._run(
                context,
                request.urn,
                "update",
                lambda provider: provider.update(request.urn, state, inputs, ignored, request.timeout),
                texts,
                secrets=secrets,
                inputs=request.news,
            )
        return proto.UpdateResponse(properties=_outputs(request.urn, outputs, secrets))

    async def Delete(self, request: Any, context: Any) -> Any:
        state, hidden = unmarshal(request.properties, nulls=_nulls(request.urn))
        inputs, _ = unmarshal(request.old_inputs, nulls=_nulls(request.urn))
        await self._run(
            context,
            request.urn,
            "delete",
            lambda provider: provider.delete(request.urn, request.id, state, inputs, request.timeout),
            secrecy.texts(state, hidden),
        )
        return empty_pb2.Empty()

    # Functions and components

    async def Invoke(self, request: Any, context: Any) -> Any:
        from local.kubernetes.provider import functions

        arguments, secrets = unmarshal(request.args)
        result = await self._run(
            context,
            request.tok,
            "invoke",
            lambda _: functions.invoke(self._configured(), request.tok, arguments),
            secrecy.texts(arguments, secrets),
        )
        answer: dict[str, Any] = {"return": marshal(result)}
        return proto.InvokeResponse(**answer)

    async def Construct(self, request: Any, context: Any) -> Any:
        """Make a component, whose children this engine gets as resources of their own."""
        from local.kubernetes.provider.components import Components

        arguments, secrets = unmarshal(request.inputs)
        self._provider = Components(self._configured)
        try:
            return await self._construct(request, context)
        except Exception as error:
            status, message = self.explained(error, "construct", f"{request.type} {request.name}")
            await context.abort(status, scrub(message, secrecy.texts(arguments, secrets)))
            raise

    def _configured(self) -> Provider:
        if self.provider is None:
            raise UserError("the kubernetes provider is not configured")
        return self.provider

    # Plumbing

    async def _run(
        self,
        context: Any,
        subject: str,
        operation: str,
        work: Callable[[Provider | Releases], Result],
        texts: set[str],
        *,
        secrets: set[Path] | None = None,
        inputs: Any = None,
    ) -> Result:
        """Do the work in a thread; what goes wrong ends the call with a message that says what to do."""
        answers = self.releases if _is_release(subject) else self.provider
        if answers is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the kubernetes provider is not configured")
            raise AssertionError
        return await self.in_thread(
            context,
            subject,
            operation,
            lambda: work(answers),
            texts,
            outputs=lambda kept: _outputs(subject, kept, secrets or set()),
            inputs=inputs,
        )

    def explained(self, error: Exception, operation: str, subject: str) -> tuple[grpc.StatusCode, str]:
        from local.kubernetes.provider.failures import explained

        return explained(error, operation, subject)


def preload() -> None:
    """Import what the first requests will need."""
    from local.kubernetes.provider import components, failures, releases  # noqa: F401


def _is_release(subject: str) -> bool:
    """Whether the URN is of a release; a function's token is of none."""
    return "::" in subject and token_of(subject) == RELEASE


def _nulls(urn: str) -> bool:
    """Whether a null means something: in a chart's values it takes a default away."""
    return _is_release(urn)


def _say_nothing(text: str) -> None:
    """Nothing of what the API server warns of is shown."""


def _outputs(urn: str, outputs: dict[str, Any], secrets: set[Path]) -> Any:
    return marshal(outputs, secrecy.paths(outputs, secrets), nulls=_nulls(urn))
