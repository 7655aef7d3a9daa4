"""Artifact places, which are the server's to choose, and what a model version may be made of.

What a client names is a path within something that it may write or read, never where that lies: a location of its own
(`s3://`, `file:`, `http:`) would be opened with the server's rights.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import field
from parapet_mlflow.gate.routes import Shape, fields_within, message_of

LONGEST: Final = 900
"""Bytes of a path. A key of S3 has 1,024, and some stand before it."""
RUN, MODEL, TRACE = r"[0-9a-f]{32}", r"m-[0-9a-f]{32}", r"tr-[0-9a-f]{32}"
WITHIN: Final = re.compile(
    r"(?P<experiment_id>0|[1-9][0-9]{0,18})/"
    rf"(?:(?P<run_id>{RUN})|models/(?P<model_id>{MODEL})|traces/(?P<trace_id>{TRACE}))/artifacts(?:/.+)?"
)
"""Where MLflow puts what belongs to a run, a logged model or a trace."""
FILES: Final = "files"
"""The group of routes whose place is one of those."""
MOVING: Final = frozenset(
    (
        "mlflow.artifactLocation",
        "mlflow.trace.spansLocation",
        "mlflow.trace.archiveLocation",
        "mlflow.trace.archivalFailure",
    )
)
"""Tags by which MLflow finds a trace's files."""
SIGNED: Final = frozenset(("mlflow.auth.userId", "mlflow.auth.username"))
"""What MLflow notes of who made a trace."""
TAGGED: Final = frozenset(("tags", "trace_metadata", "request_metadata"))
"""Fields that have tags: keys and values, or a list of both."""
PROMPT: Final = "mlflow.prompt.is_prompt"
"""Makes a registered model a prompt, with other permissions: it is given when the model is made, and stays."""
PLACEHOLDERS: Final = ("dummy-source", "prompt-template")
"""What stands for the source of a prompt, which has no files."""


@dataclass(frozen=True)
class Source:
    """What a model version is made of: a run's files, a logged model, or a version of a registered model."""

    run_id: str = ""
    model_id: str = ""
    name: str = ""
    version: str = ""


SOURCES: Final = (
    re.compile(rf"runs:/(?P<run_id>{RUN})/(?P<path>.+)"),
    re.compile(rf"models:/(?P<model_id>{MODEL})"),
    re.compile(r"models:/(?P<name>[^/@:]+)/(?P<version>[1-9][0-9]{0,9})"),
    re.compile(rf"mlflow-artifacts:/(?P<path>{WITHIN.pattern})"),
)


def check(asked: Asked) -> Asked:
    """The same with its place in the one way to write it. Raises Refusal."""
    if asked.route.place:
        asked = _placed(asked)
    if asked.fields.get("artifact_location"):
        raise field("artifact_location", "is the server's to choose. Leave it out.")
    if asked.route.name == "model-versions/create":
        _source(asked)
    for name, key in _tags(asked):
        if key in MOVING | SIGNED:
            raise field(name, "has a tag that is the server's to set, about where files are or who made them.")
        if key == PROMPT and not asked.route.name.endswith("/create"):
            raise field(name, f"has the tag {PROMPT}, which is set when a prompt is made, and not changed.")
    return asked


def canonical(name: str, path: str) -> str:
    """A path of artifacts, relative, without a `/` at its end. Raises Refusal."""
    path = path.removesuffix("/")
    if any(part in ("", ".", "..") for part in path.split("/")) or re.match(r"(?i)([a-z]|file):", path):
        raise field(name, "is no relative path. Write it without `//`, `.` and `..`.")
    if not path.isprintable() or any(letter in path for letter in "\\#"):
        raise field(name, "has a character that is not allowed: a backslash, a #, a control or format character.")
    if unquote(path) != path:
        raise field(name, "is percent-encoded twice. Encode it once.")
    if len(path.encode()) > LONGEST:
        raise field(name, f"has more than {LONGEST} bytes.")
    return path


def source(text: str) -> Source | None:
    """What a model version's source says, or None where it says anything else."""
    for pattern in SOURCES:
        if found := pattern.fullmatch(text):
            named = {name: value for name, value in found.groupdict().items() if value}
            if path := named.pop("path", None):
                canonical("source", path)
            if "trace_id" in named:
                return None
            return Source(**{name: value for name, value in named.items() if name != "experiment_id"})
    return None


def _placed(asked: Asked) -> Asked:
    name = asked.route.place
    given = asked.fields.get(name, "")
    if not given and asked.route.group != FILES:
        return asked
    place = canonical(name, given)
    fields = {**asked.fields, name: place}
    if asked.route.group != FILES:
        return replace(asked, fields=fields, place=place)
    if not (found := WITHIN.fullmatch(place)):
        raise field(name, "is not within the artifacts of a run, a logged model or a trace.")
    if (file := asked.fields.get("path")) and name != "path":
        # Of an upload in parts: MLflow's client sends the file's path on its own machine, and its last part is used.
        fields["path"] = canonical("path", re.split(r"[/\\]", file)[-1])
        place = f"{place}/{fields['path']}"
    return replace(asked, fields=fields, place=place, within={k: v for k, v in found.groupdict().items() if v})


def _source(asked: Asked) -> None:
    given = asked.fields.get("source", "")
    if given in PLACEHOLDERS:
        if "true" not in [tag.get("value") for tag in asked.named("tags") if tag.get("key") == PROMPT]:
            raise field("source", "is a prompt's, and this is none.")
        return
    if (found := source(given)) is None:
        raise field(
            "source",
            "is none of runs:/RUN/PATH, models:/MODEL_ID, models:/NAME/VERSION, or the artifacts of a run or a logged "
            "model on this server (mlflow-artifacts:/...). Log the model first; files elsewhere cannot be registered.",
        )
    for name in ("run_id", "model_id"):
        if (own := getattr(found, name)) and asked.fields.get(name, own) != own:
            raise field("source", f"is of another {name} than the request's.")
    if (link := asked.fields.get("run_link")) and not link.startswith(("https://", "http://")):
        raise field("run_link", "is no http or https address.")


def _tags(asked: Asked) -> Iterator[tuple[str, str]]:
    """Field and key of each tag, wherever a request has some."""
    if "tag" in asked.route.name and isinstance(key := asked.fields.get("key", asked.fields.get("tag_key")), str):
        yield "key", key
    yield from _keys(asked.route.shape, asked.fields)


@cache
def _has_tags(kind: str) -> bool:
    return not TAGGED.isdisjoint(fields_within(kind))


def _keys(shape: Shape, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name in TAGGED:
            each = value.items() if isinstance(value, Mapping) else ()
            yield from ((name, key) for key, _ in each)
            yield from ((name, tag.get("key", "")) for tag in value if isinstance(tag, Mapping))
        if _has_tags(shape[name]) and (message := message_of(shape[name])):
            for one in value if isinstance(value, list) else [value]:
                yield from _keys(message, one)


__all__ = ["Source", "canonical", "check", "source"]
