"""Which tokens of a reason tell something, and which could as well be others.

Half of a reason's words are chosen by lot: "From above, the tile shows" or "As for the satellite picture, it contains".
No model can know them, and what they cost drowns the few that depend on pictures and verdict.

Axes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.benchmark.wording import lexicon

__all__ = ["telling_weights"]


def telling_weights(tokenizer: Any, weight: float) -> Tensor:
    """Return the weight of each token in the loss of a reason (V,): ``weight`` where it tells something, otherwise 1.

    Things, colours, places and the words of comparison and conclusion tell; those that stand in the first two
    sentences whatever is said, and names of pictures, do not.
    """
    telling, other = set(), set()
    for language in LANGUAGES:
        words = lexicon(language)
        nouns = [thing[form] for thing in words["things"].values() for form in ("bare", "many") if form in thing]
        places = [word for group in ("fields", "sides") for named in words[group].values() for word in named]
        judged = _sentences(words, ("both", "differ", "same", "different"))
        telling |= _tokens(tokenizer, (*nouns, *words["colours"].values(), *places, *judged))
        names = [name for named in words["pictures"].values() for name in named]
        other |= _tokens(tokenizer, (*names, *_sentences(words, ("query", "tile"))))
    weights_V = torch.ones(len(tokenizer))
    weights_V[sorted(telling - other)] = weight
    return weights_V


def _sentences(words: Any, kinds: Iterable[str]) -> list[str]:
    return [sentence for kind in kinds for sentence in words["sentences"][kind]]


def _tokens(tokenizer: Any, words: Iterable[str]) -> set[int]:
    """Return the tokens of words, at the beginning of a text and behind another word."""
    return {
        token
        for word in words
        for begun in (word, f" {word}")
        for token in tokenizer.encode(begun, add_special_tokens=False)
    }
