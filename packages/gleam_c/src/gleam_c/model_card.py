"""The page that travels with a model: what it is for, what it saw, what it reaches, what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gleam_c.recipe import Recipe

__all__ = ["geography", "model_card"]

_TEMPLATE = """---
license: apache-2.0
library_name: gleam-c
tags: [cross-view-geo-localization, image-retrieval, contrastive]
---

# GLEAM-C, {encoder}

Embeds satellite tiles, UAV pictures, street maps, panoramas and ground photos so that pictures of one place lie close.

- **Trained on**: `{catalog}`, split `{split}`, phases {phases}, seed {seed}.
- **Geography of the training data**: {geography}
- **Intended use**: research, and finding one's own pictures on one's own imagery.
- **Not for**: locating people or private homes without their consent; decisions about safety without a second source.

| view | recall@1 | gallery |
|---|---|---|
{rows}
"""


_MOST_SQUARES = 12


def geography(latlon_G2: npt.NDArray[np.float64], is_synthetic: bool = False) -> str:
    """Return where tiles lie, as a sentence: the squares of one degree that hold most of them.

    Args:
        latlon_G2: latitude and longitude of tiles, degrees, NaN where unknown.
        is_synthetic: the places are made up.
    """
    known = latlon_G2[~np.isnan(latlon_G2).any(axis=1)]
    if not len(known):
        return "not known, the catalog holds no coordinates."
    corners, counts = np.unique(np.floor(known).astype(int), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    squares = [
        f"{_degrees(lat, 'N', 'S')} {_degrees(lon, 'E', 'W')} ({count})"
        for (lat, lon), count in zip(corners[order].tolist(), counts[order].tolist(), strict=True)
    ]
    more = f" and {len(squares) - _MOST_SQUARES} more" if len(squares) > _MOST_SQUARES else ""
    made_up = "made-up places, no real one has been seen; " if is_synthetic else ""
    return (
        f"{made_up}tiles by the south-west corner of their degree square: {', '.join(squares[:_MOST_SQUARES])}{more}."
    )


def _degrees(value: int, positive: str, negative: str) -> str:
    return f"{abs(value)}°{negative if value < 0 else positive}"


def model_card(recipe: Recipe, results: Mapping[str, Any], latlon_G2: npt.NDArray[np.float64]) -> str:
    """Return the card in Markdown, with the measured recall of every view and where the tiles of the training lie."""
    rows = [
        f"| {view} | {metrics['recall@1']['value']:.3f} | {results['gallery_size']} |"
        for view, metrics in results["views"].items()
    ]
    return _TEMPLATE.format(
        encoder=recipe.encoder,
        catalog=recipe.catalog,
        split=recipe.train_split,
        phases=", ".join(phase.name for phase in recipe.phases),
        seed=recipe.seed,
        rows="\n".join(rows),
        geography=geography(latlon_G2, is_synthetic=recipe.world is not None),
    )
