"""A keeper of stacks' keys, in the place of a cloud's: the engine asks it for a stack's key and has it at once.

From a passphrase the engine derives that key anew in each process, by a million rounds: a quarter of a second of a
core, most of what it does at all with a small stack. What is secret is encrypted in the same way with either.
"""

from __future__ import annotations

import functools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROVIDER = "hashivault://tests"
"""What a stack names as who keeps its key."""
WRAPPED = "vault:v1:"
"""How the keeper's answers begin that nobody else can read. Ours can: tests have nothing to hide."""


class _Keeper(BaseHTTPRequestHandler):
    """Speaks as much of Vault's transit engine (developer.hashicorp.com/vault/api-docs/secret/transit) as is asked."""

    def do_PUT(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "/encrypt/" in self.path:
            told = {"ciphertext": WRAPPED + asked["plaintext"]}
        else:
            told = {"plaintext": asked["ciphertext"].removeprefix(WRAPPED)}
        answer = json.dumps({"data": told}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the base class)
        """Nobody reads it."""


@functools.cache
def keeper() -> dict[str, str]:
    """The variables with which the engine asks a keeper in this process, which answers as long as that runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keeper)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {"VAULT_SERVER_URL": f"http://127.0.0.1:{server.server_port}", "VAULT_SERVER_TOKEN": "tests"}
