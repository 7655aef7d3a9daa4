"""`./parapet dashboards`: Grafana's dashboards as files, for a Grafana that is in no stack."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import Refused


def dashboards(
    folder: Annotated[Path, typer.Argument(help="Where they are written, made if need be.", show_default=False)],
) -> None:
    """Write the dashboards as JSON that Grafana imports, one file each; those of a stack are in it already."""
    from mlops.dashboards.boards import BOARDS
    from mlops.dashboards.grafana import written

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for board in BOARDS:
            file = folder / f"{board.uid}.json"
            file.write_text(written(board), encoding="utf-8")
            print(f"{file}: {board.title}")
    except OSError as error:
        raise Refused(f"The dashboards cannot be written to {folder}: {error.strerror}. Name another folder.") from None
