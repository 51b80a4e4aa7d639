"""The offline tokenizer: loses no text, is the same for the same texts, keeps answer words whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common.errors import ModelError
from gleam_x.prompts import wordings
from gleam_x.tokenizer import SPECIAL_TOKENS, require_single_tokens, train_tokenizer
from tiny_vlm import REASON, tiny_tokenizer
from transformers import AutoTokenizer

TEXTS = [
    "不是。没见过的字：鑫😀\n第二行",
    "Yes. A church,  two\tspaces\n",
    " Yes",
    REASON["zh"],
    "naïve café",
    *wordings(),
]


@pytest.mark.parametrize("text", TEXTS[:5])
def test_any_text_comes_back(text: str) -> None:
    tokenizer = tiny_tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_same_texts_give_the_same_bytes_and_a_folder_is_enough_to_load_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_tokenizer(REASON.values(), merges=300).save_pretrained(tmp_path / name)
    first, second = ((tmp_path / name / "tokenizer.json").read_bytes() for name in ("a", "b"))
    assert first == second
    loaded, made = AutoTokenizer.from_pretrained(tmp_path / "a"), train_tokenizer(REASON.values(), merges=300)
    for text in TEXTS:
        assert loaded.encode(text) == made.encode(text)
    assert (loaded.eos_token, loaded.pad_token) == ("<|im_end|>", "<|endoftext|>")


def test_special_tokens_are_one_token_each_and_answers_too() -> None:
    tokenizer = tiny_tokenizer()
    require_single_tokens(tokenizer, [*SPECIAL_TOKENS, "Yes", "No", "是", "不是"])
    assert tokenizer.encode("assistant\nYes.")[-2:] == tokenizer.encode("Yes.")


def test_no_token_is_a_whole_chinese_clause() -> None:
    tokenizer = tiny_tokenizer()
    assert max(len(token) for token in tokenizer.get_vocab() if token not in SPECIAL_TOKENS) <= 12


def test_too_few_merges_for_the_answer_words_are_refused() -> None:
    with pytest.raises(ModelError, match=r"the answer word 'Yes' is 3 tokens"):
        train_tokenizer(REASON.values(), merges=0)
