"""One build of all pinned Go tools, with its progress told as it goes."""

import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from local.toolchain import sources
from local.toolchain.go import GoMissing, find_go

NEEDED_GIB_FOR_SOURCES = 1

HINT = (
    "If a module could not be fetched, see that the Go module proxy is reachable (`go env GOPROXY`) and run the "
    "same command again: it goes on where it stopped."
)

console = Console(stderr=True, soft_wrap=True)


class BuildFailed(Exception):
    """The tools could not be built. The text says what failed and what to do."""


@dataclass(frozen=True)
class Cost:
    """What a module's cold build takes, as measured on 2 cores."""

    gib: int
    """Free disk, for module sources and build objects, with room for the linker."""
    time: str
    left: tuple[tuple[float, float], ...]
    """Seconds that were left at each share of compiled packages; linking comes after the last."""

    def left_at(self, share: float) -> float:
        """Seconds left when this share of the packages is compiled, between the measured points."""
        for (begin, before), (end, after) in pairwise(self.left):
            if share <= end:
                return before + (after - before) * (share - begin) / (end - begin)
        return self.left[-1][1]


@dataclass(frozen=True)
class Change:
    """A text in a module's source that a build has in another way."""

    module: str
    file: str
    old: str
    """Empty for a file that the module lacks."""
    new: str
    unless: str
    """What the program would do without it, for who reads that it can no longer be made."""


SERVERS = Cost(
    14,  # 11.1 were used
    "8 to 9 minutes on 2 cores",
    ((0.0, 495), (0.2, 445), (0.4, 320), (0.5, 255), (0.7, 180), (0.9, 90), (1.0, 27)),
)
"""The engine, the control plane, KWOK and Helm."""
SMALL = Cost(2, "less than a minute on 2 cores", ((0.0, 40), (1.0, 5)))
"""One small program."""


@dataclass(frozen=True)
class _Workshop:
    """A Go, the variables that keep it inside one folder, and the folder for what it makes."""

    go: Path
    environment: Mapping[str, str]
    output: Path


def build(
    modules: Path,
    target: Path,
    variables: Mapping[str, str],
    without: Collection[str] = (),
    cost: Cost = SERVERS,
    what: str = "the tools",
    changes: Sequence[Change] = (),
    tags: str = "",
) -> None:
    """Builds every tool that `modules/go.mod` names into `target`, whole or not at all.

    `variables` are set in the programs; tools whose package's last name is in `without` are left out; `changes` are
    made to their sources, for the build alone; `tags` leave out what they name.
    """
    flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in variables.items())])
    with _workshop(target, cost.gib) as shop, _progress() as progress:
        console.print(f"Building {what}, once for this machine ({cost.time}, measured) ...", highlight=False)
        fetching = _Stage(progress, "fetching modules", None, "go: downloading ", cost)
        changed = _changed(shop, modules, changes, fetching)
        tools = _run([str(shop.go), "list", *changed, "tool"], modules, shop.environment, fetching)
        tools = [tool for tool in tools if tool.rpartition("/")[2] not in without]
        listed = [str(shop.go), "list", "-deps", f"-tags={tags}", *changed, *tools]
        packages = _run(listed, modules, shop.environment, fetching)
        _run(
            [
                str(shop.go),
                "build",
                "-v",
                "-trimpath",
                f"-tags={tags}",
                *changed,
                "-ldflags",
                flags,
                "-o",
                f"{shop.output}/",
                *tools,
            ],
            modules,
            shop.environment,
            _Stage(progress, "compiling packages", len(packages), "", cost),
        )


def lay_out(modules: Path, target: Path) -> None:
    """Lays out the charts, resource definitions and stages of `modules/sources.yaml`, whole or not at all."""
    with _workshop(target, NEEDED_GIB_FOR_SOURCES) as shop, _progress() as progress:
        stage = _Stage(progress, "laying out charts", None, "", SMALL)
        try:
            for name in sources.fetch(shop.go, modules, shop.output, shop.environment):
                stage.line(name)
        except sources.SourceFailed as error:
            raise BuildFailed(f"The charts and resource definitions could not be fetched: {error}\n{HINT}") from None
        stage.done()


@contextmanager
def _workshop(target: Path, needed: int) -> Iterator[_Workshop]:
    """Module sources and build objects lie in a folder of their own beside the target, removed when all went well and
    kept when something failed, so that the next attempt goes on from there. `needed`: free disk, in GiB.
    """
    work = target.parent / f"{target.name}.build"
    work.mkdir(parents=True, exist_ok=True)
    try:
        go = find_go(work / "go")
    except GoMissing as error:
        raise BuildFailed(str(error)) from None
    _check_disk(work, needed)
    environment = os.environ | {
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "objects"),
        "GOTMPDIR": str(work),
        "GOFLAGS": "-modcacherw -mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    output = work / "output"
    shutil.rmtree(output, ignore_errors=True)  # of an attempt that failed
    output.mkdir()
    yield _Workshop(go, environment, output)
    output.rename(target)
    shutil.rmtree(work, ignore_errors=True)


