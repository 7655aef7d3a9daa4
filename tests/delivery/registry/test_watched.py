"""What a version's drift is checked by is of that version, and of what somebody approved."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from delivery.registry import hearing, watched
from delivery.registry.documents import Environment, digest
from delivery.registry.gates import UNWATCHED, Gate, load
from delivery.registry.refused import Refused
from tests.delivery.registry import profiles
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.profiles import CONTRACT
from tests.delivery.registry.world import ALICE, AUTHOR, BOB, FACTS, GOOD, MODEL, World

STAGING, PROD = Environment.STAGING, Environment.PROD
MODEL_OF_IT = b"three"
Change = Callable[[dict[str, Any]], Any]


def _column(told: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told["columns"] if each["name"] == name)
    return found


def _empty(told: dict[str, Any]) -> None:
    _column(told, "heart_rate").update(type="empty", role="none", numbers=None)


FORGED: dict[str, tuple[Change, str]] = {
    "a column that nothing is compared with": (_empty, "heart_rate has no value, and the contract asks for one"),
    "a column that may lack, and has values": (
        lambda told: _column(told, "ward").update(type="empty", role="none", categories=None, missing=0),
        "ward has no value",
    ),
    "a key": (
        lambda told: _column(told, "age").update(role="key", numbers=None),
        "age is a integer by the contract, and here float and judged as key",
    ),
    "a category of another type": (lambda told: _column(told, "ward").update(type="other", role="none"), "ward is a "),
    "a word that the model does not take": (
        lambda told: _column(told, "ward")["categories"]["counts"].update(roof=30),
        "ward has categories that the contract has not",
    ),
    "another range": (
        lambda told: _column(told, "age")["numbers"].update(edges=[900.0, 990.0, 999.0, 1e3]),
        "age lies outside of 18.0 to 90.0",
    ),
    "a tail of another range": (
        lambda told: _column(told, "age")["numbers"].update(edges=[18.0, 40.0, 95.0, 99.0]),
        "age lies outside of 18.0 to 90.0",
    ),
    "a column less": (lambda told: told["columns"].pop(0), "it lacks heart_rate"),
    "no answers": (lambda told: told["columns"].pop(4), "it lacks output.readmitted_30d"),
    "a column more": (
        lambda told: told["columns"].append(_column(told, "age") | {"name": "MRN-4711"}),
        r"columns\[6\] is none of the contract's",
    ),
    "a noise that explains everything": (
        lambda told: _column(told, "heart_rate")["numbers"].update(noise=profiles.noise(1e300)),
        r"columns\[0\] has a noise of more than 10",
    ),
    "a noise of what lacks": (
        lambda told: _column(told, "age").update(missing_noise=profiles.noise(11)),
        r"columns\[1\] has a noise",
    ),
    "no scores": (lambda told: told.update(scores=None), "scores are not of 30 rows"),
    "scores of one outcome": (lambda told: told["scores"].update(positives=[0] * 100), "scores are of one outcome"),
    "errors of any size": (lambda told: told["scores"].update(variance=1e9), "scores.variance is more than"),
    "a number in one bin from the contract's least": (
        lambda told: _column(told, "heart_rate")["numbers"].update(edges=[0.0], counts=[0, profiles.ROWS], high=2),
        "heart_rate has 600 of 600 rows in one bin, and no value is other than another",
    ),
    "a number in one bin between its bounds": (
        lambda told: _column(told, "age")["numbers"].update(edges=[18.0, 90.0], counts=[0, profiles.ROWS, 0]),
        "age has 600 of 600 rows in one bin",
    ),
    "answers in one bin": (
        lambda told: told["columns"][4]["numbers"].update(counts=[0, 0, profiles.ROWS, 0, 0]),
        "scores are of other answers than the column of them|output.readmitted_30d has 600 of 600 rows in one bin",
    ),
    "a number of one edge": (
        lambda told: _column(told, "heart_rate")["numbers"].update(edges=[80.0], counts=[360, 240]),
        "heart_rate has 360 of 600 rows in a bin without an end",
    ),
    "a number of which half is above all edges": (
        lambda told: _column(told, "age")["numbers"].update(counts=[0, 150, 150, 0, 300]),
        "age has 300 of 600 rows in a bin without an end",
    ),
    "a number of which nothing is far out": (
        lambda told: _column(told, "age")["numbers"].update(low=0, high=5),
        "age has no bin for what lies far out",
    ),
    "a number of which nothing is far above": (
        lambda told: _column(told, "heart_rate")["numbers"].update(high=5),
        "heart_rate has no bin for what lies far out",
    ),
    "a number of which nothing is so far out": (
        lambda told: _column(told, "heart_rate")["numbers"].update(
            edges=[-1e9, 70.0, 80.0, 90.0, 1e9], counts=[0, 120, 180, 180, 120, 0], high=5
        ),
        "heart_rate calls far out what lies much farther out than its own quartiles have it",
    ),
    "no correlations": (lambda told: told.update(pairs=None), "pairs are not of its numbers"),
    "correlations of one number": (lambda told: told["pairs"].update(names=["age"]), "pairs are not of its numbers"),
    "correlations that may be any": (
        lambda told: told["pairs"].update(noise=[[1.0, 1.0], [1.0, 1.0]]),
        "pairs.noise explains every change",
    ),
    "a noise that explains much of every column": (
        lambda told: [each["numbers"].update(noise=profiles.noise(9)) for each in told["columns"] if "numbers" in each],
        "4 of 6 columns have a noise of more than 3",
    ),
    "a number without an edge": (
        lambda told: _column(told, "age")["numbers"].update(edges=[], counts=[profiles.ROWS]),
        "age has other counts than edges",
    ),
    "categories of which none is told": (
        lambda told: _column(told, "ward")["categories"].update(counts={}, rest=profiles.ROWS),
        "ward has 600 of 600 rows in no category",
    ),
    "a category that is counted in no row": (
        lambda told: _column(told, "emergency")["categories"].update(counts={}, rows=0),
        "emergency is counted in 0 of 600 rows",
    ),
    "ranks of nothing": (
        lambda told: told.update(scores={"kind": "ranks", "rows": 600, "loss": 0, "variance": 0}),
        "scores are ranks, and the answers of 0 to 1 by the contract",
    ),
    "classes that are all wrong": (
        lambda told: told["scores"].update(kind="classes", loss=1, variance=0),
        "scores are of classes of which more than 90% are wrong",
    ),
    "numbers of any error": (
        lambda told: told["scores"].update(kind="numbers", loss=1e9),
        "scores have a mean error beyond all",
    ),
    "scores of which all are wrong": (
        lambda told: told["scores"].update(loss=0.9),
        r"scores.loss is 0.9, and by their hundredths 0\.16\d+ to 0\.17",
    ),
    "scores of few rows": (
        lambda told: told["scores"].update(rows=30),
        "scores.counts and positives are not of their rows",
    ),
    "scores of few outcomes": (
        lambda told: told["scores"].update(positives=[0] * 90 + [9] + [0] * 9),
        "scores have fewer than 10 rows of an outcome",
    ),
    "scores that are the wrong way round": (
        lambda told: told["scores"]["positives"].__setitem__(slice(10, 91, 40), [135, 150, 15]),
        r"scores say that the model is worse than chance \(AUROC 0\.\d+\)",
    ),
    "scores of answers that are no such": (
        lambda told: told["columns"][4]["numbers"].update(edges=[0.01, 0.02, 0.05, 0.06]),
        "scores are of other answers than the column of them",
    ),
    "a rate that no answer foresaw": (
        lambda told: told["scores"].update(foreseen=[0.0] * 100),
        "scores.foreseen are not of their hundredths",
    ),
    "no labels": (lambda told: told.update(labels=None), "columns.5. is none|labels is no column"),
    "predictions that are a field": (
        lambda told: told.update(predictions="age"),
        "pairs are not of|predictions is none",
    ),
}


def test_what_the_pipeline_makes_of_a_model_is_of_it() -> None:
    told = profiles.profile()
    watched.of_its_model(profiles.raw(told), CONTRACT, None, "readmission@3")
    noise = profiles.raw({"reference": digest(profiles.raw(told)), "signals": []})
    watched.of_its_model(profiles.raw(told), CONTRACT, noise, "readmission@3")
    _column(told, "ward").update(type="empty", role="none", categories=None, missing=profiles.ROWS)
    watched.of_its_model(profiles.raw(told), CONTRACT, None, "readmission@3")
    with pytest.raises(Refused, match=r"noise.json was learnt by another profile than its own"):
        watched.of_its_model(profiles.raw(told), CONTRACT, noise, "readmission@3")


@pytest.mark.parametrize("name", FORGED)
def test_a_profile_that_would_find_nothing_is_refused_by_its_place(name: str) -> None:
    change, says = FORGED[name]
    told = profiles.profile()
    change(told)
    with pytest.raises(Refused, match=f"profile.json is not of the model that its contract.json .*{says}") as refused:
        watched.of_its_model(profiles.raw(told), CONTRACT, None, "readmission@3")
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize("besides", [[], ["1234"], ["1234", "5678"]], ids=["no", "one", "two"])
@pytest.mark.parametrize("counts", [{}, {"icu": 11}], ids=["none", "one of few rows"])
def test_a_category_of_which_most_rows_have_no_name_is_refused_whatever_names_there_may_be(
    besides: list[str], counts: dict[str, int]
) -> None:
    """One that looks like a record's number has none in an honest profile."""
    contract = json.loads(CONTRACT)
    contract["inputs"][3]["categories"] += besides
    told = profiles.profile()
    rest = profiles.ROWS - sum(counts.values())
    _column(told, "ward")["categories"].update(counts=counts, rest=rest)
    with pytest.raises(Refused, match=f"ward has {rest} of 600 rows in no category"):
        watched.of_its_model(profiles.raw(told), json.dumps(contract).encode(), None, "readmission@3")
    most = {"icu": 200, "medical": 110} if besides else {"icu": 300, "medical": 300}
    _column(told, "ward")["categories"].update(counts=most, rest=profiles.ROWS - sum(most.values()))
    watched.of_its_model(profiles.raw(told), json.dumps(contract).encode(), None, "readmission@3")


