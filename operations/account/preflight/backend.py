"""Whether the engine keeps its state where the bootstrap made a place for it, and nowhere else."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from operations.account import state_bucket
from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "backend"
PULUMIS_OWN: Final = "https://api.pulumi.com"
"""Where the engine keeps the state of whoever is logged in nowhere."""


def check(account: Account) -> Iterator[Finding]:
    url, said_by = _in_use(account.root)
    wanted = state_bucket.backend(account.bucket, account.access.region)
    found = urlsplit(url)
    if (found.scheme, found.netloc) == ("s3", account.bucket):
        yield ok(ABOUT, url)
    else:
        yield to_do(
            ABOUT,
            f"{said_by} says {url}, and an up would keep its state there: pulumi login '{wanted}'"
            + ("" if said_by == LOGIN else f", and take it out of {said_by}"),
        )


LOGIN: Final = "the login of pulumi"


def _in_use(root: Path) -> tuple[str, str]:
    """The backend, and what says so, in the order in which the engine asks (pulumi/pulumi, pkg/backend/httpstate,
    workspace.GetCurrentCloudURL)."""
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return url, "PULUMI_BACKEND_URL"
    project: Any = yaml.safe_load((root / "Pulumi.yaml").read_text()) or {}
    if url := (project.get("backend") or {}).get("url"):
        return str(url), "Pulumi.yaml (backend)"
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        current = json.loads((home / "credentials.json").read_text()).get("current")
    except (OSError, ValueError, AttributeError):
        current = None
    return str(current or PULUMIS_OWN), LOGIN
