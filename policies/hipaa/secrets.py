"""Secrets in plain sight: settings and texts that hold a password, a key or a token, by their names and their values.

detect-secrets 1.5.0 was tried in its place, on the tests' table of 185 settings (`secrets_in_plain_sight.yaml`): its
keywords and formats together missed 37 of 78 and called 15 of 107 false, with entropy 2 and 80, with formats alone 62
and none. It reads source code, where a secret stands between quotation marks; settings are names and bare values.
What is told of a secret is where it is, and never what.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from hipaa.resource import Properties, UnknownValue, secrets_read
from hipaa.verdict import Verdict, undecided, violation

# Acronyms, words of camelCase, and numbers: dbPassword, DB_PASSWORD, X-Api-Key.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_NOUNS = frozenset(
    {
        *("APIKEY", "CREDENTIAL", "CREDENTIALS", "PASS", "PASSCODE", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS"),
        *("PW", "BINDPW", "ROOTPW", "PWD", "SECRET", "SECRETS", "TOKEN"),
        *("DBPASS", "PRIVATEKEY", "SECRETKEY", "ACCESSKEY", "ACCOUNTKEY"),
    }
)
"""A name that ends in one of these is of a secret."""
_KEYS = frozenset(
    {
        *("ACCESS", "ACCOUNT", "ADMIN", "API", "AUTH", "DEPLOY", "ENCRYPTION", "FERNET", "HMAC", "MASTER", "PRIVATE"),
        *("SECRET", "SHARED", "SIGNING", "SSH", "STORAGE", "WEBHOOK"),
    }
)
"""What a KEY must be of to be one; others are keys of tables and caches."""
_AFTER = frozenset(
    {
        *("BASE", "BASE64", "B64", "CURRENT", "NEW", "OLD", "PEM", "PLAIN", "PLAINTEXT", "TEXT", "VALUE"),
        *("DEV", "PROD", "PRODUCTION", "STAGING", "TEST"),
    }
)
"""What may follow, as numbers may."""
_OF_MODELS = frozenset(
    {
        *(
            "BOS",
            "CLS",
            "CONTINUATION",
            "COUNT",
            "END",
            "EOS",
            "IDEMPOTENCY",
            "MASK",
            "REQUEST",
            "MAX",
            "MIN",
            "NEXT",
            "NUM",
            "PAD",
            "PER",
            "SEP",
            "SPECIAL",
        ),
        *("START", "STOP", "UNK"),
    }
)
"""Before TOKEN: a part of a text, or how many of them; or what tells one call from another."""
_NAMES_OF_ONE = frozenset({"EXISTING", "IMAGE", "PULL", "TLS", "USE"})
"""Before SECRET: the name of a Secret of Kubernetes."""
_SECRETS_THEMSELVES = frozenset(
    {
        *("ACCESS", "API", "APP", "APPLICATION", "AUTH", "CLIENT", "CONSUMER", "COOKIE", "CSRF", "ENCRYPTION", "HASH"),
        *("HMAC", "JWT", "MASTER", "NEXTAUTH", "OAUTH", "PRESHARED", "REFRESH", "RPC", "SESSION", "SHARED", "SIGNING"),
        *("TOTP", "WEBHOOK"),
    }
)
"""Before SECRET: one that is a value. Others may be the name of what keeps one: `certificatesSecret`, `DB_SECRET`."""
_NAME_OF_ONE = re.compile(
    r"(?!.*[a-z]\d+[a-z]+\d)"  # letters and digits in turn are nobody's name for anything
    r"/?[A-Za-z][a-z]*[0-9]{0,6}(?:[-._/](?:[A-Za-z]?[a-z]+[0-9]{0,6}|[0-9]{1,6}))*"
)
"""The name of a Secret of Kubernetes, of a key in it, or of a secret or a parameter of AWS."""

_SWITCHES = frozenset({"", "0", "1", "false", "no", "none", "null", "off", "on", "optional", "required", "true", "yes"})
_ELSEWHERE = re.compile(
    r"\$[({A-Za-z_]"  # $(NAME), ${NAME}, $NAME
    r"|\{\{|%\(|%\{"  # a template's
    r"|^<[^<>]*>$"  # <pad>, <your password>
    r"|^arn:|^alias/|^(?:ref\+|op:|sm:|vault:|ssm:|secretsmanager:|file:)"
    r"|^(?:~|\.{0,2})(?:/[\w.@-]+)+/?$"  # a path
    r"|^[a-z][a-z0-9+.-]*://[^\s@]*$"  # a URL without a password in it
    r"|^\*+$"
    r"|^\$\$?\.|^States\."  # of a state machine's input
    r"|^!(?:Ref|Sub|GetAtt|ImportValue|FindInMap|Join|Select|If)\b"  # of CloudFormation's
)
"""What a value looks like that says where its secret comes from."""
_IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Of a key, it says which; a token or a password may be written so itself, as Splunk's are."""

