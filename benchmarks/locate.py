"""How near, how sure and how honest ``gleam-c locate`` is on photos whose place is known, view by view.

    python benchmarks/locate.py --gallery G --catalog data/synthcity --model runs/c-synthcity/model
    python benchmarks/locate.py --gallery G --catalog C --model M --split train --small    # the first 20 photos a view

For each view: median error and share within half a tile against chance, share of views guessed right, calibration of
the first candidate's confidence (ECE, AUROC), share of true places within the stated radius, what is abstained from,
and what is abstained from when the place is not in the gallery (all tiles that hold it are taken out of the answer).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gleam_c.gallery.gallery import Gallery, Hits
from gleam_c.locate.answer import answer
from gleam_c.locate.located import Located
from gleam_c.locate.locator import Locator
from gleam_c.locate.photos import Photo, embed_photos
from gleam_c.locate.posterior import NEIGHBOURS, frame_around
from gleam_c.locate.view_guess import guess_view
from gleam_common.catalog import Catalog
from gleam_common.geo import distance_m
from gleam_common.images import load_array
from gleam_common.metrics.verdict import auroc, ece
from gleam_common.photo_facts import read_facts
from gleam_common.views import View
from measuring import write_result

SMALL = 20
MIN_CONFIDENCE = 0.5


def measure(locator: Locator, catalog: Catalog, limit: int | None = None) -> dict[str, Any]:
    """Return the numbers of each view that both the catalog and the gallery have."""
    served = locator.gallery.description.views
    return {
        str(view): measure_view(locator, catalog.select(views=[view], gallery="all"), view, limit)
        for view in catalog.views
        if str(view) in served
    }


def measure_view(locator: Locator, catalog: Catalog, view: View, limit: int | None) -> dict[str, Any]:
    paths = [catalog.picture_path("queries", row) for row in range(len(catalog.queries))][:limit]
    lat_Q, lon_Q = (catalog.column(name)[:limit].astype(np.float64) for name in ("lat", "lon"))
    started = time.perf_counter()
    photos = embed_photos(locator.encoder, paths, view)
    hits = locator.gallery.search(np.stack([photo.embedding for photo in photos]), 4 * NEIGHBOURS, view=view)
    found = [_answer(locator, photo, one) for photo, one in zip(photos, hits, strict=True)]
    seconds = time.perf_counter() - started
    guessed = [guess_view(load_array(path), read_facts(path)).view for path in paths]
    foreign = [
        _answer(locator, photo, _without(locator.gallery, one, lat, lon))
        for photo, one, lat, lon in zip(photos, hits, lat_Q, lon_Q, strict=True)
    ]
    return {
        "photos": len(photos),
        "view_guessed_right": float(np.mean([guess is view for guess in guessed])),
        "photos_per_s": round(len(photos) / seconds, 1),
        **errors(locator.gallery, found, lat_Q, lon_Q),
        **honesty(found, lat_Q, lon_Q),
        "abstained_when_not_in_gallery": float(np.mean([bool(one.abstained) for one in foreign])),
    }


def _answer(locator: Locator, photo: Photo, hits: Hits) -> Located:
    fit = None if locator.calibration is None else locator.calibration.views.get(photo.guess.view)
    return answer([photo], _part(hits, np.arange(len(hits))[:NEIGHBOURS]), locator.gallery, fit, 1, MIN_CONFIDENCE)


def _part(hits: Hits, kept: np.ndarray[Any, np.dtype[np.int64]]) -> Hits:
    return replace(
        hits,
        **{name: getattr(hits, name)[kept] for name in ("rows", "lat", "lon", "scores")},
        gallery_ids=tuple(hits.gallery_ids[number] for number in kept),
        matrices=tuple(hits.matrices[number] for number in kept),
    )


def _without(gallery: Gallery, hits: Hits, lat: float, lon: float) -> Hits:
    """Return the hits without the tiles that show anything of the place: as if it were not in the gallery."""
    width_m = np.array([gallery.tile(int(row))["width_m"] for row in hits.rows])
    return _part(hits, np.flatnonzero(distance_m(hits.lat, hits.lon, lat, lon) > 1.5 * width_m))


def errors(gallery: Gallery, found: list[Located], lat_Q: Any, lon_Q: Any) -> dict[str, float]:
    """Return how far answers are from the truth, and how far random tiles would be."""
    places = np.array([one.place.latlon for one in found])
    width_m = np.array([one.candidates[0].width_m for one in found])
    error_m = distance_m(places[:, 0], places[:, 1], lat_Q, lon_Q)
    random = np.random.default_rng(0)
    drawn = [gallery.tile(int(row)) for row in random.integers(0, len(gallery), len(found))]
    chance_m = distance_m([tile["lat"] for tile in drawn], [tile["lon"] for tile in drawn], lat_Q, lon_Q)
    return {
        "median_error_m": round(float(np.median(error_m)), 2),
        "within_half_tile": float(np.mean(error_m <= width_m / 2)),
        "chance_median_error_m": round(float(np.median(chance_m)), 1),
        "chance_within_half_tile": float(np.mean(chance_m <= width_m / 2)),
    }


def honesty(found: list[Located], lat_Q: Any, lon_Q: Any) -> dict[str, float | None]:
    """Return how true confidence and radius are; nothing without a calibration."""
    sure = np.array([np.nan if one.confidence is None else one.confidence for one in found])
    if np.isnan(sure).any():
        return {}
    right = np.array([_holds(one, lat, lon) for one, lat, lon in zip(found, lat_Q, lon_Q, strict=True)])
    places, radius_m = np.array([one.place.latlon for one in found]), np.array([one.radius_m for one in found])
    inside = distance_m(places[:, 0], places[:, 1], lat_Q, lon_Q) <= radius_m
    kept = np.array([not one.abstained for one in found])
    both = 0 < right.sum() < len(right)
    return {
        "first_tile_right": float(right.mean()),
        "mean_confidence": round(float(sure.mean()), 4),
        "ece": round(ece(sure, right), 4),
        "auroc": round(auroc(sure, right), 4) if both else None,
        "within_radius": float(inside.mean()),
        "median_radius_m": round(float(np.median(radius_m)), 1),
        "abstained": float(1 - kept.mean()),
        "first_tile_right_when_answered": float(right[kept].mean()) if kept.any() else None,
        "median_radius_m_when_answered": round(float(np.median(radius_m[kept])), 1) if kept.any() else None,
    }


def _holds(one: Located, lat: float, lon: float) -> bool:
    tile = one.candidates[0]
    xy = frame_around(*tile.centre.latlon, np.array([lat]), np.array([lon]))[0]
    return bool(np.abs(xy).max() <= tile.width_m / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("gallery", "catalog", "model"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, help="by default the one beside the model's weights")
    parser.add_argument("--split", default="test")
    parser.add_argument("--small", action="store_true", help=f"only the first {SMALL} photos of each view")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    locator = Locator.open(Gallery.open(options.gallery), options.model, options.calibration)
    catalog = Catalog.read(options.catalog).select(split=options.split)
    views = measure(locator, catalog, SMALL if options.small else None)
    for view, numbers in views.items():
        print(view)
        for name, value in numbers.items():
            print(f"  {name:<32} {value}")
    facts = {"tiles": len(locator.gallery), "split": options.split, "min_confidence": MIN_CONFIDENCE, "views": views}
    print(write_result(options.out, "locate-small" if options.small else "locate", facts))


if __name__ == "__main__":
    main()
