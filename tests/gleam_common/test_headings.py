"""Tiles turned to headings: the geometry of turning, and the score of a tile as that of its best heading."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from gleam_common.augment import NO_AUGMENT, AugmentConfig
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.metrics.ranking import positive_ranks, top_k
from gleam_common.pair_dataset import PairDataset
from gleam_common.pair_motion import draw_motion, heading_up, move_query, move_tile
from gleam_common.pairs import make_pairs
from gleam_common.picture_loader import picture_loader
from gleam_common.row_lists import RowLists
from gleam_common.sampling import SampleKey
from gleam_common.transforms import IMAGENET_MEAN, IMAGENET_STD, TrainFrame, normalise, train_arrays
from gleam_common.views import View
from gleam_common.window import shown_window, window_of

SIZES = {view: (65, 65) for view in View}


def tile_with_spot(east: int, north: int) -> np.ndarray:
    tile = np.zeros((65, 65, 3), np.uint8)
    tile[32 - north - 2 : 32 - north + 3, 32 + east - 2 : 32 + east + 3] = 255
    return tile


def spot(picture: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(picture[..., 0] > 127)
    return float(columns.mean() - 32), float(32 - rows.mean())


@pytest.mark.parametrize(
    ("heading_deg", "spot_right_up"), [(0, (20, 0)), (90, (0, 20)), (180, (-20, 0)), (270, (0, -20))]
)
def test_what_lies_east_is_up_when_looking_east(heading_deg: float, spot_right_up: tuple[int, int]) -> None:
    assert spot(heading_up(tile_with_spot(20, 0), heading_deg, (65, 65))) == pytest.approx(spot_right_up, abs=1.0)


@pytest.mark.parametrize("seed", range(6))
def test_in_training_the_heading_points_up_whether_mirrored_or_not(seed: int) -> None:
    """A spot straight ahead stays straight ahead, within the tilt."""
    config = AugmentConfig(tilt_deg=0, crop=0, flip=0.5, brightness=0, contrast=0, saturation=0, hue_deg=0)
    config = AugmentConfig(**{**vars(config), "white_balance": 0.0, "grey": 0.0, "blur": 0.0, "dropout": 0.0})
    query = np.zeros((65, 65, 3), np.uint8)
    _, tile = train_arrays(
        query, tile_with_spot(20, 0), View.UAV, SIZES, (seed, 0, 0, 0), config, TrainFrame(up_deg=90.0)
    )
    assert spot(tile) == pytest.approx((0, 20), abs=1.0)


def test_without_augmentation_the_heading_still_points_up() -> None:
    query = np.zeros((65, 65, 3), np.uint8)
    _, tile = train_arrays(
        query, tile_with_spot(20, 0), View.UAV, SIZES, (0, 0, 0, 0), NO_AUGMENT, TrainFrame(up_deg=90.0)
    )
    assert spot(tile) == pytest.approx((0, 20), abs=1.0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("view", [View.PANORAMA, View.GROUND, View.UAV])
def test_a_tile_moves_with_a_picture_that_is_laid_out_like_it(view: View, seed: int) -> None:
    """On flat ground seen perfectly, the layout is the tile's window; mirrored and turned, it still is."""
    rng = np.random.default_rng(seed)
    tile = cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (240, 240), interpolation=cv2.INTER_CUBIC)
    up_deg = None if view is View.PANORAMA else float(rng.uniform(0, 360))
    window = window_of(view)
    query = heading_up(tile, up_deg or 0.0, (96, 96), window)
    changes = AugmentConfig(**{**vars(NO_AUGMENT), "turn": 1.0, "flip": 0.5})
    motion = draw_motion(view, changes, rng, up_deg)
    moves_as = View.SATELLITE if view is View.PANORAMA else view
    whole = np.eye(2, 3)
    moved, seen = move_query(query, moves_as, motion, whole, (96, 96)), move_tile(tile, motion, whole, (96, 96), window)
    inner = (slice(10, -10), slice(10, -10))  # a turned square has other corners
    within = np.hypot(*np.indices((96, 96)) - 47.5)[..., None] < 44 if view is not View.GROUND else True
    difference = np.where(within, np.abs(moved.astype(int) - seen), 0)[inner].mean()
    assert difference < 1.5
    assert np.abs(moved[:, ::-1].astype(int) - seen)[inner].mean() > 10


@pytest.mark.parametrize("view", [View.UAV, View.GROUND, View.PANORAMA, View.MAP])
def test_training_and_evaluation_see_the_same_part_of_a_tile(view: View, tiny_catalog: Catalog) -> None:
    laid_out = {View.UAV, View.GROUND, View.PANORAMA}
    turned = {View.UAV, View.GROUND}
    chosen = tiny_catalog.select(views=[view], gallery="all")
    pairs = make_pairs(chosen)
    dataset = PairDataset(chosen, pairs, sizes=SIZES, augment=NO_AUGMENT, heading_up=turned, laid_out=laid_out)
    for row in (0, 7):
        heading_deg = float(chosen.column("heading_deg")[row]) if view in turned else None
        loader = picture_loader(chosen, size=(65, 65), up_deg=heading_deg, window=shown_window(view, laid_out))
        tiles = np.concatenate([batch["pictures"].numpy() for batch in loader])
        sample = dataset[SampleKey(0, row, 0)]
        expected = normalise(sample.tile[None], IMAGENET_MEAN, IMAGENET_STD).numpy()[0]
        blur = np.abs(tiles[sample.tile_row] - expected).mean()
        assert blur < (0.1 if view is View.MAP else 1e-6)  # whole tiles are not resampled twice


def test_a_heading_replaces_the_quarter_turns() -> None:
    turns = {
        draw_motion(View.UAV, AugmentConfig(tilt_deg=0), np.random.default_rng(s), 30.0).turn_deg for s in range(9)
    }
    assert turns == {-30.0, 30.0}


def test_a_tile_scores_as_its_best_heading() -> None:
    rng = np.random.default_rng(4)
    query, gallery = rng.normal(size=(7, 5)), rng.normal(size=(6, 3, 5))
    scores = np.einsum("qd,ghd->qgh", query, gallery).max(axis=2)
    right = np.arange(7) % 6
    positives = RowLists(offsets=np.arange(8), rows=right)
    expected = [(np.delete(row, r) >= row[r]).sum() for row, r in zip(scores, right, strict=True)]
    assert positive_ranks(query, gallery, positives).best.tolist() == expected
    rows, best = top_k(query, gallery, 2)
    assert rows[:, 0].tolist() == scores.argmax(axis=1).tolist()
    np.testing.assert_allclose(best[:, 0], scores.max(axis=1), rtol=1e-5)


def test_a_query_without_heading_is_named(tiny_catalog) -> None:  # type: ignore[no-untyped-def]
    import pyarrow as pa

    rows = tiny_catalog.queries.to_pylist()
    queries = pa.Table.from_pylist([{**row, "heading_deg": None} for row in rows], schema=tiny_catalog.queries.schema)
    catalog = Catalog(gallery=tiny_catalog.gallery, queries=queries, root=tiny_catalog.root)
    sizes = {view: (32, 32) for view in View}
    with pytest.raises(DataError, match=r"without heading_deg.*fill the column.*headings"):
        PairDataset(catalog, make_pairs(catalog), sizes=sizes, augment=NO_AUGMENT, heading_up=[View.UAV])
