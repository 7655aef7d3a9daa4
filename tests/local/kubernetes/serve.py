"""What the test's image runs: `migrate FILE NEEDED`, or `ADDRESS PORT SECRET-FILE` to serve what it was given."""

import http.server
import json
import os
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        told = [sys.argv[1:], os.environ["GREETING"], Path(sys.argv[3]).read_text()]
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: object) -> None:
        pass


def migrate(file: Path, needed: Path) -> None:
    if not needed.exists():
        sys.exit("the database is not there")
    with file.open("a") as done:
        done.write("migrated\n")


if sys.argv[1] == "migrate":
    migrate(Path(sys.argv[2]), Path(sys.argv[3]))
else:
    http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
