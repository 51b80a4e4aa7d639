"""Names: no repeats, both languages, and a small set of characters."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_common.errors import ConfigError
from gleam_common.synthcity.city import plan_city
from gleam_common.synthcity.names import Namer, city_origin, name_characters


def test_names_do_not_repeat_until_they_run_out() -> None:
    namer = Namer(np.random.default_rng(0))
    dealt = [namer.street("Lane") for _ in range(550)]
    with pytest.raises(ConfigError, match="out of names"):
        any(namer.street("Lane") is None for _ in range(10_000))
    assert len({name.en for name in dealt}) == len({name.zh for name in dealt}) == len(dealt)
    assert all(name.en.endswith("Lane") and name.zh.endswith("巷") for name in dealt)


def test_plain_names_come_first() -> None:
    namer = Namer(np.random.default_rng(0))
    assert len(namer.place("school").en.split()) == 2


def test_every_character_of_a_city_is_in_the_list_for_fonts() -> None:
    city = plan_city("test", 2, "organic", 25)
    used = {c for item in city.items.values() if item.name for c in item.name.en + item.name.zh}
    assert used | set(city.name.en + city.name.zh) <= set(name_characters())
    assert len([c for c in name_characters() if not c.isascii()]) < 500


def test_origins_are_spread_over_the_globe() -> None:
    origins = [city_origin(np.random.default_rng(seed)) for seed in range(60)]
    assert {origin.lat > 0 for origin in origins} == {origin.lon > 0 for origin in origins} == {True, False}
    assert max(abs(origin.lat) for origin in origins) < 65
