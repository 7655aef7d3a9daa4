"""An identity provider that runs as a process of its own, and a browser as far as it follows redirects."""

import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.processes import choose_port

CLIENT, SECRET = "mlflow", "the-secret-of-the-client"


@dataclass(frozen=True)
class Provider:
    issuer: str

    def knows(self, subject: str, **claims: Any) -> None:
        """Has it tell this of someone from now on."""
        requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=10).raise_for_status()

    def agrees(self, location: str, subject: str) -> str:
        """What a person does at the provider's own page; returns where he is sent back to."""
        answer = requests.post(location, data={"sub": subject}, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def token(self, subject: str, client: str = CLIENT) -> str:
        """An ID token of someone, as a program on his machine gets it."""
        back = "http://127.0.0.1/back"
        asked = {"response_type": "code", "client_id": client, "redirect_uri": back, "scope": "openid profile email"}
        page = requests.Request("GET", f"{self.issuer}/oauth2/authorize", params=asked).prepare().url
        code = parse_qs(urlsplit(self.agrees(str(page), subject)).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        headers = {"authorization": "Basic " + b64encode(f"{client}:{SECRET}".encode()).decode()}
        told = requests.post(f"{self.issuer}/oauth2/token", data=form, headers=headers, timeout=10).json()
        return str(told["id_token"])


@contextmanager
def serve() -> Iterator[Provider]:
    port = choose_port(None)
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "false"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made = Provider(f"http://127.0.0.1:{port}")
    try:
        for _ in range(300):
            try:
                requests.get(f"{made.issuer}/.well-known/openid-configuration", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait()
