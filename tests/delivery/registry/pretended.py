"""MLflow's registry as far as promotions ask it, in this process. The real one is asked in test_served.py."""

import json
import re
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

API = "/api/2.0/mlflow/"
FILE = "/model-versions/get-artifact"
READING = ("registered-models/get", "model-versions/get")
COPY = f"{API}model-versions/create"
Answer = tuple[int, dict[str, Any]]
GONE: Answer = (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})


class Pretended:
    """Its models and their versions; `files` are those of a version in dev, and of all its copies."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.before: Callable[[str], None] = lambda path: None
        """Called before each answer, with the path: what happens meanwhile."""
        self.sent: Callable[[str, object], None] = lambda path, asked: None
        """Called with all that it is sent."""
        self.rights: dict[str, str] = {}
        """What everybody has on a model of these names, `none` or `READ`; on the others all."""
        self.lock = threading.Lock()

    def register(self, name: str, author: str, files: dict[str, bytes], tags: dict[str, str]) -> str:
        """As a pipeline does; returns the version."""
        self.models.setdefault(name, {"tags": {}, "aliases": {}, "versions": []})
        version = self._add(name, author, tags)
        self.files[f"models:/{name}/{version}"] = files
        return version

    def alias(self, name: str) -> str | None:
        found: str | None = self.models[name]["aliases"].get("serving") if name in self.models else None
        return found

    def answer(self, path: str, asked: dict[str, Any], account: str) -> Answer | bytes:
        with self.lock:
            if path == FILE:
                return self.files.get(f"models:/{asked['name']}/{asked['version']}", {}).get(asked["path"], GONE)
            return self._answer(path.removeprefix(API), asked, account)

    def _answer(self, path: str, asked: dict[str, Any], account: str) -> Answer:
        name = asked.get("name", "")
        found = self.models.get(name)
        match path:
            case "registered-models/search":
                ending = re.fullmatch(r"name LIKE '%(.+)'", asked["filter"])
                assert ending
                return 200, {"registered_models": [{"name": each} for each in self.models if each.endswith(ending[1])]}
            case "registered-models/create" if found:
                return 400, {"error_code": "RESOURCE_ALREADY_EXISTS"}
            case "registered-models/create":
                self.models[name] = {"tags": {}, "aliases": {}, "versions": []}
                return 200, {}
            case "model-versions/search":
                wanted = re.fullmatch(r"name='(.+)'", asked["filter"])
                assert wanted
                return 200, {"model_versions": self.models.get(wanted[1], {"versions": []})["versions"]}
        if self.rights.get(name) == "none" or (name in self.rights and path not in READING):
            found = None
        # The gate tells nobody whether there is a model that they may not read.
        return self._about(found, path, asked, account) if found else (403, {"error_code": "PERMISSION_DENIED"})

    def _about(self, found: dict[str, Any], path: str, asked: dict[str, Any], account: str) -> Answer:
        name, versions = asked["name"], {each["version"]: each for each in found["versions"]}
        match path:
            case "registered-models/get":
                return 200, {"registered_model": {"name": name, "tags": _listed(found["tags"])}}
            case "registered-models/set-tag":
                found["tags"][asked["key"]] = asked["value"]
                return 200, {}
            case "registered-models/alias" if "version" in asked:
                found["aliases"][asked["alias"]] = asked["version"]
                return 200, {}
            case "registered-models/alias":
                pointed = found["aliases"].get(asked["alias"])
                missing = 400, {"error_code": "INVALID_PARAMETER_VALUE"}
                return (200, {"model_version": versions[pointed]}) if pointed else missing
            case "model-versions/get":
                return (200, {"model_version": versions[asked["version"]]}) if asked["version"] in versions else GONE
            case "model-versions/create":
                version = self._add(name, account, {each["key"]: each["value"] for each in asked["tags"]})
                self.files[f"models:/{name}/{version}"] = self.files[asked["source"]]
                return 200, {"model_version": found["versions"][-1]}
        raise AssertionError(path)

    def _add(self, name: str, author: str, tags: dict[str, str]) -> str:
        versions = self.models[name]["versions"]
        version = str(len(versions) + 1)
        told = {"user_id": author, "creation_timestamp": int(time.time() * 1000), "tags": _listed(tags)}
        versions.append({"name": name, "version": version, **told})
        return version


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


@contextmanager
def served(pretended: Pretended) -> Iterator[str]:
    """Its address, on this machine's own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            self._answer(json.loads(self._body()))

        def do_PATCH(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self._answer({"raw": self._body()})

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, asked: dict[str, Any]) -> None:
            path = urlsplit(self.path).path
            pretended.before(path)
            pretended.sent(path, asked)
            account = b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")[0]
            told = pretended.answer(path, asked, account)
            status, body = (200, told) if isinstance(told, bytes) else (told[0], json.dumps(told[1]).encode())
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name in the base class)
            """Nothing: tests tell what they need."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
