"""Gallery.search against sorting every product, whatever the segments, threads, headings and areas."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gleam_c.gallery import stored_rows
from gleam_c.gallery.description import write_description
from gleam_c.gallery.gallery import Gallery
from gleam_c.search import pieces, rough
from gleam_c.search.area import Box, Near
from gleam_c.search.exact import search_rows
from gleam_c.search.rough import possible_rows, roughened
from gleam_common.errors import ArtifactError, ConfigError, DataError, ModelError
from made_gallery import THUMBNAIL, make_gallery, unit_rows

DIM = 24
VIEWS = {"map": ["whole-north"], "uav": ["whole-000", "whole-180"]}
NAMES = ("whole-north", "whole-000", "whole-180")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Two segments of 700 and 300 tiles around one town, three matrices."""
    rng = np.random.default_rng(0)
    counts = (700, 300)
    places = [np.stack([48 + rng.uniform(0, 0.2, n), 16 + rng.uniform(0, 0.3, n)], axis=1) for n in counts]
    matrices = [{name: unit_rows(rng, n, DIM) for name in NAMES} for n in counts]
    folder = tmp_path_factory.mktemp("made") / "g"
    make_gallery(folder, places, matrices, VIEWS)
    return Gallery.open(folder, threads=2)


def by_definition(gallery: Gallery, queries: np.ndarray, k: int, names: list[str], area=None) -> list[list[tuple]]:
    """Sort all products of float16 values, computed in float64."""
    stored = [
        np.concatenate([segment.matrix(name) for segment in gallery.folder.segments]).astype(np.float64)
        for name in names
    ]
    scores = np.max([queries.astype(np.float16).astype(np.float64) @ matrix.T for matrix in stored], axis=0)
    tiles = [gallery.tile(row) for row in range(len(gallery))]
    if area is not None:
        outside = [not area.holds(np.array([t["lat"]]), np.array([t["lon"]]))[0] for t in tiles]
        scores[:, outside] = -np.inf
    found = []
    for own in scores:
        order = sorted(np.flatnonzero(own > -np.inf), key=lambda row: (-own[row], row))[:k]
        found.append([(tiles[row]["gallery_id"], own[row]) for row in order])
    return found


@pytest.mark.parametrize("view", ["map", "uav"])
@pytest.mark.parametrize(
    "area", [None, Near(lat=48.1, lon=16.15, radius_m=4e3), Box(south=48, west=16, north=48.05, east=16.2)], ids=repr
)
@pytest.mark.parametrize("k", [1, 7, 2000])
def test_the_best_are_those_of_sorting_everything(gallery: Gallery, view: str, area, k: int) -> None:
    queries = unit_rows(np.random.default_rng(1), 5, DIM)
    wanted = by_definition(gallery, queries, k, VIEWS[view], area)
    together = gallery.search(queries, k, view=view, area=area)
    alone = [gallery.search(query, k, view=view, area=area)[0] for query in queries]
    for hits, own in zip([*together, *alone], [*wanted, *wanted], strict=True):
        assert list(hits.gallery_ids) == [name for name, _ in own]
        assert hits.scores == pytest.approx([score for _, score in own], abs=2e-6)
        assert set(hits.matrices) <= set(VIEWS[view])
        for row, name, lat in zip(hits.rows[:3].tolist(), hits.gallery_ids, hits.lat, strict=False):
            assert (gallery.tile(row)["gallery_id"], gallery.tile(row)["lat"]) == (name, lat)


