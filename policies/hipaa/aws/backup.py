"""AWS Backup: vaults that cannot be emptied, and plans that keep copies often and long enough."""

from __future__ import annotations

import re
from typing import Any

from hipaa.aws.advice import KEPT_FROM_DELETION_IS_MORE, OWN_KEY_IS_MORE, PROPOSED_BACKUPS
from hipaa.aws.backup_plans import KEPT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, is_, violation

VAULT = "aws:backup/vault:Vault"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
VAULT_POLICY = "aws:backup/vaultPolicy:VaultPolicy"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ADVISED_DAYS = 35  # What AWS Config's backup-plan-min-frequency-and-min-retention-check asks for.


@rule(
    "backup-vault-encrypts-with-cmk",
    on=VAULT,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_arn to the ARN of a customer managed key.",
    sound=[{"kmsKeyArn": _KEY}],
    unsound=[{}, {"kmsKeyArn": "arn:aws:kms:us-east-1:111122223333:alias/aws/backup"}],
)
def vault_encrypts_with_cmk(vault: Properties) -> Verdict:
    """A vault's recovery points are under a customer managed key."""
    return vault.require("kmsKeyArn", OWN_KEY)


_VAULT = Resource(VAULT, {"id": "records", "name": "records"}, name="records")
_DENY = '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"backup:DeleteRecoveryPoint","Resource":"*"}]}'


@stack_rule(
    "backup-vault-keeps-what-it-has",
    on=VAULT,
    severity=MEDIUM,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Add a VaultLockConfiguration, or a VaultPolicy that denies backup:DeleteRecoveryPoint.",
    sound=[
        [_VAULT, Resource(LOCK, {"backupVaultName": "records", "minRetentionDays": 35})],
        [_VAULT, Resource(VAULT_POLICY, {"backupVaultName": "records", "policy": _DENY})],
    ],
    unsound=[
        [_VAULT],
        [_VAULT, Resource(LOCK, {"backupVaultName": "another", "minRetentionDays": 35})],
        [_VAULT, Resource(VAULT_POLICY, {"backupVaultName": "records", "policy": '{"Statement": []}'})],
    ],
)
def vault_keeps_what_it_has(vault: Resource, stack: Stack) -> Verdict:
    """Nobody deletes a recovery point by hand, not even who has taken over an administrator's account."""
    if stack.companions(vault, LOCK, by="backupVaultName"):
        return Verdict()
    for policy in stack.companions(vault, VAULT_POLICY, by="backupVaultName"):
        text = str(policy.at("policy", ""))
        if "Deny" in text and re.search(r"backup:(DeleteRecoveryPoint|Delete\*|\*)", text):
            return Verdict()
    return violation("no VaultLockConfiguration and no VaultPolicy of the program keeps what the vault has")


@rule(
    "backup-vault-is-not-emptied",
    on=VAULT,
    severity=LOW,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Leave force_destroy out or set it to False.",
    sound=[{}, {"forceDestroy": False}],
    unsound=[{"forceDestroy": True}],
)
def vault_is_not_emptied(vault: Properties) -> Verdict:
    """A vault with recovery points in it is not deleted with them."""
    return vault.require("forceDestroy", is_(False), default=False)


def _plan(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{"ruleName": str(n), "targetVaultName": "records"} | told for n, told in enumerate(rules)]}


def _kept(days: int) -> dict[str, Any]:
    return {"lifecycle": {"deleteAfter": days}}


_DAILY = {"schedule": "cron(0 5 ? * * *)"}
_WEEKLY = {"schedule": "cron(0 5 ? * SUN *)"}


def _longest(plan: Properties, often: bool = False) -> float:
    """For how many days the longest kept of its recovery points is there, of those made daily if asked."""
    days = [
        rule_.at("lifecycle.deleteAfter", float("inf"))
        for rule_ in plan.objects("rules")
        if not often or _is_daily(rule_)
    ]
    return max((day for day in days if isinstance(day, int | float)), default=0)


