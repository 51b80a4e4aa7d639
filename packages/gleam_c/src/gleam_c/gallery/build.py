"""Building a gallery and adding to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gleam_common.artifacts import MANIFEST_NAME, Stage, config_hash, open_stage, sha256_file
from gleam_common.errors import ConfigError, DataError
from gleam_common.progress import progress
from gleam_common.views import QUERY_VIEWS, View, parse_view

from gleam_c.encoder import Encoder
from gleam_c.gallery.announcement import announce
from gleam_c.gallery.description import GALLERY_JSON, SCHEMA, Description, model_sha256
from gleam_c.gallery.folder import GALLERY_KIND, SEGMENT_KIND, SEGMENTS, GalleryFolder
from gleam_c.gallery.matrices import TileSide, matrices_of_views, tile_sides
from gleam_c.gallery.segment import PARTS, TileMaker, content_sha256, write_segment
from gleam_c.gallery.sources.opening import open_source
from gleam_c.gallery.sources.source import CutOptions, TileSource
from gleam_c.gallery.stored_segment import TILES_FILE
from gleam_c.gallery.tiles import spatial_order, table_points
from gleam_c.model_folder import load_encoder

__all__ = ["Added", "add_tiles", "build_gallery"]


@dataclass(frozen=True, kw_only=True)
class Added:
    """What a build or an addition did: tiles ``added``, tiles that were ``there`` already, in which gallery."""

    gallery: GalleryFolder
    added: int
    there: int


@dataclass(frozen=True, kw_only=True)
class _Model:
    folder: Path
    encoder: Encoder
    sha256: str

    @classmethod
    def load(cls, folder: Path, device: torch.device | None) -> _Model:
        encoder = load_encoder(folder)
        return cls(folder=folder, encoder=encoder.to(device) if device else encoder, sha256=model_sha256(folder))

    @property
    def name(self) -> str:
        """The run's name, without a path: the folder above ``model``."""
        folder = self.folder.resolve()
        return folder.parent.name if folder.name == "model" else folder.name


def build_gallery(
    source: Path,
    model: Path,
    out: Path,
    *,
    options: CutOptions | None = None,
    views: Iterable[str] | None = None,
    name: str | None = None,
    device: torch.device | None = None,
    overwrite: bool = False,
) -> Added:
    """Cut, embed and keep the tiles of ``source`` in the folder ``out``; go on with it, or find it finished.

    Args:
        source: see :func:`gleam_c.gallery.sources.opening.open_source`.
        model: a run's ``model`` folder.
        out: new or empty, or begun or finished with the same arguments.
        options: how to cut.
        views: of the queries that the gallery is to serve; all views if None.
        name: first part of the tiles' ids; the source's name if None.
        device: to embed on.
        overwrite: empty ``out`` first if it holds a gallery made otherwise.

    Raises:
        DataError: a source that cannot be understood or has no tile; too little space on the disk.
        ConfigError: unknown view, or an option that the source has no use for.
        ModelError: the model cannot be loaded.
        ArtifactError: ``out`` holds something else.
    """
    options = options or CutOptions()
    chosen = [parse_view(str(view)) for view in views or QUERY_VIEWS]
    if View.SATELLITE in chosen:
        raise ConfigError("a gallery serves queries", value="satellite", allowed=map(str, QUERY_VIEWS))
    opened, loaded = open_source(source, options, name), _Model.load(model, device)
    config = _segment_config(opened, options, loaded, chosen, [])
    planned = _ordered(opened.plan())
    root = open_stage(out, GALLERY_KIND, config, overwrite)
    if (out / GALLERY_JSON).exists():
        gallery = GalleryFolder.read(out)
        return Added(gallery=gallery, added=0, there=len(planned))
    _make(out, config, planned, _maker(opened, loaded, chosen, options), None)
    root.finish([])
    empty = GalleryFolder(folder=out, description=_describe(loaded, chosen, sha256_file(out / MANIFEST_NAME)))
    return _list(empty, config, there=0)


def add_tiles(
    gallery: Path,
    source: Path,
    model: Path,
    *,
    options: CutOptions | None = None,
    name: str | None = None,
    device: torch.device | None = None,
) -> Added:
    """Add the tiles of ``source`` to a gallery as a new segment. Tiles that it has already are left out.

    Raises:
        DataError: as :func:`build_gallery`, or a tile has the id of one in the gallery and shows something else.
        ModelError: the model cannot be loaded or did not make the gallery.
        ArtifactError: no finished gallery.
    """
    options, found = options or CutOptions(), GalleryFolder.read(gallery)
    found.check_model(model)
    opened, loaded = open_source(source, options, name), _Model.load(model, device)
    chosen = [View(view) for view in found.description.views]
    maker = _maker(opened, loaded, chosen, options)
    planned = _ordered(opened.plan())
    if found.segments[0].read_tiles()["lat"].null_count != 0 or planned["lat"].null_count:
        raise DataError(f"{gallery} or {source} has no place on the globe", fix="build a gallery of its own")
    fresh = _without_known(planned, found, maker)
    if not len(fresh):
        return Added(gallery=found, added=0, there=len(planned))
    listed = [segment.name for segment in found.description.segments]
    config = _segment_config(opened, options, loaded, chosen, listed)
    _make(gallery, config, fresh, maker, found)
    return _list(found, config, there=len(planned) - len(fresh))


