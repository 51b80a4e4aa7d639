"""``gleam-x train``: recipes, overlays and options to a :class:`~gleam_x.recipe.Recipe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gleam_common.errors import ConfigError
from jsonargparse import ArgumentError, ArgumentParser

from gleam_x.recipe import Recipe, find_config

__all__ = ["parse_recipe", "recipe_parser", "train_command"]

PROGRAM = "gleam-x train"


def recipe_parser() -> ArgumentParser:
    """Return the parser of ``gleam-x train``."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description="Fine-tune a vision-language model to verify and explain. The same command goes on where a stopped "
        "run was; a finished run is not trained again.",
        exit_on_error=False,
    )
    parser.add_argument(
        "--config",
        action="config",
        help="recipe: a YAML file or a shipped name (smoke, synthcity, ...); several overlay in order",
    )
    parser.add_argument("--out", type=str, required=True, help="the run's folder, e.g. runs/mine (type: folder)")
    parser.add_argument("--overwrite", action="store_true", help="throw away a run made from another recipe")
    parser.add_class_arguments(Recipe, None)
    return parser


def parse_recipe(words: Sequence[str]) -> tuple[Recipe, Path, bool]:
    """Return (recipe, run folder, overwrite) of the words after ``gleam-x train``.

    Raises:
        ConfigError: for an unknown recipe, key or value, with what is known.
    """
    parser = recipe_parser()
    try:
        options = parser.parse_args(_with_paths(words))
        values = vars(parser.instantiate(options))
    except (ArgumentError, TypeError, ValueError, KeyError) as error:
        raise ConfigError(
            " ".join(str(error).split()),
            allowed=f"top-level keys {', '.join(Recipe.__dataclass_fields__)}",
            fix=f"see `{PROGRAM} --help`",
        ) from error
    out, overwrite = Path(values.pop("out")), bool(values.pop("overwrite"))
    values.pop("config", None)
    return Recipe(**values), out, overwrite


def _with_paths(words: Sequence[str]) -> list[str]:
    """Return the words with every shipped recipe's name after ``--config`` replaced by its path."""
    resolved: list[str] = []
    for word in words:
        if resolved and resolved[-1] == "--config":
            word = str(find_config(word))
        elif word.startswith("--config="):
            word = f"--config={find_config(word.removeprefix('--config='))}"
        resolved.append(word)
    return resolved


def train_command(words: Sequence[str]) -> None:
    """Run ``gleam-x train`` with the words after the command's name."""
    recipe, out, overwrite = parse_recipe(words)
    from gleam_x.training import train

    train(recipe, out, overwrite=overwrite)
