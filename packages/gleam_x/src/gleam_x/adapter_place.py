"""Where the parts of a trained model are: its adapters, its base, what its run says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from gleam_common.errors import ModelError

from gleam_x.adapter_folder import CARD, AdapterCard, read_card
from gleam_x.architecture import PRESETS

__all__ = ["AdapterPlace", "find_adapter"]

_RECIPE = "config.yaml"


@dataclass(frozen=True, kw_only=True)
class AdapterPlace:
    """Where the parts of a trained model are.

    Attributes:
        run: the run's folder, or what holds the adapter.
        first: the adapter, or the one that verifies.
        second: the one that explains, where there are two.
        base: folder or hub id of their base.
        card: of the first.
    """

    run: Path
    first: Path
    second: Path | None
    base: str
    card: AdapterCard


def find_adapter(folder: Path | str, base: str = "") -> AdapterPlace:
    """Find the adapters of a run, or the run of an adapter, and their base.

    Args:
        folder: of a run of ``gleam-x train``, or of an adapter.
        base: folder or hub id; empty for the one that the card or the run's ``config.yaml`` names.

    Raises:
        ModelError: no trained model is there, or nothing says where its base is.
    """
    folder = Path(folder)
    pair = folder / "adapter" / "verify", folder / "adapter" / "explain"
    if (folder / CARD).is_file():
        run = next((above for above in folder.absolute().parents[:2] if (above / _RECIPE).is_file()), folder.parent)
        first, second = folder, None
    elif (pair[0] / CARD).is_file():
        run, (first, second) = folder, pair
    else:
        run, first, second = folder, folder / "adapter", None
    if not (first / CARD).is_file():
        raise ModelError(
            f"{folder} holds no trained model of gleam-x", fix="give the folder of a finished `gleam-x train`"
        )
    card = read_card(first)
    return AdapterPlace(run=run, first=first, second=second, base=base or _base_of(run, card), card=card)


def _base_of(run: Path, card: AdapterCard) -> str:
    """Return where a base is: by its hub id, in the run itself, or where the run's recipe says."""
    if card.base.name:
        return card.base.name
    recipe = run / _RECIPE
    named = str(yaml.safe_load(recipe.read_text("utf-8")).get("base", "")) if recipe.is_file() else ""
    if not named:
        raise ModelError("the adapter does not say where its base is", fix="give it with --base")
    return str(run / "base") if named in PRESETS else named
