"""`parapet-mlflow`: the commands of the container."""

import sys
from collections.abc import Callable

from parapet_mlflow import garbage
from parapet_mlflow.refusal import Refused

USAGE = "usage: parapet-mlflow server|migrate|gc ARGUMENTS...  (see README.md in this image's folder)"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status: 0 as asked, 1 refused or failed, 2 wrong arguments."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if (command := _command(name)) is None:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        return command(rest)
    except Refused as refusal:
        print(f"parapet-mlflow: {refusal}", file=sys.stderr)
        return 1


def _command(name: str) -> Callable[[list[str]], int] | None:
    # Imported when it is asked for: MLflow reads the environment while it is imported, and takes seconds.
    if name not in ("server", "migrate", "gc"):
        return None
    garbage.wait()
    from parapet_mlflow import commands, configuration, logs
    from parapet_mlflow.disposal import command

    configuration.decide()
    logs.install()
    return {"server": commands.server, "migrate": commands.migrate, "gc": command.gc}[name]


if __name__ == "__main__":
    sys.exit(main())
