"""``gleam-c train``: recipes, overlays and options to a :class:`~gleam_c.recipe.Recipe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gleam_common.recipes import RecipeWords

from gleam_c.recipe import Recipe

__all__ = ["parse_recipe", "train_command"]

_WORDS = RecipeWords(
    program="gleam-c train",
    about="Train a recipe's phases one after another, evaluate, and write the report. The same command goes "
    "on where a stopped run was; a finished phase is not trained again.",
    recipe=Recipe,
    package="gleam_c",
    folder="c",
)


def parse_recipe(words: Sequence[str]) -> tuple[Recipe, Path, bool]:
    """Return (recipe, run folder, overwrite) of the words after ``gleam-c train``.

    Raises:
        ConfigError: for an unknown recipe, key or value, with what is known.
    """
    return _WORDS.parse(words)


def train_command(words: Sequence[str]) -> None:
    """Run ``gleam-c train`` with the words after the command's name."""
    recipe, out, overwrite = parse_recipe(words)
    from gleam_c.training import train

    train(recipe, out, overwrite=overwrite)
