"""The pipeline as a program: a JSON object on standard input says what to do, the outcome is on standard output.

Exit status: 0 done, 1 refused (the reason is on standard error), 3 a gate stopped it, or two runs are not of the same
inputs with the same model. `./parapet pipeline` is the command for people.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from delivery.data.refused import Refused as DataRefused
from delivery.pipeline import lineage, telling
from delivery.pipeline.running import Asked, run
from delivery.registry.refused import Refused

STOPPED: Final = 3
INTERRUPTED: Final = 130
OVERRIDE: Final = ("override", "why", "asked_by", "agreed_by")
ASKED: Final = (
    *("intake", "model", "seed", "first", "experiment", "code", "image", "started_by", "runs", "late_after"),
    *OVERRIDE,
)


def _run(asked: Mapping[str, Any]) -> int:
    paths: Any = {name: Path(asked[name]) for name in ("key_file", "out", "gates")}
    told = run(Asked(**paths, **{name: asked[name] for name in ASKED}))
    _tell(asked, telling.ran(told), telling.ran_lines(told))
    return STOPPED if told.stopped else 0


def _compile(asked: Mapping[str, Any]) -> int:
    image, out = asked["image"], Path(asked["out"])
    if image and not re.fullmatch(lineage.IMAGE, image):
        raise Refused(
            f"{image!r} is no image by its digest: NAME@sha256:... A tag can be moved, and a run not say what ran."
        )
    from delivery.pipeline.components import PLACEHOLDER, compiled  # here, for Kubeflow's package takes a second

    draft = out.with_name(f".{out.name}.new.yaml")
    try:
        compiled(image or PLACEHOLDER, draft)
        draft.rename(out)
    except OSError as error:
        raise Refused(f"The pipeline cannot be written to {out}: {error.strerror}.") from None
    finally:
        draft.unlink(missing_ok=True)
    print(f"In {out}, for {image or 'no cluster: give --image'}")
    return 0


def _compare(asked: Mapping[str, Any]) -> int:
    told = lineage.compare(*(lineage.load(Path(asked[name])) for name in ("first", "second")))
    _tell(asked, telling.compared(told), telling.compared_lines(told))
    return 0 if told.same else STOPPED


def _records(asked: Mapping[str, Any]) -> int:
    """For who asks a model about rows of features: as its server takes them."""
    import pyarrow.parquet as pq

    from delivery.pipeline.declared import read_declared, records_of

    try:
        raw, table = Path(asked["contract"]).read_bytes(), pq.read_table(asked["table"])
    except OSError as error:
        raise Refused(f"The contract or the rows cannot be read: {type(error).__name__}.") from None
    print(json.dumps(records_of(table, read_declared(raw).inputs)))
    return 0


STEPS: Final[Mapping[str, Callable[[Mapping[str, Any]], int]]] = {
    **{"run": _run, "compile": _compile, "compare": _compare, "records": _records},
}


def _tell(asked: Mapping[str, Any], values: object, lines: list[str]) -> None:
    print(json.dumps(values) if asked["json"] else "\n".join(lines))


def main() -> int:
    asked = json.load(sys.stdin)
    try:
        return STEPS[asked["step"]](asked)
    except (Refused, DataRefused) as error:
        print(f"parapet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("parapet: Interrupted; nothing was written.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
