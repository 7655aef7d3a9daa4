"""The server's life: verified before it listens, ready while it may be asked, drained before it ends."""

import asyncio
import gc
import signal
import sys
import time
from functools import partial
from typing import Final

import uvloop

from parapet_serving import memory
from parapet_serving.app import App
from parapet_serving.batching import Batches
from parapet_serving.bundle import folder
from parapet_serving.bundle.folder import Bundle
from parapet_serving.contract import Contract
from parapet_serving.graph import Graph
from parapet_serving.http.server import Server
from parapet_serving.model import answered, independent, seconds
from parapet_serving.predictions.log import Log
from parapet_serving.predictions.places import place
from parapet_serving.refusal import Refused
from parapet_serving.settings import Settings
from parapet_serving.telling import logs, tracing
from parapet_serving.telling.hashed import Hashed
from parapet_serving.telling.metrics import Metrics

IDLE: Final = 65.0
"""Seconds for which a connection may say nothing: longer than the pauses of callers that keep connections, so that none
is closed as a request comes."""
SWITCH: Final = 0.0001
"""Seconds after which a thread that writes the prediction log lets the one go on that answers; Python's own are ten
times as many, and each answer could wait for them more than once."""


def verified(settings: Settings) -> tuple[Bundle, Contract, Graph]:
    """The model that the settings name, which is signed, whole, and answers its known cases. Raises Refused."""
    asked = settings.model
    bundle = folder.load(asked.folder, asked.keys, asked.name, asked.version, asked.digest)
    if asked.stage and (promoted := bundle.manifest.facts.get("stage", "")) != asked.stage:
        raise Refused(
            f"{asked.name} {asked.version} was promoted for {promoted or 'no environment'}, and is to serve in "
            f"{asked.stage}. Have it promoted for that (./parapet model promote), or name the version that was."
        )
    contract = Contract.of(bundle.declared)
    graph = Graph(bundle.model, contract, settings.processor)
    answered(graph, contract, bundle.declared.cases)
    independent(graph, contract, bundle.declared.cases, settings.batching.rows)
    return bundle, contract, graph


def run(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT. Returns 0 where all was answered and kept, else 1. Raises Refused."""
    logs.install()
    memory.keep()
    sys.setswitchinterval(SWITCH)
    bundle, contract, graph = verified(settings)
    metrics = Metrics(bundle)
    log = None
    if settings.prediction_log:
        where, key = place(settings.prediction_log), Hashed(settings.hash_key())
        log = Log(settings.prediction_log, bundle, contract, where, metrics, key.id)
    traces = tracing.configured(bundle.manifest)
    batching = settings.batching
    batches = Batches(
        graph,
        rows=batching.rows,
        delay=batching.seconds,
        takes=partial(seconds, graph, contract, bundle.declared.cases[0]),
        told=metrics.batches.observe,
    )
    app = App(settings, bundle, contract, graph.takes, batches, metrics, traces, log)
    metrics.in_flight.set_function(lambda: app.in_flight)
    metrics.ready.set_function(lambda: app.ready)
    listening = settings.listening
    metrics_server, _ = metrics.serve(listening.host, listening.metrics_port)
    if log:
        log.start()
    gc.collect()
    gc.freeze()  # what is there now stays; what requests leave, has no cycles
    model = bundle.manifest
    logs.say("serving", model=model.name, version=model.version, digest=bundle.digest, processor=settings.processor)
    left = uvloop.run(_serve(app, settings))
    batches.close(1.0)
    kept = log.close(max(left, 1.0)) if log else True
    traces.close()
    metrics_server.shutdown()
    logs.say("ended", kept=kept)
    return 0 if kept else 1


async def _serve(app: App, settings: Settings) -> float:
    """Until it was asked to end and all is answered, or the time for that is over; the seconds that are left of it."""
    limits = settings.limits
    sizes = {"most": limits.body_bytes, "together": limits.bodies_bytes, "each": limits.bodies_bytes_of_one}
    server = Server(app.begin, **sizes, idle=IDLE, patience=limits.seconds)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await server.start(settings.listening.host, settings.listening.port)
    await asked.wait()
    app.draining = True
    logs.say("draining", in_flight=app.in_flight)
    await asyncio.sleep(settings.drain.notice_seconds)
    until = time.monotonic() + settings.drain.seconds
    if not await server.stop(settings.drain.seconds * 0.7):
        logs.say("not drained", in_flight=app.in_flight)
    return until - time.monotonic()
