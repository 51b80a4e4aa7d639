"""Verdict scores: batch-invariant, symmetric in the pictures, calibrated on validation, fused with similarity."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gleam_common.errors import ArtifactError, DataError, ModelError
from gleam_x.collate import Collator, model_inputs
from gleam_x.tokenizer import train_tokenizer
from gleam_x.verdict import (
    AnswerIds,
    Calibration,
    Fusion,
    answer_ids,
    fit_calibration,
    fit_fusion,
    group_name,
    score_batch,
    score_pairs,
    verdict_scores,
)
from scipy.special import expit
from tiny_vlm import sample, tiny_model, tiny_processor, tiny_tokenizer

SAMPLES = [
    sample(0, "en", verdict=None),
    sample(1, "zh", "label_only", verdict=None, size=(84, 56)),
    sample(2, "zh", "verify", "satellite_first", verdict=None, size=(28, 84)),
]


def left() -> Collator:
    return Collator(tiny_processor(), padding="left")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_answer_tokens_are_disjoint_and_looked_up(language: str) -> None:
    tokenizer, ids = tiny_tokenizer(), answer_ids(tiny_tokenizer(), language)
    assert not set(ids.yes) & set(ids.no)
    word = {"en": ("Yes", "No"), "zh": ("是", "不是")}[language]
    assert (tokenizer.decode([ids.yes[0]]), tokenizer.decode([ids.no[0]])) == word
    if language == "en":
        assert len(ids.yes) > 1, "' Yes' stands in the prompts, so it is one token"


def test_answer_words_of_several_tokens_and_tokens_that_say_both_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Spelling:
        def encode(self, word: str, **_: Any) -> list[int]:
            return [ord(letter) for letter in word]

    with pytest.raises(ModelError, match="'Yes' is no single token"):
        answer_ids(Spelling(), "en")
    monkeypatch.setattr("gleam_x.verdict.answer_words", lambda language, verdict: ("Yes",))
    with pytest.raises(ModelError, match="both yes and no"):
        answer_ids(tiny_tokenizer(), "en")


def test_the_score_is_the_log_odds_and_the_rest_is_reported() -> None:
    p_BV = torch.tensor([[0.5, 0.1, 0.1, 0.3], [0.05, 0.05, 0.9, 0.0]])
    score_B, leftover_B = verdict_scores(p_BV.log(), [AnswerIds(yes=(0, 1), no=(2,)), AnswerIds(yes=(0,), no=(2,))])
    assert torch.allclose(score_B.exp(), torch.tensor([6.0, 0.05 / 0.9]))
    assert torch.allclose(leftover_B, torch.tensor([0.3, 0.05]), atol=1e-6)


def test_scores_do_not_depend_on_the_batch_and_equal_what_generation_sees() -> None:
    model, collator = tiny_model(), left()
    alone = torch.tensor([score.score for one in SAMPLES for score in score_pairs(model, collator, [one])])
    together = torch.tensor([score.score for score in score_pairs(model, collator, SAMPLES)])
    assert (alone - together).abs().max() < 1e-5
    assert alone.std() > 1e-3
    batch = collator(SAMPLES)
    ids = [answer_ids(tiny_tokenizer(), one.prompt.language) for one in SAMPLES]
    generated = model.generate(
        **model_inputs(batch), max_new_tokens=1, output_logits=True, return_dict_in_generate=True
    )
    expected, _ = verdict_scores(generated.logits[0], ids)
    found, _ = score_batch(model, batch, ids)
    assert (found - expected).abs().max() < 1e-5


def test_both_orders_are_asked_whatever_the_samples_order_and_their_mean_is_symmetric() -> None:
    model, collator = tiny_model(), left()
    turned = [
        replace(
            one,
            prompt=replace(one.prompt, order="satellite_first" if one.prompt.order == "query_first" else "query_first"),
        )
        for one in SAMPLES
    ]
    scores, again = (list(score_pairs(model, collator, pairs)) for pairs in (SAMPLES, turned))
    for one, other in zip(scores, again, strict=True):
        assert abs(one.score - other.score) < 1e-6
        assert abs(one.query_first - one.satellite_first) > 1e-6, "an order that changes nothing tests nothing"
        assert 0 < one.leftover < 1
        assert one.flips == ((one.query_first > 0) != (one.satellite_first > 0))


def test_right_padding_is_refused() -> None:
    batch = Collator(tiny_processor())(SAMPLES)
    with pytest.raises(DataError, match="padded on the right"):
        score_batch(tiny_model(), batch, [answer_ids(tiny_tokenizer(), "en")] * 3)
    with pytest.raises(DataError, match="pads on the right"):
        next(score_pairs(tiny_model(), Collator(tiny_processor()), SAMPLES))


def draw(count: int, temperature: float, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, count)
    return scores, rng.random(count) < expit((scores - bias) / temperature)


def test_calibration_finds_temperature_and_bias_of_every_group() -> None:
    truth = {group_name("uav", "en"): (2.0, 1.5), group_name("map", "zh"): (0.7, -2.0)}
    drawn = [draw(6000, *fit, seed=seed) for seed, fit in enumerate(truth.values())]
    scores, labels = (np.concatenate(part) for part in zip(*drawn, strict=True))
    groups = [name for name in truth for _ in range(6000)]
    fitted = fit_calibration(scores, labels, groups)
    for name, (temperature, bias) in truth.items():
        assert fitted.groups[name] == pytest.approx((temperature, bias), abs=0.15)
    p = fitted.probability(scores, groups)
    for low in np.arange(0, 1, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        assert abs(p[inside].mean() - labels[inside].mean()) < 0.03


def test_a_small_group_keeps_to_the_pooled_fit() -> None:
    scores, labels = draw(4000, 2.0, 1.0)
    few = np.array([5.0, 6.0]), np.array([False, False])
    fitted = fit_calibration(
        np.concatenate([scores, few[0]]), np.concatenate([labels, few[1]]), ["big"] * 4000 + ["small"] * 2
    )
    grid = np.linspace(-6, 6, 13)
    pooled, small = fitted.probability(grid, [""] * 13), fitted.probability(grid, ["small"] * 13)
    assert np.abs(pooled - small).max() < 0.15
    alone = fit_calibration(
        np.concatenate([scores, few[0]]),
        np.concatenate([labels, few[1]]),
        ["big"] * 4000 + ["small"] * 2,
        strength=1e-3,
    )
    assert np.abs(pooled - alone.probability(grid, ["small"] * 13)).max() > 0.4


def test_calibration_survives_scores_that_separate_and_scores_that_say_nothing() -> None:
    perfect = fit_calibration([-3.0, -2, 2, 3] * 5, [False, False, True, True] * 5, ["a"] * 20)
    assert perfect.probability([-3, 3], ["a", "a"]) == pytest.approx([0, 1], abs=0.01)
    nothing = fit_calibration([1.0, 1, -1, -1] * 50, [False, True] * 100, ["a"] * 200)
    assert nothing.probability([-1, 1], ["a", "a"]) == pytest.approx([0.5, 0.5], abs=0.02)


def test_calibration_and_fusion_survive_json_and_refuse_what_is_neither() -> None:
    scores, labels = draw(200, 2.0, 1.0)
    fitted = fit_calibration(scores, labels, ["a", "b"] * 100)
    assert Calibration.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted
    fusion = fit_fusion(scores, scores * 0.1, labels)
    assert Fusion.from_json(json.loads(json.dumps(fusion.to_json()))) == fusion
    with pytest.raises(DataError, match=r"no calibration for the group: 'c'.*'', a, b"):
        fitted.probability([1.0], ["c"])
    with pytest.raises(ArtifactError, match="not a calibration"):
        Calibration.from_json({"pooled": [1.0]})
    with pytest.raises(ArtifactError, match="not a fusion"):
        Fusion.from_json({"weight_x": 1.0})


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([1.0, np.nan], [True, False], "no finite number"),
        ([1.0, 2.0], [True, True], "both kinds"),
        ([1.0], [True, False], "differ in number"),
        ([], [], "both kinds"),
    ],
)
def test_fits_refuse_what_cannot_be_fitted(scores: Any, labels: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        fit_calibration(scores, labels, ["a"] * len(scores))
    with pytest.raises(DataError, match="scores and groups differ"):
        fit_calibration([1.0, 2.0], [True, False], ["a"])


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of (yes, no) pairs in the right order: area under the ROC curve."""
    return float((scores[labels][:, None] > scores[~labels][None, :]).mean())


def test_fusion_uses_both_and_beats_each() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(4000) < 0.3
    x = rng.normal(np.where(labels, 1.0, -1.0), 1.5)
    c = rng.normal(np.where(labels, 0.5, 0.4), 0.1)
    fusion = fit_fusion(x, c, labels)
    # The optimum of two Gaussians of equal spread: distance of means over variance.
    assert fusion.weight_x == pytest.approx(2.0 / 1.5**2, rel=0.15)
    assert fusion.weight_c == pytest.approx(0.1 / 0.1**2, rel=0.15)
    assert expit(fusion.fuse(x, c)).mean() == pytest.approx(labels.mean(), abs=1e-3)
    assert area(fusion.fuse(x, c), labels) > max(area(x, labels), area(c, labels)) + 0.02
    assert fusion.fuse(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)


def test_another_tokenizer_has_other_ids() -> None:
    other = train_tokenizer(["Yes Yes 是 是"], merges=300)
    assert answer_ids(other, "en") != answer_ids(tiny_tokenizer(), "en")
