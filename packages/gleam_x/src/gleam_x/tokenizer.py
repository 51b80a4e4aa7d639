"""A small byte-level BPE with Qwen's special tokens, trained on given texts, for models that need no download."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gleam_common.errors import ModelError
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, Qwen2Tokenizer

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.prompts import answer_word, wordings

__all__ = ["SPECIAL_TOKENS", "require_single_tokens", "train_tokenizer"]

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""Those of Qwen2.5-VL, in its order; their ids are looked up, never written down."""

_ROLES = ["system", "user", "assistant"]
_LONGEST_TOKEN = 12
"""Bytes: most English words, four Chinese characters. Without it whole Chinese clauses become one token."""


def train_tokenizer(texts: Iterable[str], merges: int = 2000) -> PreTrainedTokenizerBase:
    """Return a tokenizer trained on ``texts`` and on the words of the prompts; the same texts give the same one.

    Any text can be encoded and decoded (256 byte symbols), what stands often in ``texts`` in few tokens.

    Args:
        texts: explanations in both languages, in a fixed order.
        merges: at most this many pairs are merged; the vocabulary has up to 256 + merges + 14 tokens.

    Raises:
        ModelError: an answer word is no single token.
    """
    texts = list(texts)
    answers = [answer_word(language, verdict) for language in LANGUAGES for verdict in ("yes", "no")]
    # Every sample holds a prompt and may begin with an answer, so these are shown more often than one text.
    shown = [*texts, *(wordings() + _ROLES) * (2 + len(texts) // 100), *answers * (2 + len(texts))]
    vocabulary, merged = _learn_merges(shown, merges)
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=merged,
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS),
        model_max_length=32768,
        clean_up_tokenization_spaces=False,
    )
    require_single_tokens(tokenizer, answers)
    return tokenizer


def _learn_merges(texts: Sequence[str], merges: int) -> tuple[dict[str, int], Any]:
    # Qwen2Tokenizer's own normaliser and pre-tokeniser, so that merges never cross a boundary that it will draw.
    rules: Any = Qwen2Tokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.NFC()
    learner.pre_tokenizer = rules.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges,
        min_frequency=2,
        max_token_length=_LONGEST_TOKEN,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    # The learner has no other door to its merges.
    return learner.get_vocab(), [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]


def require_single_tokens(tokenizer: PreTrainedTokenizerBase, words: Iterable[str]) -> None:
    """Check that every word is one token.

    Raises:
        ModelError: names the first that is not, and its tokens.
    """
    for word in words:
        ids = tokenizer.encode(word, add_special_tokens=False)
        if len(ids) != 1:
            pieces = tokenizer.convert_ids_to_tokens(ids)
            raise ModelError(
                f"the answer word {word!r} is {len(ids)} tokens", value=pieces, fix="train with more merges"
            )
