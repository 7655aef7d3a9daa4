"""What the monitor's own check finds becomes the right alert: of what kind, of which columns, and how grave."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from delivery.monitoring.found import Check
from delivery.monitoring.running import check_files, profile_files
from tests.delivery.monitoring.alert_checks import MODEL, steps
from tests.delivery.monitoring.years import PLANTED, PREDICTION, Hospital, Rows, instant, together, with_planted

pytestmark = pytest.mark.data

HOSPITAL = Hospital(400, seed=3)
DAY = 200


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    rows = written(folder / "reference.parquet", together([HOSPITAL.day(number) for number in range(190, 204)]))
    profile_files([rows], folder / "profile.json", PREDICTION, None)
    return folder / "profile.json"


def written(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.table({name: pa.array(values, from_pandas=True) for name, values in rows.items()}), path)
    return path


def checked(profile: Path, rows: Rows, folder: Path, number: int) -> Check:
    found = check_files([profile], [written(folder / f"{number}.parquet", rows)], PREDICTION)
    return structs.replace(found, at=instant(number + 1), model=MODEL)


@pytest.mark.parametrize(
    ("planted", "kind", "column", "severity"),
    [
        pytest.param("the laboratory's units", "schema", "creatinine", "page", id="units"),
        pytest.param("a monitor that reads high", "data", "heart_rate", "page", id="a monitor"),
        pytest.param("a model that says more", "prediction", PREDICTION, "ticket", id="a model"),
    ],
)
def test_a_check_becomes_the_right_alert(
    profile: Path, tmp_path: Path, planted: str, kind: str, column: str, severity: str
) -> None:
    rows = [with_planted(HOSPITAL.day(n), PLANTED[planted], HOSPITAL, n) for n in (DAY, DAY + 1)]
    told = steps(*(checked(profile, each, tmp_path, DAY + place) for place, each in enumerate(rows)))
    (alert,) = (each.alert for each in told[1].state.open)
    assert (alert.kind, alert.severity) == (kind, severity)
    assert column in alert.columns


def test_a_usual_day_becomes_none(profile: Path, tmp_path: Path) -> None:
    told = steps(*(checked(profile, HOSPITAL.day(n), tmp_path, n) for n in (DAY, DAY + 1)))
    assert not told[1].state.open
