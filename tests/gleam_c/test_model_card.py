"""The page that travels with a model says where its training data lie."""

from __future__ import annotations

import numpy as np
from gleam_c.model_card import geography


def test_squares_of_one_degree_the_fullest_first() -> None:
    latlon = np.array([[40.7, -74.2], [40.1, -74.9], [-33.5, 151.2], [np.nan, 3.0]])
    assert geography(latlon) == (
        "tiles by the south-west corner of their degree square: 40°N 75°W (2), 34°S 151°E (1)."
    )


def test_many_squares_are_counted_and_made_up_places_are_said_to_be() -> None:
    latlon = np.stack([np.arange(20.0), np.full(20, 5.5)], axis=1)
    said = geography(latlon, is_synthetic=True)
    assert said.startswith("made-up places")
    assert said.endswith("and 8 more.")


def test_no_coordinates() -> None:
    assert "no coordinates" in geography(np.full((3, 2), np.nan))
