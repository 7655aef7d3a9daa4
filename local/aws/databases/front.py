"""The TLS in front of a PostgreSQL server that has none: `python -m local.aws.databases.front PORT SOCKET FOLDER`.

RDS speaks TLS, and the wheel's server is built without it. So a client's connection is decrypted here and passed on to
the server's Unix socket, both ways, byte for byte. As with `rds.force_ssl`, who asks for no TLS is refused.
Source: PostgreSQL documentation, "Message Flow" and "Message Formats".
"""

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

TLS, GSS, CANCEL, VERSION_3 = 80877103, 80877104, 80877102, 196608
LONGEST = 10_000  # bytes of a start-up packet, as the server has it
PATIENCE = 60.0  # seconds until a client must have said what it wants, as the server's authentication_timeout
BUFFER = 1 << 20  # bytes that wait for a slow reader before its writer is held up


class Pipe(asyncio.Protocol):
    """Passes what it receives on to its other end, which holds it up while it cannot keep pace."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Pipe | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=BUFFER)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other and self.other.transport:
            self.other.transport.close()  # once what waits is written


class Greeting(asyncio.Protocol):
    """What a client says first, in the clear: a wish for TLS, and nothing else gets through."""

    def __init__(self, path: str, context: ssl.SSLContext) -> None:
        self._path, self._context = path, context
        self._heard = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._limit = asyncio.get_running_loop().call_later(PATIENCE, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.cancel()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= 8:
            length, code = struct.unpack_from("!II", self._heard)
            if not 8 <= length <= LONGEST:
                self._transport.close()
                return
            if len(self._heard) < length:
                return
            packet, rest = bytes(self._heard[:length]), self._heard[length:]
            self._heard = rest
            if code == GSS:
                self._transport.write(b"N")
                continue
            if code == TLS and not rest:  # what was sent along in the clear would count as encrypted
                self._begin(self._encrypt())
            elif code == CANCEL:
                self._begin(self._cancel(packet))
            else:
                self._transport.write(_refused(packet) if code == VERSION_3 else b"")
                self._transport.close()
            return

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _encrypt(self) -> None:
        loop = asyncio.get_running_loop()
        client = Pipe()
        try:
            self._transport.pause_reading()
            _, server = await loop.create_unix_connection(Pipe, self._path)
            client.other, server.other = server, client
        except OSError:
            server = None
        self._transport.write(b"S")
        try:
            encrypted = await loop.start_tls(
                self._transport, client, self._context, server_side=True, ssl_handshake_timeout=PATIENCE
            )
        except (OSError, ssl.SSLError):  # a client that goes away, or does not believe us
            if server and server.transport:
                server.transport.close()
            return
        finally:
            self._limit.cancel()
        assert isinstance(encrypted, asyncio.Transport)
        client.connection_made(encrypted)
        if server is None:
            encrypted.write(_error("57P03", "the database system is starting up"))
            encrypted.close()

    async def _cancel(self, packet: bytes) -> None:
        # Clients send it in the clear: it carries the secret that the server gave them, and no data.
        try:
            _, writer = await asyncio.open_unix_connection(self._path)
            writer.write(packet)
            writer.close()
            await writer.wait_closed()
        except OSError:
            pass
        self._transport.close()


def _refused(packet: bytes) -> bytes:
    words = packet[8:].decode(errors="replace").split("\0")
    told = dict(zip(words[::2], words[1::2], strict=False))
    user = told.get("user", "")
    return _error(
        "28000",
        f'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "{told.get("database") or user}", '
        "no encryption",
    )


def _error(code: str, text: str) -> bytes:
    """An ErrorResponse of severity FATAL."""
    fields = b"".join(f"{kind}{value}\0".encode() for kind, value in (("S", "FATAL"), ("V", "FATAL"), ("C", code)))
    body = fields + f"M{text}\0\0".encode()
    return b"E" + struct.pack("!I", len(body) + 4) + body


async def serve(port: int, path: str, folder: Path) -> None:
    """Listens on 127.0.0.1 until it is ended. `folder` holds `server.crt` and `server.key`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Greeting(path, context), "127.0.0.1", port, family=socket.AF_INET, backlog=512
    )
    print(f"listening on port {port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
