"""Engines that propose rows of a large gallery: which there are, and what each has to do.

The gallery folder stays the truth: an engine holds copies of the embeddings and proposes rows, whose scores are then
computed exactly from the folder. Axes: Q queries, D dimensions, P proposals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from gleam_common.errors import ConfigError

from gleam_c.search.area import Box

__all__ = ["ENGINES", "EXACT", "Engine", "Part", "check_engine", "open_engine"]

EXACT = "exact"
ENGINES = (
    EXACT,
    "lance",
    "lance:///FOLDER",
    "qdrant",
    "qdrant:///FOLDER",
    "qdrant+http://{HOST}:{PORT}",
    "qdrant+https://{HOST}:{PORT}",
)
_KINDS = ("lance", "qdrant", "qdrant+http", "qdrant+https")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of one matrix on their way into an engine."""

    first_row: int
    vectors_ND: npt.NDArray[np.float16]
    lat_N: npt.NDArray[np.float64]
    lon_N: npt.NDArray[np.float64]


class Engine(Protocol):
    """What proposes rows."""

    def fill(self, matrix: str, parts: Iterable[Part], count: int) -> None:
        """Replace what is held of a matrix by ``count`` rows, and index them."""

    def count(self, matrix: str) -> int:
        """Return how many rows of a matrix are held; 0 when there is no such matrix."""

    def propose(
        self, matrix: str, queries_QD: npt.NDArray[np.float32], count: int, bounds: Box | None
    ) -> npt.NDArray[np.int64]:
        """Return rows (Q, P) that may be the best, inside a box; -1 where there are fewer than ``count``."""


def check_engine(url: str) -> str:
    """Return the URL of an engine as it is.

    Raises:
        ConfigError: unknown, or one that would let a key be seen.
    """
    parts = urlsplit(url)
    kind = parts.scheme or url
    if url != EXACT and kind not in _KINDS:
        raise ConfigError("unknown engine of a gallery", value=url.split("@")[-1], allowed=ENGINES)
    if parts.username or parts.password or parts.query:
        raise ConfigError(
            "the engine's URL is written into the gallery and must hold no key",
            fix="leave it out of the URL and set QDRANT_API_KEY in the environment",
        )
    if kind.startswith("qdrant+") and not parts.hostname:
        raise ConfigError("the engine's URL has no host", value=url, allowed="qdrant+http://{HOST}:{PORT}")
    return url


def open_engine(url: str, folder: Path, name: str, dimension: int) -> Engine:
    """Open the engine of a gallery.

    Args:
        url: one of :data:`ENGINES`; without a place it lies in the gallery's own folder.
        folder: of the gallery.
        name: of this gallery among others in the engine.
        dimension: of its embeddings.

    Raises:
        ConfigError: unknown engine, or its package is not installed.
        DataError: its server does not answer.
    """
    parts = urlsplit(check_engine(url))
    kind = parts.scheme or url
    place = Path(parts.path) if parts.scheme and parts.path else folder / "engines" / kind
    try:
        if kind == "lance":
            from gleam_c.search.lance import LanceEngine

            return LanceEngine(place, name, dimension)
        from gleam_c.search.qdrant import QdrantEngine

        options: dict[str, Any] = {"path": str(place)}
        if kind.startswith("qdrant+"):
            options = {"url": url.removeprefix("qdrant+")}
        return QdrantEngine(options, name, dimension)
    except ImportError as error:
        raise ConfigError(
            f"the package of engine {kind} is not installed ({error.name})",
            fix="pip install 'gleam-c[gallery-engines]'",
        ) from None
