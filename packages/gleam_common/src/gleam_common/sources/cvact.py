"""CVACT: street-level panoramas of Canberra, each with one satellite tile.

Liu and Li, Lending Orientation to Neural Networks for Cross-view Geo-localization, CVPR 2019 (Liumouliu/OriCNN).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["NEAR_M", "SOURCE", "read"]

NEAR_M = 25.0
"""Within which OriCNN's test takes another panorama's tile for right (``posDistThr``): here a semi-positive."""

SMALL, TEST = "ANU_data_small", "ANU_data_test"
_LABELS = ("ACT_data.mat", f"{SMALL}/ACT_data.mat")
_SPLITS = {"train": ("trainSet", "trainInd"), "val": ("valSet", "valInd")}
_MAX_MAT_BYTES = 200_000_000
_UTM_55_SOUTH = "EPSG:32755"
_EASTING_M, _NORTHING_M = (600_000, 800_000), (6_000_000, 6_200_000)  # of Canberra


@dataclass(frozen=True, kw_only=True)
class _Labels:
    """Of ``ACT_data.mat``: ids of panoramas, their places (N, 2) in metres, and the ids of splits."""

    ids: list[str]
    utm_N2: npt.NDArray[np.float64]
    splits: dict[str, list[str]]


def read(root: Path) -> Catalog:
    """Return the catalog of CVACT below ``root``: train and val of ``ANU_data_small``, test of ``ANU_data_test``.

    Panoramas look north in their centre column. A pair of which a picture is not there is left out (the published copy
    lacks one of train). Tiles of the same split within :data:`NEAR_M` of a panorama are its semi-positives. Coordinates
    are those of the panoramas, as latitude and longitude where they are UTM metres of Canberra, else as plain metres.

    Raises:
        DataError: no ``ACT_data.mat``, or a broken one; no such folders.
    """
    folder_of(root, "", "CVACT")
    labels = _read_labels(root)
    splits = []
    if (root / SMALL).is_dir() or not (root / TEST).is_dir():
        with one_part():
            there = set(_complete(root, SMALL))
            splits = [(split, SMALL, [one for one in ids if one in there]) for split, ids in labels.splits.items()]
    if (root / TEST).is_dir():
        with one_part():
            splits.append(("test", TEST, _complete(root, TEST)))
    tiles, queries = [], []
    for split, folder, ids in splits:
        for tile, query in _pairs(folder, ids, labels):
            tiles.append({**tile, "split": split})
            queries.append({**query, "split": split})
    return assemble("cvact", root, tiles, queries)


def _pairs(folder: str, ids: list[str], labels: _Labels) -> Iterator[tuple[Row, Row]]:
    row_of = {one: row for row, one in enumerate(labels.ids)}
    utm_N2 = np.array([labels.utm_N2[row_of[one]] if one in row_of else (np.nan, np.nan) for one in ids]).reshape(-1, 2)
    paths = [_tile_path(folder, one) for one in ids]
    for one, path, near, place in zip(ids, paths, _neighbours(utm_N2), _coordinates(utm_N2), strict=True):
        common: Row = {"place_id": one, "area": "Canberra", **place}
        camera = {f"camera_{name}": place[name] for name in ("lat", "lon") if name in place}
        links = {"positives": [path], "semi_positives": [paths[other] for other in near]}
        query = {"path": f"{folder}/streetview/{one}_grdView.jpg", "view": View.PANORAMA, "heading_deg": 0.0}
        yield {"path": path, **common}, {**query, **common, **camera, **links}


def _tile_path(folder: str, one: str) -> str:
    return f"{folder}/satview_polish/{one}_satView_polish.jpg"


def _complete(root: Path, folder: str) -> list[str]:
    """Return the ids of which both pictures are there, sorted."""
    found = []
    for name, end in (("streetview", "_grdView.jpg"), ("satview_polish", "_satView_polish.jpg")):
        folder_of(root, f"{folder}/{name}", "pictures of CVACT")
        names = (path.rsplit("/", 1)[1] for path in pictures(root, f"{folder}/{name}"))
        found.append({name.removesuffix(end) for name in names if name.endswith(end)})
    return sorted(found[0] & found[1])


def _neighbours(utm_N2: npt.NDArray[np.float64]) -> list[list[int]]:
    """Return, for each place, the others within :data:`NEAR_M`."""
    from scipy.spatial import cKDTree

    known = np.flatnonzero(np.isfinite(utm_N2).all(axis=1))
    near: list[list[int]] = [[] for _ in utm_N2]
    if known.size:
        found = cKDTree(utm_N2[known]).query_ball_point(utm_N2[known], NEAR_M, return_sorted=True)
        for row, others in zip(known, found, strict=True):
            near[row] = [int(known[other]) for other in others if known[other] != row]
    return near


def _coordinates(utm_N2: npt.NDArray[np.float64]) -> list[Row]:
    from pyproj import Transformer

    if not np.isfinite(utm_N2).any():
        return [{} for _ in utm_N2]
    names, columns = ("x_m", "y_m"), (utm_N2[:, 0], utm_N2[:, 1])
    for east, north in ((0, 1), (1, 0)):
        if _within(utm_N2[:, east], _EASTING_M) and _within(utm_N2[:, north], _NORTHING_M):
            to_degrees = Transformer.from_crs(_UTM_55_SOUTH, "EPSG:4326", always_xy=True)
            lon, lat = to_degrees.transform(utm_N2[:, east], utm_N2[:, north])
            names, columns = ("lat", "lon"), (lat, lon)
    places = zip(*columns, strict=True)
    return [dict(zip(names, map(float, place), strict=True)) if np.isfinite(place).all() else {} for place in places]


def _within(values: npt.NDArray[np.float64], limits: tuple[int, int]) -> bool:
    known = values[np.isfinite(values)]
    return bool(((known >= limits[0]) & (known <= limits[1])).all())


def _read_labels(root: Path) -> _Labels:
    path = next((root / name for name in _LABELS if (root / name).is_file()), None)
    if path is None:
        raise DataError(f"{root} is no CVACT: missing file", value="ACT_data.mat", fix=f"put it at {root / _LABELS[0]}")
    content = _load(path)
    try:
        ids = [str(one).strip() for one in np.atleast_1d(content["panoIds"])]
        utm_N2 = np.asarray(content["utm"], dtype=np.float64)
        splits = {split: _ids_of(content[part][field], ids) for split, (part, field) in _SPLITS.items()}
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not the labels of CVACT ({error!r})", allowed=_EXPECTED) from None
    if utm_N2.shape != (len(ids), 2):
        raise DataError(f"{path}: utm of {len(ids)} panoramas", value=utm_N2.shape, allowed=_EXPECTED)
    return _Labels(ids=ids, utm_N2=utm_N2, splits=splits)


_EXPECTED = "panoIds, utm (N, 2), trainSet.trainInd and valSet.valInd, which count from 1"


def _ids_of(numbers: Any, ids: list[str]) -> list[str]:
    """Return the ids of numbers that count from 1, as Matlab does."""
    rows = np.atleast_1d(np.asarray(numbers)).ravel().astype(np.int64) - 1
    if rows.size and not (rows.min() >= 0 and rows.max() < len(ids)):
        raise IndexError(f"a number outside 1 to {len(ids)}")
    return [ids[row] for row in rows]


def _load(path: Path) -> dict[str, Any]:
    """Return the variables of a .mat file; scipy decodes numbers, texts and structs only and runs nothing."""
    from scipy.io import loadmat

    if path.stat().st_size > _MAX_MAT_BYTES:
        raise DataError(f"{path}: too large", value=path.stat().st_size, allowed=f"{_MAX_MAT_BYTES} bytes")
    try:
        return dict(loadmat(path, simplify_cells=True, variable_names=["panoIds", "utm", "trainSet", "valSet"]))
    except Exception as error:  # scipy raises whatever its parts raise on broken bytes
        fix = "download it again (or save it in Matlab with -v7)"
        raise DataError(f"{path}: no .mat file ({type(error).__name__}: {error})", fix=fix) from error


SOURCE = Source(
    name="cvact",
    title="CVACT",
    layout="ACT_data.mat, ANU_data_small/{streetview,satview_polish}, ANU_data_test/{streetview,satview_polish}",
    licence="none stated; pictures by Google",
    citation="Liu and Li, Lending Orientation to Neural Networks for Cross-view Geo-localization, CVPR 2019",
    read=read,
    published=tuple(
        Count(view=view, split=split, number=number, said=said)
        for view in (View.PANORAMA, View.SATELLITE)
        for split, number, said in (
            ("train", 35_531, "Liu and Li, CVPR 2019, 35,532 less one pair without picture"),
            ("val", 8_884, "Liu and Li, CVPR 2019"),
            ("test", 92_802, "Liu and Li, CVPR 2019"),
        )
    ),
)
