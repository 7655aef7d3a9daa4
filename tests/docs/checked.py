"""Whether what a document tells to type is there, with its options: without an account, and without running it."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import typer.main
from botocore import xform_name
from typer.core import TyperGroup

from cli.__main__ import app

SYSTEM = {"cd", "git", "python", "kubectl", "eval", "sudo", "tee", "unset", "exit"}
"""What is not Parapet's, Pulumi's or AWS's."""
AWS_OWN = {
    *(("sso", "login"), ("s3", "rb"), ("s3", "rm"), ("eks", "update-kubeconfig"), ("eks", "get-token")),
    ("cloudtrail", "validate-logs"),
}
"""Commands of the AWS CLI that are no operation of a service's API."""
AWS_RENAMED = {("sns", "subscribe"): {"notification-endpoint"}}
"""Parameters that the AWS CLI calls otherwise than the API does, since it has an option of that name itself."""
AWS_GLOBAL = {"query", "output", "region", "profile", "recursive", "force", "cli-binary-format"}


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def described(words: list[str]) -> str:
    return " ".join(words)


@cache
def parapet() -> Any:
    """The command line, put together once."""
    return typer.main.get_command(app)


def unknown_of_parapet(words: list[str]) -> str | None:
    """What of a `./parapet` command the command line does not know."""
    command, rest = parapet(), words[1:]
    while isinstance(command, TyperGroup):
        name = rest[0] if rest else ""
        if name not in command.commands:
            return name or "a command"
        command, rest = command.commands[name], rest[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return next((option for option in options(rest) if option not in known | {"--help"}), None)


def unknown_of_aws(words: list[str]) -> str | None:
    """What of an `aws` command the service's API does not know."""
    service, operation = words[1:3]
    if (service, operation) in AWS_OWN:
        return None
    if service not in services():
        return service
    model = botocore.session.get_session().get_service_model("s3" if service == "s3api" else service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return operation
    shape = model.operation_model(operations[operation]).input_shape
    known = {xform_name(member, "-") for member in (shape.members if shape else ())} | AWS_GLOBAL
    known |= AWS_RENAMED.get((service, operation), set())
    flags = {f"no-{name}" for name in known}
    return next((option for option in options(words[3:]) if option.removeprefix("--") not in known | flags), None)


@cache
def services() -> set[str]:
    return {*botocore.session.get_session().get_available_services(), "s3api"}


def unknown_of_pulumi(words: list[str], tools: Path) -> str | None:
    """What of a `pulumi` command the engine does not know."""
    names = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
    # A word after a command without others below it is an argument, for which help answers with that command's.
    told = subprocess.run([tools / "pulumi", *names, "--help"], capture_output=True, text=True)
    if told.returncode or f"pulumi {names[0]}" not in told.stdout:
        return told.stderr or names[0]
    return next((option for option in options(words) if f"{option} " not in told.stdout), None)
