"""Names in English and Chinese, unique within a city, and where on Earth a city is put."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from gleam_common.errors import ConfigError
from gleam_common.geo import LatLon
from gleam_common.synthcity.model import Name

__all__ = ["Namer", "city_name", "city_origin", "name_characters"]


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        files("gleam_common.synthcity").joinpath("data/names.yaml").read_text(encoding="utf-8")
    )
    return loaded


@cache
def _origins() -> tuple[tuple[float, float], ...]:
    text = files("gleam_common.synthcity").joinpath("data/origins.yaml").read_text(encoding="utf-8")
    return tuple((float(lat), float(lon)) for lat, lon in yaml.safe_load(text))


def name_characters() -> str:
    """Return every character that a name can contain, sorted: what a font for labels must cover."""
    data = _words()
    tables = [data["words"], data["streets"], data["directions"], *data["cities"].values()]
    texts = [text for table in tables for pair in table.items() for text in pair]
    texts += [text for pair in data["kinds"].values() for text in pair]
    return "".join(sorted({character for text in texts for character in text} | {" "}))


def city_name(rng: np.random.Generator) -> Name:
    """Return a city's name, such as Stonebridge / 石桥市."""
    first, second = (list(_words()["cities"][part].items()) for part in ("first", "second"))
    a = first[int(rng.integers(len(first)))]
    b = second[int(rng.integers(len(second)))]
    return Name(en=a[0] + b[0], zh=a[1] + b[1])


def city_origin(rng: np.random.Generator) -> LatLon:
    """Return a plausible inland coordinate, latitude within 65 degrees of the equator, in either hemisphere."""
    lat, lon = _origins()[int(rng.integers(len(_origins())))]
    d_lat, d_lon = rng.uniform(-0.4, 0.4, size=2)
    return LatLon(lat=round(lat + float(d_lat), 6), lon=round(lon + float(d_lon), 6))


class Namer:
    """Deals out names without repeating one. The order of calls and ``rng`` decide which."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._decks: dict[str, list[Name]] = {}

    def named(self, naming: str) -> Name | None:
        """Return a name for a draft's ``naming``: a street suffix, a kind of thing, or "" for none."""
        if not naming:
            return None
        return self.street(naming) if naming in _words()["streets"] else self.place(naming)

    def street(self, suffix: str) -> Name:
        """Return an unused street name; ``suffix`` is a key of ``streets`` in names.yaml (Street, Road, Avenue...).

        Raises:
            ConfigError: when even names with a direction ("North Willow Street") are used up.
        """
        key = f"street {suffix}"
        if key not in self._decks:
            data = _words()
            zh, words, directions = data["streets"][suffix], data["words"].items(), data["directions"].items()
            plain = [Name(en=f"{a} {suffix}", zh=b + zh) for a, b in words]
            directed = [Name(en=f"{d} {a} {suffix}", zh=b + d_zh + zh) for a, b in words for d, d_zh in directions]
            self._decks[key] = [*self._shuffled(directed), *self._shuffled(plain)]
        return self._deal(key)

    def place(self, kind: str) -> Name:
        """Return an unused name of a thing; ``kind`` is a key of ``kinds`` in names.yaml (park, school, bridge...).

        Raises:
            ConfigError: when even names with a direction are used up.
        """
        if kind not in self._decks:
            data = _words()
            (en, zh), directions = data["kinds"][kind], data["directions"].items()
            words = [(a, b) for a, b in data["words"].items() if a not in en]
            plain = [Name(en=f"{a} {en}", zh=b + zh) for a, b in words]
            directed = [Name(en=f"{d} {a} {en}", zh=d_zh + b + zh) for a, b in words for d, d_zh in directions]
            self._decks[kind] = [*self._shuffled(directed), *self._shuffled(plain)]
        return self._deal(kind)

    def _shuffled(self, names: list[Name]) -> list[Name]:
        return [names[int(i)] for i in self._rng.permutation(len(names))]

    def _deal(self, key: str) -> Name:
        if not self._decks[key]:
            raise ConfigError("out of names", value=key, fix="plan a smaller city, or add words to data/names.yaml")
        return self._decks[key].pop()
