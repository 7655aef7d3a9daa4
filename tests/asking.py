"""What `kubectl` is asked most, asked of the API server directly.

A process of it takes a tenth of a second of a core each time, and at the server a new connection. What is not known
here is its own to do; where `kubectl` itself is at issue, in `tests/e2e`, the user types it.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlencode

import urllib3

from local.kubernetes.provider import kubeconfig
from local.kubernetes.provider.connection import APPLY, _tls, _warnings
from local.kubernetes.provider.discovery import _AGGREGATED

JSON = "application/json"
PATCHES = {each: f"application/{each}-patch+json" for each in ("json", "merge")} | {
    "strategic": "application/strategic-merge-patch+json"
}
LASTS = 60.0
"""Seconds until what was deleted is gone, or what was defined is served."""


class _Kind(NamedTuple):
    name: str
    version: str
    """Its group's, as in `apiVersion`."""
    plural: str
    namespaced: bool

    def at(self, namespace: str, name: str = "") -> str:
        """Where it lies; where all of the kind lie, if it has no name."""
        root = "/apis" if "/" in self.version else "/api"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}/{self.version}{place}/{self.plural}{f'/{name}' if name else ''}"


class _Refused(Exception):
    """The server said no; the text is what `kubectl` makes of that."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(f"Error from server ({answer.get('reason', '')}): {answer.get('message', '')}")
        self.none = answer.get("reason") == "NotFound"


class _ForKubectl(Exception):
    """What is asked is not known here."""


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _ForKubectl(message)


def asked(file: Path, words: Sequence[str], given: str | None) -> CompletedProcess[str] | None:
    """What `kubectl --kubeconfig=FILE WORDS` ends with, with the server's words where that refuses; None where it is
    for `kubectl` itself to do."""
    try:
        known = _parser().parse_intermixed_args(words)
        asking = _Asking(_server(file.read_text()), known, given)
        status, said = asking.told()
    except (_ForKubectl, OSError):
        return None
    except _Refused as error:
        return CompletedProcess(list(words), 1, "", f"{error}\n")
    except urllib3.exceptions.HTTPError as error:
        return CompletedProcess(list(words), 1, "", f"The connection to the server was refused: {error}\n")
    return CompletedProcess(list(words), status, f"{said}\n", "".join(f"Warning: {each}\n" for each in asking.warned))


@lru_cache(1)
def _parser() -> argparse.ArgumentParser:
    parser = _Words(add_help=False, allow_abbrev=False)
    parser.add_argument("verb", choices=("get", "create", "delete", "patch", "apply", "auth", "wait"))
    parser.add_argument("named", nargs="*")
    for name in ("--all-namespaces", "--ignore-not-found", "--force", "--server-side", "--all"):
        parser.add_argument(name, action="store_true")
    for name in ("--selector", "--field-selector", "--raw", "--patch", "--subresource"):
        parser.add_argument(name, default="")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--as", dest="user", default="")
    parser.add_argument("--as-group", dest="groups", action="append", default=[])
    parser.add_argument("--filename", "-f", choices=("-",))
    parser.add_argument("--output", "-o", choices=("json",))
    parser.add_argument("--dry-run", choices=("server",))
    parser.add_argument("--wait", choices=("true", "false"), default="true")
    parser.add_argument("--cascade", choices=("background", "foreground", "orphan"), default="background")
    parser.add_argument("--grace-period", type=int)
    parser.add_argument("--for", dest="condition", choices=("condition=Established",))
    parser.add_argument("--timeout", choices=("60s",))
    parser.add_argument("--type", choices=tuple(PATCHES), default="strategic")
    return parser


@lru_cache(8)
def _server(content: str) -> "_Server":
    return _Server(content)


class _Server:
    """That to which a kubeconfig leads. Any number of threads may ask."""

    def __init__(self, content: str) -> None:
        self._access = kubeconfig.load(content, None, None, {})
        # Once more on a new connection, where the server has ended this one meanwhile.
        again = urllib3.Retry(connect=0, read=1, redirect=0, status=0, other=0, allowed_methods={"GET"})
        self._pool = urllib3.PoolManager(ssl_context=_tls(self._access), retries=again)

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        sent: str = JSON,
        wanted: str = JSON,
        who: urllib3.HTTPHeaderDict | None = None,
        warned: list[str] | None = None,
    ) -> Any:
        """The answer's JSON; adds what the server warns of."""
        headers = urllib3.HTTPHeaderDict(who or {})
        headers.extend({"Accept": wanted, "Content-Type": sent})
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token}"
        url = f"{self._access.server}{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        answer = self._pool.request(method, url, body=data, headers=headers, timeout=urllib3.Timeout(5, 60))
        if warned is not None:
            warned += _warnings(answer.headers.getlist("Warning"))
        text = answer.data.decode(errors="replace")
        try:
            told = json.loads(text)
        except ValueError:
            told = {"message": text, "reason": f"status {answer.status}"}
        if answer.status >= 400:
            raise _Refused(told)
        return told

    def kind(self, word: str) -> _Kind:
        """By plural, singular, short name or kind, alone or with its group; asked for anew where it was not there."""
        for _ in range(2):
            if found := self._kinds.get(word.lower()):
                return found
            del self._kinds
        raise _ForKubectl(word)

    def served(self, word: str) -> None:
        """Waits for a kind that is established, which the server tells a moment later."""
        limit = time.monotonic() + LASTS
        while word not in self._kinds:
            if time.monotonic() > limit:
                raise _Refused({"reason": "Timeout", "message": f"{word} is not served after {LASTS:.0f} s"})
            time.sleep(0.1)
            del self._kinds

    @cached_property
    def _kinds(self) -> dict[str, _Kind]:
        found: dict[str, _Kind] = {}
        for group in (
            each for root in ("/api", "/apis") for each in self.call("GET", root, wanted=_AGGREGATED)["items"]
        ):
            of = group["metadata"].get("name", "")
            for version, each in ((one["version"], each) for one in group["versions"] for each in one["resources"]):
                of_version = f"{of}/{version}".lstrip("/")
                name = each["responseKind"]["kind"]
                kind = _Kind(name, of_version, each["resource"], each["scope"] == "Namespaced")
                names = (kind.plural, name.lower(), each["singularResource"], *each.get("shortNames", []))
                whole = (f"{one}.{group}" for one in names for group in (of, f"{version}.{of}"))
                for word in (*names, *whole, _exactly(name, of_version)):
                    found.setdefault(word, kind)  # the first group and version that the server names are preferred
        return found


