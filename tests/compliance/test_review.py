"""What the recorded runs say, rule by rule and specification by specification."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import compliance
import hipaa
from compliance import Enforcement, Review, Status
from compliance.model import Choice, RuleReview, SpecificationReview, worst
from compliance.render import as_html, as_markdown
from hipaa import signals
from hipaa.catalogue import Specification, load
from hipaa.rule import BrokenRule
from tests.compliance.small_pack import CATALOGUE, FIXTURES, KEY, RULES, make_catalogue

Recorded = Callable[..., Review]


def rule(review: Review, name: str) -> RuleReview:
    return next(rule for rule in review.rules if rule.name == name)


def specification(review: Review, citation: str) -> SpecificationReview:
    return next(item for item in review.specifications if item.citation == citation)


def verdicts(review: Review, name: str) -> dict[str, str]:
    return {evaluation.name: evaluation.status.value for evaluation in rule(review, name).evaluations}


def test_the_worst_status_wins_in_this_order() -> None:
    order = [
        Status.ERROR,
        Status.FAILED,
        Status.UNDECIDED,
        Status.WAIVED,
        Status.ADVISED,
        Status.PASSED_IN_PART,
        Status.PASSED,
        Status.DISABLED,
        Status.NOT_APPLICABLE,
        Status.NOT_COVERED,
    ]
    assert list(Status) == order
    for index, status in enumerate(order):
        assert worst(reversed(order[index:]), Status.NOT_COVERED) is status
    assert worst([], Status.NOT_COVERED) is Status.NOT_COVERED


def test_a_preview_tells_passed_failed_undecided_and_not_applicable_apart(recorded: Recorded) -> None:
    review = recorded("preview")
    assert (review.project, review.stack, review.operation, review.outcome) == ("clinic", "dev", "preview", "failed")
    assert review.complete
    assert review.pack.version == "0.1.0"
    assert verdicts(review, "kms-key-rotates") == {"phi": "passed", "logs": "failed", "signing": "not applicable"}
    assert verdicts(review, "s3-logging-has-a-target") == {"records": "not yet decided"}
    assert verdicts(review, "s3-bucket-has-a-key") == {"the whole stack": "not yet decided"}
    assert rule(review, "rds-instance-encrypts").status is Status.NOT_APPLICABLE
    assert rule(review, "rds-instance-encrypts").reason.startswith("No resource is of the type aws:rds/instance")
    assert review.totals.model_dump(exclude={"rules", "specifications"}) == {
        "resources": 5,
        "resources_with_rules": 5,
        "evaluations": 6,
        "passed": 2,
        "failed": 1,
        "not_applicable": 1,
        "undecided": 2,
        "waived": 0,
        "advised": 0,
        "errors": 0,
    }


def test_messages_are_the_rules_own_without_the_title_that_the_sdk_prepends(recorded: Recorded) -> None:
    review = recorded("preview")
    broken = next(item for item in rule(review, "kms-key-rotates").evaluations if item.name == "logs")
    assert broken.messages == ("`enableKeyRotation` is false; it must be true",)
    waiting = rule(review, "s3-logging-has-a-target").evaluations[0]
    assert waiting.messages == ("string value at .targetBucket can't be known during preview",)


def test_what_a_preview_left_open_an_update_decides(recorded: Recorded) -> None:
    review = recorded("up-clean", policy_config={})
    assert (review.operation, review.outcome, review.totals.undecided) == ("update", "succeeded", 0)
    assert verdicts(review, "s3-logging-has-a-target") == {"records": "passed"}
    assert verdicts(review, "s3-bucket-has-a-key") == {"the whole stack": "passed"}


def test_a_specification_is_as_bad_as_its_worst_rule(recorded: Recorded) -> None:
    review = recorded("preview")
    assert specification(review, "164.312(a)(2)(iv)").status is Status.FAILED
    assert specification(review, "164.312(b)").status is Status.UNDECIDED
    assert specification(review, "164.312(a)(2)(iii)").status is Status.NOT_APPLICABLE


def test_a_specification_without_a_rule_is_not_covered_and_says_why(recorded: Recorded) -> None:
    review = recorded("up-clean")
    assert specification(review, "164.308(a)(1)(i)").status is Status.NOT_COVERED
    sanction = specification(review, "164.308(a)(1)(ii)(C)")
    assert sanction.status is Status.NOT_COVERED
    assert sanction.gaps == ("Organizational: how an employer sanctions its workforce.",)


def test_partial_cover_never_reads_as_passed(recorded: Recorded) -> None:
    review = recorded("up-clean")
    integrity = specification(review, "164.312(c)(1)")
    assert integrity.status is Status.PASSED_IN_PART
    assert "bucket-versioning" in integrity.gaps[0]
    assert "integrity-policy" in integrity.gaps[1]


def test_a_standard_is_not_passed_while_a_specification_of_it_is_not(recorded: Recorded) -> None:
    access = specification(recorded("up-clean"), "164.312(a)(1)")
    assert access.status is Status.PASSED_IN_PART
    assert access.gaps == (
        "Implementation specifications of it that are not passed: 164.312(a)(2)(iii) (not applicable).",
    )


def test_a_rule_that_the_catalogue_names_and_the_pack_lacks_is_a_gap(recorded: Recorded) -> None:
    law = make_catalogue(
        Specification(citation="164.312(b)", title="Audit", kind="standard", rules=("gone", "s3-bucket-is-named")),
        Specification(citation="164.312(d)", title="Authentication", kind="standard", rules=("gone",)),
    )
    review = recorded("up-clean", catalogue=law)
    assert specification(review, "164.312(b)").status is Status.PASSED_IN_PART
    assert specification(review, "164.312(b)").gaps == ("The rule gone is not in this pack.",)
    assert specification(review, "164.312(d)").status is Status.NOT_COVERED


@pytest.mark.parametrize("config", [None, {"s3-bucket-is-named": "disabled"}])
def test_a_disabled_rule_over_resources_is_disabled_whether_or_not_the_configuration_is_given(
    recorded: Recorded, config: dict[str, str] | None
) -> None:
    review = recorded("preview-lowered", policy_config=config)
    assert rule(review, "s3-bucket-is-named").status is Status.DISABLED
    assert rule(review, "s3-bucket-is-named").evaluations == ()
    integrity = specification(review, "164.312(c)(1)")
    assert integrity.status is Status.DISABLED
    assert integrity.gaps[0] == "The rule s3-bucket-is-named is disabled."


def test_a_silent_rule_over_the_stack_is_open_unless_the_configuration_tells(recorded: Recorded) -> None:
    silent = rule(recorded("preview-lowered"), "s3-bucket-has-a-key")
    assert silent.status is Status.UNDECIDED
    assert silent.enforcement is Enforcement.UNSAID
    told = {"s3-bucket-has-a-key": {"enforcementLevel": "disabled"}}
    assert rule(recorded("preview-lowered", policy_config=told), "s3-bucket-has-a-key").status is Status.DISABLED


def test_a_broken_advisory_rule_is_failed_and_said_to_be_advisory(recorded: Recorded) -> None:
    review = recorded("preview-lowered")
    assert review.outcome == "succeeded"
    assert rule(review, "kms-key-rotates").status is Status.FAILED
    assert rule(review, "kms-key-rotates").enforcement is Enforcement.ADVISORY


def test_good_practice_that_is_not_followed_is_advised_and_fails_nothing(recorded: Recorded) -> None:
    """A rule of the law that a configuration made advice of fails all the same."""
    (advice,) = [item for item in hipaa.rules() if item.name == "s3-bucket-has-lifecycle"]
    review = recorded("hospital-up", rules=[advice], catalogue=load())
    assert verdicts(review, advice.name) == dict.fromkeys(("records", "scratch"), "advised")
    assert (review.totals.advised, review.totals.failed) == (2, 0)
    review = recorded("hospital-up", rules=[replace(advice, advisory="")], catalogue=load())
    assert verdicts(review, advice.name) == dict.fromkeys(("records", "scratch"), "failed")


def test_an_advisory_rule_that_passed_leaves_its_specification_passed_in_part(recorded: Recorded) -> None:
    review = recorded("up-clean", policy_config={"s3-logging-has-a-target": "advisory"})
    assert rule(review, "s3-logging-has-a-target").enforcement is Enforcement.ADVISORY
    audit = specification(review, "164.312(b)")
    assert audit.status is Status.PASSED_IN_PART
    assert "advisory" in audit.gaps[0]


def test_all_in_a_configuration_stands_for_the_rest(recorded: Recorded) -> None:
    config = {"all": "advisory", "kms-key-rotates": {"enforcementLevel": "mandatory"}}
    review = recorded("up-clean", policy_config=config)
    levels = {item.name: item.enforcement.value for item in review.rules}
    assert levels["kms-key-rotates"] == "mandatory"
    assert levels["s3-bucket-is-named"] == "advisory"


def test_an_update_that_stopped_early_passes_no_rule(recorded: Recorded) -> None:
    review = recorded("up-refused", policy_config={})
    assert (review.outcome, review.complete) == ("failed", False)
    assert rule(review, "kms-key-rotates").status is Status.FAILED
    others = {item.status for item in review.rules if item.name != "kms-key-rotates"}
    assert others == {Status.UNDECIDED}
    assert "stopped before" in review.warnings[0]


@pytest.mark.parametrize("asked", ["policy", "remediation", "stack policy"])
def test_a_question_that_the_engine_took_back_is_no_broken_rule(tmp_path: Path, asked: str) -> None:
    """One resource fails, and the engine takes back what it was asking of others: as it wrote of a remediation."""
    urn = "urn:pulumi:dev::clinic::aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule::to-nodes"
    review = _refused_and(tmp_path, urn, f"failed to run {asked}: context canceled\n")
    assert not [warning for warning in review.warnings if "broken" in warning]
    assert "The update stopped before the pack was shown every resource" in review.warnings[0]
    assert urn not in {evaluation.urn for item in review.rules for evaluation in item.evaluations}
    assert {item.status for item in review.rules if item.name != "kms-key-rotates"} == {Status.UNDECIDED}


@pytest.mark.parametrize("asked", ["policy", "remediation", "stack policy"])
@pytest.mark.parametrize("error", ["Exception calling application: context canceled", "context canceled by the rule"])
def test_a_pack_that_fails_is_broken_wherever_it_was_asked(tmp_path: Path, asked: str, error: str) -> None:
    review = _refused_and(tmp_path, "", f"failed to run {asked}: {error}\n")
    assert f"A rule is broken: failed to run {asked}: {error}" in review.warnings


def _refused_and(folder: Path, urn: str, message: str) -> Review:
    """The review of an update that was stopped, with one more of the engine's errors before its closing words."""
    lines = (FIXTURES / "up-refused.jsonl").read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines) if '"summaryEvent"' in line)
    diagnostic = {"urn": urn, "prefix": "error: ", "message": message, "color": "never", "severity": "error"}
    event = {"sequence": 99, "timestamp": 1795500038, "diagnosticEvent": diagnostic}
    log = folder / "log.jsonl"
    log.write_text("\n".join([*lines[:end], json.dumps(event), *lines[end:]]), encoding="utf-8")
    return compliance.review(log, rules=RULES, catalogue=CATALOGUE, policy_config={})


