"""LanceDB and Qdrant behind the same class: the same hits, the same areas, recall watched, gaps refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from gleam_c.gallery.commands import index
from gleam_c.gallery.folder import GalleryFolder
from gleam_c.gallery.gallery import Gallery
from gleam_c.gallery.indexing import index_gallery
from gleam_c.search.area import Box, Near, Polygon, bounds_of
from gleam_c.search.engine import check_engine, open_engine
from gleam_common.errors import ArtifactError, ConfigError, DataError
from made_gallery import make_gallery, unit_rows

pytest.importorskip("lancedb", reason="the extra gallery-engines is not installed")
pytest.importorskip("qdrant_client", reason="the extra gallery-engines is not installed")

DIM = 32
VIEWS = {"map": ["whole-north"], "uav": ["whole-000", "whole-180"]}
NAMES = ("whole-north", "whole-000", "whole-180")
AREAS = [
    None,
    Near(lat=-17.5, lon=179.95, radius_m=20e3),
    Box(south=-17.7, west=179.8, north=-17.4, east=-179.9),
    Polygon(latlon=((-17.8, 179.7), (-17.2, 179.8), (-17.3, -179.8))),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two segments on both sides of the antimeridian."""
    rng = np.random.default_rng(0)
    counts = (110, 70)
    lon = [(179.6 + 0.6 * rng.random(n) + 180) % 360 - 180 for n in counts]
    places = [np.stack([-18 + rng.random(n), own], axis=1) for n, own in zip(counts, lon, strict=True)]
    matrices = [{name: unit_rows(rng, n, DIM) for name in NAMES} for n in counts]
    out = tmp_path_factory.mktemp("engines") / "g"
    make_gallery(out, places, matrices, VIEWS)
    return out


@pytest.mark.parametrize("kind", ["lance", "qdrant"])
def test_an_engine_finds_what_exact_search_finds(kind: str, folder: Path, capsys) -> None:
    index(folder, kind)
    assert f"searched by {kind}" in capsys.readouterr().out
    assert GalleryFolder.read(folder).description.engine == kind
    assert (folder / "engines" / kind).is_dir()
    queries = unit_rows(np.random.default_rng(1), 6, DIM)
    exact = Gallery.open(folder, engine="exact")
    asked = Gallery.open(folder, exact_up_to=0)
    for area in AREAS:
        for view in VIEWS:
            wanted = exact.search(queries, 7, view=view, area=area)
            found = asked.search(queries, 7, view=view, area=area)
            assert [hits.gallery_ids for hits in found] == [hits.gallery_ids for hits in wanted]
            assert [hits.matrices for hits in found] == [hits.matrices for hits in wanted]
            assert all((a.scores == pytest.approx(b.scores, abs=1e-6)) for a, b in zip(found, wanted, strict=True))
    assert asked.watch.recall == 1.0


def test_lance_quantises_many_rows_and_loses_few(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    near = unit_rows(rng, 300, 16)[rng.integers(300, size=6000)] + 0.25 * unit_rows(rng, 6000, 16)
    rows = near / np.linalg.norm(near, axis=1, keepdims=True)
    places = np.stack([rng.random(6000), rng.random(6000)], axis=1)
    make_gallery(tmp_path / "g", [places], [{"whole-north": rows}], {"map": ["whole-north"]})
    index_gallery(tmp_path / "g", "lance")
    queries, area = rows[::100], Box(south=0.2, west=0.2, north=0.9, east=0.9)
    asked, exact = Gallery.open(tmp_path / "g", exact_up_to=0), Gallery.open(tmp_path / "g", engine="exact")
    for chosen in (None, area):
        pairs = zip(
            asked.search(queries, 10, view="map", area=chosen), exact.search(queries, 10, view="map", area=chosen),
            strict=True,
        )  # fmt: skip
        assert np.mean([np.isin(b.rows, a.rows).mean() for a, b in pairs]) > 0.9


def test_few_candidates_are_searched_exactly_without_the_engine(folder: Path, monkeypatch) -> None:
    index_gallery(folder, "lance")
    gallery = Gallery.open(folder, exact_up_to=100)
    monkeypatch.setattr(gallery._engine, "propose", lambda *_: pytest.fail("asked"))
    query = unit_rows(np.random.default_rng(2), 1, DIM)
    assert len(gallery.search(query, 5, view="map", area=AREAS[1])[0]) == 5


class Poor:
    """An engine that proposes the first rows whatever it is asked."""

    def count(self, matrix: str) -> int:
        return 180

    def propose(self, matrix, queries, count, bounds):
        return np.tile(np.arange(count), (len(queries), 1))


def test_a_low_recall_is_measured_and_warned_of_once(folder: Path, monkeypatch) -> None:
    from gleam_c.gallery import gallery as module

    monkeypatch.setattr(module, "open_engine", lambda *_: Poor())
    gallery = Gallery.open(folder, engine="lance", exact_up_to=0)
    queries = unit_rows(np.random.default_rng(3), 100, DIM)
    with pytest.warns(UserWarning, match=r"gallery index.*engine='exact'"):
        gallery.search(queries, 10, view="map")
    assert gallery.watch.recall < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gallery.search(queries, 10, view="map")


def test_an_engine_that_lacks_rows_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"0 of 180 rows.*gallery index"):
        Gallery.open(folder, engine=f"lance://{tmp_path / 'empty'}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("faiss", "unknown engine"),
        ("qdrant+http://", "no host"),
        (f"qdrant+https://{'me'}:secret@there:6333", "QDRANT_API_KEY"),
        (f"qdrant+http://{'there'}:6333?api_key=secret", "QDRANT_API_KEY"),
    ],
)
def test_urls_that_are_none(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as found:
        check_engine(url)
    assert "secret" not in str(found.value)


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not answer"):
        open_engine(f"qdrant+http://{'127.0.0.1'}:9", tmp_path, "x", 4)


@pytest.mark.parametrize(
    "area",
    [
        *AREAS[1:],
        Near(lat=89.9, lon=10, radius_m=5e4),
        Near(lat=60, lon=-179.9, radius_m=8e5),
        Near(lat=0, lon=0, radius_m=12e6),
    ],
    ids=repr,
)
def test_bounds_hold_the_whole_area(area) -> None:
    rng = np.random.default_rng(4)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000))), rng.uniform(-180, 180, 200_000)
    some = slice(0, 50_000)
    lat[some], lon[some] = rng.uniform(-18.5, -16.5, 50_000), (rng.uniform(178, 182, 50_000) + 180) % 360 - 180
    lat[50_000:60_000] = rng.uniform(89, 90, 10_000)
    inside = area.holds(lat, lon)
    assert inside.sum() > 5
    assert bounds_of(area).holds(lat, lon)[inside].all()
