"""The page that travels with a model: what it is for, what it saw, what it reaches, what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gleam_c.recipe import Recipe

__all__ = ["model_card"]

_TEMPLATE = """---
license: apache-2.0
library_name: gleam-c
tags: [cross-view-geo-localization, image-retrieval, contrastive]
---

# GLEAM-C, {encoder}

Embeds satellite tiles, UAV pictures, street maps, panoramas and ground photos so that pictures of one place lie close.

- **Trained on**: `{catalog}`, split `{split}`, phases {phases}, seed {seed}.
- **Geography of the training data**: that of the catalog; a SynthCity model has seen no real place.
- **Intended use**: research, and finding one's own pictures on one's own imagery.
- **Not for**: locating people or private homes without their consent; decisions about safety without a second source.

| view | recall@1 | gallery |
|---|---|---|
{rows}
"""


def model_card(recipe: Recipe, results: Mapping[str, Any]) -> str:
    """Return the card in Markdown, with the measured recall of every view."""
    rows = [
        f"| {view} | {metrics['recall@1']['value']:.3f} | {results['gallery_size']} |"
        for view, metrics in results["views"].items()
    ]
    return _TEMPLATE.format(
        encoder=recipe.encoder,
        catalog=recipe.catalog,
        split=recipe.train_split,
        phases=", ".join(phase.name for phase in recipe.phases),
        seed=recipe.seed,
        rows="\n".join(rows),
    )
