"""A waiver names a rule, a resource, a reason, an owner and a day; anything less is refused."""

from datetime import date
from pathlib import Path

import pytest

from hipaa.waivers import UnusableWaivers, Waiver, load, waiver_of

URN = "urn:pulumi:dev::clinic::aws:s3/bucket:Bucket::scratch"
SOUND = """
- rule: s3-bucket-has-lifecycle
  urn: "urn:pulumi:dev::*::aws:s3/bucket:Bucket::scratch"
  reason: Emptied every night.
  compensating_control: It is encrypted like any other.
  owner: data@example.com
  requested_by: data@example.com
  approved_by: security@example.com
  approved: 2026-11-24
  expires: 2027-03-31
"""


def loaded(folder: Path, text: str) -> tuple[Waiver, ...]:
    file = folder / "waivers.yaml"
    file.write_text(text)
    return load(file)


def test_sound_waiver_holds_through_its_last_day(tmp_path: Path) -> None:
    waivers = loaded(tmp_path, SOUND)
    assert waiver_of(waivers, "s3-bucket-has-lifecycle", URN, date(2027, 3, 31)) == waivers[0]
    assert waiver_of(waivers, "s3-bucket-has-lifecycle", URN, date(2027, 4, 1)) is None


def test_waiver_holds_from_the_day_of_its_approval(tmp_path: Path) -> None:
    (waiver,) = loaded(tmp_path, SOUND)
    assert [waiver.holds(day) for day in (date(2026, 11, 23), date(2026, 11, 24))] == [False, True]


@pytest.mark.parametrize("urn", ["*", "urn:*", "urn:pulumi:dev::*::aws:s3/bucket:Bucket::*", "*::a?", "*::?*?"])
def test_waiver_that_names_nothing_waives_nothing(tmp_path: Path, urn: str) -> None:
    (waiver,) = loaded(tmp_path, SOUND.replace("urn:pulumi:dev::*::aws:s3/bucket:Bucket::scratch", urn))
    assert not waiver.is_narrow
    assert not waiver.holds(date(2027, 1, 1))


def test_waiver_is_for_one_rule_and_one_kind_of_name(tmp_path: Path) -> None:
    waivers = loaded(tmp_path, SOUND)
    assert waiver_of(waivers, "s3-bucket-keeps-versions", URN, date(2027, 1, 1)) is None
    assert waiver_of(waivers, "s3-bucket-has-lifecycle", f"{URN}-2", date(2027, 1, 1)) is None


def test_waiver_says_who_why_and_until_when(tmp_path: Path) -> None:
    assert str(loaded(tmp_path, SOUND)[0]) == "waived until 2027-03-31 by security@example.com: Emptied every night."


@pytest.mark.parametrize("text", ["", "[]", "# nothing\n"])
def test_no_waivers(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == ()


def test_no_file_is_no_waivers(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yaml") == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "s3-bucket-has-lifecycle",
            "s3-bucket-is-blue",
            r"waiver 1: rule is 's3-bucket-is-blue'.*no rule of this pack",
        ),
        ("  reason: Emptied every night.\n", "", "waiver 1: reason"),
        ("Emptied every night.", '"  "', "waiver 1: reason"),
        ("  owner: data@example.com\n", "", "waiver 1: owner"),
        ("2027-03-31", "some day", "waiver 1: expires is 'some day'"),
        ("  expires: 2027-03-31\n", "", "waiver 1: expires"),
        ("  compensating_control: It is encrypted like any other.\n", "", "waiver 1: compensating_control is missing"),
        ("  requested_by: data@example.com\n", "", "waiver 1: requested_by is missing"),
        ("  approved_by: security@example.com\n", "", "waiver 1: approved_by is missing"),
        ("  approved: 2026-11-24\n", "", "waiver 1: approved is missing"),
        (
            "security@example.com",
            "Data@Example.com",
            "both 'Data@Example.com'; who accepts a risk must be somebody else",
        ),
        ("2027-03-31", "2027-11-26", "approved on 2026-11-24 and expires on 2027-11-26; it must end within a year"),
        ("2027-03-31", "2026-11-23", "approved on 2026-11-24 and expires on 2026-11-23"),
        ("  owner:", "  color: blue\n  owner:", "waiver 1: color"),
        ("- rule:", "rule:", "not YAML|must be a list"),
        ("- rule:", "- - rule:", "not YAML|waiver 1"),
    ],
)
def test_malformed_waiver_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UnusableWaivers, match=message):
        loaded(tmp_path, SOUND.replace(old, new))


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnusableWaivers) as caught:
        loaded(tmp_path, "- rule: s3-bucket-has-lifecycle\n- 7\n")
    assert len(str(caught.value).splitlines()) == 9


def test_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableWaivers, match="must be a list"):
        loaded(tmp_path, "rule: s3-bucket-has-lifecycle\n")


def test_the_packs_own_example_is_a_sound_waiver(tmp_path: Path) -> None:
    own = Path(__file__).parents[2] / "policies" / "waivers.yaml"
    example = "\n".join(line[2:] for line in own.read_text().splitlines() if line.startswith(("# -", "#   ")))
    assert len(loaded(tmp_path, example)) == 1


def test_the_packs_own_waivers_can_be_used() -> None:
    own = load(Path(__file__).parents[2] / "policies" / "waivers.yaml")
    assert own
    assert all(waiver.is_narrow for waiver in own)
