"""What the server finds out once: the same as moto finds, and not again for each request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import backends, mock_aws
from moto.core import DEFAULT_ACCOUNT_ID, responses, utils
from moto.core.loaders import Loader
from moto.iam import models
from moto.iam.responses import IamResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from local.aws.api import remembered

OTHER = "210987654321"


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto as the server has it, until the test is over."""
    for owner, name in (
        (DomainDispatcherApplication, "get_backend_for_host"),
        (responses, "method_names_from_class"),
        (models, "get_account_id_from"),
        (utils, "create_loader"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    remembered.mend()


@pytest.fixture
def empty() -> Iterator[None]:
    """A moto in which nobody has done anything."""
    with mock_aws():
        yield


def test_a_service_is_looked_for_once(monkeypatch: pytest.MonkeyPatch, mended: None) -> None:
    services = {"kms.us-east-1.amazonaws.com": "kms", "moto_api": "moto_api", "dynamodb": "dynamodb", None: None}
    looked: list[str] = []
    listed = list(backends.list_of_moto_modules())
    monkeypatch.setattr(backends, "list_of_moto_modules", lambda: looked.append("all folders") or listed)
    application = DomainDispatcherApplication(print)  # type: ignore[arg-type] # it makes none here
    for _ in range(3):
        assert {host: application.get_backend_for_host(host) for host in services} == services
    assert len(looked) == 2, "for those two that are not known at once"


def test_the_methods_of_a_service_are_listed_once(mended: None) -> None:
    names = responses.method_names_from_class(IamResponse)
    assert "get_role" in names
    assert responses.method_names_from_class(IamResponse) is names


def test_the_folders_of_all_services_are_looked_through_once(monkeypatch: pytest.MonkeyPatch, mended: None) -> None:
    looked: list[tuple[str, ...]] = []
    within = Loader._potential_locations

    def looks(loader: Loader, *names: Any, **how: Any) -> Any:
        looked.append(names)
        return within(loader, *names, **how)

    monkeypatch.setattr(Loader, "_potential_locations", looks)
    read = [
        utils._load_service_model(each, "service-2")["metadata"]["endpointPrefix"] for each in ("sns", "sqs", "kms")
    ]
    assert read == ["sns", "sqs", "kms"]
    assert looked.count(()) == 1, "for any service"


def test_an_account_is_known_by_its_keys_and_none_of_its_partitions_is_made_for_that(mended: None, empty: None) -> None:
    models.iam_backends[OTHER]["aws"].create_user("arn:aws", "them", "/", [])
    key = models.iam_backends[OTHER]["aws"].create_access_key("them")
    assert models.get_account_id_from(key.access_key_id) == OTHER
    assert models.get_account_id_from("AKIAUNKNOWN") == DEFAULT_ACCOUNT_ID
    assert list(models.iam_backends[OTHER]) == ["aws"]
