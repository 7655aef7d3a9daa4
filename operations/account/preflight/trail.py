"""Whether CloudTrail tells EventBridge of who breaks the glass: without a trail no session has a mail of its own."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "trail"


def check(account: Account) -> Iterator[Finding]:
    """Nothing where the settings give nobody the role."""
    if not account.settings.break_glass:
        return
    cloudtrail = account.access.client("cloudtrail")
    region = account.access.region
    for trail in cloudtrail.describe_trails()["trailList"]:
        here = trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == region
        name = trail["TrailARN"]
        logs = here and cloudtrail.get_trail_status(Name=name)["IsLogging"]
        if logs and _has_assumed_roles(cloudtrail.get_event_selectors(TrailName=name)):
            yield ok(ABOUT, f"{trail['Name']} tells of each session of breakGlass")
            return
    yield to_do(
        ABOUT,
        f"no trail of {account.access.id} logs management events that read, in {region}: sessions of breakGlass would "
        "have no mail of their own, only the first call in the cluster (docs/break-glass.md). Make one that logs both "
        "kinds of management events",
    )


def _has_assumed_roles(selectors: Mapping[str, Any]) -> bool:
    """Whether AssumeRole is among what the trail logs: a management event that reads (AWS CloudTrail User Guide,
    "Logging management events")."""
    plain = any(
        each.get("IncludeManagementEvents", True) and each.get("ReadWriteType", "All") in {"All", "ReadOnly"}
        for each in selectors.get("EventSelectors") or ()
    )
    return plain or any(_management(each["FieldSelectors"]) for each in selectors.get("AdvancedEventSelectors") or ())


def _management(fields: list[dict[str, Any]]) -> bool:
    said = {each["Field"]: each for each in fields}
    excluded = said.get("eventSource", {}).get("NotEquals", [])
    return (
        said["eventCategory"].get("Equals") == ["Management"]
        and said.get("readOnly", {}).get("Equals", ["true"]) == ["true"]
        and "sts.amazonaws.com" not in excluded
    )
