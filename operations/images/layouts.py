"""OCI image layouts: what is pushed into a registry, as files."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"


def blob(folder: Path, content: bytes) -> dict[str, Any]:
    """Adds content to the layout; returns what describes it but for its type."""
    named = digest(content)
    file = folder / "blobs" / "sha256" / named.partition(":")[2]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return {"digest": named, "size": len(content)}


def close(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Makes the layout be of this one manifest, the same bytes for the same one; returns its digest."""
    made = {
        "mediaType": MANIFEST,
        **blob(folder, json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **manifest}, sort_keys=True).encode()),
    }
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [made]}))
    return str(made["digest"])


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
