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
_LONGEST_WORD, _LONGEST_CHINESE = 12, 4
"""Characters of a token: most English words; a Chinese word, not a clause."""


def train_tokenizer(texts: Iterable[str], merges: int = 2000) -> PreTrainedTokenizerBase:
    """Return a tokenizer trained on ``texts`` and on the words of the prompts; the same texts give the same one.

    Any text can be encoded and decoded (256 byte symbols), what stands often in ``texts`` in few tokens.

    Args:
        texts: explanations in both languages, in a fixed order.
        merges: at most this many pairs of characters are merged, half of them English; the vocabulary has the 256 bytes
            and the characters of the texts besides.

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
    """Return vocabulary and merges of byte symbols.

    Characters are whole before they are merged with others. Merging bytes freely, as byte-level BPE does, leaves parts
    of a rare character glued to its neighbour, and the rest of it spelled out for ever.
    """
    english = [text for text in texts if text.isascii()]
    chinese = [text for text in texts if not text.isascii()]
    learnt = _merges_of_characters(english, merges // 2, _LONGEST_WORD)
    learnt += _merges_of_characters(chinese, merges - len(learnt), _LONGEST_CHINESE)
    characters = sorted({character for text in texts for character in text}) if merges else []
    whole = [pair for character in characters for pair in _merges_of_bytes(_byte_symbols(character))]
    pairs = list(dict.fromkeys([*whole, *((_byte_symbols(left), _byte_symbols(right)) for left, right in learnt)]))
    symbols = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in pairs)]
    return {symbol: number for number, symbol in enumerate(dict.fromkeys(symbols))}, pairs


def _merges_of_characters(texts: Sequence[str], merges: int, longest: int) -> list[tuple[str, str]]:
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.NFC()
    # Qwen2Tokenizer's own pre-tokeniser without its step to bytes, so that merges never cross a boundary that it draws.
    rules: Any = Qwen2Tokenizer().backend_tokenizer
    learner.pre_tokenizer = rules.pre_tokenizer[0]
    alphabet = sorted({character for text in texts for character in text})
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + merges,
        min_frequency=2,
        max_token_length=longest,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    # The learner has no other door to its merges.
    return [(pair[0], pair[1]) for pair in json.loads(learner.to_str())["model"]["merges"]]


def _byte_symbols(text: str) -> str:
    return str(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)[0][0])


def _merges_of_bytes(symbols: str) -> list[tuple[str, str]]:
    return [(symbols[:end], symbols[end]) for end in range(1, len(symbols))]


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
