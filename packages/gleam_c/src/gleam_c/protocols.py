"""Protocols: how each public set is searched and scored. Numbers of different protocols must not be compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from gleam_common.errors import ConfigError

__all__ = ["Direction", "Protocol", "protocol_named", "protocols"]

Direction = Literal["forward", "reverse"]
"""``forward`` searches tiles with pictures, ``reverse`` searches pictures with tiles."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a set is searched and scored.

    Args:
        name: as on the command line.
        about: the protocol in words, for results and report.
        gallery: which tiles are searched, as in :meth:`gleam_common.catalog.Catalog.select`.
        split: of the queries, unless another is asked for.
        column: the queries' split stands in ``split_<column>``; in ``split`` when this is empty.
        height_m: only pictures from this height; 0 takes all.
        directions: in which it is searched.
        average_precision: convention, as in :func:`gleam_common.metrics.retrieval.average_precisions`.
        spatial: which set's measures of distance are added (:mod:`gleam_common.metrics.spatial`).
        sets: whether photos with one ``set_id`` are also fused (:mod:`gleam_common.metrics.set_fusion`).
        needs_coordinates: whether queries and tiles must have coordinates.
        source: the publication and the code that define it.
        peers: where published code counts otherwise.
    """

    name: str
    about: str
    gallery: Literal["all", "area", "positives", "split"]
    split: str = "test"
    column: str = ""
    height_m: float = 0.0
    directions: tuple[Direction, ...] = ("forward",)
    average_precision: Literal["trapezoid", "step"] = "trapezoid"
    spatial: Literal["", "denseuav", "gta-uav"] = ""
    sets: bool = False
    needs_coordinates: bool = False
    source: str = ""
    peers: str = ""


@cache
def protocols() -> dict[str, Protocol]:
    """Return all protocols by name, from ``protocols.yaml``."""
    text = files("gleam_c").joinpath("protocols.yaml").read_text("utf-8")
    return {
        name: Protocol(name=name, **{**fields, "directions": tuple(fields.get("directions", ("forward",)))})
        for name, fields in yaml.safe_load(text).items()
    }


def protocol_named(name: str) -> Protocol:
    """Return a protocol.

    Raises:
        ConfigError: unknown name; lists the known ones.
    """
    if name not in protocols():
        raise ConfigError("unknown protocol", value=name, allowed=list(protocols()))
    return protocols()[name]
