"""Python functions are run: their code in a process of this interpreter, with a client's way to this API."""

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.utils import get_backend
from moto.awslambda_simple.models import LambdaSimpleBackend

from local.aws.api import networks, sessions
from local.aws.api.mending import replace

RUNTIME = Path(__file__).with_name("runtime.py")
LOG_TAIL = 4096  # bytes, of what the function printed: Lambda API Reference, "Invoke"

_simply_invoke = LambdaSimpleBackend.invoke
_invoke = LambdaFunction.invoke


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: the payload, whether it tells of an error, and what was printed."""

    payload: str
    failed: bool
    printed: str


def runs(function: LambdaFunction) -> bool:
    """Whether the function is of a language that is run here."""
    return str(function.run_time or "").startswith("python3") and bool(function.code_bytes)


def run(function: LambdaFunction, event: str, endpoint: str) -> Outcome:
    """Runs the handler once; at most for the function's own timeout."""
    with tempfile.TemporaryDirectory(prefix="parapet-function-") as name:
        folder = Path(name)
        _unpack(function, folder)
        request = {
            "handler": function.handler,
            "event": json.loads(event or "{}"),
            "timeout": float(function.timeout),
            "context": {
                "aws_request_id": str(uuid4()),
                "function_name": function.function_name,
                "function_version": str(function.version),
                "invoked_function_arn": function.function_arn,
                "memory_limit_in_mb": str(function.memory_size),
                "log_group_name": function.logs_group_name,
                "log_stream_name": "local",
            },
        }
        (folder / "request.json").write_text(json.dumps(request))
        command = [sys.executable, "-P", str(RUNTIME), str(folder)]
        try:
            told = subprocess.run(
                command,
                env=_environment(function, endpoint),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=float(function.timeout),
            )
        except subprocess.TimeoutExpired as error:
            words = f"Task timed out after {float(function.timeout):.2f} seconds"
            return Outcome(_error("Sandbox.Timedout", words), True, (error.stdout or b"").decode(errors="replace"))
        printed = told.stdout.decode(errors="replace")
        try:
            answer = json.loads((folder / "answer.json").read_text())
        except FileNotFoundError:
            words = f"Runtime exited with error: exit status {told.returncode}"
            return Outcome(_error("Runtime.ExitError", words), True, printed)
        return Outcome(answer["payload"], answer["failed"], printed)


def _unpack(function: LambdaFunction, folder: Path) -> None:
    backend = get_backend(function.account_id, function.region)
    layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in function.layers]
    packed = [("opt", layer.code_bytes) for layer in layers if layer] + [("task", function.code_bytes)]
    for place in ("opt", "task"):
        (folder / place).mkdir()
    for place, content in packed:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(folder / place)  # it leaves out what leads out of the folder


def _environment(function: LambdaFunction, endpoint: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        **{name: str(value) for name, value in function.environment_vars.items()},
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        **_credentials(function),
        # The user's own profiles and credentials stay out of it.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
    }


def _credentials(function: LambdaFunction) -> dict[str, str]:
    """Those of a session of the function's role, which is all that it may do here."""
    keys = {"aws:SourceAccount": function.account_id, "aws:SourceArn": function.function_arn}
    subnets = (function._vpc_config or {}).get("SubnetIds", [])  # what moto tells of it names another VPC
    vpc = networks.vpc_of(function.account_id, function.region, subnets)
    session = sessions.taken_by("lambda.amazonaws.com", function.role, function.function_name, keys, vpc)
    if session is None:
        return {}
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }


def _error(kind: str, words: str) -> str:
    return json.dumps({"errorType": kind, "errorMessage": words})


def _invoke_here(
    function: LambdaFunction, body: Any, request_headers: Any, response_headers: Any, endpoint: str
) -> str | bytes:
    kind = request_headers.get("X-Amz-Invocation-Type", "RequestResponse")
    event = body.decode() if isinstance(body, bytes) else body
    if kind == "Event":
        Thread(target=_run_and_log, args=(function, event, endpoint), daemon=True).start()
    if kind != "RequestResponse":
        return b""
    outcome = _run_and_log(function, event, endpoint)
    if outcome.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["x-amz-log-result"] = base64.b64encode(outcome.printed.encode()[-LOG_TAIL:]).decode()
    return outcome.payload.encode()


def _run_and_log(function: LambdaFunction, event: str, endpoint: str) -> Outcome:
    outcome = run(function, event, endpoint)
    function.logs_backend.ensure_log_group(function.logs_group_name)
    function.save_logs(outcome.printed)
    return outcome


_make = LambdaFunction.__init__


def make(function: LambdaFunction, account_id: str, spec: dict[str, Any], *more: Any, **named: Any) -> None:
    """Make a function that writes into the log group which its program names."""
    _make(function, account_id, spec, *more, **named)
    if group := (spec.get("LoggingConfig") or {}).get("LogGroup"):
        function.logs_group_name = group


def mend(endpoint: str) -> None:
    """Without containers moto runs no function: every invocation succeeds, and answers with what it was sent.

    So it stays for other languages than Python. `endpoint`: where this API listens.
    """

    replace(LambdaFunction, "__init__", make)

    def invoke(function: LambdaFunction, body: Any, request_headers: Any, response_headers: Any) -> str | bytes:
        if runs(function):
            return _invoke_here(function, body, request_headers, response_headers, endpoint)
        return _invoke(function, body, request_headers, response_headers)

    def invoke_by_name(
        backend: LambdaSimpleBackend,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: Any,
    ) -> str | bytes | None:
        if runs(backend.get_function(function_name, qualifier)):
            return LambdaBackend.invoke(backend, function_name, qualifier, body, headers, response_headers)
        return _simply_invoke(backend, function_name, qualifier, body, headers, response_headers)

    replace(LambdaFunction, "invoke", invoke)
    replace(LambdaSimpleBackend, "invoke", invoke_by_name)
