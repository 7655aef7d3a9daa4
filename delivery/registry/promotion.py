"""A model goes on to the next environment, or back to the version before.

A decision is an entry `begun`, the making of what it needs, and an entry `done`; only with that it counts, and MLflow's
alias follows. Each of the steps may be done again, by anybody: what was killed is finished by the next command, or
given up where it cannot be. Of two at once the ledger takes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from delivery.registry import watched
from delivery.registry.approval import Approval
from delivery.registry.bundle import FILES, NOISE, PROFILE, files_of, manifest, part
from delivery.registry.desk import Desk, registered
from delivery.registry.documents import Environment, digest, moment, reason
from delivery.registry.entry import Entry, Release, Source
from delivery.registry.gates import FACTS, Report
from delivery.registry.mlflow import Version
from delivery.registry.refused import Gone, Lost, Refused
from delivery.registry.rules import STARTED_BY, before, committed, of_the_registry, of_this, staged
from delivery.registry.state import Served, State
from delivery.registry.whole import whole

DECISION: Final = "parapet.decision"
"""The tag of a version that a decision made: the digest of its `begun`."""
ONCE: Final = timedelta(hours=1)
"""For so long a rollback is taken for the one that was wanted: another says which version it is away from."""


@dataclass(frozen=True)
class Outcome:
    """What a decision came to."""

    served: Served
    place: str
    """The folder that the inference server loads."""
    finished: bool = False
    """Whether somebody had begun it before, and it was finished now."""


def promote(
    desk: Desk,
    model: str,
    to: Environment,
    *,
    report: Report,
    why: str,
    version: str | None = None,
    approvals: Sequence[Approval] = (),
) -> Outcome:
    """Raises Refused, and Lost where another decision came first. `version` is of the registered model in dev."""
    why = reason(why)
    now = desk.start(model)
    if begun := now.under_way:
        return _finished(desk, begun, to, report)
    desk.follow(now)
    for each in {to, Environment.PROD}:  # where the version goes, and where the ledger's head is kept
        desk.mlflow.may_edit(registered(model, each))
    if to is Environment.PROD:
        source, digests, sizes = staged(now)
        of_this(report, "what serves in staging", digests)
    else:
        source, digests, sizes = _registered(desk, model, version, report)
    begun = desk.write(
        now,
        model,
        action="promote",
        step="begun",
        to=to,
        why=why,
        source=source,
        digests={**digests, **report.digests},
        sizes=sizes,
        gates=report.gates,
        approvals=list(approvals),
        override=desk.rules.lets_pass(now, to, report),
    )
    return _finish(desk, begun)


def rollback(desk: Desk, model: str, where: Environment, why: str, bad: str | None = None) -> Outcome:
    """To the version that served before `bad`, or before the one that serves.

    Raises Refused where there was none, it is not whole any more, `bad` does not serve, or somebody rolled back within
    `ONCE` and `bad` is not said: who types it twice, or beside somebody else, would go back by two.
    """
    why = reason(why)
    now = desk.start(model)
    if begun := now.under_way:
        given_up = "Given up: a rollback was asked for while it was under way."
        _write_end(desk, now, begun, step="void", why=given_up)
        now = desk.state(model)
    last = now.entries[-1] if now.entries else None
    if last and last.action == "rollback" and last.to is where and not desk.followed(now):
        # It was killed on its way, and to do it again would go back by one more.
        return replace(_outcome(desk, desk.settle(model), where), finished=True)
    _still(desk, now, model, where, bad)
    found = before(now, where, model)
    release = found.release
    desk.bundles.check(model, where, release.version, release.manifest)
    desk.write(
        now,
        model,
        action="rollback",
        step="done",
        to=where,
        why=why,
        source=found.source,
        digests=found.begun.digests,
        release=release,
    )
    return _outcome(desk, desk.settle(model), where)


def _still(desk: Desk, now: State, model: str, where: Environment, bad: str | None) -> None:
    """Raises Refused where what should be gone back from is gone already, or may be."""
    served = now.serving(where)
    version = served.release.version if served else "none"
    decided = [each for each in now.entries if each.to is where and each.step == "done"]
    back = decided[-1] if decided and decided[-1].action == "rollback" else None
    since = f", since {back.who.account} rolled back at {back.at}" if back else ""
    if bad and bad != version:
        raise Refused(
            f"Version {bad} of {model} does not serve in {where}: version {version} does{since}. Nothing was changed."
        )
    if back and not bad and now.before(where) and desk.now() < moment(back.at) + ONCE:
        raise Refused(
            f"Version {version} of {model} serves in {where}{since}, and this would go back by one more. Nothing was "
            f"changed. If version {version} is bad too, say so by --from {version}. What is decided comes into a "
            f"stack's settings by `./parapet model serve {model} --stack STACK`."
        )


def _registered(
    desk: Desk, model: str, version: str | None, report: Report
) -> tuple[Source, dict[str, str], dict[str, int]]:
    """A version in dev, the newest where none is named: what it is, its digests and its sizes."""
    name = registered(model, Environment.DEV)
    if version is None:
        if not (listed := desk.mlflow.versions(name)):
            raise Refused(
                f"MLflow has no version of {name} that {desk.account} may read. Register the model there first."
            )
        version = listed[-1].version
    found = desk.mlflow.version(name, version)
    if not found.author:
        raise Refused(
            f"{name} version {version} has no author in MLflow, so that nobody else can be told. Register it anew."
        )
    facts = {each: found.tags.get(f"parapet.{each}", "") for each in FACTS}
    if missing := [f"parapet.{each}" for each, value in facts.items() if not value]:
        raise Refused(
            f"{name} version {version} lacks the tags {', '.join(missing)}. The pipeline sets them: "
            "register it by that."
        )
    files, digests = _files(desk, found, files_of(each.removeprefix("parapet.") for each in found.tags))
    source = Source(Environment.DEV, version, found.author, found.tags.get(STARTED_BY) or None)
    committed(facts["code"])
    of_this(report, f"{name} version {version}", {**facts, **digests})
    of_the_registry(found, source, {**facts, **digests, **report.digests})
    if PROFILE in files:
        told = f"{name} version {version}"
        watched.of_its_model(files[PROFILE], files[FILES[1]], files.get(NOISE), told, report.gates)
    return source, {**facts, **digests}, {part(name): len(raw) for name, raw in files.items()}


def _files(desk: Desk, version: Version, names: Sequence[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """These files of a model, and their digests by what they are: `model`, `contract`. Raises Refused for a model that
    is not all in them."""
    files = {name: desk.mlflow.file(version, name) for name in names}
    whole(files[FILES[0]], f"{version.name} version {version.version}: {FILES[0]}")
    return files, {part(name): digest(raw) for name, raw in files.items()}


def _finished(desk: Desk, begun: Entry, to: Environment, report: Report) -> Outcome:
    """What another had begun; for who asked for the same, this is it."""
    wanted = begun.to is to and begun.digests["model"] == report.model
    try:
        outcome = _finish(desk, begun)
    except Lost:
        if wanted:
            raise
        ended = "given up"
    else:
        if wanted:
            return replace(outcome, finished=True)
        ended = "done"
    raise Lost(
        f"A promotion of {begun.model} to {begun.to}, begun at {begun.at} by {begun.who.account}, was under way; it is "
        f"{ended} now. Look at `./parapet model history {begun.model}`, and ask again if yours should still be."
    )


def _finish(desk: Desk, begun: Entry) -> Outcome:
    """Make what it needs, and end it. Raises Lost where it was given up, by whomever."""
    try:
        release = _make(desk, begun)
        _end(desk, begun, step="done", why=begun.why, release=release)
    except Gone as error:
        gone = "Given up: what it rests on is not there any more, or was approved for a time that is over."
        _end(desk, begun, step="void", why=gone)
        desk.settle(begun.model)
        raise Lost(f"{error}\nThe promotion that was begun at {begun.at} is given up.") from None
    return _outcome(desk, desk.settle(begun.model), begun.to)


def _make(desk: Desk, begun: Entry) -> Release:
    """The version in the registry and the signed bundle, which nobody uses yet. Again makes the same ones."""
    assert begun.source
    desk.rules.approved(begun, desk.now())
    source = desk.mlflow.version(registered(begun.model, begun.source.environment), begun.source.version)
    files, digests = _files(desk, source, files_of(begun.digests))
    if not digests.items() <= begun.digests.items():
        raise Gone(
            f"{source.name} version {source.version} has other files than when this was begun. Register it anew."
        )
    version = _copied(desk, begun, source).version
    signed = manifest(begun, version)
    desk.bundles.write(begun.model, begun.to, version, files, signed)
    return Release(version, digests["model"], digest(signed))


def _copied(desk: Desk, begun: Entry, source: Version) -> Version:
    """The first version that this decision made, made where there is none."""
    name = registered(begun.model, begun.to)
    desk.mlflow.ensure(name)
    for _ in range(2):
        for each in desk.mlflow.versions(name):
            if each.tags.get(DECISION) == begun.digest:
                return each
        desk.mlflow.copy(source, name, {DECISION: begun.digest, "parapet.model": begun.digests["model"]})
    raise Refused(f"MLflow does not show the version of {name} that it made. Look at its log, then ask again.")


def _end(desk: Desk, begun: Entry, **fields: object) -> None:
    """`done` or `void`, unless another has ended it. Raises Lost where it was given up and should be done."""
    now = desk.state(begun.model)
    ended = _ended(now, begun)
    if ended is None:
        _write_end(desk, now, begun, **fields)
    elif ended.step != fields["step"]:
        raise Lost(f"The promotion was ended otherwise by {ended.who.account} at {ended.at}: {ended.why}")


def _write_end(desk: Desk, now: State, begun: Entry, **fields: object) -> None:
    try:
        desk.write(now, begun.model, action=begun.action, to=begun.to, began=begun.sequence, **fields)
    except Lost:
        # Whoever was first can only have ended it too: nothing else follows a decision that is under way.
        ended = _ended(desk.state(begun.model), begun)
        if ended is None or ended.step != fields["step"]:
            raise


def _ended(now: State, begun: Entry) -> Entry | None:
    return next((entry for entry in now.entries if entry.began == begun.sequence), None)


def _outcome(desk: Desk, now: State, where: Environment) -> Outcome:
    served = now.serving(where)
    assert served
    return Outcome(served, desk.bundles.place(served.begun.model, where, served.release.version))
