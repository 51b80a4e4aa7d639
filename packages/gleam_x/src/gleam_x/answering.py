"""Verdict scores and explanations of many pairs, in batches.

A verdict is read from logits (:mod:`gleam_x.verdict`); an explanation is generated behind the verdict that was decided,
so that the two belong together.

Axes: B samples, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from gleam_common.errors import ConfigError
from gleam_common.progress import progress
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList
from typing_extensions import override

from gleam_x.collate import Collator, Sample, model_inputs
from gleam_x.prompts import answer_word, parse_answer
from gleam_x.verdict import VerdictScore, score_pairs

__all__ = ["Drawn", "explain_all", "explanation_of", "scores_of", "told"]

_SCORED, _EXPLAINED = 16, 32
_TEMPERATURE = 0.7
_SMALL, _TIMES = 50_000_000, 4
"""Parameters below which batches are so many times as large: a small model's time goes into calls, not into numbers."""


def scores_of(
    model: Any, processor: Any, samples: Sequence[Sample], batch_size: int = 0, title: str = "verdicts"
) -> list[VerdictScore]:
    """Return the verdict score of every pair, in order, with a bar.

    Args:
        model: in evaluation mode.
        processor: of the model, or a collator that pads on the left.
        samples: whose task gives the verdict next; see :func:`gleam_x.verdict.score_pairs`.
        batch_size: pairs at once; each costs two sequences. 0 for what suits the model's size.
        title: of the bar; empty for none.

    Raises:
        DataError: a picture cannot be used.
        ConfigError: the verdict does not come next.
    """
    collator = processor if isinstance(processor, Collator) else Collator(processor, padding="left")
    found = score_pairs(model, collator, samples, batch_size or _SCORED * _times(model))
    return list(progress(found, total=len(samples), desc=title, unit="pair", disable=not title))


def told(sample: Sample, verdict: str) -> Sample:
    """Return ``sample`` asking for the explanation of ``verdict``.

    The task "explain" is told it in the question; behind "verdict_first" the answer begins with its word. Not with the
    full stop too: in Chinese it may share a token with what follows, and the model would begin as it never learnt.

    Raises:
        ConfigError: the task gives no explanation behind a verdict.
    """
    prompt = sample.prompt
    if prompt.task == "explain":
        return replace(sample, prompt=replace(prompt, told_verdict=verdict), target=None)
    if prompt.task == "verdict_first":
        return replace(sample, begun=answer_word(prompt.language, verdict), target=None)
    raise ConfigError(
        "the task gives no explanation behind a verdict", value=prompt.task, allowed="verdict_first, explain"
    )


def explanation_of(sample: Sample, generated: str) -> str:
    """Return the explanation in what was generated for ``sample``, without verdict and the sign behind it."""
    return parse_answer(sample.prompt, sample.begun + generated)[1]


def explain_all(
    model: Any,
    collator: Collator,
    samples: Sequence[Sample],
    max_new_tokens: int = 256,
    batch_size: int = 0,
    title: str = "explanations",
    draw: int = 0,
) -> list[str]:
    """Return what the model says to every sample, in order; a sample's ``begun`` is not repeated.

    Samples of like length go together, so that little is padded. On a CPU in float32 the size of the batch does not
    change the words, drawn ones included.

    Args:
        model: in evaluation mode.
        collator: padding on the left.
        samples: without targets; see :func:`told`.
        max_new_tokens: longest answer; it ends before at ``<|im_end|>``.
        batch_size: samples at once; 0 for what suits the model's size.
        title: of the bar; empty for none.
        draw: 0 for the most likely words one by one; each other number for words drawn at temperature 0.7, its own.

    Raises:
        ConfigError: the collator pads on the right.
        DataError: a picture cannot be used.
    """
    if collator.padding != "left":
        raise ConfigError("a collator for generation pads on the right", fix="build it with padding='left'")
    by_language = sorted(range(len(samples)), key=lambda n: (samples[n].prompt.language, samples[n].prompt.view))
    batch_size = batch_size or _EXPLAINED * _times(model)
    texts = [""] * len(samples)
    bar = progress(total=len(samples), desc=title, unit="pair", disable=not title)
    for start in range(0, len(samples), batch_size):
        chosen = by_language[start : start + batch_size]
        found = _generate(model, collator, [samples[n] for n in chosen], max_new_tokens, draw)
        for place, text in zip(chosen, found, strict=True):
            texts[place] = text
        bar.update(len(chosen))
    bar.close()
    return texts


def _times(model: Any) -> int:
    return _TIMES if sum(value.numel() for value in model.parameters()) < _SMALL else 1


class Drawn(LogitsProcessor):
    """Makes the most likely word a drawn one (the Gumbel-max trick), with the same numbers for every row.

    Each row is a sample of its own distribution, and does not depend on what else is in its batch.
    """

    def __init__(self, draw: int) -> None:
        self._generator = torch.Generator().manual_seed(draw)

    @override
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        exponential_V = torch.empty(scores.shape[1]).exponential_(generator=self._generator)
        return scores / _TEMPERATURE - exponential_V.log().to(scores.device)


def _generate(model: Any, collator: Collator, samples: Sequence[Sample], max_new_tokens: int, draw: int) -> list[str]:
    device = next(model.parameters()).device
    batch = {key: value.to(device) for key, value in model_inputs(collator(samples)).items()}
    with torch.inference_mode():
        ids_BT = model.generate(
            **batch,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            eos_token_id=collator.end_id,
            pad_token_id=collator.pad_id,
            logits_processor=LogitsProcessorList([Drawn(draw)] if draw else []),
        )
    new_BT = ids_BT[:, batch["input_ids"].shape[1] :]
    texts: list[str] = collator.processor.tokenizer.batch_decode(new_BT, skip_special_tokens=True)
    return texts
