"""Batches: exactly the answer is supervised, pictures are placed, nothing is cut; stock processor and template agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gleam_common.errors import ConfigError, DataError
from gleam_x.collate import EXPLANATION, IGNORED, VERDICT, Collator, Sample, check_batch, model_inputs, split_by_length
from gleam_x.pixel_budget import PixelBudget
from gleam_x.prompts import Prompt, Target, build_messages
from PIL import Image
from tiny_vlm import REASON, picture, sample, tiny_model, tiny_processor, tiny_tokenizer

GENERATION_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif message['role'] == 'assistant' %}{% generation %}{{ part['text'] }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% if message['role'] != 'assistant' %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

TASKS = ("verdict_first", "label_only", "explain_first", "explain")


def by_template(one: Sample) -> tuple[Any, list[int]]:
    """What the stock processor makes of a sample with a {% generation %} template: all tensors, and the answer's mask."""
    assert one.target is not None
    messages = build_messages(one.prompt, one.target.text)
    places = [part for part in messages[1]["content"] if part["type"] == "image"]
    for place, shown in zip(places, one.pictures(), strict=True):
        place["image"] = Image.fromarray(np.asarray(shown))
    made = tiny_processor().apply_chat_template(
        messages,
        chat_template=GENERATION_TEMPLATE,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        return_assistant_tokens_mask=True,
    )
    return made, torch.as_tensor(made["assistant_masks"])[0].tolist()


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("order", ["query_first", "satellite_first"])
def test_the_batch_is_what_the_stock_processor_makes_and_only_the_answer_is_supervised(
    padding: Any, order: str
) -> None:
    samples = [
        sample(number, language, task, order, size=(56 + 28 * (number % 3), 84))
        for number, (language, task) in enumerate((language, task) for language in ("en", "zh") for task in TASKS)
    ]
    batch = Collator(tiny_processor(), padding=padding)(samples)
    patches = 0
    for row, one in enumerate(samples):
        made, mask = by_template(one)
        real = batch["attention_mask"][row].bool()
        for key in ("input_ids", "mm_token_type_ids"):
            assert torch.equal(batch[key][row][real], made[key][0].long()), key
        supervised = (batch["labels"][row] != IGNORED)[real].long()
        assert supervised.tolist() == mask
        assert torch.equal(batch["labels"][row][real][supervised.bool()], made["input_ids"][0][supervised.bool()])
        assert torch.equal(batch["image_grid_thw"][2 * row : 2 * row + 2], made["image_grid_thw"])
        count = len(made["pixel_values"])
        assert torch.equal(batch["pixel_values"][patches : patches + count], made["pixel_values"])
        patches += count
        assert real.tolist() == sorted(real.tolist(), reverse=padding == "right")
    assert patches == len(batch["pixel_values"])
    padded = batch["attention_mask"] == 0
    assert (batch["labels"][padded] == IGNORED).all()
    assert not batch["span_ids"][padded].any()


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize(
    ("language", "task", "verdict", "explanation"),
    [
        ("en", "verdict_first", "No", ". " + REASON["en"] + "<|im_end|>"),
        ("zh", "verdict_first", "不是", "。" + REASON["zh"] + "<|im_end|>"),
        ("en", "label_only", "No", ".<|im_end|>"),
        ("zh", "verify", "不是", "。<|im_end|>"),
        ("en", "explain_first", "No", REASON["en"] + "\n.<|im_end|>"),
        ("zh", "explain_first", "不是", REASON["zh"] + "\n。<|im_end|>"),
        ("zh", "explain", "", REASON["zh"] + "<|im_end|>"),
    ],
)
def test_spans_are_exact(padding: Any, language: str, task: str, verdict: str, explanation: str) -> None:
    batch = Collator(tiny_processor(), padding=padding)([sample(0, language, task), sample(1, "en", "verdict_first")])
    labels, spans = batch["labels"][0], batch["span_ids"][0]
    assert torch.equal(spans == 0, labels == IGNORED)
    tokenizer = tiny_tokenizer()
    assert tokenizer.decode(labels[spans == VERDICT]) == verdict
    assert tokenizer.decode(labels[spans == EXPLANATION]) == explanation
    assert (spans == VERDICT).sum() == (1 if verdict else 0)


def test_a_token_that_takes_the_sign_before_the_word_along_belongs_to_the_verdict() -> None:
    prompt = Prompt(view="uav", language="en", task="label_only")
    odd = Sample(query=picture(0), satellite=picture(1), prompt=prompt, target=Target(text="So: Yes.", verdict=(4, 7)))
    batch = Collator(tiny_processor())([odd])
    verdict = batch["labels"][batch["span_ids"] == VERDICT]
    assert tiny_tokenizer().decode(verdict) == " Yes"


def test_without_mm_token_type_ids_the_model_answers_otherwise_and_says_nothing_so_the_batch_is_refused() -> None:
    batch, model = Collator(tiny_processor())([sample()]), tiny_model()
    whole = model_inputs(batch)
    silent = {key: value for key, value in whole.items() if key != "mm_token_type_ids"}
    with torch.inference_mode():
        assert (model(**whole).logits - model(**silent).logits).abs().max() > 1e-4
    with pytest.raises(DataError, match=r"lacks what the model needs.*mm_token_type_ids"):
        check_batch(silent)
    with pytest.raises(DataError, match="mm_token_type_ids"):
        model_inputs({key: value for key, value in batch.items() if key != "mm_token_type_ids"})
    with pytest.raises(DataError, match="differ in shape"):
        check_batch({**batch, "mm_token_type_ids": batch["mm_token_type_ids"][:, 1:]})
    with pytest.raises(DataError, match="marks no picture"):
        check_batch({**batch, "mm_token_type_ids": torch.zeros_like(batch["mm_token_type_ids"])})


