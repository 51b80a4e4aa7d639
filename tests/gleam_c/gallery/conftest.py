"""One tiny model and one map for all tests of galleries."""

from __future__ import annotations

import pytest
from tiny_gallery import write_map, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="session")
def city_map(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("map") / "city.tif")
