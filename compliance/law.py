"""What the rules say about the law: the status of each standard and implementation specification."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from compliance.model import Enforcement, RuleReview, SpecificationReview, Status, worst
from hipaa.catalogue import Specification


def review_law(
    specifications: Iterable[Specification], rules: Mapping[str, RuleReview]
) -> tuple[SpecificationReview, ...]:
    """Each specification with the worst status of its rules, in the catalogue's order.

    A standard is never plainly passed while one of its implementation specifications is not.
    """
    specifications = tuple(specifications)
    status = {item.citation: _status(item, rules) for item in specifications}
    parts: dict[str, list[str]] = defaultdict(list)
    for item in specifications:
        if item.standard is not None and status[item.citation] is not Status.PASSED:
            parts[item.standard].append(f"{item.citation} ({status[item.citation]})")
    return tuple(_review(item, status[item.citation], rules, parts[item.citation]) for item in specifications)


def citations_of(specifications: Iterable[Specification]) -> dict[str, tuple[str, ...]]:
    """The citations of the specifications that count on a rule, by its name."""
    cited: dict[str, list[str]] = defaultdict(list)
    for specification in specifications:
        for name in specification.rules:
            cited[name].append(specification.citation)
    return {name: tuple(citations) for name, citations in cited.items()}


def _status(specification: Specification, rules: Mapping[str, RuleReview]) -> Status:
    status = worst((rules[name].status for name in specification.rules if name in rules), Status.NOT_COVERED)
    return Status.PASSED_IN_PART if status is Status.PASSED and _gaps(specification, rules) else status


def _review(
    specification: Specification, status: Status, rules: Mapping[str, RuleReview], unpassed: list[str]
) -> SpecificationReview:
    gaps = _gaps(specification, rules)
    if unpassed:
        gaps.append(f"Implementation specifications of it that are not passed: {', '.join(unpassed)}.")
    return SpecificationReview(
        citation=specification.citation,
        section=specification.citation.partition("(")[0],
        title=specification.title,
        kind=specification.kind,
        standard=specification.standard or "",
        status=Status.PASSED_IN_PART if status is Status.PASSED and unpassed else status,
        rules=specification.rules,
        live=specification.live,
        documents=specification.documents,
        gaps=tuple(gaps),
    )


def _gaps(specification: Specification, rules: Mapping[str, RuleReview]) -> list[str]:
    """What the specification asks for that no rule of this run enforced."""
    gaps = []
    for name in specification.rules:
        if name not in rules:
            gaps.append(f"The rule {name} is not in this pack.")
        elif rules[name].status is Status.DISABLED:
            gaps.append(f"The rule {name} is disabled.")
        elif rules[name].enforcement is Enforcement.ADVISORY:
            gaps.append(f"The rule {name} is advisory: it warns and does not stop a deployment.")
    if specification.live:
        gaps.append(f"Checks of the live account, not made by this review: {', '.join(specification.live)}.")
    if specification.documents:
        gaps.append(f"Documents, not read by this review: {', '.join(specification.documents)}.")
    if specification.uncovered:
        gaps.append(specification.uncovered[:1].upper() + specification.uncovered[1:] + ".")
    return gaps
