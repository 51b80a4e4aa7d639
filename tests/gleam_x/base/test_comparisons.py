"""What the language model learns from: words beside tokens that the tower made, and what both pictures show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gleam_common.views import QUERY_VIEWS, View
from gleam_x.architecture import PRESETS, build_model, build_processor
from gleam_x.base.comparisons import Comparison, ComparisonBatches
from gleam_x.base.language import Comparer
from gleam_x.base.seen import FIELDS, see_pictures, shown_in_fields
from gleam_x.base.sights import LOOKS, make_sight
from gleam_x.benchmark.mentions import MarkedText
from gleam_x.benchmark.pairs import Pair
from gleam_x.collate import VERDICT, Collator, Sample, model_inputs
from gleam_x.pixel_budget import PixelBudget
from gleam_x.prompts import Prompt, build_target
from gleam_x.tokenizer import train_tokenizer
from gloo_processes import run_in_processes

RNG = np.random.default_rng(5)
REASONS = {
    "en": MarkedText(text="Both show a pond.", mentions=()),
    "zh": MarkedText(text="两张图都有池塘。", mentions=()),
}


def sight(name: str, view: View, *kinds: str):
    blank = {"item_id": 1, "detail": "", "colour": "", "roof_colour": "", "share": 0.3, "side": "N", "count": None}
    facts = [{**blank, "kind": kind, "box": (0, 0, 30, 30), "image_side": "centre"} for kind in kinds]
    return make_sight(name, view, RNG.integers(0, 256, (56, 56, 3), dtype=np.uint8), facts, (56, 56), 28)


@pytest.fixture(scope="module")
def parts():
    tokenizer = train_tokenizer([reason.text for reason in REASONS.values()] * 20, 400)
    model, processor = build_model(PRESETS["nano"], tokenizer), build_processor(tokenizer, PixelBudget())
    sights = {"tile": sight("tile", View.SATELLITE, "pond"), **{str(v): sight(str(v), v, "river") for v in QUERY_VIEWS}}
    pairs = [
        Pair(
            query_id=str(view), gallery_id="tile", place_id="p", view=view, negative_kind=kind, named_query=(),
            named_tile=(), count_query=(), count_tile=(),
        )
        for view in QUERY_VIEWS
        for kind in ("", "random")
    ]  # fmt: skip
    seen = see_pictures(model.model.visual, processor, list(sights.values()), 1, seed=1)
    return model, processor, sights, [Comparison(pair=pair, reasons=REASONS) for pair in pairs], seen


def batches(parts, rank: int = 0, explained: float = 0.5) -> ComparisonBatches:
    _, processor, sights, comparisons, seen = parts
    return ComparisonBatches(
        comparisons, sights, seen, Collator(processor), steps=9, batch_size=8, explained=explained, seed=1, rank=rank
    )


def test_the_first_variant_is_the_whole_picture_as_the_model_itself_sees_it(parts) -> None:
    model, processor, sights, _, seen = parts
    query, tile = sights["uav"], sights["tile"]
    prompt = Prompt(view="uav", language="en", order="query_first", task="label_only")
    sample = Sample(
        query=query.whole.picture_HWC, satellite=tile.whole.picture_HWC, prompt=prompt,
        target=build_target(prompt, "yes", ""),
    )  # fmt: skip
    batch = Collator(processor)([sample])
    with torch.no_grad():
        tokens = model.model.visual(batch["pixel_values"], grid_thw=batch["image_grid_thw"]).pooler_output
    known = torch.cat([seen["uav"][0].tokens_TH, seen["tile"][0].tokens_TH])
    assert torch.allclose(tokens, known, atol=1e-4)
    words = Collator(processor).words([sample], torch.tensor([seen["uav"][0].grid_3, seen["tile"][0].grid_3]))
    assert all(torch.equal(words[name], batch[name]) for name in words)
    assert "pixel_values" not in words
    assert model_inputs(batch)


def test_a_batch_tells_what_each_picture_shows_in_its_order(parts) -> None:
    pond, river, firsts = LOOKS.index("pond"), LOOKS.index("river"), set()
    for step in range(4):
        for shows_2F in batches(parts)[step]["shows"]:
            first, second = (set(looks.nonzero()[:, 1].tolist()) for looks in shows_2F.view(2, FIELDS, len(LOOKS)))
            assert {*first, *second} == {pond, river}
            assert len(first) == len(second) == 1
            firsts |= first
    assert firsts == {pond, river}


def test_what_is_shown_stands_in_its_field() -> None:
    looks = np.zeros((3, 6, len(LOOKS)), np.float32)
    looks[0, 5, 2], looks[2, 2, 4], looks[1, 0, 3] = 0.5, 0.9, 0.05
    shown = shown_in_fields(looks.reshape(18, -1), 3, 6).reshape(3, 3, len(LOOKS))
    assert [tuple(place) for place in np.argwhere(shown)] == [(0, 2, 2), (2, 1, 4)]


def test_reasons_are_told_of_whole_pictures_only(parts) -> None:
    *_, seen = parts
    whole = {id(variants[0].tokens_TH) for variants in seen.values()}
    assert all(id(tokens) in whole for tokens in batches(parts, explained=1.0)[0]["seen"])
    assert not all(id(tokens) in whole for tokens in batches(parts, explained=0.0)[0]["seen"])


def test_batches_follow_step_and_rank(parts) -> None:
    first, again, other = batches(parts)[1], batches(parts)[1], batches(parts, rank=1)[1]
    assert torch.equal(first["input_ids"], again["input_ids"])
    assert first["input_ids"].shape != other["input_ids"].shape or not torch.equal(
        first["input_ids"], other["input_ids"]
    )


def test_what_is_shown_is_asked_of_the_token_in_front_of_the_verdict(parts) -> None:
    model, _, _, _, _ = parts
    weights = torch.ones(model.config.text_config.vocab_size)
    comparer = Comparer(model, weights, lr=1e-3, steps=10, verdict_weight=0.5, shows_weight=1.0, gaze_weight=0.3)
    batch = batches(parts)[0]
    comparer.log = lambda *_, **__: None  # type: ignore[method-assign]
    asked: list[torch.Tensor] = []
    comparer.shows.register_forward_hook(lambda _, given, __: asked.append(given[0]))
    hidden: list[torch.Tensor] = []
    model.model.language_model.layers[PRESETS["nano"].text_layers // 2 - 1].register_forward_hook(
        lambda _, __, out: hidden.append(out[0] if isinstance(out, tuple) else out)
    )
    comparer.training_step(batch, 0).backward()
    row, place = (batch["span_ids"] == VERDICT).nonzero()[0].tolist()
    assert torch.equal(asked[0][row], hidden[0][row, place - 1])
    assert all(weight.grad is None for weight in model.model.visual.parameters())


@pytest.mark.parametrize("explained", [0.0, 1.0])
def test_every_weight_has_a_gradient_whatever_the_batch_is_about(parts, explained: float) -> None:
    """Or the other processes, whose batches are about something else, wait for this one for ever."""
    model, _, _, _, _ = parts
    weights = torch.ones(model.config.text_config.vocab_size)
    comparer = Comparer(model, weights, lr=1e-3, steps=10, verdict_weight=0.5, shows_weight=1.0, gaze_weight=0.3)
    comparer.log = lambda *_, **__: None  # type: ignore[method-assign]
    comparer.zero_grad(set_to_none=True)
    comparer.training_step(batches(parts, explained=explained)[0], 0).backward()
    assert not [name for name, one in comparer.named_parameters() if one.requires_grad and one.grad is None]


def _see_in_processes(rank: int, world: int, folder: Path) -> None:
    """Run by gloo_processes: every process leaves what it knows of all pictures."""
    tokenizer = train_tokenizer([reason.text for reason in REASONS.values()] * 20, 400)
    model, processor = build_model(PRESETS["nano"], tokenizer), build_processor(tokenizer, PixelBudget())
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 256, (56, 56, 3), dtype=np.uint8) for _ in range(5)]
    fact = {"item_id": 1, "detail": "", "colour": "", "roof_colour": "", "share": 0.3, "side": "N", "count": None}
    facts = [{**fact, "kind": "pond", "box": (0, 0, 30, 30), "image_side": "centre"}]
    sights = [make_sight(str(n), View.UAV, picture, facts, (56, 56), 28) for n, picture in enumerate(pictures)]
    seen = see_pictures(model.model.visual, processor, sights, 1, seed=1)
    known = [(name, one.tokens_TH, one.grid_3, one.shows_F) for name, ones in seen.items() for one in ones]
    torch.save(known, folder / f"{world}-{rank}.pt")


def test_two_processes_see_what_one_sees_and_tell_each_other(tmp_path: Path) -> None:
    run_in_processes(_see_in_processes, 2, tmp_path)
    _see_in_processes(0, 1, tmp_path)
    alone, *others = (torch.load(tmp_path / name, weights_only=False) for name in ("1-0.pt", "2-0.pt", "2-1.pt"))
    assert len(alone) == 10
    for other in others:
        for one, two in zip(alone, other, strict=True):
            assert (one[0], one[2]) == (two[0], two[2])
            assert torch.allclose(one[1], two[1], atol=1e-5)
            assert np.array_equal(one[3], two[3])
