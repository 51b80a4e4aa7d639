"""A catalog in numbers: pictures by view and split, places, ground covered, sizes of pictures, missing files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import Transformer
from shapely import MultiPoint

from gleam_common.catalog import Catalog, Which
from gleam_common.errors import DataError
from gleam_common.images import check_picture
from gleam_common.progress import progress

__all__ = ["SAMPLE", "count_table", "counted_columns", "described", "statistics_text"]

SAMPLE = 200
"""Pictures of each view whose size is read."""

_WHICH: tuple[Which, ...] = ("gallery", "queries")
_MOST_COLUMNS = 10
_UNREADABLE = "unreadable"
_EQUAL_AREA = "+proj=cea +datum=WGS84 +units=m"


def described(catalog: Catalog) -> dict[str, Any]:
    """Return what ``gleam-data stats`` says of a catalog: plain numbers and texts, for people and for JSON."""
    return {
        **catalog.statistics(),
        "protocols": {name: _splits(catalog, name) for name in counted_columns(catalog) if name.startswith("split_")},
        "pictures_per_place": _per_place(catalog),
        "area_km2": _areas_km2(catalog),
        "picture_sizes": _picture_sizes(catalog),
        "missing": _missing(catalog),
    }


def counted_columns(catalog: Catalog) -> list[str]:
    """Return the columns of queries that pictures are counted by: the split, those of protocols, area and city."""
    table = catalog.queries
    names = ["split", *(name for name in table.column_names if name.startswith("split_")), "area", "city"]
    return [name for name in names if name in table.column_names and table[name].null_count < len(table)]


def count_table(catalog: Catalog, column: str) -> str:
    """Return counts of pictures as text: a row for each view, a column for each value of ``column``.

    A tile that several splits search counts in each of them, once in the sum. Of many values the rarest are added up.
    """
    cells, totals = _cells(catalog, column), Counter[str]()
    for which in _WHICH:
        totals.update(catalog.column("view", which))
    by_value = Counter[str]()
    for (_, value), number in cells.items():
        by_value[value] += number
    shown = list(by_value)
    if len(shown) > _MOST_COLUMNS:
        shown = [value for value, _ in by_value.most_common(_MOST_COLUMNS - 1)]
    rest = f"{len(by_value) - len(shown)} others" if len(shown) < len(by_value) else None
    rows = [[f"view \\ {column}", *shown, *filter(None, [rest]), "all"]]
    for view, total in totals.items():
        others = sum(number for (own, value), number in cells.items() if own == view and value not in shown)
        numbers = [cells[view, value] for value in shown] + ([others] if rest else [])
        rows.append([view, *(f"{number:,}" for number in numbers), f"{total:,}"])
    return "\n".join(_aligned(rows))


def statistics_text(catalog: Catalog) -> str:
    """Return what ``gleam-data stats`` prints."""
    found = described(catalog)
    parts = [count_table(catalog, column) for column in counted_columns(catalog)]
    lines = [
        f"{found['places']:,} places; {found['positives_per_query']:.2f} positives and "
        f"{found['semi_positives_per_query']:.2f} semi-positives for each query"
    ]
    lines += [f"tiles of {area} lie within {size:,.2f} km2" for area, size in found["area_km2"].items()]
    lines.append(_missing_text(found["missing"], len(catalog.gallery) + len(catalog.queries)))
    return "\n\n".join([*parts, _view_table(found), "\n".join(lines)])


def _cells(catalog: Catalog, column: str) -> Counter[tuple[str, str]]:
    """Count the pictures of each view and value."""
    counts: Counter[tuple[str, str]] = Counter()
    for table in (catalog.gallery, catalog.queries):
        values = table[column].to_pylist() if column in table.column_names else [None] * len(table)
        for view, value in zip(table["view"].to_pylist(), values, strict=True):
            counts.update((view, one or "(none)") for one in (value if isinstance(value, list) else [value]))
    return counts


def _splits(catalog: Catalog, column: str) -> dict[str, int]:
    return dict(sorted(Counter(catalog.column(column)).items()))


def _per_place(catalog: Catalog) -> dict[str, dict[str, float]]:
    """Return least, median and most pictures of a place, over the places that have one of this view."""
    found = {}
    for which in _WHICH:
        views, places = catalog.column("view", which), catalog.column("place_id", which)
        for view in dict.fromkeys(views):
            numbers = np.unique(places[views == view].astype(str), return_counts=True)[1]
            found[view] = {"min": int(numbers.min()), "median": float(np.median(numbers)), "max": int(numbers.max())}
    return found


def _areas_km2(catalog: Catalog) -> dict[str, float]:
    """Return the size of the convex hull of the tiles' centres, for each city or area that has three or more."""
    latlon_G2 = catalog.gallery_latlon()
    known = np.isfinite(latlon_G2).all(axis=1)
    areas = catalog.column("city" if "city" in catalog.gallery.column_names else "area", "gallery")
    sizes = {}
    for area in sorted(set(areas[known])):
        own_N2 = latlon_G2[known & (areas == area)]
        if len(own_N2) > 2:
            sizes[area or "all areas"] = _hull_km2(own_N2)
    return sizes


