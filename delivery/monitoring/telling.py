"""What the drift monitor says to people. Nothing of anybody's record is in it."""

from delivery.monitoring.found import JOINT, Check, Column
from delivery.monitoring.profile import Profile


def checked(check: Check) -> str:
    """A line for each column that drifted, and what to make of it."""
    lines = [_column(column) for column in check.columns.values() if column.drifted]
    lines += [f"note: {note}" for note in check.notes]
    quiet = sum(1 for column in check.columns.values() if not column.drifted)
    quiet_end = "nothing drifted" if check.enough else "too few to judge their values; their columns are as before"
    end = f"{check.rows:,} rows: " + (f"drift of kind {check.kind}" if check.drifted else quiet_end)
    end += f"; {quiet} columns as before" if check.columns else ""
    return "\n".join([*lines, *check.alerts, end, f"Reference {check.reference}"])


def _column(column: Column) -> str:
    name = "all together" if column.name == JOINT else column.name
    where = f" of {column.cohort}" if column.cohort else ""
    value = "" if column.value is None else f" {column.value:.4g}"
    bound = f", where {column.threshold:.4g} is the bound" if column.threshold else ""
    return f"{column.kind:<10} {name}{where}: {column.test}{value}{bound}"


def profiled(profile: Profile, out: str) -> str:
    """What was made."""
    judged = sum(1 for column in profile.columns if column.role in ("number", "category"))
    return "\n".join(
        [
            f"{profile.rows:,} rows, {len(profile.columns)} columns, {judged} of them judged by their values, in {out}",
            f"Digest {profile.digest}",
        ]
    )