def test_a_question_without_an_answer_ends_where_the_model_shall_begin() -> None:
    batch = Collator(tiny_processor(), padding="left")([sample(0, verdict=None), sample(1, "zh", verdict=None)])
    assert "labels" not in batch
    tokenizer = tiny_tokenizer()
    begin = tokenizer.encode("<|im_start|>assistant\n")
    assert batch["input_ids"][:, -len(begin) :].tolist() == [begin, begin]
    assert batch["attention_mask"][:, -1].all()


def test_the_pictures_stand_in_the_order_that_the_prompt_names() -> None:
    collator = Collator(tiny_processor())
    first, second = (collator([sample(order=order)]) for order in ("query_first", "satellite_first"))
    assert first["image_grid_thw"].tolist() == [[1, 4, 4], [1, 6, 4]]
    assert second["image_grid_thw"].tolist() == [[1, 6, 4], [1, 4, 4]]
    assert torch.equal(first["pixel_values"][:16], second["pixel_values"][24:])
    assert torch.equal(first["pixel_values"][16:], second["pixel_values"][:24])


@pytest.mark.parametrize(("language", "stop"), [("en", "."), ("zh", "。")])
def test_an_answer_that_has_begun_is_not_supervised_and_tokens_are_those_of_training(language: str, stop: str) -> None:
    whole = sample(0, language, "explain_first")
    assert whole.target is not None
    begun = replace(whole, target=None, begun=REASON[language] + "\n")
    collator = Collator(tiny_processor())
    trained, asked = collator([whole]), collator([begun])
    place = int((trained["span_ids"][0] == VERDICT).nonzero()[0])
    assert torch.equal(asked["input_ids"][0], trained["input_ids"][0, :place])
    rest = collator([replace(begun, target=Target(text=stop, verdict=None))])
    assert (rest["labels"][0, :place] == IGNORED).all()


def test_lengths_are_known_without_pictures_and_too_long_samples_are_dropped_and_counted() -> None:
    collator = Collator(tiny_processor())
    samples = [sample(number, "zh", size=(28 + 28 * number, 90)) for number in range(4)]
    lengths = [collator.count_tokens(one.prompt, one.target, [p.shape[:2] for p in one.pictures()]) for one in samples]
    assert lengths == [int(collator([one])["attention_mask"].sum()) for one in samples]
    kept, dropped = split_by_length(lengths, sorted(lengths)[1])
    assert len(kept) + len(dropped) == 4
    assert all(lengths[place] <= sorted(lengths)[1] for place in kept)
    assert dropped
    with pytest.raises(DataError, match="every sample is too long"):
        split_by_length(lengths, 5)
    with pytest.raises(DataError, match=r"sample 's\d' is too long.*never cut"):
        Collator(tiny_processor(), max_tokens=max(lengths) - 1)([samples[lengths.index(max(lengths))]])


def test_pictures_that_cannot_be_taken_are_named() -> None:
    collator, good = Collator(tiny_processor()), sample()
    wrong = {
        "too long and narrow": picture(0, 1, 300),
        "not uint8": np.zeros((56, 56, 3), np.float32),
        "no pixels": picture(0, 0, 5),
    }
    for words, bad in wrong.items():
        with pytest.raises(DataError, match=f"picture 0 of sample s0 .*{words}"):
            collator([Sample(query=bad, satellite=good.satellite, prompt=good.prompt, name="s0")])


def test_a_picture_file_that_is_cut_off_is_named(tmp_path: Any) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(picture(0, 200, 200)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    good = sample()
    with pytest.raises(DataError, match="picture 1 of sample 0 cannot be read"):
        Collator(tiny_processor())([Sample(query=good.query, satellite=Image.open(path), prompt=good.prompt)])


def test_pictures_above_the_budget_are_refused() -> None:
    with pytest.raises(DataError, match=r"4704 pixels.*at most 3136"):
        Collator(tiny_processor(), budget=PixelBudget(min_pixels=784, max_pixels=3136))([sample()])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_pil_pictures_of_any_mode_are_taken(mode: str) -> None:
    good = sample()
    shown = Image.fromarray(picture(3)).convert(mode)
    batch = Collator(tiny_processor())([Sample(query=shown, satellite=good.satellite, prompt=good.prompt)])
    assert batch["pixel_values"].shape[1] == 1176


def test_mixed_batches_and_unknown_sides_are_refused() -> None:
    with pytest.raises(DataError, match="only some samples have a target"):
        Collator(tiny_processor())([sample(0), sample(1, verdict=None)])
    with pytest.raises(ConfigError, match="padding side"):
        Collator(tiny_processor(), padding="both")  # type: ignore[arg-type]


def test_a_template_that_hides_a_picture_is_refused() -> None:
    processor = tiny_processor()
    collator = Collator(processor)
    template, processor.chat_template = processor.chat_template, "{{ messages[1]['content'][2]['text'] }}"
    try:
        with pytest.raises(ConfigError, match="one place"):
            collator([sample()])
    finally:
        processor.chat_template = template
