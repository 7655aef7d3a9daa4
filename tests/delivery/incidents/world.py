"""A desk at a locked bucket, with a runbook and owners of its own: the repository's are another matter."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from delivery.incidents.desk import AUDIT as VARIABLE
from delivery.incidents.desk import OWNERS, Desk
from delivery.incidents.runbooks import REVIEW, SECTIONS
from tests.delivery.registry.world import AUDIT

REPOSITORY = Path(__file__).parents[3] / "runbooks"
NAME = "of-tests"
FRONT = "---\nname: {name}\nseverity: page\nboundary: model\nalerts: [ModelsWorse]\n---\n\n# A model is worse\n\n"
CLOSES = "- `serves`: Which version serves, and what shows that it is well?\n- `told`: Who was told that it is over?"
WHY = "More than half of the calls fail."


def runbook(name: str = NAME, **sections: str) -> str:
    told = dict.fromkeys(SECTIONS, "Said here.") | {
        "When to close": CLOSES,
        "Review": "- Did the rollback take long?",
    }
    told |= {title.replace("_", " "): text for title, text in sections.items()}
    return FRONT.format(name=name) + "\n\n".join(f"## {title}\n\n{text}" for title, text in told.items()) + "\n"


def folder(at: Path) -> Path:
    """With one runbook."""
    at.mkdir(exist_ok=True)
    (at / f"{NAME}.md").write_text(runbook())
    (at / REVIEW).write_text("# The review\n\n- Who knew first, and by what?\n")
    shutil.copy(REPOSITORY / OWNERS, at)
    return at


def desk(runbooks: Path, account: str = "mia", after: timedelta = timedelta()) -> Desk:
    made = Desk.of(runbooks, account, {VARIABLE: AUDIT})
    return replace(made, now=lambda: datetime.now(UTC) + after)


def objects(s3: Any, incident: str) -> dict[str, bytes]:
    """What lies under a record's prefix, by name."""
    listed = s3.list_objects_v2(Bucket=AUDIT, Prefix=f"incidents/{incident}/").get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=AUDIT, Key=each["Key"])["Body"].read() for each in listed}
