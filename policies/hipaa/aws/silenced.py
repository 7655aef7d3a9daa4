"""What keeps findings from whoever should hear of them: filters and rules that put them away as they come.

One that names what it is about (a scanner's address, a package, a control) is a decision on that. One that names only
what all findings have puts every finding away, and the detector is on for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hipaa.resource import Properties, Resource
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Verdict, not_applicable, violation

GUARDDUTY = "aws:guardduty/filter:Filter"
MACIE = "aws:macie/findingsFilter:FindingsFilter"
INSPECTOR = "aws:inspector2/filter:Filter"
ANALYZER = "aws:accessanalyzer/archiveRule:ArchiveRule"
HUB = "aws:securityhub/automationRule:AutomationRule"

_OF_ALL = frozenset(
    {
        *("accountId", "region", "confidence", "updatedAt", "createdAt", "service.archived", "service.count"),
        *("awsAccountIds", "awsAccountNames", "findingStatuses", "findingTypes", "firstObservedAts", "lastObservedAts"),
        *(
            "updatedAts",
            "createdAts",
            "recordStates",
            "workflowStatuses",
            "productArns",
            "productNames",
            "companyNames",
        ),
        *(
            "resourceRegions",
            "resourcePartitions",
            "complianceStatuses",
            "verificationStates",
            "confidences",
            "criticalities",
        ),
        *("isPublic", "resourceType", "resourceTypes", "resourceOwnerAccount", "status", "findingType", "error"),
        *(
            "category",
            "archived",
            "partition",
            "schemaVersion",
            "exploitAvailables",
            "fixAvailables",
            "inspectorScores",
        ),
    }
)
"""What every finding has, or half of them: it names nothing."""
_SEVERITIES = frozenset({"severity", "severities", "severityLabels", "severity.description"})
_GRAVE = frozenset({"HIGH", "CRITICAL"})
_LEAST_GRAVE = 7  # "Severity levels for GuardDuty findings": high is 7.0 and more


def _filter(*criterions: dict[str, Any], action: str = "ARCHIVE") -> dict[str, Any]:
    return {"detectorId": "1", "action": action, "rank": 1, "findingCriteria": {"criterions": list(criterions)}}


def _suppressed(status: str = "SUPPRESSED", **criteria: Any) -> Resource:
    update = {"type": "FINDING_FIELDS_UPDATE", "findingFieldsUpdate": {"workflow": {"status": status}}}
    return Resource(
        HUB, {"ruleName": "r", "ruleOrder": 1, "description": "d", "actions": [update], "criteria": criteria}
    )


def _equal(value: str) -> list[dict[str, str]]:
    return [{"comparison": "EQUALS", "value": value}]


def _archived(criteria: str, *eqs: str) -> Resource:
    filters = [{"criteria": criteria, "eqs": list(eqs)}]
    return Resource(ANALYZER, {"analyzerName": "own", "ruleName": "r", "filters": filters})


@rule(
    "findings-are-put-away-by-name",
    on=(GUARDDUTY, MACIE, INSPECTOR, ANALYZER, HUB),
    severity=MEDIUM,
    advisory="a finding that is put away is kept for whoever looks (164.308(a)(1)(ii)(D)); but nobody is told of it",
    fix="Name in the criteria what the findings are about: an address, a resource, a type, a control, a package.",
    sound=[
        _filter({"field": "severity", "greaterThanOrEqual": "1"}, action="NOOP"),
        _filter(
            {"field": "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4", "equals": ["192.0.2.7"]}
        ),
        _filter({"field": "type", "equals": ["Recon:EC2/Portscan"]}, {"field": "severity", "greaterThanOrEqual": "1"}),
        _filter({"field": "severity", "lessThan": "4"}),
        Resource(MACIE, {"action": "ARCHIVE", "findingCriteria": {"criterions": [{"field": "type", "eqs": ["a"]}]}}),
        Resource(INSPECTOR, {"action": "SUPPRESS", "filterCriterias": [{"vulnerabilityIds": _equal("CVE-2026-1")}]}),
        _archived("resource", "arn:aws:s3:::website"),
        _archived("isPublic", "false"),
        _suppressed(complianceSecurityControlIds=_equal("S3.9")),
        _suppressed(severityLabels=_equal("INFORMATIONAL")),
        _suppressed("NOTIFIED", severityLabels=_equal("CRITICAL")),
    ],
    unsound=[
        _filter({"field": "severity", "greaterThanOrEqual": "1"}),
        _filter({"field": "accountId", "equals": ["111122223333"]}),
        _filter({"field": "type", "notEquals": ["Recon:EC2/Portscan"]}),
        _filter({"field": "type", "matches": ["*"]}),
        Resource(MACIE, {"action": "ARCHIVE", "findingCriteria": {"criterions": [{"field": "region", "eqs": ["a"]}]}}),
        Resource(INSPECTOR, {"action": "SUPPRESS", "filterCriterias": [{"severities": _equal("CRITICAL")}]}),
        Resource(INSPECTOR, {"action": "SUPPRESS", "filterCriterias": [{"awsAccountIds": _equal("111122223333")}]}),
        _archived("isPublic", "true"),
        _archived("resourceType", "AWS::S3::Bucket"),
        _suppressed(severityLabels=_equal("CRITICAL")),
        _suppressed(recordStates=_equal("ACTIVE")),
    ],
)
def findings_are_put_away_by_name(filter_: Resource) -> Verdict:
    """What puts findings away names what they are about, and leaves all others where somebody hears of them."""
    if not _puts_away(filter_):
        return not_applicable("it puts no finding away")
    if any(_names(field, wanted) for field, wanted in _criteria(filter_)):
        return Verdict()
    return violation("its criteria name only what all findings have: it puts away whatever is found")


def _puts_away(filter_: Resource) -> bool:
    if filter_.type == ANALYZER:
        return True
    if filter_.type == HUB:
        statuses = (each.at("findingFieldsUpdate.workflow.status") for each in filter_.objects("actions"))
        return any(status in ("SUPPRESSED", "RESOLVED") for status in statuses)
    return filter_.at("action") in ("ARCHIVE", "SUPPRESS")


def _criteria(filter_: Resource) -> Iterator[tuple[str, list[str]]]:
    """Each field that is asked for a value, and the values; what is asked not to be one names nothing."""
    for each in filter_.objects("findingCriteria.criterions"):
        wanted = [text for name in ("equals", "matches", "eqs", "eqExactMatches") for text in each.texts(name)]
        limits = (_number(each.at(name)) for name in ("lessThan", "lessThanOrEqual", "lt", "lte"))
        upper = [limit for limit in limits if limit is not None]
        if each.at("field") == "severity" and upper:
            wanted.append("LOW" if min(upper) <= _LEAST_GRAVE else "HIGH")
        yield str(each.at("field")), wanted
    for each in filter_.objects("filters"):
        yield str(each.at("criteria")), [*each.texts("eqs"), *each.texts("contains")]
    for criteria in (*filter_.objects("filterCriterias"), *filter_.objects("criteria")):
        for field in criteria:
            yield field, [_value(each) for each in criteria.objects(field) if not _is_denied(each)]


def _value(criterion: Properties) -> str:
    return str(criterion.at("value") or "named" if len(criterion) else "")


def _is_denied(criterion: Properties) -> bool:
    return str(criterion.at("comparison", "")).startswith("NOT_")


def _names(field: str, wanted: list[str]) -> bool:
    texts = {text for text in wanted if text.strip("*?")}
    if not texts:
        return False
    if field in _SEVERITIES:
        return not any(text.upper() in _GRAVE or _is_grave(text) for text in texts)
    if field == "isPublic":
        return texts == {"false"}
    return field not in _OF_ALL


def _is_grave(text: str) -> bool:
    number = _number(text)
    return number is not None and number >= _LEAST_GRAVE


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None
