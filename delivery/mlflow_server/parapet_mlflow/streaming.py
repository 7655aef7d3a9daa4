"""Artifacts pass through the server in pieces: no file of it is on disk or whole in memory, however large it is.

MLflow writes a whole upload or download into a temporary file first, unless the store of the artifacts can take a
stream. S3's can: an upload goes in parts (Amazon S3 User Guide, "Uploading and copying objects using multipart
upload"), of which the server holds one or two, and is given up in S3 too when the client goes away.
"""

import io
import mimetypes
import posixpath
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator
from functools import cache
from typing import Any, BinaryIO, Final

import anyio
import anyio.to_thread
import flask
import mlflow.server
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.server import artifact_router, handlers
from mlflow.store.artifact.artifact_repo import StreamUploadMixin
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.tracing.constant import SpansLocation, TraceTagKey
from mlflow.tracing.utils.artifact_utils import TRACE_DATA_FILE_NAME
from mlflow.utils.mime_type_utils import _guess_mime_type
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from parapet_mlflow.arriving import MIB, UPLOADS, Arriving, Slow
from parapet_mlflow.asgi import Application, Message, Receive, Scope, Send
from parapet_mlflow.gate.routes import at
from parapet_mlflow.login.handed import caller
from parapet_mlflow.shares import Places

PART: Final = 8 * MIB
"""Bytes of a part. S3 takes 10,000 of them: 80 GB."""
DOWNLOADS: Final = 16
"""Downloads of a worker that wait for S3 at once, in threads of their own."""
PIECE: Final = 256 * 1024
"""Bytes that a download passes on at once."""
TRANSFER: Final = TransferConfig(
    multipart_threshold=PART,
    multipart_chunksize=PART,
    # In the caller's thread, one part after the other: with more, each upload would hold that many parts.
    use_threads=False,
)
RANGE: Final = re.compile(r"bytes=(\d+-\d*|-\d+)")
TICKET: Final = b"x-parapet-download"
ELSEWHERE: Final = (SpansLocation.TRACKING_STORE.value, SpansLocation.ARCHIVE_REPO.value)
"""Where spans may be that no client put into the bucket."""


