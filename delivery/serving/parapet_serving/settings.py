"""What the deployment decides: one file of JSON, read once. Secrets are not in it, but in files that it names."""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from parapet_serving.bundle.manifest import Digest, Name
from parapet_serving.refusal import Refused

Seconds = Annotated[float, Meta(ge=0, le=3600)]
Count = Annotated[int, Meta(ge=1)]
SHARES: Final = 8
"""Of what the server does at once one caller has one share, so that he keeps nobody else from it."""
SpiffeId = Annotated[str, Meta(pattern="^spiffe://")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the file; a name that is unknown is refused."""


class ModelSettings(Section, frozen=True):
    """Which model is served, as the registry has it."""

    folder: Path
    name: Name
    version: Name
    digest: Digest
    """Of its manifest."""
    keys: Annotated[list[Path], Meta(min_length=1)]
    """Public keys that a model may be signed with: DER as KMS gives it, or PEM."""
    stage: str = ""
    """For which environment it must have been promoted, as its signed facts say; for any, where nothing is told."""
    source: Annotated[str, Meta(pattern=r"^(s3://[^/]+/.*[^/])?\Z")] = ""
    """Where `fetch` has it from: s3://BUCKET/PREFIX."""
    bucket_owner: str = ""
    """The account that the bucket must be of."""


class Listening(Section, frozen=True):
    """Ports, on one address."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    metrics_port: Annotated[int, Meta(ge=0, le=65535)] = 9464


class Tokens(Section, frozen=True):
    """Callers outside the mesh: bearer tokens of an OpenID Connect provider."""

    issuer: str
    audiences: Annotated[list[str], Meta(min_length=1)]
    keys: str
    """The provider's keys (JWKS): a file's path, or an https:// address."""
    authorities: Path | None = None
    """PEM, the authorities that sign the address' certificate; without it, those of the system."""
    algorithms: Annotated[list[Literal["RS256", "PS256", "ES256"]], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["RS256", "ES256"]
    )
    scopes: list[str] = []
    """All of which a token has in `scope` or `scp`."""
    roles: list[str] = []
    """One of which a token has in `roles_claim`."""
    roles_claim: str = "roles"
    longest_seconds: Annotated[int, Meta(ge=60)] = 86_400
    """For how long a token may hold yet: who keeps one for good has what nobody can take away."""


class Mesh(Section, frozen=True):
    """Callers inside the mesh: who the proxy beside this server says that it spoke to."""

    proxies: Annotated[list[str], Meta(min_length=1)]
    """Addresses that the proxy calls from, as 127.0.0.6."""
    callers: Annotated[list[SpiffeId], Meta(min_length=1)]
    """Who may ask."""
    gateways: list[SpiffeId] = []
    """Who brings the requests of others, each of which needs a token of its own."""


class Limits(Section, frozen=True):
    """Of size, of time and of rate."""

    body_bytes: Count = 1_048_576
    bodies_bytes: Count = 67_108_864
    """Of all requests that are being answered; who comes beyond it is answered 503."""
    rows: Count = 4096
    seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    """From a request's first byte to its answer."""
    in_flight: Count = 512
    """Requests at once; more are answered 503 at once."""
    per_second: Annotated[float, Meta(gt=0)] = 500.0
    """Requests of one caller, over time; what is more work counts as more of them (`callers.WORK_BYTES`)."""
    burst: Annotated[float, Meta(ge=1)] = 1000.0
    """And at once."""
    unknown_per_second: Annotated[float, Meta(ge=1)] = 100.0
    """Requests of one address that are refused since it is not known who asks; behind a proxy all have one."""

    @property
    def bodies_bytes_of_one(self) -> int:
        """Of `bodies_bytes`, what one caller's may be."""
        return max(self.body_bytes, self.bodies_bytes // SHARES)

    @property
    def in_flight_of_one(self) -> int:
        """Of `in_flight`, what one caller's may be."""
        return max(1, self.in_flight // SHARES)


class Batching(Section, frozen=True):
    """How requests are joined."""

    rows: Count = 256
    seconds: Annotated[float, Meta(ge=0, le=1)] = 0.001
    """The most that one waits for others that are being read."""


class Drain(Section, frozen=True):
    """How the server ends. Together less than the pod's `terminationGracePeriodSeconds`."""

    notice_seconds: Seconds = 5.0
    """It goes on answering while nobody is sent here any more: ready is false from the first moment."""
    seconds: Seconds = 20.0
    """For what is being answered then, and for the prediction log."""


class PredictionLog(Section, frozen=True):
    """Where inputs and predictions are kept."""

    place: str
    """A folder, or s3://BUCKET/PREFIX."""
    key_arn: str = ""
    """The KMS key that objects are encrypted with; needed with s3://."""
    bucket_owner: str = ""
    """The account that the bucket must be of."""
    rows: Count = 50_000
    """Of a file, at most."""
    seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """That a row waits, at most."""
    memory_bytes: Count = 67_108_864
    """That waiting rows take; what comes then is counted and lost."""
    required: bool = True
    """Whether the server is not ready while nothing can be written; it answers who asks all the same."""


class Settings(Section, frozen=True):
    """The whole file."""

    model: ModelSettings
    hash_key_file: Path
    """A secret of 32 bytes or more: names of people are hashed with it before they are written anywhere."""
    listening: Listening = Listening()
    tokens: Tokens | None = None
    mesh: Mesh | None = None
    processor: Literal["cpu", "gpu"] = "cpu"
    """What computes the model. With `gpu` nothing of it is computed by anything else: a server that finds none does not
    start."""
    limits: Limits = Limits()
    batching: Batching = Batching()
    drain: Drain = Drain()
    prediction_log: PredictionLog | None = None
    subject_header: str = "x-parapet-subject"
    """In which a caller may say whom a request is about."""

    def hash_key(self) -> bytes:
        """Raises Refused."""
        try:
            key = self.hash_key_file.read_bytes().strip()
        except OSError as error:
            raise Refused(f"hashKeyFile {self.hash_key_file} cannot be read: {error.strerror}.") from None
        if len(key) < 32:
            raise Refused(f"hashKeyFile {self.hash_key_file} has {len(key)} bytes. It needs 32 random ones or more.")
        return key


def read(file: Path) -> Settings:
    """Raises Refused."""
    try:
        settings = msgspec.json.decode(file.read_bytes(), type=Settings, dec_hook=_path)
    except OSError as error:
        raise Refused(f"The configuration {file} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"The configuration {file} is not as it must be: {error}.") from None
    if settings.tokens is None and settings.mesh is None:
        raise Refused(f"The configuration {file} has neither tokens nor mesh: nobody could call. Give one or both.")
    if (limits := settings.limits).bodies_bytes < limits.body_bytes:
        raise Refused(f"limits.bodiesBytes is {limits.bodies_bytes}, less than one body's {limits.body_bytes}.")
    if (mesh := settings.mesh) and mesh.gateways:
        if both := sorted({*mesh.gateways} & {*mesh.callers}):
            raise Refused(
                f"mesh.gateways and mesh.callers both name {both[0]}. Who brings others' requests is no caller."
            )
        if settings.tokens is None:
            raise Refused("mesh.gateways needs tokens: without, nobody whom a gateway brings is known. Give both.")
    if (tokens := settings.tokens) and not (tokens.keys.startswith(("/", "https://"))):
        raise Refused(f"tokens.keys is {tokens.keys!r}. Give a file's whole path, or an https:// address.")
    if (log := settings.prediction_log) and log.place.startswith("s3://") and not log.key_arn:
        raise Refused("predictionLog.keyArn is missing. Objects are encrypted with a key of KMS: name it.")
    return settings


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError
