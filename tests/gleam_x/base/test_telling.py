"""Words that tell something weigh more in the loss than those chosen by lot."""

from __future__ import annotations

import pytest
from gleam_x.base.telling import telling_weights
from gleam_x.benchmark.wording import lexicon
from gleam_x.tokenizer import train_tokenizer

TEXTS = {
    "en": "The drone photo shows a blue tennis court in the north-east. The satellite tile has no pond. So this is the "
    "same place. So these are different places.",
    "zh": "无人机照片里，东北部有一个蓝色网球场。卫星图里没有池塘。所以两张图是同一处。所以两张图显示的不是同一地点。",
}
TELLING = {
    "en": ("blue", "tennis", "north", "pond", "same", "different"),
    "zh": ("蓝色", "网球场", "池塘", "同一", "不是"),
}
OTHER = {"en": ("shows", "drone", "satellite", "tile", "The"), "zh": ("无人机", "卫星")}


@pytest.fixture(scope="module")
def tokenizer():
    texts = [
        word
        for language in ("en", "zh")
        for kind in ("both", "differ", "same", "different", "query", "tile")
        for word in lexicon(language)["sentences"][kind]
    ]
    return train_tokenizer([*list(TEXTS.values()) * 60, *texts * 4], 900)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_things_places_and_judgements_weigh_more(tokenizer, language: str) -> None:
    weights = telling_weights(tokenizer, 3.0)
    assert set(weights.tolist()) == {1.0, 3.0}
    pieces = {
        piece.strip(): float(weights[token])
        for token in tokenizer.encode(TEXTS[language], add_special_tokens=False)
        if (piece := tokenizer.decode([token]))
    }
    heavy = "".join(piece for piece, weight in pieces.items() if weight > 1)
    assert all(word in heavy for word in TELLING[language]), heavy
    assert not any(word == piece and weight > 1 for word in OTHER[language] for piece, weight in pieces.items())


def test_a_weight_of_one_changes_nothing(tokenizer) -> None:
    assert (telling_weights(tokenizer, 1.0) == 1).all()