def test_a_policy_that_raises_is_named_and_nothing_passes(recorded: Recorded) -> None:
    review = recorded("preview-throws", policy_config={})
    assert review.outcome == "failed"
    assert any("the rule broke" in warning for warning in review.warnings)
    assert not {item.status for item in review.specifications} & {Status.PASSED, Status.PASSED_IN_PART}


def test_a_replacement_is_counted_once(recorded: Recorded) -> None:
    review = recorded("up-replace")
    assert verdicts(review, "kms-key-rotates") == {"phi": "passed", "logs": "failed", "signing": "not applicable"}
    assert review.totals.resources == 5


def test_a_resource_asked_about_twice_is_counted_once_with_its_worst_answer(tmp_path: Path, recorded: Recorded) -> None:
    lines = (FIXTURES / "up-clean.jsonl").read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if '"policyAnalyzeStackSummaryEvent"' in line)
    again = [line for line in lines if "policyAnalyzeSummaryEvent" in line and '"passed":["kms-key-rotates"]' in line]
    worse = [again[0].replace('"passed":["kms-key-rotates"]', '"failed":["kms-key-rotates"]')]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join([*lines[:at], *again, *worse, *again, *lines[at:]]), encoding="utf-8")
    review = compliance.review(log, rules=RULES, catalogue=CATALOGUE)
    assert review.totals.evaluations == recorded("up-clean").totals.evaluations
    assert verdicts(review, "kms-key-rotates")["phi"] == "failed"