def _is_daily(rule_: Properties) -> bool:
    """Whether a schedule has every day in it: by a rate of hours or one day, or a cron without a day chosen."""
    if rule_.at("enableContinuousBackup") is True:
        return True
    schedule = str(rule_.at("schedule") or "cron(0 5 ? * * *)").strip()
    if found := re.fullmatch(r"rate\((\d+) (\w+)\)", schedule):
        return (found[2].startswith(("minute", "hour")) and int(found[1]) <= 24) or (found[1], found[2]) == ("1", "day")
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    if len(fields) != 6:
        return False
    return fields[2] in ("*", "?", "1/1", "*/1") and fields[4].upper() in ("*", "?", "1-7", "SUN-SAT", "MON-SUN")


@rule(
    "backup-plan-keeps-a-week",
    on=PLAN,
    severity=HIGH,
    fix="Set lifecycle.delete_after to {days} or more, or leave it out, in a rule of the plan.",
    sound=[
        _plan(_DAILY | _kept(35)),
        _plan(_DAILY | _kept(14)),
        _plan(_DAILY),
        _plan({"schedule": "rate(12 hours)"} | _kept(3), _WEEKLY | _kept(90)),
    ],
    unsound=[_plan(_DAILY | _kept(1)), _plan(_DAILY | _kept(3), _WEEKLY | _kept(6)), {"rules": []}],
    parameters=[KEPT],
)
def plan_keeps_a_week(plan: Properties, days: int) -> Verdict:
    """A plan keeps a recovery point for a week or longer, or as configured, for what is wrong is found days later."""
    kept = _longest(plan)
    if kept >= days:
        return Verdict()
    return violation(f"`rules` keeps recovery points for {int(kept)} days at most; it must be {days} or more")


@rule(
    "backup-plan-runs-daily-and-keeps-a-month",
    on=PLAN,
    severity=LOW,
    advisory="how often and how long is the contingency plan's to say (164.308(a)(7)(ii)(A))",
    proposed=PROPOSED_BACKUPS,
    fix="Give the plan a rule with a daily schedule and lifecycle.delete_after of 35 or more.",
    sound=[_plan(_DAILY | _kept(35)), _plan(_DAILY), _plan({} | _kept(40)), _plan({"schedule": "rate(1 day)"})],
    unsound=[_plan(_WEEKLY | _kept(90)), _plan(_DAILY | _kept(14)), _plan({"schedule": "cron(0 5 1 * ? *)"})],
)
def plan_runs_daily(plan: Properties) -> Verdict:
    """A plan makes a recovery point a day and keeps it for 35 days, as AWS Config's rule asks unless told otherwise."""
    kept = _longest(plan, often=True)
    if kept >= _ADVISED_DAYS:
        return Verdict()
    return violation(f"`rules` keeps daily recovery points for {int(kept)} days; it must be {_ADVISED_DAYS} or more")


_PLAN = Resource(PLAN, _plan(_DAILY) | {"id": "plan"}, name="plan")


@stack_rule(
    "backup-plan-takes-something-up",
    on=PLAN,
    severity=MEDIUM,
    advisory="its selections may be another program's: an account's plan is often one for many",
    proposed=PROPOSED_BACKUPS,
    fix="Add a Selection with the plan's id, and resources or selection_tags.",
    sound=[
        [_PLAN, Resource(SELECTION, {"planId": "plan", "resources": ["*"]})],
        [_PLAN, Resource(SELECTION, {"planId": "plan", "selectionTags": [{"key": "backup", "value": "daily"}]})],
    ],
    unsound=[
        [_PLAN],
        [_PLAN, Resource(SELECTION, {"planId": "plan"})],
        [_PLAN, Resource(SELECTION, {"planId": "another", "resources": ["*"]})],
    ],
)
def plan_takes_something_up(plan: Resource, stack: Stack) -> Verdict:
    """A plan has a selection of what it backs up: by itself it backs up nothing."""
    for selection in stack.companions(plan, SELECTION, by="planId"):
        if any(
            selection.is_set_by_program(name) for name in ("resources", "selectionTags", "conditions", "notResources")
        ):
            return Verdict()
    return violation("no Selection of the program gives this plan resources or tags")
