"""Holds a window of rows against a reference: columns, values, predictions, and how well they go together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import ibis

from delivery.monitoring import deciding, features, joint, limits, pairing, parts, quality, schema, units
from delivery.monitoring.counting import Codes, Counted, codes, numbers, presence
from delivery.monitoring.cutting import Cut, is_whole, quantiles, sampled
from delivery.monitoring.found import JOINT, Check, ColumnKind
from delivery.monitoring.profile import Held, Numbers, Profile
from delivery.monitoring.profiling import counted, moments, paired
from delivery.monitoring.reading import Source
from delivery.monitoring.spreading import spreads
from delivery.monitoring.tested import Tested
from delivery.monitoring.timeliness import span
from delivery.registry.documents import written
from delivery.registry.refused import Refused

FAR = 0.25
"""Of Kolmogorov and Smirnov's distance, from which on a change of unit is looked for."""


@dataclass(frozen=True)
class Reference:
    """What is compared with: a profile, and the rows it is of where they are at hand."""

    profile: Profile
    source: Source | None = None
    codes: Codes | None = None

    @classmethod
    def of(cls, source: Source, predictions: str | None, labels: str | None) -> "Reference":
        profile, held = counted(source, predictions, labels)
        return cls(profile, source, held)


def check(
    reference: Reference,
    window: Source,
    by: str | None = None,
    at: datetime | None = None,
    labelled: Source | None = None,
    known: Codes | None = None,
) -> Check:
    """The judgement. Holds for rows of any backend, as long as reference and window are of the same. `labelled` are
    rows with predictions and labels that came meanwhile, of whichever window; else those of the window are judged.
    `known` are the window's numbers by their bins (`coded`), for who has them already: they are most of what it takes.
    Raises Refused where the reference has too few rows to judge any window by."""
    profile = reference.profile
    if profile.rows < limits.ROWS:
        raise Refused(
            f"The reference has {profile.rows:,} rows; to judge a window by it needs {limits.ROWS}: give more of them."
        )
    enough = window.rows >= limits.ROWS
    layout = _layouts(profile, window)
    other = {each.name for each in layout if each.test in ("type", "renamed", "missing_column")}
    judged = [held for held in profile.columns if held.name not in other]
    at = at or datetime.now(UTC)
    time = span(window, moments(judged), at)
    notes = [*window.notes, *time.notes]
    if not enough:
        notes.append(f"{window.rows:,} rows: to judge values needs {limits.ROWS}.")
    cohorts = _cohorts(reference, window, by, judged) if by and enough else []
    layout += time.tests
    values, bins = _values(reference, window, judged, known) if enough else ([], {})
    late = _late(reference, labelled, judged) if labelled else []
    tested = layout + values + late + cohorts
    found = deciding.judge(tested)
    if enough and found.kind != "none" and reference.source:
        seasonal = _season(reference.source, profile, window, judged)
        if seasonal is not None:
            without = deciding.judge(layout + seasonal + late + cohorts)
            if len(_drifted(without)) < len(_drifted(found)):
                notes.append(f"{', '.join(sorted(_drifted(found) - _drifted(without)))}: as in the same season before.")
                found = without
    moved = _drifted(found) if enough else set()
    moved -= {profile.labels} if labelled else set()  # those are not of the window's rows
    return Check(
        at=written(at),
        model="",
        reference=profile.digest,
        start=time.start,
        end=time.end,
        rows=window.rows,
        enough=enough,
        drifted=found.kind != "none",
        kind=found.kind,
        columns=found.columns,
        alerts=found.causes,
        tests=found.tests,
        notes=notes,
        spreads=spreads([held for held in judged if held.name in moved], reference.source, window, bins),
        reference_rows=profile.rows,
    )


def _drifted(judged: deciding.Judged) -> set[str]:
    return {name for name, column in judged.columns.items() if column.drifted}


def _season(source: Source, profile: Profile, window: Source, judged: Sequence[Held]) -> list[Tested] | None:
    """The tests of values against the reference's rows of the window's season alone."""
    rows = parts.season(source, window, moments(judged))
    if rows is None:
        return None
    part = Reference.of(rows, profile.predictions, profile.labels)
    names = {held.name for held in judged}
    return _values(part, window, [held for held in part.profile.columns if held.name in names])[0]


def _cohorts(reference: Reference, window: Source, by: str, judged: Sequence[Held]) -> list[Tested]:
    """The same of each group: of what the model answers and how good it is, or of all columns where neither is told."""
    if reference.source is None:
        raise Refused(f"--by {by} takes the reference's rows: give its files and not its profile.")
    profile = reference.profile
    asked = {name for name in (profile.predictions, profile.labels) if name} or {held.name for held in judged}
    wanted = (asked & {held.name for held in judged}) - {by}
    found: list[Tested] = []
    for cohort in parts.cohorts(reference.source, window, by):
        part = Reference.of(cohort.reference, profile.predictions, profile.labels)
        held = [each for each in part.profile.columns if each.name in wanted]
        tests, _ = _values(part, cohort.window, held)
        found += [
            replace(each, cohort=cohort.name, says=each.says and f"{each.says} of {cohort.name}")
            for each in tests
            if each.name != JOINT
        ]
    return found


