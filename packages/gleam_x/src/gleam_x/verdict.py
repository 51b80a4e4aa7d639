"""The verdict as a number, read from the logits of one prefill: nothing is generated, nothing is parsed.

The score is ``logsumexp(logits of yes) - logsumexp(logits of no)`` at the first token of the answer, as Qwen3-Reranker
and sentence-transformers' ``LogitScore`` define it; both orders of the two pictures are averaged, because models with
several pictures favour a place (arXiv 2503.13792).

Axes: B samples, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from gleam_common.errors import ConfigError, DataError, ModelError
from torch import Tensor

from gleam_x.collate import Collator, Sample, model_inputs
from gleam_x.prompts import ORDERS, answer_words

__all__ = [
    "AnswerIds",
    "VerdictScore",
    "answer_ids",
    "score_batch",
    "score_pairs",
    "verdict_scores",
]


@dataclass(frozen=True, kw_only=True)
class AnswerIds:
    """Token ids with which an answer may begin, in one language; the answer word's own id comes first."""

    yes: tuple[int, ...]
    no: tuple[int, ...]


def answer_ids(tokenizer: Any, language: str) -> AnswerIds:
    """Return the tokens that say yes and no in ``language``, looked up in ``tokenizer``.

    Words that mean the same as the answer word ("yes", "YES", " Yes") count where they are one token.

    Raises:
        ModelError: an answer word is no single token, or a token would say both.
    """
    found = {}
    for verdict in ("yes", "no"):
        coded = [tokenizer.encode(word, add_special_tokens=False) for word in answer_words(language, verdict)]
        if len(coded[0]) != 1:
            raise ModelError(
                f"the answer word {answer_words(language, verdict)[0]!r} is no single token of this tokenizer",
                value=coded[0],
                fix="use a Qwen tokenizer, or one trained by gleam-x",
            )
        found[verdict] = tuple(dict.fromkeys(ids[0] for ids in coded if len(ids) == 1))
    both = set(found["yes"]) & set(found["no"])
    if both:
        raise ModelError(f"tokens that say both yes and no in {language!r}", value=sorted(both))
    return AnswerIds(**found)


def verdict_scores(logits_BV: Tensor, answers: Sequence[AnswerIds]) -> tuple[Tensor, Tensor]:
    """Return scores (B,), above 0 for yes, and the share (B,) of probability that lies on neither answer.

    Args:
        logits_BV: at the last token of the question.
        answers: of each sample's language.
    """
    log_p_BV = (logits_BV if logits_BV.dtype == torch.float64 else logits_BV.float()).log_softmax(dim=-1)
    yes_B = torch.stack([row[list(ids.yes)].logsumexp(0) for row, ids in zip(log_p_BV, answers, strict=True)])
    no_B = torch.stack([row[list(ids.no)].logsumexp(0) for row, ids in zip(log_p_BV, answers, strict=True)])
    return yes_B - no_B, (1.0 - yes_B.exp() - no_B.exp()).clamp(min=0.0)


def score_batch(model: Any, batch: Mapping[str, Tensor], answers: Sequence[AnswerIds]) -> tuple[Tensor, Tensor]:
    """Return :func:`verdict_scores` of a batch in one prefill.

    Raises:
        DataError: the batch is not padded on the left, so its last tokens are not the ends of the questions.
    """
    if not bool(batch["attention_mask"][:, -1].all()):
        raise DataError("a batch to score is padded on the right", fix="collate it with padding='left'")
    with torch.inference_mode():
        logits_BV = model(**model_inputs(batch), logits_to_keep=1, use_cache=False).logits[:, -1]
        return verdict_scores(logits_BV, answers)


@dataclass(frozen=True, kw_only=True)
class VerdictScore:
    """Score of one pair.

    Attributes:
        query_first: score with the query as first picture.
        satellite_first: score with the tile as first picture.
        leftover: share of probability on neither answer, mean of both orders, 0 to 1.
    """

    query_first: float
    satellite_first: float
    leftover: float

    @property
    def score(self) -> float:
        """Mean of both orders, above 0 for yes."""
        return (self.query_first + self.satellite_first) / 2

    @property
    def flips(self) -> bool:
        """Whether the order of the pictures decides the verdict."""
        return (self.query_first > 0) != (self.satellite_first > 0)


def score_pairs(
    model: Any, collator: Collator, samples: Iterable[Sample], batch_size: int = 8
) -> Iterator[VerdictScore]:
    """Yield the score of every pair, in order; whatever order and target a sample has, it is asked in both orders.

    Args:
        model: in evaluation mode.
        collator: padding on the left.
        samples: pairs; read as they are needed.
        batch_size: pairs at once; each costs two sequences.

    Raises:
        DataError: the collator pads on the right.
        ConfigError: the verdict is not what comes next in a sample's task.
    """
    if collator.padding != "left":
        raise DataError("a collator for scoring pads on the right", fix="build it with padding='left'")
    device = next(model.parameters()).device
    known: dict[str, AnswerIds] = {}
    rest = iter(samples)
    while chunk := list(islice(rest, batch_size)):
        asked = [
            replace(sample, prompt=replace(sample.prompt, order=order), target=None)
            for order in ORDERS
            for sample in chunk
        ]
        for sample in chunk:
            _require_verdict_next(sample)
            if sample.prompt.language not in known:
                known[sample.prompt.language] = answer_ids(collator.processor.tokenizer, sample.prompt.language)
        batch = {key: value.to(device) for key, value in collator(asked).items()}
        scores, leftover = score_batch(model, batch, [known[sample.prompt.language] for sample in asked])
        first, second = scores.tolist()[: len(chunk)], scores.tolist()[len(chunk) :]
        left = leftover.view(2, -1).mean(dim=0).tolist()
        for query_first, satellite_first, share in zip(first, second, left, strict=True):
            yield VerdictScore(query_first=query_first, satellite_first=satellite_first, leftover=share)


def _require_verdict_next(sample: Sample) -> None:
    task = sample.prompt.task
    if task == "explain" or (task == "explain_first") != bool(sample.begun):
        raise ConfigError(
            f"in the task {task!r} the verdict does not come next",
            value=sample.begun,
            allowed="verdict_first, label_only, verify; or explain_first with the explanation in `begun`",
        )