@pytest.mark.parametrize(
    ("counts", "rest", "rows", "present", "allowed", "hears"),
    [
        pytest.param({"x": 11}, 49_989, 50_000, 50_000, None, False, id="answers of no name"),
        pytest.param({"x": 11}, 889, 900, 900, None, False, id="of fewer rows"),
        pytest.param({"x": 500}, 400, 900, 900, None, True, id="answers of which few have none"),
        pytest.param({"x": 20}, 45, 65, 130, None, True, id="of so few rows that two have none"),
        pytest.param({}, 300, 300, 600, {f"w{each}" for each in range(400)}, True, id="of many that are rare"),
        pytest.param(
            {}, 5_000, 5_000, 5_000, {f"w{each}" for each in range(400)}, False, id="of many, and enough rows"
        ),
        pytest.param({}, 600, 600, 600, {"1234", "5678"}, False, id="records' numbers"),
        pytest.param({"a": 310}, 290, 600, 600, {"a", "1234"}, True, id="one of them"),
    ],
)
def test_what_hears_of_a_category(
    counts: dict[str, int], rest: int, rows: int, present: int, allowed: set[str] | None, hears: bool
) -> None:
    assert (not hearing.of_categories(counts, rest, rows, present, allowed)) == hears


SAID: dict[str, tuple[dict[str, Any], str]] = {
    "an AUROC below": ({"name": "quality.auroc", "value": 0.99, "minimum": 0.75}, "an AUROC of 0.8.*at least 0.990"),
    "an error above": (
        {"name": "quality.brier", "value": 0.12, "maximum": 0.16},
        "loss is 0.17, and by the gate .*0.12",
    ),
    "more rows": ({"name": "quality.auroc", "value": 0.7, "minimum": 0.6, "rows": 9_000}, "of 600 rows, and the gate"),
}


