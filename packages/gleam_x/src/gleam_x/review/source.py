"""A benchmark folder as a reviewer sees it: pairs with the records of their languages, and both pictures' bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.errors import DataError

from gleam_x.benchmark.schema import Record, check_records, record_of

__all__ = ["PICTURES", "Benchmark", "Pair", "data_files", "open_benchmark"]

Picture = Literal["query_image", "satellite_image"]
PICTURES: tuple[Picture, ...] = ("query_image", "satellite_image")

# Only what a browser shows; the type is told from the bytes, since names and types in a data set may lie.
_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a row's pictures lie."""

    file: Path
    group: int
    row: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is reviewed at once: the records of one pair, one for each language, English first."""

    pair_id: str
    records: tuple[Record, ...]
    place: _Place

    @property
    def first(self) -> Record:
        """A record that speaks for what all languages share: view, verdict, truth."""
        return self.records[0]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Pairs in the order of the files."""

    folder: Path
    pairs: tuple[Pair, ...]

    @property
    def records(self) -> dict[str, Record]:
        """All records by their id."""
        return {record.record_id: record for pair in self.pairs for record in pair.records}

    def picture(self, pair: Pair, which: Picture) -> tuple[bytes, str]:
        """Return a picture's bytes and its media type."""
        place = pair.place
        data = _picture(place, which)["bytes"]
        return data, _media_type(data)


def open_benchmark(folder: str | Path, split: str = "") -> Benchmark:
    """Read every record (of ``split``, if given) and check records and pictures.

    Raises:
        DataError: no such benchmark or split; a record that is wrong or has no picture: the first is named, the others
            are counted.
    """
    folder = Path(folder)
    rows = [(record_of(row), place) for file in data_files(folder, split) for row, place in _rows(file)]
    check_records(record for record, _ in rows)
    _check_pictures(rows)
    pairs: dict[str, list[tuple[Record, _Place]]] = {}
    for record, place in rows:
        pairs.setdefault(record.pair_id, []).append((record, place))
    return Benchmark(folder=folder, pairs=tuple(_pair(pair_id, members) for pair_id, members in pairs.items()))


def data_files(folder: Path, split: str = "") -> list[Path]:
    """Return the Parquet files of a benchmark, or of one of its splits.

    Raises:
        DataError: there is none.
    """
    files = sorted((folder / "data").glob("*.parquet"))
    splits = sorted({file.name.partition("-")[0] for file in files})
    if not files:
        raise DataError(f"{folder}: no benchmark (no data/*.parquet)", fix="build one first, or correct --benchmark")
    if split and split not in splits:
        raise DataError("split of the benchmark", value=split, allowed=splits)
    return [file for file in files if not split or file.name.partition("-")[0] == split]


def _rows(file: Path) -> Iterator[tuple[dict[str, Any], _Place]]:
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file} is broken ({error})", fix="build the benchmark again") from None
    missing = set(PICTURES) - set(parquet.schema_arrow.names)
    if missing:
        raise DataError(f"{file}: no such column", value=sorted(missing), fix="build the benchmark again")
    columns = [name for name in parquet.schema_arrow.names if name not in PICTURES]
    for group in range(parquet.num_row_groups):
        for row, values in enumerate(parquet.read_row_group(group, columns=columns).to_pylist()):
            yield values, _Place(file=file, group=group, row=row)


def _check_pictures(rows: list[tuple[Record, _Place]]) -> None:
    wrong = []
    for record, place in rows:
        for which in PICTURES:
            data = _picture(place, which).get("bytes")
            if not data:
                wrong.append(f"record {record.record_id} has no {which}")
            elif not _media_type(data):
                wrong.append(f"record {record.record_id}: {which} is no JPEG, PNG or WEBP")
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0]}{more}", fix="build the benchmark again with its pictures inside")


def _picture(place: _Place, which: Picture) -> dict[str, Any]:
    group = _group(place.file, place.file.stat().st_mtime_ns, place.group, which)
    return dict(group[place.row].as_py() or {})


@lru_cache(maxsize=4)
def _group(file: Path, _changed: int, group: int, column: str) -> Any:
    """Return one column of pictures; a few are kept, since a reviewer goes through a file in order."""
    return pq.ParquetFile(file).read_row_group(group, columns=[column])[column]


def _media_type(data: bytes) -> str:
    return next((kind for start, kind in _SIGNATURES.items() if data.startswith(start)), "")


def _pair(pair_id: str, members: list[tuple[Record, _Place]]) -> Pair:
    members.sort(key=lambda member: member[0].language)
    return Pair(pair_id=pair_id, records=tuple(record for record, _ in members), place=members[0][1])
