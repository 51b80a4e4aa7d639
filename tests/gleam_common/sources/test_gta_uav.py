from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.sources import gta_uav
from layouts.gta_uav import entry_of, write_gta_uav


def rewrite(path: Path, **changes: object) -> None:
    entries = json.loads(path.read_text())
    entries[0] = {key: value for key, value in {**entries[0], **changes}.items() if value != "gone"}
    path.write_text(json.dumps(entries))


def test_two_ways_to_split_and_every_tile_is_searched(tmp_path: Path) -> None:
    catalog = gta_uav.read(write_gta_uav(tmp_path, train=6, test=4))
    assert len(catalog.queries) == 10
    assert catalog.column("split").tolist() == catalog.column("split_gta_uav_cross").tolist()
    assert len(catalog.select("test", gallery="all").queries) == 4
    assert len(catalog.select("test", gallery="all", protocol="gta_uav_same").queries) == 4
    assert len(catalog.select("test", gallery="all").gallery) == 10 + 5 + 1
    assert catalog.check_pictures() == 26


def test_positives_are_not_semi_positives(tmp_path: Path) -> None:
    row = gta_uav.read(write_gta_uav(tmp_path)).queries.to_pylist()[3]
    assert row["query_id"].startswith("gta_uav/drone/images/200_0001_")
    number = int(row["path"][-8:-4])
    assert row["positives"] == [f"gta_uav/satellite/5_0_{number}_20.png"]
    assert row["semi_positives"] == [f"gta_uav/satellite/4_0_{number // 2}_10.png"]
    assert (row["height_m"], row["heading_deg"]) == (201.5, None)


def test_centres_of_tiles_agree_with_the_readme_and_with_the_lists(tmp_path: Path) -> None:
    catalog = gta_uav.read(write_gta_uav(tmp_path))
    where = dict(zip(catalog.gallery_ids, catalog.gallery.select(["x_m", "y_m"]).to_pylist(), strict=True))
    assert where["gta_uav/satellite/4_0_6_13.png"] == {"x_m": pytest.approx(4492.8), "y_m": pytest.approx(-9331.2)}
    assert np.allclose(catalog.column("y_m"), catalog.column("y_m")[0])
    for row in catalog.queries.to_pylist():
        assert where[row["positives"][0]] == {"x_m": pytest.approx(row["x_m"]), "y_m": pytest.approx(row["y_m"])}


def test_tiles_of_older_copies_have_no_offset_and_shifted_ones_lie_between(tmp_path: Path) -> None:
    root = write_gta_uav(tmp_path)
    (root / "satellite/6_20_41.png").touch()
    (root / "satellite/4_128_6_13.png").touch()
    catalog = gta_uav.read(root)
    where = dict(zip(catalog.gallery_ids, catalog.gallery.select(["x_m", "y_m"]).to_pylist(), strict=True))
    assert where["gta_uav/satellite/6_20_41.png"] == {"x_m": pytest.approx(3542.4), "y_m": pytest.approx(-7171.2)}
    shifted, plain = (where[f"gta_uav/satellite/4_{offset}_6_13.png"]["x_m"] for offset in (128, 0))
    assert shifted - plain == pytest.approx(24576 / 16 * 0.45 / 2)


def test_pictures_without_a_positive_are_left_out_and_windows_paths_are_read(tmp_path: Path) -> None:
    root = write_gta_uav(tmp_path)
    whole = gta_uav.read(root).query_ids
    for area in ("cross", "same"):
        for split in ("train", "test"):
            path = root / f"{area}-area-drone2sate-{split}.json"
            entries = json.loads(path.read_text())
            for entry in entries:
                entry["drone_img_dir"] = "drone\\images"
                if entry["drone_img_name"] == entry_of(2)["drone_img_name"]:
                    entry["pair_pos_sate_img_list"] = []
            path.write_text(json.dumps(entries))
    left = gta_uav.read(root).query_ids
    assert set(whole) - set(left) == {"gta_uav/drone/images/200_0001_0000000002.png"}


def test_a_copy_with_same_area_lists_only_splits_by_them(tmp_path: Path) -> None:
    root = write_gta_uav(tmp_path)
    for split in ("train", "test"):
        (root / f"cross-area-drone2sate-{split}.json").unlink()
    catalog = gta_uav.read(root)
    assert catalog.column("split").tolist() == catalog.column("split_gta_uav_same").tolist()


def test_half_a_pair_of_lists_is_named(tmp_path: Path) -> None:
    root = write_gta_uav(tmp_path)
    (root / "same-area-drone2sate-test.json").unlink()
    with pytest.raises(DataError, match=r"missing beside its partner.*same-area-drone2sate-test\.json"):
        gta_uav.read(root)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"drone_loc_x_y": "gone"}, r"cross-area-drone2sate-train.json, entry 0: no picture.*drone_loc_x_y"),
        ({"drone_loc_x_y": [1.0]}, "entry 0: no picture of GTA-UAV"),
        ({"drone_loc_x_y": [1.0, float("nan")]}, "not finite"),
        ({"pair_pos_sate_img_list": None}, "entry 0: no picture"),
        ({"pair_pos_sate_img_list": ["5_0_31_31.png"]}, "same-area.*described otherwise in another list"),
        (
            {"drone_img_name": "200_0001_0000000007.png"},
            "cross-area-drone2sate-test.json, entry 1: described otherwise",
        ),
    ],
)
def test_a_broken_entry_is_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    root = write_gta_uav(tmp_path)
    rewrite(root / "cross-area-drone2sate-train.json", **changes)
    with pytest.raises(DataError, match=words):
        gta_uav.read(root)


def test_broken_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder \(tiles of GTA-UAV\)"):
        gta_uav.read(tmp_path)
    root = write_gta_uav(tmp_path)
    (root / "satellite/5_0_0_20.png").unlink()
    with pytest.raises(DataError, match=r"name a tile not in the gallery: 'gta_uav/satellite/5_0_0_20.png'"):
        gta_uav.read(root)
    (root / "satellite/sea.png").touch()
    with pytest.raises(DataError, match=r"no name of a tile: 'satellite/sea.png'; allowed: zoom_offset_column_row"):
        gta_uav.read(root)
    (root / "satellite/sea.png").unlink()
    train = (root / "cross-area-drone2sate-train.json").read_text()
    (root / "cross-area-drone2sate-test.json").write_text(train)
    with pytest.raises(DataError, match=r"the picture is in train and test"):
        gta_uav.read(root)
    (root / "cross-area-drone2sate-test.json").write_text("{}")
    with pytest.raises(DataError, match=r"test.json: no list of pictures: 'dict'"):
        gta_uav.read(root)
    for path in root.glob("*.json"):
        path.unlink()
    with pytest.raises(DataError, match=r"none of the lists; allowed: cross-area-drone2sate-train.json"):
        gta_uav.read(root)
