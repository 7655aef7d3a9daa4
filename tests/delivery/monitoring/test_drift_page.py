"""The report of a check of drift as a page: whole, of this file alone, readable to everybody, and of nobody."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

import compliance
from delivery.monitoring import page as page_module
from delivery.monitoring.found import JOINT, OTHERS, Check
from delivery.monitoring.page import TESTS, means, page, write
from delivery.monitoring.running import check_files, profile_files
from delivery.registry.documents import canonical
from delivery.registry.refused import Refused
from tests.delivery.browser import NEEDED, Viewer, opened
from tests.strict_html import Page

pytestmark = pytest.mark.data
ROWS = 1_200
SECRET = "Jane Roe of Elm Street"
HOSTILE = "</td><script>alert(1)</script><img src=x onerror=y>"


def rows(seed: int, *, moved: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    score = rng.random(ROWS)
    wards = ["icu", "medical", "a ward of a name too long for a plot"]
    return {
        "lab": np.append(rng.normal(3 if moved else 0, 1, ROWS - 3), [9e4, 9e4, 9e4]),
        "ward": rng.choice(wards, ROWS, p=[0.7, 0.2, 0.1] if moved else [0.2, 0.2, 0.6]).tolist(),
        "same": rng.normal(0, 1, ROWS),
        HOSTILE: rng.normal(2 if moved else 0, 1, ROWS),
        "site": rng.choice(["north", "south"], ROWS).tolist(),
        "score": score**3 if moved else score,
        "label": (rng.random(ROWS) < (0.5 if moved else score)).astype(np.int64),
        "born": ["1931-05-06"] * ROWS,
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("page")
    now = rows(2, moved=True)
    now["ward"][:3], now["ward"][3:40] = [SECRET] * 3, ["new"] * 37
    pq.write_table(pa.table(rows(1)), folder / "before.parquet")
    pq.write_table(pa.table(now | {SECRET: now["lab"]}), folder / "now.parquet")
    return folder / "before.parquet", folder / "now.parquet"


@pytest.fixture(scope="module")
def check(files: tuple[Path, Path]) -> Check:
    return structs.replace(check_files([files[0]], [files[1]], "score", "label", by="site"), model="readmission@3")


def test_a_check_tells_how_what_drifted_is_spread(check: Check) -> None:
    told = {spread.name: spread for spread in check.spreads}
    assert told.keys() >= {"lab", "ward", HOSTILE, "score"}
    assert "same" not in told
    lab, ward = told["lab"], told["ward"]
    assert (sum(lab.reference), sum(lab.window)) == (ROWS, ROWS)
    assert lab.window[-1] > lab.reference[-1]
    assert max(lab.edges) < 9e4
    assert ward.categories[-1] == OTHERS  # the new ones have no name
    assert set(ward.categories[:-1]) == set(rows(1)["ward"])
    assert (ward.reference[-1], ward.window[-1]) == (0, 40)


def test_a_profile_and_its_rows_tell_the_same(files: tuple[Path, Path], check: Check, tmp_path: Path) -> None:
    profile_files([files[0]], tmp_path / "profile.json", "score", "label")
    by_profile = check_files([tmp_path / "profile.json"], [files[1]])
    assert {each.name: each for each in by_profile.spreads}["lab"] == {each.name: each for each in check.spreads}["lab"]
    names, others = ({each.name: each.categories for each in of.spreads} for of in (check, by_profile))
    assert names["ward"] == others["ward"]


def test_the_page_says_what_the_check_says(check: Check) -> None:
    read = Page(page(check))
    for column in check.columns.values():
        assert column.name == JOINT or column.name in read.text
    for each in check.tests:
        assert each.test in read.text
        assert each.value is None or f"{each.value:.4g}" in read.text or each.threshold == 0
    assert check.reference in read.text
    assert {"site=north", "site=south"} <= {each.cohort for each in check.tests}
    for sentence in (*check.alerts, *check.notes, "site=north", "drift: schema", "readmission@3"):
        assert sentence in read.text
    assert read.tags.count("svg") == read.tags.count("desc") == len(check.spreads)
    assert {"header", "nav", "main", "footer", "caption", "figcaption"} <= set(read.tags)
    assert all(link.startswith("#") and link[1:] in read.ids for link in read.links)
    assert len(read.ids) == len(set(read.ids))


def test_it_is_of_the_check_alone(check: Check) -> None:
    again = msgspec.json.decode(canonical(check), type=Check)
    assert page(again) == page(check)


def test_what_a_column_is_called_stays_text(check: Check) -> None:
    read = Page(page(check))
    assert not {"script", "img", "link", "iframe"} & set(read.tags)
    assert HOSTILE in read.text


def test_nothing_of_a_person_is_on_it(check: Check) -> None:
    text = page(check)
    assert SECRET not in text
    assert "9e+04" not in text
    assert "90000" not in text
    assert "1931" not in text
    assert "(column 9)" in text


def test_each_test_has_words(check: Check) -> None:
    for each in check.tests:
        assert means(each.test) != each.test, each.test
    assert means("ks_binned").startswith(TESTS["ks"])
    assert means("one of tomorrow") == "one of tomorrow"


@pytest.mark.parametrize("rows_told", [0, 12, 400])
def test_a_window_without_drift_has_a_page(tmp_path: Path, rows_told: int) -> None:
    few = {name: values[:rows_told] for name, values in rows(3).items()}
    pq.write_table(pa.table(rows(1)), tmp_path / "before.parquet")
    pq.write_table(pa.table(few, pa.Table.from_pydict(rows(1)).schema), tmp_path / "few.parquet")
    found = check_files([tmp_path / "before.parquet"], [tmp_path / "few.parquet"])
    assert (found.drifted, found.spreads) == (False, [])
    read = Page(page(found))
    assert ("nothing drifted" in read.text) == (rows_told == 400)
    assert ("too few rows to judge values" in read.text) == (rows_told < 30)
    assert "svg" not in read.tags


def test_what_is_not_drawn_is_said(tmp_path: Path) -> None:
    now = rows(2)
    now.pop("ward")
    pq.write_table(pa.table(rows(1)), tmp_path / "before.parquet")
    pq.write_table(pa.table(now), tmp_path / "now.parquet")
    read = Page(page(check_files([tmp_path / "before.parquet"], [tmp_path / "now.parquet"])))
    assert "The distribution of ward: its values are not compared, since the column is missing." in read.text


def test_labels_that_came_of_earlier_rows_are_not_drawn_and_it_says_why(check: Check) -> None:
    """As a daily check has them: beside the window's rows, and in no distribution of it."""
    without = structs.replace(check, spreads=[each for each in check.spreads if each.name != "label"])
    read = Page(page(without))
    assert "The distribution of label: it is of labels that came meanwhile, which may be of earlier rows." in read.text
    assert read.tags.count("svg") == len(check.spreads) - 1


