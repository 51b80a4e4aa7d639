"""The recipes of public sets, on tiny sets in the same layouts: import, join, two steps, results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gleam_c.recipe import Recipe
from gleam_c.train_command import parse_recipe
from gleam_c.training import train
from gleam_common import cli
from gleam_common.artifacts import read_json
from gleam_common.commands import dispatch
from layouts import WRITERS

ROOT = Path(__file__).parents[2]
JOINT = "gleam_phase2_joint"
RECIPES = sorted(p.stem for p in (ROOT / "configs/c").glob("*.yaml") if "\nworld:" not in p.read_text("utf-8"))
WORDS = [
    "--encoder", "pico", "--encoder_overrides", "{}", "--workers", "0", "--trainer.strategy", "single",
    "--trainer.accelerator", "cpu", "--trainer.precision", "32-true", "--trainer.fast_dev_steps", "2",
]  # fmt: skip


def gleam_data(*words: object) -> None:
    assert dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, [str(word) for word in words]) == 0


def tiny(recipe: Recipe) -> Recipe:
    """Return the recipe with batches that few places can fill."""
    return replace(recipe, phases=[replace(phase, batch_size=2) for phase in recipe.phases])


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the paths of the recipes hold: ``data/sets``, ``data/catalogs``, and the joint catalog."""
    folder = tmp_path_factory.mktemp("public")
    for name in RECIPES:
        recipe, *_ = parse_recipe(["--config", name, "--out", "run"])
        catalog, root = folder / recipe.catalog, folder / recipe.root
        if name != JOINT and not catalog.exists():
            gleam_data("import", catalog.name, WRITERS[catalog.name](root), "--out", catalog)
    pairs = {"vigor": "VIGOR", "university1652": "University-1652", "setvl480k": "SetVL-480K", "map": "MAP"}
    parts = [f"{folder}/data/catalogs/{name}={folder}/data/sets/{root}" for name, root in pairs.items()]
    gleam_data("join", *parts, "--out", folder / "data/catalogs/joint")
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_a_public_set_trains_and_is_judged(
    name: str, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sets)
    recipe, out, _ = parse_recipe(["--config", name, "--out", str(tmp_path / "run"), *WORDS])
    train(tiny(recipe), out)
    results = read_json(out / "results.json")
    assert set(results["views"]) >= set(recipe.phases[-1].views)
    assert results["protocol"] == recipe.protocol
    assert "baseline" not in results, "what colours alone find is asked of SynthCity"
    assert (out / "report.html").is_file()
