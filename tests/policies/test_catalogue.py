"""The law is all there, with the right kinds, and tied to the rules."""

from collections import Counter

import pytest
import yaml
from pydantic import ValidationError

import hipaa
from hipaa import catalogue
from hipaa.catalogue import Catalogue, Specification

# Counted in 45 CFR 164.308 to 164.316 and, for 308 to 312, in Appendix A to subpart C. (b)(2) of 308 counts as a
# standard beside (b)(1).
COUNTS = {
    "308": {"standard": 10, "required": 10, "addressable": 11},
    "310": {"standard": 4, "required": 2, "addressable": 6},
    "312": {"standard": 5, "required": 2, "addressable": 5},
    "314": {"standard": 2, "required": 9},
    "316": {"standard": 2, "required": 3},
}


@pytest.mark.parametrize("section", COUNTS)
def test_section_is_complete(section: str) -> None:
    specifications = catalogue.load().specifications
    kinds = Counter(item.kind for citation, item in specifications.items() if citation.startswith(f"164.{section}("))
    assert kinds == COUNTS[section]


@pytest.mark.parametrize(
    ("citation", "kind", "standard"),
    [
        ("164.308(a)(1)(ii)(A)", "required", "164.308(a)(1)(i)"),
        ("164.308(a)(3)(ii)(A)", "addressable", "164.308(a)(3)(i)"),
        ("164.308(a)(4)(ii)(A)", "required", "164.308(a)(4)(i)"),
        ("164.308(b)(3)", "required", "164.308(b)(1)"),
        ("164.310(d)(2)(ii)", "required", "164.310(d)(1)"),
        ("164.312(a)(2)(iii)", "addressable", "164.312(a)(1)"),
        ("164.312(b)", "standard", None),
        ("164.312(e)(2)(ii)", "addressable", "164.312(e)(1)"),
        ("164.314(b)(2)(iv)", "required", "164.314(b)(1)"),
        ("164.316(b)(2)(i)", "required", "164.316(b)(1)"),
    ],
)
def test_kind_and_standard(citation: str, kind: str, standard: str | None) -> None:
    specification = catalogue.load().specifications[citation]
    assert (specification.kind, specification.standard) == (kind, standard)


def test_every_rule_is_cited() -> None:
    law = catalogue.load()
    assert [rule.name for rule in hipaa.rules() if not law.citations(rule.name)] == []


def test_no_resource_fails_what_binds_a_clearinghouse_alone() -> None:
    """164.308(a)(4)(ii)(A) is for a clearinghouse that is part of a larger organization; a hospital is none."""
    assert catalogue.load().specifications["164.308(a)(4)(ii)(A)"].uncovered


def with_rules(*rules: str) -> Catalogue:
    """The catalogue with other rules under one citation."""
    specifications = dict(catalogue.load().specifications)
    specifications["164.312(d)"] = specifications["164.312(d)"].model_copy(update={"rules": rules})
    return Catalogue(specifications=specifications)


def test_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="do not exist: bucket-is-blue"):
        with_rules("bucket-is-blue")


def test_rule_that_is_cited_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = hipaa.rules()
    specifications = {
        citation: item.model_copy(update={"rules": tuple(name for name in item.rules if name != rules[0].name)})
        for citation, item in catalogue.load().specifications.items()
    }
    with pytest.raises(ValidationError, match=f"no specification cites the rules {rules[0].name}"):
        Catalogue(specifications=specifications)


def test_wrong_order_is_refused() -> None:
    items = list(catalogue.load().specifications.items())
    with pytest.raises(ValidationError, match="order"):
        Catalogue(specifications=dict([*items[1:], items[0]]))


def test_unknown_standard_is_refused() -> None:
    specifications = dict(catalogue.load().specifications)
    del specifications["164.316(b)(1)"]
    with pytest.raises(ValidationError, match=r"which is no standard"):
        Catalogue(specifications=specifications)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"citation": "164.312.b"}, "is no citation"),
        ({"kind": "required"}, "names its standard"),
        ({"standard": "164.312(a)(1)"}, "a standard names none"),
        ({"rules": ("a", "a")}, "named twice"),
        ({"rules": ("a",), "uncovered": "people"}, "names what does"),
        ({"kind": "optional"}, "kind"),
        ({"color": "blue"}, "color"),
    ],
)
def test_inconsistent_specification_is_refused(fields: dict[str, object], message: str) -> None:
    sound: dict[str, object] = {"citation": "164.312(b)", "title": "Audit controls", "kind": "standard"}
    with pytest.raises(ValidationError, match=message):
        Specification.model_validate(sound | fields)


def test_repeated_citation_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match=r"164\.312\(b\) is there twice"):
        catalogue.parse("164.312(b):\n  title: one\n164.312(b):\n  title: two\n")