def _segment_config(
    source: TileSource, options: CutOptions, model: _Model, views: list[View], after: list[str]
) -> dict[str, Any]:
    return {
        "format": SCHEMA,
        "source": source.name,
        "source_fingerprint": source.fingerprint(),
        **asdict(options),
        "views": sorted(map(str, views)),
        "model_sha256": model.sha256,
        "after": after,
    }


def _segment_name(config: dict[str, Any]) -> str:
    return f"{len(config['after']):04d}-{config_hash(config)[:12]}"


def _maker(source: TileSource, model: _Model, views: list[View], options: CutOptions) -> TileMaker:
    sides = tile_sides(matrices_of_views(model.encoder, views))
    return TileMaker(source=source, encoder=model.encoder, sides=sides, min_covered=options.min_covered)


def _ordered(planned: pa.Table) -> pa.Table:
    ids = planned["gallery_id"].to_pylist()
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(
            "a tile's id stands twice in the source", value=twice, fix="give each picture a name of its own"
        )
    return planned.take(pa.array(spatial_order(table_points(planned)))).combine_chunks()


def _without_known(planned: pa.Table, gallery: GalleryFolder, maker: TileMaker) -> pa.Table:
    """Return the tiles whose ids are not in the gallery; those that are must show the same pixels."""
    tables = [segment.read_tiles().select(["gallery_id", "content_sha256"]) for segment in gallery.segments]
    known = {row["gallery_id"]: row["content_sha256"] for table in tables for row in table.to_pylist()}
    is_known = np.array([name in known for name in planned["gallery_id"].to_pylist()])
    there = planned.filter(pa.array(is_known)).to_pylist()
    for tile in progress(there, desc="comparing tiles", unit="tile", delay=1, leave=False):
        picture = maker.cut(tile)
        if picture is None or content_sha256(picture) != known[tile["gallery_id"]]:
            raise DataError(
                "the gallery has another tile of this id",
                value=tile["gallery_id"],
                fix="give the source another name (--name), or build the gallery again",
            )
    return planned.filter(pa.array(~is_known)).combine_chunks()


def _make(
    root: Path, config: dict[str, Any], planned: pa.Table, maker: TileMaker, gallery: GalleryFolder | None
) -> None:
    """Write the segment of ``config``, unless it is finished."""
    folder = root / SEGMENTS / _segment_name(config)
    stage = open_stage(folder, SEGMENT_KIND, config)
    if stage.is_complete:
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        return
    try:
        announce(planned, maker, root)
        write_segment(stage, planned, maker)
    except DataError:
        _leave_nothing(root if gallery is None else folder, stage)
        raise


def _leave_nothing(folder: Path, stage: Stage) -> None:
    """Remove what bad input left behind, unless parts of it are worth going on from."""
    if not any((stage.folder / PARTS).glob("*.npz")):
        shutil.rmtree(folder)


def _describe(model: _Model, views: list[View], manifest_sha256: str) -> Description:
    matrices = matrices_of_views(model.encoder, views)
    return Description(
        schema=SCHEMA,
        model={"name": model.name, "sha256": model.sha256},
        dimension=model.encoder.dim,
        dtype="float16",
        size=list(model.encoder.sizes[View.SATELLITE]),
        mean=list(model.encoder.mean),
        std=list(model.encoder.std),
        views={str(view): [side.name for side in sides] for view, sides in matrices.items()},
        matrices={side.name: _described(side) for side in tile_sides(matrices)},
        engine="exact",
        manifest_sha256=manifest_sha256,
        segments=[],
    )


def _described(side: TileSide) -> dict[str, Any]:
    return {"window": repr(side.window), "up_deg": side.up_deg}


def _list(gallery: GalleryFolder, config: dict[str, Any], there: int) -> Added:
    """List the finished segment of ``config``."""
    name = _segment_name(config)
    count = pq.read_metadata(gallery.folder / SEGMENTS / name / TILES_FILE).num_rows
    listed = gallery.with_segment(name, count)
    for left in gallery.folder.glob(".*.partial"):
        left.unlink()  # of a process that was killed while it wrote
    return Added(gallery=listed, added=count, there=there)
