"""What MLflow's descriptors and routes say. `python -m parapet_mlflow.gate.described` writes messages.json anew.

This module and what it needs of MLflow is for that command and for the tests; the server reads the data. So a new
version's new field is refused until somebody has seen it in a change of messages.json, as its new route is until it
stands in routes.yaml.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from parapet_mlflow.gate.routes import MESSAGES, ROUTES

SCALARS = {
    "TYPE_STRING": "string",
    "TYPE_BOOL": "bool",
    "TYPE_BYTES": "bytes",
    "TYPE_DOUBLE": "double",
    "TYPE_FLOAT": "double",
    "TYPE_INT32": "int32",
    "TYPE_INT64": "int64",
    "TYPE_UINT64": "uint64",
    "TYPE_FIXED64": "uint64",
    "TYPE_FIXED32": "uint32",
    "TYPE_UINT32": "uint32",
}
DOCUMENT = re.compile(r"`\s*((?:query|mutation|subscription) \w+\([^`]+)`")
OWN = "mlflow."
"""The package whose name is left away."""


def messages(offered: Collection[str]) -> dict[str, Any]:
    """These messages, and those within them: field to type. An enum is the list of its names."""
    from google.protobuf.descriptor import FieldDescriptor

    kinds = {value: name for name, value in vars(FieldDescriptor).items() if name.startswith("TYPE_")}
    found: dict[str, Any] = {}

    def told(field: Any) -> str:
        if field.enum_type:
            found.setdefault(_short(field.enum_type.full_name), [value.name for value in field.enum_type.values])
            return _short(field.enum_type.full_name)
        if field.message_type:
            note(field.message_type)
            return _short(field.message_type.full_name)
        return SCALARS[kinds[field.type]]

    def choice(field: Any) -> str:
        # Of a oneof at most one is given. Protobuf makes one, whose name begins with _, of each optional field.
        several = field.containing_oneof
        return "" if several is None or several.name.startswith("_") else f" @{several.name}"

    def note(message: Any) -> None:
        name = _short(message.full_name)
        if name in found or message.full_name.startswith("google.protobuf."):
            return
        found[name] = {}
        for field in message.fields:
            if field.message_type and field.message_type.GetOptions().map_entry:
                key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
                assert told(key) == "string"
                found[name][field.name] = f"{{{told(value)}}}"
            else:
                found[name][field.name] = (f"[{told(field)}]" if field.is_repeated else told(field)) + choice(field)

    for _, _, message in services():
        if _short(message.full_name) in offered:
            note(message)
    return found


def services() -> Iterator[tuple[str, str, Any]]:
    """Method, path and message of each endpoint of MLflow's protobuf services."""
    from mlflow.protos import (
        databricks_pb2,
        mlflow_artifacts_pb2,
        model_registry_pb2,
        service_pb2,
        webhooks_pb2,
    )

    for service in (
        service_pb2.MlflowService,
        model_registry_pb2.ModelRegistryService,
        mlflow_artifacts_pb2.MlflowArtifactsService,
        webhooks_pb2.WebhookService,
    ):
        for method in service.DESCRIPTOR.methods:
            for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                path = re.sub(r"{assessment\.(\w+)}", r"{\1}", endpoint.path)
                yield endpoint.method, f"{endpoint.since.major}.0{template(path)}", method.input_type


def template(path: str) -> str:
    """As routes.yaml writes it: `<name>`, and `<path:name>` for what may have slashes. Starlette has `{name:path}`."""
    return re.sub(r"{(\w+)}", r"<\1>", re.sub(r"{(\w+):path}", r"<path:\1>", path))


def served(application: Any) -> set[tuple[str, str]]:
    """Method and template of every route that MLflow's application answers: FastAPI's own, and Flask's behind them."""
    from mlflow.server import app as flask

    told = {(method, rule.rule) for rule in flask.url_map.iter_rules() for method in rule.methods or ()}
    told |= {(method, template(path)) for method, path in _native(application.routes)}
    # Flask adds both to every route by itself.
    return {(method, path) for method, path in told if method not in ("HEAD", "OPTIONS")}


def _native(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if router := getattr(route, "original_router", None):
            yield from _native(router.routes, prefix + route.include_context.prefix)
        else:
            yield from ((method, prefix + route.path) for method in getattr(route, "methods", None) or ())


def documents() -> list[str]:
    """The GraphQL documents in the files of MLflow's page."""
    import mlflow.server

    files = Path(mlflow.server.__file__).with_name("js").glob("build/static/js/*.js")
    return [found for file in files for found in DOCUMENT.findall(file.read_text())]


def offered() -> set[str]:
    """The messages of the routes that are offered."""
    groups = yaml.load(ROUTES.read_text(), yaml.CSafeLoader)["groups"].values()
    routes = [route for group in groups for route in group.get("offered", {}).values()]
    return {route["message"] for route in routes if "message" in route}


def written(messages: dict[str, Any]) -> str:
    """One line a message: a change is seen."""
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(messages[name])}" for name in sorted(messages))
    return f"{{\n{lines}\n}}\n"


def _short(name: str) -> str:
    return name.removeprefix(OWN)


if __name__ == "__main__":
    MESSAGES.write_text(written(messages(offered())))