def test_a_page_that_cannot_be_written_says_so(check: Check, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be written to .*no/report.html: No such file or directory\."):
        write(check, tmp_path / "no" / "report.html")


def test_both_pages_are_of_one_design() -> None:
    """What compliance and delivery may not import from each other is the same bytes."""
    ours, theirs = (Path(str(each.__file__)).parent / "templates/page.css" for each in (page_module, compliance))
    assert ours.read_bytes() == theirs.read_bytes()


CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const light = (colour) => { const [r, g, b] = numbers(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const apart = (one, other) => {
    const [a, b] = [light(one), light(other)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [...document.querySelectorAll(
    'h1, h2, p, th, td, li, dt, dd, summary, a:not(.skip), .badge, .quiet, svg text')];
  const of = (each) => each.closest('svg') ? getComputedStyle(each).fill : getComputedStyle(each).color;
  return Math.min(...texts.map((each) => apart(of(each), behind(each))));
}"""
"""The least contrast of any text with what is behind it, as WCAG 2.2 defines it; 4.5 is asked for."""
OUTSIDE = """() => [...document.querySelectorAll('svg')].flatMap((svg) => {
  const whole = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('rect, text, line')].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.left < whole.left - 1 || box.right > whole.right + 1
      || box.top < whole.top - 1 || box.bottom > whole.bottom + 1;
  }).map((each) => each.outerHTML);
})"""


@NEEDED
def test_a_browser_shows_all_of_it_and_asks_for_nothing(check: Check, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(page(check), encoding="utf-8")
    with opened("") as viewer:
        asked: list[str] = []
        viewer.page.on("request", lambda request: asked.append(request.url))
        viewer.page.goto(report.as_uri())
        viewer.shows(
            "readmission@3", *(name for name, column in check.columns.items() if column.drifted and name != JOINT)
        )
        assert (viewer.complaints, viewer.lacking, asked) == ([], [], [report.as_uri()])
        _is_told_to_who_does_not_see_it(viewer, check)
        for scheme in ("light", "dark"):
            viewer.page.emulate_media(color_scheme=scheme)
            assert viewer.page.evaluate(CONTRAST) >= 4.5, scheme
        assert viewer.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert viewer.page.evaluate(OUTSIDE) == []
        viewer.page.set_viewport_size({"width": 380, "height": 800})
        assert viewer.page.evaluate("document.documentElement.scrollWidth") <= 380
        viewer.page.emulate_media(media="print", color_scheme="light")
        assert not viewer.page.locator("nav").is_visible()
        assert all(each.is_visible() for each in viewer.page.locator("figure table").all())
        assert viewer.page.evaluate(CONTRAST) >= 4.5
        # What it would ask for is refused by its own policy, and seen here.
        viewer.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
        viewer.page.wait_for_timeout(200)
        assert any("Content Security Policy" in text for _, text in viewer.complaints)


def _is_told_to_who_does_not_see_it(viewer: Viewer, check: Check) -> None:
    by_role = viewer.page.get_by_role
    for spread in check.spreads:
        drawing = by_role("img", name=spread.name, exact=True)
        assert drawing.count() == 1
        assert "largest difference" in (drawing.locator("desc").text_content() or "")
    assert by_role("heading", level=1).count() == 1
    assert [each.inner_text() for each in by_role("heading", level=2).all()] == [
        "Summary",
        "Distributions",
        "Groups",
        "All tests",
        "What is not told",
    ]
    for table in viewer.page.locator("table").all():
        assert table.locator("caption").count() == 1
        assert table.locator("thead th[scope=col]").count() >= 3
        assert table.locator("tbody tr").count() == table.locator("tbody th[scope=row]").count()
