"""Verdict scores: batch-invariant, symmetric in the pictures, asked only where a verdict comes next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from gleam_common.errors import ConfigError, DataError, ModelError
from gleam_x.collate import Collator, model_inputs
from gleam_x.tokenizer import train_tokenizer
from gleam_x.verdict import (
    AnswerIds,
    answer_ids,
    score_batch,
    score_pairs,
    verdict_scores,
)
from tiny_vlm import REASON, sample, tiny_model, tiny_processor, tiny_tokenizer

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
        assert one.score == pytest.approx((one.query_first + one.satellite_first) / 2)
        assert 0 < one.leftover < 1
        assert one.flips == ((one.query_first > 0) != (one.satellite_first > 0))


def test_right_padding_is_refused() -> None:
    batch = Collator(tiny_processor())(SAMPLES)
    with pytest.raises(DataError, match="padded on the right"):
        score_batch(tiny_model(), batch, [answer_ids(tiny_tokenizer(), "en")] * 3)
    with pytest.raises(DataError, match="pads on the right"):
        next(score_pairs(tiny_model(), Collator(tiny_processor()), SAMPLES))


def test_another_tokenizer_has_other_ids() -> None:
    other = train_tokenizer(["Yes Yes 是 是"], merges=300)
    assert answer_ids(other, "en") != answer_ids(tiny_tokenizer(), "en")


def test_scores_are_read_only_where_the_verdict_comes_next() -> None:
    for task, begun in (("explain", ""), ("explain_first", ""), ("label_only", "A church.\n")):
        one = replace(sample(0, "en", task, verdict=None), begun=begun)
        with pytest.raises(ConfigError, match=f"in the task '{task}' the verdict does not come next"):
            next(score_pairs(tiny_model(), left(), [one]))
    explained = replace(sample(0, "en", "explain_first", verdict=None), begun=REASON["en"] + "\n")
    other = replace(explained, begun="Nothing.\n")
    scores = [next(score_pairs(tiny_model(), left(), [one])).score for one in (explained, other)]
    assert abs(scores[0] - scores[1]) > 1e-4
