"""Text scores: Chinese is not 0, an independent implementation, empty texts, and the "not" that overlap cannot see."""

from __future__ import annotations

import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_common.metrics.explanation import METRICS, bleu, chrf, rouge_1, rouge_l, rouge_tokens, signature, text_scores
from torchmetrics.text.rouge import ROUGEScore

GOLD = {
    "en": "The drone picture shows a red-roofed church in the middle. So this is the same place.",
    "zh": "无人机影像里，中间有一座红色屋顶的教堂。因此这是同一个地方。",
}
OTHER = {
    "en": "In the drone picture we see a church with a red roof. Both belong to one place.",
    "zh": "从无人机照片中可以看到中部的一座红色房顶的教堂。所以两张图显示的是同一地点。",
}
NEGATED = {language: text.replace("is the", "is not the").replace("这是", "这不是") for language, text in GOLD.items()}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_same_text_is_1_another_wording_between_and_nothing_0(language) -> None:
    texts = [GOLD[language], OTHER[language], "", "  \n"]
    for name, values in text_scores(texts, [GOLD[language]] * 4, language).items():
        assert values[0] == pytest.approx(1.0), name
        assert 0.05 < values[1] < 0.9, name
        assert values[2:].tolist() == [0.0, 0.0], name


def test_a_default_tokenizer_would_give_chinese_nothing() -> None:
    """Trap 10 of the reference: torchmetrics' own tokens."""
    default = ROUGEScore(rouge_keys="rouge1")([OTHER["zh"]], [[GOLD["zh"]]])
    assert float(default["rouge1_fmeasure"]) == 0.0
    assert rouge_1(OTHER["zh"], GOLD["zh"]) > 0.5
    assert bleu(OTHER["zh"], GOLD["zh"], "en") < 0.05 < 0.2 < bleu(OTHER["zh"], GOLD["zh"], "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rouge_is_that_of_torchmetrics_with_the_right_tokens(language) -> None:
    theirs = ROUGEScore(rouge_keys=("rouge1", "rougeL"), tokenizer=rouge_tokens, normalizer=lambda text: text)
    found = theirs([OTHER[language]], [[GOLD[language]]])
    assert rouge_1(OTHER[language], GOLD[language]) == pytest.approx(float(found["rouge1_fmeasure"]), abs=1e-6)
    assert rouge_l(OTHER[language], GOLD[language]) == pytest.approx(float(found["rougeL_fmeasure"]), abs=1e-6)


def test_rouge_by_hand() -> None:
    assert rouge_tokens("Two PONDS, 两座桥!") == ["two", "ponds", "两", "座", "桥"]
    assert rouge_1("b a a", "a b c d") == pytest.approx(2 * 2 / 7)
    assert rouge_l("b a a", "a b c d") == pytest.approx(2 * 1 / 7)
    assert rouge_l("a c x d", "a b c d") == pytest.approx(2 * 3 / 8)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_overlap_does_not_see_a_not(language) -> None:
    """Why claims are scored too."""
    assert NEGATED[language] != GOLD[language]
    scores = text_scores([NEGATED[language]], [GOLD[language]], language)
    assert min(values[0] for values in scores.values()) > 0.7


def test_signatures_say_tokens_and_versions() -> None:
    assert "tok:zh" in signature("bleu", "zh")
    assert "tok:13a" in signature("bleu", "en")
    assert "nw:0" in signature("chrf", "zh")
    assert "nw:2" in signature("chrf", "en")
    assert all("version:" in signature(name, "zh") for name in ("bleu", "chrf"))
    assert "tok:characters" in signature("rouge_l", "zh")
    assert len({signature(name, language) for name in METRICS for language in ("en", "zh")}) == 8


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="language"):
        chrf("a", "a", "fr")
    with pytest.raises(ConfigError, match="unknown text score"):
        signature("meteor", "en")
    with pytest.raises(DataError, match="differ in number"):
        text_scores(["a"], [], "en")
    with pytest.raises(DataError, match="reference text is empty"):
        text_scores(["a"], [" "], "en")