class Artifacts(S3ArtifactRepository, StreamUploadMixin):
    """MLflow's artifacts in S3, in streams."""

    def log_artifact_from_stream(
        self, stream: BinaryIO | io.RawIOBase, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        bucket, key = self._place(posixpath.join(artifact_path or "", posixpath.basename(artifact_file_name)))
        self._get_s3_client().upload_fileobj(stream, bucket, key, ExtraArgs=self._arguments(key), Config=TRANSFER)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        stream = Arriving(aiter(chunks).__anext__)
        take = self.log_artifact_from_stream
        user = caller()
        try:
            async with _places().one(user.username if user else ""):
                await anyio.to_thread.run_sync(take, stream, artifact_file_name, artifact_path, limiter=_uploads())
        except Slow as why:
            raise MlflowException(str(why), BAD_REQUEST) from None

    def opened(self, path: str, bytes_: str | None = None) -> Any:
        """What S3 answers of an object, or of a range of its bytes: `Body`, `ContentLength`, `ContentRange`.

        Raises MlflowException where there is none, or not so many bytes.
        """
        bucket, key = self._place(path)
        range_ = {"Range": bytes_} if bytes_ and RANGE.fullmatch(bytes_) else {}
        try:
            return self._get_s3_client().get_object(Bucket=bucket, Key=key, **range_, **self._bucket_owner_params)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":
                raise MlflowException("The file has no such range of bytes.", INVALID_PARAMETER_VALUE) from None
            if code in ("NoSuchKey", "404"):
                raise MlflowException("There is no such artifact.", RESOURCE_DOES_NOT_EXIST) from None
            raise

    def _place(self, path: str) -> tuple[str, str]:
        bucket, root = self.parse_s3_compliant_uri(self.artifact_uri)
        return bucket, posixpath.join(root, path)

    def _arguments(self, key: str) -> dict[str, str]:
        # As MLflow's own upload of a file has them (`_upload_file`).
        kind, encoding = mimetypes.guess_type(key)
        found = {"ContentType": kind, "ContentEncoding": encoding}
        told = {name: value for name, value in found.items() if value}
        return told | self._bucket_owner_params | (self.get_s3_file_upload_extra_args() or {})


@cache
def _places() -> Places:
    return Places(UPLOADS)


@cache
def _uploads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(UPLOADS)


@cache
def _downloads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(DOWNLOADS)


class Streamed:
    """An ASGI application around another, which answers with a download of which only the ticket came out of Flask.

    What Flask answers is made in a thread, and waits whole in memory for a client that is slower.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: Any = None

        async def passed(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                tickets = [value for name, value in message["headers"] if name == TICKET]
                body = _waiting.pop(tickets[0].decode(), None) if tickets else None
                message["headers"] = [each for each in message["headers"] if each[0] != TICKET]
            elif body is not None and scope["method"] != "HEAD" and not message.get("more_body"):
                async for piece in _pieces(body):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send(message)

        try:
            await self.application(scope, receive, passed)
        finally:
            if body is not None:
                body.close()


def install() -> None:
    """Once in each worker, before its application is made."""
    _artifact_repository_registry.register("s3", Artifacts)
    handlers._send_artifact = _send
    mlflow.server.get_trace_artifact_handler = handlers.catch_mlflow_exception(_trace_file)


def around(application: Any) -> Streamed:
    """The application with the streamed download before MLflow's. Its own checks are around both."""
    for path in at("2.0/mlflow-artifacts/artifacts/{artifact_path:path}"):
        application.add_api_route(path, _download, methods=["GET"])
        application.router.routes.insert(0, application.router.routes.pop())
    return Streamed(application)


async def _download(artifact_path: str, request: Request) -> Response:
    try:
        place = artifact_router._get_workspace_scoped_path(artifact_router.validate_path_is_safe(artifact_path))
        repository = artifact_router._get_artifact_repo()
        told = await anyio.to_thread.run_sync(
            repository.opened, place, request.headers.get("range"), limiter=_downloads()
        )
    except MlflowException as error:
        return Response(error.serialize_as_json(), error.get_http_status_code(), media_type="application/json")
    return StreamingResponse(_pieces(told["Body"]), _status(told), _headers(artifact_path, told))


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    try:
        while piece := await anyio.to_thread.run_sync(body.read, PIECE, limiter=_downloads()):
            yield piece
    finally:
        body.close()


def _send(repository: Any, path: str) -> flask.Response:
    """MLflow's `_send_artifact`, for the routes that are Flask's."""
    told = repository.opened(path, flask.request.headers.get("range"))
    ticket = secrets.token_hex()
    _waiting[ticket] = told["Body"]
    return flask.Response(status=_status(told), headers=_headers(path, told) | {TICKET.decode(): ticket})


def _trace_file() -> flask.Response:
    """MLflow's `get_trace_artifact_handler`, of what lies in the bucket: an owner may put there a file of any size."""
    trace, path = flask.request.args.get("request_id"), flask.request.args.get("path")
    if not trace:
        raise MlflowException("request_id is missing. Give it.", INVALID_PARAMETER_VALUE)
    info = handlers._get_tracking_store().get_trace_info(trace)
    if not path and info.tags.get(TraceTagKey.SPANS_LOCATION) in ELSEWHERE:
        told: flask.Response = handlers.get_trace_artifact_handler()
        return told
    if path:
        handlers._validate_attachment_path(path)
    return _send(handlers._get_trace_artifact_repo(info), f"attachments/{path}" if path else TRACE_DATA_FILE_NAME)


def _status(told: Any) -> int:
    return 206 if "ContentRange" in told else 200


def _headers(path: str, told: Any) -> dict[str, str]:
    # Never shown in the page's own place: a file may be a page with a script.
    name = posixpath.basename(path)
    return {
        "Content-Type": _guess_mime_type(name),
        "Content-Length": str(told["ContentLength"]),
        "Content-Disposition": handlers._content_disposition_attachment(name),
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        **({"Content-Range": told["ContentRange"]} if "ContentRange" in told else {}),
    }


_waiting: dict[str, Any] = {}
"""Bodies that S3 answers with, by the ticket under which Flask's answer names them."""