def _check_disk(work: Path, needed: int) -> None:
    free = shutil.disk_usage(work).free / 2**30
    if free < needed:
        raise BuildFailed(
            f"The build needs {needed} GiB of free disk at {work}, and {free:.1f} GiB are free. "
            "Free some, or name a cache folder on another disk in XDG_CACHE_HOME."
        )


class _Stage:
    """One bar: counts the lines of Go's output that begin with `mark`."""

    def __init__(self, progress: Progress, name: str, total: int | None, mark: str, cost: Cost) -> None:
        self.progress, self.name, self.total, self.mark, self.cost = progress, name, total, mark, cost
        self.task = progress.add_task(name, total=total, left="")
        self.seen, self.told, self.start = 0, time.monotonic(), time.monotonic()

    def line(self, line: str) -> None:
        if not line.startswith(self.mark):
            return
        self.seen += 1
        self.progress.update(self.task, completed=self.seen, left=self.left())
        self.tell()

    def left(self) -> str:
        """What was left on the machine where the build was measured, once the total is known."""
        return f"about {self.cost.left_at(self.seen / self.total) / 60:.0f} min left" if self.total else ""

    def tell(self) -> None:
        # A log has no moving bar: a line every ten seconds says that the build lives.
        if not console.is_terminal and time.monotonic() - self.told >= 10:
            self.told = time.monotonic()
            of = f" of {self.total}, {self.left()}" if self.total else ""
            console.print(f"  {self.name}: {self.seen}{of}, {self.told - self.start:.0f} s", highlight=False)

    def done(self) -> None:
        self.progress.update(self.task, total=self.seen or 1, completed=self.seen or 1)


def _progress() -> Progress:
    columns = [TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn()]
    columns.append(TextColumn("{task.fields[left]}"))
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _run(command: list[str], folder: Path, environment: Mapping[str, str], stage: _Stage) -> list[str]:
    """Runs Go and returns the lines of its standard output; its standard error moves the bar."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=output, stderr=subprocess.PIPE)
        try:
            told = list(_lines(process, stage))
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.wait():
            raise BuildFailed(explain(told))
        stage.done()
        output.seek(0)
        return output.read().splitlines()


def _changed(shop: _Workshop, modules: Path, changes: Sequence[Change], stage: _Stage) -> list[str]:
    """What tells Go to take changed copies in the place of modules (`go help modfile`); nothing where none is changed.

    Copies, since Go builds no module of its cache in another way than its sum says.
    """
    if not changes:
        return []
    work = shop.output.parent
    file = work / "changed.mod"
    shutil.copy(modules / "go.mod", file)
    shutil.copy(modules / "go.sum", work / "changed.sum")
    for number, module in enumerate(dict.fromkeys(each.module for each in changes)):
        copy = work / f"changed-{number}"
        shutil.rmtree(copy, ignore_errors=True)
        found = _run([str(shop.go), "mod", "download", "-json", module], modules, shop.environment, stage)
        shutil.copytree(json.loads("\n".join(found))["Dir"], copy)
        for change in changes:
            if change.module == module:
                _change(copy / change.file, change)
        replacing = [str(shop.go), "mod", "edit", f"-replace={module}={copy}", str(file)]
        _run(replacing, modules, shop.environment, stage)
    return [f"-modfile={file}"]


def _change(file: Path, change: Change) -> None:
    """Of a copy."""
    if not change.old:
        if file.exists():
            raise BuildFailed(f"{change.module} has {change.file} by now: leave out what adds it.")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(change.new)
        return
    text = file.read_text()
    if change.old not in text:
        raise BuildFailed(f"{change.module} says {change.old} nowhere in {change.file}: it would {change.unless}.")
    file.write_text(text.replace(change.old, change.new))


def _lines(process: subprocess.Popen[bytes], stage: _Stage) -> Iterator[str]:
    """The lines of a process's standard error; tells of progress even while none comes (linking takes long)."""
    assert process.stderr
    rest = b""
    while True:
        if not select.select([process.stderr], [], [], 1)[0]:
            stage.tell()
            continue
        data = os.read(process.stderr.fileno(), 65536)
        *lines, rest = (rest + data).split(b"\n")
        for line in map(bytes.decode, lines):
            stage.line(line)
            yield line
        if not data:
            return


def explain(output: list[str]) -> str:
    """What to tell of a failed build: the module or package that Go names, its words, and what to do."""
    telling = [
        line for line in output if line and not line.startswith(("go: downloading ", "#")) and not _is_package(line)
    ]
    named = re.search(r"[\w.-]+\.[a-z]+/[\w./~-]+(?:@v[\w.+-]+)?", "\n".join(telling))
    what = f" at {named[0]}" if named else ""
    words = "\n".join(f"    {line}" for line in telling[-12:])
    return f"The build of the tools failed{what}:\n{words}\n{HINT}"


def _is_package(line: str) -> bool:
    return bool(re.fullmatch(r"[\w./~+-]+", line))
