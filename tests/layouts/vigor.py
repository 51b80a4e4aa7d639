"""A tiny VIGOR: lists as they are published (CRLF and no last newline where the set has them), both layouts."""

from __future__ import annotations

from pathlib import Path

from gleam_common.sources.vigor import CITIES

from layouts.painting import paint

__all__ = ["label_of", "pano_of", "tile_of", "write_vigor"]

STEP_LAT, STEP_LON = 0.00032807, 0.00043301  # half a tile, as in the set
_PLACES = {"NewYork": (40.7, -73.99), "Seattle": (47.6, -122.33), "SanFrancisco": (37.77, -122.42), "Chicago": (41.85, -87.63)}  # fmt: skip
_DELTAS = ("0.0 0.0", "0.0 323.0", "328.0 0.0", "328.0 323.0")


def tile_of(city: str, row: int, column: int) -> str:
    """Return the name of a tile: ``row`` steps south and ``column`` steps east of the city's corner."""
    lat, lon = _PLACES[city]
    return f"satellite_{lat - row * STEP_LAT:.12f}_{lon + column * STEP_LON:.12f}.png"


def pano_of(city: str, number: int) -> str:
    """Return the name of a panorama; ids are 22 characters and may begin with ``-`` or ``_``."""
    lat, lon = _PLACES[city]
    return f"{'-_Q'[number % 3]}{city[0]}{number:020d},{lat:.6f},{lon + number * STEP_LON:.6f},.jpg"


def label_of(city: str, number: int) -> str:
    """Return a panorama's line: in the middle of a tile of the upper row, with those around it."""
    shown = [tile_of(city, row, number + column) for row in (0, 1) for column in (0, 1)]
    return " ".join([pano_of(city, number), *(f"{tile} {d}" for tile, d in zip(shown, _DELTAS, strict=True))])


def write_vigor(root: Path, panoramas: int = 4, *, sample4geo: bool = False, corrected: bool = False) -> Path:
    """Write the four cities with ``panoramas`` each, in two rows of overlapping tiles; every second one is tested."""
    folder, suffix, end = ("splits__corrected", "__corrected", "\r\n") if corrected else ("splits", "", "\n")
    for city in CITIES:
        tiles = [tile_of(city, row, column) for row in (0, 1) for column in range(panoramas + 1)]
        satellite, ground = (f"satellite/{city}", f"ground/{city}") if sample4geo else (f"{city}/satellite", f"{city}/panorama")  # fmt: skip
        for tile in tiles:
            paint(root / satellite / tile, tile)
        for number in range(panoramas):
            paint(root / ground / pano_of(city, number), tile_of(city, 0, number), 64, 128)
        lines = [label_of(city, number) for number in range(panoramas)]
        lists = {"pano_label_balanced": lines, "same_area_balanced_train": lines[::2], "same_area_balanced_test": lines[1::2]}  # fmt: skip
        (root / folder / city).mkdir(parents=True)
        for name, own in lists.items():
            (root / folder / city / f"{name}{suffix}.txt").write_bytes(end.join(own).encode())
        tile_end = "\r\n" if corrected and city == "NewYork" else "\n"
        listed = "".join(tile + tile_end for tile in tiles)
        (root / folder / city / "satellite_list.txt").write_bytes(listed.encode())
    return root
