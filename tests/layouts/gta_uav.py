"""A tiny GTA-UAV in the layout of its README: a row of tiles in two zooms, a drone picture over each small one."""

from __future__ import annotations

import json
from pathlib import Path

from layouts.painting import paint

__all__ = ["entry_of", "write_gta_uav"]

SIDE_M = 24576 / 2**5 * 0.45


def entry_of(number: int) -> dict[str, object]:
    """Return the entry of the picture over the ``number``-th tile of zoom 5, with the set's own fields."""
    small, large = f"5_0_{number}_20.png", f"4_0_{number // 2}_10.png"
    where = [SIDE_M * (number + 0.5), SIDE_M * 20.5]
    return {
        "drone_img_dir": "drone/images",
        "drone_img_name": f"200_0001_{number:010d}.png",
        "drone_loc_x_y": where,
        "sate_img_dir": "satellite",
        "pair_pos_sate_img_list": [small],
        "pair_pos_sate_weight_list": [0.58],
        "pair_pos_sate_loc_x_y_list": [where],
        "pair_pos_semipos_sate_img_list": [large, small],
        "pair_pos_semipos_sate_weight_list": [0.25, 0.58],
        "pair_pos_semipos_sate_loc_x_y_list": [[2 * SIDE_M * (number // 2 + 0.5), 2 * SIDE_M * 10.5], where],
        "drone_metadata": {
            "height": 201.5, "drone_roll": 4.6, "drone_pitch": 2.0, "drone_yaw": 41.0, "cam_roll": -85.4,
            "cam_pitch": 2.0, "cam_yaw": 41.0,
        },
    }  # fmt: skip


def write_gta_uav(root: Path, train: int = 6, test: int = 4) -> Path:
    """Write ``train + test`` pictures; cross-area tests the east, same-area every third; one tile shows nobody."""
    count = train + test
    for number in range(count):
        paint(root / "drone/images" / str(entry_of(number)["drone_img_name"]), str(number))
        paint(root / f"satellite/5_0_{number}_20.png", str(number))
        paint(root / f"satellite/4_0_{number // 2}_10.png", str(number // 2 * 2))
    paint(root / "satellite/4_0_6_13.png", "sea")
    for area, tested in (("cross", range(train, count)), ("same", range(0, count, 3))):
        for split in ("train", "test"):
            entries = [entry_of(number) for number in range(count) if (number in tested) == (split == "test")]
            (root / f"{area}-area-drone2sate-{split}.json").write_text(json.dumps(entries))
    return root
