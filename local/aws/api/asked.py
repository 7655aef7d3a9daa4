"""A request, by what its signature and its protocol say of it, and an action that it asks for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from moto.kms.models import kms_backends

REST: Final = ("s3", "eks", "lambda")


@dataclass(frozen=True)
class Call:
    """One action that must be allowed; a resource of `*` is none."""

    action: str
    resource: str = "*"
    keys: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request, by what its signature and its protocol say of it."""

    account: str
    region: str
    service: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    @property
    def form(self) -> dict[str, str]:
        text = self.body.decode(errors="replace")
        body = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
        return {**body, **self.query}  # as moto reads it: of two, the one in the address

    @property
    def operation(self) -> str:
        """Its name, where the protocol tells it; of S3 and REST the method and path do."""
        return self.target or ("" if self.service in REST else self.form.get("Action", ""))

    @property
    def parameters(self) -> dict[str, Any]:
        if not self.target:
            return dict(self.form)
        found = json.loads(self.body or b"{}")
        return found if isinstance(found, dict) else {}

    @property
    def request_tags(self) -> dict[str, str | Sequence[str]]:
        """The tags that a request of a JSON protocol gives to what it makes, as keys of conditions."""
        given = self.parameters.get("Tags") if self.target else None
        listed = given if isinstance(given, list) else []
        tags = {
            str(each.get("Key", each.get("TagKey"))): str(each.get("Value", each.get("TagValue", "")))
            for each in listed
            if isinstance(each, dict)
        }
        tags |= {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        return {
            **{f"aws:RequestTag/{name}": value for name, value in tags.items()},
            **({"aws:TagKeys": list(tags)} if tags else {}),
        }

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


def key_arn(asked: Asked, key: str) -> str:
    """The ARN of a KMS key, by its ARN, its id or an alias."""
    backend = kms_backends[asked.account][asked.region]
    try:
        return str(backend.keys[backend.any_id_to_key_id(key)].arn)
    except Exception:  # moto has no narrower one; what is not there is told by the call itself
        return key if key.startswith("arn:") else asked.arn("kms", f"key/{key}")
