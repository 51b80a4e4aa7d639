"""``gleam-c gallery build | add | index | info | verify``: their signatures are the options, their docstrings the help.

What embeds and reads is imported where it is used, so that ``--help`` does not wait for it; not under TYPE_CHECKING
either, where jsonargparse would look for types.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gleam_common.commands import run_group
from gleam_common.errors import ConfigError

__all__ = ["add", "build", "gallery_command", "index", "info", "verify"]

ABOUT = "Galleries of satellite tiles: a map of your own, cut, embedded and kept, so that photos are found in it."


def build(
    source: Path,
    model: Path,
    out: Path,
    views: str = "uav,map,panorama,ground",
    widths_m: str | None = None,
    overlap: float = 0.5,
    min_covered: float = 0.75,
    crs: str | None = None,
    gsd_m: float | None = None,
    zoom: int | None = None,
    name: str | None = None,
    engine: str = "exact",
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Cut a map into tiles, embed them, and keep them as a gallery. A killed build goes on when started again.

    Args:
        source: a GeoTIFF or COG of any CRS; a folder or .zip of XYZ tiles (z/x/y.png); .mbtiles; a folder of pictures
            with world files, GeoTIFF tags or a .csv (file, lat, lon, width_m); a catalog.
        model: the run's ``model`` folder (model.safetensors and config.json).
        out: folder of the gallery.
        views: of the photos that will be searched, such as uav,map. Fewer views, smaller gallery.
        widths_m: ground widths of tiles in metres, such as 120,240; by default 120 for a raster, and XYZ tiles,
            pictures and catalogs as they are.
        overlap: share of its width that a tile shares with the next, 0 to 0.9.
        min_covered: share of a tile that must have data.
        crs: of a raster that names none (EPSG:32633); `local` for a picture without a place on the globe.
        gsd_m: metres of a pixel, with --crs local.
        zoom: of XYZ tiles; by default all as they are, or the deepest when they are cut.
        name: first part of the tiles' ids; by default the source's name.
        engine: that searches it: exact (the folder alone, good to millions of tiles); lance or qdrant, in the gallery's
            folder or as lance:///FOLDER, qdrant:///FOLDER, qdrant+http://{HOST}:{PORT} (key: $QDRANT_API_KEY).
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
        overwrite: replace a gallery in OUT that was made otherwise.
    """
    from gleam_c.evaluate_command import chosen_device
    from gleam_c.gallery.build import build_gallery
    from gleam_c.gallery.indexing import index_gallery
    from gleam_c.gallery.sources.source import CutOptions
    from gleam_c.search.engine import check_engine

    check_engine(engine)
    options = CutOptions(
        widths_m=_widths(widths_m), overlap=overlap, min_covered=min_covered, crs=crs, gsd_m=gsd_m, zoom=zoom
    )
    result = build_gallery(
        source,
        model,
        out,
        options=options,
        views=_words(views),
        name=name,
        device=chosen_device(device),
        overwrite=overwrite,
    )
    if engine != result.gallery.description.engine:
        index_gallery(out, engine)
    _say(out, result.gallery.description.tiles, result.added, result.there)


def add(
    gallery: Path,
    source: Path,
    model: Path,
    widths_m: str | None = None,
    overlap: float = 0.5,
    min_covered: float = 0.75,
    crs: str | None = None,
    zoom: int | None = None,
    name: str | None = None,
    device: str = "auto",
) -> None:
    """Add the tiles of another source to a gallery; those that it has already are left out.

    Args:
        gallery: folder of the gallery.
        source: as for `build`.
        model: the one that the gallery was built with.
        widths_m: ground widths of tiles in metres; see `build`.
        overlap: share of its width that a tile shares with the next, 0 to 0.9.
        min_covered: share of a tile that must have data.
        crs: of a raster that names none.
        zoom: of XYZ tiles.
        name: first part of the tiles' ids; by default the source's name.
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
    """
    from gleam_c.evaluate_command import chosen_device
    from gleam_c.gallery.build import add_tiles
    from gleam_c.gallery.indexing import index_gallery
    from gleam_c.gallery.sources.source import CutOptions

    options = CutOptions(widths_m=_widths(widths_m), overlap=overlap, min_covered=min_covered, crs=crs, zoom=zoom)
    result = add_tiles(gallery, source, model, options=options, name=name, device=chosen_device(device))
    if result.added:
        index_gallery(gallery, result.gallery.description.engine)
    _say(gallery, result.gallery.description.tiles, result.added, result.there)


def index(gallery: Path, engine: str) -> None:
    """Fill an engine with a gallery's embeddings; from then on it proposes the tiles that are then scored exactly.

    Args:
        gallery: folder of the gallery.
        engine: lance, qdrant or a URL, as for `build`; exact goes back to the folder alone.
    """
    from gleam_c.gallery.indexing import index_gallery

    indexed = index_gallery(gallery, engine)
    print(f"gallery: {gallery}  ({indexed.description.tiles} tiles; searched by {engine})")


def info(gallery: Path, as_json: bool = False) -> None:
    """Say what a gallery holds: tiles, sources, ground sizes, extent, model, views, bytes.

    Args:
        gallery: folder of the gallery.
        as_json: print JSON instead of lines.
    """
    from gleam_c.gallery.summary import summarise

    summary = summarise(gallery)
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    width = max(map(len, summary))
    for key, value in summary.items():
        print(f"{key.replace('_', ' '):<{width}}  {_shown(value)}")


def verify(gallery: Path) -> None:
    """Compare every byte of a gallery with the hashes recorded when it was written.

    Args:
        gallery: folder of the gallery.
    """
    from gleam_c.gallery.folder import GalleryFolder

    opened = GalleryFolder.read(gallery)
    files = opened.verify()
    print(f"{gallery}: {opened.description.tiles} tiles in {files} files are as they were written")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.strip("[]").split(",") if word.strip()]


def _widths(text: str | None) -> tuple[float, ...] | None:
    try:
        return None if text is None else tuple(float(word) for word in _words(text))
    except ValueError:
        raise ConfigError("ground widths of tiles", value=text, allowed="metres with commas between: 120,240") from None


def _say(folder: Path, total: int, added: int, there: int) -> None:
    also = f", {there} were there already" if there else ""
    print(f"gallery: {folder}  ({total} tiles; {added} added{also})")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)


def gallery_command(words: Sequence[str]) -> None:
    """Run ``gleam-c gallery ...``."""
    run_group(
        "gleam-c gallery",
        ABOUT,
        {
            "build": (build, "source", "cut a map into tiles, embed and keep them"),
            "add": (add, "gallery", "add the tiles of another source"),
            "index": (index, "gallery", "have it searched by LanceDB or Qdrant"),
            "info": (info, "gallery", "say what a gallery holds"),
            "verify": (verify, "gallery", "compare every byte with its hash"),
        },
        words,
    )