def coded(profile: Profile, rows: Source) -> Codes:
    """Numbers by the profile's bins."""
    return codes(rows, _cuts(profile.columns))


def _cuts(judged: Sequence[Held]) -> dict[str, Cut]:
    return {
        held.name: Cut("number", held.whole, tuple(held.numbers.edges), held.numbers.low, held.numbers.high)
        for held in judged
        if held.numbers
    }


def profile_types(profile: Profile) -> dict[str, Any]:
    return {held.name: held.type for held in profile.columns}


def _layouts(profile: Profile, window: Source) -> list[Tested]:
    """What is other about the files' columns; of several files each difference once."""
    found: dict[tuple[str, str], Tested] = {}
    late = frozenset(name for name in (profile.labels,) if name)

    def artefact(name: str) -> bool:
        column: Any = window.table[name]
        told = window.table.aggregate(whole=is_whole(column).all(), lacks=column.isnull().sum()).to_pyarrow()
        return bool(told["whole"][0].as_py()) and bool(told["lacks"][0].as_py())

    for layout in window.layouts:
        for each in schema.tests(profile.columns, layout, profile.parquet, late, artefact):
            found.setdefault((each.name, each.test), each)
    return list(found.values())


def _kind(profile: Profile, name: str) -> ColumnKind:
    """What a change of a column's values is. Labels beside predictions are another matter than alone: where they moved
    and the predictions did not, the model is wrong more often."""
    if name == profile.predictions:
        return "prediction"
    if name == profile.labels:
        return "quality" if profile.predictions else "prediction"
    return "data"


def columns(profile: Profile, window: Source, names: Collection[str]) -> list[Tested]:
    """The tests of these columns' values, each by itself, of those that the window has."""
    there = [held for held in profile.columns if held.name in names and held.name in window.types]
    return _each(Reference(profile), window, there).tested


@dataclass(frozen=True)
class _Each:
    """What columns say, each by itself."""

    tested: list[Tested]
    codes: Codes
    bins: dict[str, Counted]
    noise: float
    """The largest of the numbers'."""


def _values(
    reference: Reference, window: Source, judged: Sequence[Held], known: Codes | None = None
) -> tuple[list[Tested], dict[str, Counted]]:
    """The tests of values, and the window's counts of each number."""
    found = _each(reference, window, judged, known)
    tested = found.tested
    tested += _units(window, {held.name: held.numbers for held in judged if held.numbers}, tested)
    tested += _joint(reference, found.codes, {held.name for held in judged}, found.noise)
    tested += _quality(reference, window, {held.name for held in judged})
    return tested, found.bins


def _each(reference: Reference, window: Source, judged: Sequence[Held], known: Codes | None = None) -> _Each:
    profile = reference.profile
    cuts = _cuts(judged)
    held_codes = known if known and known.names == list(cuts) else codes(window, cuts)
    bins = numbers(held_codes, cuts)
    lacking = presence(window, [held.name for held in judged if held.name not in cuts])
    exact = reference.source is not None and profile.rows + window.rows <= limits.EXACT
    ranks = pairing.ranks(reference.source, window, list(cuts)) if exact and reference.source else {}
    spread = pairing.deviations(reference.source, list(cuts)) if ranks and reference.source else {}
    noises = {held.name: features.numbers_noise(held.numbers, bins[held.name]) for held in judged if held.numbers}
    tested: list[Tested] = []
    for held in judged:
        tested += _presence(profile, held, bins.get(held.name), lacking.get(held.name, 0), window.rows)
        if held.numbers:
            deviation = spread.get(held.name, _deviation(held))
            kind = _kind(profile, held.name)
            rank, noise = ranks.get(held.name), noises[held.name]
            tested += features.number(held.name, kind, held.numbers, bins[held.name], rank, deviation, noise)
    tested += _categories(reference, window, [held for held in judged if held.role == "category"])
    return _Each(tested, held_codes, bins, max(noises.values(), default=1.0))


def _units(window: Source, held: Mapping[str, Numbers], tested: Sequence[Tested]) -> list[Tested]:
    """Numbers that are far from what they were, and near once a unit is taken back."""
    far = {
        each.name: each.value
        for each in tested
        if each.test.startswith("ks") and each.kind == "data" and (each.value or 0.0) >= FAR and (each.p or 0.0) < 1e-6
    }
    if not far:
        return []
    found = []
    for name, quantile in quantiles(sampled(window), list(far)).items():
        unit = units.converted(held[name], quantile, far[name] or 0.0)
        if unit:
            says = f"column {name} seems to be in another unit ({unit.name})"
            found.append(
                Tested(name, "units", "schema", unit.factor, 0.0, None, window.rows, True, certain=True, says=says)
            )
    return found