def test_pieces_threads_and_batches_change_nothing(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = unit_rows(np.random.default_rng(2), 9, DIM)
    area = Near(lat=48.1, lon=16.15, radius_m=8e3)
    whole = gallery.search(queries, 20, view="uav", area=area)
    alone = [gallery.search(query, 20, view="uav", area=area)[0] for query in queries]
    monkeypatch.setattr(pieces, "_NUMBERS", 50 * DIM)
    cut = Gallery(gallery.folder, threads=3).search(queries, 20, view="uav", area=area)
    for first, second, third in zip(whole, alone, cut, strict=True):
        assert first.gallery_ids == second.gallery_ids == third.gallery_ids
        assert first.matrices == second.matrices == third.matrices
        assert (first.scores == third.scores).all()


@pytest.mark.parametrize("spread", [1.0, 0.01], ids=["apart", "closer than the codes can tell"])
def test_rows_that_can_be_the_best_hold_the_best(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_NUMBERS", 3000 * 64)
    rng = np.random.default_rng(5)
    matrices = [unit_rows(rng, 1, 64) + spread * unit_rows(rng, 20_000, 64) for _ in range(2)]
    matrices = [(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16) for rows in matrices]
    segments = [[roughened(rows[part]) for rows in matrices] for part in (slice(0, 15_000), slice(15_000, None))]
    for query in unit_rows(rng, 5, 64):
        wanted = search_rows(matrices, query[None], 20)
        rows = possible_rows(segments, query.astype(np.float16), 20, threads=2)
        assert set(wanted.rows[0].tolist()) <= set(rows.tolist())
        assert (np.diff(rows) > 0).all()
        assert len(rows) < 400 or spread < 1


@pytest.mark.parametrize("dimension", [1, 7, 256])
@pytest.mark.parametrize("length", [0.99, 1.009])
def test_every_score_lies_within_its_bounds(dimension: int, length: float) -> None:
    """Also at their worst: what a row's codes leave out points along the query, what the query's leave out along it."""
    rng = np.random.default_rng(6)
    even = np.sign(rng.standard_normal(dimension)) * length / dimension**0.5
    codes = rng.integers(-126, 127, (50, dimension))
    codes[:, 0] = 127
    step = 0.99 / np.linalg.norm(codes, axis=1, keepdims=True)
    left = 0.45 * step * np.sign(even) * (np.arange(dimension) > 0)
    drawn = (length * unit_rows(rng, 1, dimension)).astype(np.float16)
    kept = roughened(drawn)
    rest = drawn.astype(np.float32) - kept["codes"] * kept["scale"][:, None]
    rows = np.concatenate(
        [step * codes + left, step * codes - left, np.sign(rest) / dimension**0.5, -np.sign(rest) / dimension**0.5]
    )
    rows = np.concatenate([rows, unit_rows(rng, 500, dimension), np.zeros((3, dimension))]).astype(np.float16)
    for query in (even.astype(np.float16), drawn[0]):
        least, most = rough._Asked.of(query).bounds(roughened(rows))
        exact = rows.astype(np.float64) @ query.astype(np.float64)
        assert (least <= exact).all()
        assert (exact <= most).all()


def test_one_query_of_tiles_that_are_alike_is_searched_without_a_copy(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = unit_rows(np.random.default_rng(7), 1, DIM)
    wanted = gallery.search(query, 30, view="uav")[0]
    monkeypatch.setattr(stored_rows, "_GATHERED", 10)
    monkeypatch.setattr(stored_rows.StoredRows, "gather", None)
    found = gallery.search(query, 30, view="uav")[0]
    assert found.gallery_ids == wanted.gallery_ids
    assert (found.scores == wanted.scores).all()


def test_equal_rows_of_several_segments_come_in_order(tmp_path: Path) -> None:
    rows = np.repeat(unit_rows(np.random.default_rng(8), 1, DIM), 40, axis=0)
    make_gallery(tmp_path / "g", [None, None], [{"m": rows}, {"m": rows}], {"map": ["m"]})
    same = Gallery.open(tmp_path / "g")
    assert same.search(rows[0], 50, view="map")[0].rows.tolist() == list(range(50))
    assert len(same.search(rows[0], 500, view="map")[0]) == 80


def test_a_gallery_of_an_older_format_says_what_to_do(tmp_path: Path) -> None:
    rows = unit_rows(np.random.default_rng(9), 5, DIM)
    made = make_gallery(tmp_path / "g", [None], [{"m": rows}], {"map": ["m"]})
    write_description(made.folder, replace(made.description, schema=1))
    with pytest.raises(ArtifactError, match=r"format 1.*format 2.*--overwrite"):
        Gallery.open(tmp_path / "g")


def test_too_many_open_files_is_no_broken_gallery(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(np, "load", refuse)
    with pytest.raises(ArtifactError, match="ulimit -n"):
        gallery.folder.segments[0].matrix("whole-north")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (np.float16(1), "another number of rows"),
        (np.zeros((4, DIM), np.float16), "another number of rows"),
        (np.zeros((5, DIM), np.float32), "no float16 matrix"),
        (np.zeros(5, np.float16), "no float16 matrix"),
    ],
)
def test_other_files_in_the_place_of_a_matrix(tmp_path: Path, content: np.ndarray, says: str) -> None:
    rows = unit_rows(np.random.default_rng(9), 5, DIM)
    [segment] = make_gallery(tmp_path / "g", [None], [{"m": rows}], {"map": ["m"]}).segments
    np.save(segment.folder / "embeddings/m.npy", content)
    with pytest.raises(ArtifactError, match=says):
        segment.matrix("m")
    np.save(segment.folder / "embeddings/m.rough.npy", rows)
    with pytest.raises(ArtifactError, match="no rough copy"):
        segment.rough("m")


def test_embeddings_that_are_not_of_length_1_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not of length 1"):
        make_gallery(tmp_path / "g", [None], [{"m": 2 * unit_rows(np.random.default_rng(0), 3, DIM)}], {"map": ["m"]})


def test_equal_scores_come_in_the_order_of_rows() -> None:
    matrix = np.zeros((50, 4), np.float16)
    matrix[:, 0] = 1
    best = search_rows([matrix], np.array([[1, 0, 0, 0]], np.float32), 5)
    assert best.rows.tolist() == [[0, 1, 2, 3, 4]]
    matrix[30, 0], matrix[0, 0] = 2, 0
    assert search_rows([matrix], np.array([[1, 0, 0, 0]], np.float32), 3).rows.tolist() == [[30, 1, 2]]


def test_the_heading_that_matched_is_told(gallery: Gallery) -> None:
    row = 17
    query = gallery.folder.segments[0].matrix("whole-180")[row].astype(np.float32)
    hits = gallery.search(query / np.linalg.norm(query), 1, view="uav")[0]
    assert (hits.rows[0], hits.matrices[0]) == (row, "whole-180")
    assert gallery.thumbnail(row) == THUMBNAIL
    assert gallery.tile(705)["gallery_id"].startswith("s1/")


def test_a_gallery_without_a_place_on_the_globe(tmp_path: Path) -> None:
    rows = unit_rows(np.random.default_rng(3), 30, DIM)
    make_gallery(tmp_path / "g", [None], [{"whole-north": rows}], {"map": ["whole-north"]})
    local = Gallery.open(tmp_path / "g")
    hits = local.search(rows[:1], 2, view="map")[0]
    assert np.isnan(hits.lat).all()
    with pytest.raises(DataError, match="no place on the globe"):
        local.search(rows[:1], view="map", area=Near(lat=0, lon=0, radius_m=5))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"k": 0}, ConfigError, "1 or more"),
        ({"view": "ground"}, ConfigError, "--views"),
        ({"view": "fish"}, DataError, "fish"),
        ({"queries_QD": np.ones((1, 5), np.float32)}, ModelError, "another dimension"),
        ({"queries_QD": np.ones((1, DIM), np.float32)}, ModelError, "length 1"),
        ({"queries_QD": np.full((1, DIM), np.nan, np.float32)}, ModelError, "length 1"),
        ({"area": Near(lat=16, lon=48, radius_m=100)}, DataError, r"latitudes 48\.0"),
    ],
)
def test_what_cannot_be_searched(gallery: Gallery, change: dict, error: type, says: str) -> None:
    asked = {"queries_QD": unit_rows(np.random.default_rng(4), 1, DIM), "view": "map", **change}
    with pytest.raises(error, match=says):
        gallery.search(**asked)
