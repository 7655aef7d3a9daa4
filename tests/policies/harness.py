"""What the tests of the pack share: programs under the real engine, and the pack under gRPC.

All that is private in pulumi-policy and that tests need is named here.
"""

import json
import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

import hipaa
from hipaa import signals
from local.workspace import ROOT
from tests.engine import Engine
from tests.warm import Warm

PACK = ROOT / "policies"

# The string that stands for an unknown string on the wire (sdk/go/common/resource/plugin/rpc.go of Pulumi).
UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"


def secret_on_the_wire(value: Any) -> dict[str, Any]:
    """A secret as the engine sends it to a policy pack."""
    return {_SIGNATURE: _SECRET_SIGNATURE, "value": value}


@dataclass(frozen=True)
class Run:
    """What the engine said of one operation."""

    status: int
    text: str
    events: list[dict[str, Any]]

    def violations(self, policy: str) -> list[dict[str, Any]]:
        found = [event["policyEvent"] for event in self.events if "policyEvent" in event]
        return [event for event in found if event["policyName"] == policy]

    def passed(self, policy: str) -> bool:
        """Whether any summary, of a resource or of the stack, counts the policy as passed."""
        kinds = ("policyAnalyzeSummaryEvent", "policyAnalyzeStackSummaryEvent")
        return any(policy in event[kind].get("passed", []) for event in self.events for kind in kinds if kind in event)


def warmed(warm: Warm, home: Path) -> Engine:
    """An engine for tests of the pack, which starts as a user's does; program and echo are not under test."""
    echo = ("pulumi.provider.experimental.provider", "pulumi.provider.experimental.server")
    warm.imports([*echo, "pulumi_aws.kms", "pulumi_aws.s3"])
    return Engine(warm.bin, home, python=warm.python)


def run(
    engine: Engine,
    folder: Path,
    *operation: str,
    pack: Path = PACK,
    stack: str = "dev",
    echoed: tuple[str, ...] = ("aws", "kubernetes"),
) -> Run:
    """Runs `pulumi OPERATION` with a pack, and reads the engine's own events.

    `echoed` are the providers that the echo takes the place of.
    """
    for name in echoed:
        install_echo(engine, name)
    log = folder / "events.jsonl"
    log.unlink(missing_ok=True)
    here = ("--stack", stack, "--non-interactive", "--policy-pack", str(pack), "--event-log", str(log))
    done = engine(folder, *operation, *here)
    lines = log.read_text().splitlines() if log.exists() else []
    return Run(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])


def install_echo(engine: Engine, name: str) -> None:
    """Puts the echo provider where the engine looks for a provider's plugin."""
    echo = Path(__file__).with_name("echo_provider.py")
    pinned = version(f"pulumi-{name}")
    folder = Path(engine.environment["PULUMI_HOME"]) / "plugins" / f"resource-{name}-v{pinned}"
    folder.mkdir(parents=True, exist_ok=True)
    plugin = folder / f"pulumi-resource-{name}"
    plugin.write_text(f'#!/bin/sh\nECHO_VERSION={pinned} exec "{engine.python}" -u "{echo}" "$@"\n')
    plugin.chmod(0o755)


def copy_of_pack(folder: Path, waivers: str = "[]\n", module: str | None = None) -> Path:
    """The pack in a folder of its own, with other waivers and perhaps one more module of rules."""
    folder.mkdir(parents=True)
    for source in PACK.rglob("*"):
        inside = source.relative_to(PACK)
        if source.is_file() and inside.parts[0] != ".venv" and "__pycache__" not in inside.parts:
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    (folder / ".venv").symlink_to(PACK / ".venv")
    (folder / "waivers.yaml").write_text(waivers)
    if module:
        (folder / "hipaa" / "aws" / "extra.py").write_text(module)
    return folder


def waivers(*accepted: dict[str, str]) -> str:
    """A file of waivers: each says rule and urn, and what is to be otherwise than in one that is in force today."""
    today = datetime.now(UTC).date()
    common = {
        "reason": "An old one.",
        "compensating_control": "Nobody uses it.",
        "owner": "me@x",
        "requested_by": "me@x",
        "approved_by": "you@x",
        "approved": str(today - timedelta(30)),
        "expires": str(today + timedelta(30)),
    }
    return "".join(f"- {common | waiver}\n" for waiver in accepted)


@contextmanager
def served(pack: Path = PACK) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack as the engine starts it, in its own environment."""
    process = subprocess.Popen(
        [str(PACK / ".venv" / "bin" / "python"), "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(pack)],
        cwd=pack,
        env={name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait(timeout=10)


def analyze(
    stub: analyzer_pb2_grpc.AnalyzerStub, type_: str, properties: dict[str, Any], name: str = "its-own"
) -> analyzer_pb2.AnalyzeResponse:
    """What the pack says of one resource, asked as the engine asks."""
    request = analyzer_pb2.AnalyzeRequest(type=type_, urn=f"urn:pulumi:dev::under-test::{type_}::{name}", name=name)
    request.properties.update(properties)
    return stub.Analyze(request)


def analyze_stack(
    stub: analyzer_pb2_grpc.AnalyzerStub, *resources: tuple[str, str, dict[str, Any]]
) -> analyzer_pb2.AnalyzeResponse:
    """What the pack says of a stack of resources, each a type, a name and properties."""
    request = analyzer_pb2.AnalyzeStackRequest()
    for type_, name, properties in resources:
        resource = request.resources.add(type=type_, urn=f"urn:pulumi:dev::under-test::{type_}::{name}", name=name)
        resource.properties.update(properties)
    return stub.AnalyzeStack(request)


def meets_every_rule(engine: Engine, folder: Path, rules: Collection[str], program: str) -> None:
    """Asserts that a program breaks none of the rules at preview, and passes each of them at update."""
    engine.program(folder, program)
    preview = run(engine, folder, "preview")
    assert preview.status == 0, preview.text
    for rule in rules:
        told = [event["message"] for event in preview.violations(rule)]
        assert all(map(signals.undecided_urns, told)), (rule, told)

    update = run(engine, folder, "up", "--yes", "--skip-preview")
    assert update.status == 0, update.text
    # No module of tests: pytest shows what is compared in those alone.
    broken = {rule for rule in rules if update.violations(rule)}
    assert not broken, broken
    not_passed = {rule for rule in rules if not update.passed(rule)}
    assert not not_passed, not_passed


def breaks_every_rule(engine: Engine, folder: Path, rules: Collection[str], program: str) -> None:
    """Asserts that a preview of a program breaks each of the rules, at the rule's own level, and tells no secret."""
    level = {rule.name: "advisory" if rule.advisory else "mandatory" for rule in hipaa.rules()}
    preview = run(engine, engine.program(folder, program), "preview")
    assert preview.status != 0
    spoken = {
        rule
        for rule in rules
        for event in preview.violations(rule)
        if event["enforcementLevel"] == level[rule]
        if not (signals.is_broken(event["message"]) or signals.undecided_urns(event["message"]))
    }
    assert spoken == set(rules), set(rules) - spoken
    assert "hunter2" not in preview.text
