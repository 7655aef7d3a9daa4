"""What is amiss with a ledger: what was edited, dropped, reordered, forked or cut off, and what nobody might decide."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from delivery.registry import rules, signing
from delivery.registry.bundle import Manifest, Placed, manifest
from delivery.registry.chain import CLOCKS, Finding, Stored, broken, shown
from delivery.registry.documents import Environment, canonical, moment, read
from delivery.registry.entry import Entry, Head, Signed, message
from delivery.registry.mlflow import Version
from delivery.registry.refused import Refused
from delivery.registry.rules import Rules
from delivery.registry.state import State

BESIDE: Final = ("unknown", "stray", "unsigned")
"""Of what lies beside the ledger, where more people may write: it is told, and decisions go on."""
HEAD: Final = re.compile(r"([1-9]\d{0,7}) (sha256:[0-9a-f]{64})(?: (\S{1,200}))?")
"""What the registry keeps of a ledger: number and digest of its last entry, and their signature."""
Verifies = Callable[[bytes, bytes], bool]


@dataclass(frozen=True)
class Kept(Stored):
    """An object under a ledger's prefix."""

    signed: Signed | None = None

    @classmethod
    def of(cls, stored: Stored) -> Self:
        try:
            signed = read(stored.raw, Signed, stored.name) if stored.raw is not None else None
        except Refused:
            signed = None
        return cls(**vars(stored), signed=signed)

    @property
    def entry(self) -> Entry | None:
        return self.signed.entry if self.signed else None


def grave(found: Sequence[Finding]) -> list[Finding]:
    """Those of the ledger itself: nothing is decided on it."""
    return [each for each in found if each.kind not in BESIDE]


def findings(model: str, kept: Sequence[Kept], verifies: Verifies, head: str | None) -> list[Finding]:
    """Empty where the chain is whole: each entry as it was signed, in its place, once, none missing.

    `head` is what is kept apart from the bucket, `NUMBER DIGEST SIGNATURE` of the last entry that was written there; it
    may be behind by what came after, and never ahead. Without one, or where it is not signed, only the tail is taken as
    it is: whoever may write tags could keep everybody from deciding else.
    """

    def amiss(kept: Kept) -> str | None:
        signed = kept.signed
        if signed is None or canonical(signed) != kept.raw:
            return "is not in the form that entries are written in"
        if not verifies(message(signed.entry), signing.raw(signed.signature)):
            return "is not what was signed"
        return None

    return broken("ledger", model, kept, amiss) + _of_the_tail(model, kept, verifies, head)


def _of_the_tail(model: str, kept: Sequence[Kept], verifies: Verifies, head: str | None) -> list[Finding]:
    if head is None:
        return []
    objects = {each.sequence: each for each in kept if each.sequence}
    told = HEAD.fullmatch(head)
    number, digest, signature = told.groups() if told else ("0", "", "")
    last = int(number)
    there = objects.get(last)
    if there and there.entry and there.entry.digest == digest:
        return []
    said = canonical(Head("parapet-ledger-head/1", model, last, digest)) if told else b""
    if not signature or not verifies(said, signing.raw(signature)):
        text = "the registry's tag of the last entry is signed by nobody, and says another than the ledger"
        return [Finding("unsigned", last, text)]
    if there and there.entry and there.entry.sequence == last:
        return [Finding("forked", last, f"the registry has another entry {last} for the last than the ledger")]
    if there is None and last > max(objects, default=0) and not any(each.filled for each in kept):
        return [Finding("truncated", last, f"the registry knows of entry {last}, and the ledger ends before it")]
    return []


def replayed(kept: Sequence[Kept], by: Rules) -> list[Finding]:
    """The first entry of a whole chain that nobody might write. Of later ones nothing can be said: they rest on it."""
    now = State()
    for each in kept:
        if (entry := each.entry) is None:
            continue
        try:
            if each.written and moment(entry.at) < each.written - CLOCKS:
                raise Refused(
                    f"It says that it is of {entry.at}, and was written at {each.written:%Y-%m-%dT%H:%M:%SZ}."
                )
            by.check(now, entry)
        except Refused as refused:
            return [Finding("unapproved", entry.sequence, f"entry {entry.sequence} might not be written: {refused}")]
        now = now.after(entry)
    return []


def of_the_registry(entries: Sequence[Entry], versions: Sequence[Version]) -> list[Finding]:
    """Where MLflow says something else of the versions in dev that decisions took, or nothing any more.

    Who registered one is the server's word, and another one in the ledger was written by nobody who asked it. Tags and
    the versions themselves are in the hands of who owns the model in dev.
    """
    found = []
    there = {each.version: each for each in versions}
    for entry in entries:
        if entry.step != "begun" or entry.source is None or entry.source.environment is not Environment.DEV:
            continue
        number, version = entry.sequence, there.get(entry.source.version)
        # One that was registered later is another one: a model that was deleted counts from 1 again.
        if version is None or version.created > moment(entry.at) + CLOCKS:
            text = f"entry {number} took version {entry.source.version} in dev, of which MLflow shows nothing any more"
            found.append(Finding("unknown", number, text))
            continue
        try:
            rules.of_the_registry(version, entry.source, entry.digests)
        except Refused as refused:
            same = version.author == entry.source.author
            found.append(Finding("unknown" if same else "unapproved", number, f"entry {number}: {refused}"))
    return found


def of_the_bucket(entries: Sequence[Entry], placed: Sequence[Placed]) -> list[Finding]:
    """Signed or not, what lies where servers load from and no decision put there."""
    begun = {entry.digest: entry for entry in entries if entry.step == "begun"}
    done = {entry.began: entry.release.version for entry in entries if entry.step == "done" and entry.release}
    found = []
    for each in placed:
        try:
            decision = begun.get(read(each.raw, Manifest, "a manifest").facts.get("decision", ""))
        except Refused:
            decision = None
        by_it = decision is not None and each.where == decision.to and manifest(decision, each.version) == each.raw
        if decision is None or not by_it or done.get(decision.sequence, each.version) != each.version:
            # Its folder is whoever's who may put there; the bucket is the stack's.
            bucket, _, folder = each.place.removeprefix("s3://").partition("/")
            place = f"s3://{bucket}/{shown(folder)}"
            text = f"{place} holds what no decision put there. No server must be told to load it: who did?"
            found.append(Finding("stray", decision.sequence if decision else 0, text))
    return found
