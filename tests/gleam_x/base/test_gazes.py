"""Where heads should look: the tokens that name a thing, the tokens that show it, and the loss from its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gleam_common.views import View
from gleam_x.architecture import PRESETS, build_model, build_processor
from gleam_x.base.captions import CaptionBatches
from gleam_x.base.comparisons import Comparison, ComparisonBatches
from gleam_x.base.gazes import (
    Gaze,
    Heads,
    Spot,
    gaze_loss,
    heard,
    matched_gazes,
    spot_of,
    stacked,
    taught_heads,
    told_gazes,
)
from gleam_x.base.language import _hidden_states
from gleam_x.base.seen import see_pictures
from gleam_x.base.sights import make_sight
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.mentions import Mention
from gleam_x.benchmark.pairs import Pair
from gleam_x.benchmark.wording import explain
from gleam_x.collate import Collator
from gleam_x.pixel_budget import PixelBudget
from gleam_x.tokenizer import train_tokenizer
from transformers.modeling_outputs import BaseModelOutputWithPooling

SIDE = 84
CORNERS = {1: (0, 0, 28, 28), 2: (56, 56, 84, 84)}
"""Item 1 lies on the first of 3 x 3 tokens, item 2 on the last."""


def thing(item_id: int, what: str, where: str) -> Landmark:
    return Landmark(item_id=item_id, what=what, colour="", part="", where=where, share=0.1, is_nameable=True)


MARKS = (thing(1, "pond", "centre"), thing(2, "river", "centre"))


def sight(name: str, view: View):
    blank = {"detail": "", "colour": "", "roof_colour": "", "share": 0.3, "side": "N", "count": None}
    facts = [
        {**blank, "item_id": item, "kind": kind, "box": CORNERS[item], "image_side": "centre"}
        for item, kind in ((1, "pond"), (2, "river"))
    ]
    return make_sight(name, view, np.zeros((SIDE, SIDE, 3), np.uint8), facts, (SIDE, SIDE), 28)


def pair_of(kind: str) -> Pair:
    return Pair(
        query_id="map", gallery_id="tile", place_id="p", view=View.MAP, negative_kind=kind, named_query=MARKS[:1],
        named_tile=MARKS[1:], count_query=(None,), count_tile=(None,),
    )  # fmt: skip


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    reasons = [explain(pair_of("near"), language, rng) for language in ("en", "zh") for _ in range(20)]
    tokenizer = train_tokenizer([reason.text for reason in reasons], 500)
    model, processor = build_model(PRESETS["nano"], tokenizer), build_processor(tokenizer, PixelBudget())
    sights = {"tile": sight("tile", View.SATELLITE), "map": sight("map", View.MAP)}
    seen = see_pictures(model.model.visual, processor, list(sights.values()), 0, seed=1)
    return model, processor, sights, seen


def comparisons(parts, kind: str) -> dict[str, torch.Tensor]:
    _, processor, sights, seen = parts
    rng = np.random.default_rng(1)
    reasons = {language: explain(pair_of(kind), language, rng) for language in ("en", "zh")}
    batches = ComparisonBatches(
        [Comparison(pair=pair_of(kind), reasons=reasons)], sights, seen, Collator(processor), steps=4, batch_size=4,
        explained=1.0, seed=1, rank=0,
    )  # fmt: skip
    batches._by_view = [batches._by_view[1]]  # maps alone
    return batches[int(kind != "")]


def test_tokens_of_a_mention_and_the_one_in_front_look_at_its_thing() -> None:
    offsets = [(0, 2), (2, 5), (5, 9), (9, 12)]
    spot = Spot(at=np.array([7, 8]), middle=(0.5, -1.0))
    gazes = list(told_gazes(3, [(Mention(number=0, start=4, stop=9), spot)], offsets, first=20))
    assert {gaze.middle for gaze in gazes} == {(0.5, -1.0)}
    assert [(gaze.sample, gaze.token, gaze.at.tolist()) for gaze in gazes] == [(3, n, [7, 8]) for n in (20, 21, 22)]
    nowhere = Spot(at=np.array([], int), middle=(0.0, 0.0))
    assert not list(told_gazes(3, [(Mention(number=0, start=4, stop=9), nowhere)], offsets, first=20))


def test_a_thing_is_in_the_middle_of_its_tokens() -> None:
    things = {4: np.array([False, True, False, False, True, False])}
    spot = spot_of(things, 4, (2, 3), np.arange(10, 16))
    assert spot.at.tolist() == [11, 14]
    assert spot.middle == (0.0, 0.0)
    corner = spot_of({4: np.array([False] * 5 + [True])}, 4, (2, 3), np.arange(10, 16))
    assert corner.middle == pytest.approx((0.5, 2 / 3))
    assert not len(spot_of(things, 5, (2, 3), np.arange(10, 16)).at)


def test_what_the_second_picture_shows_is_looked_for_in_the_first() -> None:
    first = {1: np.array([True, False, True]), 5: np.array([False, True, False])}
    second = {1: np.array([False, True]), 9: np.array([True, False])}
    tokens = (np.array([10, 11, 12]), np.array([30, 31]))
    same = list(matched_gazes(0, (first, second), tokens, same_place=True, nowhere=9))
    assert [(gaze.token, gaze.at.tolist()) for gaze in same] == [(31, [10, 12])]
    other = list(matched_gazes(0, (first, second), tokens, same_place=False, nowhere=9))
    assert sorted((gaze.token, gaze.at.tolist()) for gaze in other) == [(30, [9]), (31, [9])]


def test_rows_of_a_batch_spell_the_thing_and_point_into_its_own_picture(parts) -> None:
    _, processor, _, _ = parts
    for kind in ("", "near"):
        batch = comparisons(parts, kind)
        spelt: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for (sample, token), at in zip(batch["told"]["rows"].tolist(), batch["told"]["at"], strict=True):
            spelt.setdefault((sample, tuple(at.nonzero()[:, 0].tolist())), []).append(token)
        assert len(spelt) == 2 * 4
        for (sample, at), tokens in spelt.items():
            pictures = batch["mm_token_type_ids"][sample].nonzero()[:, 0].tolist()
            words = processor.tokenizer.decode(batch["input_ids"][sample, tokens[1:]])
            is_pond = "pond" in words or "池塘" in words
            order = processor.tokenizer.decode(batch["input_ids"][sample])
            is_map_first = order.index("map" if order.isascii() else "地图") < order.index(
                "tile" if "tile" in order else "影像"
            )
            token = 0 if is_pond else 8
            is_first = is_pond == is_map_first
            assert [pictures.index(one) for one in at] == [token if is_first else 9 + token]


def test_pictures_of_one_place_match_and_others_look_before_the_first(parts) -> None:
    for kind in ("", "near"):
        batch = comparisons(parts, kind)
        for (sample, token), at in zip(batch["matched"]["rows"].tolist(), batch["matched"]["at"], strict=True):
            pictures = batch["mm_token_type_ids"][sample].nonzero()[:, 0].tolist()
            second = pictures.index(token) - 9
            assert second in (0, 8)
            assert at.nonzero()[:, 0].tolist() == [pictures[0] - 1 if kind else pictures[second]]


def test_a_description_looks_at_its_things(parts) -> None:
    _, processor, sights, seen = parts
    batches = CaptionBatches(
        {name: MARKS for name in sights}, sights, seen, Collator(processor), steps=8, batch_size=10, whole=1.0, seed=1,
        rank=0,
    )  # fmt: skip
    batches._by_view = [[("tile", list(MARKS))]] * len(View)
    told = batches[0]["told"]
    assert len(told["rows"])
    picture = batches[0]["mm_token_type_ids"][0].nonzero()[:, 0]
    assert {int(at.nonzero()[0, 0] - picture[0]) for at in told["at"]} <= {0, 8}
    assert not len(batches[0]["matched"]["rows"])


def test_the_loss_is_what_the_models_own_attention_lacks(parts) -> None:
    model = parts[0]
    batch = comparisons(parts, "")
    heads = Heads(layers=(0, 1), head=3)
    model.set_attn_implementation("eager")
    with heard(model, heads.layers) as inputs, torch.no_grad():
        _hidden_states(model, batch)
        found = gaze_loss(model, inputs, heads, batch["told"])
        words = {name: batch[name] for name in ("input_ids", "attention_mask", "mm_token_type_ids", "image_grid_thw")}
        out = model.model(
            **words, mm_encoder_outputs={"image": BaseModelOutputWithPooling(pooler_output=batch["seen"])},
            use_cache=False, output_attentions=True,
        )  # fmt: skip
    sample_R, token_R = batch["told"]["rows"].T
    rows = [
        -torch.log((out.attentions[layer][sample_R, 3, token_R] * batch["told"]["at"]).sum(dim=1)) for layer in (0, 1)
    ]
    assert torch.allclose(found, torch.cat(rows).mean(), atol=1e-5)
    model.set_attn_implementation("sdpa")


def test_nothing_to_look_at_costs_nothing(parts) -> None:
    assert gaze_loss(parts[0], {}, Heads(layers=(0,), head=0), stacked([], 5)) == 0
    rows = stacked([Gaze(sample=1, token=4, at=np.array([0, 2]))], 5)
    assert rows["at"].tolist() == [[True, False, True, False, False]]


@pytest.mark.parametrize(("size", "telling", "matching"), [("nano", (0, 1), (0,)), ("small", (1, 2), (0, 1))])
def test_heads_lie_within_the_model(size: str, telling: tuple[int, ...], matching: tuple[int, ...], parts) -> None:
    text = build_model(PRESETS[size], parts[1].tokenizer).config.text_config
    told, matched = taught_heads(text)
    assert (told.layers, matched.layers) == (telling, matching)
    assert told.head != matched.head