@pytest.mark.parametrize("what", SAID)
def test_scores_that_the_gates_report_contradicts_are_refused(what: str) -> None:
    """Both are of the rows that the model was tried on."""
    gate, says = SAID[what]
    raw = profiles.raw(profiles.profile())
    held = Gate(**{"rows": profiles.ROWS, "passed": True, **gate})
    with pytest.raises(Refused, match=f"scores.*{says}"):
        watched.of_its_model(raw, CONTRACT, None, "readmission@3", [held])
    told = [Gate("quality.auroc", 0.8, 600, True, 0.6), Gate("quality.brier", 0.18, 600, True, None, 0.2)]
    watched.of_its_model(raw, CONTRACT, None, "readmission@3", told)


def usual(told: dict[str, Any], level: float = 0.1) -> bytes:
    """A noise that was learnt by this profile."""
    return profiles.raw({"reference": digest(profiles.raw(told)), "signals": [], "level": level})


def registered(pretended: Pretended, told: dict[str, Any] | None, noise: bytes | None = None, **tags: str) -> None:
    """As a pipeline does, with this profile and noise."""
    files = {"model.onnx": MODEL_OF_IT, "contract.json": CONTRACT}
    own = FACTS
    if told is not None:
        files |= {"profile.json": profiles.raw(told)}
        own = FACTS | {"parapet.profile": digest(files["profile.json"])}
    if noise is not None:
        files |= {"noise.json": noise}
        own = own | {"parapet.noise": digest(noise)}
    pretended.register(f"{MODEL}-dev", AUTHOR, files, own | tags)


