"""Each boundary has one owner, and a file that says otherwise is refused by what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.incidents.owners import Audience, Boundary, owners
from delivery.registry.refused import Refused

OWNERS = Path(__file__).parents[3] / "runbooks" / "owners.yaml"


def test_each_boundary_has_an_owner_with_receivers_of_its_own() -> None:
    found = owners(OWNERS)
    assert {each.boundary for each in found.owners} == set(Boundary)
    assert found.of(Boundary.DATA).team == "Data engineering"
    receivers = [name for each in found.owners for name in (each.page, each.ticket)]
    assert len(set(receivers)) == len(receivers)
    assert set(found.officers) == set(Audience)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda told: told["owners"].pop(), "has clinical 0 times; each boundary has one owner"),
        (lambda told: told["owners"].append(told["owners"][0]), "has data 2 times"),
        (lambda told: told["owners"][0].update(boundary="finance"), "is not as it must be: Invalid enum value"),
        (lambda told: told["owners"][0].update(page="Page Data"), "at `$.owners[0].page`"),
        (lambda told: told["owners"][0].update(again_after="soon"), "at `$.owners[0].again_after`"),
        (lambda told: told.update(read_at="http://wiki"), "at `$.read_at`"),
        (lambda told: told["owners"][0].update(pager="page"), "unknown field"),
        (lambda told: told["officers"].pop("privacy-officer"), "names nobody as privacy-officer under `officers`"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, change: Callable[[Any], None], says: str) -> None:
    told = yaml.safe_load(OWNERS.read_text())
    change(told)
    (file := tmp_path / "owners.yaml").write_text(yaml.safe_dump(told))
    with pytest.raises(Refused) as refused:
        owners(file)
    assert says in str(refused.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (broken := tmp_path / "broken.yaml").write_text("owners: [")
    for file, says in ((tmp_path / "gone.yaml", "cannot be read: No such file"), (broken, "it is no YAML")):
        with pytest.raises(Refused) as refused:
            owners(file)
        assert says in str(refused.value)
