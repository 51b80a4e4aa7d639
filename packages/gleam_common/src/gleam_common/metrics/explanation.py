"""Overlap of a generated text with a reference, in English and Chinese, each with the tokens of its language.

Defaults of the libraries score 0 for Chinese, which has no spaces. Overlap does not see a "not": a text that says the
opposite scores high, so that these numbers are never the only ones. All are in [0, 1]; an empty text counts 0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from gleam_common.errors import ConfigError, DataError

__all__ = ["METRICS", "NOT_RUN", "bleu", "chrf", "rouge_1", "rouge_l", "rouge_tokens", "signature", "text_scores"]

METRICS = ("chrf", "bleu", "rouge_1", "rouge_l")
NOT_RUN = {
    "bertscore": "not run: needs the weights of another model, and GLEAM brings none",
    "sentence_bert": "not run: needs the weights of another model, and GLEAM brings none",
}
"""Numbers that other papers print and that need a downloaded model."""

_CHRF_WORDS = {"en": 2, "zh": 0}
_BLEU_TOKENS = {"en": "13a", "zh": "zh"}
_ROUGE_TOKENS = {"en": "words", "zh": "characters"}
_TOKEN = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")


@cache
def _metric(name: str, language: str) -> Any:
    """Return sacrebleu's own metric for a language."""
    if language not in _CHRF_WORDS:
        raise ConfigError("language of a text score", value=language, allowed=_CHRF_WORDS)
    if name == "chrf":
        return CHRF(word_order=_CHRF_WORDS[language])
    return BLEU(tokenize=_BLEU_TOKENS[language], effective_order=True)


def chrf(text: str, reference: str, language: str) -> float:
    """Return chrF (Popovic, WMT 2015) of one text; in English chrF++, with words of one and two.

    Raises:
        ConfigError: a language other than "en" and "zh".
    """
    metric = _metric("chrf", language)
    return float(metric.sentence_score(text, [reference]).score) / 100


def bleu(text: str, reference: str, language: str) -> float:
    """Return BLEU (Papineni et al., ACL 2002) of one text, smoothed as sacrebleu does, over the orders that it has.

    Raises:
        ConfigError: a language other than "en" and "zh".
    """
    metric = _metric("bleu", language)
    return float(metric.sentence_score(text, [reference]).score) / 100


def rouge_tokens(text: str) -> list[str]:
    """Return what ROUGE counts: words and numbers in lower case, and each Chinese character."""
    return _TOKEN.findall(text.lower())


def rouge_1(text: str, reference: str) -> float:
    """Return the F-measure of shared tokens (Lin, ACL workshop 2004)."""
    said, wanted = rouge_tokens(text), rouge_tokens(reference)
    return _f_measure((Counter(said) & Counter(wanted)).total(), len(said), len(wanted))


def rouge_l(text: str, reference: str) -> float:
    """Return the F-measure of the longest common subsequence of tokens (Lin, ACL workshop 2004)."""
    said, wanted = rouge_tokens(text), rouge_tokens(reference)
    return _f_measure(_common_length(said, wanted), len(said), len(wanted))


def _f_measure(shared: int, said: int, wanted: int) -> float:
    return 2 * shared / (said + wanted) if shared else 0.0


def _common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, one row of the table at a time."""
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for column, other in enumerate(second, start=1):
            above = row[column]
            row[column] = diagonal + 1 if token == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]


def signature(name: str, language: str) -> str:
    """Return what a number must be published with: library, version, tokens, and that texts are averaged.

    Raises:
        ConfigError: unknown metric or language.
    """
    if name not in METRICS:
        raise ConfigError("unknown text score", value=name, allowed=METRICS)
    if name in ("chrf", "bleu"):
        metric = _metric(name, language)
        metric.sentence_score("a", ["a"])  # it knows the number of references after a score
        return f"{'chrF' if name == 'chrf' else 'BLEU'}|{metric.get_signature()}|mean of texts, empty = 0"
    if language not in _ROUGE_TOKENS:
        raise ConfigError("language of a text score", value=language, allowed=_ROUGE_TOKENS)
    kind = "1" if name == "rouge_1" else "L"
    return f"ROUGE-{kind}|F1|tok:{_ROUGE_TOKENS[language]}|case:lc|stem:no|gleam|mean of texts, empty = 0"


def text_scores(texts: Sequence[str], references: Sequence[str], language: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return every score of every text, by name of ``METRICS``, each (N,).

    Args:
        texts: generated, of one language.
        references: one each.
        language: "en" or "zh".

    Raises:
        ConfigError: another language.
        DataError: texts and references differ in number, or a reference is empty.
    """
    if len(texts) != len(references):
        raise DataError("texts and references differ in number", value=(len(texts), len(references)))
    if any(not reference.strip() for reference in references):
        raise DataError("a reference text is empty", fix="leave its record out, or give it an explanation")
    pairs = list(zip(texts, references, strict=True))
    return {
        "chrf": np.array([chrf(text, reference, language) for text, reference in pairs]),
        "bleu": np.array([bleu(text, reference, language) for text, reference in pairs]),
        "rouge_1": np.array([rouge_1(text, reference) for text, reference in pairs]),
        "rouge_l": np.array([rouge_l(text, reference) for text, reference in pairs]),
    }
