"""One training of the base: so many steps on so many CPU processes, with a bar."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import lightning
from gleam_common.distributed import prepare_launch, process_number
from gleam_common.progress import progress
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm
from typing_extensions import override

__all__ = ["fit"]


def fit(
    module: lightning.LightningModule, batches: Callable[[int], Dataset[Any]], steps: int, processes: int, title: str
) -> None:
    """Train ``module`` for ``steps`` steps.

    Args:
        module: whose weights all learn.
        batches: makes the batches of a process from its rank, when it has been started; one batch a step.
        steps: of each process.
        processes: gradients are averaged over them; 1 trains in this process.
        title: of the bar.
    """
    strategy = (
        SingleDeviceStrategy(device="cpu")
        if processes == 1
        else DDPStrategy(process_group_backend="gloo", gradient_as_bucket_view=True)
    )
    prepare_launch()
    trainer = lightning.Trainer(
        accelerator="cpu", devices=processes, strategy=strategy, max_steps=steps, logger=False, gradient_clip_val=1.0,
        enable_checkpointing=False, enable_model_summary=False, use_distributed_sampler=False,
        enable_progress_bar=False, callbacks=[_Bar(title, steps)],
    )  # fmt: skip
    trainer.fit(module, DataLoader(_OnceStarted(batches, steps), batch_size=None))


class _OnceStarted(Dataset[Any]):
    """Batches that are prepared when the first one is asked for: then all processes run, and prepare theirs at once."""

    def __init__(self, batches: Callable[[int], Dataset[Any]], steps: int) -> None:
        self._batches, self._steps = batches, steps

    def __len__(self) -> int:
        return self._steps

    @override
    def __getitem__(self, step: int) -> Any:
        return self._prepared[step]

    @cached_property
    def _prepared(self) -> Dataset[Any]:
        return self._batches(process_number())


class _Bar(Callback):
    """A bar over all steps, with what the module logs for it."""

    def __init__(self, title: str, steps: int) -> None:
        self._title, self._steps = title, steps
        self._bar: tqdm[Any] | None = None

    @override
    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._bar = progress(total=self._steps, desc=self._title, unit="step", disable=not trainer.is_global_zero)

    @override
    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is not None:
            shown = {name: f"{float(value):.2f}" for name, value in trainer.progress_bar_metrics.items()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(1)

    @override
    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._bar is not None:
            self._bar.close()