def named(told: dict[str, Any], noise: bytes | None = None) -> dict[str, Any]:
    """What a report says that names its profile, and this noise."""
    facts = {name.removeprefix("parapet."): value for name, value in FACTS.items()}
    more = {"noise": digest(noise)} if noise is not None else {}
    return {"facts": facts | {"profile": digest(profiles.raw(told)), **more}}


@pytest.fixture
def three(world: World) -> World:
    world.contract = CONTRACT
    return world


@pytest.mark.data
def test_a_version_comes_to_staging_with_a_profile_of_its_own_alone(three: World, pretended: Pretended) -> None:
    told = profiles.profile()
    _empty(told)
    registered(pretended, told)
    with pytest.raises(Refused, match=r"readmission-dev version 3: its profile.json is not of the model"):
        three.promote(MODEL_OF_IT, STAGING)
    assert not three.desk().state(MODEL).entries


@pytest.mark.data
def test_who_signs_for_a_report_signs_for_the_profile_that_it_names(three: World, pretended: Pretended) -> None:
    """After it was signed, another profile, or none, rides on it no more than another contract does."""
    told, other = profiles.profile(), profiles.profile()
    _column(other, "heart_rate")["numbers"].update(edges=[10.0, 290.0])
    report = three.report(MODEL_OF_IT, **named(told))
    for forged in (other, None):
        registered(pretended, forged)
        with pytest.raises(Refused, match="The gate report is of another profile than readmission-dev version"):
            three.promote(MODEL_OF_IT, STAGING, report=report)
    registered(pretended, told, **{"parapet.gates": load(report).digest})
    three.promote(MODEL_OF_IT, STAGING, report=report)
    report = three.report(MODEL_OF_IT, **named(told))
    three.promote(MODEL_OF_IT, PROD, three.approve(report), report=report)
    kept, found = three.desk().verified(MODEL)
    assert (len(kept), found) == (4, [])


def required(world: World, since: datetime) -> None:
    world.declared.with_name("earlier.yaml").write_text(yaml.safe_dump([{"profile": "required", "since": since}]))


