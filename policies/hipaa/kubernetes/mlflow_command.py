"""How a container starts an MLflow tracking server: its command line and its environment, read as MLflow reads them.

Options and variables are those of `mlflow server` in MLflow 3.17 (mlflow/cli and mlflow/utils/cli_args.py). A server
that a script of the image starts is not seen: its description holds no word of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hipaa.kubernetes.pods import each_container, example
from hipaa.resource import Properties, Resource, UnknownValue
from hipaa.verdict import Verdict, all_of, not_applicable, undecided

_SERVERS = ("server", "ui")  # one command with two names
_FLAGS = frozenset(
    {"--serve-artifacts", "--no-serve-artifacts", "--artifacts-only", "--disable-security-middleware", "--dev"}
)
_SHELL = re.compile(r"mlflow\s.*\b(server|ui)\b", re.DOTALL)
REFERENCE = re.compile(r"\$(?:\((\w+)\)|\{(\w+)\}|(\w+))")

Word = str | UnknownValue


@dataclass(frozen=True)
class Server:
    """One container's MLflow server: the words of its command line, and what it runs in.

    A word that is not known before the update stands there as the error that reading it raised.
    """

    words: Sequence[Word]
    container: Properties

    def option(self, name: str, variable: str | None = None) -> str | None:
        """The value of an option (`--name value` or `--name=value`, the last counts), or of its variable, or None.

        Raises:
            UnknownValue: when it is not known before the update, or may be in a word that is not, or comes from a
                Secret, a ConfigMap or a field, which the container's description does not show.
        """
        found: Word | None = None
        for number, word in enumerate(self.words):
            if isinstance(word, UnknownValue):
                continue
            if word == name and number + 1 < len(self.words):
                found = self.words[number + 1]
            elif word.startswith(f"{name}="):
                found = word.partition("=")[2]
        if isinstance(found, UnknownValue):
            raise found
        if found is None:
            _raise_unless_known(self.words)
            return self.variable(variable) if variable else None
        return self._resolved(found)

    def has(self, flag: str) -> bool:
        """Whether a flag is on the command line.

        Raises:
            UnknownValue: when it may be in a word that is not known before the update.
        """
        if flag in self.words:
            return True
        _raise_unless_known(self.words)
        return False

    def variable(self, name: str) -> str | None:
        """The value of an environment variable, or None where the container names none. An empty one counts as none.

        Raises:
            UnknownValue: when it is not known before the update, or comes from a Secret, a ConfigMap or a field.
        """
        for variable in self.container.objects("env"):
            if variable.at("name") == name:
                if "valueFrom" in variable:
                    raise UnknownValue(variable.where("valueFrom"))
                return str(variable.at("value", "")) or None
        return None

    def raise_if_hidden(self, text: str | None) -> None:
        """Raise where a text, or what sets it if it is None, may be what a Secret or a ConfigMap has.

        Raises:
            UnknownValue: when the text still refers to a variable, or variables are taken from a whole Secret.
        """
        if text is None and self.container.listed("envFrom"):
            raise UnknownValue(self.container.where("envFrom"))
        if text is not None and REFERENCE.search(text):
            raise UnknownValue(self.container.where("env"))

    def _resolved(self, text: str) -> str:
        """The text with the container's own plain variables put in."""
        plain = {
            str(variable.at("name")): str(variable.at("value"))
            for variable in (self.container.objects("env") if "$" in text else ())
            if variable.at("value") is not None
        }
        return REFERENCE.sub(lambda match: plain.get(match[1] or match[2] or match[3], match[0]), text)


def server_of(container: Properties) -> Server | None:
    """The MLflow server that a container starts, by itself or in a shell, if its command and arguments say so.

    Raises:
        UnknownValue: when a word that is not known before the update may start one.
    """
    words = [word for part in ("command", "args") for word in _words(container, part)]
    for number, word in enumerate(words):
        if isinstance(word, str) and _is_mlflow(word) and any(name in words[number + 1 :] for name in _SERVERS):
            return Server(words[number + 1 :], container)
    _raise_unless_known(words)
    return None


def _words(container: Properties, part: str) -> list[Word]:
    items = container.listed(part)
    words: list[Word] = []
    for number in range(len(items)):
        try:
            text = str(items[number])
        except UnknownValue as unknown:
            words.append(unknown)
        else:
            words += _split(text) if _SHELL.search(text) else [text]
    return words


def _split(script: str) -> list[str]:
    lexer = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quotation without an end
        return script.split()


def _is_mlflow(word: str) -> bool:
    name = word.rpartition("/")[2]
    return name == "mlflow" or name.endswith("-mlflow")


def _raise_unless_known(words: Sequence[Word]) -> None:
    """What is not known may be any word, unless it is the value of an option."""
    before: Word = ""
    for word in words:
        is_value = isinstance(before, str) and before.startswith("--") and "=" not in before and before not in _FLAGS
        if isinstance(word, UnknownValue) and not is_value:
            raise word
        before = word


_NO_SERVER = not_applicable("it starts no MLflow server")


def each_server(workload: Resource, *checks: Callable[[Server], Verdict]) -> Verdict:
    """The verdict over all MLflow servers of a workload, each check by itself: what one cannot read hides no other.

    A workload without a server has nothing to say.
    """
    servers: list[Server] = []

    def judge(container: Properties, _pod: Properties) -> Verdict:
        server = server_of(container)
        if server is None:
            return _NO_SERVER
        servers.append(server)
        return all_of(*(judged(check, server) for check in checks))

    verdict = each_container(workload, judge, ephemeral=False)
    return verdict if servers or verdict.unknown else _NO_SERVER


def judged(check: Callable[[Server], Verdict], server: Server) -> Verdict:
    """The verdict of one check, or that it is undecided."""
    try:
        return check(server)
    except UnknownValue as unknown:
        return undecided(unknown.path)


def serving(*args: Any, **container: Any) -> dict[str, Any]:
    """The properties of a Pod in an example, whose container starts a server with these arguments."""
    started: dict[str, Any] = {"command": ["parapet-mlflow"], "args": ["server", *args]}
    return example(**(started | container))


def env(**variables: str) -> list[dict[str, str]]:
    """A container's plain environment in an example."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def from_secret(name: str) -> list[dict[str, Any]]:
    """A container's environment in an example, with one variable that a Secret holds."""
    return [{"name": name, "valueFrom": {"secretKeyRef": {"name": "mlflow", "key": "uri"}}}]