def _hull_km2(latlon_N2: npt.NDArray[np.float64]) -> float:
    lat, lon = latlon_N2.T
    # Counted from the first one, so that an area may lie across the antimeridian.
    around = (lon - lon[0] + 180) % 360 - 180
    x_m, y_m = Transformer.from_crs("EPSG:4326", _EQUAL_AREA, always_xy=True).transform(around, lat)
    return float(MultiPoint(np.column_stack([x_m, y_m])).convex_hull.area) / 1e6


def _picture_sizes(catalog: Catalog) -> dict[str, dict[str, int]]:
    """Return how many of :data:`SAMPLE` pictures of each view, spread evenly over the table, are of a size."""
    found = {}
    for which, view, rows in _rows_by_view(catalog):
        sample = rows[np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int))]
        sizes = Counter(_size_text(catalog, which, int(row)) for row in sample)
        sizes.pop("", None)
        if sizes:
            found[view] = dict(sizes.most_common())
    return found


def _rows_by_view(catalog: Catalog) -> Iterator[tuple[Which, str, npt.NDArray[np.int64]]]:
    for which in _WHICH:
        views = catalog.column("view", which)
        for view in dict.fromkeys(views):
            yield which, view, np.flatnonzero(views == view)


def _size_text(catalog: Catalog, which: Which, row: int) -> str:
    """Return width x height of a picture, or nothing where there is no file."""
    path = catalog.picture_path(which, row)
    try:
        height_px, width_px = check_picture(path)
    except DataError:
        return _UNREADABLE if path.is_file() else ""
    return f"{width_px} x {height_px}"


def _missing(catalog: Catalog) -> dict[str, Any]:
    paths = [path for which in _WHICH for path in catalog.column("path", which)]
    there = (catalog.root / path for path in paths)
    found = [path.is_file() for path in progress(there, total=len(paths), desc="files", unit="picture", delay=2)]
    gone = [path for path, is_there in zip(paths, found, strict=True) if not is_there]
    return {"count": len(gone), "first": gone[:3]}


def _view_table(found: Mapping[str, Any]) -> str:
    rows = [["view", "pictures of a place", "size in pixels"]]
    for view, own in found["pictures_per_place"].items():
        number = (
            f"{own['min']}" if own["min"] == own["max"] else f"{own['min']} to {own['max']}, median {own['median']:g}"
        )
        rows.append([view, number, _sizes_text(found["picture_sizes"].get(view, {}))])
    return "\n".join(line.rstrip() for line in _aligned(rows, "<"))


def _sizes_text(sizes: Mapping[str, int]) -> str:
    number, common = sum(sizes.values()), list(sizes.items())[:3]
    text = ", ".join(f"{size} ({100 * count / number:.0f} %)" for size, count in common)
    more = f" and {len(sizes) - len(common)} more" if len(sizes) > len(common) else ""
    return f"{text}{more}; {number} looked at" if sizes else "no picture is there"


def _missing_text(missing: Mapping[str, Any], pictures: int) -> str:
    if not missing["count"]:
        return f"all {pictures:,} pictures are there"
    hint = "; give --root DIR, the folder of the pictures" if missing["count"] == pictures else ""
    return f"missing: {missing['count']:,} of {pictures:,} pictures, such as {', '.join(missing['first'])}{hint}"


def _aligned(rows: list[list[str]], side: str = ">") -> list[str]:
    """Return the rows as lines: the first column to the left, the others to ``side``."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    sides = ["<", *[side] * (len(widths) - 1)]
    return ["  ".join(map(format, row, map("{}{}".format, sides, widths))) for row in rows]
