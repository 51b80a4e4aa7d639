"""The loss: weighted by span, equal to one big batch, equal to the full logits' loss, lambda 1 learns the verdict alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from gleam_common.errors import ConfigError, DataError
from gleam_x.collate import VERDICT, Collator, model_inputs
from gleam_x.losses import SpanCounts, count_spans, span_loss, supervised_logits, total_counts
from tiny_vlm import REASON, sample, tiny_model, tiny_processor
from torch import Tensor
from torch.nn.functional import cross_entropy

SAMPLES = [
    sample(0, "en", "verdict_first"),
    sample(1, "zh", "label_only", verdict="yes"),
    sample(2, "zh", "verdict_first", reason=REASON["zh"] * 2),
    sample(3, "en", "explain"),
    sample(4, "en", "label_only"),
]


def gradient(model: Any, batches: list[dict[str, Tensor]], weight: float | None) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    counts = total_counts(count_spans(batch) for batch in batches)
    for batch in batches:
        span_loss(*supervised_logits(model, batch), counts, weight).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def collate(samples: list[Any]) -> dict[str, Tensor]:
    batch = Collator(tiny_processor())(samples)
    return {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}


@pytest.mark.parametrize("weight", [None, 0.5, 1.0])
def test_uneven_micro_batches_give_the_gradient_of_one_batch(weight: float | None) -> None:
    model = tiny_model().double()
    whole = gradient(model, [collate(SAMPLES)], weight)
    for cuts in ((0, 1, 5), (0, 2, 3, 5)):
        parts = [collate(SAMPLES[start:end]) for start, end in pairwise(cuts)]
        split = gradient(model, parts, weight)
        assert split.keys() == whole.keys()
        for name in whole:
            assert (split[name] - whole[name]).abs().max() < 1e-12, name


def test_the_mean_of_micro_batches_means_would_be_another_gradient() -> None:
    model = tiny_model().double()
    whole = gradient(model, [collate(SAMPLES)], None)["model.language_model.norm.weight"]
    naive = torch.zeros_like(whole)
    for part in (SAMPLES[:1], SAMPLES[1:]):
        naive += gradient(model, [collate(part)], None)["model.language_model.norm.weight"] / 2
    assert (naive - whole).norm() > 0.01 * whole.norm()


def test_two_ranks_averaged_are_one_process() -> None:
    model = tiny_model().double()
    whole = gradient(model, [collate(SAMPLES)], 0.5)["model.language_model.norm.weight"]
    ranks = [collate(SAMPLES[:2]), collate(SAMPLES[2:])]
    counts = total_counts([count_spans(batch) for batch in ranks], ranks=2)
    averaged = torch.zeros_like(whole)
    for batch in ranks:
        model.zero_grad(set_to_none=True)
        span_loss(*supervised_logits(model, batch), counts, 0.5).backward()
        averaged += model.model.language_model.norm.weight.grad / 2
    assert (averaged - whole).abs().max() < 1e-12


@pytest.mark.parametrize("padding", ["left", "right"])
def test_logits_at_supervised_tokens_give_the_loss_of_the_full_logits(padding: Any) -> None:
    model, batch = tiny_model(), Collator(tiny_processor(), padding=padding)(SAMPLES)
    logits_SV, labels_S, spans_S = supervised_logits(model, batch)
    full_BTV = model(**model_inputs(batch)).logits
    expected = cross_entropy(full_BTV[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
    assert len(labels_S) == int((batch["labels"] != -100).sum())
    found = span_loss(logits_SV, labels_S, spans_S, count_spans(batch), None)
    assert torch.allclose(found, expected, atol=1e-6)
    stock = model(**model_inputs(batch), labels=batch["labels"]).loss
    assert torch.allclose(found, stock, atol=1e-6)


def test_the_formula() -> None:
    logits_SV = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    labels_S, spans_S = torch.tensor([1, 2, 3, 4, 5]), torch.tensor([VERDICT, 2, 2, 2, VERDICT])
    each_S = cross_entropy(logits_SV, labels_S, reduction="none")
    expected = 0.3 * each_S[[0, 4]].mean() + 0.7 * each_S[1:4].mean()
    counts = SpanCounts(verdict=2, explanation=3)
    assert torch.allclose(span_loss(logits_SV, labels_S, spans_S, counts, 0.3), expected)
    assert torch.allclose(span_loss(logits_SV, labels_S, spans_S, counts, None), each_S.mean())


def test_weight_one_is_the_gradient_of_the_verdict_alone() -> None:
    model = tiny_model().double()
    batch = collate([sample(0, "en"), sample(1, "zh")])
    found = gradient(model, [batch], 1.0)
    # Label only: the same questions, of which nothing but the answer word is supervised and nothing follows it.
    rows = (batch["span_ids"] == VERDICT).nonzero()
    model.zero_grad(set_to_none=True)
    losses = []
    for row, place in rows.tolist():
        one = {key: value[row : row + 1, :place] for key, value in batch.items() if value.shape[:1] == (2,)}
        grids, patches = batch["image_grid_thw"], batch["image_grid_thw"].prod(-1)
        start = int(patches[: 2 * row].sum())
        one["image_grid_thw"] = grids[2 * row : 2 * row + 2]
        one["pixel_values"] = batch["pixel_values"][start : start + int(patches[2 * row : 2 * row + 2].sum())]
        last_V = model(**model_inputs(one), logits_to_keep=1).logits[0, -1]
        losses.append(cross_entropy(last_V, batch["labels"][row, place]))
    torch.stack(losses).mean().backward()
    for name, parameter in model.named_parameters():
        assert (found[name] - parameter.grad).abs().max() < 1e-12, name


def test_a_window_without_a_verdict_has_a_finite_loss() -> None:
    batch = Collator(tiny_processor())([sample(0, "en", "explain")])
    assert span_loss(*supervised_logits(tiny_model(), batch), count_spans(batch), 0.5).isfinite()


def test_what_cannot_be_weighed_or_learnt_is_refused() -> None:
    nothing = torch.zeros(1, 3), torch.zeros(1, dtype=torch.long), torch.ones(1)
    with pytest.raises(ConfigError, match=r"weight in the loss: 1.5"):
        span_loss(*nothing, SpanCounts(verdict=1, explanation=0), 1.5)
    batch = Collator(tiny_processor())([sample(verdict=None)])
    with pytest.raises(DataError, match="supervises no token"):
        supervised_logits(tiny_model(), batch)
