"""The image's commands."""

import sys
from pathlib import Path

from parapet_serving import settings
from parapet_serving.refusal import Refused

USAGE = "usage: parapet-serving server|verify|fetch CONFIGURATION  (see README.md in this image's folder)"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status: 0 as asked, 1 refused or failed, 2 wrong arguments."""
    match sys.argv[1:] if arguments is None else arguments:
        case ["server" | "verify" | "fetch" as command, file]:
            try:
                return _run(command, settings.read(Path(file)))
            except Refused as refusal:
                print(f"parapet-serving: {refusal}", file=sys.stderr)
                return 1
    print(USAGE, file=sys.stderr)
    return 2


def _run(command: str, read: settings.Settings) -> int:
    if command == "fetch":
        return _fetch(read.model)
    from parapet_serving import process  # here: a wrong configuration is told at once

    if command == "server":
        return process.run(read)
    read.hash_key()
    bundle, _, _ = process.verified(read)
    print(f"{bundle.manifest.name} {bundle.manifest.version} {bundle.digest}: signed, whole, answers as it should")
    return 0


def _fetch(model: settings.ModelSettings) -> int:
    from parapet_serving.bundle.fetching import fetch

    if not model.source:
        raise Refused("model.source is missing. Say where the model is, as s3://BUCKET/PREFIX.")
    fetch(model.source, model.folder, model.digest, model.bucket_owner)
    print(f"{model.name} {model.version} {model.digest}: fetched")
    return 0


if __name__ == "__main__":
    sys.exit(main())
