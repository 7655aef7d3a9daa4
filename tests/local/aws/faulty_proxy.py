"""Passes requests on to a local port and answers a share of them with 503: `faulty_proxy.py PORT SHARE [after]`.

With `after` such a request is carried out before it is answered so. Prints its own port. The same requests in the
same order meet the same faults. `faulty_proxy.py PORT NUMBER expired` passes so many on, and tells whoever comes then
that the session has expired, in the words of the protocol that was asked in.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"transfer-encoding", "connection", "content-length", "server", "date"}
port, share, after = int(sys.argv[1]), float(sys.argv[2]), "after" in sys.argv[3:]
passed, expires = itertools.count(), "expired" in sys.argv[3:]
EXPIRED = "The security token included in the request is expired"
XML = (
    f"<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>{EXPIRED}</Message></Error>"
    "<RequestId>1</RequestId></ErrorResponse>"
)
JSON = "application/x-amz-json-1.1"
faults = random.Random(7)  # noqa: S311 (repeatable faults)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_any(self) -> None:
        """Fail, or pass on."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if expires and next(passed) >= share:
            in_json = "X-Amz-Target" in self.headers
            told = json.dumps({"__type": "ExpiredTokenException", "message": EXPIRED}) if in_json else XML
            self.answer(400, [("Content-Type", JSON if in_json else "application/xml")], told.encode(), None)
            return
        failing = not expires and faults.random() < share
        if failing and not after:
            self.answer(503, [], b"<html>503 Service Unavailable</html>", None)
            return
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request(self.command, self.path, body, dict(self.headers))
        response = connection.getresponse()
        data = response.read()
        if failing:
            self.answer(503, [], b"<html>503 Service Unavailable</html>", None)
            connection.close()
            return
        headers = [(key, value) for key, value in response.getheaders() if key.lower() not in HOP_BY_HOP]
        self.answer(response.status, headers, data, response.getheader("Content-Length"))
        connection.close()

    def answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: str | None) -> None:
        """Send a response; one to HEAD has the length of what it leaves out."""
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any  # noqa: N815


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
