"""MLflow's registry, by its REST API: a registered model for each environment, versions that are copied, aliases.

MLflow's own client would bring some sixty packages for these ten calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import requests

from delivery.registry.refused import Gone, Refused

API: Final = "/api/2.0/mlflow"
PATIENCE: Final = 60  # seconds for an answer; a model's file comes in one
HIDDEN: Final = "PERMISSION_DENIED"
DECIDES: Final = "parapet.decides"
"""The tag of a registered model with the account that decided on it last."""
ALIAS: Final = "serving"
"""The version that serves in the registered model's environment."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    version: str
    author: str
    """The account that registered it, as the server wrote it down."""
    tags: Mapping[str, str]
    run: str
    created: datetime
    """By the server's clock."""

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class Mlflow:
    """The server, and the account that asks it."""

    NEEDS: ClassVar[str] = (
        "Promotions need READ on the model in dev and EDIT on those it goes to: `./parapet mlflow share`."
    )
    """What an account that is refused is told."""

    url: str
    account: tuple[str, str]
    authority: str | None = None
    """A file with the certificate authority of the server's certificate."""

    def names(self, ending: str) -> list[str]:
        """The registered models whose names end so, of those that the account may read."""
        found: list[str] = []
        page: dict[str, str] = {}
        while True:
            wanted = {"filter": f"name LIKE '%{ending}'", "max_results": "1000", **page}
            told = self._asked("GET", "registered-models/search", **wanted) or {}
            found += [each["name"] for each in told.get("registered_models", [])]
            if not (token := told.get("next_page_token")):
                return sorted(found)
            page = {"page_token": token}

    def version(self, name: str, version: str) -> Version:
        """Raises Gone where there is none."""
        found = self._asked("GET", "model-versions/get", name=name, version=version)
        if found is None:
            raise Gone(f"MLflow has no version {version} of {name} that {self.account[0]} may read. Register it first.")
        return _version(found["model_version"])

    def versions(self, name: str) -> list[Version]:
        """The oldest first; none where the model is not there."""
        listed: list[Version] = []
        page: dict[str, str] = {}
        while True:
            wanted = {"filter": f"name='{name}'", "max_results": "1000", **page}
            told = self._asked("GET", "model-versions/search", **wanted) or {}
            listed += [_version(each) for each in told.get("model_versions", [])]
            if not (token := told.get("next_page_token")):
                return sorted(listed, key=lambda each: int(each.version))
            page = {"page_token": token}

    def file(self, version: Version, path: str) -> bytes:
        """One file of a version. Raises Gone where there is none."""
        where = {"name": version.name, "version": version.version, "path": path}
        answer = self._send("GET", "/model-versions/get-artifact", params=where)
        if answer.ok:
            return answer.content
        if answer.status_code == 404:
            raise Gone(
                f"{version.name} version {version.version} has no file {path}. A model is registered with model.onnx "
                "and contract.json: register it anew."
            )
        raise Refused(
            f"MLflow does not give {self.account[0]} the file {path} of {version.name} version {version.version} "
            f"({answer.status_code}). Ask its author for READ on it: `./parapet mlflow share`."
        )

    def tags(self, name: str) -> Mapping[str, str] | None:
        """Of a registered model; None where there is none, or none that the account may read: which, is not told."""
        found = self._asked("GET", "registered-models/get", taken=HIDDEN, name=name)
        return _tags(found["registered_model"]) if found is not None else None

    def alias(self, name: str) -> str | None:
        """The version that it says is serving."""
        found = self._asked("GET", "registered-models/alias", name=name, alias=ALIAS)
        return str(found["model_version"]["version"]) if found is not None else None

    def ensure(self, name: str) -> None:
        """The registered model is there afterwards, and shown to this account. Raises Refused."""
        if self.tags(name) is not None:
            return
        self._asked("POST", "registered-models/create", taken="RESOURCE_ALREADY_EXISTS", name=name)
        if self.tags(name) is None:
            raise Refused(
                f"MLflow has a registered model {name} that {self.account[0]} may not read: somebody else has made it. "
                f"{self.NEEDS} Where it is nobody's who should have it, an administrator deletes it."
            )

    def may_edit(self, name: str) -> None:
        """The registered model is there afterwards, and this account has just written to it: before anything is written
        that nobody can take back. Raises Refused."""
        self.ensure(name)
        self.tag(name, DECIDES, self.account[0])

    def copy(self, source: Version, name: str, tags: Mapping[str, str]) -> Version:
        """What MLflow's `copy_model_version` does, with tags of its own from the first moment on."""
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        run = {"run_id": source.run} if source.run else {}
        told = self._asked("POST", "model-versions/create", name=name, source=source.uri, tags=listed, **run)
        if told is None:
            raise Gone(f"MLflow has no {source.uri} any more. Register the model again.")
        return _version(told["model_version"])

    def point(self, name: str, version: str) -> None:
        self._asked("POST", "registered-models/alias", name=name, alias=ALIAS, version=version)

    def tag(self, name: str, key: str, value: str) -> None:
        self._asked("POST", "registered-models/set-tag", name=name, key=key, value=value)

    def _asked(self, method: str, path: str, *, taken: str = "", **fields: Any) -> dict[str, Any] | None:
        """None where what was asked for is not there, or MLflow refuses it with the code that is `taken` for that."""
        where: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        answer = self._send(method, f"{API}/{path}", **where)
        try:
            told: dict[str, Any] = answer.json() if answer.content else {}
        except ValueError:
            told = {}
        code = str(told.get("error_code", ""))
        if answer.ok:
            return told
        # An alias that is not there is an invalid parameter to MLflow.
        if code in ("RESOURCE_DOES_NOT_EXIST", taken) or (code == "INVALID_PARAMETER_VALUE" and "alias" in path):
            return None
        if answer.status_code in (401, 403):
            raise Refused(f"MLflow lets {self.account[0]} not do {path} ({answer.status_code}). {self.NEEDS}")
        raise Refused(f"MLflow answered {path} with {answer.status_code} {code}. Look at its log, then ask again.")

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return requests.request(
                method,
                self.url + path,
                auth=self.account,
                timeout=PATIENCE,
                verify=self.authority or True,
                allow_redirects=False,
                **options,
            )
        except requests.RequestException as error:
            raise Refused(
                f"MLflow cannot be reached at {self.url} ({type(error).__name__}). Is MLFLOW_TRACKING_URI right?"
            ) from None


def _version(told: Mapping[str, Any]) -> Version:
    run, author = str(told.get("run_id") or ""), str(told.get("user_id") or "")
    created = datetime.fromtimestamp(int(told["creation_timestamp"]) / 1000, UTC)
    return Version(told["name"], str(told["version"]), author, _tags(told), run, created)


def _tags(told: Mapping[str, Any]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in told.get("tags", [])}
