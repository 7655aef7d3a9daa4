"""People and service accounts at a live API server: what each is told who asks in his own name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from cluster.guardrails.admission import PREFIX
from local.kubernetes.provider import kubeconfig
from local.kubernetes.provider.connection import APPLY, ApiError, Connection
from tests.platform.cluster import manifests
from tests.platform.cluster.api import Answer, Api

MERGE = "application/merge-patch+json"


class _Impersonating(Connection):
    def __init__(self, api: Api, user: str, group: str, **extra: str) -> None:
        super().__init__(kubeconfig.load(str(api.kubeconfig), None, None, {}), patience=5)
        self._headers |= {"Impersonate-User": user} | ({"Impersonate-Group": group} if group else {})
        self._headers |= {f"Impersonate-Extra-{quote(name, safe='')}": value for name, value in extra.items()}


class Grouped(Protocol):
    """A role of people, or a workspace."""

    @property
    def group(self) -> str: ...


@dataclass(frozen=True)
class Member:
    """Changes nothing: whatever is asked is asked with `dryRun`."""

    connection: Connection

    @classmethod
    def of(cls, role: Grouped, api: Api, user: str = "someone") -> "Member":
        return cls(_Impersonating(api, user, role.group))

    @classmethod
    def account(cls, name: str, api: Api, **extra: str) -> "Member":
        """A service account, written `namespace/name`; `extra`: what else its token says."""
        namespace, _, plain = name.partition("/")
        return cls(_Impersonating(api, f"system:serviceaccount:{namespace}:{plain}", "", **extra))

    @classmethod
    def allowed(cls, user: str, api: Api) -> "Member":
        """A user whom RBAC lets do everything, so that the rules alone are asked."""
        return cls(_Impersonating(api, user, "system:masters"))

    def apply(self, path: str, manifest: dict[str, Any]) -> Answer:
        """Server-side apply of an object into a collection, such as `/api/v1/namespaces/training/services`."""
        at = f"{path}/{manifest['metadata']['name']}"
        return self._asked("PATCH", at, manifest, APPLY, {"fieldManager": "kubectl", "fieldValidation": "Strict"})

    def create(self, path: str, manifest: dict[str, Any]) -> Answer:
        return self._asked("POST", path, manifest)

    def patch(self, path: str, patch: dict[str, Any]) -> Answer:
        return self._asked("PATCH", path, patch, MERGE)

    def replace(self, path: str, manifest: dict[str, Any]) -> Answer:
        """Whatever a controller wrote since it was read: without a resourceVersion the API server asks after none."""
        known = {name: value for name, value in manifest["metadata"].items() if name != "resourceVersion"}
        return self._asked("PUT", path, {**manifest, "metadata": known})

    def delete(self, path: str, options: dict[str, Any] | None = None) -> Answer:
        return self._asked("DELETE", path, options)

    def _asked(
        self, method: str, path: str, body: Any, content_type: str = "application/json", query: Any = None
    ) -> Answer:
        try:
            answer = self.connection.request(method, path, {**(query or {}), "dryRun": "All"}, body, content_type)
        except ApiError as error:
            return Answer(False, str(error))
        return Answer(True, json.dumps(answer))


def govern(api: Api) -> Api:
    """Gives people their roles there."""
    roles = [each for each in manifests.objects(manifests.record(manifests.access)) if "rbac" in each["apiVersion"]]
    answer = api.apply(*roles)
    assert answer.done, answer.text
    return api


def refused(answer: Answer, rule: str, says: str = "", or_by: str | Sequence[str] = ()) -> bool:
    """Whether this rule refuses; fails where another does, or none, or where it says something else.

    `or_by`: other rules that refuse the same. The API server tells of one of them, and not always of the same.
    """
    others = [or_by] if isinstance(or_by, str) else or_by
    named = [f"ValidatingAdmissionPolicy '{PREFIX}{each}'" for each in (rule, *others)]
    assert any(each in answer.text for each in named), answer.text
    assert says in answer.text
    return not answer.done


def found(api: Api, kind: str, name: str, namespace: str) -> Any:
    """The object, None where there is none."""
    answer = api.run("get", kind, name, f"--namespace={namespace}", "--output=json")
    return json.loads(answer.text) if answer.done else None