def test_a_rule_over_the_stack_fails_on_the_resource_that_it_names(recorded: Recorded) -> None:
    review = recorded("up-stack-fails")
    assert verdicts(review, "s3-bucket-has-a-key") == {"records": "failed"}
    assert review.complete


def changed(folder: Path, name: str, change: Callable[[str], str]) -> Review:
    """The review of a recorded log after a change to its lines; a line that becomes empty is left out."""
    lines = (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    log = folder / "log.jsonl"
    log.write_text("\n".join(filter(None, map(change, lines))), encoding="utf-8")
    return compliance.review(log, rules=RULES, catalogue=CATALOGUE, policy_config={})


def test_a_resource_that_the_pack_was_not_shown_is_undecided(tmp_path: Path) -> None:
    hidden = "policyAnalyzeSummaryEvent", "aws:s3/bucket:Bucket::records"
    review = changed(tmp_path, "up-clean", lambda line: "" if all(part in line for part in hidden) else line)
    assert review.complete
    assert verdicts(review, "s3-bucket-is-named") == {"records": "not yet decided"}
    assert rule(review, "s3-bucket-is-named").status is Status.UNDECIDED


def test_a_rule_over_the_stack_that_passed_over_nothing_of_its_kind_is_not_applicable(tmp_path: Path) -> None:
    review = changed(tmp_path, "up-clean", lambda line: line.replace("aws:s3/bucket:Bucket", "aws:sns/topic:Topic"))
    assert rule(review, "s3-bucket-has-a-key").status is Status.NOT_APPLICABLE
    assert rule(review, "s3-bucket-has-a-key").evaluations == ()


def test_of_kinds_that_no_list_has_those_are_told_in_which_there_was_something_to_judge() -> None:
    """A rule may be about any of them; the engine tells of each, and what it found nothing in is not of its kind."""
    anything = replace(RULES[0], on=("kubernetes:core/v1:Pod",), besides=lambda type_: type_ == KEY)
    review = compliance.review(FIXTURES / "preview.jsonl", rules=(anything, *RULES[1:]), catalogue=CATALOGUE)
    assert verdicts(review, "kms-key-rotates") == {"phi": "passed", "logs": "failed"}
    assert rule(review, "kms-key-rotates").resources_of_kind == 2
    assert (review.totals.resources, review.totals.resources_with_rules) == (5, 4)


def test_only_the_sdks_own_advisory_means_undecided(tmp_path: Path) -> None:
    review = changed(
        tmp_path,
        "preview",
        lambda line: line.replace('"enforcementLevel":"advisory"', '"enforcementLevel":"mandatory"'),
    )
    assert verdicts(review, "s3-logging-has-a-target") == {"records": "failed"}


def test_other_packs_are_counted_and_not_heard(recorded: Recorded) -> None:
    alone, both = recorded("preview"), recorded("preview-both")
    assert both.other_packs == 1
    assert both.totals == alone.totals
    assert both.rules == alone.rules


def test_rules_that_the_review_does_not_know_are_told(recorded: Recorded) -> None:
    review = recorded("preview", rules=RULES[1:])
    assert "kms-key-rotates" in review.warnings[0]
    assert "reported something" in review.warnings[0]


def test_a_rule_that_the_pack_did_not_have_is_not_passed_over_as_not_applicable(recorded: Recorded) -> None:
    known: Sequence[str] = [item.name for item in RULES]
    review = compliance.review(FIXTURES / "up-clean.jsonl", policy_config={})
    for item in review.rules:
        if item.name not in known and item.resources_of_kind:
            assert item.status in (Status.DISABLED, Status.UNDECIDED), item.name


def test_the_packs_own_words_for_undecided_and_waived_are_read(recorded: Recorded) -> None:
    names = {"kms-key-rotates", "s3-bucket-keeps-versions", "s3-bucket-encrypts-with-cmk"}
    rules = [item for item in hipaa.rules() if item.name in names]
    assert len(rules) == len(names)
    review = recorded("hospital-preview", rules=rules, catalogue=load())
    assert verdicts(review, "kms-key-rotates") == {"phi": "passed", "weak": "failed", "legacy": "waived"}
    assert verdicts(review, "s3-bucket-keeps-versions") == {"records": "failed", "scratch": "waived"}
    assert verdicts(review, "s3-bucket-encrypts-with-cmk") == dict.fromkeys(("records", "scratch"), "not yet decided")
    waived = next(item for item in rule(review, "kms-key-rotates").evaluations if item.name == "legacy")
    assert waived.messages[0].startswith("waived until 2036-12-31 by security@example.com")
    waiting = rule(review, "s3-bucket-encrypts-with-cmk").evaluations[0]
    assert waiting.messages[0].startswith("known only after the update: `")


def test_every_specification_of_the_law_is_there_in_its_order() -> None:
    review = compliance.review(FIXTURES / "hospital-up.jsonl")
    assert [item.citation for item in review.specifications] == list(load().specifications)
    uncovered = [item for item in review.specifications if not item.rules]
    assert {item.status for item in uncovered} == {Status.NOT_COVERED}


def test_what_no_rule_looks_at_is_named_by_type(tmp_path: Path) -> None:
    """Neither the stack nor a provider is, nor what a rule over the stack looks at beside its own kind."""
    review = changed(
        tmp_path, "up-clean", lambda line: line.replace("aws:kms/key:Key::phi", "aws:sns/topic:Topic::phi")
    )
    assert [(one.type, one.resources) for one in review.unruled] == [("aws:sns/topic:Topic", ("phi",))]
    assert "aws:sns/topic:Topic" in as_html(review)
    assert "aws:sns/topic:Topic (1)" in as_markdown(review)


def test_the_stacks_choice_is_the_profile_that_it_is_nearest_to() -> None:
    proposed = replace(RULES[0], advisory="good practice", proposed="the proposal asks for it")
    rules = (proposed, *RULES[1:])

    def choice(config: dict[str, object]) -> Choice:
        review = compliance.review(FIXTURES / "preview.jsonl", rules=rules, catalogue=CATALOGUE, policy_config=config)
        assert review.choice is not None
        return review.choice

    assert (choice({}).profile, choice({}).deviations) == ("hipaa-2013", ())
    chosen = choice({proposed.name: "mandatory"})
    assert (chosen.profile, chosen.deviations) == ("hipaa-nprm-2025", ())
    assert "a proposal and no law" in chosen.text
    other = choice({RULES[1].name: {"enforcementLevel": "advisory", "days": 30}})
    assert [(one.rule, one.level, one.parameters) for one in other.deviations] == [
        (RULES[1].name, "advisory", {"days": 30})
    ]
    assert compliance.review(FIXTURES / "preview.jsonl", rules=rules, catalogue=CATALOGUE).choice is None


def test_a_choice_that_lowers_what_holds_waivers_to_their_terms_is_shown_and_a_name_of_nothing_is_a_warning() -> None:
    config = {"waivers-are-narrow": "disabled", "accepted-risk": "mandatory", "kms-key-rotatez": "disabled"}
    review = compliance.review(FIXTURES / "preview.jsonl", rules=RULES, catalogue=CATALOGUE, policy_config=config)
    assert review.choice is not None
    assert [(one.rule, one.level) for one in review.choice.deviations] == [("waivers-are-narrow", "disabled")]
    assert any("'kms-key-rotatez' is no rule of this pack" in warning for warning in review.warnings)
    off = compliance.review(
        FIXTURES / "preview.jsonl", rules=RULES, catalogue=CATALOGUE, policy_config={"all": "disabled"}
    )
    assert off.choice is not None
    assert {"waivers-are-current", "waivers-are-used", RULES[0].name} <= {one.rule for one in off.choice.deviations}


@pytest.mark.parametrize("type_", ["aws-native:s3:Bucket", "aws:cloudformation/stack:Stack"])
def test_what_makes_others_unseen_or_comes_of_another_provider_is_named(tmp_path: Path, type_: str) -> None:
    review = changed(tmp_path, "up-clean", lambda line: line.replace("aws:kms/key:Key::phi", f"{type_}::phi"))
    assert [(one.type, one.resources) for one in review.unruled] == [(type_, ("phi",))]


def test_a_rule_that_broke_is_an_error_and_not_a_failure(tmp_path: Path) -> None:
    broken = signals.broken(BrokenRule("kms-key-rotates", "enable_key_rotation"))
    review = changed(
        tmp_path, "preview", lambda line: line.replace("`enableKeyRotation` is false; it must be true", broken)
    )
    assert rule(review, "kms-key-rotates").status is Status.ERROR
    assert (review.totals.errors, review.totals.failed) == (1, 0)
    assert "Rules that broke" in as_html(review)
