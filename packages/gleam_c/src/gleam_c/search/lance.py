"""LanceDB: embeddings on the disk of one machine, found by an inverted file with product quantisation (IVF-PQ)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gleam_c.search.area import Box
from gleam_c.search.engine import Part

__all__ = ["LanceEngine"]

_LEAST_INDEXED = 5000
"""Rows below which LanceDB looks at each: quantisation needs more to learn from."""
_PROBED_SHARE, _REFINED = 0.1, 4


class LanceEngine:
    """One table for each matrix. See :class:`gleam_c.search.engine.Engine`."""

    def __init__(self, folder: Path, name: str, dimension: int) -> None:
        self._db = lancedb.connect(str(folder))
        self._name, self._dimension = name, dimension
        self._schema = pa.schema(
            [
                ("row", pa.int64()),
                ("lat", pa.float64()),
                ("lon", pa.float64()),
                ("vector", pa.list_(pa.float16(), dimension)),
            ]
        )

    def fill(self, matrix: str, parts: Iterable[Part], count: int) -> None:
        """Replace what is held of a matrix."""
        batches = pa.RecordBatchReader.from_batches(self._schema, self._batches(parts))
        table = self._db.create_table(self._table(matrix), batches, mode="overwrite")
        if count >= _LEAST_INDEXED:
            quantised = next(part for part in (16, 8, 4, 2, 1) if self._dimension % part == 0)
            table.create_index(
                metric="dot",
                num_partitions=_partitions(count),
                num_sub_vectors=self._dimension // quantised,
                index_type="IVF_PQ",
            )
            for column in ("lat", "lon"):
                table.create_scalar_index(column)

    def _batches(self, parts: Iterable[Part]) -> Iterator[pa.RecordBatch]:
        for part in parts:
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(part.vectors_ND.reshape(-1)), self._dimension)
            rows = np.arange(part.first_row, part.first_row + len(part.vectors_ND))
            columns = [pa.array(rows), pa.array(part.lat_N), pa.array(part.lon_N), vectors]
            yield pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _table(self, matrix: str) -> str:
        return f"{self._name}-{matrix}"

    def count(self, matrix: str) -> int:
        """Return how many rows are held."""
        if self._table(matrix) not in self._db.table_names(limit=10_000):
            return 0
        return int(self._db.open_table(self._table(matrix)).count_rows())

    def propose(
        self, matrix: str, queries_QD: npt.NDArray[np.float32], count: int, bounds: Box | None
    ) -> npt.NDArray[np.int64]:
        """Return rows that may be the best."""
        table = self._db.open_table(self._table(matrix))
        probed = max(20, int(_PROBED_SHARE * _partitions(table.count_rows())))
        found_QP = np.full((len(queries_QD), count), -1)
        for number, query in enumerate(queries_QD):
            asked = table.search(query, vector_column_name="vector").distance_type("dot").limit(count).select(["row"])
            asked = asked.nprobes(probed).refine_factor(_REFINED)
            if bounds is not None:
                asked = asked.where(_condition(bounds), prefilter=True)
            rows = asked.to_arrow()["row"].to_numpy()
            found_QP[number, : len(rows)] = rows
        return found_QP


def _partitions(count: int) -> int:
    return max(1, int(np.sqrt(count)))


def _condition(box: Box) -> str:
    joined = "AND" if box.west <= box.east else "OR"
    return f"lat >= {box.south} AND lat <= {box.north} AND (lon >= {box.west} {joined} lon <= {box.east})"
