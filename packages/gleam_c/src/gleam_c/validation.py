"""Recall on held-out places while training: the curve that a person watches."""

from __future__ import annotations

from pathlib import Path

import lightning as L  # noqa: N812
from gleam_common.catalog import Catalog
from gleam_common.metrics.retrieval import recall_at_k
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from gleam_c.embed import PictureEncoder
from gleam_c.evaluate import predict

__all__ = ["ValidationRecall", "recall_by_view"]


def recall_by_view(encoder: PictureEncoder, catalog: Catalog, cache: Path | None) -> dict[str, float]:
    """Return recall@1 of every query view of ``catalog`` against its gallery."""
    predictions = predict(encoder, catalog, cache=cache)
    views, ranks = predictions["view"].to_numpy(), predictions["rank"].to_numpy()
    return {str(view): recall_at_k(ranks[views == str(view)], 1) for view in catalog.views}


class ValidationRecall(Callback):
    """Logs ``val/<view>2satellite/recall@1`` and their mean ``val/recall@1`` every few epochs.

    Every rank computes the same numbers, because under ZeRO-3 the weights of a layer are whole only while all ranks run
    it together.

    Args:
        catalog: validation queries and their gallery.
        every: epochs between two points; the last epoch always has one.
        cache: folder of decoded pictures.
    """

    def __init__(self, catalog: Catalog, every: int, cache: Path | None) -> None:
        self._catalog, self._every, self._cache = catalog, every, cache

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if epoch % self._every and epoch != trainer.max_epochs:
            return
        recalls = recall_by_view(pl_module.encoder, self._catalog, self._cache)  # type: ignore[arg-type]
        for view, value in recalls.items():
            pl_module.log(f"val/{view}2satellite/recall@1", value, rank_zero_only=True)
        pl_module.log("val/recall@1", sum(recalls.values()) / len(recalls), rank_zero_only=True)
