"""What a run shows while it trains: a bar, verdicts of some validation pairs, and a few explanations."""

from __future__ import annotations

from typing import Any

import lightning as L  # noqa: N812
import numpy as np
from gleam_common.metrics.verdict import auroc
from gleam_common.progress import progress
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm
from typing_extensions import override

from gleam_x.answering import explain_all, explanation_of, scores_of, told
from gleam_x.collate import Collator
from gleam_x.pair_data import Item, PairSplit
from gleam_x.run_folder import RunFolder, append_rows

__all__ = ["StepBar", "ValidationPanel"]


class ValidationPanel(Callback):
    """Scores some validation pairs after every part of a run and writes a few explanations to ``explanations.jsonl``.

    Args:
        split: the pairs.
        tasks: that the adapter learns.
        collator: padding on the left.
        folder: of the run.
        shown: explanations written each time.
    """

    def __init__(
        self, split: PairSplit, tasks: tuple[str, ...], collator: Collator, folder: RunFolder, shown: int
    ) -> None:
        self._split, self._tasks, self._collator, self._folder, self._shown = split, tasks, collator, folder, shown

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            model: Any = pl_module.model
            model.eval()
            self._verdicts(pl_module, model)
            self._explanations(trainer, model)
            model.train()
        trainer.strategy.barrier()

    def _verdicts(self, module: L.LightningModule, model: Any) -> None:
        task = next((task for task in self._tasks if task in ("verdict_first", "label_only", "verify")), None)
        if task is None:  # an adapter that explains; or the verdict stands behind an explanation
            return
        found = scores_of(model, self._collator, self._split.samples(task), title="")
        scores = np.array([score.score for score in found])
        truth = np.array([record.same_place for record in self._split.records])
        values = {
            "val/accuracy": float(((scores > 0) == truth).mean()),
            "val/auroc": auroc(scores, truth),
            "val/yes_rate": float((scores > 0).mean()),
            "val/leftover": float(np.mean([score.leftover for score in found])),
        }
        finite = {name: value for name, value in values.items() if np.isfinite(value)}
        module.log_dict(finite, rank_zero_only=True)

    def _explanations(self, trainer: L.Trainer, model: Any) -> None:
        task = next((task for task in self._tasks if task in ("verdict_first", "explain_first", "explain")), None)
        if task is None or not self._shown:
            return
        records = self._split.records
        chosen = np.linspace(0, len(records) - 1, min(self._shown, len(records))).round().astype(int).tolist()
        samples = [self._split.sample(Item(n, task, "query_first")) for n in chosen]
        if task != "explain_first":
            samples = [told(sample, records[n].verdict) for n, sample in zip(chosen, samples, strict=True)]
        texts = explain_all(model, self._collator, samples, title="")
        rows = [
            {
                "adapter": self._folder.name,
                "step": trainer.global_step,
                "record_id": records[n].record_id,
                "verdict_told": records[n].verdict if task != "explain_first" else "",
                "explanation": explanation_of(sample, text),
                "reference": records[n].explanation,
            }
            for n, sample, text in zip(chosen, samples, texts, strict=True)
        ]
        append_rows(self._folder.run / "explanations.jsonl", rows)


class StepBar(Callback):
    """One bar over all steps of an adapter, with loss, samples per second and the panel's last accuracy."""

    def __init__(self, title: str, total_steps: int, samples_per_step: int, accumulate: int) -> None:
        self._title, self._total_steps = title, total_steps
        self._samples_per_step, self._accumulate = samples_per_step, accumulate
        self._bar: tqdm[Any] | None = None

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._bar = progress(
            total=self._total_steps,
            initial=trainer.global_step,
            desc=self._title,
            unit="step",
            disable=not trainer.is_global_zero,
        )

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None or (batch_idx + 1) % self._accumulate:
            return
        seen = {
            name.partition("/")[2]: f"{float(value):.3f}"
            for name, value in trainer.callback_metrics.items()
            if name in ("train/loss", "val/accuracy", "val/auroc")
        }
        rate = self._bar.format_dict["rate"]
        if rate:
            seen["samples/s"] = f"{rate * self._samples_per_step:.0f}"
        self._bar.set_postfix(seen, refresh=False)
        self._bar.update(1)

    @override
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._bar is not None:
            self._bar.close()