_FORMATS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\."  # a JSON Web Token
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22}|\bglpat-[\w-]{20}|\bnpm_[A-Za-z0-9]{36}|\bpypi-AgEI[\w-]{20}"
    r"|\bxox[abeoprs]-[\w-]{10}|hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20}"
    r"|\b[rs]k_live_\w{20}|\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{24}|\bhf_[A-Za-z]{30}|\bAIza[\w-]{35}"
    r"|\bSG\.[\w-]{20,24}\.[\w-]{40,44}|\bdop_v1_[0-9a-f]{60}|\bAGE-SECRET-KEY-1[0-9A-Z]{50}"
)
"""Credentials whose issuers made them to be told apart."""
_IN_URL = re.compile(r"://[^/\s:@'\"]*:([^/\s@'\"]+)@")
_IN_CONNECTION = re.compile(
    r"(?i)(?:^|[;?&\s])"
    r"(?:password|passwd|pwd|pass|accountkey|sharedaccesskey|client_secret|api_?key|access_token|secret)=([^;&\s'\"]+)"
)
_OPTION = re.compile(r"(?:^|[\s'\"\[,])--?([A-Za-z][\w.-]*)(?:=|\s+|['\"],\s*['\"])(\"[^\"]*\"|'[^']*'|[^\s'\",]+)")
_ASSIGNED = re.compile(r"(?:^|[\s;&|(])([A-Za-z_/:][\w./:-]*)=(\"[^\"]*\"|'[^']*'|[^\s;&|'\"]+)", re.MULTILINE)
_ENTRY = re.compile(r"^[ \t]*(?:-[ \t]+)?[\"']?([A-Za-z_.][\w./-]*)[\"']?[ \t]*:[ \t]+(\S.*)$", re.MULTILINE)
_SPACED = re.compile(
    r"^[ \t]*[\"']?([A-Za-z_][\w./-]*)[\"']?(?:[ \t]+=[ \t]*|=[ \t]+)"
    r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s=\"'(){}\[\],;#][^\s\"'(){}\[\],;#]*)[ \t]*(?:[#;].*)?$",
    re.MULTILINE,
)
"""A line of INI, TOML or properties with blanks about the sign."""
_BESIDE = (
    re.compile(r"\bname=[\"']([^\"'<>]{1,200})[\"']\s{1,20}value=[\"']([^\"'<>]+)[\"']"),
    re.compile(r"<name>([^<>]{1,200})</name>\s{0,40}<value>([^<>]+)</value>"),
)
"""XML in which a property's name stands beside its value."""
_COMMANDS = (
    re.compile(r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^|;\n]{0,200}?\s-p([^\s'\"$-][^\s'\"]*)"),
    re.compile(r"\bcurl\b[^|;\n]{0,400}?\s(?:-u|--user)[\s=]*['\"]?[^\s:'\"$]+:([^\s'\"]+)"),
    re.compile(r"(?i)\bAuthorization:\s*(?:Bearer|Basic|Token)\s+([\w.~+/=-]{16,})"),
    re.compile(r"\blogin\b[^|;\n]{0,200}?\s-p[\s=]+['\"]?([^\s'\"-][^\s'\"]*)"),
    re.compile(r"\b(?:sshpass\s+-p|redis-cli\b[^|;\n]{0,200}?\s-a)\s*['\"]?([^\s'\"]+)"),
    re.compile(r"\blogin\s+\S+\s+password\s+([^\s'\"]+)"),
    re.compile(r"\bconfigure set (?:aws_secret_access_key|aws_session_token) (\S+)"),
    re.compile(r"['\"\s][\w.-]+:([^\s'\"]+)['\"]?\s*\|\s*(?:sudo\s+)?chpasswd"),
)
"""Commands whose arguments are secrets by where they stand."""
_PGPASS = re.compile(r"^[^:\s]+:(?:\d+|\*):[^:\s]+:[^:\s]+:(\S+)$", re.MULTILINE)
_LONGEST = 200_000
"""Characters that are looked at: user data has 16 thousand at most, a ConfigMap a million."""


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name holds a secret in plain sight."""
    if value.strip().lower() in _SWITCHES:
        return False
    if names_one(name) and not _ELSEWHERE.search(value.strip()) and not _says_which(name, value.strip()):
        return True
    return _is_pgpass(name, value) or holds_one(value)


def names_one(name: str) -> bool:
    """Whether what has this name is a secret, and not where one is or how it must be."""
    words = [word.upper() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1] in _AFTER or words[-1].isdigit()):
        words.pop()
    # PWD alone is the directory that a shell is in.
    if not words or words in (["PWD"], ["OLD", "PWD"]):
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "KEY":
        return before in _KEYS
    if last == "TOKEN":
        return not _OF_MODELS & set(words)
    if last == "SECRET":
        return before not in _NAMES_OF_ONE
    if last == "VERIFY":  # the header by which an origin knows its CDN
        return before == "ORIGIN"
    return last in _NOUNS or last.endswith(("PASSWORD", "PASSWD"))


def _says_which(name: str, value: str) -> bool:
    """Whether a setting says which key or Secret has it: its name may mean either, its value does not."""
    *before, last = [word.upper() for word in _WORD.findall(name) if not word.isdigit()] or [""]
    if last in ("KEY", "PRIVATEKEY", "ACCOUNTKEY") and _IDENTIFIER.fullmatch(value):
        return True
    if last == "KEY" and before[-1:] == ["SECRET"]:
        kept = bool(before[:-1]) and names_one(before[-2])
    else:
        kept = last in ("SECRET", "SECRETS") and bool(before) and before[-1] not in _SECRETS_THEMSELVES
    return kept and bool(_NAME_OF_ONE.fullmatch(value))


def holds_one(text: str) -> bool:
    """Whether a text (a value, a script, a file, a command with its arguments) has a secret in it."""
    text = text[:_LONGEST]
    if _FORMATS.search(text):
        return True
    if any(_is_plain(found) for pattern in (_IN_URL, _IN_CONNECTION, *_COMMANDS) for found in pattern.findall(text)):
        return True
    return any(
        names_one(name) and _is_plain(value) and not _says_which(name, value.strip().strip("'\","))
        for name, value in _settings(text)
    )


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The settings that a text says: of JSON, of lines of YAML or properties, of a shell, of a command."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield from _leaves("", json.loads(text))
        except (ValueError, RecursionError):
            pass
        else:
            return
    for pattern in (_OPTION, _ASSIGNED, _ENTRY, *_BESIDE):
        yield from pattern.findall(text)
    for name, value in _SPACED.findall(text):
        # A variable of a program's, set to another.
        if not (re.fullmatch(r"[A-Za-z_.]+", value) and names_one(value)):
            yield name, value


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            # What a registry's client keeps: a name and a password, in base64.
            yield from _leaves("auth token" if key == "auth" and isinstance(inner, str) else key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(name, inner)
    elif isinstance(value, str):
        yield name, value


def _is_plain(value: str) -> bool:
    bare = value.strip().strip("'\",")
    return bare.lower() not in _SWITCHES and bare[:1] not in tuple("-|>&*{[") and not _ELSEWHERE.search(bare)


def _is_pgpass(name: str, value: str) -> bool:
    return "pgpass" in name.lower() and any(map(_is_plain, _PGPASS.findall(value)))


_UNMISTAKABLE = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22}|\bglpat-[\w-]{20}|\bnpm_[A-Za-z0-9]{36}|\bpypi-AgEI[\w-]{20}"
    r"|\bxox[abeoprs]-[\w-]{10}|hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20}"
    r"|\b[rs]k_live_\w{20}|\bsk-(?:ant|proj)-[A-Za-z0-9_-]{24}|\bSG\.[\w-]{20,24}\.[\w-]{40,44}"
)
_MARKS = (
    *("://", "AKIA", "ASIA", "PRIVATE KEY", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "npm_"),
    *("pypi-", "xox", "slack", "k_live_", "sk-", "SG."),
)
"""One of these is in whatever is unmistakable: to look for them is quick."""
_ITSELF = re.compile(
    r"(?:^|.*[a-z0-9])?(?:[pP]asswords?|[pP]assphrase|[cC]lientSecret|[sS]ecretAccessKey|[pP]resharedKey|[aA]uthToken|oauthToken)"
    r"|secretKey|secretToken"
)
"""What AWS's own properties are called that are a secret, and nothing else is."""


def is_unmistakable(name: str, text: str) -> bool:
    """Whether a text is a secret wherever it stands: by its form, or by the name that a provider's property has."""
    if len(text) > 8 and any(mark in text for mark in _MARKS):
        text = text[:_LONGEST]
        if _UNMISTAKABLE.search(text) or any(map(_is_plain, _IN_URL.findall(text))):
            return True
    return bool(_ITSELF.fullmatch(name)) and _is_plain(text)


def decoded(text: str) -> str:
    """A text that may be in base64, as it is read at last: itself, where it is not."""
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return text


def of_setting(where: str, name: str, holder: Properties, key: str, instead: str) -> Verdict:
    """The verdict on one setting, whose value a property holds: whether it is a secret in plain sight.

    `where` says what it is in a message (`the variable`), `instead` what to do. A value that the program keeps secret
    is one, whatever its name: who reads the resource reads it.

    Raises:
        UnknownValue: when the value is not known before the update.
    """
    with secrets_read() as secrets:
        value = holder.get(key)
    if value is None or isinstance(value, Properties):
        return Verdict()
    text = str(value)
    if (secrets and text.lower() not in _SWITCHES) or is_secret(name, text):
        return violation(f"{where} {name[:80]!r} holds a secret in plain text; {instead}")
    return Verdict()


def of_settings(holder: Properties, path: str, instead: str, where: str = "the variable") -> list[Verdict]:
    """The verdicts on a map of settings, by name, each by itself."""
    try:
        settings = holder.at(path)
    except UnknownValue as unknown:
        return [undecided(unknown.path)]
    if not isinstance(settings, Properties):
        return []
    verdicts: list[Verdict] = []
    for name in settings:
        try:
            verdicts.append(of_setting(where, str(name), settings, name, instead))
        except UnknownValue as unknown:
            verdicts.append(undecided(unknown.path))
    return verdicts


def of_text(holder: Properties, path: str, instead: str, *, encoded: bool = False) -> Verdict:
    """The verdict on a text that a property holds (a script, a file): whether there is a secret in it."""
    try:
        with secrets_read():
            text = holder.at(path)
    except UnknownValue as unknown:
        return undecided(unknown.path)
    if not isinstance(text, str) or not holds_one(decoded(text) if encoded else text):
        return Verdict()
    return violation(f"`{holder.where(path)}` holds a secret in plain text; {instead}")
