"""Recipes: those that ship, and what is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from gleam_common.errors import ConfigError
from gleam_common.recipes import find_recipe
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.train_command import parse_recipe

FOLDER = Path(__file__).parents[2] / "configs" / "x"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
REAL = [name for name in SHIPPED if name.startswith("qwen")]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_read_by_its_name(name: str) -> None:
    recipe, out, overwrite = parse_recipe(["--config", name, "--out", "run"])
    written = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    assert (out, overwrite) == (Path("run"), False)
    assert set(written) <= set(Recipe.__dataclass_fields__)
    assert (recipe.base, recipe.recipe) == (written["base"], written["recipe"])
    assert recipe.lora.rank == written.get("lora", {}).get("rank", 8)


def test_the_recipes_that_are_promised_ship() -> None:
    assert {"synthcity", "smoke", *(f"synthcity-{kind}" for kind in (
        "label-only", "explain-first", "task-prefix", "two-adapters", "qlora",
    ))} <= set(SHIPPED)  # fmt: skip
    assert set(REAL) == {"qwen2.5-vl-3b-lora", "qwen2.5-vl-3b-qlora", "qwen2.5-vl-7b-qlora", "qwen3-vl-4b-lora"}


@pytest.mark.parametrize("name", REAL)
def test_what_never_ran_says_so(name: str) -> None:
    recipe, _, _ = parse_recipe(["--config", name, "--out", "run"])
    assert (recipe.about.ran, recipe.about.result) == ("not run yet", "not run yet")
    assert recipe.about.reproduces


def test_options_go_before_the_recipe() -> None:
    words = ["--config", "smoke", "--base", "elsewhere", "--benchmark=b", "--lora.rank", "3", "--quantise", "nf4"]
    recipe, _, overwrite = parse_recipe([*words, "--out", "run", "--overwrite"])
    assert (recipe.base, recipe.benchmark, recipe.lora.rank, recipe.quantise) == ("elsewhere", "b", 3, "nf4")
    assert recipe.lora.alpha == 16.0
    assert overwrite


def test_an_unknown_key_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lorra.*verdict_weight"):
        parse_recipe(["--lorra.rank", "4", "--out", "run"])
    (tmp_path / "mine.yaml").write_text("base: x\nbatchsize: 4\n")
    with pytest.raises(ConfigError, match=r"batchsize.*batch_size"):
        parse_recipe(["--config", str(tmp_path / "mine.yaml"), "--out", "run"])
    with pytest.raises(ConfigError, match=r"no such recipe: 'nowhere'.*x/smoke"):
        find_recipe("nowhere", "gleam_x", "x")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recipe": "think_first"}, "unknown recipe.*two_adapters"),
        ({"order": "tile"}, "unknown picture order.*both"),
        ({"batch_size": 3}, "odd batch size"),
        ({"verdict_weight": 1.5}, "verdict_weight"),
        ({"lr": -1.0}, "lr of the recipe"),
        ({"light": 0.6}, "light of the recipe"),
        ({"quantise": "int8"}, "unknown quantisation.*nf4"),
        ({"quantise": "nf4", "trainer": TrainerConfig(strategy="deepspeed", zero_stage=3)}, "ZeRO-3"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Recipe(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"strategy": "fsdp"}, {"precision": "int4"}, {"zero_stage": 4}, {"strategy": "single", "devices": 2}]
)
def test_a_trainer_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        TrainerConfig(**change)  # type: ignore[arg-type]


def test_a_single_process_may_quantise_whatever_the_stage() -> None:
    assert Recipe(quantise="nf4", trainer=TrainerConfig(strategy="single", zero_stage=3)).quantise == "nf4"


def test_two_adapters_learn_one_task_each_and_others_all_of_theirs() -> None:
    assert Recipe(recipe="two_adapters").adapters == {"verify": ("verify",), "explain": ("explain",)}
    assert Recipe(recipe="task_prefix").adapters == {"adapter": ("verify", "explain")}


def test_the_result_written_into_a_recipe_makes_it_no_other_recipe() -> None:
    first, second = (parse_recipe(["--config", "smoke", "--out", "r", "--about.result", text])[0] for text in "ab")
    assert first.what_decides == second.what_decides
    assert Recipe(seed=2).what_decides != Recipe(seed=3).what_decides
