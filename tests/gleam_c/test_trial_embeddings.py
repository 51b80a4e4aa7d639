"""Embeddings of trials: both directions score a pair alike, and no picture is embedded twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gleam_c import trial_embeddings
from gleam_c.evaluate import evaluate_catalog, outcomes_of
from gleam_c.protocols import protocol_named
from gleam_c.trial_embeddings import EncodedTrials, fused
from gleam_c.trials import Trial, trials_of
from gleam_common.errors import ModelError
from gleam_common.views import View
from stand_in_encoder import StandInEncoder


@pytest.fixture
def trials(tiny_catalog):
    chosen = tiny_catalog.select(views=["uav"], gallery="all")
    return trials_of(chosen, protocol_named("university-sample4geo"), "test")


@pytest.mark.parametrize("headings", [1, 3])
def test_a_pair_scores_alike_in_both_directions(trials, headings):
    """Tiles are turned to the headings of the other side's view, whichever side asks."""
    encoder = StandInEncoder()
    encoder.headings = {View.UAV: headings}
    embeddings = EncodedTrials(encoder)
    tables = []
    for trial in trials:
        query_QHD, gallery_GHD = embeddings.of(trial)
        assert (query_QHD.shape[1], gallery_GHD.shape[1]) == ((headings, 1) if trial.reverse else (1, headings))
        tables.append(torch.einsum("qhd,gkd->qghk", query_QHD, gallery_GHD).amax(dim=(2, 3)).numpy())
    forward, reverse = trials
    assert forward.catalog.query_ids == reverse.catalog.gallery_ids
    assert forward.catalog.gallery_ids == reverse.catalog.query_ids
    np.testing.assert_allclose(tables[0], tables[1].T, atol=1e-6)


def test_what_was_embedded_for_one_direction_serves_the_other(trials, monkeypatch):
    asked = []
    embed = trial_embeddings.embed_catalog
    monkeypatch.setattr(trial_embeddings, "embed_catalog", lambda *a, **o: asked.append(a[2:4]) or embed(*a, **o))
    outcomes_of(trials, EncodedTrials(StandInEncoder()))
    assert len(asked) == 2  # the tiles once, the pictures once


def test_evaluation_gives_both_directions(tiny_catalog):
    results = evaluate_catalog(StandInEncoder(), tiny_catalog, protocol="university-sample4geo").results
    assert set(results["views"]) == {
        "uav", "map", "panorama", "ground", "satellite", "satellite2map", "satellite2panorama", "satellite2ground"
    }  # fmt: skip
    assert results["queries"] == 12 * 8


def test_a_set_of_photos_with_several_embeddings_is_refused(trials):
    trial = Trial(name="set", view=View.UAV, catalog=trials[0].catalog, set_Q=np.zeros(12, dtype=np.int64))
    with pytest.raises(ModelError, match="several embeddings each: 2; allowed: one"):
        fused(trial, torch.ones(12, 2, 4))
