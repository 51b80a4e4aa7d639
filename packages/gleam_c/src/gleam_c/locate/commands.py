"""``gleam-c locate`` and ``gleam-c calibrate``: their signatures are the options, their docstrings the help.

What embeds and searches is imported where it is used, so that ``--help`` does not wait for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError

__all__ = ["calibrate", "calibrate_command", "locate", "locate_command"]


def locate(
    photos: list[str],
    gallery: Path,
    model: Path | None = None,
    view: str = "auto",
    near: str | None = None,
    radius_m: float | None = None,
    exif_radius_m: float | None = None,
    exif_heading_deg: float | None = None,
    candidates: int = 5,
    one_spot: bool = False,
    track: bool = False,
    min_confidence: float = 0.5,
    out: Path | None = None,
    calibration: Path | None = None,
    device: str = "auto",
) -> None:
    """Find where photos were taken, among the tiles of a gallery. A map, a panorama or a UAV picture is a photo too.

    Args:
        photos: files, or folders of them, before the options; one answer each, in this order.
        gallery: folder that `gleam-c gallery build` wrote.
        model: the one that the gallery was built with; by default runs/NAME/model, where training left it.
        view: uav, map, panorama or ground, of all photos; auto guesses it for each.
        near: LAT,LON: search only around there, such as 52.23,10.90; LAT,LON,RADIUS_M says how far at once.
        radius_m: how far around --near, in metres; 1000 by default.
        exif_radius_m: search only so far around the GPS position in each photo's own tags, or around the ground that a
            drone's height, pitch and heading say it looks at; unused otherwise.
        exif_heading_deg: compare only with tiles turned to within so many degrees of the heading in each photo's own
            tags (a drone's gimbal, a phone's compass), such as 20; unused otherwise.
        candidates: tiles in each answer.
        one_spot: the photos show one spot together and get one answer.
        track: the photos are one flight: their places are smoothed into a track in the order of their times.
        min_confidence: below which the answer is abstained from, 0 to 1.
        out: file to write: .json .geojson .csv .gpkg .parquet .html; of a track .geojson.
        calibration: file of `gleam-c calibrate`; by default calibration.json beside the model's weights.
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
    """
    from gleam_c.evaluate_command import chosen_device
    from gleam_c.gallery.gallery import Gallery
    from gleam_c.locate.locator import Locator, Question
    from gleam_c.locate.photos import photo_paths, view_given
    from gleam_c.locate.prior import near_given
    from gleam_c.locate.table import terminal_table
    from gleam_c.locate.write import check_suffix, write_answers

    if out is not None:
        check_suffix(out, track)
    if track and one_spot:
        raise ConfigError("--track and --one-spot", fix="a flight moves, a spot does not: give one of them")
    question = Question(
        view=view_given(view),
        area=near_given(near, radius_m),
        exif_radius_m=exif_radius_m,
        exif_heading_deg=exif_heading_deg,
        candidates=candidates,
        is_one_spot=one_spot,
        min_confidence=min_confidence,
    )
    paths = photo_paths(photos)
    opened = Gallery.open(gallery)
    locator = Locator.open(opened, model, calibration, chosen_device(device))
    located = locator.locate(paths, question)
    print(terminal_table(located))
    if any(one.confidence is None for one in located):
        print(
            "note: no confidence and no radius without a calibration; see `gleam-c calibrate --help`", file=sys.stderr
        )
    if track:
        from gleam_c.locate.track import track_of
        from gleam_c.locate.write import write_track

        flight = track_of(located)
        used = sum(fix.is_used for fix in flight.fixes)
        print(f"track: {used} of {len(flight.fixes)} fixes used; the others were abstained from or do not fit")
        if out is not None:
            write_track(out, flight)
            print(f"track: {out}")
    elif out is not None:
        write_answers(out, located, opened)
        print(f"results: {out}")


def calibrate(
    model: Path,
    catalog: Path,
    split: str = "val",
    root: Path | None = None,
    views: str = "uav,map,panorama,ground",
    out: Path | None = None,
    device: str = "auto",
) -> None:
    """Fit what turns similarities into confidence and metres, on photos whose place is known and that trained nothing.

    Args:
        model: the run's ``model`` folder.
        catalog: folder with gallery.parquet and queries.parquet, with coordinates.
        split: of the queries; one that the model was not trained on.
        root: folder that the pictures' paths start from; the catalog itself by default.
        views: of the queries; those that the catalog lacks are left out.
        out: file to write; by default calibration.json in MODEL, where `locate` finds it.
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
    """
    from gleam_common.catalog import Catalog

    from gleam_c.evaluate_command import chosen_device
    from gleam_c.gallery.description import model_sha256
    from gleam_c.locate.calibration import CALIBRATION_JSON, Calibration
    from gleam_c.locate.known_places import calibrate_views
    from gleam_c.model_folder import load_encoder

    opened = Catalog.read(catalog, root).select(split=split)
    digest, encoder = model_sha256(model), load_encoder(model).to(chosen_device(device))
    wanted = [word.strip() for word in views.split(",") if word.strip()]
    fits = calibrate_views(encoder, opened, wanted)
    path = out or model / CALIBRATION_JSON
    Calibration(model_sha256=digest, views=fits).write(path)
    for name, fit in fits.items():
        print(
            f"{name:<9} {fit.queries:>5} photos  temperature {fit.temperature:.4f}  radius x {fit.radius_factor:.2f}  "
            f"least score {fit.least_score:.3f}"
        )
    print(f"calibration: {path}")


def locate_command(words: Sequence[str]) -> None:
    """Run ``gleam-c locate``: the words before the first option are photos."""
    photos = list(takewhile(lambda word: not word.startswith("-"), words))
    named = [json.dumps(photos, ensure_ascii=False)] if photos else []
    run_function(locate, "gleam-c locate", [*named, *_south(words[len(photos) :])], first="photos")


def _south(words: Sequence[str]) -> list[str]:
    """Join ``--near`` and its value: argparse takes -33,151,500 for an option."""
    at = words.index("--near") if "--near" in words[:-1] else len(words)
    return [*words[:at], *(["=".join(words[at : at + 2])] if at < len(words) else []), *words[at + 2 :]]


def calibrate_command(words: Sequence[str]) -> None:
    """Run ``gleam-c calibrate``."""
    run_function(calibrate, "gleam-c calibrate", words, first="model")
