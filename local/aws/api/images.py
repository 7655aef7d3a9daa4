"""ECR: what a repository holds is what the registry on this machine holds under its name."""

from http.client import HTTPException
from typing import Any

from moto.core.responses import ActionResult
from moto.ecr.models import ECRBackend, Image, Repository
from moto.ecr.responses import ECRResponse

from local import registry
from local.aws.api.mending import replace
from local.workspace import Workspace

_get_authorization_token = ECRResponse.get_authorization_token
_list_images = ECRBackend.list_images
_get_repository = ECRBackend._get_repository  # pyright: ignore[reportPrivateUsage] # the method that is mended


def list_images(backend: ECRBackend, repository_name: str, *given: Any, **named: Any) -> list[Image]:
    if repository_name in backend.repositories:
        refresh(backend, backend.repositories[repository_name])
    return _list_images(backend, repository_name, *given, **named)


def get_repository(backend: ECRBackend, name: str, registry_id: str | None = None) -> Repository:
    found = _get_repository(backend, name, registry_id)
    refresh(backend, found)
    return found


def refresh(backend: ECRBackend, repository: Repository) -> None:
    """Brings in what the registry holds; where none runs, moto's own stays."""
    held = registry.of(Workspace())
    if held is None:
        return
    name = repository.name
    try:
        found = [(tag, str(held.digest(name, tag)), held.manifest(name, tag)) for tag in held.tags(name)]
    except (OSError, HTTPException):
        return
    made: Any = [Image(backend.account_id, tag, text, name, registry.MANIFEST, digest) for tag, digest, text in found]
    repository.images = made


def get_authorization_token(response: ECRResponse) -> ActionResult:
    """Who signs in is led to the registry on this machine."""
    told = _get_authorization_token(response)
    if held := registry.of(Workspace()):
        answer: Any = told._result  # pyright: ignore[reportPrivateUsage] # it tells it to the serializer alone
        for each in answer["authorizationData"]:
            each["proxyEndpoint"] = f"http://{held.address}"
    return told


def mend() -> None:
    """moto's images are what `PutImage` was told; a push goes to a registry."""
    replace(ECRResponse, "get_authorization_token", get_authorization_token)
    replace(ECRBackend, "list_images", list_images)
    replace(ECRBackend, "_get_repository", get_repository)
