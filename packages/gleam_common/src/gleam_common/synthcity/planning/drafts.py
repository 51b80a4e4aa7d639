"""Things that are planned but not yet numbered or named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from gleam_common.synthcity.model import Area, Building, Item, Rail, Road, Tree

__all__ = ["CityDraft", "Draft"]

ItemT_co = TypeVar("ItemT_co", bound=Item, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Draft(Generic[ItemT_co]):
    """An item without its number, and how it will be named.

    ``naming`` is a suffix from ``streets`` or a kind from ``kinds`` of data/names.yaml, or "" for no name.
    """

    item: ItemT_co
    naming: str = ""


@dataclass(frozen=True, kw_only=True)
class CityDraft:
    """All things of a city, in the order in which they will be numbered."""

    roads: tuple[Draft[Road], ...]
    rails: tuple[Draft[Rail], ...]
    areas: tuple[Draft[Area], ...]
    buildings: tuple[Draft[Building], ...]
    trees: tuple[Tree, ...] = ()
