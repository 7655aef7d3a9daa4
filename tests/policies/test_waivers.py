"""A waiver names a rule, a resource, a reason, an owner and a day; anything less is refused."""

from datetime import date
from pathlib import Path

import pytest

from hipaa.__main__ import main
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


@pytest.mark.parametrize(
    "urn",
    [
        *("*", "urn:*", "urn:pulumi:dev::*::aws:s3/bucket:Bucket::*", "*::a?", "*::?*?"),
        *("*::----*", "*::...", "*::*e*e*e*", "*::*%%%*", "*::___"),
    ],
)
def test_waiver_that_names_nothing_waives_nothing(tmp_path: Path, urn: str) -> None:
    (waiver,) = loaded(tmp_path, SOUND.replace("urn:pulumi:dev::*::aws:s3/bucket:Bucket::scratch", urn))
    assert not waiver.is_narrow
    assert not waiver.holds(date(2027, 1, 1))


def test_waiver_is_for_one_rule_and_one_kind_of_name(tmp_path: Path) -> None:
    waivers = loaded(tmp_path, SOUND)
    assert waiver_of(waivers, "s3-bucket-keeps-versions", URN, date(2027, 1, 1)) is None
    assert waiver_of(waivers, "s3-bucket-has-lifecycle", f"{URN}-2", date(2027, 1, 1)) is None


def test_waiver_says_who_why_and_until_when(tmp_path: Path) -> None:
    assert str(loaded(tmp_path, SOUND)[0]) == (
        "waived until 2027-03-31 by security@example.com: Emptied every night. In the meantime: It is encrypted like "
        "any other. Owner: data@example.com; asked for by data@example.com."
    )


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
        ("2027-03-31", "2027-11-25", "expires on 2027-11-25; it must end within a year, on 2027-11-24 at the latest"),
        ("2026-11-24", "2026-13-24", "not YAML: month must be in"),
        ("  approved_by:", "  approved_by: a@example.com\n  approved_by:", "approved_by is there twice"),
        ("- rule:", "- ? [a]\n  : 1\n  rule:", "not YAML"),
        ("2027-03-31", "2026-11-23", "approved on 2026-11-24 and expires on 2026-11-23"),
        ("  owner:", "  color: blue\n  owner:", "waiver 1: color"),
        ("- rule:", "rule:", "not YAML|must be a list"),
        ("- rule:", "- - rule:", "not YAML|waiver 1"),
    ],
)
def test_malformed_waiver_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UnusableWaivers, match=message):
        loaded(tmp_path, SOUND.replace(old, new))


@pytest.mark.parametrize(
    "approver",
    [
        *(
            "data+1@example.com",
            "DATA@EXAMPLE.COM",
            "Ann  Lee <data@example.com>",
            '"data@example.com\\u200b"',
            "Ann Lee",
        ),
        *("\uff44ata@example.com", "data@example.com.", "TBD", "n/a", "xxx", "d\u0430ta@example.com"),
    ],
)
def test_who_asked_for_it_approves_it_under_no_other_form_of_the_name(tmp_path: Path, approver: str) -> None:
    with pytest.raises(UnusableWaivers, match=r"must be somebody else|must be a plain e-mail address"):
        loaded(tmp_path, SOUND.replace("security@example.com", approver))


@pytest.mark.parametrize("words", ["none", "N/A", "...", "TBD", "xxxx", "None.", "to do", "Emptied  every NIGHT"])
def test_what_says_nothing_is_no_compensating_control(tmp_path: Path, words: str) -> None:
    with pytest.raises(UnusableWaivers, match=r"says nothing|is the reason again|at least 3"):
        loaded(tmp_path, SOUND.replace("It is encrypted like any other.", words))


def test_a_year_from_a_leap_day_ends_before_march(tmp_path: Path) -> None:
    leap = SOUND.replace("2026-11-24", "2028-02-29")
    assert loaded(tmp_path, leap.replace("2027-03-31", "2029-02-28"))
    with pytest.raises(UnusableWaivers, match=r"on 2029-02-28 at the latest"):
        loaded(tmp_path, leap.replace("2027-03-31", "2029-03-01"))


@pytest.mark.parametrize("content", ["reason: é".encode("latin-1"), b"[" * 3000, None])
def test_file_that_cannot_be_read_is_refused_with_words(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "waivers.yaml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(UnusableWaivers, match=r"waivers\.yaml (is not UTF-8|is nested too deep|cannot be read)"):
        load(file)


def test_file_of_another_name_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "waivers.yml").write_text(SOUND)
    with pytest.raises(UnusableWaivers, match=r"rename it to waivers\.yaml"):
        load(tmp_path / "waivers.yaml")


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


def test_the_pack_alone_tells_of_rules_profiles_and_waivers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(SOUND.replace("2026-11-24", "2020-11-24").replace("2027-03-31", "2021-03-31"))
    assert main(["check-waivers", str(file)]) == 1
    assert "expired          2021-03-31  s3-bucket-has-lifecycle" in capsys.readouterr().out
    file.write_text("- 7\n")
    assert main(["check-waivers", str(file)]) == main(["check-waivers", str(tmp_path / "none")]) == 2
    assert main(["explain", "kms-key-rotatez"]) == 2
    assert "Near it: kms-key-rotates" in capsys.readouterr().err
    assert main(["explain", "kms-key-rotates"]) == main(["list"]) == main(["profile", "hipaa-nprm-2025"]) == 0
    assert '": "mandatory"' in capsys.readouterr().out
