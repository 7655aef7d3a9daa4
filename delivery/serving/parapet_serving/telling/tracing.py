"""OpenTelemetry's traces, where an endpoint is configured by its own variables; off else.

A span has the route, the status, the model and the number of rows. Of a caller's headers only the ids in `traceparent`
are taken: `tracestate` and `baggage` can hold any text.
"""

import os
import re
from typing import Any, Final

from parapet_serving.bundle.manifest import Manifest

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Tracing:
    """None: what a request costs without it is one look."""

    def begin(self, route: str, parent: str | None) -> Any:
        """The span of one request, which a caller's own may be the parent of; it ends by its `end`. None without
        traces."""
        del route, parent

    def close(self) -> None:
        """Sends what is left."""


class OpenTelemetry(Tracing):
    """By OTLP over HTTP, in batches, from a thread; sampled as OTEL_TRACES_SAMPLER says."""

    def __init__(self, model: Manifest) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {"service.name": "parapet-serving", "parapet.model": model.name, "parapet.model.version": model.version}
        self._api = trace
        self._provider = TracerProvider(resource=Resource(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("parapet_serving")

    def begin(self, route: str, parent: str | None) -> Any:
        # No exception is ever told to it: its words may hold anything.
        return self._tracer.start_span(
            route,
            context=self._context(parent),
            kind=self._api.SpanKind.SERVER,
            attributes={"http.route": route},
        )

    def close(self) -> None:
        self._provider.shutdown()

    def _context(self, parent: str | None) -> Any:
        if not parent or not (ids := PARENT.fullmatch(parent)):
            return None
        remote = self._api.SpanContext(
            int(ids[1], 16), int(ids[2], 16), is_remote=True, trace_flags=self._api.TraceFlags(int(ids[3], 16) & 1)
        )
        return self._api.set_span_in_context(self._api.NonRecordingSpan(remote)) if remote.is_valid else None


def configured(model: Manifest) -> Tracing:
    """As the environment says."""
    return OpenTelemetry(model) if any(os.environ.get(name) for name in ENDPOINTS) else Tracing()
