"""Whether CloudTrail tells EventBridge of who turns off what records or finds, and of who breaks the glass: without a
trail it tells of nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "trail"
WRITE, READ = "WriteOnly", "ReadOnly"


def check(account: Account) -> Iterator[Finding]:
    """Of calls that change something always, of those that read where the settings give somebody the role: to take one
    on is such a call (AWS CloudTrail User Guide, "Logging management events")."""
    region = account.access.region
    logged = dict[str, str]()
    for name, selectors in _trails(account.access.client("cloudtrail"), region):
        for kind in (WRITE, READ):
            if _logs(selectors, kind):
                logged.setdefault(kind, name)
    missing = f"no trail of {account.access.id} logs management events that"
    if WRITE in logged:
        yield ok(ABOUT, f"{logged[WRITE]} tells of who turns off a trail, GuardDuty or Security Hub")
    else:
        yield to_do(
            ABOUT,
            f"{missing} write, in {region}: nobody would hear of who turns off GuardDuty or Security Hub "
            "(docs/alerts.md). Make one that logs both kinds of management events",
        )
    if not account.settings.break_glass:
        return
    if READ in logged:
        yield ok(ABOUT, f"{logged[READ]} tells of each session of breakGlass")
    else:
        yield to_do(
            ABOUT,
            f"{missing} read, in {region}: sessions of breakGlass would have no mail of their own, only the first call "
            "in the cluster (docs/break-glass.md). Make one that logs both kinds of management events",
        )


def _trails(cloudtrail: Any, region: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Those that are on here, with what they log."""
    for trail in cloudtrail.describe_trails()["trailList"]:
        here = trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == region
        if here and cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"]:
            yield trail["Name"], cloudtrail.get_event_selectors(TrailName=trail["TrailARN"])


def _logs(selectors: Mapping[str, Any], kind: str) -> bool:
    """Whether management events of this kind are among what the trail logs."""
    plain = any(
        each.get("IncludeManagementEvents", True) and each.get("ReadWriteType", "All") in {"All", kind}
        for each in selectors.get("EventSelectors") or ()
    )
    advanced = selectors.get("AdvancedEventSelectors") or ()
    return plain or any(_management(each["FieldSelectors"], kind) for each in advanced)


def _management(fields: list[dict[str, Any]], kind: str) -> bool:
    said = {each["Field"]: each for each in fields}
    excluded = said.get("eventSource", {}).get("NotEquals", [])
    wanted = [str(kind == READ).lower()]
    return (
        said["eventCategory"].get("Equals") == ["Management"]
        and said.get("readOnly", {}).get("Equals", wanted) == wanted
        and "sts.amazonaws.com" not in excluded
    )
