"""Recipes: every shipped one parses, overlays replace, and each wrong word is answered with the right ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from gleam_c.encoder import list_encoders
from gleam_c.recipe import Recipe
from gleam_c.train_command import parse_recipe
from gleam_common.errors import ConfigError, GleamError
from gleam_common.recipes import find_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs" / "c").glob("*.yaml"))
OVERLAYS = sorted((ROOT / "configs" / "trainer").glob("*.yaml"))


def parse(*words: str) -> Recipe:
    return parse_recipe([*words, "--out", "runs/test"])[0]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_parses_and_tells_its_story(path: Path) -> None:
    recipe = parse("--config", str(path))
    assert recipe.encoder in list_encoders()
    assert recipe.about.reproduces
    assert recipe.about.ran
    assert recipe.about.result
    assert f"[{path.stem}]" in (ROOT / "configs" / "README.md").read_text("utf-8"), "no row in configs/README.md"


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_replaces_the_trainer_only(path: Path) -> None:
    plain, overlaid = parse("--config", "smoke"), parse("--config", "smoke", "--config", f"trainer/{path.stem}")
    assert overlaid.trainer.strategy == path.stem
    assert overlaid.phases == plain.phases
    assert list(yaml.safe_load(path.read_text("utf-8"))) == ["trainer"]


def test_names_paths_and_options() -> None:
    assert parse("--config", "smoke") == parse("--config=configs/c/smoke.yaml")
    assert parse("--config", "smoke", "--loss.temperature", "0.2").loss.temperature == 0.2
    assert parse("--seed", "7", "--config", "smoke", "--config=trainer/single").seed == 7
    recipe, out, overwrite = parse_recipe(["--config", "smoke", "--out", "runs/x", "--overwrite"])
    assert (out, overwrite) == (Path("runs/x"), True)
    assert find_recipe("c/smoke", "gleam_c", "c") == find_recipe("smoke", "gleam_c", "c")
    assert len(recipe.phases) == 2


def write(folder: Path, text: str) -> str:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return str(path)


PHASE = "phases: [{name: a, views: [uav], epochs: 1, batch_size: 8}]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PHASE + "encodr: nano\n", r"encodr.*allowed: top-level keys phases.*encoder"),
        (PHASE + "trainer: {stratgy: ddp}\n", r"stratgy"),
        (PHASE + "trainer: {strategy: horovod}\n", r"unknown strategy.*horovod.*ddp, deepspeed, single"),
        (PHASE + "trainer: {zero_stage: 7}\n", r"unknown ZeRO stage.*7.*0, 1, 2, 3"),
        (PHASE + "trainer: {devices: 3}\n", r"batch size of phase 'a'.*8.*multiples of the 3 processes"),
        (PHASE + "loss: {temperature: 0}\n", r"temperature of the loss.*0.01 to 10"),
        (PHASE + "seed: tomorrow\n", r"seed.*tomorrow"),
        ("phases: []\n", r"no phase"),
        (PHASE + "val_every: 0\n", r"val_every of the recipe: 0.*1 or more"),
        (PHASE + "seed: -1\n", r"seed of the recipe: -1.*0 or more"),
        (PHASE + "optimizer: {lr: -1}\n", r"optimizer.lr out of range: -1"),
        (PHASE + "optimizer: {warmup: 7}\n", r"optimizer.warmup out of range: 7"),
        (PHASE + "trainer: {precision: foo}\n", r"unknown precision.*foo.*bf16-mixed"),
        (PHASE + "trainer: {gradient_clip: -1}\n", r"gradient_clip.*0 or more"),
        (PHASE.replace("name: a", "name: ../x"), r"name of a phase.*letters"),
        (PHASE.replace("[uav]", "[uav, uav]"), r"each view once"),
        ("seed: 1\n", r"phases"),
        (PHASE.replace("uav", "drone"), r"unknown view.*'drone'.*ground, map, panorama, satellite, uav"),
        (PHASE.replace("uav", "satellite"), r"tiles are the gallery"),
        (PHASE.replace("epochs: 1", "epochs: 0"), r"epochs 0.*at least 1 epoch"),
        ("phases:\n- a: [", r"recipe|YAML|pars"),
    ],
)
def test_a_wrong_recipe_is_answered(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(GleamError, match=words):
        parse("--config", write(tmp_path, text))


def test_an_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match=r"no such recipe: 'smok'; allowed: .*c/smoke.*trainer/ddp"):
        parse("--config", "smok")
