"""Questions to an identity provider in the house: whose certificate is trusted, and what the operator is told."""

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final

import pytest

from parapet_mlflow.login.oidc.asking import Rejected, Unreachable, asking
from tests import authority

BODIES: Final = {
    "/told": (200, b'{"a": 1}'),
    "/list": (200, b"[]"),
    "/gone": (404, b"{}"),
    "/rejected": (400, b'{"error": "invalid_grant", "error_description": "of jdoe"}'),
    "/odd": (400, b'{"error": "jdoe"}'),
    "/moved": (302, b""),
    "/large": (200, b" " * (1 << 20) + b"{}"),
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = BODIES[self.path]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server for the name `localhost` alone, and the certificate that it is trusted by."""
    certificate, key = authority.made("localhost")
    file = tmp_path_factory.mktemp("house") / "both.pem"
    file.write_text(certificate + key)
    server = HTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}", certificate
    server.shutdown()
    server.server_close()


def test_a_certificate_is_trusted_by_the_authorities_that_are_named_and_by_no_others(house: tuple[str, str]) -> None:
    address, authority = house
    assert asking(authority)(f"{address}/told") == {"a": 1}
    with pytest.raises(Unreachable, match=r"certificate of localhost is not trusted\. See authorities"):
        asking("")(f"{address}/told")
    with pytest.raises(Unreachable, match=r"certificate of 127\.0\.0\.1 is not trusted"):
        asking(authority)(f"{address.replace('localhost', '127.0.0.1')}/told")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/list", "the answer of localhost is no JSON object"),
        ("/gone", "localhost answered with status 404"),
        ("/odd", "localhost answered with status 400"),
        ("/moved", "localhost answered with status 302"),
        ("/large", "its answer is too large"),
    ],
)
def test_what_is_no_answer_is_told_without_what_is_in_it(house: tuple[str, str], path: str, told: str) -> None:
    with pytest.raises(Unreachable) as raised:
        asking(house[1])(house[0] + path, data={"a": "b"})
    assert str(raised.value) == told


def test_an_error_of_the_token_endpoint_is_known_by_its_code(house: tuple[str, str]) -> None:
    with pytest.raises(Rejected) as raised:
        asking(house[1])(f"{house[0]}/rejected", data={"a": "b"})
    assert (raised.value.error, "jdoe" in str(raised.value)) == ("invalid_grant", False)


def test_who_is_not_reached_is_told_with_where_to_look() -> None:
    with pytest.raises(Unreachable, match=r"no name id\.invalid is known here. See that the VPC's resolver"):
        asking("")("https://id.invalid/")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        port = bound.getsockname()[1]
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 takes no connection\. See hosts and cidrs"):
            asking("")(f"https://127.0.0.1:{port}/")


def test_authorities_of_the_environment_are_not_among_those_that_are_named(
    house: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What requests itself would add: those that everybody knows, and a file that a variable names."""
    address, certificate = house
    (tmp_path / "known.pem").write_text(certificate)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "known.pem"))
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "known.pem"))
    other, _ = authority.made("localhost")
    assert asking("")(f"{address}/told") == {"a": 1}
    for form in ({}, {"data": {"a": "b"}}):
        with pytest.raises(Unreachable, match="certificate of localhost is not trusted"):
            asking(other)(f"{address}/told", **form)


def test_the_authorities_leave_no_file_behind(
    house: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert asking(house[1])(f"{house[0]}/told") == {"a": 1}
    assert not list(tmp_path.iterdir())