def _exactly(kind: str, version: str) -> str:
    """The word for a manifest's kind."""
    return f"{kind} of {version}".lower()


@dataclass(frozen=True)
class _Asking:
    server: _Server
    words: argparse.Namespace
    given: str | None
    warned: list[str] = field(default_factory=list)

    def told(self) -> tuple[int, str]:
        said: str = getattr(self, f"_{self.words.verb}")()
        return int(self.words.verb == "auth" and said == "no"), said

    def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, sent: str = JSON
    ) -> Any:
        who = urllib3.HTTPHeaderDict({"Impersonate-User": self.words.user} if self.words.user else {})
        for group in self.words.groups:
            who.add("Impersonate-Group", group)
        return self.server.call(method, path, query, body, sent=sent, who=who, warned=self.warned)

    def _get(self) -> str:
        words = self.words
        if words.raw:
            return json.dumps(self._call("GET", words.raw))
        if not (words.named and words.output):
            raise _ForKubectl
        found = list(self._found())
        if len(found) == 1 and isinstance(found[0], dict):
            return json.dumps(found[0])
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": [one for each in found for one in each]})

    def _found(self) -> Iterator[Any]:
        words = self.words
        query = {"labelSelector": words.selector, "fieldSelector": words.field_selector}
        query = {key: value for key, value in query.items() if value}
        for kind, name in self._named():
            told = self._call("GET", kind.at("" if words.all_namespaces else words.namespace, name), query)
            described = {"apiVersion": kind.version, "kind": kind.name}
            there = [told] if name else [{**described, **each} for each in told["items"] or []]
            for each in there:
                each["metadata"].pop("managedFields", None)  # it shows them who asks for them
            yield told if name else there

    def _create(self) -> str:
        words = self.words
        if words.raw and self.given:
            return json.dumps(self._call("POST", words.raw, {}, json.loads(self.given)))
        if words.named[:1] == ["namespace"] and len(words.named) == 2:
            objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": words.named[1]}}]
        elif words.named or not words.filename:
            raise _ForKubectl
        else:
            objects = self._objects()
        query = {**self._dry, "fieldValidation": "Strict"}
        made = [self._call("POST", self._place(each), query, each) for each in objects]
        return json.dumps(made[0]) if words.output else "\n".join(f"{_called(each)} created" for each in made)

    def _apply(self) -> str:
        """By the server alone: else the client holds it against what it applied before."""
        if not (self.words.server_side and self.words.filename) or self.words.output:
            raise _ForKubectl
        query = {**self._dry, "fieldManager": "kubectl", "fieldValidation": "Strict"}
        for each in self._objects():
            self._call("PATCH", self._place(each, each["metadata"]["name"]), query, each, sent=APPLY)
        return "\n".join(f"{_called(each)} serverside-applied" for each in self._objects())

    def _patch(self) -> str:
        (kind, name), *others = self._named()
        if others or not name or self.words.output:
            raise _ForKubectl
        at = kind.at(self.words.namespace, name) + (f"/{self.words.subresource}" if self.words.subresource else "")
        self._call("PATCH", at, self._dry, json.loads(self.words.patch), sent=PATCHES[self.words.type])
        return f"{kind.plural}/{name} patched"

    def _delete(self) -> str:
        words = self.words
        if words.dry_run or words.selector or words.output:
            raise _ForKubectl
        places = [self._place(each, each["metadata"]["name"]) for each in self._objects()] if words.filename else []
        for kind, name in self._named():
            if name:
                places.append(kind.at(words.namespace, name))
            elif words.all:
                there = self._call("GET", kind.at(words.namespace))["items"] or []
                places += [kind.at(words.namespace, each["metadata"]["name"]) for each in there]
            else:
                raise _ForKubectl
        options: dict[str, Any] = {"propagationPolicy": words.cascade.capitalize()}
        if words.grace_period is not None:  # without --force it leaves a second
            options["gracePeriodSeconds"] = max(words.grace_period, 0 if words.force else 1)
        ended = {at: self._ended(at, options) for at in places}
        if words.wait == "true":
            for at, uid in ended.items():
                self._until(at, lambda told, uid=uid: not told or told["metadata"]["uid"] != uid)
        return "\n".join(f"{at} deleted" for at in ended)

    def _ended(self, at: str, options: dict[str, Any]) -> str:
        """The UID of what is deleted; empty where there is none, and that is no error."""
        try:
            told = self._call("DELETE", at, {}, options)
        except _Refused as error:
            if error.none and (self.words.ignore_not_found or self.words.all):
                return ""
            raise
        found: str = told["details"]["uid"] if told["kind"] == "Status" else told["metadata"]["uid"]
        return found

    def _until(self, at: str, holds: Callable[[Any], bool]) -> None:
        """Of what lies there, None where nothing does."""
        limit, pause = time.monotonic() + LASTS, 0.02
        while time.monotonic() < limit:
            try:
                told = self._call("GET", at)
            except _Refused as error:
                if not error.none:
                    raise
                told = None
            if holds(told):
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        raise _Refused({"reason": "Timeout", "message": f"{at} is not so after {LASTS:.0f} s"})

    def _wait(self) -> str:
        if not (self.words.condition and self.words.timeout):
            raise _ForKubectl
        for kind, name in self._named():
            there = [] if name else self._call("GET", kind.at(""))["items"]  # of definitions megabytes: once
            for each in [name] if name else [one["metadata"]["name"] for one in there]:
                if not any(one["metadata"]["name"] == each and _established(one) for one in there):
                    self._until(kind.at("", each), _established)
                self.server.served(each)
        return "condition met"

    def _auth(self) -> str:
        words = self.words
        if words.named[0] != "can-i" or len(words.named) != 3 or "/" in words.named[2]:
            raise _ForKubectl
        kind = self.server.kind(words.named[2])
        attributes = {
            "verb": words.named[1],
            "group": kind.version.rpartition("/")[0],
            "resource": kind.plural,
            "subresource": words.subresource,
            "namespace": words.namespace if kind.namespaced and not words.all_namespaces else "",
        }
        version, name = "authorization.k8s.io/v1", "SelfSubjectAccessReview"
        review = {"apiVersion": version, "kind": name, "spec": {"resourceAttributes": attributes}}
        told = self._call("POST", f"/apis/{version}/{name.lower()}s", {}, review)
        return "yes" if told["status"]["allowed"] else "no"

    def _named(self) -> list[tuple[_Kind, str]]:
        """The kinds and names of KIND, KIND,KIND, KIND NAME ..., and KIND/NAME ...; of all of a kind, no name."""
        named = self.words.named
        if named and all("/" in each for each in named):
            parts = [each.partition("/") for each in named]
            return [(self.server.kind(kind), name) for kind, _, name in parts]
        kinds = [self.server.kind(each) for each in (named[0].split(",") if named else ())]
        return [(kind, name) for kind in kinds for name in (named[1:] or [""])]

    def _objects(self) -> list[dict[str, Any]]:
        given = json.loads(self.given or "{}")
        return list(given["items"]) if given.get("kind") == "List" else [given]

    def _place(self, manifest: dict[str, Any], name: str = "") -> str:
        kind = self.server.kind(_exactly(manifest["kind"], manifest["apiVersion"]))
        return kind.at(manifest.get("metadata", {}).get("namespace", self.words.namespace), name)

    @property
    def _dry(self) -> dict[str, str]:
        return {"dryRun": "All"} if self.words.dry_run else {}


def _established(definition: Any) -> bool:
    conditions = (definition or {}).get("status", {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)


def _called(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind'].lower()}/{manifest.get('metadata', {}).get('name', '')}"
