"""Real maps built into galleries, and real photos located in them, by the model of `make train-c` as it is.

    python benchmarks/locate_real.py --model runs/c-synthcity/model --work runs/real-galleries

From ``GLEAM_REAL_DATA`` (default ../shared/data/real): the GeoTIFF and the photos of uav_brighton_beach, slippy tiles
of map_kampala_oam, the tile table of map_berlin, both seasons of uav_adm (no place on the globe: errors in pixels of
the map). Beside each median error stands chance, the median distance to all tiles, and the best that a tile's centre
allows. Galleries that are there already are used again. The calibration is SynthCity's.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gleam_c.gallery.build import build_gallery
from gleam_c.gallery.gallery import Gallery
from gleam_c.gallery.sources.source import CutOptions
from gleam_c.locate.locator import Locator, Question
from gleam_common.geo import distance_m
from gleam_common.progress import progress
from measuring import write_result
from real_sites import real_data


@dataclass(frozen=True, kw_only=True)
class Site:
    """A map of a real place: ``source`` is a path in the data, or ``kampala`` for its tiles as a folder of z/x/y."""

    photos: str
    source: str
    view: str
    options: CutOptions
    is_on_globe: bool = True


MAP = CutOptions(widths_m=(400.0,), crs="local", gsd_m=1.0)
SITES = {
    "uav_brighton_beach": Site(
        photos="uav_brighton_beach", source="uav_brighton_beach/ortho.tif", view="uav",
        options=CutOptions(widths_m=(40.0,)),
    ),
    "map_kampala_oam": Site(photos="map_kampala_oam", source="kampala", view="map", options=CutOptions()),
    "map_berlin": Site(photos="map_berlin", source="map_berlin", view="map", options=CutOptions()),
    "uav_adm January": Site(
        photos="uav_adm", source="uav_adm/maps/AdM-01-2014.jpg", view="uav", options=MAP, is_on_globe=False
    ),
    "uav_adm March": Site(
        photos="uav_adm", source="uav_adm/maps/AdM-03-2014.jpg", view="uav", options=MAP, is_on_globe=False
    ),
}  # fmt: skip


def kampala_tiles(data: Path, folder: Path) -> Path:
    """Link the tiles of map_kampala_oam as z/x/y, which is what they are, and return the folder."""
    for tile in csv.DictReader((data / "map_kampala_oam/tiles.csv").open(encoding="utf-8")):
        link = folder / tile["z"] / tile["x"] / f"{tile['y']}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to((data / "map_kampala_oam" / tile["file"]).resolve())
    return folder


def gallery_of(name: str, site: Site, data: Path, model: Path, work: Path) -> Gallery:
    """Build the gallery of a site, or find it."""
    source = kampala_tiles(data, work / "kampala") if site.source == "kampala" else data / site.source
    out = work / name.replace(" ", "-")
    build_gallery(source, model, out, options=site.options, views=[site.view])
    return Gallery.open(out)


def measure(gallery: Gallery, site: Site, data: Path, model: Path) -> dict[str, Any]:
    """Locate the photos of a site, and compare with where they were taken."""
    pairs = list(csv.DictReader((data / "pairs.csv").open(encoding="utf-8")))
    rows = [row for row in pairs if row["source"] == site.photos]
    located = Locator.open(gallery, model, None).locate([data / row["query_path"] for row in rows], Question())
    tiles = [gallery.tile(row) for row in range(len(gallery))]
    if site.is_on_globe:
        lat, lon = (np.array([float(row[name]) for row in rows]) for name in ("lat", "lon"))
        found = np.array([one.place.latlon for one in located])
        error = distance_m(lat, lon, found[:, 0], found[:, 1])
        centres = [np.array([tile[name] for tile in tiles]) for name in ("lat", "lon")]
        apart = distance_m(lat[:, None], lon[:, None], *centres)
    else:
        truth = np.array([(float(row["ref_px_x"]), -float(row["ref_px_y"])) for row in rows])
        found = np.array([(one.place.x_m, one.place.y_m) for one in located])
        error = np.hypot(*(found - truth).T)
        at = np.array([(tile["x_m"], tile["y_m"]) for tile in tiles])
        apart = np.hypot(truth[:, None, 0] - at[:, 0], truth[:, None, 1] - at[:, 1])
    answered = np.array([not one.abstained for one in located])
    return {
        "photos": len(rows),
        "tiles": len(tiles),
        "unit": "m" if site.is_on_globe else "map pixels",
        "view_guessed_right": float(np.mean([str(one.view) == site.view for one in located])),
        "median_error": round(float(np.median(error)), 1),
        "chance_median_error": round(float(np.median(apart)), 1),
        "best_possible_median_error": round(float(np.median(apart.min(axis=1))), 1),
        "answered": int(answered.sum()),
        "median_error_when_answered": round(float(np.median(error[answered])), 1) if answered.any() else None,
    }


def main() -> None:
    """Measure all sites, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("runs/c-synthcity/model"))
    parser.add_argument("--work", type=Path, default=Path("runs/real-galleries"))
    parser.add_argument("--sites", nargs="+", choices=list(SITES), default=list(SITES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    data = real_data()
    found = {}
    for name in progress(options.sites, desc="sites", unit="site"):
        gallery = gallery_of(name, SITES[name], data, options.model, options.work)
        found[name] = measure(gallery, SITES[name], data, options.model)
        print(name, found[name], flush=True)
    print(f"result: {write_result(options.out, 'locate_real', {'sites': found})}")


if __name__ == "__main__":
    main()
