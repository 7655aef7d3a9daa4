"""The API server's way to Services: an HTTP CONNECT proxy that leads a Service's address to what answers here for it.

On EKS the API server reaches a webhook by the cluster's network. Here no packet goes to a Service's address, so the API
server is told to tunnel (its egress selection `cluster`), and this process knows which loopback address stands for
which Service: those in `live` alone, so it is no open proxy. Only the API server's certificate is let in.
"""

import asyncio
import ssl
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

from local.keeping import READY
from local.kubernetes import live
from local.kubernetes.control_plane.api import Api, ApiError
from local.workspace import Workspace

SERVICES = "/api/v1/services?resourceVersion=0"
KNOWN_FOR = 2.0  # seconds that a list of Services is believed
CALLER = "kube-apiserver"
GIVES_UP = 10.0  # seconds for the request line, and for a connection to what answers


class Refused(Exception):
    """A tunnel that is not made. The text reaches whoever called the API server."""


class Services:
    """Which Service has an address."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, str] = {}
        self._at = 0.0
        self._one = Lock()  # a connection to the API server carries one call at a time

    def named(self, address: str) -> str:
        """`NAMESPACE/NAME` of the Service with this cluster IP; raises Refused where none has it."""
        with self._one:
            return self._named(address)

    def _named(self, address: str) -> str:
        if address not in self._known or time.monotonic() - self._at > KNOWN_FOR:
            try:
                listed = self._api.call("GET", SERVICES)["items"] or []
            except (ApiError, OSError) as error:
                raise Refused(f"the Services could not be listed: {error}") from None
            self._known = {
                each["spec"].get("clusterIP", ""): f"{each['metadata']['namespace']}/{each['metadata']['name']}"
                for each in listed
            }
            self._at = time.monotonic()
        if address not in self._known:
            raise Refused(f"no Service has the address {address}")
        return self._known[address]


def destination(workspace: Workspace, services: Services, target: str) -> tuple[str, int]:
    """The address and port here for `CLUSTER-IP:PORT`; raises Refused where nothing of this machine answers for it."""
    address, _, port = target.rpartition(":")
    service = services.named(address)
    here = live.services(workspace).get(service, {}).get(port)
    if not here:
        raise Refused(
            f"Service {service} port {port}: no process of this machine answers for it; ./parapet up --live starts it"
        )
    host, _, number = here.rpartition(":")
    return host, int(number)


async def _tunnel(
    workspace: Workspace, services: Services, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        async with asyncio.timeout(GIVES_UP):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split(" ", 2)
            if method != "CONNECT":
                raise Refused(f"{method} is no CONNECT")
            host, port = await asyncio.to_thread(destination, workspace, services, target)
            there = await asyncio.open_connection(host, port)
    except (Refused, OSError, TimeoutError) as error:
        print(f"refused: {error}", flush=True)
        writer.write(f"HTTP/1.1 503 {str(error) or type(error).__name__}\r\n\r\n".encode())
        with suppress(OSError):
            await writer.drain()
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer), return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _listening(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "egress.crt", pki / "egress.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def is_caller(certificate: dict[str, object] | None) -> bool:
    """Whether a verified client certificate is the API server's."""
    subject = (certificate or {}).get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]  # type: ignore[attr-defined]
    return names == [CALLER]


async def serve(workspace: Workspace, api: Api, port: int) -> None:
    """Serves for ever."""
    services = Services(api)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not is_caller(writer.get_extra_info("peercert")):
            writer.close()
            return
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await _tunnel(workspace, services, reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=_listening(workspace.kubernetes / "pki"))
    print(READY, flush=True)
    await server.serve_forever()


def main() -> None:
    home, port, own = sys.argv[1:]
    workspace = Workspace(home=Path(home))
    asyncio.run(serve(workspace, Api(workspace.kubernetes / "pki", "egress", int(port)), int(own)))


if __name__ == "__main__":
    main()
