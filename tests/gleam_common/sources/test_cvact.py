from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.geo import distance_m
from gleam_common.sources import cvact
from layouts.cvact import pano_id, write_cvact


def labels_of(root: Path) -> dict[str, object]:
    return {key: value for key, value in scipy.io.loadmat(root / "ACT_data.mat").items() if not key.startswith("__")}


def rewrite(root: Path, **changes: object) -> None:
    kept = {key: value for key, value in {**labels_of(root), **changes}.items() if value is not None}
    scipy.io.savemat(root / "ACT_data.mat", kept)


def ids(catalog: Catalog, split: str) -> list[str]:
    return [str(one) for one in catalog.column("place_id")[catalog.column("split") == split]]


def test_numbers_count_from_one_and_test_is_its_own_folder(tmp_path: Path) -> None:
    catalog = cvact.read(write_cvact(tmp_path, train=5, val=2, test=3))
    assert ids(catalog, "train") == [f"cvact/{pano_id(n)}" for n in range(5)]
    assert ids(catalog, "val") == [f"cvact/{pano_id(n)}" for n in range(5, 7)]
    assert sorted(ids(catalog, "test")) == sorted(f"cvact/{pano_id(n)}" for n in range(7, 10))
    row = catalog.queries.to_pylist()[0]
    assert row["positives"] == [f"cvact/ANU_data_small/satview_polish/{pano_id(0)}_satView_polish.jpg"]
    assert len(catalog.select("test", gallery="split").gallery) == 3
    assert catalog.check_pictures() == 20


def test_semi_positives_are_tiles_within_25_m_of_the_same_split(tmp_path: Path) -> None:
    catalog = cvact.read(write_cvact(tmp_path, train=5, val=2, test=3, spacing_m=12.0))
    lat, lon = catalog.gallery_latlon().T
    split = catalog.column("split", "gallery")
    away_m = distance_m(lat[:, None], lon[:, None], lat, lon)
    wanted = (away_m < 25.1) & (split[:, None] == split) & ~np.eye(10, dtype=bool)
    assert [sorted(near) for near in catalog.query_semi_positives()] == [np.flatnonzero(row).tolist() for row in wanted]
    assert wanted.sum() == 2 * (4 + 3 + 1 + 2 + 1)


@pytest.mark.parametrize("swapped", [False, True])
def test_utm_of_canberra_becomes_latitude_and_longitude(tmp_path: Path, swapped: bool) -> None:
    root = write_cvact(tmp_path)
    if swapped:
        rewrite(root, utm=np.asarray(labels_of(root)["utm"])[:, ::-1])
    row = cvact.read(root).queries.to_pylist()[0]
    assert (row["lat"], row["camera_lon"]) == pytest.approx((-35.28, 149.13), abs=1e-6)


def test_other_metres_stay_metres(tmp_path: Path) -> None:
    root = write_cvact(tmp_path)
    rewrite(root, utm=np.asarray(labels_of(root)["utm"]) - [693_716.58, 6_093_825.02])
    row = cvact.read(root).gallery.to_pylist()[1]
    assert (row["lat"], row["x_m"], row["y_m"]) == (None, pytest.approx(20.0), 0.0)


def test_a_pair_without_one_picture_is_left_out_as_in_the_published_copy(tmp_path: Path) -> None:
    root = write_cvact(tmp_path)
    (root / f"ANU_data_small/satview_polish/{pano_id(2)}_satView_polish.jpg").unlink()
    (root / f"ANU_data_test/streetview/{pano_id(13)}_grdView.jpg").unlink()
    assert cvact.read(root).statistics()["splits"] == {"test": 3, "train": 7, "val": 4}


def test_labels_may_lie_with_the_small_set_and_the_folders_may_be_links(tmp_path: Path) -> None:
    root = write_cvact(tmp_path / "a")
    plain = cvact.read(root)
    (root / "ACT_data.mat").rename(root / "ANU_data_small/ACT_data.mat")
    (root / "ANU_data_test").rename(tmp_path / "elsewhere")
    (root / "ANU_data_test").symlink_to(tmp_path / "elsewhere")
    assert cvact.read(root).queries == plain.queries
    (root / "ANU_data_test").unlink()
    assert cvact.read(root).statistics()["splits"] == {"train": 8, "val": 4}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"panoIds": None}, "not the labels of CVACT.*panoIds"),
        ({"valSet": None}, "not the labels of CVACT.*valSet"),
        ({"trainSet": {"trainInd": np.array([[0]])}}, r"outside 1 to 16.*count from 1"),
        ({"valSet": {"valInd": np.array([[17]])}}, "outside 1 to 16"),
        ({"utm": np.zeros((3, 2))}, r"utm of 16 panoramas: \(3, 2\)"),
    ],
)
def test_broken_labels_are_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    root = write_cvact(tmp_path)
    rewrite(root, **changes)
    with pytest.raises(DataError, match=words):
        cvact.read(root)


def test_a_file_that_is_no_mat_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no CVACT: missing file: 'ACT_data.mat'"):
        cvact.read(tmp_path)
    root = write_cvact(tmp_path)
    whole = (root / "ACT_data.mat").read_bytes()
    for content in (b"", b"cos\nsystem\n(S'true'\ntR.", whole[: len(whole) // 2]):
        (root / "ACT_data.mat").write_bytes(content)
        with pytest.raises(DataError, match=r"ACT_data.mat: (no .mat file|not the labels)"):
            cvact.read(root)
    (root / "ACT_data.mat").write_bytes(whole)
    (root / "ANU_data_test/streetview").rename(root / "ANU_data_test/street")
    with pytest.raises(DataError, match=r"no such folder.*streetview.*satview_polish, street"):
        cvact.read(root)
