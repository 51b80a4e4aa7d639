"""A loss in which the verdict does not drown in the explanation, the same whatever the size of the micro-batches.

Axes: B samples, T tokens, S supervised tokens of a batch, V vocabulary, H hidden.

A plain mean over tokens gives the verdict 1/N of the loss, a hundredth with a usual explanation. Here verdict and
explanation are averaged apart and then weighted (lambda, as in "Distilling step-by-step", arXiv 2305.02301), and both
means run over the whole accumulation window: a mean of micro-batches' means would favour short answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from gleam_common.errors import ConfigError, DataError
from torch import Tensor
from torch.nn.functional import cross_entropy

from gleam_x.collate import EXPLANATION, IGNORED, VERDICT, model_inputs

__all__ = ["SpanCounts", "count_spans", "logits_of_hidden", "span_loss", "supervised_logits", "total_counts"]


@dataclass(frozen=True, kw_only=True)
class SpanCounts:
    """How many tokens of each span an accumulation window supervises.

    Fractions are meant: divide the sum over all ranks by their number where gradients are averaged over ranks.
    """

    verdict: float
    explanation: float


def count_spans(batch: Mapping[str, Tensor]) -> SpanCounts:
    """Return the supervised tokens of a batch, by span."""
    spans_BT = batch["span_ids"]
    return SpanCounts(verdict=float((spans_BT == VERDICT).sum()), explanation=float((spans_BT == EXPLANATION).sum()))


def total_counts(counts: Iterable[SpanCounts], ranks: int = 1) -> SpanCounts:
    """Return the sum of ``counts``, those of all micro-batches of all ``ranks``, over the number of ranks."""
    known = list(counts)
    return SpanCounts(
        verdict=sum(count.verdict for count in known) / ranks,
        explanation=sum(count.explanation for count in known) / ranks,
    )


def supervised_logits(model: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits (S, V), labels (S,) and spans (S,) at the supervised tokens only.

    The language model's head sees the hidden states in front of these tokens and no others: with Qwen's vocabulary of
    152 thousand that is most of the memory of a training step.

    Args:
        model: a Qwen-VL model, with or without peft's wrapping.
        batch: of :class:`gleam_x.collate.Collator`, with targets.

    Raises:
        DataError: the batch supervises nothing, or lacks a key that the model needs.
    """
    if "labels" not in batch or not bool((batch["labels"][:, 1:] != IGNORED).any()):
        raise DataError("a batch to learn from supervises no token", fix="give its samples a target")
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return logits_of_hidden(base, base.model(**model_inputs(batch), use_cache=False)[0], batch)


def logits_of_hidden(base: Any, hidden_BTH: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits (S, V), labels (S,) and spans (S,) at the supervised tokens, from the last hidden states."""
    labels_BT = batch["labels"][:, 1:]
    here_BT = labels_BT != IGNORED
    logits_SV = base.lm_head(hidden_BTH[:, :-1][here_BT])
    return logits_SV, labels_BT[here_BT], batch["span_ids"][:, 1:][here_BT]


def span_loss(
    logits_SV: Tensor, labels_S: Tensor, spans_S: Tensor, counts: SpanCounts, verdict_weight: float | None
) -> Tensor:
    """Return the part of a window's loss that one micro-batch contributes; the window's loss is the sum of its parts.

    It is ``weight * CE(verdict) + (1 - weight) * CE(explanation)``, each cross-entropy a mean over the window's tokens
    of that span; the signs and the end of the turn count as explanation.

    Args:
        logits_SV: at the supervised tokens; the loss is taken in float32 at least.
        labels_S: their ids.
        spans_S: ``VERDICT`` or ``EXPLANATION``.
        counts: of the whole window, this micro-batch among it.
        verdict_weight: in [0, 1]; None for the plain mean over all tokens.

    Raises:
        ConfigError: a weight outside [0, 1].
    """
    if verdict_weight is not None and not 0.0 <= verdict_weight <= 1.0:
        raise ConfigError("the verdict's weight in the loss", value=verdict_weight, allowed="0 to 1, or none")
    exact_SV = logits_SV if logits_SV.dtype == torch.float64 else logits_SV.float()
    loss_S = cross_entropy(exact_SV, labels_S, reduction="none")
    if verdict_weight is None:
        return loss_S.sum() / max(counts.verdict + counts.explanation, 1.0)
    # A window without a span has nothing to weigh there; 1 only keeps 0 / 0 away.
    verdict = loss_S[spans_S == VERDICT].sum() / max(counts.verdict, 1.0)
    explanation = loss_S[spans_S == EXPLANATION].sum() / max(counts.explanation, 1.0)
    return verdict_weight * verdict + (1.0 - verdict_weight) * explanation
