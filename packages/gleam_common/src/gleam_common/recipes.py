"""Recipes on a command line: shipped names, overlays, single options, and what each recipe reproduces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, TypeVar

from jsonargparse import ArgumentError, ArgumentParser

from gleam_common.errors import ConfigError

__all__ = ["AboutConfig", "RecipeWords", "find_recipe"]

Recipe = TypeVar("Recipe")


@dataclass(frozen=True, kw_only=True)
class AboutConfig:
    """What the recipe reproduces, where it ran and what came out. "not run yet" is a value.

    Args:
        reproduces: paper, table and row, or our own question.
        ran: machine, date, time and peak memory.
        result: what came out.
    """

    reproduces: str = "nothing: our own setting"
    ran: str = "not run yet"
    result: str = "not run yet"


def find_recipe(name: str, package: str, folder: str) -> Path:
    """Return the path of a recipe: a file, or the name of one that ships with ``package``, in ``folder`` if not said.

    Raises:
        ConfigError: when there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = Path(str(files(package))) / "configs"
    known = sorted(p.relative_to(shipped).with_suffix("").as_posix() for p in shipped.rglob("*.yaml"))
    for candidate in (shipped / f"{name}.yaml", shipped / folder / f"{name}.yaml"):
        if candidate.is_file():
            return candidate
    raise ConfigError("no such recipe", value=name, allowed=known, fix="or give the path of a YAML file")


@dataclass(frozen=True, kw_only=True)
class RecipeWords(Generic[Recipe]):
    """The words behind a command that runs a recipe.

    Attributes:
        program: the command, such as ``gleam-c train``.
        about: what it does, for ``--help``.
        recipe: the dataclass that the options fill.
        package: that ships recipes.
        folder: of its ``configs`` in which plain names lie.
    """

    program: str
    about: str
    recipe: type[Recipe]
    package: str
    folder: str

    def parse(self, words: Sequence[str]) -> tuple[Recipe, Path, bool]:
        """Return (recipe, run folder, overwrite).

        Raises:
            ConfigError: for an unknown recipe, key or value, with what is known.
        """
        parser = self._parser()
        keys: dict[str, Any] = getattr(self.recipe, "__dataclass_fields__", {})
        try:
            options = parser.parse_args(self._recipes_first(words))
            values = vars(parser.instantiate(options))
        except (ArgumentError, TypeError, ValueError, KeyError) as error:
            raise ConfigError(
                " ".join(str(error).split()),
                allowed=f"top-level keys {', '.join(keys)}",
                fix=f"see `{self.program} --help`",
            ) from error
        out, overwrite = Path(values.pop("out")), bool(values.pop("overwrite"))
        values.pop("config", None)
        return self.recipe(**values), out, overwrite

    def _parser(self) -> ArgumentParser:
        parser = ArgumentParser(prog=self.program, description=self.about, exit_on_error=False)
        parser.add_argument(
            "--config",
            action="config",
            help="recipe: a YAML file or a shipped name (smoke, synthcity, ...); several overlay in order, and single "
            "options win over all of them",
        )
        parser.add_argument("--out", type=str, required=True, help="the run's folder, e.g. runs/mine (type: folder)")
        parser.add_argument("--overwrite", action="store_true", help="throw away a run made from another recipe")
        parser.add_class_arguments(self.recipe, None)
        return parser

    def _recipes_first(self, words: Sequence[str]) -> list[str]:
        """Return the words with recipes in front, by their paths: an option outranks them wherever it stands."""
        recipes: list[str] = []
        options: list[str] = []
        left = iter(words)
        for word in left:
            name, is_joined, value = word.partition("=")
            if name == "--config" and (value := value if is_joined else next(left, "")):
                recipes += ["--config", str(find_recipe(value, self.package, self.folder))]
            else:
                options.append(word)
        return [*recipes, *options]
