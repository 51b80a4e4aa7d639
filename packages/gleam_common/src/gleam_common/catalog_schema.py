"""The columns of a catalog: which there are, their types, and how a table is brought to them."""

from __future__ import annotations

import pyarrow as pa
from datasets import Dataset, Features, List, Value

from gleam_common.errors import DataError
from gleam_common.views import View

__all__ = ["GALLERY", "GALLERY_REQUIRED", "QUERIES", "QUERIES_REQUIRED", "conform"]

_TEXT, _NUMBER, _IDS = Value("string"), Value("float64"), List(Value("string"))

GALLERY: dict[str, Value | List] = {
    "gallery_id": _TEXT,
    "path": _TEXT,
    "place_id": _TEXT,
    "view": _TEXT,
    "lat": _NUMBER,
    "lon": _NUMBER,
    "bounds": List(_NUMBER),  # south, west, north, east in degrees, as gleam_common.geo.Bounds
    "gsd_m": _NUMBER,
    "x_m": _NUMBER,
    "y_m": _NUMBER,
    "split": _TEXT,
    "area": _TEXT,
    "source": _TEXT,
    "licence": _TEXT,
}
"""Columns of ``gallery.parquet`` in their order; ``x_m``, ``y_m`` serve sets without coordinates."""

QUERIES: dict[str, Value | List] = {
    "query_id": _TEXT,
    "path": _TEXT,
    "view": _TEXT,
    "place_id": _TEXT,
    "positives": _IDS,
    "semi_positives": _IDS,
    "lat": _NUMBER,
    "lon": _NUMBER,
    "camera_lat": _NUMBER,
    "camera_lon": _NUMBER,
    "height_m": _NUMBER,
    "heading_deg": _NUMBER,
    "pitch_deg": _NUMBER,
    "x_m": _NUMBER,
    "y_m": _NUMBER,
    "split": _TEXT,
    "area": _TEXT,
}
"""Columns of ``queries.parquet`` in their order; (lat, lon) is the ground point shown."""

GALLERY_REQUIRED = ("gallery_id", "path", "place_id")
QUERIES_REQUIRED = ("query_id", "path", "view", "place_id", "positives")

# What stands in an absent column, where that is not "unknown" (null).
_DEFAULTS: dict[str, object] = {"view": str(View.SATELLITE), "semi_positives": []}


def conform(
    table: pa.Table | Dataset, columns: dict[str, Value | List], required: tuple[str, ...], name: str
) -> pa.Table:
    """Return ``table`` with all of ``columns`` first, in order and typed; other columns follow as they are.

    Absent optional columns are filled with nulls (``view``: satellite, ``semi_positives``: none). The Hugging Face
    feature types go into the schema, so that ``datasets.load_dataset`` reads the file as it is.

    Args:
        table: the rows.
        columns: :data:`GALLERY` or :data:`QUERIES`.
        required: the names that must be there, without nulls.
        name: what to call the table in an error, such as ``queries.parquet``.

    Raises:
        DataError: a required column is missing or has nulls, or a column has another type.
    """
    if isinstance(table, Dataset):
        table = table.with_format("arrow")[:]
    for column in required:
        if column not in table.column_names:
            raise DataError(
                f"{name}: missing column",
                value=column,
                allowed=list(columns),
                fix=f"add it (required: {', '.join(required)})",
            )
        if table[column].null_count:
            row = table[column].combine_chunks().is_null().to_pylist().index(True)
            raise DataError(f"{name}: column {column} is empty in row {row}", fix="fill it or take the row out")
    extra = [column for column in table.column_names if column not in columns]
    own = {column: _typed(table, column, kind, name) for column, kind in columns.items()}
    features = Features({**columns, **Features.from_arrow_schema(table.select(extra).schema.remove_metadata())})
    arrays = [*own.values(), *(table[column] for column in extra)]
    return pa.Table.from_arrays(arrays, names=list(features)).cast(features.arrow_schema)


def _typed(table: pa.Table, column: str, kind: Value | List, name: str) -> pa.ChunkedArray | pa.Array:
    wanted = Features({column: kind}).arrow_schema.field(column).type
    default = pa.scalar(_DEFAULTS.get(column), type=wanted)
    if column not in table.column_names:
        return pa.repeat(default, len(table))
    array = table[column]
    try:
        # Numbers may be cast; ids must be text already: 7 and "07" are different tiles.
        if pa.types.is_integer(array.type) and not pa.types.is_floating(wanted):
            raise pa.ArrowInvalid("numbers where text is wanted")
        array = array.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        fix = f"write column {column} as {wanted}"
        raise DataError(
            f"{name}: column {column} has type {array.type} ({error})", allowed=str(wanted), fix=fix
        ) from None
    return array if column not in _DEFAULTS else _fill(array, default)


def _fill(array: pa.ChunkedArray, default: pa.Scalar) -> pa.ChunkedArray | pa.Array:
    if not array.null_count:
        return array
    return pa.array([default.as_py() if value is None else value for value in array.to_pylist()], type=array.type)
