"""Everything that a decision is made with: MLflow, the buckets, the key, and who decides."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import boto3
import msgspec

from delivery.registry import signing
from delivery.registry.approvers import approvers
from delivery.registry.bundle import Bundles
from delivery.registry.chain import Finding, Subjects
from delivery.registry.documents import Environment, read, written
from delivery.registry.entry import Entry, Who, message
from delivery.registry.held import held
from delivery.registry.ledger import Ledger, head, models
from delivery.registry.mlflow import Mlflow
from delivery.registry.objects import client
from delivery.registry.refused import Broken, Refused
from delivery.registry.rules import Rules
from delivery.registry.signing import KmsKey
from delivery.registry.state import State, state
from delivery.registry.verification import Kept, findings, grave, of_the_bucket, of_the_registry, replayed

HEAD: Final = "parapet.ledger"
"""The tag of the registered model in production with the ledger's head, signed as its entry is: who can cut the one
cannot change the other, and who can write tags cannot say that there is more."""
REGION: Final = re.compile(r"arn:[^:]+:kms:(?P<region>[^:]+):")
AUDIT: Final = "PARAPET_AUDIT_BUCKET"
NEEDED: Final = {
    "MLFLOW_TRACKING_URI": "the address of MLflow",
    "MLFLOW_TRACKING_USERNAME": "your account in MLflow",
    "MLFLOW_TRACKING_PASSWORD": "its password",
    AUDIT: "the stack's output buckets.audit",
    "PARAPET_ARTIFACTS_BUCKET": "the stack's output buckets.artifacts",
    "PARAPET_SIGNING_KEY": "the ARN of the key that signs models",
}


@dataclass(frozen=True)
class Desk:
    """Of one person, at one stack."""

    mlflow: Mlflow
    bundles: Bundles
    s3: Any
    audit: str
    key: KmsKey
    rules: Rules
    account: str
    role: Callable[[], str]
    """Who this is in AWS: asked for where an entry is written."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seen: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """The ledgers' objects that were read."""

    @classmethod
    def of(cls, rules: Rules, variables: Mapping[str, str] = os.environ) -> Self:
        """As the environment says. Raises Refused where it does not."""
        missing = [f"    {name}: {what}" for name, what in NEEDED.items() if not variables.get(name)]
        if missing:
            said = "\n".join(missing)
            raise Refused(
                f"These variables are not set:\n{said}\nOn the local stack `./parapet env --credentials` exports them; "
                "delivery/registry/README.md tells where they are on an account."
            )
        # A stack is in one Region, which its key's ARN says, whatever the person's own is.
        named = REGION.match(variables["PARAPET_SIGNING_KEY"])
        session = boto3.Session(region_name=named["region"] if named else None)
        s3 = client(session, variables)
        key = KmsKey(session.client("kms"), variables["PARAPET_SIGNING_KEY"])
        account = variables["MLFLOW_TRACKING_USERNAME"]
        return cls(
            mlflow=Mlflow(
                variables["MLFLOW_TRACKING_URI"].rstrip("/"),
                (account, variables["MLFLOW_TRACKING_PASSWORD"]),
                variables.get("MLFLOW_TRACKING_SERVER_CERT_PATH"),
            ),
            bundles=Bundles(s3, variables["PARAPET_ARTIFACTS_BUCKET"], key),
            s3=s3,
            audit=variables["PARAPET_AUDIT_BUCKET"],
            key=key,
            rules=rules,
            account=account,
            role=lambda: str(session.client("sts").get_caller_identity()["Arn"]),
        )

    @classmethod
    def by(cls, people: Path, gates: Path) -> Self:
        """By the files that say whose approvals count and what models are held to, and as the environment says. Raises
        Refused."""
        return cls.of(Rules(approvers(people), held(gates), os.environ.get(AUDIT, "")))

    def ledger(self, model: str) -> Ledger:
        return Ledger(self.s3, self.audit, self.key, model, self.seen)

    def models(self) -> Subjects:
        """Those with a ledger, and those that are registered in dev."""
        ending, there = f"-{Environment.DEV}", models(self.s3, self.audit)
        return Subjects(
            sorted({*there.names, *(each.removesuffix(ending) for each in self.mlflow.names(ending))}), there.found
        )

    def examine(self, model: str) -> tuple[list[Kept], list[Finding]]:
        """The objects of its ledger, and what is amiss. Raises Refused where MLflow does not show its head."""
        keeper = registered(model, Environment.PROD)
        # The head first: an entry that is written in between is one that the head may be behind by.
        tags = self.mlflow.tags(keeper)
        kept = self.ledger(model).kept()
        if kept and tags is None:
            raise Refused(
                f"MLflow shows {self.account} no {keeper}, which has the head of the ledger of {model}: without it "
                "nobody can tell whether the end was cut off. Ask for READ on it: `./parapet mlflow share`."
            )
        found = findings(model, kept, self.key.verifies, (tags or {}).get(HEAD))
        return kept, found if grave(found) else [*found, *replayed(kept, self.rules)]

    def verified(self, model: str) -> tuple[list[Kept], list[Finding]]:
        """The same, and of a ledger that holds what lies beside it, in MLflow and where servers load from."""
        kept, found = self.examine(model)
        if grave(found):
            return kept, found
        return kept, [
            *found,
            *self._of_the_registry(model, kept),
            *of_the_bucket(_entries(kept), self.bundles.placed(model)),
        ]

    def state(self, model: str) -> State:
        """Raises Broken where the ledger does not hold: nothing is decided on such a one."""
        return _whole(model, *self.examine(model))

    def start(self, model: str) -> State:
        """The same, for a decision to start from: MLflow's server is asked too who registered what was decided on."""
        kept, found = self.examine(model)
        return _whole(model, kept, found if grave(found) else self._of_the_registry(model, kept))

    def _of_the_registry(self, model: str, kept: Sequence[Kept]) -> list[Finding]:
        entries = _entries(kept)
        return of_the_registry(entries, self.mlflow.versions(registered(model, Environment.DEV))) if entries else []

    def follow(self, now: State) -> None:
        """What MLflow says is serving, and the head that it keeps, are as the ledger has it. Again changes nothing."""
        if not now.entries:
            return
        model = now.entries[-1].model
        for where in (Environment.STAGING, Environment.PROD):
            name, served = registered(model, where), now.serving(where)
            if served and self.mlflow.alias(name) != served.release.version:
                self.mlflow.point(name, served.release.version)
        if not self.followed(now):
            signed = signing.text(self.key.sign(message(now.entries[-1])))
            self.mlflow.tag(registered(model, Environment.PROD), HEAD, f"{head(now.entries)} {signed}")

    def followed(self, now: State) -> bool:
        """Whether MLflow keeps the head of this ledger: it is what a decision writes last."""
        last = now.entries[-1]
        kept = (self.mlflow.tags(registered(last.model, Environment.PROD)) or {}).get(HEAD, "")
        said, _, signature = kept.rpartition(" ")
        return said == head(now.entries) and self.key.verifies(message(last), signing.raw(signature))

    def settle(self, model: str) -> State:
        """`follow`, until nobody decided meanwhile: who is slow must not point at what is no longer so."""
        now = self.state(model)
        while True:
            self.follow(now)
            if len((again := self.state(model)).entries) == len(now.entries):
                return now
            now = again

    def write(self, now: State, model: str, **fields: Any) -> Entry:
        """The next entry. Raises Lost where somebody else wrote it, Refused where a part is not as it must be."""
        entries = now.entries
        entry = Entry(
            format="parapet-ledger/1",
            model=model,
            sequence=len(entries) + 1,
            previous=entries[-1].digest if entries else None,
            at=written(self.now()),
            who=Who(self.account, self.role()),
            **fields,
        )
        entry = read(msgspec.json.encode(entry), Entry, "What would be written into the ledger")
        self.rules.check(now, entry)
        if not entries:  # since who has entries and no head is told that it is not shown
            self.mlflow.ensure(registered(model, Environment.PROD))
        self.ledger(model).append(entry)
        return entry


def _whole(model: str, kept: Sequence[Kept], found: Sequence[Finding]) -> State:
    if found := grave(found):
        told = "\n".join(f"    {each}" for each in found)
        raise Broken(
            f"The ledger of {model} does not hold, and nothing is decided on it:\n{told}\n"
            "Somebody may have tampered with it: tell your security officer. "
            f"`./parapet model verify {model}` says this again; the bucket has each object's earlier versions."
        )
    return state(_entries(kept))


def _entries(kept: Sequence[Kept]) -> list[Entry]:
    return [each.entry for each in kept if each.entry]


def registered(model: str, where: Environment) -> str:
    """The name of the registered model."""
    return f"{model}-{where}"