def _deviation(held: Held) -> float:
    """A number's standard deviation by its bins' middles."""
    import numpy as np

    assert held.numbers is not None
    points, counts = features.points(held.numbers.edges), np.array(held.numbers.counts, dtype=np.float64)
    mean = float((points * counts).sum() / max(counts.sum(), 1.0))
    return float(np.sqrt((counts * (points - mean) ** 2).sum() / max(counts.sum(), 1.0)))


def _presence(profile: Profile, held: Held, counted: Counted | None, lacking: int, rows: int) -> list[Tested]:
    if held.name == profile.labels:
        return []  # they come late
    kind = _kind(profile, held.name)
    now = counted.missing if counted else lacking
    noise = (
        features.noise_of(features.presence(held.missing_by_block, profile.rows), rows)
        if held.missing_by_block
        else features.noise_for(held.missing_noise, rows)
    )
    found = [features.missing(held.name, kind, held.missing, profile.rows, now, rows, noise)]
    if counted:
        found += features.infinite(held.name, kind, held.infinite, profile.rows, counted.infinite, rows)
    return found


def _categories(reference: Reference, window: Source, judged: Sequence[Held]) -> list[Tested]:
    profile = reference.profile
    found: list[Tested] = []
    if reference.source:
        mixes = pairing.mixes(reference.source, window, [held.name for held in judged])
        for held in judged:
            if mixes[held.name].counts:
                mix, noise = mixes[held.name], 1.0
                if features.suspect(mix):
                    noise = features.noise_of(pairing.blocks(reference.source, held.name, limits.BLOCKS), window.rows)
                found += features.mix(held.name, _kind(profile, held.name), mix, noise)
        return found
    for held in judged:
        if held.categories:
            column = window.table[held.name].cast("string")
            named = ibis.ifelse(column.isin(sorted(held.categories.counts)), column, ibis.null("string"))
            rows = window.table.filter(column.notnull()).select(x=named)
            told = rows.group_by("x").aggregate(n=rows.count()).to_pyarrow().to_pylist()
            counts = {row["x"]: row["n"] for row in told if row["x"] is not None}
            rest = sum(row["n"] for row in told if row["x"] is None)
            found += features.profiled(held.name, _kind(profile, held.name), held.categories, counts, rest)
    return found


def _joint(reference: Reference, window: Codes, judged: set[str], noise: float) -> list[Tested]:
    profile = reference.profile
    held = {name: each for name, each in paired(profile).items() if name in judged}
    if len(held) < 2:
        return []
    now = joint.scored(window, held, limits.PAIRED_ROWS)
    if reference.codes:
        before = joint.scored(reference.codes, held, limits.PAIRED_ROWS)
        pairs = joint.pairs(list(held), before)
    else:
        before, pairs = None, profile.pairs
    window_pairs = joint.pairs(list(held), now)
    found: list[Tested] = []
    if pairs and window_pairs and pairs.names == window_pairs.names:
        found += joint.correlations(pairs, window_pairs, noise)
    if before is not None:
        found += joint.told_apart(joint.classified(before, now, noise))
    return found


def _late(reference: Reference, labelled: Source, judged: Sequence[Held]) -> list[Tested]:
    """Of rows whose labels came: how the labels are, and how well they go with what was answered."""
    if labelled.rows < limits.ROWS:
        return []
    of_labels = [held for held in judged if held.name == reference.profile.labels]
    return _values(reference, labelled, of_labels)[0] + _came(reference, labelled)


def _quality(reference: Reference, window: Source, judged: set[str]) -> list[Tested]:
    profile = reference.profile
    before, predictions, labels = profile.scores, profile.predictions, profile.labels
    if before is None or predictions is None or labels is None or predictions not in judged:
        return []
    found: list[Tested] = []
    if before.kind == "scores":
        found += quality.expected(predictions, before, quality.hundredths(window.table, predictions))
    return found + (_came(reference, window) if labels in judged else [])


def _came(reference: Reference, window: Source) -> list[Tested]:
    profile = reference.profile
    before, predictions, labels = profile.scores, profile.predictions, profile.labels
    if before is None or predictions is None or labels is None:
        return []
    now = quality.scores_of(window, before.kind, predictions, labels, before.edges or ())
    aurocs = None
    if reference.source and before.kind in ("scores", "ranks"):
        aurocs = (
            quality.exact_auroc(reference.source, predictions, labels),
            quality.exact_auroc(window, predictions, labels),
        )
    return quality.tests(labels, before, now, aurocs)
