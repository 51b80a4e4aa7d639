"""Probes change what they say they change and nothing else; their summaries see it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.collate import Sample
from gleam_x.evaluation.probe_scores import summarise_probe
from gleam_x.evaluation.probes import PROBES, attack_query, blank_both, blank_picture, swap_picture
from gleam_x.prompts import Prompt
from PIL import Image


def sample(number: int, view="uav", language="en", size=(90, 120)) -> Sample:
    random = np.random.default_rng(number)
    query, tile = (random.integers(40, 200, (*size, 3), dtype=np.uint8) for _ in range(2))
    return Sample(query=query, satellite=tile, prompt=Prompt(view=view, language=language), name=str(number))


@pytest.fixture
def samples():
    """Ten pairs of two views, each in two languages; two pairs of a view share a tile."""
    return [sample(n % 10, "uav" if n % 10 < 5 else "map", "en" if n < 10 else "zh") for n in range(20)]


def test_a_swap_gives_each_another_picture_of_its_view(samples) -> None:
    keys = [item.name for item in samples]
    for seed in range(5):
        swapped = swap_picture(samples, keys, "query", seed)
        for old, new in zip(samples, swapped, strict=True):
            others = {
                o.name for o in samples if o.prompt.view == old.prompt.view and np.array_equal(o.query, new.query)
            }
            assert len(others) == 1
            assert old.name not in others
            assert new.satellite is old.satellite
            assert new.prompt == old.prompt
        of_languages = list(zip(swapped[:10], swapped[10:], strict=True))
        assert all(np.array_equal(one.query, other.query) for one, other in of_languages)
    tiles = swap_picture(samples, keys, "satellite")
    assert all(new.query is old.query for old, new in zip(samples, tiles, strict=True))
    assert not any(np.array_equal(new.satellite, old.satellite) for old, new in zip(samples, tiles, strict=True))


def test_what_cannot_be_swapped(samples) -> None:
    with pytest.raises(DataError, match="nothing to swap"):
        swap_picture(samples[:1], ["a"], "query")
    with pytest.raises(DataError, match="differ in number"):
        swap_picture(samples, ["a"], "query")
    with pytest.raises(ConfigError, match="picture of a probe"):
        swap_picture(samples, ["a"] * 20, "tile")


def test_a_blank_picture_is_grey_as_bright_and_as_large() -> None:
    own = replace(sample(3), query=Image.fromarray(sample(3).query))
    grey = blank_picture(own, "query")
    assert np.unique(grey.query).tolist() == [round(float(np.asarray(own.query).mean()))]
    assert np.asarray(grey.query).shape == (90, 120, 3)
    assert grey.satellite is own.satellite
    both = blank_both(own)
    assert len(np.unique(both.query)) == len(np.unique(both.satellite)) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [(64, 64), (90, 360), (300, 120)])
def test_words_are_drawn_large_and_in_full(language, size) -> None:
    own = sample(1, language=language, size=size)
    before = own.query.copy()
    attacked = attack_query(own)
    changed = (attacked.query != before).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert 0.05 < changed.mean() < 0.9
    assert max(np.ptp(rows) / size[0], np.ptp(columns) / size[1]) > 0.6
    assert rows[0] > 0
    assert columns[-1] < size[1] - 1
    assert attacked.query.max() > 230 > 10 > attacked.query.min()  # light letters with a dark rim
    assert np.array_equal(own.query, before)
    assert attacked.satellite is own.satellite
    other = attack_query(own, "zh" if language == "en" else "en")
    assert not np.array_equal(other.query, attacked.query)


def test_words_need_room_and_a_language() -> None:
    with pytest.raises(DataError, match="too small for words"):
        attack_query(sample(1, size=(8, 8)))
    with pytest.raises(ConfigError, match="language of the words"):
        attack_query(sample(1), "fr")


def test_every_probe_keeps_order_and_questions(samples) -> None:
    keys = [item.name for item in samples]
    for name, probe in PROBES.items():
        changed = probe(samples, keys, keys)
        assert [item.prompt for item in changed] == [item.prompt for item in samples], name
        touched = {"query", "satellite"} if name == "blank_both" else {"satellite" if "satellite" in name else "query"}
        for old, new in zip(samples, changed, strict=True):
            assert {
                w for w in ("query", "satellite") if not np.array_equal(getattr(old, w), getattr(new, w))
            } == touched


def test_what_a_probe_did(rows) -> None:
    changed = [replace(row, score=row.score - 3, probability=0.1, text="") if row.same_place else row for row in rows]
    found = summarise_probe(rows, changed, resamples=50)
    assert found["shift_positives"]["value"] == pytest.approx(-3.0)
    assert found["shift_negatives"]["value"] == 0.0
    assert found["yes_to_no"]["value"] == 1.0
    assert found["no_to_yes"]["value"] == 0.0
    assert found["yes_rate"]["value"] == 0.0
    assert found["claims_changed"]["value"] == pytest.approx(0.5)
    same = summarise_probe(rows, rows, resamples=50)
    assert same["auroc"]["value"] == 1.0
    assert same["claims_changed"]["value"] == same["yes_to_no"]["value"] == 0.0
    silent = [replace(row, text="") for row in rows]
    assert "claims_changed" not in summarise_probe(silent, silent, resamples=10)
    with pytest.raises(DataError, match="other records"):
        summarise_probe(rows, rows[::-1], resamples=10)
