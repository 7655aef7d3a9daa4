"""What a model comes with to be checked by, and what of it is not taken."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from delivery.monitoring.alerting.declared import declared
from delivery.monitoring.alerting.noise import BEFORE, FORMAT, Noise, Signal
from delivery.monitoring.daily import settings
from delivery.monitoring.daily.places import Place
from delivery.monitoring.daily.signed import OLD, Known, known
from delivery.registry.documents import digest
from delivery.registry.refused import Refused
from tests.delivery.monitoring.daily.world import ARTIFACTS, NAME, World

SIGNAL = Signal("heart_rate", "ks_binned", None, 2.0, [0.0] * 7, [], 0.3, 500.0, 73)


def noise(reference: str, *signals: Signal) -> bytes:
    return Noise(FORMAT, NAME, reference, list(signals or (SIGNAL,))).raw


def taken(world: World) -> Known:
    told = settings.load(world.configuration()).model
    return known(told, Place.of_the_model(world.s3, told), declared())


@pytest.mark.data
def test_the_noise_of_its_own_profile_is_taken_and_no_other(world: World, profile: bytes) -> None:
    assert taken(world).noise is None
    own = noise(digest(profile))
    world.promote({"profile.json": profile, "noise.json": own.replace(FORMAT.encode(), BEFORE.encode())})
    before = taken(world)
    assert (before.noise, before.notes) == (None, [OLD])
    world.promote({"profile.json": profile, "noise.json": own})
    found = taken(world)
    assert found.noise is not None
    assert (found.noise.raw, found.profile.digest) == (own, digest(profile))
    world.put(ARTIFACTS, f"{world.bundle}/noise.json", noise(digest(b"another")))
    with pytest.raises(Refused, match=r"noise.json is not the one that was signed"):
        taken(world)
    world.promote({"profile.json": profile, "noise.json": noise(digest(b"another"))})
    with pytest.raises(Refused, match=r"learnt by another profile than its own"):
        taken(world)


def changed(profile: bytes, change: Callable[[Any], Any]) -> bytes:
    told = json.loads(profile)
    change(told)
    return json.dumps(told).encode()


def column(told: Any, name: str) -> Any:
    return next(each for each in told["columns"] if each["name"] == name)


@pytest.mark.data
@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda told: told.update(scores=None), "scores are not of 30 rows", id="no scores"),
        pytest.param(
            lambda told: column(told, "heart_rate")["numbers"].update(
                noise={"rows": 6000, "parts": [1e300], "longer": 1.0}
            ),
            r"columns.1. has a noise of more than 10",
            id="a noise that explains everything",
        ),
        pytest.param(
            lambda told: column(told, "sex").update(role="key", categories=None),
            "sex is a category by the contract, and here text and judged as key",
            id="a key",
        ),
        pytest.param(
            lambda told: column(told, "sodium").update(type="empty", role="none", numbers=None, missing=0),
            r"columns.3..type is empty, and it has values",
            id="no type",
        ),
        pytest.param(lambda told: told["columns"].remove(column(told, "ward")), "it lacks ward", id="a column less"),
        # A number of one value, as profiles had it before their bins lay close to it.
        pytest.param(
            lambda told: column(told, "sodium").update(
                missing=0, numbers={"edges": [0.0, 200.0], "counts": [0, told["rows"], 0], "low": 0, "high": 3}
            ),
            "sodium has 6,000 of 6,000 rows in one bin, and no value is other than another",
            id="one value, as before",
        ),
    ],
)
def test_a_profile_of_another_model_is_not_taken(
    world: World, profile: bytes, change: Callable[[Any], Any], says: str
) -> None:
    """Signed as it may be: what was approved before promotions looked at it is looked at each day."""
    world.promote({"profile.json": changed(profile, change)})
    with pytest.raises(Refused, match=f"{NAME}@3.*{says}") as refused:
        taken(world)
    assert "Register the model by the pipeline, which makes both, and promote what it registers" in str(refused.value)


FIELDS = ("age", "heart_rate", "temperature", "sodium", "emergency", "sex", "ward", "output.readmitted_30d")


def of_each(*names: str, **more: Any) -> list[Signal]:
    return [Signal(each, "psi", None, 2.5, [0.0] * 7, [], 0.4, 500.0, 73) for each in FIELDS if each not in names] + [
        structs.replace(SIGNAL, name=each, **more) for each in names
    ]


@pytest.mark.data
@pytest.mark.parametrize(
    ("silent", "more", "is_deaf"),
    [
        # As the bounds of alerting.yaml let each of them be.
        pytest.param(FIELDS, {"level": 30.0, "spread": 5.0}, True, id="all, each day"),
        pytest.param(FIELDS[:5], {"level": 30.0, "spread": 5.0}, True, id="five of eight"),
        pytest.param(FIELDS[:4], {"level": 30.0, "spread": 5.0}, False, id="half"),
        pytest.param(FIELDS, {"season": [9.0] * 6}, True, id="by a season"),
        pytest.param(FIELDS, {"weekdays": [9.0] * 6 + [0.0]}, True, id="but on Sundays"),
        pytest.param(FIELDS, {"level": 1.5, "weekdays": [9.0] * 3 + [0.0] * 4}, False, id="on three days"),
        pytest.param(FIELDS, {"weekdays": [2.0] * 6 + [0.0], "rows": 15.0}, True, id="by few rows"),
        pytest.param(FIELDS, {"level": 5.0}, True, id="in windows of less than a thousand rows"),
        # A hospital of large days whose Sundays are others, and influenza.
        pytest.param(FIELDS, {"level": 1.5, "weekdays": [0.0] * 6 + [4.0], "rows": 1500.0}, False, id="a Sunday"),
        pytest.param(FIELDS[:4], {"level": 2.5, "season": [0.8, 0.6, 0.2, 0.1, 0.0, 0.1]}, False, id="a winter"),
        pytest.param(FIELDS, {"level": 1.4, "spread": 0.4, "rows": 15.0}, False, id="few rows, and chance alone"),
    ],
)
def test_a_noise_that_makes_the_check_deaf_as_a_whole_is_refused_with_why(
    world: World, profile: bytes, silent: tuple[str, ...], more: dict[str, Any], is_deaf: bool
) -> None:
    world.promote({"profile.json": profile, "noise.json": noise(digest(profile), *of_each(*silent, **more))})
    if not is_deaf:
        assert taken(world).noise
        return
    with pytest.raises(Refused, match=rf"noise.json makes the daily check deaf: by it {len(silent)} of 8 columns"):
        taken(world)


@pytest.mark.data
def test_what_a_noise_says_beyond_what_is_allowed_is_not_taken_and_noted(world: World, profile: bytes) -> None:
    deaf = Signal("temperature", "psi", None, 1e9, [0.0] * 7, [], 1.0, 500.0, 73)
    world.promote({"profile.json": profile, "noise.json": noise(digest(profile), SIGNAL, deaf)})
    found = taken(world)
    assert found.noise is not None
    assert found.noise.signals == [SIGNAL]
    (note,) = found.notes
    assert "is not taken of 1 of 2 statistics" in note
    assert "signals[1].level is 1e+09, and may be 30 at most" in note
