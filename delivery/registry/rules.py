"""What may follow in a ledger. Who decides writes no entry but by these rules, and who looks at it replays them.

So an entry that somebody wrote by other means than `promotion`, with a right to sign and to write, is found by whoever
verifies, and by the next decision.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import UNSET

from delivery.registry import approval, gates
from delivery.registry.approvers import People
from delivery.registry.bundle import BESIDE, FILES, files_of, manifest, part
from delivery.registry.documents import CHANGED, COMMIT, Environment, digest, moment
from delivery.registry.entry import Entry, Release, Source
from delivery.registry.gates import FACTS, REFERENCE, UNWATCHED, Reference, Report
from delivery.registry.held import Held
from delivery.registry.mlflow import Version
from delivery.registry.refused import Refused
from delivery.registry.state import Served, State

FROM: Final = {Environment.STAGING: Environment.DEV, Environment.PROD: Environment.STAGING}
STARTED_BY: Final = "parapet.started_by"
"""The tag of a version in dev with who started the pipeline. Whoever may write there can change it."""
REPORT: Final = ("gates", "declared")
"""Of the gate report, and of what the gates of it were declared to be."""
PARTS: Final = tuple(part(name) for name in FILES)
ALSO: Final = tuple(part(name) for name in BESIDE)
"""Parts that not each model has."""


@dataclass(frozen=True)
class Rules:
    """As the repository has them."""

    people: People
    held: Held
    stack: str
    """Whose ledger it is, by its audit bucket."""

    def check(self, now: State, entry: Entry) -> None:
        """Raises Refused where this entry may not follow; Gone where it might have earlier, and never will again."""
        match entry.action, entry.step:
            case "promote", "begun":
                self._begun(now, entry)
            case "promote", "done":
                self._done(now, entry)
            case "promote", _:
                _ends(now, entry)
            case _:
                _rolled_back(now, entry)

    def _begun(self, now: State, entry: Entry) -> None:
        if now.under_way:
            raise Refused(f"Entry {now.under_way.sequence} is under way, and one decision is at a time.")
        source, told = entry.source, entry.digests
        if source is None or entry.to not in FROM or source.environment is not FROM[entry.to]:
            raise Refused(f"Nothing is promoted to {entry.to} from there; it goes from dev to staging, then to prod.")
        says = (*PARTS, *REPORT, *FACTS, *(REFERENCE if told.keys() & set(REFERENCE) else ()))
        if lacking := [each for each in says if each not in told]:
            raise Refused(f"The decision does not say its {', '.join(lacking)}. Register the model by the pipeline.")
        if set(entry.sizes) != {part(name) for name in files_of(told)}:
            raise Refused("The decision does not say how large the model's files are.")
        committed(told["code"])
        if entry.to is Environment.PROD and (source, _of_the_model(told), entry.sizes) != staged(now):
            raise Refused("The decision is of another model than the one that serves in staging.")
        report = gates.of_a_ledger(told, entry.gates)
        gates.check(report, "The gate report")
        if report.digest != told["gates"]:
            raise Refused(
                f"The gate report is of another model or was changed: {told['gates']}, and what is told of it for "
                f"{told['model']} is {report.digest}. Hold this model to the gates, and give that report."
            )
        _compared(now, report)
        self.held.check(report, moment(entry.at))
        if (served := now.serving(entry.to)) and served.release.model == report.model:
            raise Refused(
                f"{entry.model} version {served.release.version} in {entry.to} is that model already; nothing is to be "
                "done."
            )
        if entry.override != self.lets_pass(now, entry.to, report):
            raise Refused("The decision names other gates to let pass than those that failed.")
        self.approved(entry, moment(entry.at))
        _enough(now, entry, report, self.people)

    def _done(self, now: State, entry: Entry) -> None:
        begun = _ends(now, entry)
        self.approved(begun, moment(entry.at))
        version = entry.release.version if entry.release else ""
        if entry.release != Release(version, begun.digests["model"], digest(manifest(begun, version))):
            raise Refused("What is done is not what was begun: its manifest is of something else.")
        if any(each.to is entry.to and each.release and each.release.version == version for each in now.entries):
            raise Refused(f"Version {version} in {entry.to} was another decision's.")

    def lets_pass(self, now: State, to: Environment, report: Report) -> list[str]:
        """What two people must let pass for it to go there, by name, sorted: each failed gate; and that production has
        a version whose drift is checked by what nobody approved, where that came to staging since it may not."""
        names = {gate.name for gate in report.failed}
        staged, since = now.serving(Environment.STAGING), self.held.watched
        if to is Environment.PROD and staged and since and moment(staged.begun.at) >= since:
            names |= set() if report.watches(staged.begun.digests) else {UNWATCHED}
        return sorted(names)

    def approved(self, begun: Entry, at: datetime) -> None:
        """Raises Refused where not all approvals are by who counts and for this; Gone where they are late."""
        wanted = {
            **{"model": begun.model, "digest": begun.digests["model"], "gates": begun.digests["gates"]},
            **{"came_from": FROM[begun.to], "to": begun.to, "override": begun.override},
            "stack": self.stack,
        }
        if begun.source and REFERENCE[0] in begun.digests:  # which older entries say nothing of, nor do their approvals
            wanted |= {"contract": begun.digests["contract"], "author": begun.source.author}
        for each in begun.approvals:
            approval.check(each, self.people, wanted, at, named_since=self.held.former)


def committed(code: str) -> None:
    """Raises Refused where what a version was made by is in no commit."""
    if code.endswith(CHANGED):
        raise Refused(
            "The model was made by files that are in no commit (parapet.code ends in -and-changes): nobody can "
            "make it again, or read what made it. Commit them, run the pipeline, and promote that version."
        )
    if not re.fullmatch(COMMIT, code):
        raise Refused("The tag parapet.code is no commit, 7 to 64 of 0-9 and a-f. Register the model by the pipeline.")


def of_this(report: Report, version: str, digests: Mapping[str, str]) -> None:
    """Raises Refused where a report is of another version than this one, of which these are the digests."""
    said = {"model": report.model, **({"contract": report.contract, **report.facts} if report.facts else {})}
    if other := [name for name, value in said.items() if digests.get(name) != value]:
        raise Refused(
            f"The gate report is of another {', '.join(other)} than {version}. Hold this version to its gates, and "
            "give that report; of a version that the pipeline registered it lies with it."
        )


def staged(now: State) -> tuple[Source, dict[str, str], dict[str, int]]:
    """What production takes: source, digests and sizes of what serves in staging. Raises Refused where nothing does."""
    served = now.serving(Environment.STAGING)
    if served is None:
        raise Refused("Nothing serves in staging, and production takes what serves there. Promote it to staging first.")
    source = Source(Environment.STAGING, served.release.version, served.source.author, served.source.started_by)
    return source, _of_the_model(served.begun.digests), served.begun.sizes


def before(now: State, where: Environment, model: str) -> Served:
    """What a rollback goes to. Raises Refused where there is nothing."""
    if found := now.before(where):
        return found
    there = "nothing was promoted there" if now.serving(where) is None else "there is only one"
    raise Refused(f"{model} has no version before in {where}: {there}. Promote the model that should serve.")


def of_the_registry(version: Version, source: Source, digests: Mapping[str, str]) -> None:
    """Raises Refused where MLflow says something else of a version in dev than the decision that takes it."""
    what = f"{version.name} version {version.version}"
    if version.author != source.author:
        by = version.author or "nobody that is known"
        raise Refused(f"{what} was registered by {by}, and the decision says by {source.author}.")
    if (version.tags.get(STARTED_BY) or None) != source.started_by:
        raise Refused(f"{what} has another tag {STARTED_BY} than the decision that took it.")
    told = {each: version.tags.get(f"parapet.{each}") for each in (*FACTS, *PARTS, *ALSO, "gates")}
    if told["gates"] not in (None, digests["gates"]):
        raise Refused(
            f"{what} was held to its gates in another report than this one, {digests['gates']}: its tag parapet.gates "
            "has the digest. Give the gates.json that lies with it."
        )
    if other := [each for each, value in told.items() if value not in (None, digests.get(each))]:
        raise Refused(f"{what} has other tags than the decision that took it: {', '.join(other)}.")


def _ends(now: State, entry: Entry) -> Entry:
    """The decision that it ends."""
    begun = now.under_way
    if begun is None or entry.began != begun.sequence or entry.to is not begun.to:
        raise Refused("It ends no decision that was under way.")
    if entry.step == "void" and entry.release:
        raise Refused("It is given up, and has a release.")
    return begun


def _rolled_back(now: State, entry: Entry) -> None:
    if now.under_way or entry.step != "done" or entry.began:
        raise Refused("A rollback is done at once, and while nothing is under way.")
    found = before(now, entry.to, entry.model)
    if (entry.release, entry.source, entry.digests) != (found.release, found.source, found.begun.digests):
        raise Refused(f"It goes to something else than version {found.release.version}, which served before.")


def _compared(now: State, report: Report) -> None:
    """Raises Refused where the model was compared with another than the one that serves in production by the ledger."""
    if report.reference is UNSET:
        return
    served = now.serving(Environment.PROD)
    serves = Reference(*(served.begun.digests[each] for each in PARTS)) if served else None
    if report.reference == serves:
        return
    there = f"{serves.model} with the contract {serves.contract} serves in production" if serves else "nothing serves"
    raise Refused(
        f"The model was compared with {report.reference.model if report.reference else 'no other'}, and {there}, "
        "by the ledger. Hold it to its gates against what serves: run the pipeline anew, without --first where "
        "something does."
    )


def _enough(now: State, begun: Entry, report: Report, people: People) -> None:
    """Raises Refused where fewer people approve than must, an author among them, or an approval had its use."""
    assert begun.source
    source, approve = begun.source, {each.statement.approver for each in begun.approvals}
    if own := source.authors & approve:
        raise Refused(f"{min(own)} is the model's author, and approves no model of their own. Ask somebody else.")
    for each in begun.approvals:
        if each.digest in now.used:
            raise Refused(
                f"The approval by {each.statement.approver} was for a decision that is done. Ask for another."
            )
    # Who started a pipeline that registers by an account of its own, no server wrote down, and who says it can say
    # another. Of two people at least one is somebody else.
    told = source.author in people
    needed = 2 if begun.override else (1 if told else 2) if begun.to is Environment.PROD else 0
    if len(approve) >= needed:
        return
    failed = "".join(f"\n    {gate}" for gate in report.failed)
    if UNWATCHED in begun.override:
        failed += (
            f"\n    {UNWATCHED}: the gate report names no profile, or no noise, that its drift would be checked by"
        )
    ask = f"`./parapet model approve`, by {'two people' if needed == 2 else 'somebody'} other than "
    ask += " and ".join(sorted(source.authors))
    if failed:
        raise Refused(
            f"Gates failed:{failed}\nTrain a better model; or let it pass by {ask}, with --override for each."
        )
    why = (
        ""
        if told
        else f" {source.author}, which registered it, is nobody in approvers.yaml: who made it can be anybody."
    )
    raise Refused(f"{begun.to} takes no model without an approval: {ask}.{why}")


def _of_the_model(digests: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in digests.items() if name not in (*REPORT, *REFERENCE)}
