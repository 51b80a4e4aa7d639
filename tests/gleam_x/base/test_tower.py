"""What the tower is taught: looks under tokens, patches in Qwen's order, the same numbers from one frame as from two."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from gleam_common.views import View
from gleam_x.architecture import PRESETS, build_model, build_processor
from gleam_x.base.sights import LOOKS, Sight, make_sight
from gleam_x.base.tower import SightBatches, Tower, level_output, one_frame_patches, patch_rows
from gleam_x.pixel_budget import PixelBudget
from gleam_x.tokenizer import train_tokenizer

RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (84, 112, 3), dtype=np.uint8)


def fact(kind: str, box: tuple[int, int, int, int] | None, **more: object) -> dict[str, object]:
    blank = {"item_id": 1, "detail": "", "colour": "", "roof_colour": "", "share": 0.1, "side": "N", "count": None}
    return {**blank, "kind": kind, "box": box, "image_side": "centre", **more}


@pytest.fixture(scope="module")
def parts():
    tokenizer = train_tokenizer(["a pond in the north", "北部有一个池塘"] * 20, 500)
    return build_model(PRESETS["nano"], tokenizer), build_processor(tokenizer, PixelBudget())


def sight_of(facts, view: View, shape: tuple[int, int], grid: tuple[int, int]) -> Sight:
    picture = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    return make_sight("a", view, picture, facts, (grid[0] * 28, grid[1] * 28), 28)


def test_looks_lie_where_the_box_is() -> None:
    looks = sight_of([fact("pond", (0, 0, 60, 30))], View.SATELLITE, (100, 120), (2, 4)).whole.looks_TL.reshape(
        2, 4, -1
    )
    pond = looks[..., LOOKS.index("pond")]
    assert pond[0] == pytest.approx([0.6, 0.6, 0, 0])
    assert pond[1] == pytest.approx([0, 0, 0, 0])
    assert looks.sum() == pytest.approx(pond.sum())


def test_a_box_across_the_seam_has_two_ends() -> None:
    looks = sight_of([fact("river", (90, 0, 30, 100))], View.PANORAMA, (100, 120), (1, 4)).whole.looks_TL
    assert looks[:, LOOKS.index("river")] == pytest.approx([1, 0, 0, 1], abs=1e-6)


def test_a_coloured_roof_counts_as_its_colour_and_a_group_as_nothing() -> None:
    church = fact("building", (0, 0, 10, 10), detail="church", roof_colour="dark red")
    looks = sight_of([church, fact("tree", None, count=3)], View.UAV, (10, 10), (1, 1)).whole.looks_TL[0]
    assert {LOOKS[index] for index in np.flatnonzero(looks)} == {"church", "roof red"}


def test_patches_are_those_of_the_processor(parts) -> None:
    _, processor = parts
    made = processor.image_processor(images=[PICTURE], input_data_format="channels_last", return_tensors="pt")
    images = processor.image_processor
    mean, std = (torch.tensor(v).view(3, 1) for v in (images.image_mean, images.image_std))
    own = (torch.from_numpy(patch_rows(PICTURE)).float().view(-1, 3, 196) / 255 - mean) / std
    frames = made["pixel_values"].view(-1, 3, 2, 196)
    assert torch.equal(frames[:, :, 0], frames[:, :, 1])
    assert torch.allclose(frames[:, :, 0], own, atol=1e-5)


def test_one_frame_gives_what_two_give(parts) -> None:
    model, processor = parts
    images = processor.image_processor
    made = images(images=[PICTURE], input_data_format="channels_last", return_tensors="pt")
    tower = Tower(model.model.visual, images.image_mean, images.image_std, 1e-3, 10).eval()
    with torch.inference_mode():
        two = tower.head(tower.visual(made["pixel_values"], grid_thw=made["image_grid_thw"]).pooler_output)
        with one_frame_patches(tower.visual):
            one, _ = tower(torch.from_numpy(patch_rows(PICTURE)), made["image_grid_thw"])
    assert torch.allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("view", [View.MAP, View.PANORAMA, View.UAV])
def test_a_part_of_a_sight_keeps_its_looks_under_its_pixels(view: View) -> None:
    picture = np.zeros((112, 224, 3), np.uint8)
    picture[30:70, 150:215] = 255
    sight = make_sight("a", view, picture, [fact("pond", (150, 30, 215, 70))], (112, 112), 28)
    pond, places = LOOKS.index("pond"), set()
    for seed in range(60):
        part = sight.part(np.random.default_rng(seed), 0.7)
        is_bright = part.picture_HWC > 128
        bright = is_bright.reshape(4, 28, 4, 28, 3).mean(axis=(1, 3, 4)).ravel()
        assert part.looks_TL[:, pond] == pytest.approx(bright, abs=0.06)
        assert part.looks_TL.sum() == pytest.approx(part.looks_TL[:, pond].sum())
        places.add(tuple(np.flatnonzero(bright > 0.2)))
    assert len(places) > 8


def test_batches_follow_seed_step_and_rank() -> None:
    sights = [
        make_sight(str(view), view, RNG.integers(0, 256, (56, 56, 3), dtype=np.uint8), [], (56, 56), 28)
        for view in View
    ]
    first, again, other = (SightBatches(sights, 5, 2, 1, rank)[3] for rank in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["patches"], other["patches"])
    assert len(first["grid"]) == 2 * len(View)


def test_the_tower_learns_where_what_it_sees_is(parts) -> None:
    model, processor = parts
    images, steps = processor.image_processor, 80
    whole = fact("pond", (0, 0, 112, 112))  # so that what is seen never tells the place
    sights = [
        make_sight(f"{view}{n}", view, RNG.integers(0, 256, (112, 112, 3), dtype=np.uint8), [whole], (112, 112), 28)
        for view in View
        for n in range(4)
    ]
    torch.manual_seed(0)
    tower = Tower(copy.deepcopy(model.model.visual), images.image_mean, images.image_std, 3e-3, steps)
    tower.log = lambda *_, **__: None  # type: ignore[method-assign]
    batches = SightBatches(sights, steps, 2, 1, 0)
    optimizer = torch.optim.AdamW(tower.parameters(), lr=3e-3)
    with one_frame_patches(tower.visual):
        for step in range(steps):
            tower.training_step(batches[step], step).backward()
            optimizer.step()
            optimizer.zero_grad()
        places = tower(batches[0]["patches"], batches[0]["grid"])[1]
    found, own = places[:, :-2].view(-1, 2, len(LOOKS)), places[:, -2:]
    assert (own - batches[0]["where"]).pow(2).mean() < 0.08
    apart = (found[:, :, LOOKS.index("pond")] - batches[0]["where"]).pow(2).mean()
    assert apart < 0.08  # one third without knowing: places are spread evenly over [-1, 1]
    assert found[:, :, LOOKS.index("river")].abs().mean() < 0.1


def test_the_towers_output_gets_the_size_of_words(parts) -> None:
    model, processor = parts
    made = processor.image_processor(images=[PICTURE], input_data_format="channels_last", return_tensors="pt")
    visual, inputs = copy.deepcopy(model.model.visual), (made["pixel_values"], made["image_grid_thw"])
    with torch.inference_mode():
        before = visual(inputs[0], grid_thw=inputs[1]).pooler_output
    found = level_output(visual, *inputs, target=0.25)
    with torch.inference_mode():
        after = visual(inputs[0], grid_thw=inputs[1]).pooler_output
    assert found == pytest.approx(before.pow(2).mean().sqrt().item())
    assert torch.allclose(after, before * (0.25 / found), atol=1e-6)
