"""Charts that lie in Go modules, as the archives that their makers release."""

import gzip
import io
import tarfile
from pathlib import Path

import yaml


def archive(folder: Path, version: str) -> bytes:
    """A chart's folder as an archive of Helm's, always the same bytes for the same files.

    It says that it is of the version: in its maker's sources a chart often has another, which the release replaces.
    """
    about = yaml.safe_load((folder / "Chart.yaml").read_text())
    if str(about["version"]) != version:
        about |= {"version": version, "appVersion": version}
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as packed:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            own = file.relative_to(folder)
            content = yaml.safe_dump(about).encode() if own == Path("Chart.yaml") else file.read_bytes()
            member = tarfile.TarInfo(f"{about['name']}/{own}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return made.getvalue()
