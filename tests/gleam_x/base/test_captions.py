"""Captions: one picture, its own things and no others, exact labels, and a model that learns from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gleam_common.views import View
from gleam_x.architecture import PRESETS, build_model, build_processor
from gleam_x.base.captions import CaptionBatches, InTurn
from gleam_x.base.language import Comparer
from gleam_x.base.seen import see_pictures
from gleam_x.base.sights import make_sight
from gleam_x.base.telling import telling_weights
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.wording import describe, lexicon
from gleam_x.claims_in_text import read_statements
from gleam_x.collate import IGNORED, Collator
from gleam_x.pixel_budget import PixelBudget
from gleam_x.tokenizer import train_tokenizer

KINDS = {
    View.SATELLITE: "pond",
    View.UAV: "river",
    View.MAP: "roundabout",
    View.PANORAMA: "church",
    View.GROUND: "plaza",
}


def mark(what: str, where: str = "centre", is_nameable: bool = True) -> Landmark:
    return Landmark(
        item_id=1, what=what, colour="", part="", where=where, share=0.2, is_nameable=is_nameable
    )  # fmt: skip


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    texts = [
        describe([mark(kind)], view, language, rng).text
        for view, kind in KINDS.items()
        for language in ("en", "zh")
        for _ in range(20)
    ]
    tokenizer = train_tokenizer(texts, 500)
    model, processor = build_model(PRESETS["nano"], tokenizer), build_processor(tokenizer, PixelBudget())
    sights = {
        str(view): make_sight(str(view), view, rng.integers(0, 256, (56, 56, 3), dtype=np.uint8), [], (56, 56), 28)
        for view in View
    }
    shows = {str(view): [mark(kind), mark("bridge", is_nameable=False)] for view, kind in KINDS.items()}
    return (
        model,
        processor,
        sights,
        shows,
        see_pictures(model.model.visual, processor, list(sights.values()), 0, seed=1),
    )


def batches(parts, steps: int = 6, rank: int = 0, whole: float = 1.0) -> CaptionBatches:
    _, processor, sights, shows, seen = parts
    return CaptionBatches(
        shows, sights, seen, Collator(processor), steps=steps, batch_size=10, whole=whole, seed=1, rank=rank
    )


def test_what_is_learnt_is_the_caption_and_nothing_else(parts) -> None:
    tokenizer = parts[1].tokenizer
    languages = set()
    for step in range(6):
        batch = batches(parts)[step]
        for row in range(10):
            view = list(View)[row % 5]
            labels = batch["labels"][row]
            said = tokenizer.decode(labels[labels != IGNORED])
            assert said.endswith("<|im_end|>")
            language = "en" if said.isascii() else "zh"
            languages.add(language)
            found = read_statements(said.removesuffix("<|im_end|>"), str(view), language)
            assert {one.what for one in found.said} == {KINDS[view]}, said
            kept = batch["attention_mask"][row].bool()
            assert tokenizer.decode(batch["input_ids"][row][kept]).endswith(said)
            assert torch.equal(batch["shows"][row], torch.from_numpy(np.tile(parts[4][str(view)][0].shows_F, 2)))
            assert int(batch["mm_token_type_ids"][row].sum()) == len(batch["seen"][row])
    assert languages == {"en", "zh"}


def test_a_question_names_a_thing_or_a_place_and_the_answer_both(parts) -> None:
    tokenizer, asked_of = parts[1].tokenizer, {"thing": 0, "place": 0}
    for step in range(6):
        batch = batches(parts, whole=0.0)[step]
        for row in range(10):
            view, labels = list(View)[row % 5], batch["labels"][row]
            told = tokenizer.decode(labels[labels != IGNORED]).removesuffix("<|im_end|>")
            asked = tokenizer.decode(batch["input_ids"][row][labels == IGNORED])
            language = "en" if told.isascii() else "zh"
            thing = lexicon(language)["things"][KINDS[view]]["bare"]
            assert thing in told
            asked_of["thing" if thing in asked else "place"] += 1
    assert min(asked_of.values()) > 15


def test_a_batch_is_a_function_of_step_and_rank(parts) -> None:
    first, again, other = batches(parts)[3], batches(parts)[3], batches(parts, rank=1)[3]
    assert torch.equal(first["input_ids"], again["input_ids"])
    assert first["input_ids"].shape != other["input_ids"].shape or not torch.equal(
        first["input_ids"], other["input_ids"]
    )


def test_pictures_without_a_thing_to_name_are_left_out(parts) -> None:
    _, processor, sights, shows, seen = parts
    more = {**sights, "bare": sights["map"]}
    batch = CaptionBatches(
        {**shows, "bare": [mark("bridge", is_nameable=False)]}, more, {**seen, "bare": seen["map"]}, Collator(processor),
        steps=1, batch_size=50, whole=1.0, seed=1, rank=0,
    )[0]  # fmt: skip
    bridges = [processor.tokenizer.decode(row[row != IGNORED]) for row in batch["labels"]]
    assert not any("bridge" in said or "桥" in said for said in bridges)


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_captions_take_their_share_of_the_batches(share: float) -> None:
    steps = range(100)
    mixed = InTurn([("usual", step) for step in steps], [("some", step) for step in steps], share)
    drawn = [mixed[step] for step in steps]
    assert [step for _, step in drawn] == list(steps)
    assert sum(kind == "some" for kind, _ in drawn) == round(100 * share)
    assert len(mixed) == 100
    begun = InTurn([("usual", step) for step in steps], [("some", step) for step in steps], share, first=30)
    assert [begun[step][0] for step in range(30)] == ["some"] * 30
    assert [begun[step] for step in range(30, 100)] == drawn[30:]


def test_a_model_learns_to_describe(parts) -> None:
    torch.manual_seed(0)
    model = parts[0]
    comparer = Comparer(
        model,
        telling_weights(parts[1].tokenizer, 3.0),
        lr=1e-2,
        steps=30,
        verdict_weight=0.3,
        shows_weight=0.01,
        gaze_weight=0.0,
    )
    comparer.log = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=5e-3)
    losses = []
    for step in range(30):
        loss = comparer.training_step(batches(parts, steps=30)[step], step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-4:]) < 0.75 * np.mean(losses[:4])
    assert not any(weight.requires_grad for weight in model.model.visual.parameters())
