"""Real pictures of six sites: made ready, checked, imported and searched. Skipped where they are not at hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from gleam_c.evaluate import evaluate_catalog
from gleam_common import cli
from gleam_common.catalog import Catalog
from gleam_common.commands import dispatch
from gleam_common.errors import DataError
from gleam_common.geo import distance_m
from stand_in_encoder import StandInEncoder

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
# Of each site: queries that are judged and tiles that are searched.
EXPECTED = {
    "uav_adm": (72, 144),
    "uav_brighton_beach": (8, 16),
    "uav_caliterra": (37, 56),
    "map_kampala_oam": (16, 16),
    "map_berlin": (10, 108),
    "ground_cvh3d": (10, 10),
}


@pytest.fixture(scope="module")
def real_sites() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("real_sites")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def real(real_sites: ModuleType) -> Path:
    folder: Path = real_sites.real_data()
    if not (folder / "pairs.csv").is_file():
        pytest.skip("no real pictures at hand: set GLEAM_REAL_DATA to their folder")
    return folder


def test_a_folder_without_the_pictures_is_named(real_sites: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no real pictures.*set GLEAM_REAL_DATA"):
        real_sites.write_site("map_berlin", tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_site_is_checked_imported_and_searched(
    name: str, real: Path, real_sites: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = real_sites.write_site(name, real, tmp_path / "site"), tmp_path / "catalog"
    for words in (["check", "folder", root], ["import", "folder", root, "--out", out]):
        assert dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, list(map(str, words))) == 0
    assert "are in order" in capsys.readouterr().out
    catalog = Catalog.read(out, root)
    split = "test" if "test" in catalog.column("split") else None
    results = evaluate_catalog(StandInEncoder(), catalog, split=split).results
    assert (results["queries"], results["gallery_size"]) == EXPECTED[name]
    assert 0 <= results["mean"]["recall@1"]["value"] <= 1
    assert ("recall@25m" in results["mean"]) == (name != "uav_adm"), "uav_adm has no coordinates"


@pytest.mark.parametrize("name", ["uav_brighton_beach", "uav_caliterra"])
def test_the_right_tile_lies_around_the_place_shown(
    name: str, real: Path, real_sites: ModuleType, tmp_path: Path
) -> None:
    """Tiles are 40 m wide every 20 m: unless at the edge of the map, a picture's centre is 10 m from one, or less."""
    from gleam_common.sources.folder import read

    catalog = read(real_sites.write_site(name, real, tmp_path))
    tiles = catalog.gallery_latlon()[[rows[0] for rows in catalog.query_positives()]]
    metres = distance_m(catalog.column("lat"), catalog.column("lon"), *tiles.T)
    assert np.median(metres) < 15
    assert metres.max() < 30
