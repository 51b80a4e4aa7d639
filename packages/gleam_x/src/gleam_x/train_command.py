"""``gleam-x train``: recipes, overlays and options to a :class:`~gleam_x.recipe.Recipe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gleam_common.recipes import RecipeWords

from gleam_x.recipe import Recipe

__all__ = ["parse_recipe", "train_command"]

_WORDS = RecipeWords(
    program="gleam-x train",
    about="Fine-tune a vision-language model to verify and explain. The same command goes on where a stopped "
    "run was; a finished run is not trained again.",
    recipe=Recipe,
    package="gleam_x",
    folder="x",
)


def parse_recipe(words: Sequence[str]) -> tuple[Recipe, Path, bool]:
    """Return (recipe, run folder, overwrite) of the words after ``gleam-x train``.

    Raises:
        ConfigError: for an unknown recipe, key or value, with what is known.
    """
    return _WORDS.parse(words)


def train_command(words: Sequence[str]) -> None:
    """Run ``gleam-x train`` with the words after the command's name."""
    recipe, out, overwrite = parse_recipe(words)
    from gleam_x.training import train

    train(recipe, out, overwrite=overwrite)
