"""Qdrant: a server or a cluster of them, or its local mode in a folder; graphs (HNSW) with filters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from gleam_c.search.area import Box
from gleam_c.search.engine import Part

__all__ = ["QdrantEngine"]

_SENT, _BREADTH = 256, 256
_TIMEOUT_S = 60


class QdrantEngine:
    """One collection for each matrix. See :class:`gleam_c.search.engine.Engine`.

    Args:
        options: of ``qdrant_client.QdrantClient``: ``path`` or ``url``; the key of a server is read from the
            environment, ``QDRANT_API_KEY``.
        name: of the gallery in the engine.
        dimension: of its embeddings.

    Raises:
        DataError: the server does not answer.
    """

    def __init__(self, options: Mapping[str, Any], name: str, dimension: int) -> None:
        self._server = "url" in options
        more: dict[str, Any] = (
            {
                "api_key": os.environ.get("QDRANT_API_KEY"),
                "timeout": _TIMEOUT_S,
                "check_compatibility": False,
            }
            if self._server
            else {}
        )
        self._client = QdrantClient(**options, **more)
        self._name, self._dimension = name, dimension
        try:
            self._client.get_collections()
        except (ApiException, OSError) as error:
            raise DataError(
                "the Qdrant server does not answer", value=options.get("url"), fix=f"start it, or look at: {error}"
            ) from None

    def _collection(self, matrix: str) -> str:
        return f"{self._name}-{matrix}"

    def fill(self, matrix: str, parts: Iterable[Part], count: int) -> None:
        """Replace what is held of a matrix."""
        name = self._collection(matrix)
        if self._client.collection_exists(name):
            self._client.delete_collection(name)
        vectors = models.VectorParams(size=self._dimension, distance=models.Distance.DOT, on_disk=True)
        self._client.create_collection(name, vectors_config=vectors)
        if self._server:
            for field in ("lat", "lon"):
                self._client.create_payload_index(name, field, models.PayloadSchemaType.FLOAT)
        for part in parts:
            places = zip(part.lat_N.tolist(), part.lon_N.tolist(), strict=True)
            self._client.upload_collection(
                name,
                vectors=part.vectors_ND.astype(np.float32),
                payload=[{"lat": lat, "lon": lon} for lat, lon in places],
                ids=range(part.first_row, part.first_row + len(part.vectors_ND)),
                batch_size=_SENT,
                wait=True,
            )

    def count(self, matrix: str) -> int:
        """Return how many rows are held."""
        name = self._collection(matrix)
        return self._client.count(name).count if self._client.collection_exists(name) else 0

    def propose(
        self, matrix: str, queries_QD: npt.NDArray[np.float32], count: int, bounds: Box | None
    ) -> npt.NDArray[np.int64]:
        """Return rows that may be the best."""
        asked = [
            models.QueryRequest(
                query=query.tolist(),
                filter=None if bounds is None else _condition(bounds),
                limit=count,
                params=models.SearchParams(hnsw_ef=max(_BREADTH, count)) if self._server else None,
            )
            for query in queries_QD
        ]
        found_QP = np.full((len(queries_QD), count), -1)
        for number, answer in enumerate(self._client.query_batch_points(self._collection(matrix), asked)):
            found_QP[number, : len(answer.points)] = [int(point.id) for point in answer.points]
        return found_QP


def _condition(box: Box) -> models.Filter:
    in_lat = models.FieldCondition(key="lat", range=models.Range(gte=box.south, lte=box.north))
    east, west = models.Range(lte=box.east), models.Range(gte=box.west)
    if box.west <= box.east:
        in_lon = models.FieldCondition(key="lon", range=models.Range(gte=box.west, lte=box.east))
        return models.Filter(must=[in_lat, in_lon])
    either: list[models.Condition] = [models.FieldCondition(key="lon", range=edge) for edge in (east, west)]
    return models.Filter(must=[in_lat], should=either)
