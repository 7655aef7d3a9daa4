"""What the steps say to people. Nothing of anybody's record is in it."""

from delivery.data.card import JSON, MARKDOWN
from delivery.data.dataset import Manifest
from delivery.data.deidentification import Deidentified
from delivery.data.validation import QUARANTINE, REPORT, Judged, Report


def generated(manifest: Manifest, out: str) -> str:
    """What was made."""
    lines = [f"{manifest.rows:,} rows in {_files(len(manifest.files))} in {out}, by contract {manifest.contract}"]
    lines += [
        f"    {kind} {each['amount']:g}: {each['rows']:,} rows" for kind, each in manifest.made_from["injected"].items()
    ]
    return "\n".join([*lines, f"Digest {manifest.digest}"])


def validated(report: Report) -> str:
    """What became of the rows, and of those that were put aside, why."""
    lines = [line for file in report.files for line in _file(file)]
    total = (
        f"{report.rows:,} rows: {report.accepted:,} accepted, {report.quarantined:,} quarantined, by {report.contract}"
    )
    lines += [total, f"In {report.out}: accepted/, {REPORT}" + (f", {QUARANTINE}/" if report.quarantined else "")]
    return "\n".join(lines)


def deidentified(made: Deidentified, out: str) -> str:
    """What was made of the records, and how far people stand out in it."""
    card, (risk, *_) = made.card, made.card.risks
    return "\n".join(
        [
            f"{card.rows:,} stays of {card.people:,} people in {out}, by {card.contract}",
            f"    k {risk.k} by {', '.join(risk.quasi_identifiers)}; {risk.alone:,} people are alone in their class",
            f"    the card: {out}/{MARKDOWN}, {JSON}",
            f"Digest {card.digest}",
        ]
    )


def _file(file: Judged) -> list[str]:
    lines = [f"{file.file}: {file.rows:,} rows, {file.accepted:,} accepted, {file.quarantined:,} quarantined"]
    if not file.rows:
        lines.append("    has no row")
    lines += [f"    {note}" for note in file.notes]
    lines += [f"    put aside whole: {reason}" for reason in file.refused]
    width = max((len(each.rule) for each in file.broken), default=0)
    for each in file.broken:
        where = ", ".join(map(str, each.first)) + (", ..." if each.rows > len(each.first) else "")
        lines.append(f"    {each.rule:<{width}}  {each.rows:>8,} rows  wanted: {each.says} (row {where})")
    return lines


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
