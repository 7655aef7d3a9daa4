"""The Python language host: what the engine asks when a program or a policy pack is written in Python.

Protocol: `LanguageRuntime` in Pulumi's public language.proto. The official host comes with an official installation
of Pulumi; this one serves a machine that has none.
"""

import json
import os
import platform
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2, plugin_pb2
from pulumi.runtime.proto.language_pb2_grpc import LanguageRuntimeServicer

from local.engine import generate
from local.engine.environment import Environment, NoEnvironment
from local.engine.pcl import NotRead

PROGRAM = Path(__file__).with_name("program.py")
TOLD = 32
"""The exit status of a program of which the engine has been told what went wrong, so that nothing is said twice."""


class LanguageHost(LanguageRuntimeServicer):
    """Starts programs and plugins as processes of their own, in the environment that their project names."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.engine = request.engine_address or self.engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version="")

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        environment = _environment(request.info)
        python = str(environment.python) if environment.exists else sys.executable
        return language_pb2.AboutResponse(executable=python, version=_version(python))

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        packages = [
            plugin_pb2.PackageDependency(
                name=name, kind="resource", version=f"v{version.removeprefix('v')}", server=server
            )
            for name, version, server in _environment(request.info).plugins()
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [language_pb2.DependencyInfo(name=n, version=v) for n, v in _environment(request.info).distributions()]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Makes the named virtual environment and installs requirements.txt (or the project itself) into it."""
        folder = Path(request.info.program_directory or request.directory)
        environment = _environment(request.info)
        if environment.root is not None and not environment.exists:
            yield from self._install([sys.executable, "-m", "venv", str(environment.root)], folder, context)
        python = str(environment.python)
        if (folder / "requirements.txt").exists():
            yield from self._install([python, "-m", "pip", "install", "-r", "requirements.txt"], folder, context)
        elif (folder / "pyproject.toml").exists():
            yield from self._install([python, "-m", "pip", "install", "-e", "."], folder, context)

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        entry = (Path(request.info.program_directory) / (request.info.entry_point or ".")).resolve()
        told = {
            "entry": str(entry),
            "told": TOLD,
            "args": list(request.args)[1:],
            "options": {
                "project": request.project,
                "stack": request.stack,
                "organization": request.organization or "organization",
                "root_directory": request.info.root_directory,
                "parallel": request.parallel,
                "engine_address": request.args[0] if request.args else self.engine,
                "monitor_address": request.monitor_address,
                "preview": request.dryRun,
            },
        }
        environment = os.environ | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        try:
            python = _environment(request.info).python
        except NoEnvironment as error:
            return language_pb2.RunResponse(error=str(error))
        child = self._start([str(python), "-u", str(PROGRAM), json.dumps(told)], cwd=request.pwd, env=environment)
        status = self._wait(child)
        if status == TOLD:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the program ended with exit status {status}" if status else "")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """A policy pack (kind `analyzer`) is served by the SDK's own module; any other plugin is a program."""
        info = request.info
        folder = Path(info.program_directory)
        try:
            python = str(_environment(info).python)
        except NoEnvironment as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        if request.kind == "analyzer":
            command = [python, "-u", "-m", "pulumi.policy", *request.args, str(folder)]
        else:
            command = [python, "-u", str(folder), *request.args]
        environment = dict(entry.partition("=")[::2] for entry in request.env) or dict(os.environ)
        cwd = str(folder) if request.kind == "analyzer" else request.pwd
        child = self._start(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        context.add_callback(child.terminate)
        for kind, data in _output(child):
            if kind == "stdout":
                yield language_pb2.RunPluginResponse(stdout=data)
            else:
                yield language_pb2.RunPluginResponse(stderr=data)
        yield language_pb2.RunPluginResponse(exitcode=self._wait(child))

    def GenerateProgram(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Python for what `pulumi import` imported. What cannot be told in Python is told in a comment."""
        try:
            text = generate.program(dict(request.source))
        except NotRead as error:
            text = f"# The import is in the state. No code is generated for it: {error}\n"
        return language_pb2.GenerateProgramResponse(source={"__main__.py": text.encode()})

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.stop()
        return Empty()

    def stop(self) -> None:
        """Ends every child that still runs."""
        with self._lock:
            for child in self._children:
                child.terminate()

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        with self._lock:
            self._children.add(child)
        return child

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        try:
            return child.wait()
        finally:
            with self._lock:
                self._children.discard(child)

    def _install(self, command: list[str], folder: Path, context: grpc.ServicerContext) -> Iterator[Any]:
        child = self._start(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for kind, data in _output(child):
            yield language_pb2.InstallDependenciesResponse(**{kind: data})
        if status := self._wait(child):
            context.abort(grpc.StatusCode.UNKNOWN, f"`{' '.join(command)}` ended with exit status {status}")


def _version(python: str) -> str:
    """The version of an interpreter. The engine asks at each run, and mostly of the one that this host runs by."""
    if Path(python) == Path(sys.executable):
        return platform.python_version()
    told = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], capture_output=True)
    return told.stdout.decode().strip()


def _environment(info: Any) -> Environment:
    return Environment.of(Path(info.root_directory or info.program_directory), MessageToDict(info.options))


def _output(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Both streams of a process as they come."""
    pieces: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def pump(kind: str, stream: IO[bytes]) -> None:
        while data := stream.read1(65536):  # type: ignore[attr-defined]
            pieces.put((kind, data))
        pieces.put((kind, b""))

    assert child.stdout
    assert child.stderr
    open_streams = {"stdout": child.stdout, "stderr": child.stderr}
    for kind, stream in open_streams.items():
        threading.Thread(target=pump, args=(kind, stream), daemon=True).start()
    while open_streams:
        kind, data = pieces.get()
        if data:
            yield kind, data
        else:
            del open_streams[kind]