@pytest.mark.data
def test_what_came_to_staging_before_the_day_goes_on_as_it_did(three: World, pretended: Pretended) -> None:
    registered(pretended, None)
    required(three, datetime.now(UTC) + timedelta(hours=1))
    three.promote(MODEL_OF_IT, STAGING)
    three.promote(MODEL_OF_IT, PROD, desk=three.desk(after=timedelta(minutes=10)))
    kept, found = three.desk().verified(MODEL)
    assert (len(kept), found) == (4, [])


@pytest.mark.data
@pytest.mark.parametrize("there", [False, True])
def test_two_people_let_a_version_without_an_approved_profile_pass_by_its_name(
    three: World, pretended: Pretended, there: bool
) -> None:
    """Whether it has none, or has one that its report does not name."""
    registered(pretended, profiles.profile() if there else None)
    required(three, datetime.now(UTC) - timedelta(hours=1))
    three.promote(MODEL_OF_IT, STAGING)
    report = three.report(MODEL_OF_IT)
    one, two = (three.approve(report, who) for who in (ALICE, BOB))
    for given in ([one], [one, two], [three.approve(report, override=[UNWATCHED])]):
        with pytest.raises(Refused, match=r"another override: none, and this is drift-profile|by two people other"):
            three.promote(MODEL_OF_IT, PROD, *given, report=report)
    both = [three.approve(report, who, override=[UNWATCHED]) for who in (ALICE, BOB)]
    three.promote(MODEL_OF_IT, PROD, *both, report=report)
    begun = three.desk().state(MODEL).entries[2]
    assert (begun.to, begun.override) == (PROD, [UNWATCHED])
    assert three.desk().verified(MODEL)[1] == []


@pytest.mark.data
def test_who_signs_for_a_report_signs_for_the_noise_that_it_names(three: World, pretended: Pretended) -> None:
    """After it was signed, a noise that calls more usual, or none, does not ride on it."""
    told = profiles.profile()
    own, louder = usual(told), usual(told, 1e9)
    report = three.report(MODEL_OF_IT, **named(told, own))
    for forged in (louder, None):
        registered(pretended, told, forged)
        with pytest.raises(Refused, match="The gate report is of another noise than readmission-dev version"):
            three.promote(MODEL_OF_IT, STAGING, report=report)
    registered(pretended, told, own, **{"parapet.gates": load(report).digest})
    required(three, datetime.now(UTC) - timedelta(hours=1))
    three.promote(MODEL_OF_IT, STAGING, report=report)
    three.promote(MODEL_OF_IT, PROD, three.approve(report), report=report)
    kept, found = three.desk().verified(MODEL)
    assert (len(kept), found) == (4, [])


@pytest.mark.data
def test_a_noise_that_the_report_does_not_name_comes_to_production_as_a_profile_does(
    three: World, pretended: Pretended
) -> None:
    """By two people alone, who let it pass by its name; also with a report that names the profile, and also with
    another report than the one by which it came to staging."""
    told = profiles.profile()
    registered(pretended, told, usual(told))
    required(three, datetime.now(UTC) - timedelta(hours=1))
    three.promote(MODEL_OF_IT, STAGING, report=three.report(MODEL_OF_IT, **named(told, usual(told))))
    report = three.report(MODEL_OF_IT, **named(told))
    with pytest.raises(Refused, match=r"another override: none, and this is drift-profile"):
        three.promote(MODEL_OF_IT, PROD, three.approve(report), report=report)
    assert three.desk().state(MODEL).serving(PROD) is None
    both = [three.approve(report, who, override=[UNWATCHED]) for who in (ALICE, BOB)]
    three.promote(MODEL_OF_IT, PROD, *both, report=report)
    assert three.desk().verified(MODEL)[1] == []


@pytest.mark.data
def test_who_lets_a_profile_pass_that_the_report_names_lets_nothing_pass(three: World) -> None:
    told = profiles.profile()
    report = three.report(MODEL_OF_IT, GOOD, **named(told, usual(told)))
    with pytest.raises(Refused, match=f"The override names {UNWATCHED}; failed have\n    none failed"):
        three.approve(report, override=[UNWATCHED])
