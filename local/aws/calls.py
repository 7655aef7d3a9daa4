"""Calls to the local AWS API: clients per Region, retries with back-off, errors a reader can use."""

from __future__ import annotations

import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.parsers
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.response import StreamingBody

ATTEMPTS = 14
"""Enough that one call in a million fails for good when a third of all answers are errors."""

_ATTEMPTS_AT_500 = 6
"""An internal error (500) is as often a fault that stays, such as an operation that the local API lacks."""

_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
    "SlowDown",
    "EC2ThrottledException",
    "ServiceUnavailable",
    "InternalError",
    "InternalFailure",
    "RequestTimeout",
}
_SERVER_ERROR = 500


class ApiError(Exception):
    """The API refused a call: its error code, its message, the operation, and whether earlier tries were lost."""

    def __init__(self, code: str, message: str, operation: str, *, retried: bool = False) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.code = code
        self.message = message
        self.operation = operation
        self.retried = retried


class CallError(Exception):
    """A call that could not be made or was never answered."""


class Recovered(Exception):
    """A create was carried out though its answer was an error: the id of what it made."""

    def __init__(self, identifier: str) -> None:
        super().__init__(identifier)
        self.identifier = identifier


class Cancelled(Exception):
    """The engine asked to stop."""


class _Loader(Loader):
    """Knows every service by its folder: looking into each of the four hundred takes longer than a call."""

    def list_available_services(self, type_name: str) -> list[str]:
        return sorted(path.name for folder in self.search_paths for path in Path(folder).glob("*/"))


@cache
def loader() -> Loader:
    """One reader of botocore's data for all clients and models, since each file is kept once it was read."""
    return _Loader()


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return ServiceModel(loader().load_service_model(service, "service-2"), service)


@cache
def operation_model(service: str, call: str) -> OperationModel:
    """botocore's model of an operation, by boto3's name for it (`describe_key`)."""
    from botocore import xform_name

    model = service_model(service)
    for name in model.operation_names:
        if xform_name(name) == call:
            return model.operation_model(name)
    raise LookupError(f"{service} has no operation {call}")


class Api:
    """The local AWS API at the given endpoints, with made-up credentials."""

    def __init__(self, endpoint: str, endpoints: Mapping[str, str], access_key: str = "test") -> None:
        self.endpoint = endpoint
        self.endpoints = dict(endpoints)
        self.stopped = threading.Event()
        self._session = botocore.session.Session()
        self._session.set_credentials(access_key, "test")
        self._session.register_component("data_loader", loader())
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str) -> Any:
        """A boto3 client; made once, since making one takes longer than most calls."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoints.get(service, self.endpoint),
                    config=Config(
                        retries={"total_max_attempts": 1, "mode": "standard"},
                        s3={"addressing_style": "path"},
                        inject_host_prefix=False,
                        proxies={},
                        connect_timeout=10,
                        read_timeout=60,
                        max_pool_connections=32,
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
                # S3 Control puts the account before the host, even before an address.
                self._clients[key].meta.events.register("before-send.s3-control", _without_account)
            return self._clients[key]

    def call(
        self,
        service: str,
        region: str,
        operation: str,
        arguments: Mapping[str, Any],
        *,
        paginate: bool = False,
        lost: Callable[[], str | None] | None = None,
    ) -> dict[str, Any]:
        """Make a call, again and again while the API is throttling or failing; the answer without its metadata.

        Before each repetition `lost` is asked what the try before has made all the same: Recovered with that.
        Raises ApiError where the API refuses, CallError where the request is malformed or nobody answers, and
        Cancelled when the engine asked to stop.
        """
        client = self.client(service, region)
        arguments = {**_tokens(service, operation), **arguments}

        def request(**members: Any) -> dict[str, Any]:
            return self._patiently(client, service, operation, members, lost)

        if not (paginate and client.can_paginate(operation)):
            return request(**arguments)
        pages = client.get_paginator(operation)
        # Page by page, since a list of many pages would hardly ever come without an error.
        pages._method = request
        try:
            return dict(pages.paginate(**arguments).build_full_result())
        except botocore.exceptions.PaginationError as error:
            raise CallError(f"{service}:{operation}: {error}") from error

    def _patiently(
        self,
        client: Any,
        service: str,
        operation: str,
        arguments: Mapping[str, Any],
        lost: Callable[[], str | None] | None,
    ) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            if self.stopped.is_set():
                raise Cancelled
            try:
                answer = getattr(client, operation)(**arguments)
            except botocore.exceptions.ClientError as error:
                details = error.response.get("Error", {})
                code = str(details.get("Code", "Unknown"))
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                transient = status >= _SERVER_ERROR or code in _THROTTLED
                limit = _ATTEMPTS_AT_500 if status == _SERVER_ERROR and code not in _THROTTLED else ATTEMPTS
                if not transient or attempt == limit:
                    message = " ".join(re.sub(r"<[^>]*>", " ", str(details.get("Message", ""))).split())
                    raise ApiError(code, message, f"{service}:{operation}", retried=attempt > 1) from error
            except botocore.parsers.ResponseParserError as error:
                # An error page that is no XML: the service itself has stumbled.
                if attempt == _ATTEMPTS_AT_500:
                    raise ApiError("InternalFailure", "an error page", f"{service}:{operation}") from error
            except botocore.exceptions.HTTPClientError as error:
                if attempt == ATTEMPTS:
                    raise CallError(f"{service}:{operation}: {error}") from error
            except (botocore.exceptions.BotoCoreError, TypeError, ValueError) as error:
                raise CallError(f"{service}:{operation}: {error}") from error
            else:
                answer.pop("ResponseMetadata", None)
                for name, value in answer.items():
                    if isinstance(value, StreamingBody):
                        answer[name] = value.read()
                if error := answer.get("FunctionError"):
                    # A call is well where the function that it called is not (Lambda API Reference, "Invoke").
                    raise ApiError(error, answer["Payload"].decode(), f"{service}:{operation}")
                return dict(answer)
            made = lost() if lost else None
            if made is not None:
                raise Recovered(made)
            self.stopped.wait(random.uniform(0.5, 1) * min(0.05 * 2**attempt, 5))  # noqa: S311 (jitter)
        raise CallError(f"{service}:{operation}: no answer")


def _without_account(request: Any, **_: Any) -> None:
    request.url = re.sub(r"//\d{12}\.", "//", request.url)


def _tokens(service: str, operation: str) -> dict[str, str]:
    """A client token for every member that makes a repeated call the same call."""
    return {name: str(uuid.uuid4()) for name in operation_model(service, operation).idempotent_members}


def wait_until(done: Any, api: Api, what: str, seconds: float) -> None:
    """Poll until `done()` is true; CallError after that many seconds."""
    end = time.monotonic() + seconds
    pause = 0.1
    while not done():
        if api.stopped.is_set():
            raise Cancelled
        if time.monotonic() > end:
            raise CallError(f"{what} did not get ready within {seconds:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 2)
