"""Land uses: the numbers behind each, and the character that a district draws from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

__all__ = ["Character", "Zone", "draw_character", "pick", "zone_named"]

Range = tuple[float, float]
Weights = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A land use; the fields are explained at the top of data/zones.yaml. An empty ``spacing_m`` means no streets."""

    name: str
    spacing_m: Range | tuple[()]
    length_m: Range | tuple[()]
    site_m2: Range
    lot_m2: Range
    setback_m: Range
    fill: Range
    programmes: Weights
    shapes: Weights
    uses: Weights
    floors: tuple[int, int]
    pitched: float
    roofs: Weights
    pitched_roofs: Weights
    facades: Weights
    colours: Weights
    lawn: float
    trees_ha: Range
    street_trees: float


@dataclass(frozen=True, kw_only=True)
class Character:
    """What the sites of one district have in common, so that districts of one zone still differ."""

    lot_m2: float
    setback_m: float
    fill: float
    floors: tuple[int, int]
    pitched: float
    roofs: Weights
    pitched_roofs: Weights
    facades: Weights
    colours: Weights
    trees_ha: float
    conifers: float


def _as_ranges(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


@cache
def _zones() -> dict[str, Zone]:
    text = files("gleam_common.synthcity").joinpath("data/zones.yaml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {name: Zone(name=name, **_as_ranges(fields)) for name, fields in tables.items()}


def zone_named(name: str) -> Zone:
    """Return the zone called ``name`` in data/zones.yaml."""
    return _zones()[name]


def pick(rng: np.random.Generator, weights: Weights) -> str:
    """Return one key, drawn by weight."""
    share = np.fromiter(weights.values(), dtype=np.float64)
    return list(weights)[int(np.searchsorted(np.cumsum(share), rng.random() * share.sum(), side="right"))]


def _favour(rng: np.random.Generator, weights: Weights, kept: int) -> Weights:
    """Keep ``kept`` of the choices, one of them much more likely than the others."""
    keys = list(weights)
    share = np.array([weights[key] for key in keys])
    chosen = rng.choice(len(keys), size=min(kept, len(keys)), replace=False, p=share / share.sum())
    return {keys[int(index)]: (4.0 if place == 0 else 1.0) for place, index in enumerate(chosen)}


def draw_character(rng: np.random.Generator, zone: Zone) -> Character:
    """Draw the character of one district."""
    low, high = zone.floors
    floor = int(rng.integers(low, max(low + 1, (low + high) // 2 + 1)))
    return Character(
        lot_m2=float(rng.uniform(*zone.lot_m2)),
        setback_m=float(rng.uniform(*zone.setback_m)),
        fill=float(rng.uniform(*zone.fill)),
        floors=(floor, int(rng.integers(floor, high + 1))),
        pitched=float(np.clip(zone.pitched + rng.uniform(-0.25, 0.25) * (0.1 < zone.pitched < 0.9), 0.0, 1.0)),
        roofs=_favour(rng, zone.roofs, 4),
        pitched_roofs=_favour(rng, zone.pitched_roofs, 3),
        facades=_favour(rng, zone.facades, 2),
        colours=_favour(rng, zone.colours, 4),
        trees_ha=float(rng.uniform(*zone.trees_ha)),
        conifers=float(rng.choice([0.05, 0.2, 0.7], p=[0.5, 0.3, 0.2])),
    )
