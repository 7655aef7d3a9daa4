"""Where a kubeconfig leads, and whether the stand-in may go there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from local.plugin.checks import is_loopback

OWN_CLUSTER = "PARAPET_KUBECONFIG"
"""Environment variable naming the kubeconfig of a cluster of the user's own: the one way to leave this machine."""


class KubeconfigError(Exception):
    """A kubeconfig that cannot be used, or must not be."""


@dataclass(frozen=True)
class Access:
    """An API server, and who one is there."""

    server: str
    namespace: str
    authority: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    token: str | None = None


def load(setting: str | None, context: str | None, cluster: str | None, environment: Mapping[str, str]) -> Access:
    """Where the provider's kubeconfig (contents or a path), or else the one of the environment, leads to.

    Raises KubeconfigError for any server that is not on this machine, unless it is in the file that
    PARAPET_KUBECONFIG names; and for one whose credentials are got by running a program.
    """
    content, folder, own = _content(setting, environment)
    name = context or content.get("current-context")
    chosen = _entry(content, "contexts", name, "context")
    server = _entry(content, "clusters", cluster or chosen.get("cluster"), "cluster")
    user = _entry(content, "users", chosen.get("user"), "user") if chosen.get("user") else {}
    address = str(server.get("server", ""))
    _permitted(address, server, user, own)
    return Access(
        server=address.rstrip("/"),
        namespace=str(chosen.get("namespace") or "default"),
        authority=_data(server, "certificate-authority", folder),
        certificate=_data(user, "client-certificate", folder),
        key=_data(user, "client-key", folder),
        token=user.get("token") or _token(user.get("tokenFile"), folder),
    )


def _permitted(address: str, server: Mapping[str, Any], user: Mapping[str, Any], own: bool) -> None:
    parts = urlsplit(address)
    local = is_loopback(parts.hostname or "")
    if not local and not own:
        raise KubeconfigError(
            f"the kubeconfig leads to {address or 'no server'}, which is not on this machine; the stand-in for the "
            f"kubernetes provider goes nowhere else. Set {OWN_CLUSTER} to the kubeconfig of a cluster of your own, or "
            "use the official plugin"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise KubeconfigError(f"{address} is no https address")
    for name in ("exec", "auth-provider"):
        if name in user:
            raise KubeconfigError(
                f"the kubeconfig gets its credentials by `{name}`; the stand-in for the kubernetes provider runs no "
                "program for that. Use a token or a client certificate"
            )
    for name in ("insecure-skip-tls-verify", "proxy-url"):
        if server.get(name):
            raise KubeconfigError(f"the kubeconfig sets `{name}`, so that the server may be anyone. Remove it")


def _content(setting: str | None, environment: Mapping[str, str]) -> tuple[dict[str, Any], Path, bool]:
    """The kubeconfig, the folder that its paths are relative to, and whether it is the user's own file."""
    own = environment.get(OWN_CLUSTER)
    if setting and (setting.lstrip().startswith("{") or "\n" in setting.strip()):
        given = _parsed(setting, "the provider's setting kubeconfig")
        return given, Path.cwd(), bool(own) and given == _read(Path(str(own)))
    named = setting or own or (environment.get("KUBECONFIG") or "").split(":")[0]
    if not named:
        raise KubeconfigError(
            "no kubeconfig is named. Set the provider's `kubeconfig` or KUBECONFIG (`./parapet env` does); the one in "
            "the home directory is never taken"
        )
    path = Path(named).expanduser()
    return _read(path), path.parent, bool(own) and path.resolve() == Path(str(own)).expanduser().resolve()


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parsed(path.expanduser().read_text(), str(path))
    except OSError as error:
        raise KubeconfigError(f"the kubeconfig {path} cannot be read: {error.strerror}") from error


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        # Without what YAML's own message quotes: credentials.
        raise KubeconfigError(f"{name} is no YAML") from error
    if not isinstance(content, dict) or "clusters" not in content:
        raise KubeconfigError(f"{name} is no kubeconfig: it has no clusters")
    return content


def _entry(content: Mapping[str, Any], group: str, name: Any, member: str) -> Mapping[str, Any]:
    entries = {one.get("name"): one.get(member) or {} for one in content.get(group) or []}
    if name not in entries:
        raise KubeconfigError(
            f"the kubeconfig has no {member} {name!r}; it has {', '.join(map(str, entries)) or 'none'}"
        )
    found: Mapping[str, Any] = entries[name]
    return found


def _data(entry: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    if entry.get(f"{name}-data"):
        try:
            return base64.b64decode(entry[f"{name}-data"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError(f"the kubeconfig's {name}-data is no base64") from error
    return _bytes(folder / entry[name]) if entry.get(name) else None


def _token(file: str | None, folder: Path) -> str | None:
    found = _bytes(folder / file) if file else None
    return found.decode().strip() if found else None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{path}, named in the kubeconfig, cannot be read: {error.strerror}") from error
