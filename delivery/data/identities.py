"""Direct identifiers of made-up people, as a real feed has them, so that de-identification has something to do."""

from functools import cache
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from delivery.data.figures import HERE, Choice

IMPLANTED: Final = 0.08
"""Share of people with a device whose serial number the feed has."""


@cache
def _people() -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "people.yaml").read_text()))


def identities(
    rng: np.random.Generator,
    number: NDArray[np.int64],
    sex: NDArray[np.object_],
    person: NDArray[np.int64],
    nth: NDArray[np.int64],
) -> dict[str, NDArray[Any]]:
    """Identifiers of the stays `nth` of `person`: a person's own stay the same, a stay's are new each time.

    `number` and `sex` are the people's, `person` indices into them.
    """
    told, size = _people(), number.size
    given = np.array([_name(rng, told["given_names"], each) for each in sex], dtype=object)
    family = _drawn(rng, told["family_names"], size)
    areas = Choice.of({area: each["share"] for area, each in told["areas"].items()})
    area = areas.indices(rng, size)
    zips = [f"{areas.names[each]}{tail:02d}" for each, tail in zip(area, rng.integers(1, 100, size), strict=True)]
    digits = rng.integers(0, 10_000, (6, size))
    houses = rng.integers(1, 400, size)
    of_people: dict[str, list[Any]] = {
        "mrn": [f"M{each:09d}" for each in number],
        "ssn": [f"9{a % 100:02d}-{b % 100:02d}-{c:04d}" for a, b, c in digits[:3].T],
        "health_plan_number": [f"H{a:04d}{b:04d}" for a, b in digits[1:3].T],
        "license_number": [f"S{a:04d}{b:04d}" for a, b in digits[3:5].T],
        "device_serial": [
            f"DEV-{a:04d}-{b:04d}" if has else None
            for a, b, has in zip(digits[4], digits[5], rng.random(size) < IMPLANTED, strict=True)
        ],
        "given_name": list(given),
        "family_name": list(family),
        "phone": [f"({200 + a % 800}) 555-01{b % 100:02d}" for a, b in digits[:2].T],
        "email": [f"{a}.{b}{c}@example.com".lower() for a, b, c in zip(given, family, number, strict=True)],
        "street_address": [f"{a} {b}" for a, b in zip(houses, _drawn(rng, told["streets"], size), strict=True)],
        "city": [told["areas"][areas.names[each]]["city"] for each in area],
        "zip_code": zips,
        "portal_url": [f"https://portal.example.org/people/{each}" for each in number],
    }
    columns = {name: np.array(values, dtype=object)[person] for name, values in of_people.items()}
    stay = number[person] * 100 + nth
    columns["record_id"] = np.array([f"E{each:010d}" for each in stay], dtype=object)
    columns["account_number"] = np.array([f"A{each:09d}" for each in rng.integers(0, 10**9, person.size)], dtype=object)
    columns["portal_ip"] = np.array([f"192.0.2.{each}" for each in rng.integers(1, 255, person.size)], dtype=object)
    complaint = _drawn(rng, told["complaints"], person.size)
    called = zip(columns["given_name"], columns["family_name"], columns["phone"], complaint, strict=True)
    columns["triage_note"] = np.array([f"{a} {b}, {c}: {d}." for a, b, c, d in called], dtype=object)
    return columns


def _drawn(rng: np.random.Generator, names: list[str], size: int) -> NDArray[np.object_]:
    return np.array(names, dtype=object)[rng.integers(0, len(names), size)]


def _name(rng: np.random.Generator, names: dict[str, list[str]], sex: str) -> str:
    pool = names[sex] if sex in names else names["female"] + names["male"]
    return pool[rng.integers(len(pool))]
